//! Watches on a real etcd: what they bring, from where, and in which order.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use etcd_test_harness::capi::response::*;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Delete, Failure, Response, Set, Watch, Watcher};
use etcd_test_support::{EtcdServer, Oracle, wait_until};

const PATIENCE_MS: i64 = 20_000;

fn next(watcher: &Watcher) -> Response {
    watcher.next_within(PATIENCE_MS).expect("an event")
}

/// Waits for the first event in a second thread, and goes on when the watch is registered at the server.
fn after_registration<T>(server: &EtcdServer, watcher: &Watcher, body: impl FnOnce() -> T) -> (Response, T) {
    let before = watchers_of(server);
    thread::scope(|scope| {
        let event = scope.spawn(|| next(watcher));
        wait_until("the watch is registered", || watchers_of(server) > before);
        let result = body();
        (event.join().expect("no panic"), result)
    })
}

/// The number of watchers that the server has right now.
fn watchers_of(server: &EtcdServer) -> u64 {
    let stats = Oracle::new(server.endpoint()).request("GET", "/v2/stats/store", &[]).json();
    stats["watchers"].as_u64().expect("a count")
}

fn recursive_after(after_index: u64) -> Watch {
    Watch { after_index, recursive: true, ..Watch::default() }
}

#[test]
fn every_kind_of_change_is_an_event_with_what_was_there_before() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    let start = client.set("/start", "").expect("set").index;
    client.set("/w/a", "1").expect("set");
    client.create("/w/b", "2").expect("create");
    client.update("/w/a", "3").expect("update");
    let swap = Set { prev_value: Some("3"), ..Set::default() };
    client.set_with(None, "/w/a", "4", &swap).expect("compare-and-swap");
    let compare = Delete { prev_value: Some("4"), ..Delete::default() };
    client.delete_with(None, "/w/a", &compare).expect("compare-and-delete");
    client.delete("/w/b").expect("delete");
    client.set_with(None, "/w/c", "5", &Set { ttl_ms: Some(1000), ..Set::default() }).expect("set with TTL");

    let watcher = client.watch("/w", &recursive_after(start)).expect("a watcher");
    let seen: Vec<_> = (0..8)
        .map(|_| {
            let event = next(&watcher);
            let (node, before) = (event.node.expect("a node"), event.prev_node.map(|node| node.value));
            (event.action, node.key, node.value, before, node.modified_index)
        })
        .collect();
    let expected = [
        ("set", "/w/a", "1", None),
        ("create", "/w/b", "2", None),
        ("update", "/w/a", "3", Some("1")),
        ("compareAndSwap", "/w/a", "4", Some("3")),
        ("compareAndDelete", "/w/a", "", Some("4")),
        ("delete", "/w/b", "", Some("2")),
        ("set", "/w/c", "5", None),
        ("expire", "/w/c", "", Some("5")),
    ];
    let expected: Vec<_> = expected
        .into_iter()
        .zip(start + 1..)
        .map(|((action, key, value, before), index)| {
            (action.to_owned(), key.to_owned(), value.to_owned(), before.map(str::to_owned), index)
        })
        .collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_watch_from_now_on_sees_what_comes_and_not_what_was() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    client.set("/k", "old").expect("set");
    let watcher = client.watch_key("/k");
    let (event, set) = after_registration(&server, &watcher, || client.set("/k", "new").expect("set"));
    assert_eq!((event.value(), event.action_number), ("new", ETCD_ACTION_SET));
    assert_eq!(event.index, set.index, "the index is the event's own, not that of the beginning");
}

#[test]
fn a_watch_of_a_key_is_not_woken_by_its_neighbours_and_children() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    let start = client.set("/start", "").expect("set").index;
    for key in ["/dir/child", "/dirt", "/other"] {
        client.set(key, "x").expect("set");
    }
    client
        .set_with(None, "/dir", "", &Set { dir: true, ttl_ms: Some(60_000), prev_exist: 1, ..Set::default() })
        .expect("update");
    let watcher = client.watch("/dir", &Watch { after_index: start, ..Watch::default() }).expect("a watcher");
    let event = next(&watcher);
    assert_eq!((event.action.as_str(), event.node.expect("a node").key.as_str()), ("update", "/dir"));
}

#[test]
fn hidden_keys_stay_hidden_from_a_watch_of_the_tree_also_in_history() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    let start = client.set("/start", "").expect("set").index;
    client.set("/t/_hidden", "x").expect("set");
    client.set("/t/seen", "x").expect("set");
    let watcher = client.watch("/t", &recursive_after(start)).expect("a watcher");
    assert_eq!(next(&watcher).node.expect("a node").key, "/t/seen");
    let hidden = client.watch("/t/_hidden", &Watch { after_index: start, ..Watch::default() }).expect("a watcher");
    assert_eq!(next(&hidden).node.expect("a node").key, "/t/_hidden");
}

