//! Whether the answers of each key can come from one key that did one thing after another, each between its call and its
//! answer. Keys are judged one by one: a history is linearizable exactly when that of each key is.

use std::collections::{HashMap, HashSet};

use crate::history::{Answer, Call, Held, History, Operation};
use crate::register::{Content, Modified, Register, Reply, Request, Value};
use crate::search::{Answered, Open, Placed, Search, Stuck};
use crate::violation::Violation;

/// How much of the longest prefix an explanation shows.
const SHOWN: usize = 12;

/// How much there was to judge.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    pub answered: usize,
    pub open: usize,
    /// Points that the search looked at.
    pub points: usize,
}

/// Each key starts absent.
pub fn check(history: &History) -> Result<Judged, Box<Violation>> {
    let mut all = Judged::default();
    for (key, operations) in &history.0 {
        let judged = check_key(key, operations)?;
        all.answered += judged.answered;
        all.open += judged.open;
        all.points += judged.points;
    }
    Ok(all)
}

/// One key, which starts absent.
pub fn check_key(key: &str, operations: &[Operation]) -> Result<Judged, Box<Violation>> {
    let (answered, open) = split(operations);
    let mut values = Values::default();
    let search = Search::new(
        answered.iter().map(|operation| values.answered(operation)).collect(),
        open.iter()
            .map(|operation| Open { start: operation.start, request: values.request(&operation.call) })
            .collect(),
    );
    match search.run() {
        Ok(points) => Ok(Judged { answered: answered.len(), open: open.len(), points }),
        Err(stuck) => Err(Box::new(explain(key, (operations, &answered, &open), &values, &stuck))),
    }
}

/// What has its place between call and answer, and what may have one at any time after the call; both by their start.
fn split(operations: &[Operation]) -> (Vec<Operation>, Vec<Operation>) {
    let (mut answered, mut open) = (Vec::new(), Vec::new());
    for operation in operations {
        match operation.answer {
            Answer::NotApplied => {}
            // A get that failed tells nothing.
            Answer::Maybe if operation.call == Call::Get => {}
            Answer::Maybe => open.push(operation.clone()),
            _ => answered.push(operation.clone()),
        }
        if operation.repeated {
            open.push(operation.open_copy());
        }
    }
    answered.sort_by_key(|operation| operation.start);
    open.sort_by_key(|operation| operation.start);
    (answered, open)
}

/// The numbers of the values.
#[derive(Default)]
struct Values {
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

    fn answered(&mut self, operation: &Operation) -> Answered {
        let (request, reply) = (self.request(&operation.call), self.reply(&operation.answer));
        Answered { start: operation.start, end: operation.end, request, reply }
    }

    fn describe(&self, register: Register) -> String {
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

/// All operations, those with an answer and the open ones.
type Operations<'a> = (&'a [Operation], &'a [Operation], &'a [Operation]);

fn explain(key: &str, (all, answered, open): Operations<'_>, values: &Values, stuck: &Stuck) -> Violation {
    let taken = stuck.longest.iter().filter(|placed| matches!(placed, Placed::Open(_))).count();
    let fitted = stuck.longest.len() - taken;
    let line = |placed: &Placed| match placed {
        Placed::Answered(number) => answered[*number].to_string(),
        Placed::Open(number) => format!("{} (taken as applied)", open[*number]),
    };
    let shown = &stuck.longest[stuck.longest.len().saturating_sub(SHOWN)..];
    let next: Vec<_> = stuck.first.iter().map(|number| &answered[*number]).collect();
    let by_index = stuck.by_index.map(|number| &answered[number]);
    let unused: Vec<_> = unused(open, stuck, next.iter().map(|next| next.end).min()).collect();
    let state = values.describe(stuck.register);
    let around = [
        section("the last of the longest order that explains its answers:", shown.iter().map(line)),
        section(&format!("then {state}, and by real time one of these comes next:"), next.iter().take(SHOWN)),
        section("and by etcd's index this one:", by_index.iter()),
        section("writes of the values that these saw:", writers_of_seen(all, next.iter().copied().chain(by_index))),
        section(
            &format!("the last of {} open writes without a place in it:", unused.len()),
            unused.iter().rev().take(SHOWN),
        ),
    ];
    let how = if stuck.given_up { "no order was found, and the search given up" } else { "not linearizable" };
    let (answers, writes) = (answered.len(), open.len());
    let what = format!("{how}: {fitted} of {answers} answers explained, with {taken} of {writes} open writes");
    Violation { of: key.to_owned(), what, around: around.concat() }
}

fn section(title: &str, lines: impl Iterator<Item = impl ToString>) -> Vec<String> {
    let mut lines: Vec<_> = lines.map(|line| format!("  {}", line.to_string())).collect();
    if !lines.is_empty() {
        lines.insert(0, title.to_owned());
    }
    lines
}

/// Open writes that could have come next.
fn unused<'a>(open: &'a [Operation], stuck: &Stuck, limit: Option<u64>) -> impl Iterator<Item = &'a Operation> {
    let is_free = |(number, operation): &(usize, &Operation)| {
        !stuck.longest.contains(&Placed::Open(*number)) && limit.is_none_or(|limit| operation.start <= limit)
    };
    let free: Vec<_> = open.iter().enumerate().filter(is_free).map(|(_, operation)| operation).collect();
    free.into_iter()
}

fn writers_of_seen<'a>(
    all: &'a [Operation],
    readers: impl Iterator<Item = &'a Operation>,
) -> impl Iterator<Item = &'a Operation> {
    let value = |reader: &'a Operation| match &reader.answer {
        Answer::Found { value, .. } => Some(value.as_str()),
        _ => None,
    };
    let seen: HashSet<_> = readers.filter_map(value).collect();
    all.iter().filter(move |operation| operation.call.value().is_some_and(|value| seen.contains(value)))
}

#[cfg(test)]
mod tests;
