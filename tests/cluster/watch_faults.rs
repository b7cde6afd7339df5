//! Watches on a real cluster whose members are killed, frozen, restarted and cut off: no event is lost, none comes twice.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Failure, Watch, Watcher};
use etcd_test_support::{EtcdCluster, EtcdServer, Oracle, wait_until};

use crate::faults::{client_from, cluster};
use crate::load::StopWhenDropped;

const PATIENCE_MS: i64 = 30_000;
const IDLE_MS: i64 = 1000;

fn options(after_index: u64, stream: bool) -> Watch {
    Watch { after_index, recursive: true, stream, idle_timeout_ms: IDLE_MS, ..Watch::default() }
}

/// The next event, whatever is told about the cluster until then.
fn next_at_last(watcher: &Watcher) -> etcd_test_harness::Response {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        match watcher.next_within(PATIENCE_MS) {
            Ok(event) => return event,
            Err(failure) => assert!(failure.status == ETCD_ERR_CLUSTER && Instant::now() < until, "{failure:?}"),
        }
    }
}

/// Reads numbers until the last one, which is negative, and gives all with their indexes.
fn read_to_end(watcher: &Watcher) -> Vec<(u64, i64)> {
    let mut seen = Vec::new();
    loop {
        let event = next_at_last(watcher);
        let number: i64 = event.value().parse().expect("a number");
        if number < 0 {
            return seen;
        }
        seen.push((event.node.expect("a node").modified_index, number));
    }
}

/// Writes numbers through a client of its own as fast as the cluster takes them, while `fault` happens to it. Watches of both
/// kinds, which begin at that member, must see in the order of their indexes what was written.
fn under_load(cluster: &EtcdCluster, first: usize, name: &str, fault: impl FnOnce()) {
    let key = format!("/under-load/{name}");
    let start = Oracle::new(cluster[first].endpoint()).index();
    let (done, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let readers: Vec<_> = [true, false]
            .into_iter()
            .map(|stream| {
                let client = client_from(cluster, first);
                let watcher = client.watch("/under-load", &options(start, stream)).expect("a watcher");
                scope.spawn(move || {
                    let _client = client;
                    (stream, read_to_end(&watcher))
                })
            })
            .collect();
        let writer = scope.spawn(|| {
            let client = Config::new(&cluster.endpoints()).request_timeout_ms(6000).build();
            let mut acknowledged = Vec::new();
            for number in 0_i64.. {
                if done.load(Ordering::SeqCst) {
                    break;
                }
                if let Ok(set) = client.set(&key, &number.to_string()) {
                    acknowledged.push((set.node.expect("a node").modified_index, number));
                    written.fetch_add(1, Ordering::SeqCst);
                }
                // The history has to last for as long as a member is trusted.
                thread::sleep(Duration::from_millis(5));
            }
            let stop = || client.set(&key, "-1").is_ok();
            wait_until("the last write", stop);
            acknowledged
        });
        let stopping = StopWhenDropped(&done);
        fault();
        let before = written.load(Ordering::SeqCst);
        wait_until("writes after the fault", || written.load(Ordering::SeqCst) > before + 20);
        drop(stopping);
        let acknowledged = writer.join().expect("no panic");
        for reader in readers {
            let (stream, seen) = reader.join().expect("no panic");
            assert!(seen.windows(2).all(|two| two[0].0 < two[1].0), "{name}: order, stream: {stream}");
            // A write that was repeated after a fault may be in the store twice; an acknowledged one must be there.
            let lost: Vec<_> = acknowledged.iter().filter(|write| !seen.contains(write)).collect();
            assert!(lost.is_empty(), "{name}: lost {lost:?} of {}, stream: {stream}", acknowledged.len());
        }
    });
}

fn healthy_again(cluster: &EtcdCluster) {
    for member in cluster.members() {
        if member.pid().is_none() {
            member.start_again();
        }
        member.continue_process();
    }
    cluster.wait_healthy();
}

