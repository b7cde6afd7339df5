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
pub(crate) const NEAR: u64 = 600;
const ASK_MS: i64 = 1000;
const PATIENCE: Duration = Duration::from_secs(60);

/// Of a thread's keys, one is written only once in so many writes.
const SELDOM: usize = 97;

/// The key of a thread that is written often.
pub(crate) fn busy_key(dir: &str, thread: usize) -> String {
    format!("{dir}/{thread}/0")
}

/// The key of a thread that is written seldom.
pub(crate) fn quiet_key(dir: &str, thread: usize) -> String {
    format!("{dir}/{thread}/quiet")
}

fn key(dir: &str, thread: usize, number: usize) -> String {
    match number % 5 {
        _ if number % SELDOM == SELDOM - 1 => quiet_key(dir, thread),
        0 => busy_key(dir, thread),
        other => format!("{dir}/{thread}/{other}"),
    }
}

/// One thread's writes below its own directory, each of them at most once.
pub(crate) fn write(
    client: &Client,
    dir: &str,
    thread: usize,
    watchers: &[&Position],
    progress: &Progress,
    stop: &AtomicBool,
) -> Vec<Write> {
    let mut writes = Vec::new();
    let mut last = 0;
    for number in (0_usize..).take_while(|_| !stop.load(Ordering::Relaxed)) {
        wait_until("the slowest watcher keeps up", || watchers.iter().all(|watcher| last < watcher.get() + NEAR));
        let (key, value) = (key(dir, thread, number), number.to_string());
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
            Outcome::Acknowledged { index, repeated: written.was_resent }
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

/// What watchers watch: a key, or everything below it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) key: String,
    pub(crate) recursive: bool,
    /// The index of the last write to it; 0 while that is not known.
    last: AtomicU64,
}

impl Target {
    pub(crate) fn new(key: String, recursive: bool) -> Target {
        Target { key, recursive, last: AtomicU64::new(0) }
    }

    /// Whether a write has to be seen by its watchers.
    pub(crate) fn covers(&self, write: &Write) -> bool {
        let below = write.key.strip_prefix(&self.key);
        below.is_some_and(|below| below.is_empty() || self.recursive && below.starts_with('/'))
    }

    /// One last write, which every watcher has to get to; the cluster is healthy, and nothing happens to it any more.
    pub(crate) fn write_last(&self, client: &Client) -> Write {
        let key = if self.recursive { format!("{}/last", self.key) } else { self.key.clone() };
        let outcome = outcome(&client.set(&key, "last"));
        let Outcome::Acknowledged { index, .. } = outcome else { panic!("a healthy cluster: {outcome:?}") };
        self.last.store(index, Ordering::Relaxed);
        Write { key, value: Some("last".into()), outcome }
    }
}

/// A watcher of one kind.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) name: String,
    pub(crate) target: &'a Target,
    pub(crate) after_index: u64,
    pub(crate) stream: bool,
    /// Whether the library reads the state where etcd's history is gone, or the test.
    pub(crate) resync: bool,
    pub(crate) position: Position,
    /// Whether its reader was told that no member can be reached.
    pub(crate) is_cut_off: AtomicBool,
}

impl<'a> Plan<'a> {
    /// With one event per request and in one stream, and each with and without a resync.
    pub(crate) fn of_all_kinds(target: &'a Target, after_index: u64) -> Vec<Plan<'a>> {
        let kinds = [(true, true), (true, false), (false, true), (false, false)];
        let plan = |(stream, resync)| Plan {
            name: format!("watcher of {}, stream: {stream}, resync: {resync}", target.key),
            target,
            after_index,
            stream,
            resync,
            position: Position::at(after_index),
            is_cut_off: AtomicBool::new(false),
        };
        kinds.into_iter().map(plan).collect()
    }

    fn watch(&self, client: &Client, after_index: u64) -> Watcher {
        let &Plan { stream, resync, target: Target { key, recursive, .. }, .. } = self;
        let options = Watch { after_index, recursive: *recursive, stream, resync, idle_timeout_ms: 1000 };
        client.watch(key, &options).expect("a watcher")
    }

    /// Reads until everything up to the last write is known.
    pub(crate) fn read(&self, client: &Client) -> Watched {
        let mut watcher = self.watch(client, self.after_index);
        let (mut seen, mut heard) = (Vec::new(), Instant::now());
        let until = loop {
            let until = self.target.last.load(Ordering::Relaxed);
            if until > 0 && self.position.get() >= until {
                break until;
            }
            let new = match watcher.next_within(ASK_MS) {
                Ok(event) if event.action_number == ETCD_ACTION_RESYNC => Seen::Resync { index: event.index },
                Ok(event) => event_seen(event),
                Err(failure) if failure.api_code == ETCD_API_EVENT_INDEX_CLEARED => {
                    let index = self.index_of_state(client);
                    watcher = self.watch(client, index);
                    Seen::Resync { index }
                }
                Err(failure) => {
                    self.assert_passing(&failure, heard.elapsed());
                    continue;
                }
            };
            heard = Instant::now();
            let (Seen::Event { index, .. } | Seen::Resync { index }) = new;
            self.position.0.fetch_max(index, Ordering::Relaxed);
            seen.push(new);
        };
        Watched { name: self.name.clone(), after_index: self.after_index, seen, until }
    }

    fn assert_passing(&self, failure: &Failure, silence: Duration) {
        let is_passing = [ETCD_ERR_CLUSTER, ETCD_ERR_DEADLINE_EXCEEDED].contains(&failure.status);
        self.is_cut_off.fetch_or(failure.status == ETCD_ERR_CLUSTER, Ordering::Relaxed);
        assert!(is_passing && silence < PATIENCE, "{} behind {:?}: {failure:?}", self.name, self.position);
    }

    /// Of the state that the test reads, no more than the index is of interest.
    fn index_of_state(&self, client: &Client) -> u64 {
        let everything = Get { recursive: self.target.recursive, sort: false, quorum: true };
        let started = Instant::now();
        loop {
            match client.get_with(None, &self.target.key, &everything) {
                Ok(state) => return state.index,
                Err(failure) if failure.api_code == ETCD_API_KEY_NOT_FOUND => return failure.api_index,
                Err(failure) => assert!(started.elapsed() < PATIENCE, "no state: {failure:?}"),
            }
            thread::yield_now();
        }
    }
}

fn event_seen(event: Response) -> Seen {
    let node = event.node.expect("a node");
    let is_gone =
        [ETCD_ACTION_DELETE, ETCD_ACTION_COMPARE_AND_DELETE, ETCD_ACTION_EXPIRE].contains(&event.action_number);
    Seen::Event { key: node.key, value: (!is_gone).then_some(node.value), index: node.modified_index }
}
