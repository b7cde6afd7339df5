//! Watches: each acknowledged write below the prefix is seen once and in the order of the indexes, or the watcher was told
//! up to which index it has to read the state instead.

use std::collections::{BTreeMap, HashMap};

use crate::violation::{Violation, Violations};

/// How many violations of one watcher are told.
const TOLD: usize = 5;

/// A write below the prefix; without a value it is a delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    pub key: String,
    pub value: Option<String>,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Acknowledged {
        index: u64,
        /// An earlier copy may be carried out as well.
        repeated: bool,
    },
    NotApplied,
    Maybe,
}

/// What one watcher was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    pub name: String,
    /// It began behind this index,
    pub after_index: u64,
    pub seen: Vec<Seen>,
    /// and was read until it had to know everything up to this one.
    pub until: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Event {
        key: String,
        value: Option<String>,
        index: u64,
    },
    /// A resync, or a 401 and the state that was read after it: everything up to this index is covered.
    Resync {
        index: u64,
    },
}

type Change<'a> = (&'a str, Option<&'a str>);

pub fn check(writes: &[Write], watchers: &[Watched]) -> Result<(), Violations> {
    let acknowledged = acknowledged(writes);
    let mut violations: Vec<_> = watchers.iter().flat_map(|watched| judge(watched, &acknowledged)).collect();
    violations.extend(strangers(writes, watchers, &acknowledged));
    Violations::or_ok(violations)
}

fn acknowledged(writes: &[Write]) -> BTreeMap<u64, Change<'_>> {
    let at = |write: &Write| match write.outcome {
        Outcome::Acknowledged { index, .. } => Some(index),
        Outcome::NotApplied | Outcome::Maybe => None,
    };
    writes.iter().filter_map(|write| Some((at(write)?, (write.key.as_str(), write.value.as_deref())))).collect()
}

/// Nothing lost, nothing twice, nothing out of order.
fn judge(watched: &Watched, acknowledged: &BTreeMap<u64, Change<'_>>) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut report = |what: &str, place: usize, detail: String| {
        let nearby = &watched.seen[place.saturating_sub(3)..(place + 3).min(watched.seen.len())];
        let around = std::iter::once(detail).chain(nearby.iter().map(|seen| format!("{seen:?}"))).collect();
        violations.push(Violation { of: watched.name.clone(), what: what.to_owned(), around });
    };
    let mut position = watched.after_index;
    for (place, seen) in watched.seen.iter().enumerate() {
        match seen {
            Seen::Resync { index } if *index < position => {
                report("a resync goes back", place, format!("to {index}, from {position}"));
            }
            Seen::Resync { index } => position = *index,
            Seen::Event { index, .. } if *index <= position => {
                let is_known = watched.seen[..place].contains(seen);
                let what = if is_known { "an event came twice" } else { "an event is out of order" };
                report(what, place, format!("{seen:?} behind {position}"));
            }
            Seen::Event { index, .. } => {
                for (lost, change) in acknowledged.range(position + 1..*index) {
                    report("an acknowledged write was not seen", place, format!("{change:?} at {lost}"));
                }
                position = *index;
            }
        }
    }
    for (lost, change) in acknowledged.range(position + 1..watched.until.max(position) + 1) {
        let place = watched.seen.len();
        report("an acknowledged write was not seen", place, format!("{change:?} at {lost}, until {}", watched.until));
    }
    violations.truncate(TOLD);
    violations
}

