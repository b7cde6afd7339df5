//! Watchers on all members see each acknowledged write once and in order, while members are killed and frozen.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use etcd_test_checker::watch_events::{Outcome, Seen, Watched, Write, check};
use etcd_test_harness::{Client, Config};
use etcd_test_support::Oracle;

use crate::faults::{Faulty, KILLS_AND_FREEZES, Progress, StopWhenDropped, drive, schedule};
use crate::loopback::cluster;
use crate::settings::{REQUEST_TIMEOUT_MS, Seed};
use crate::watchers::{Plan, Position, write};

const WRITERS: usize = 3;
const DIR: &str = "/watched";

/// Two watchers that begin at each member, of both kinds.
fn plans(cluster: &dyn Faulty, after_index: u64) -> Vec<(Plan, Client)> {
    let plan = |number: usize, endpoint: &str| {
        let (stream, resync) = (number.is_multiple_of(2), number.is_multiple_of(3));
        let name = format!("watcher {number}, stream: {stream}, resync: {resync}");
        let config = || Config::new(&cluster.endpoints()).request_timeout_ms(REQUEST_TIMEOUT_MS);
        (Plan { name, dir: DIR.into(), after_index, stream, resync }, Client::starting_at_first(config, endpoint))
    };
    let endpoints = cluster.endpoints();
    let twice = endpoints.iter().flat_map(|endpoint| [endpoint, endpoint]);
    twice.enumerate().map(|(number, endpoint)| plan(number, endpoint)).collect()
}

/// One last write, which every watcher has to get to; the cluster is healthy, and nothing happens to it any more.
fn write_last(client: &Client) -> (Write, u64) {
    let (key, value) = (format!("{DIR}/last"), String::new());
    let index = client.create(&key, &value).expect("a healthy cluster").node.expect("a node").modified_index;
    (Write { key, value: Some(value), outcome: Outcome::Acknowledged { index, repeated: false } }, index)
}

fn run(cluster: &dyn Faulty, seed: Seed) -> (Vec<Write>, Vec<Watched>) {
    let start = Oracle::new(&cluster.endpoints()[0]).set(&format!("{DIR}/start"), "").json()["node"]["modifiedIndex"]
        .as_u64()
        .expect("an index");
    let plans = plans(cluster, start);
    let positions: Vec<_> = plans.iter().map(|_| Position::at(start)).collect();
    let client = Config::new(&cluster.endpoints()).request_timeout_ms(REQUEST_TIMEOUT_MS).build();
    let (stop, last, progress) = (AtomicBool::new(false), AtomicU64::new(0), Progress::of(WRITERS));
    thread::scope(|scope| {
        let (client, stop, last, progress, positions) = (&client, &stop, &last, &progress, &positions);
        let readers: Vec<_> = plans
            .iter()
            .zip(positions)
            .map(|((plan, client), position)| scope.spawn(move || plan.read(client, position, last)))
            .collect();
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| scope.spawn(move || write(client, DIR, number, positions, progress, stop)))
            .collect();
        let stopping = StopWhenDropped(stop);
        drive(cluster, client, schedule(seed, KILLS_AND_FREEZES), progress);
        drop(stopping);
        let mut writes: Vec<_> = writers.into_iter().flat_map(|writer| writer.join().expect("no panic")).collect();
        let (write, index) = write_last(client);
        writes.push(write);
        last.store(index, Ordering::Relaxed);
        (writes, readers.into_iter().map(|reader| reader.join().expect("no panic")).collect())
    })
}

#[test]
fn every_watcher_sees_each_acknowledged_write_once_and_in_order_while_members_are_killed_and_frozen() {
    let guard = cluster();
    let seed = Seed::choose("watchers");
    let (writes, watchers) = run(guard.as_ref().expect("a cluster"), seed);
    let resyncs = watchers.iter().flat_map(|watched| &watched.seen).filter(|seen| matches!(seen, Seen::Resync { .. }));
    println!("{} writes, {} resyncs of {} watchers", writes.len(), resyncs.count(), watchers.len());
    assert!(writes.len() > 200, "a running load: {}", writes.len());
    check(&writes, &watchers).unwrap_or_else(|violations| panic!("{violations}"));
}
