//! Watchers that begin at every member, and writers of what they have to see.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use etcd_test_checker::watch_events::{Outcome, Seen, Watched, Write};
use etcd_test_harness::capi::options::{ETCD_PREV_EXIST, ETCD_PREV_NO_EXIST};
use etcd_test_harness::capi::response::*;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Failure, Get, Response, Set, Watch, Watcher};
use etcd_test_support::wait_until;

use crate::faults::{Ended, Progress};

/// How far the slowest watcher may be behind before the writers wait for it; etcd's history holds 1000 events.
const NEAR: u64 = 600;
const ASK_MS: i64 = 1000;
const PATIENCE: Duration = Duration::from_secs(60);

/// One thread's writes below its own directory, each of them at most once.
pub(crate) fn write(
    client: &Client,
    dir: &str,
    thread: usize,
    watchers: &[Position],
    progress: &Progress,
    stop: &AtomicBool,
) -> Vec<Write> {
    let dir = format!("{dir}/{thread}");
    let mut writes = Vec::new();
    let mut last = 0;
    for number in (0_usize..).take_while(|_| !stop.load(Ordering::Relaxed)) {
        wait_until("the slowest watcher keeps up", || watchers.iter().all(|watcher| last < watcher.get() + NEAR));
        let (key, value) = (format!("{dir}/{}", number % 5), number.to_string());
        let set = |prev_exist| client.set_with(None, &key, &value, &Set { prev_exist, ..Set::default() });
        let (value, result) = match number % 7 {
            0 => (None, client.delete(&key)),
            1 | 2 => (Some(value.clone()), set(ETCD_PREV_NO_EXIST)),
            _ => (Some(value.clone()), set(ETCD_PREV_EXIST)),
        };
        let outcome = outcome(&result);
        match outcome {
            Outcome::Acknowledged { index, .. } => {
                last = index;
                progress.note(thread, Ended::Written);
            }
            Outcome::Maybe => progress.note(thread, Ended::Undecided),
            Outcome::NotApplied => progress.note(thread, Ended::Otherwise),
        }
        writes.push(Write { key, value, outcome });
    }
    writes
}

fn outcome(result: &Result<Response, Failure>) -> Outcome {
    match result {
        Ok(written) => {
            let index = written.node.as_ref().expect("a node").modified_index;
            Outcome::Acknowledged { index, repeated: false }
        }
        Err(failure) if failure.outcome == ETCD_NOT_APPLIED => Outcome::NotApplied,
        // Of a write that happened without a readable answer the index is not known either.
        Err(_) => Outcome::Maybe,
    }
}

/// Up to which index a watcher knows everything that it was told.
#[derive(Debug, Default)]
pub(crate) struct Position(AtomicU64);

impl Position {
    pub(crate) fn at(index: u64) -> Position {
        Position(AtomicU64::new(index))
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A watcher of everything below a directory.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) dir: String,
    pub(crate) after_index: u64,
    pub(crate) stream: bool,
    /// Whether the library reads the state where etcd's history is gone, or the test.
    pub(crate) resync: bool,
}

impl Plan {
    fn watch(&self, client: &Client, after_index: u64) -> Watcher {
        let Plan { stream, resync, .. } = *self;
        let options = Watch { after_index, recursive: true, stream, resync, idle_timeout_ms: 1000 };
        client.watch(&self.dir, &options).expect("a watcher")
    }

    /// Reads until everything up to `last` is known, which is 0 while the last index is not.
    pub(crate) fn read(&self, client: &Client, position: &Position, last: &AtomicU64) -> Watched {
        let mut watcher = self.watch(client, self.after_index);
        let (mut seen, mut heard) = (Vec::new(), Instant::now());
        let until = loop {
            let until = last.load(Ordering::Relaxed);
            if until > 0 && position.get() >= until {
                break until;
            }
            let new = match watcher.next_within(ASK_MS) {
                Ok(event) if event.action_number == ETCD_ACTION_RESYNC => Seen::Resync { index: event.index },
                Ok(event) => event_seen(event),
                Err(failure) if failure.api_code == ETCD_API_EVENT_INDEX_CLEARED => {
                    let index = index_of_state(client, &self.dir);
                    watcher = self.watch(client, index);
                    Seen::Resync { index }
                }
                Err(failure) => {
                    let is_passing = [ETCD_ERR_CLUSTER, ETCD_ERR_DEADLINE_EXCEEDED].contains(&failure.status);
                    assert!(
                        is_passing && heard.elapsed() < PATIENCE,
                        "{} behind {:?}: {failure:?}",
                        self.name,
                        position
                    );
                    continue;
                }
            };
            heard = Instant::now();
            let (Seen::Event { index, .. } | Seen::Resync { index }) = new;
            position.0.fetch_max(index, Ordering::Relaxed);
            seen.push(new);
        };
        Watched { name: self.name.clone(), after_index: self.after_index, seen, until }
    }
}

fn event_seen(event: Response) -> Seen {
    let node = event.node.expect("a node");
    let is_gone =
        [ETCD_ACTION_DELETE, ETCD_ACTION_COMPARE_AND_DELETE, ETCD_ACTION_EXPIRE].contains(&event.action_number);
    Seen::Event { key: node.key, value: (!is_gone).then_some(node.value), index: node.modified_index }
}

fn index_of_state(client: &Client, dir: &str) -> u64 {
    let everything = Get { recursive: true, sort: false, quorum: true };
    let started = Instant::now();
    loop {
        match client.get_with(None, dir, &everything) {
            Ok(state) => return state.index,
            Err(failure) => assert!(started.elapsed() < PATIENCE, "no state: {failure:?}"),
        }
        thread::yield_now();
    }
}