#[test]
fn the_removal_of_the_watched_key_or_directory_itself_is_one_event() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    for (key, recursive) in [("/key", false), ("/key", true), ("/dir", true)] {
        let watcher = client.watch(key, &Watch { recursive, ..Watch::default() }).expect("a watcher");
        let child = if key == "/dir" { "/dir/child" } else { key };
        let (first, index) = after_registration(&server, &watcher, || {
            client.set(child, "1").expect("set");
            let delete = Delete { recursive: key == "/dir", ..Delete::default() };
            client.delete_with(None, key, &delete).expect("delete");
            client.set(child, "2").expect("set").index
        });
        let (removal, second) = (next(&watcher), next(&watcher));
        let indexes = [first, removal, second].map(|event| event.index);
        assert_eq!(indexes, [index - 2, index - 1, index], "{key}, recursive: {recursive}");
    }
}

#[test]
fn a_deleted_directory_wakes_the_watches_below_it_and_not_those_beside_it() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    client.set("/pfx/a/b", "x").expect("set");
    let start = client.set("/pfxother/k", "x").expect("set").index;
    client.delete_with(None, "/pfx", &Delete { recursive: true, ..Delete::default() }).expect("delete");
    client.set("/pfxother/k", "y").expect("set");
    let below = client.watch("/pfx/a/b", &Watch { after_index: start, ..Watch::default() }).expect("a watcher");
    let event = next(&below);
    assert_eq!((event.action.as_str(), event.node.expect("a node").key.as_str()), ("delete", "/pfx"));
    let beside = client.watch("/pfxother", &recursive_after(start)).expect("a watcher");
    assert_eq!(next(&beside).action, "set", "etcd's history gives the deletion of /pfx here");
}

/// What is lost or disordered cannot hide: the values are numbers.
fn follow(watcher: &Watcher, count: usize) -> Result<Vec<usize>, Failure> {
    (0..count).map(|_| watcher.next_within(PATIENCE_MS).map(|event| event.value().parse().expect("a number"))).collect()
}

#[test]
fn a_burst_of_three_thousand_events_arrives_complete_and_in_order() {
    const COUNT: usize = 3000;
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    for stream in [true, false] {
        let start = client.set("/start", "").expect("set").index;
        let options = Watch { stream, ..recursive_after(start) };
        let watcher = client.watch("/burst", &options).expect("a watcher");
        let seen = thread::scope(|scope| {
            let reader = scope.spawn(|| follow(&watcher, COUNT));
            for number in 0..COUNT {
                client.set(&format!("/burst/{}", number % 7), &number.to_string()).expect("set");
            }
            reader.join().expect("no panic")
        });
        assert_eq!(seen.expect("no failure"), (0..COUNT).collect::<Vec<_>>(), "stream: {stream}");
    }
}

#[test]
fn a_burst_of_many_writers_arrives_complete_and_in_the_order_of_its_indexes() {
    const WRITERS: usize = 16;
    const EACH: usize = 250;
    /// A reader that keeps up is never farther behind; the history holds 1000 events.
    const NEAR: usize = 500;
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    let start = client.set("/start", "").expect("set").index;
    let watcher = client.watch("/burst", &recursive_after(start)).expect("a watcher");
    let (written, read) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let indexes = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let index = |_| {
                let index = next(&watcher).node.expect("a node").modified_index;
                read.fetch_add(1, Ordering::Relaxed);
                index
            };
            (0..WRITERS * EACH).map(index).collect::<Vec<_>>()
        });
        for writer in 0..WRITERS {
            let (client, written, read) = (&client, &written, &read);
            scope.spawn(move || {
                for number in 0..EACH {
                    wait_until("the reader keeps up", || {
                        written.load(Ordering::Relaxed) < read.load(Ordering::Relaxed) + NEAR
                    });
                    client.set(&format!("/burst/{writer}"), &number.to_string()).expect("set");
                    written.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        reader.join().expect("no panic")
    });
    assert_eq!(indexes, (start + 1..).take(WRITERS * EACH).collect::<Vec<_>>());
}

#[test]
fn a_reader_that_is_too_slow_is_told_and_sees_no_gap() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    let watcher = client.watch("/slow", &Watch { recursive: true, ..Watch::default() }).expect("a watcher");
    let (first, _) = after_registration(&server, &watcher, || client.set("/slow/k", "first").expect("set"));
    // More than the queue here and the buffers between can hold, and then more than the history there.
    let value = "x".repeat(64 << 10);
    for number in 0..480 {
        client.set(&format!("/slow/{number}"), &value).expect("set");
    }
    for _ in 0..1100 {
        client.set("/noise", "x").expect("set");
    }
    let mut last = first.node.expect("a node").modified_index;
    let failure = loop {
        match watcher.next_within(PATIENCE_MS) {
            Ok(event) => {
                let index = event.node.expect("a node").modified_index;
                assert_eq!(index, last + 1, "a gap");
                last = index;
            }
            Err(failure) => break failure,
        }
    };
    assert_eq!(
        (failure.status, failure.api_code),
        (ETCD_ERR_API, ETCD_API_EVENT_INDEX_CLEARED),
        "after {last}: {failure:?}"
    );
    assert!(failure.api_index > last + 1000, "the index to go on from: {failure:?}");
    let again = watcher.next_within(PATIENCE_MS).expect_err("still cleared");
    assert_eq!(again.api_code, ETCD_API_EVENT_INDEX_CLEARED, "it does not jump over the gap by itself");
}

