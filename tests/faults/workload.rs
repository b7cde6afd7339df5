//! Threads that get, set, create, swap and delete a few keys over one client, and record what they were told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use etcd_test_checker::{Answer, Call, Clock, Held, History, Operation, Seeded};
use etcd_test_harness::capi::options::{ETCD_PREV_EXIST, ETCD_PREV_NO_EXIST};
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Delete, Failure, Get, Response, Set};

use crate::faults::{Ended, Progress};
use crate::settings::{Seed, elapsed};

pub(crate) const QUORUM: Get = Get { quorum: true, recursive: false, sort: false };

/// Whether plain sets go to another endpoint when the first may have carried them out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlainSets {
    SentOnce,
    SentAgain,
}

/// What the threads do.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    pub(crate) keys: Vec<String>,
    pub(crate) threads: usize,
    pub(crate) plain_sets: PlainSets,
    pub(crate) seed: Seed,
}

impl Workload {
    pub(crate) fn new(dir: &str, seed: Seed, plain_sets: PlainSets) -> Workload {
        let keys = (0..4).map(|number| format!("{dir}/{number}")).collect();
        Workload { keys, threads: 8, plain_sets, seed }
    }

    /// Runs the threads until `faults` has returned, and gives what they recorded, with a last look at each key.
    pub(crate) fn run(&self, client: &Client, stop: &AtomicBool, faults: impl FnOnce(&Progress)) -> History {
        let progress = &Progress::of(self.threads);
        let clock = Clock::start();
        println!("{:.3} s: the history begins", elapsed());
        thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads)
                .map(|number| {
                    let recorder = Recorder::new(client, progress, clock, (number, self.plain_sets));
                    scope.spawn(move || self.thread(recorder, stop))
                })
                .collect();
            faults(progress);
            let mut history = History::default();
            threads.into_iter().for_each(|thread| history.merge(thread.join().expect("no panic")));
            let mut last = Recorder::new(client, progress, clock, (self.threads, self.plain_sets));
            self.keys.iter().for_each(|key| drop(last.call(key, Call::Get)));
            history.merge(last.history);
            history
        })
    }

    fn thread(&self, mut recorder: Recorder<'_>, stop: &AtomicBool) -> History {
        let mut random = self.seed.sequence(recorder.thread as u64);
        for number in (0_usize..).take_while(|_| !stop.load(Ordering::Relaxed)) {
            let key = random.choose(&self.keys);
            let value = format!("{}-{number}", recorder.thread);
            self.one(&mut recorder, &mut random, key, value);
        }
        recorder.history
    }

    /// One call, after a get where its condition needs one.
    fn one(&self, recorder: &mut Recorder<'_>, random: &mut Seeded, key: &str, value: String) {
        let call = match random.below(16) {
            0..5 => Call::Get,
            5 => Call::Set { value },
            6 => Call::Update { value },
            7..9 => Call::Create { value },
            9 => Call::Delete,
            choice => {
                let Answer::Found { value: previous, modified_index, .. } = recorder.call(key, Call::Get) else {
                    return;
                };
                match choice {
                    10..12 => Call::SwapIndex { previous: modified_index, value },
                    12..14 => Call::SwapValue { previous, value },
                    14 => Call::DeleteIndex { previous: modified_index },
                    _ => Call::DeleteValue { previous },
                }
            }
        };
        recorder.call(key, call);
    }
}

/// One thread's calls and answers.
pub(crate) struct Recorder<'a> {
    client: &'a Client,
    progress: &'a Progress,
    clock: Clock,
    thread: usize,
    plain_sets: PlainSets,
    history: History,
}

