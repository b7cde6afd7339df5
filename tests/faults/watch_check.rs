//! Watchers on all members see each acknowledged write once and in order, whatever happens to the cluster.

use std::sync::atomic::AtomicBool;
use std::thread;

use etcd_test_checker::watch_events::{Seen, Watched, Write, check};
use etcd_test_harness::{Client, Config};
use etcd_test_support::{Laboratory, Oracle};

use crate::client_log::logging;
use crate::faults::{Progress, StopWhenDropped, drive};
use crate::laboratory::laboratory;
use crate::schedule::{ALL, Lasts, NETWORK, Step, Victim, schedule};
use crate::settings::{REQUEST_TIMEOUT_MS, Seed};
use crate::watchers::{NEAR, Plan, Position, Target, busy_key, quiet_key, write};

const WRITERS: usize = 3;

fn config(endpoints: &[String]) -> Config {
    logging(Config::new(endpoints).request_timeout_ms(REQUEST_TIMEOUT_MS))
}

/// The index of a write that all watchers begin behind.
pub(crate) fn start_of_watches(dir: &str, endpoint: &str) -> u64 {
    let started = Oracle::new(endpoint).set(&format!("{dir}/start"), "").json();
    started["node"]["modifiedIndex"].as_u64().expect("an index")
}

/// What one run has left: the writes, and what the watchers of each target saw.
pub(crate) struct Seeing<'a> {
    pub(crate) writes: Vec<Write>,
    pub(crate) watched: Vec<(&'a Target, Watched)>,
}

/// Each target's watchers saw the writes to it.
pub(crate) fn assert_seen(targets: &[Target], Seeing { writes, watched }: &Seeing<'_>) {
    for target in targets {
        let of_target = |(its, watched): &(&Target, Watched)| std::ptr::eq(*its, target).then(|| watched.clone());
        let watched: Vec<_> = watched.iter().filter_map(of_target).collect();
        let writes: Vec<_> = writes.iter().filter(|write| target.covers(write)).cloned().collect();
        let seen = || watched.iter().flat_map(|watched| &watched.seen);
        let resyncs = seen().filter(|seen| matches!(seen, Seen::Resync { .. })).count();
        let (count, watchers, key) = (writes.len(), watched.len(), &target.key);
        println!("{key}: {count} writes, {} seen by {watchers} watchers, {resyncs} resyncs", seen().count() - resyncs);
        check(&writes, &watched).unwrap_or_else(|violations| panic!("{violations}"));
    }
}

fn run<'a>(cluster: &Laboratory, dir: &str, targets: &'a [Target], steps: impl Iterator<Item = Step>) -> Seeing<'a> {
    let endpoints = cluster.endpoints();
    let start = start_of_watches(dir, &endpoints[0]);
    let plans: Vec<_> = targets.iter().flat_map(|target| Plan::of_all_kinds(target, start)).collect();
    let everything: Vec<&Position> =
        plans.iter().filter(|plan| plan.target.recursive).map(|plan| &plan.position).collect();
    let (client, stop, progress) = (config(&endpoints).build(), AtomicBool::new(false), Progress::of(WRITERS));
    thread::scope(|scope| {
        let (client, stop, progress, everything) = (&client, &stop, &progress, &everything);
        let read = |(number, plan): (usize, &'_ Plan<'a>)| {
            let client = Client::starting_at_first(|| config(&endpoints), &endpoints[number % endpoints.len()]);
            (plan.target, plan.read(&client))
        };
        let readers: Vec<_> = plans.iter().enumerate().map(|plan| scope.spawn(move || read(plan))).collect();
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| scope.spawn(move || write(client, dir, number, everything, progress, stop)))
            .collect();
        let stopping = StopWhenDropped(stop);
        drive(cluster, client, steps, progress);
        drop(stopping);
        let mut writes: Vec<_> = writers.into_iter().flat_map(|writer| writer.join().expect("no panic")).collect();
        writes.extend(targets.iter().map(|target| target.write_last(client)));
        let watched = readers.into_iter().map(|reader| reader.join().expect("no panic")).collect();
        Seeing { writes, watched }
    })
}

/// The writers wait for a watcher that is farther behind than [`NEAR`], so that each has to get over the fault.
fn until_it_is_noticed(step: Step) -> Step {
    let stops_nothing = step.fault.victim != Victim::Majority && !step.fault.kind.slows();
    let lasts = if stops_nothing { Lasts::Writes(NEAR as usize * 3 / 2) } else { step.lasts };
    Step { lasts, ..step }
}

#[test]
fn every_watcher_sees_each_acknowledged_write_once_and_in_order_under_all_faults() {
    let (laboratory, seed, dir) = (laboratory(), Seed::choose("watchers"), "/watched");
    let keys = [(dir.to_owned(), true), (busy_key(dir, 0), false), (quiet_key(dir, 1), false)];
    let targets = keys.map(|(key, recursive)| Target::new(key, recursive));
    // A short run sees some of these, which are what a watch is the last to notice.
    let steps = schedule(seed, NETWORK).take(NETWORK.len()).map(until_it_is_noticed).chain(schedule(seed, ALL));
    let seeing = laboratory.in_client_namespace(|| run(&laboratory, dir, &targets, steps));
    assert!(seeing.writes.len() > 200, "a running load: {}", seeing.writes.len());
    assert_seen(&targets, &seeing);
}