// etcd 3.4 does not end a stream that it has dropped.
#[test]
fn a_stream_that_the_server_has_dropped_without_a_word_is_noticed_on_a_store_that_is_quiet_again() {
    const COUNT: usize = 450;
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    for idle_timeout_ms in [10_000, 0] {
        let key = format!("/dropped-{idle_timeout_ms}");
        let options = Watch { recursive: true, idle_timeout_ms, ..Watch::default() };
        let watcher = client.watch(&key, &options).expect("a watcher");
        after_registration(&server, &watcher, || client.set(&format!("{key}/k"), "first").expect("set"));
        // More than the queue here and the buffers between can hold, and less than the history there.
        let value = "x".repeat(64 << 10);
        let written = (0..COUNT).map(|number| client.set(&format!("{key}/{}", number % 8), &value).expect("set").index);
        let written: Vec<_> = written.collect();
        let read: Vec<_> = (0..COUNT).map(|_| next(&watcher).node.expect("a node").modified_index).collect();
        assert_eq!(read, written, "idle timeout: {idle_timeout_ms}");
    }
}

#[test]
fn history_that_is_gone_is_an_error_with_the_index_or_a_resync() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    client.set("/r/b/deep", "2").expect("set");
    client.set("/r/a", "1").expect("set");
    for number in 0..1100 {
        client.set("/noise", &number.to_string()).expect("set");
    }
    let current = client.get("/r/a").expect("get").index;
    let strict = client.watch("/r", &recursive_after(1)).expect("a watcher");
    let failure = strict.next_within(PATIENCE_MS).expect_err("cleared");
    assert_eq!(
        (failure.status, failure.api_code, failure.api_index),
        (ETCD_ERR_API, ETCD_API_EVENT_INDEX_CLEARED, current)
    );

    let watcher = client.watch("/r", &Watch { resync: true, ..recursive_after(1) }).expect("a watcher");
    let state = next(&watcher);
    assert_eq!((state.action.as_str(), state.action_number, state.index), ("resync", ETCD_ACTION_RESYNC, current));
    let children = state.node.expect("a node").children;
    let keys: Vec<_> = children.iter().map(|child| child.key.as_str()).collect();
    assert_eq!(keys, ["/r/a", "/r/b"]);
    assert_eq!(children[1].children[0].value, "2", "recursive as the watch");
    client.set("/r/a", "3").expect("set");
    assert_eq!(next(&watcher).value(), "3", "the watch goes on from the state");

    let nothing = client.watch("/absent", &Watch { resync: true, ..recursive_after(1) }).expect("a watcher");
    let state = next(&nothing);
    assert_eq!((state.action_number, state.node.is_none(), state.index >= current), (ETCD_ACTION_RESYNC, true, true));
}

#[test]
fn a_quiet_watch_on_a_busy_store_outlives_the_history_and_a_restart() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    let watcher = client.watch("/quiet", &Watch { idle_timeout_ms: 1000, ..Watch::default() }).expect("a watcher");
    let (first, _) = after_registration(&server, &watcher, || client.set("/quiet", "first").expect("set"));
    assert_eq!(first.value(), "first");
    for round in 0..6 {
        for number in 0..400 {
            client.set("/noise", &format!("{round}-{number}")).expect("set");
        }
        // It is time itself that matters: a store that moves 400 events in a second and a half.
        thread::sleep(Duration::from_millis(1500));
    }
    server.restart();
    client.set("/quiet", "second").expect("set");
    assert_eq!(next(&watcher).value(), "second", "2400 events of others later");
}

#[test]
fn a_quiet_watch_outlives_a_burst_that_is_longer_than_the_history() {
    const WRITERS: usize = 4;
    const EACH: usize = 600;
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    let watcher = client.watch("/quiet", &Watch { idle_timeout_ms: 3000, ..Watch::default() }).expect("a watcher");
    let (first, _) = after_registration(&server, &watcher, || client.set("/quiet", "first").expect("set"));
    assert_eq!(first.value(), "first");
    // The pauses between two looks at the member must have become long: it is time itself that matters.
    thread::sleep(Duration::from_millis(8500));
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| (0..EACH).for_each(|_| drop(client.set("/noise", "x").expect("set"))));
        }
    });
    thread::sleep(Duration::from_millis(4500));
    client.set("/quiet", "second").expect("set");
    assert_eq!(next(&watcher).value(), "second", "its stream was never broken");
}
