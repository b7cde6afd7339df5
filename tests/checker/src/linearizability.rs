//! Whether the answers of each key can come from one key that did one thing after another, each between its call and its
//! answer. Keys are judged one by one: a history is linearizable exactly when that of each key is.

use std::collections::HashSet;

use crate::encoded::{Encoded, Values};
use crate::history::{Answer, History, Operation};
use crate::search::{Placed, Stuck};
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
    let (Encoded { answered, open, values }, search) = Encoded::new(operations);
    match search.run() {
        Ok(points) => Ok(Judged { answered: answered.len(), open: open.len(), points }),
        Err(stuck) => Err(Box::new(explain(key, (operations, &answered, &open), &values, &stuck))),
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
