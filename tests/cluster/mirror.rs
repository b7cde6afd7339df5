//! Copies of a prefix that stay identical to the server's while every member is killed and started again, the leader
//! too, under writes of all kinds: one in a C program, one in this process, where a lost event is named.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use etcd_test_harness::capi::response::*;
use etcd_test_harness::{Client, Delete, Failure, Get, Node, Response, Set, Watch, Watcher};
use etcd_test_support::{EtcdCluster, Oracle, stage, transport, wait_until};

use crate::faults::cluster;
use crate::load::{StopWhenDropped, kill_members_one_by_one};

const WRITERS: usize = 3;
/// How far the reader may be behind before the writers wait for it; the history holds 1000 events.
const NEAR: usize = 300;
const PATIENCE_MS: i64 = 30_000;

/// Every value of a tree, with the index of its last change.
type Values = BTreeMap<String, (String, u64)>;

/// Keeps its part of the tree moving until it is told to stop. Gives the index of each write that was acknowledged.
fn write(
    client: &Client,
    dir: &str,
    stop: &AtomicBool,
    before_each: impl Fn(usize),
    progress: &AtomicUsize,
) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    for number in (0usize..).take_while(|_| !stop.load(Ordering::Relaxed)) {
        before_each(progress.load(Ordering::Relaxed));
        let (key, value) = (format!("{dir}/sub-{}/{}", number % 2, number % 5), number.to_string());
        let written = match number % 12 {
            5 => client.set_with(None, &key, &value, &Set { ttl_ms: Some(1000), ..Set::default() }),
            7 => client.delete(&key),
            8 => client.create(&key, &value),
            9 => client.update(&key, &value),
            10 => swap(client, &key, &value),
            11 if number % 36 == 11 => {
                client.delete_with(None, &format!("{dir}/sub-1"), &Delete { recursive: true, ..Delete::default() })
            }
            _ => client.set(&key, &value),
        };
        if let Ok(written) = written {
            acknowledged.push(written.node.expect("a node").modified_index);
            progress.fetch_add(1, Ordering::Relaxed);
        }
    }
    acknowledged
}

fn swap(client: &Client, key: &str, value: &str) -> Result<Response, Failure> {
    let prev_index = client.get(key)?.node.expect("a node").modified_index;
    client.set_with(None, key, value, &Set { prev_index, ..Set::default() })
}

/// All members healthy again, and nothing left that will expire by itself. (A key that is overdue has no "ttl".)
fn settle(cluster: &EtcdCluster, prefix: &str) {
    cluster.wait_healthy();
    let oracle = Oracle::new(cluster[0].endpoint());
    wait_until("no key with a TTL is left", || {
        !oracle.get(&format!("/v2/keys{prefix}?recursive=true&quorum=true")).text().contains("\"expiration\"")
    });
}

fn values_below(node: &Node, values: &mut Values) {
    if !node.is_dir {
        values.insert(node.key.clone(), (node.value.clone(), node.modified_index));
    }
    node.children.iter().for_each(|child| values_below(child, values));
}

fn values_of(client: &Client, prefix: &str) -> Values {
    let everything = Get { recursive: true, sort: true, quorum: true };
    let mut values = Values::new();
    values_below(&client.get_with(None, prefix, &everything).expect("get").node.expect("a node"), &mut values);
    values
}

/// Runs the writers while members die; `before_each` is called before each write with the number of those that were
/// acknowledged so far. Gives the acknowledged indexes.
fn under_load(cluster: &EtcdCluster, client: &Client, prefix: &str, before_each: impl Fn(usize) + Sync) -> Vec<u64> {
    let (stop, progress) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (stop, progress, before_each) = (&stop, &progress, &before_each);
    thread::scope(|scope| {
        let stopping = StopWhenDropped(stop);
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| {
                scope.spawn(move || write(client, &format!("{prefix}/{number}"), stop, before_each, progress))
            })
            .collect();
        kill_members_one_by_one(cluster, progress);
        drop(stopping);
        writers.into_iter().flat_map(|writer| writer.join().expect("a writer")).collect()
    })
}

/// A copy that is built of events, and whatever did not fit to it.
#[derive(Default)]
struct Mirror {
    values: Values,
    indexes: Vec<u64>,
    surprises: Vec<String>,
}

