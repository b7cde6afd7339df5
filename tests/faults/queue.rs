//! Threads that create entries in order, and what is in the directory at the end.

use std::sync::atomic::{AtomicBool, Ordering};

use etcd_test_checker::Clock;
use etcd_test_checker::in_order_queue::{Create, Entry, Outcome};
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Get};

/// One thread's creates, until it is told to stop.
pub(crate) fn create(client: &Client, dir: &str, thread: usize, clock: Clock, stop: &AtomicBool) -> Vec<Create> {
    let one = |number: usize| {
        let value = format!("{thread}-{number}");
        let start = clock.now();
        let result = client.create_in_order(dir, &value, None);
        let end = clock.now();
        let outcome = match result {
            Ok(created) => Outcome::Acknowledged { key: created.node.expect("a node").key },
            Err(failure) if failure.outcome == ETCD_NOT_APPLIED => Outcome::NotApplied,
            Err(failure) if failure.outcome == ETCD_MAYBE_APPLIED => Outcome::Maybe,
            Err(failure) => panic!("applied, and no answer that tells the key: {failure:?}"),
        };
        Create { value, start, end, outcome }
    };
    (0..).take_while(|_| !stop.load(Ordering::Relaxed)).map(one).collect()
}

pub(crate) fn entries(client: &Client, dir: &str) -> Vec<Entry> {
    let everything = Get { recursive: true, sort: true, quorum: true };
    let directory = client.get_with(None, dir, &everything).expect("the cluster is healthy").node.expect("a node");
    directory.children.into_iter().map(|node| Entry { key: node.key, value: node.value }).collect()
}
