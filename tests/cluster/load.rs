//! Members killed and started again, the leader too, under a running load of all kinds of calls over one client.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Failure, Set};
use etcd_test_support::{EtcdCluster, Oracle, wait_until};

use crate::faults::{QUORUM, cluster};

const WRITERS: usize = 3;
const CREATORS: usize = 2;
/// Sets that must be acknowledged between any two changes, so that each meets a running load.
const ENOUGH: usize = 100;

/// One thread that sets its own key to increasing numbers, and reads it with quorum after each.
#[derive(Debug, Default)]
struct Written {
    attempted: u64,
    acknowledged: u64,
    /// Reads that gave an older number than the last acknowledged one: (acknowledged, read).
    stale: Vec<(u64, u64)>,
    failures: Vec<Failure>,
    /// What a member said at the end, through the quorum.
    at_the_end: Option<String>,
}

/// In-order creates and compare-and-swaps, by their outcome.
#[derive(Debug, Default)]
struct OneShots {
    acknowledged: Vec<String>,
    failed: Vec<(String, Failure)>,
}

#[derive(Debug, Default)]
struct Report {
    written: Vec<Written>,
    reads: usize,
    failed_reads: Vec<Failure>,
    created: OneShots,
    /// How often each value was in the directory at the end.
    entries: BTreeMap<String, usize>,
    swapped: OneShots,
    counter: u64,
}

/// The one run, whose results the tests look at.
fn report() -> &'static Report {
    static REPORT: OnceLock<Report> = OnceLock::new();
    REPORT.get_or_init(|| run(cluster().as_ref().expect("a cluster")))
}

/// Ends the load, also when the thread that drives it panics.
pub(crate) struct StopWhenDropped<'a>(pub(crate) &'a AtomicBool);

impl Drop for StopWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn run(cluster: &EtcdCluster) -> Report {
    let (client, stop, progress) = (Client::of_all(&cluster.endpoints()), AtomicBool::new(false), AtomicUsize::new(0));
    let (client, stop, progress) = (&client, &stop, &progress);
    for name in ["/load-counter"].into_iter().map(String::from).chain((0..WRITERS).map(key)) {
        client.set(&name, "0").expect("before the faults");
    }
    let mut report = thread::scope(|scope| {
        let writers: Vec<_> =
            (0..WRITERS).map(|number| scope.spawn(move || write(client, &key(number), stop, progress))).collect();
        let creators: Vec<_> = (0..CREATORS).map(|number| scope.spawn(move || create(client, number, stop))).collect();
        let swapper = scope.spawn(|| swap(client, stop));
        let reader = scope.spawn(|| read(client, stop));
        let stopping = StopWhenDropped(stop);
        kill_members_one_by_one(cluster, progress);
        drop(stopping);
        let (reads, failed_reads) = reader.join().expect("the reader");
        let mut created = OneShots::default();
        for creator in creators {
            let OneShots { acknowledged, failed } = creator.join().expect("a creator");
            created.acknowledged.extend(acknowledged);
            created.failed.extend(failed);
        }
        Report {
            written: writers.into_iter().map(|writer| writer.join().expect("a writer")).collect(),
            swapped: swapper.join().expect("the swapper"),
            created,
            reads,
            failed_reads,
            ..Report::default()
        }
    });
    cluster.wait_healthy();
    let oracle = Oracle::new(cluster[0].endpoint());
    for (number, written) in report.written.iter_mut().enumerate() {
        written.at_the_end = oracle.value_by_quorum(&key(number));
    }
    report.counter = oracle.value_by_quorum("/load-counter").and_then(|value| value.parse().ok()).expect("a number");
    let queue = oracle.get("/v2/keys/load-queue?quorum=true").json();
    for node in queue["node"]["nodes"].as_array().expect("entries") {
        *report.entries.entry(node["value"].as_str().expect("a value").to_owned()).or_default() += 1;
    }
    report
}

/// Each member once, and the leader in any case; the others can always decide.
pub(crate) fn kill_members_one_by_one(cluster: &EtcdCluster, progress: &AtomicUsize) {
    let go_on = |when: &str| {
        let wanted = progress.load(Ordering::Relaxed) + ENOUGH;
        wait_until(&format!("acknowledged sets {when}"), || progress.load(Ordering::Relaxed) >= wanted);
    };
    go_on("before the faults");
    for victim in [None, Some(0), Some(1), Some(2), None] {
        let victim = victim.unwrap_or_else(|| cluster.leader());
        cluster[victim].kill();
        go_on("with a dead member");
        cluster[victim].start_again();
        cluster.wait_healthy();
        go_on("with all members");
    }
}

fn key(writer: usize) -> String {
    format!("/load-{writer}")
}