#[test]
fn a_killed_and_restarted_member_loses_no_event_of_a_watch() {
    let guard = cluster();
    let cluster = guard.as_ref().expect("a cluster");
    let victim = cluster.followers()[0];
    under_load(cluster, victim, "kill", || {
        thread::sleep(Duration::from_millis(300));
        cluster[victim].kill();
        thread::sleep(Duration::from_millis(500));
        healthy_again(cluster);
    });
}

#[test]
fn a_frozen_member_is_left_and_no_event_is_lost_or_comes_twice() {
    let guard = cluster();
    let cluster = guard.as_ref().expect("a cluster");
    let victim = cluster.followers()[0];
    under_load(cluster, victim, "freeze", || {
        thread::sleep(Duration::from_millis(300));
        cluster[victim].stop_process();
        thread::sleep(Duration::from_millis(3500));
    });
    healthy_again(cluster);
}

#[test]
fn a_change_of_the_leader_loses_no_event_of_a_watch() {
    let guard = cluster();
    let cluster = guard.as_ref().expect("a cluster");
    let leader = cluster.leader();
    under_load(cluster, leader, "leader", || {
        thread::sleep(Duration::from_millis(300));
        cluster[leader].kill();
        let started = Instant::now();
        wait_until("another leader is elected", || {
            started.elapsed() > Duration::from_millis(300) && cluster.leader() != leader
        });
        thread::sleep(Duration::from_millis(500));
        healthy_again(cluster);
    });
}

#[test]
fn an_idle_watch_of_a_cluster_without_a_majority_is_told_and_heals() {
    let guard = cluster();
    let cluster = guard.as_ref().expect("a cluster");
    let left = cluster.followers()[0];
    let client = client_from(cluster, left);
    let start = client.set("/isolated", "before").expect("set").index;
    wait_until("the member has it", || Oracle::new(cluster[left].endpoint()).index() >= start);
    let watcher = client.watch("/isolated", &options(start, true)).expect("a watcher");
    watcher.next_within(200).expect_err("it is idle");
    for number in (0..3).filter(|number| *number != left) {
        cluster[number].stop_process();
    }
    let started = Instant::now();
    let failure: Failure = watcher.next_within(PATIENCE_MS).expect_err("nobody can speak for the cluster");
    assert_eq!(failure.status, ETCD_ERR_CLUSTER, "{failure:?}");
    assert_eq!(failure.list.len(), 3, "each endpoint once: {failure:?}");
    // For each endpoint the silence and the question, and once more for the one that seems to be alive.
    assert!(started.elapsed() < Duration::from_millis(15_000), "{:?}", started.elapsed());
    healthy_again(cluster);
    Oracle::new(cluster[left].endpoint()).set("/isolated", "after");
    assert_eq!(next_at_last(&watcher).value(), "after");
}

#[test]
fn a_watch_survives_the_restart_of_its_only_member_at_any_time() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    let start = client.set("/start", "").expect("set").index;
    let quiet = client.watch("/quiet", &Watch { idle_timeout_ms: IDLE_MS, ..Watch::default() }).expect("a watcher");
    quiet.next_within(300).expect_err("nothing yet");
    for (stream, key) in [(true, "/streamed"), (false, "/one-by-one")] {
        let busy = client.watch(key, &options(start, stream)).expect("a watcher");
        for round in 0..2 {
            client.set(key, &format!("{round}-first")).expect("set");
            assert_eq!(next_at_last(&busy).value(), format!("{round}-first"));
            server.kill();
            let failure = busy.next_within(PATIENCE_MS).expect_err("it is down");
            assert_eq!(failure.status, ETCD_ERR_CLUSTER);
            server.restart();
            Oracle::new(server.endpoint()).set(key, &format!("{round}-second"));
            assert_eq!(next_at_last(&busy).value(), format!("{round}-second"), "stream: {stream}");
        }
    }
    Oracle::new(server.endpoint()).set("/quiet", "at last");
    assert_eq!(next_at_last(&quiet).value(), "at last");
}