impl Mirror {
    fn apply(&mut self, event: &Response) {
        let node = event.node.as_ref().expect("a node");
        if self.indexes.last().is_some_and(|last| *last >= node.modified_index) {
            self.surprises.push(format!("not in order after {:?}: {event:?}", self.indexes.last()));
        }
        self.indexes.push(node.modified_index);
        let before = event.prev_node.as_ref().filter(|node| !node.is_dir);
        let known = self.values.get(&node.key);
        if known != before.map(|node| (node.value.clone(), node.modified_index)).as_ref() {
            self.surprises.push(format!("{known:?} was known before {event:?}"));
        }
        match event.action_number {
            ETCD_ACTION_DELETE | ETCD_ACTION_COMPARE_AND_DELETE | ETCD_ACTION_EXPIRE => {
                let below = format!("{}/", node.key);
                self.values.retain(|key, _| *key != node.key && !key.starts_with(&below));
            }
            _ if node.is_dir => {}
            _ => {
                self.values.insert(node.key.clone(), (node.value.clone(), node.modified_index));
            }
        }
    }
}

/// Follows the tree until `prefix/end` is set; what is not an event is a surprise.
fn mirror(watcher: &Watcher, start: Values, end: &str, seen: &AtomicUsize) -> Mirror {
    let mut mirror = Mirror { values: start, ..Mirror::default() };
    while !mirror.values.contains_key(end) {
        match watcher.next_within(PATIENCE_MS) {
            Ok(event) if event.action_number == ETCD_ACTION_RESYNC => {
                mirror.surprises.push(format!("a resync at {}", event.index));
                mirror.values.clear();
                event.node.iter().for_each(|node| values_below(node, &mut mirror.values));
            }
            Ok(event) => mirror.apply(&event),
            Err(failure) => mirror.surprises.push(format!("{failure:?}")),
        }
        seen.fetch_add(1, Ordering::Relaxed);
        assert!(mirror.surprises.len() < 20, "{:#?}", mirror.surprises);
    }
    mirror
}

#[test]
fn a_watch_of_a_tree_loses_nothing_while_every_member_is_restarted() {
    let guard = cluster();
    let cluster = guard.as_ref().expect("a cluster");
    let client = Client::of_all(&cluster.endpoints());
    let prefix = "/mirror-tree";
    let start = client.set(&format!("{prefix}/start"), "").expect("set").index;
    client.set(&format!("{prefix}/quiet"), "first").expect("set");
    let recursive = Watch { after_index: start - 1, recursive: true, resync: true, ..Watch::default() };
    let tree = client.watch(prefix, &recursive).expect("a watcher");
    let quiet = client.watch(&format!("{prefix}/quiet"), &Watch { after_index: start, ..Watch::default() });
    let quiet = quiet.expect("a watcher");

    let seen = AtomicUsize::new(0);
    let near = |written| {
        // The quiet watch must find the time to move forward between any two restarts.
        thread::sleep(Duration::from_millis(15));
        wait_until("the reader keeps up", || written < seen.load(Ordering::Relaxed) + NEAR);
    };
    let end = format!("{prefix}/end");
    let (mirrored, acknowledged) = thread::scope(|scope| {
        let reader = scope.spawn(|| mirror(&tree, Values::new(), &end, &seen));
        assert_eq!(quiet.next_within(PATIENCE_MS).expect("an event").value(), "first");
        let acknowledged = under_load(cluster, &client, prefix, near);
        client.set(&format!("{prefix}/quiet"), "second").expect("set");
        settle(cluster, prefix);
        client.set(&end, "").expect("set");
        (reader.join().expect("no panic"), acknowledged)
    });

    assert_eq!(mirrored.surprises, Vec::<String>::new(), "of {} events", mirrored.indexes.len());
    assert_eq!(mirrored.values, values_of(&client, prefix));
    let lost: Vec<_> = acknowledged.iter().filter(|index| mirrored.indexes.binary_search(index).is_err()).collect();
    assert!(lost.is_empty(), "lost of {} acknowledged writes: {lost:?}", acknowledged.len());
    assert_eq!(quiet.next_within(PATIENCE_MS).expect("an event").value(), "second", "a quiet watch beside the load");
}

#[test]
fn the_example_mirror_stays_identical_while_every_member_is_restarted() {
    let guard = cluster();
    let cluster = guard.as_ref().expect("a cluster");
    let client = Client::of_all(&cluster.endpoints());
    let prefix = "/mirror-example";
    let program = stage::compile_c("examples-c/mirror.c", &["-pthread"]);
    let (environment, limit) = (transport::environment(&cluster.endpoints()), Duration::from_secs(150));
    let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();

    let output = thread::scope(|scope| {
        let mirror = scope.spawn(|| stage::run(&program, &[prefix], &environment, limit));
        // About as fast as a program writes that does something else as well.
        under_load(cluster, &client, prefix, |_| thread::sleep(Duration::from_millis(5)));
        settle(cluster, prefix);
        client.set(&format!("{prefix}/end"), "").expect("set");
        mirror.join().expect("no panic")
    });

    let words = stage::text_of(&output);
    assert!(output.status.success(), "{words}");
    assert!(words.contains(" 0 resyncs, 0 errors, ") && words.contains(" 0 differences"), "{words}");
}
