//! Operations as the search wants them.

use std::collections::{HashMap, HashSet};

use crate::history::{Answer, Call, Held, Operation};
use crate::register::{Content, Modified, Register, Reply, Request, Value};
use crate::search::{Answered, Open, Search};

/// The operations that have a number in the search, in the order of these numbers.
pub(crate) struct Encoded {
    pub(crate) answered: Vec<Operation>,
    pub(crate) open: Vec<Operation>,
    pub(crate) values: Values,
}

impl Encoded {
    pub(crate) fn new(operations: &[Operation]) -> (Encoded, Search) {
        let (answered, open) = split(operations);
        let witnessed = Witnessed::new(operations);
        let mut values = Values::default();
        let search = Search::new(
            answered.iter().map(|operation| values.answered(operation, &witnessed)).collect(),
            open.iter().map(|operation| values.open(operation, &witnessed)).collect(),
        );
        (Encoded { answered, open, values }, search)
    }
}

/// What has its place between call and answer, and what may have one at any time after the call; both by their start.
fn split(operations: &[Operation]) -> (Vec<Operation>, Vec<Operation>) {
    let witnessed = Witnessed::new(operations);
    let (mut answered, mut open) = (Vec::new(), Vec::new());
    for operation in operations {
        match operation.answer {
            Answer::NotApplied => {}
            // A get that failed tells nothing.
            Answer::Maybe if operation.call == Call::Get => {}
            Answer::Maybe if witnessed.index(operation).is_none() => open.push(operation.clone()),
            _ => answered.push(operation.clone()),
        }
        open.extend((0..operation.further_copies).map(|_| operation.open_copy()));
    }
    answered.sort_by_key(|operation| operation.start);
    open.sort_by_key(|operation| operation.start);
    (answered, open)
}

/// What the answers tell about writes without an answer.
struct Witnessed<'a> {
    /// The values that somebody was told of, or made a condition.
    values: HashSet<&'a str>,
    /// The indexes with which gets saw each value.
    indexes: HashMap<&'a str, HashSet<u64>>,
    /// How many writes of it there can have been.
    writes: HashMap<&'a str, usize>,
}

impl<'a> Witnessed<'a> {
    fn new(operations: &'a [Operation]) -> Witnessed<'a> {
        let (values, indexes, writes) = <(HashSet<_>, HashMap<_, HashSet<_>>, HashMap<_, _>)>::default();
        let mut witnessed = Witnessed { values, indexes, writes };
        for operation in operations {
            match &operation.answer {
                Answer::Found { value, modified_index, .. } => {
                    witnessed.values.insert(value);
                    witnessed.indexes.entry(value).or_default().insert(*modified_index);
                }
                Answer::Refused { held: Some(Held::Value(value)), .. } => drop(witnessed.values.insert(value)),
                _ => {}
            }
            if let Call::SwapValue { previous, .. } | Call::DeleteValue { previous } = &operation.call {
                witnessed.values.insert(previous);
            }
            if let Some(value) = operation.call.value() {
                *witnessed.writes.entry(value).or_default() += 1 + operation.further_copies;
            }
        }
        witnessed
    }

    /// With which index an open write was carried out, if gets have seen its value with one index and nobody else wrote it.
    fn index(&self, operation: &Operation) -> Option<u64> {
        let value = operation.call.value().filter(|value| self.writes.get(value) == Some(&1))?;
        let indexes = self.indexes.get(value).filter(|indexes| indexes.len() == 1)?;
        indexes.iter().next().copied()
    }
}

const UNHEARD_OF: &str = "a value of which nobody heard";

/// The numbers of the values.
#[derive(Default)]
pub(crate) struct Values {
    numbers: HashMap<String, Value>,
    texts: Vec<String>,
}

impl Values {
    fn number(&mut self, text: &str) -> Value {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = Value::try_from(self.texts.len()).expect("fewer values than that");
        self.numbers.insert(text.to_owned(), number);
        self.texts.push(text.to_owned());
        number
    }

    fn request(&mut self, call: &Call) -> Request {
        match call {
            Call::Get => Request::Get,
            Call::Set { value } => Request::Set(self.number(value)),
            Call::Create { value } => Request::Create(self.number(value)),
            Call::Update { value } => Request::Update(self.number(value)),
            Call::SwapValue { previous, value } => Request::SwapValue(self.number(previous), self.number(value)),
            Call::SwapIndex { previous, value } => Request::SwapIndex(*previous, self.number(value)),
            Call::Delete => Request::Delete,
            Call::DeleteValue { previous } => Request::DeleteValue(self.number(previous)),
            Call::DeleteIndex { previous } => Request::DeleteIndex(*previous),
        }
    }

    fn reply(&mut self, answer: &Answer) -> Reply {
        match answer {
            Answer::Found { value, modified_index, etcd_index } => {
                Reply::Found { value: self.number(value), modified: *modified_index, at: *etcd_index }
            }
            Answer::Done { modified_index } => Reply::Done(*modified_index),
            Answer::Refused { code, etcd_index, held } => {
                let held = held.as_ref().map(|held| match held {
                    Held::Value(value) => Content::Value(self.number(value)),
                    Held::Index(index) => Content::Index(*index),
                });
                Reply::Refused { code: *code, at: *etcd_index, held }
            }
            Answer::NotApplied | Answer::Maybe => unreachable!("only answered operations have a reply"),
        }
    }

    fn answered(&mut self, operation: &Operation, witnessed: &Witnessed<'_>) -> Answered {
        let request = self.request(&operation.call);
        let (reply, end) = match operation.answer {
            // It has its place, and no end before which it must be.
            Answer::Maybe => (Reply::Done(witnessed.index(operation)), u64::MAX),
            _ => (self.reply(&operation.answer), operation.end),
        };
        Answered { start: operation.start, end, request, reply }
    }

    /// Values of which nobody heard are all the same: that makes writes of them equal, and one is tried in place of all.
    fn open(&mut self, operation: &Operation, witnessed: &Witnessed<'_>) -> Open {
        let mut call = operation.call.clone();
        if let Some(value) = call.value_mut().filter(|value| !witnessed.values.contains(value.as_str())) {
            UNHEARD_OF.clone_into(value);
        }
        Open { start: operation.start, request: self.request(&call) }
    }

    pub(crate) fn describe(&self, register: Register) -> String {
        match register.held {
            None => format!("the key is absent, and the index at least {}", register.floor),
            Some((value, Modified::Exactly(index))) => {
                format!("the key holds {} of {index}", self.texts[value as usize])
            }
            Some((value, Modified::AtLeast(index))) => {
                format!("the key holds {} of an open write, of {index} or later", self.texts[value as usize])
            }
        }
    }
}
