//! The load on our client, over the C API and with the settings that it has by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Delete, Failure, Get, Set, Watch, Watcher};

use crate::record::{Call, CallFailure, Event, Kind, SharedRecord, now};
use crate::subject::Plan;

/// The order in which a thread makes its calls, the same as in load.go.
const ORDER: [Kind; 6] = [Kind::Set, Kind::QuorumGet, Kind::Create, Kind::Get, Kind::Delete, Kind::Swap];

pub(crate) struct OurRun {
    stopped: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    watcher: Arc<Watcher>,
    watching: JoinHandle<()>,
    /// Dropped when the watcher is done.
    _clients: [Arc<Client>; 2],
}

impl OurRun {
    /// Starts the threads on the machine of the calling thread.
    pub(crate) fn start(plan: &Plan, record: &Arc<SharedRecord>) -> OurRun {
        let client = || {
            let config = || Config::new(&plan.endpoints).request_timeout_ms(plan.deadline_ms);
            Arc::new(Client::starting_at_first(config, &plan.first))
        };
        let (calling, watched, stopped) = (client(), client(), Arc::new(AtomicBool::new(false)));
        let options = Watch { after_index: plan.after_index, recursive: true, ..Watch::default() };
        let watcher = Arc::new(watched.watch(&format!("{}/written", plan.dir), &options).expect("a watcher"));
        let threads = (0..plan.threads).map(|number| {
            let mut thread = CallingThread::new(plan, &calling, number, record);
            let stopped = Arc::clone(&stopped);
            thread::spawn(move || thread.run(&stopped))
        });
        let threads = threads.collect();
        let watching = {
            let (watcher, record) = (Arc::clone(&watcher), Arc::clone(record));
            thread::spawn(move || watch(&watcher, &record))
        };
        OurRun { stopped, threads, watcher, watching, _clients: [calling, watched] }
    }

    pub(crate) fn stop(self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("no panic of a calling thread"));
        assert_eq!(self.watcher.stop(1000), ETCD_OK, "the watcher stops");
        self.watching.join().expect("no panic of the watching thread");
    }
}

fn watch(watcher: &Watcher, record: &SharedRecord) {
    loop {
        let next = watcher.next();
        let at = now();
        match next {
            Ok(event) => {
                let node = event.node.expect("a node");
                record.lock().events.push(Event { index: node.modified_index, value: node.value, at });
            }
            Err(failure) if failure.status == ETCD_ERR_CLOSED => return,
            Err(failure) => {
                record.lock().watch_failures.push((at, failure.message));
                // The writers stay far within etcd's history, so a client that has lost its place is at fault.
                if failure.api_code == ETCD_API_EVENT_INDEX_CLEARED {
                    return;
                }
            }
        }
    }
}

/// One call after another on keys of its own.
struct CallingThread {
    client: Arc<Client>,
    record: Arc<SharedRecord>,
    dir: String,
    pace: Duration,
    number: usize,
    calls: usize,
    /// The key that the last create made, where it is known to exist.
    created: Option<String>,
    /// The key that swaps change, and its index; None where it has to be made first.
    swapped: Option<(String, u64)>,
}

impl CallingThread {
    fn new(plan: &Plan, client: &Arc<Client>, number: usize, record: &Arc<SharedRecord>) -> CallingThread {
        CallingThread {
            client: Arc::clone(client),
            record: Arc::clone(record),
            dir: format!("{}/{number}", plan.calls),
            pace: Duration::from_millis(plan.pace_ms),
            number,
            calls: number,
            created: None,
            swapped: None,
        }
    }

    fn run(&mut self, stopped: &AtomicBool) {
        while !stopped.load(Ordering::Relaxed) {
            let next = Instant::now() + self.pace;
            let kind = ORDER[self.calls % ORDER.len()];
            if kind != Kind::Delete || self.created.is_some() {
                let started = now();
                let result = self.carry_out(kind);
                let call = Call { thread: self.number, kind, started, ended: now(), failure: result.err().map(told) };
                self.record.lock().calls.push(call);
            }
            self.calls += 1;
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }

    fn carry_out(&mut self, kind: Kind) -> Result<(), Failure> {
        let (own, value) = (self.key("own"), self.calls.to_string());
        let get = |quorum| match self.client.get_with(None, &own, &Get { quorum, ..Get::default() }) {
            // A thread may read before its first set.
            Err(failure) if failure.api_code == ETCD_API_KEY_NOT_FOUND => Ok(()),
            other => other.map(drop),
        };
        match kind {
            Kind::Set => self.client.set(&own, &value).map(drop),
            Kind::QuorumGet => get(true),
            Kind::Get => get(false),
            Kind::Create => {
                let key = self.key(&format!("created-{}", self.calls));
                let result = self.client.create(&key, &value).map(drop);
                self.created = result.is_ok().then_some(key);
                result
            }
            Kind::Delete => {
                let key = self.created.take().expect("a key that is known to exist");
                self.client.delete_with(None, &key, &Delete::default()).map(drop)
            }
            Kind::Swap => self.swap(&value),
        }
    }

    /// Goes on with another key after an error, for the write that failed may still happen to the old one.
    fn swap(&mut self, value: &str) -> Result<(), Failure> {
        let (key, done) = match self.swapped.take() {
            Some((key, prev_index)) => {
                let done = self.client.set_with(None, &key, value, &Set { prev_index, ..Set::default() });
                (key, done)
            }
            None => {
                let key = self.key(&format!("swapped-{}", self.calls));
                let done = self.client.create(&key, value);
                (key, done)
            }
        };
        self.swapped = Some((key, done?.node.expect("a node").modified_index));
        Ok(())
    }

    fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.dir)
    }
}

fn told(failure: Failure) -> CallFailure {
    let undecided = failure.outcome != ETCD_NOT_APPLIED;
    CallFailure {
        text: format!("status {}, outcome {}: {}", failure.status, failure.outcome, failure.detail),
        undecided,
    }
}
