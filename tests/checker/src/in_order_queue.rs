//! In-order creates: each happens once, or not at all where that was said, and in the order in which they were made.

use std::collections::{BTreeMap, HashMap};

use crate::violation::{Violation, Violations};

/// One in-order create of a value that nobody else creates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    pub value: String,
    pub start: u64,
    pub end: u64,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// With the key that it got.
    Acknowledged {
        key: String,
    },
    NotApplied,
    Maybe,
}

/// What is in the directory at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub value: String,
}

pub fn check(dir: &str, creates: &[Create], entries: &[Entry]) -> Result<(), Violations> {
    let violation = |(what, around)| Violation { of: dir.to_owned(), what, around };
    let found = counts(creates, entries).into_iter().chain(strangers(creates, entries)).chain(order(creates, entries));
    Violations::or_ok(found.map(violation).collect())
}

type Found = (String, Vec<String>);

fn counts(creates: &[Create], entries: &[Entry]) -> Vec<Found> {
    let mut keys = HashMap::<&str, Vec<&str>>::new();
    for entry in entries {
        keys.entry(&entry.value).or_default().push(&entry.key);
    }
    let judge = |create: &Create| {
        let keys = keys.get(create.value.as_str()).map_or(&[][..], Vec::as_slice);
        let what = match &create.outcome {
            Outcome::Acknowledged { .. } if keys.is_empty() => "an acknowledged create is lost",
            Outcome::Acknowledged { .. } | Outcome::Maybe if keys.len() > 1 => "a create happened more than once",
            Outcome::Acknowledged { key } if keys != [key] => "a create is not where its answer said",
            Outcome::NotApplied if !keys.is_empty() => "a create happened that was said not to be applied",
            _ => return None,
        };
        Some((what.to_owned(), vec![format!("{create:?}"), format!("its keys: {keys:?}")]))
    };
    creates.iter().filter_map(judge).collect()
}

fn strangers(creates: &[Create], entries: &[Entry]) -> Vec<Found> {
    let sent: HashMap<_, _> = creates.iter().map(|create| (create.value.as_str(), ())).collect();
    let strange = entries.iter().filter(|entry| !sent.contains_key(entry.value.as_str()));
    strange.map(|entry| ("an entry that nobody sent".to_owned(), vec![format!("{entry:?}")])).collect()
}

/// A create that began after another one's answer has the higher key.
fn order(creates: &[Create], entries: &[Entry]) -> Vec<Found> {
    let by_value: HashMap<_, _> = creates.iter().map(|create| (create.value.as_str(), create)).collect();
    let by_key: BTreeMap<_, _> = entries.iter().map(|entry| (entry.key.as_str(), entry)).collect();
    let mut found = Vec::new();
    let mut first_end: Option<(&str, &Create)> = None;
    for (key, entry) in by_key.into_iter().rev() {
        let Some(create) = by_value.get(entry.value.as_str()) else { continue };
        if let Some((later, other)) = first_end.filter(|(_, other)| other.end < create.start) {
            let around = vec![format!("{key}: {create:?}"), format!("{later}: {other:?}")];
            found.push(("a create has a lower key than one that was answered before it began".to_owned(), around));
        }
        // One that may happen later has no end.
        let is_answered = matches!(create.outcome, Outcome::Acknowledged { .. });
        if is_answered && first_end.is_none_or(|(_, other)| create.end < other.end) {
            first_end = Some((key, create));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A create of a value from `start` to `end` that got `key`, where it is.
    fn done(value: &str, start: u64, end: u64, key: &str) -> Create {
        Create { value: value.into(), start, end, outcome: Outcome::Acknowledged { key: key.into() } }
    }

    fn with(outcome: Outcome) -> Create {
        Create { value: "c".into(), start: 30, end: 40, outcome }
    }

    fn entries(pairs: &[(&str, &str)]) -> Vec<Entry> {
        pairs.iter().map(|(key, value)| Entry { key: (*key).into(), value: (*value).into() }).collect()
    }

    fn broken(creates: &[Create], pairs: &[(&str, &str)]) -> Vec<String> {
        let result = check("/queue", creates, &entries(pairs));
        result.err().unwrap_or_default().0.into_iter().map(|violation| violation.what).collect()
    }

    #[test]
    fn what_was_acknowledged_once_is_there_once() {
        let creates = [done("a", 0, 10, "/q/05"), done("b", 5, 20, "/q/04")];
        let nothing: [String; 0] = [];
        assert_eq!(broken(&creates, &[("/q/04", "b"), ("/q/05", "a")]), nothing);
        assert_eq!(broken(&creates, &[("/q/05", "a")]), ["an acknowledged create is lost"]);
        let twice = [("/q/04", "b"), ("/q/05", "a"), ("/q/06", "a")];
        assert_eq!(broken(&creates, &twice), ["a create happened more than once"]);
        let elsewhere = [("/q/04", "b"), ("/q/07", "a")];
        assert_eq!(broken(&creates, &elsewhere), ["a create is not where its answer said"]);
    }

    #[test]
    fn what_may_have_happened_is_there_once_or_never_and_at_any_later_place() {
        let creates = [done("a", 0, 10, "/q/05"), with(Outcome::Maybe), done("b", 50, 60, "/q/06")];
        let nothing: [String; 0] = [];
        assert_eq!(broken(&creates, &[("/q/05", "a"), ("/q/06", "b")]), nothing);
        assert_eq!(broken(&creates, &[("/q/05", "a"), ("/q/06", "b"), ("/q/07", "c")]), nothing);
        let twice = [("/q/05", "a"), ("/q/06", "b"), ("/q/07", "c"), ("/q/08", "c")];
        assert_eq!(broken(&creates, &twice), ["a create happened more than once"]);
        let before_it_began = [("/q/04", "c"), ("/q/05", "a"), ("/q/06", "b")];
        let order = "a create has a lower key than one that was answered before it began";
        assert_eq!(broken(&creates, &before_it_began), [order]);
    }

    #[test]
    fn what_was_not_applied_and_what_nobody_sent_is_not_there() {
        let said = "a create happened that was said not to be applied";
        assert_eq!(broken(&[with(Outcome::NotApplied)], &[("/q/05", "c")]), [said]);
        assert_eq!(broken(&[], &[("/q/05", "x")]), ["an entry that nobody sent"]);
    }

    #[test]
    fn keys_are_in_the_order_of_creates_that_do_not_overlap() {
        let creates = [done("a", 0, 10, "/q/06"), done("b", 11, 20, "/q/05")];
        let order = "a create has a lower key than one that was answered before it began";
        assert_eq!(broken(&creates, &[("/q/05", "b"), ("/q/06", "a")]), [order]);
    }
}
