//! What a client lost under a fault, and how long it took to recover.

use crate::record::{Call, Kind, Moment, Record, Written};
use crate::subject::THREADS;

/// The moments of a fault.
#[derive(Debug, Clone)]
pub(crate) struct Times {
    /// Before anything happened.
    pub(crate) began: Moment,
    /// When the fault was in effect.
    pub(crate) struck: Moment,
    /// When it was over, and all members were healthy again.
    pub(crate) healed: Moment,
}

/// A fault, and what was written meanwhile.
#[derive(Debug, Clone)]
pub(crate) struct Course {
    pub(crate) times: Times,
    /// How many times a member with calls in its hands was struck, its return included where that costs an election.
    pub(crate) blows: usize,
    pub(crate) written: Vec<Written>,
}

/// What there is to say of one client under one fault.
#[derive(Debug, Clone, Default)]
pub(crate) struct Judgement {
    pub(crate) calls: usize,
    pub(crate) lost: Vec<String>,
    pub(crate) undecided: Vec<String>,
    /// In microseconds; None where a thread never recovered.
    pub(crate) recovered: Option<u64>,
    /// The same of the threads that had no undecided call to wait for; None also where there are none.
    pub(crate) others_recovered: Option<u64>,
    pub(crate) events_lost: Vec<u64>,
    /// In microseconds, of the events that were seen.
    pub(crate) latest_event: u64,
    /// What our watcher was told besides events.
    pub(crate) watch_failures: Vec<String>,
}

pub(crate) fn judge(record: &Record, course: &Course) -> Judgement {
    let mut judgement = Judgement { calls: record.calls.len(), ..Judgement::default() };
    let mut in_hands = [0; THREADS];
    for call in &record.calls {
        let Some(failure) = &call.failure else { continue };
        let text = format!(
            "thread {}, {:?}, from {} to {}: {}",
            call.thread,
            call.kind,
            since(course, call.started),
            since(course, call.ended),
            failure.text
        );
        if failure.undecided && may_be_in_hands(call, course) && in_hands[call.thread] < course.blows {
            in_hands[call.thread] += 1;
            judgement.undecided.push(text);
        } else {
            judgement.lost.push(text);
        }
    }
    let others: Vec<_> = (0..THREADS).filter(|thread| in_hands[*thread] == 0).collect();
    judgement.recovered = recovered(record, course, &(0..THREADS).collect::<Vec<_>>());
    judgement.others_recovered = recovered(record, course, &others).filter(|_| !others.is_empty());
    let failures = record.watch_failures.iter();
    judgement.watch_failures = failures.map(|(at, text)| format!("{}: {text}", since(course, *at))).collect();
    let seen = record.seen_at();
    for write in &course.written {
        match seen.get(&(write.index, write.value.as_str())) {
            Some(at) => judgement.latest_event = judgement.latest_event.max(at.saturating_sub(write.at)),
            None => judgement.events_lost.push(write.index),
        }
    }
    judgement
}

/// Whether a write that must not be sent again could be in the hands of a failing member.
fn may_be_in_hands(call: &Call, course: &Course) -> bool {
    call.kind.is_one_shot() && call.started <= course.times.healed && call.ended >= course.times.began
}

/// The time until each of these threads had a call that began after the fault and ended well. Plain gets do not count: a member
/// that is cut off answers them from what it has.
fn recovered(record: &Record, course: &Course, threads: &[usize]) -> Option<u64> {
    let first = |thread: &usize| {
        let calls = record.calls.iter().filter(|call| call.thread == *thread && call.started >= course.times.struck);
        calls.filter(|call| call.failure.is_none() && call.kind != Kind::Get).map(|call| call.ended).min()
    };
    threads.iter().map(first).try_fold(0, |worst, ended| Some(worst.max(ended? - course.times.struck)))
}

fn since(course: &Course, moment: Moment) -> String {
    format!("{:+.3} s", (moment as f64 - course.times.struck as f64) / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{CallFailure, Event};

    const STRUCK: Moment = 10_000_000;

    fn course(blows: usize) -> Course {
        let write = |index| Written { index, value: index.to_string(), at: STRUCK };
        let times = Times { began: STRUCK - 20, struck: STRUCK, healed: STRUCK + 9_000_000 };
        Course { times, blows, written: vec![write(1), write(2)] }
    }

    fn call(thread: usize, kind: Kind, started: i64, undecided: Option<bool>) -> Call {
        let started = STRUCK.saturating_add_signed(started);
        let failure = undecided.map(|undecided| CallFailure { text: "no".into(), undecided });
        Call { thread, kind, started, ended: started + 100, failure }
    }

    fn calls(calls: &[Call]) -> Record {
        Record { calls: calls.to_vec(), ..Record::default() }
    }

    #[test]
    fn a_write_in_the_hands_of_the_failing_member_is_undecided_and_its_successor_is_lost() {
        let failed = |started| call(0, Kind::Create, started, Some(true));
        let judged = judge(&calls(&[failed(-50), failed(1000)]), &course(1));
        assert_eq!((judged.undecided.len(), judged.lost.len()), (1, 1));
        assert_eq!(judge(&calls(&[failed(-50), failed(1000)]), &course(2)).undecided.len(), 2);
    }

    #[test]
    fn reads_refusals_and_failures_without_a_fault_are_lost() {
        let failures = [
            call(0, Kind::QuorumGet, 5, Some(true)),
            call(1, Kind::Set, 5, Some(true)),
            call(2, Kind::Swap, 5, Some(false)),
            call(3, Kind::Delete, -5000, Some(true)),
        ];
        assert_eq!(judge(&calls(&failures), &course(1)).lost.len(), failures.len());
    }

    #[test]
    fn the_slowest_thread_says_when_the_client_has_recovered() {
        let good = |thread, started| call(thread, Kind::Set, started, None);
        let mut record = calls(&[good(0, 5), good(1, 70), good(2, 10), call(3, Kind::Get, 1, None), good(3, -1)]);
        assert_eq!(judge(&record, &course(1)).recovered, None);
        record.calls.push(good(3, 20));
        assert_eq!(judge(&record, &course(1)).recovered, Some(170));
    }

    #[test]
    fn an_acknowledged_write_that_the_watcher_did_not_see_is_an_event_lost() {
        let events = vec![Event { index: 2, value: "2".into(), at: STRUCK + 30 }];
        let judged = judge(&Record { events, ..Record::default() }, &course(1));
        assert_eq!((judged.events_lost, judged.latest_event), (vec![1], 30));
    }
}