impl<'a> Recorder<'a> {
    fn new(
        client: &'a Client,
        progress: &'a Progress,
        clock: Clock,
        (thread, plain_sets): (usize, PlainSets),
    ) -> Recorder<'a> {
        Recorder { client, progress, clock, thread, plain_sets, history: History::default() }
    }

    fn call(&mut self, key: &str, call: Call) -> Answer {
        let start = self.clock.now();
        let result = carry_out(self.client, key, &call);
        let end = self.clock.now();
        let answer = answer(&call, &result);
        let ended = match &answer {
            Answer::Done { .. } => Ended::Written,
            Answer::Maybe => Ended::Undecided,
            _ => Ended::Otherwise,
        };
        self.progress.note(self.thread, ended);
        let further_copies = self.further_copies(&call, &result);
        let operation = Operation { thread: self.thread, start, end, call, answer: answer.clone(), further_copies };
        self.history.add(key, operation);
        answer
    }

    /// How many more copies of a write may be carried out than the one that its answer tells of.
    fn further_copies(&self, call: &Call, result: &Result<Response, Failure>) -> usize {
        let may_be_resent = self.plain_sets == PlainSets::SentAgain && matches!(call, Call::Set { .. });
        let was_resent = match result {
            Ok(response) => response.was_resent,
            // Only a success tells whether it was.
            Err(failure) => may_be_resent && failure.outcome != ETCD_NOT_APPLIED,
        };
        if was_resent { MOST_FURTHER_COPIES } else { 0 }
    }
}

/// Three endpoints may be asked, each of them twice, and one of these copies is the one that was answered.
const MOST_FURTHER_COPIES: usize = 5;

fn carry_out(client: &Client, key: &str, call: &Call) -> Result<Response, Failure> {
    let none = Set::default();
    let set = |value: &str, condition: Set<'_>| client.set_with(None, key, value, &condition);
    let delete = |condition: Delete<'_>| client.delete_with(None, key, &condition);
    match call {
        Call::Get => client.get_with(None, key, &QUORUM),
        Call::Set { value } => set(value, none),
        Call::Create { value } => set(value, Set { prev_exist: ETCD_PREV_NO_EXIST, ..none }),
        Call::Update { value } => set(value, Set { prev_exist: ETCD_PREV_EXIST, ..none }),
        Call::SwapValue { previous, value } => set(value, Set { prev_value: Some(previous), ..none }),
        Call::SwapIndex { previous, value } => set(value, Set { prev_index: *previous, ..none }),
        Call::Delete => delete(Delete::default()),
        Call::DeleteValue { previous } => delete(Delete { prev_value: Some(previous), ..Delete::default() }),
        Call::DeleteIndex { previous } => delete(Delete { prev_index: *previous, ..Delete::default() }),
    }
}

fn answer(call: &Call, result: &Result<Response, Failure>) -> Answer {
    match result {
        Ok(response) => {
            let node = response.node.as_ref().expect("a node");
            match call {
                Call::Get => Answer::Found {
                    value: node.value.clone(),
                    modified_index: node.modified_index,
                    etcd_index: response.index,
                },
                _ => Answer::Done { modified_index: Some(node.modified_index) },
            }
        }
        Err(failure) if is_told_by_the_store(failure) => Answer::Refused {
            code: failure.api_code as u32,
            etcd_index: failure.api_index,
            held: failure.api_cause.as_deref().and_then(|cause| held(call, cause)),
        },
        Err(failure) => match failure.outcome {
            ETCD_NOT_APPLIED => Answer::NotApplied,
            ETCD_MAYBE_APPLIED => Answer::Maybe,
            ETCD_APPLIED => Answer::Done { modified_index: None },
            other => panic!("an unknown outcome, {other}: {failure:?}"),
        },
    }
}

fn is_told_by_the_store(failure: &Failure) -> bool {
    [ETCD_API_KEY_NOT_FOUND, ETCD_API_COMPARE_FAILED, ETCD_API_NODE_EXIST].contains(&failure.api_code)
}

/// The second of "[wanted != held]", the cause of a 101.
fn held(call: &Call, cause: &str) -> Option<Held> {
    let (_, held) = cause.strip_prefix('[')?.strip_suffix(']')?.split_once(" != ")?;
    match call {
        Call::SwapValue { .. } | Call::DeleteValue { .. } => Some(Held::Value(held.to_owned())),
        Call::SwapIndex { .. } | Call::DeleteIndex { .. } => held.parse().ok().map(Held::Index),
        _ => None,
    }
}
