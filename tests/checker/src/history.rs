//! Operations on keys as they were called and answered.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

/// What was asked of one key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Call {
    /// With quorum.
    Get,
    /// Without any condition.
    Set {
        value: String,
    },
    /// Only if the key is not there.
    Create {
        value: String,
    },
    /// Only if the key is there.
    Update {
        value: String,
    },
    SwapValue {
        previous: String,
        value: String,
    },
    SwapIndex {
        previous: u64,
        value: String,
    },
    Delete,
    DeleteValue {
        previous: String,
    },
    DeleteIndex {
        previous: u64,
    },
}

impl Call {
    /// What a write writes.
    pub fn value(&self) -> Option<&str> {
        match self {
            Call::Set { value } | Call::Create { value } | Call::Update { value } => Some(value),
            Call::SwapValue { value, .. } | Call::SwapIndex { value, .. } => Some(value),
            Call::Get | Call::Delete | Call::DeleteValue { .. } | Call::DeleteIndex { .. } => None,
        }
    }

    pub(crate) fn value_mut(&mut self) -> Option<&mut String> {
        match self {
            Call::Set { value } | Call::Create { value } | Call::Update { value } => Some(value),
            Call::SwapValue { value, .. } | Call::SwapIndex { value, .. } => Some(value),
            Call::Get | Call::Delete | Call::DeleteValue { .. } | Call::DeleteIndex { .. } => None,
        }
    }
}

/// What the caller was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A get's value; `etcd_index` is the store's index when it was read.
    Found { value: String, modified_index: u64, etcd_index: u64 },
    /// The write was carried out, with this modifiedIndex where the answer could be read.
    Done { modified_index: Option<u64> },
    /// etcd's 100 (the key is absent, also for a get), 101 or 105, with the store's index.
    Refused { code: u32, etcd_index: u64, held: Option<Held> },
    /// Certainly nothing happened.
    NotApplied,
    /// It may take effect at any time after its start, or never.
    Maybe,
}

/// What the cause of a 101 says about the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    Value(String),
    Index(u64),
}

/// One call and its answer; times are nanoseconds since the history began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    pub thread: usize,
    pub start: u64,
    pub end: u64,
    pub call: Call,
    pub answer: Answer,
    /// How many more copies of the same write may be carried out besides, at any time.
    pub further_copies: usize,
}

impl Operation {
    /// The copy that may still be carried out beside an answered write.
    pub(crate) fn open_copy(&self) -> Operation {
        Operation { answer: Answer::Maybe, further_copies: 0, ..self.clone() }
    }
}

/// The operations on each key, in any order.
#[derive(Debug, Clone, Default)]
pub struct History(pub BTreeMap<String, Vec<Operation>>);

impl History {
    pub fn add(&mut self, key: &str, operation: Operation) {
        self.0.entry(key.to_owned()).or_default().push(operation);
    }

    /// The records of another thread as well.
    pub fn merge(&mut self, other: History) {
        for (key, operations) in other.0 {
            self.0.entry(key).or_default().extend(operations);
        }
    }

    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.0.values().flatten()
    }

    pub fn count(&self, wanted: impl Fn(&Operation) -> bool) -> usize {
        self.operations().filter(|operation| wanted(operation)).count()
    }
}

/// The one clock that all threads of a history read.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    pub fn now(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).expect("a history of less than 500 years")
    }
}

impl fmt::Display for Call {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Call::Get => write!(out, "get"),
            Call::Set { value } => write!(out, "set {value}"),
            Call::Create { value } => write!(out, "create {value}"),
            Call::Update { value } => write!(out, "update {value}"),
            Call::SwapValue { previous, value } => write!(out, "swap {previous} for {value}"),
            Call::SwapIndex { previous, value } => write!(out, "swap index {previous} for {value}"),
            Call::Delete => write!(out, "delete"),
            Call::DeleteValue { previous } => write!(out, "delete {previous}"),
            Call::DeleteIndex { previous } => write!(out, "delete index {previous}"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Found { value, modified_index, etcd_index } => {
                write!(out, "{value} of index {modified_index}, read at {etcd_index}")
            }
            Answer::Done { modified_index: Some(index) } => write!(out, "done at {index}"),
            Answer::Done { modified_index: None } => write!(out, "done at an unknown index"),
            Answer::Refused { code, etcd_index, held } => {
                write!(out, "refused with {code} at {etcd_index}")?;
                held.as_ref().map_or(Ok(()), |held| write!(out, ", which held {held:?}"))
            }
            Answer::NotApplied => write!(out, "not applied"),
            Answer::Maybe => write!(out, "maybe applied"),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |nanoseconds: u64| nanoseconds as f64 / 1e6;
        let (start, end) = (ms(self.start), ms(self.end));
        write!(out, "thread {} {start:.3}..{end:.3} ms: {}: {}", self.thread, self.call, self.answer)?;
        match self.further_copies {
            0 => Ok(()),
            copies => write!(out, ", and maybe {copies} times more"),
        }
    }
}