#[test]
fn a_watch_needs_the_password_and_says_so_when_it_is_wrong() {
    let server = EtcdServer::builder().without_auth().start();
    let admin = Oracle::new(server.endpoint());
    let body = serde_json::json!({"user": "root", "password": "secret"});
    assert_eq!(admin.request_json("PUT", "/v2/auth/users/root", &body).status, 201);
    assert_eq!(admin.request("PUT", "/v2/auth/enable", &[]).status, 200);
    let admin = admin.as_user("root", "secret");
    let guest = serde_json::json!({"role": "guest", "revoke": {"kv": {"read": ["/*"], "write": ["/*"]}}});
    assert_eq!(admin.request_json("PUT", "/v2/auth/roles/guest", &guest).status, 200);
    let start = admin.index();
    for number in 0..5 {
        admin.set("/secret", &number.to_string());
    }
    for stream in [true, false] {
        let client = Config::new(&[server.endpoint()]).credentials("root", "secret").build();
        let watcher = client.watch("/secret", &options(start, stream)).expect("a watcher");
        for number in 0..5 {
            assert_eq!(watcher.next_within(PATIENCE_MS).expect("an event").value(), number.to_string());
        }
        let config = || Config::new(&[server.endpoint()]);
        for config in [config().anonymous(), config().credentials("root", "wrong")] {
            let watcher = config.build().watch("/secret", &options(start, stream)).expect("a watcher");
            let failure = watcher.next_within(PATIENCE_MS).expect_err("not allowed");
            assert_eq!((failure.status, failure.http_status), (ETCD_ERR_API, 401), "{failure:?}");
        }
    }
}

#[test]
fn two_hundred_watches_of_one_client_all_get_their_event_on_one_thread() {
    const COUNT: usize = 200;
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    let start = client.set("/start", "").expect("set").index;
    let watchers: Vec<_> = (0..COUNT)
        .map(|number| {
            client.watch(&format!("/many/{}", number % 50), &options(start, number % 4 > 0)).expect("a watcher")
        })
        .collect();
    for watcher in &watchers {
        watcher.next_within(1).expect_err("nothing yet");
    }
    for round in 0..4 {
        for number in 0..50 {
            client.set(&format!("/many/{number}"), &format!("{round}")).expect("set");
        }
        if round == 1 {
            server.restart();
        }
    }
    for (number, watcher) in watchers.iter().enumerate() {
        for round in 0..4 {
            assert_eq!(next_at_last(watcher).value(), round.to_string(), "watcher {number}");
        }
    }
}

/// A watch that has seen the store at a higher index than it will have when the cluster has been set up anew.
fn watch_across_a_new_beginning(resync: bool) -> Result<etcd_test_harness::Response, Failure> {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    let start = client.set("/w/start", "").expect("set").index;
    let watcher = client.watch("/w", &Watch { resync, ..options(start, true) }).expect("a watcher");
    for number in 0..100 {
        client.set("/w/k", &number.to_string()).expect("set");
        assert_eq!(next_at_last(&watcher).value(), number.to_string());
    }
    server.start_anew();
    client.set("/w/k", "anew").expect("set");
    watcher.next_within(PATIENCE_MS)
}

#[test]
fn a_cluster_that_was_set_up_anew_under_the_same_name_is_noticed() {
    let failure = watch_across_a_new_beginning(false).expect_err("the place of the watch means nothing there");
    assert_eq!(failure.status, ETCD_ERR_INVALID_RESPONSE, "{failure:?}");
    assert!(failure.message.contains("less than it had"), "{failure:?}");
    let state = watch_across_a_new_beginning(true).expect("the state");
    assert_eq!((state.action.as_str(), state.node.expect("a node").children[0].value.as_str()), ("resync", "anew"));
}
