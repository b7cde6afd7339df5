//! What the tests of watches share: a scripted server that plays an etcd, piece by piece.

use std::time::{Duration, Instant};

use etcd_test_harness::{Client, Config, Failure, Response, Watch, Watcher};
use etcd_test_support::{Reply, Request};

pub(crate) const PATIENCE_MS: i64 = 20_000;

/// The key that a member is asked for when it has been silent.
const ABSENT_KEY: &str = "/v2/keys/_etcd_client_is_this_member_alive";

/// The line of an event.
pub(crate) fn event(index: u64) -> String {
    event_of("/k", &format!("v{index}"), index)
}

pub(crate) fn event_of(key: &str, value: &str, index: u64) -> String {
    format!(
        "{{\"action\":\"set\",\"node\":{{\"key\":\"{key}\",\"value\":\"{value}\",\"modifiedIndex\":{index},\"createdIndex\":{index}}}}}\n"
    )
}

/// A stream that begins when the store has `index`, brings these events and stays open.
pub(crate) fn stream(index: u64, events: &[String]) -> Reply {
    head(index).unfinished_chunks(events.to_vec())
}

/// The head of the answer to a watch.
pub(crate) fn head(index: u64) -> Reply {
    Reply::etcd(200, index, "")
}

/// One event in an answer of its own.
pub(crate) fn one(index: u64) -> Reply {
    head(index).chunks([event(index)])
}

pub(crate) fn refusal(status: u16, code: i32, index: u64) -> Reply {
    let body = format!("{{\"errorCode\":{code},\"message\":\"no\",\"cause\":\"why\",\"index\":{index}}}\n");
    Reply::etcd(status, index, &body)
}

pub(crate) fn is_watch(request: &Request) -> bool {
    request.query().contains("wait=true")
}

pub(crate) fn is_check(request: &Request) -> bool {
    request.path() == ABSENT_KEY
}

/// What a living member of a store at `index` says when it is asked whether it is alive.
pub(crate) fn alive(index: u64) -> Reply {
    refusal(404, 100, index)
}

/// The index that a watch asks for.
pub(crate) fn wait_index(request: &Request) -> u64 {
    let pairs = request.query_pairs();
    let (_, index) = pairs.iter().find(|(name, _)| name == "waitIndex").expect("a waitIndex");
    index.parse().expect("a number")
}

pub(crate) fn wait_indexes(requests: &[Request]) -> Vec<u64> {
    requests.iter().filter(|request| is_watch(request)).map(wait_index).collect()
}

pub(crate) fn after(index: u64) -> Watch {
    Watch { after_index: index, ..Watch::default() }
}

pub(crate) fn watch(client: &Client, watch: &Watch) -> Watcher {
    client.watch("/k", watch).expect("a watcher")
}

pub(crate) fn next(watcher: &Watcher) -> Response {
    watcher.next_within(PATIENCE_MS).expect("an event")
}

pub(crate) fn fails(watcher: &Watcher) -> Failure {
    watcher.next_within(PATIENCE_MS).expect_err("a failure")
}

/// The indexes of the next events.
pub(crate) fn indexes(watcher: &Watcher, count: usize) -> Vec<u64> {
    (0..count).map(|_| next(watcher).node.expect("a node").modified_index).collect()
}

/// A client that starts at the first of these.
pub(crate) fn starting_at_first(endpoints: &[String]) -> Client {
    Client::starting_at_first(|| Config::new(endpoints), &endpoints[0])
}

/// Calls `next` again and again for so long, and gives the failures.
pub(crate) fn failures_for(watcher: &Watcher, time: Duration, each_ms: i64) -> Vec<Failure> {
    let until = Instant::now() + time;
    let mut failures = Vec::new();
    while Instant::now() < until {
        failures.push(watcher.next_within(each_ms).expect_err("no event"));
    }
    failures
}