/// Events that no write explains; all watchers together, because each open write has one index at most.
fn strangers(writes: &[Write], watchers: &[Watched], acknowledged: &BTreeMap<u64, Change<'_>>) -> Vec<Violation> {
    let mut open = HashMap::<Change<'_>, usize>::new();
    for write in writes {
        if matches!(write.outcome, Outcome::Maybe | Outcome::Acknowledged { repeated: true, .. }) {
            *open.entry((&write.key, write.value.as_deref())).or_default() += 1;
        }
    }
    let mut taken = BTreeMap::<u64, Change<'_>>::new();
    let mut violations = Vec::new();
    for watched in watchers {
        for seen in &watched.seen {
            let Seen::Event { key, value, index } = seen else { continue };
            let change = (key.as_str(), value.as_deref());
            let what = match acknowledged.get(index).or(taken.get(index)) {
                Some(known) if *known == change => continue,
                Some(_) => "an event differs from what was written at its index",
                None => match open.get_mut(&change).filter(|copies| **copies > 0) {
                    Some(copies) => {
                        *copies -= 1;
                        taken.insert(*index, change);
                        continue;
                    }
                    None => "an event that nobody wrote",
                },
            };
            let around = vec![format!("{seen:?}"), format!("known at this index: {:?}", acknowledged.get(index))];
            violations.push(Violation { of: watched.name.clone(), what: what.to_owned(), around });
        }
    }
    violations.truncate(TOLD);
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: [String; 0] = [];

    fn write(value: &str, outcome: Outcome) -> Write {
        Write { key: "/w".into(), value: Some(value.into()), outcome }
    }

    fn done(value: &str, index: u64) -> Write {
        write(value, Outcome::Acknowledged { index, repeated: false })
    }

    fn event(value: &str, index: u64) -> Seen {
        Seen::Event { key: "/w".into(), value: Some(value.into()), index }
    }

    /// What is wrong with one watcher after 10 that had to see the writes of 12, 13 and 15.
    fn broken(seen: &[Seen]) -> Vec<String> {
        broken_with(&[done("early", 9), done("a", 12), done("b", 13), done("c", 15)], seen)
    }

    fn broken_with(writes: &[Write], seen: &[Seen]) -> Vec<String> {
        let watched = Watched { name: "watcher".into(), after_index: 10, seen: seen.to_vec(), until: 15 };
        check(writes, &[watched]).err().unwrap_or_default().0.into_iter().map(|violation| violation.what).collect()
    }

    #[test]
    fn every_acknowledged_write_once_and_in_order_is_right() {
        assert_eq!(broken(&[event("a", 12), event("b", 13), event("c", 15)]), NOTHING);
    }

    #[test]
    fn a_lost_event_is_found_in_the_middle_and_at_the_end() {
        assert_eq!(broken(&[event("a", 12), event("c", 15)]), ["an acknowledged write was not seen"]);
        assert_eq!(broken(&[event("a", 12), event("b", 13)]), ["an acknowledged write was not seen"]);
    }

    #[test]
    fn an_event_that_comes_twice_is_found() {
        let twice = [event("a", 12), event("b", 13), event("b", 13), event("c", 15)];
        assert_eq!(broken(&twice), ["an event came twice"]);
    }

    #[test]
    fn events_out_of_order_are_found() {
        let swapped = broken(&[event("b", 13), event("a", 12), event("c", 15)]);
        assert_eq!(swapped, ["an acknowledged write was not seen", "an event is out of order"]);
        let from_before = broken(&[event("early", 9), event("a", 12), event("b", 13), event("c", 15)]);
        assert_eq!(from_before, ["an event is out of order"]);
    }

    #[test]
    fn a_resync_covers_what_was_before_it_and_nothing_behind_it() {
        assert_eq!(broken(&[Seen::Resync { index: 13 }, event("c", 15)]), NOTHING);
        assert_eq!(broken(&[Seen::Resync { index: 15 }]), NOTHING);
        let gap = broken(&[Seen::Resync { index: 12 }, event("c", 15)]);
        assert_eq!(gap, ["an acknowledged write was not seen"]);
        let back = broken(&[event("a", 12), event("b", 13), Seen::Resync { index: 12 }, event("c", 15)]);
        assert_eq!(back, ["a resync goes back"]);
    }

    #[test]
    fn what_nobody_wrote_is_no_event() {
        let complete = |more| [event("a", 12), event("b", 13), more, event("c", 15)];
        assert_eq!(broken(&complete(event("x", 14))), ["an event that nobody wrote"]);
        let other = broken(&[event("a", 12), event("x", 13), event("c", 15)]);
        assert_eq!(other, ["an event differs from what was written at its index"]);
        let not_applied = [done("a", 12), write("x", Outcome::NotApplied), done("b", 13), done("c", 15)];
        assert_eq!(broken_with(&not_applied, &complete(event("x", 14))), ["an event that nobody wrote"]);
    }

    #[test]
    fn a_write_that_may_have_happened_is_seen_once_or_never() {
        let writes = [done("a", 12), write("m", Outcome::Maybe), done("c", 15)];
        assert_eq!(broken_with(&writes, &[event("a", 12), event("c", 15)]), NOTHING);
        assert_eq!(broken_with(&writes, &[event("a", 12), event("m", 14), event("c", 15)]), NOTHING);
        let twice = broken_with(&writes, &[event("a", 12), event("m", 13), event("m", 14), event("c", 15)]);
        assert_eq!(twice, ["an event that nobody wrote"]);
    }

    #[test]
    fn a_repeated_write_is_seen_where_it_was_acknowledged_and_at_most_once_more() {
        let writes = [write("a", Outcome::Acknowledged { index: 12, repeated: true }), done("c", 15)];
        assert_eq!(broken_with(&writes, &[event("a", 12), event("a", 14), event("c", 15)]), NOTHING);
        assert_eq!(broken_with(&writes, &[event("a", 14), event("c", 15)]), ["an acknowledged write was not seen"]);
    }

    #[test]
    fn two_watchers_see_the_same_at_the_same_index() {
        let writes = [write("m", Outcome::Maybe), write("n", Outcome::Maybe)];
        let watched = |seen: Seen| Watched { name: "watcher".into(), after_index: 10, seen: vec![seen], until: 12 };
        assert_eq!(check(&writes, &[watched(event("m", 12)), watched(event("m", 12))]), Ok(()));
        check(&writes, &[watched(event("m", 12)), watched(event("n", 12))]).expect_err("they differ");
        check(&writes, &[watched(event("m", 12)), watched(event("m", 11))]).expect_err("one write, two indexes");
    }
}