fn write(client: &Client, key: &str, stop: &AtomicBool, progress: &AtomicUsize) -> Written {
    let mut written = Written::default();
    while !stop.load(Ordering::Relaxed) {
        written.attempted += 1;
        match client.set(key, &written.attempted.to_string()) {
            Ok(_) => {
                written.acknowledged = written.attempted;
                progress.fetch_add(1, Ordering::Relaxed);
            }
            Err(failure) => written.failures.push(failure),
        }
        match client.get_with(None, key, &QUORUM).map(|got| got.value().parse().expect("a number")) {
            Ok(seen) if seen < written.acknowledged => written.stale.push((written.acknowledged, seen)),
            Ok(_) => (),
            Err(failure) => written.failures.push(failure),
        }
    }
    written
}

fn read(client: &Client, stop: &AtomicBool) -> (usize, Vec<Failure>) {
    let (mut reads, mut failures) = (0, Vec::new());
    while !stop.load(Ordering::Relaxed) {
        reads += 1;
        failures.extend(client.get(&key(reads % WRITERS)).err());
    }
    (reads, failures)
}

fn create(client: &Client, creator: usize, stop: &AtomicBool) -> OneShots {
    let mut created = OneShots::default();
    for value in (0..).map(|number| format!("{creator}-{number}")).take_while(|_| !stop.load(Ordering::Relaxed)) {
        match client.create_in_order("/load-queue", &value, None) {
            Ok(_) => created.acknowledged.push(value),
            Err(failure) => created.failed.push((value, failure)),
        }
    }
    created
}

/// Adds one to a counter, again and again, if nobody else has changed it since it was read.
fn swap(client: &Client, stop: &AtomicBool) -> OneShots {
    let mut swapped = OneShots::default();
    while !stop.load(Ordering::Relaxed) {
        let Ok(current) = client.get_with(None, "/load-counter", &QUORUM) else { continue };
        let node = current.node.expect("a node");
        let next = (node.value.parse::<u64>().expect("a number") + 1).to_string();
        match client.set_with(None, "/load-counter", &next, &Set { prev_index: node.modified_index, ..Set::default() })
        {
            Ok(_) => swapped.acknowledged.push(next),
            // A swap of this thread that was undecided came in between.
            Err(failure) if failure.api_code == ETCD_API_COMPARE_FAILED => (),
            Err(failure) => swapped.failed.push((next, failure)),
        }
    }
    swapped
}

#[test]
fn no_acknowledged_write_is_lost_when_members_are_killed() {
    for (number, written) in report().written.iter().enumerate() {
        assert!(written.acknowledged as usize > ENOUGH, "a running load: {written:?}");
        assert_eq!(written.stale, [], "writer {number}: a quorum get saw an older number than an acknowledged one");
        let end: u64 = written.at_the_end.as_deref().and_then(|value| value.parse().ok()).expect("a number");
        assert!(
            (written.acknowledged..=written.attempted).contains(&end),
            "writer {number}: {end} at the end of {written:?}"
        );
    }
}

#[test]
fn no_set_and_no_get_fails_while_a_majority_lives() {
    for (number, written) in report().written.iter().enumerate() {
        assert_eq!(written.failures, [], "writer {number} of {} sets", written.attempted);
    }
    assert!(report().reads > ENOUGH);
    assert_eq!(report().failed_reads, [], "of {} reads", report().reads);
}

#[test]
fn an_in_order_create_happens_once_or_says_that_it_may_have_happened() {
    let Report { created, entries, .. } = report();
    assert!(created.acknowledged.len() > ENOUGH, "a running load");
    for value in &created.acknowledged {
        assert_eq!(entries.get(value), Some(&1), "{value} was acknowledged");
    }
    for (value, failure) in &created.failed {
        assert_eq!(failure.outcome, ETCD_MAYBE_APPLIED, "{value} could have been sent elsewhere: {failure:?}");
        let count = entries.get(value).copied().unwrap_or(0);
        assert!(count <= 1, "{value} is there {count} times: {failure:?}");
    }
    let known = created.acknowledged.iter().chain(created.failed.iter().map(|(value, _)| value)).collect::<Vec<_>>();
    assert!(entries.keys().all(|value| known.contains(&value)), "nothing is there that nobody sent");
}

#[test]
fn a_compare_and_swap_happens_once_or_says_that_it_may_have_happened() {
    let Report { swapped, counter, .. } = report();
    assert!(swapped.acknowledged.len() > ENOUGH, "a running load");
    for (value, failure) in &swapped.failed {
        assert_eq!(failure.outcome, ETCD_MAYBE_APPLIED, "{value} could have been sent elsewhere: {failure:?}");
    }
    let acknowledged = swapped.acknowledged.len() as u64;
    let possible = acknowledged..=acknowledged + swapped.failed.len() as u64;
    assert!(possible.contains(counter), "{counter} is not in {possible:?}");
}
