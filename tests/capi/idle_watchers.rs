//! What thousands of watchers cost a process that waits for their events.

use etcd_test_harness::{Client, Watch, Watcher};
use etcd_test_support::{EtcdServer, wait_until};

use crate::alone::{descriptors, in_a_process_of_its_own};

const WATCHERS: usize = 2000;

/// More connections than the first watch can have left over.
const IDLE: usize = 8;

/// It is half of that; ten thousand watchers are to fit into 100 MB.
const MOST_BYTES_EACH: usize = 9 << 10;

fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("the status of this process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its size");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}

/// Starts a watch; its first event is awaited later.
fn started(client: &Client, key: &str, after_index: u64) -> Watcher {
    let watcher = client.watch(key, &Watch { after_index, ..Watch::default() }).expect("a watcher");
    watcher.next_within(1).expect_err("nothing has happened");
    watcher
}

fn assert_small(before: usize, when: &str) {
    let each = resident_bytes().saturating_sub(before) / WATCHERS;
    println!("{each} bytes for each watcher, {when}");
    assert!(each < MOST_BYTES_EACH, "{each} bytes for each of {WATCHERS} watchers, {when}");
}

#[test]
fn an_idle_watcher_costs_little_memory_before_and_after_its_events() {
    in_a_process_of_its_own("idle_watchers::an_idle_watcher_costs_little_memory_before_and_after_its_events", || {
        let server = EtcdServer::start();
        let client = Client::of(&server.endpoint());
        let index = client.set("/watched", "zero").expect("set").index;
        let _first = started(&client, "/first", index);
        client.set("/another", "v").expect("set");
        let (before, descriptors_before) = (resident_bytes(), descriptors());
        let watchers: Vec<_> = (0..WATCHERS).map(|_| started(&client, "/watched", index)).collect();
        // Some may have taken a connection that was idle before.
        wait_until("every watch has its connection", || descriptors() + IDLE >= descriptors_before + WATCHERS);
        assert_small(before, "idle");
        for value in ["one", "two", "three"] {
            client.set("/watched", value).expect("set");
            for watcher in &watchers {
                assert_eq!(watcher.next_within(20_000).expect("an event").value(), value);
            }
        }
        assert_small(before, "after three events for each");
    });
}
