//! What one key of etcd does with a call, as far as the indexes are known.

/// A value's number: values are compared very often.
pub(crate) type Value = u32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Request {
    Get,
    Set(Value),
    Create(Value),
    Update(Value),
    SwapValue(Value, Value),
    SwapIndex(u64, Value),
    Delete,
    DeleteValue(Value),
    DeleteIndex(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    Found { value: Value, modified: u64, at: u64 },
    Done(Option<u64>),
    Refused { code: u32, at: u64, held: Option<Content> },
}

/// What a refusal says that the key held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Value(Value),
    Index(u64),
}

/// The modifiedIndex of what the key holds; that of an open write is not known until somebody has seen it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Modified {
    Exactly(u64),
    AtLeast(u64),
}

/// The key between two operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Register {
    pub(crate) held: Option<(Value, Modified)>,
    /// The index of the last write, at least. A read does not raise it: an open write that the read did not need has its place
    /// behind it in the search, and may have an index before the read's all the same.
    pub(crate) floor: u64,
}

impl Request {
    /// What the key holds when it was carried out.
    fn leaves(self) -> Option<Value> {
        match self {
            Request::Set(value) | Request::Create(value) | Request::Update(value) => Some(value),
            Request::SwapValue(_, value) | Request::SwapIndex(_, value) => Some(value),
            Request::Get | Request::Delete | Request::DeleteValue(_) | Request::DeleteIndex(_) => None,
        }
    }
}

impl Reply {
    /// The store's index when the operation took place, and whether that left the index as it was. In this order answered
    /// operations happened.
    pub(crate) fn place(self) -> Option<(u64, bool)> {
        match self {
            Reply::Found { at, .. } | Reply::Refused { at, .. } => Some((at, true)),
            Reply::Done(index) => index.map(|index| (index, false)),
        }
    }
}

impl Modified {
    fn can_be(self, index: u64) -> bool {
        match self {
            Modified::Exactly(known) => known == index,
            Modified::AtLeast(least) => least <= index,
        }
    }
}

impl Register {
    pub(crate) const ABSENT: Register = Register { held: None, floor: 0 };

    /// The register after an operation that was answered so; None when it cannot have answered so.
    pub(crate) fn after(self, request: Request, reply: Reply) -> Option<Register> {
        match reply {
            Reply::Done(Some(index)) => {
                let fits = self.carries_out(request) && index > self.floor;
                fits.then(|| self.holding(request, Modified::Exactly(index), index))
            }
            Reply::Done(None) => self.after_open(request),
            Reply::Found { value, modified, at } => {
                let fits = self.held.is_some_and(|(known, index)| known == value && index.can_be(modified));
                let fits = fits && request == Request::Get && modified <= at && at >= self.floor;
                fits.then_some(Register {
                    held: Some((value, Modified::Exactly(modified))),
                    floor: modified.max(self.floor),
                })
            }
            Reply::Refused { code, at, held } => {
                let fits = at >= self.floor && self.refuses_with(request, code) && self.can_hold(held);
                fits.then_some(self)
            }
        }
    }

    /// The register after a write of which nothing more is known than that it was carried out.
    pub(crate) fn after_open(self, request: Request) -> Option<Register> {
        self.carries_out(request).then(|| self.with_open(request))
    }

    /// The same, whatever the register held.
    pub(crate) fn with_open(self, request: Request) -> Register {
        self.holding(request, Modified::AtLeast(self.floor + 1), self.floor + 1)
    }

    fn holding(self, request: Request, modified: Modified, floor: u64) -> Register {
        Register { held: request.leaves().map(|value| (value, modified)), floor }
    }

    pub(crate) fn carries_out(self, request: Request) -> bool {
        match (request, self.held) {
            (Request::Get, _) => false,
            (Request::Set(_), _) => true,
            (Request::Create(_), held) => held.is_none(),
            (_, None) => false,
            (Request::Update(_) | Request::Delete, Some(_)) => true,
            (Request::SwapValue(previous, _) | Request::DeleteValue(previous), Some((value, _))) => previous == value,
            (Request::SwapIndex(previous, _) | Request::DeleteIndex(previous), Some((_, index))) => {
                index.can_be(previous)
            }
        }
    }

    fn refuses_with(self, request: Request, code: u32) -> bool {
        match (request, self.held) {
            (Request::Set(_), _) => false,
            (Request::Create(_), held) => code == 105 && held.is_some(),
            (_, None) => code == 100,
            (Request::Get | Request::Update(_) | Request::Delete, Some(_)) => false,
            (Request::SwapValue(previous, _) | Request::DeleteValue(previous), Some((value, _))) => {
                code == 101 && previous != value
            }
            (Request::SwapIndex(previous, _) | Request::DeleteIndex(previous), Some((_, index))) => {
                code == 101 && index != Modified::Exactly(previous)
            }
        }
    }

    fn can_hold(self, said: Option<Content>) -> bool {
        match (said, self.held) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(Content::Value(said)), Some((value, _))) => said == value,
            (Some(Content::Index(said)), Some((_, index))) => index.can_be(said),
        }
    }
}
