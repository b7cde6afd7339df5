//! A cluster of three whose members are frozen, killed and started again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Context, Failure, Get, Response, Set};
use etcd_test_support::{EtcdCluster, Oracle, transport};

pub(crate) const QUORUM: Get = Get { quorum: true, recursive: false, sort: false };

/// The cluster that all tests with faults share, one after another. Each finds three healthy members.
pub(crate) fn cluster() -> MutexGuard<'static, Option<EtcdCluster>> {
    static CLUSTER: Mutex<Option<EtcdCluster>> = Mutex::new(None);
    let mut cluster = CLUSTER.lock().unwrap_or_else(PoisonError::into_inner);
    let members = cluster.get_or_insert_with(|| EtcdCluster::start(3));
    for member in members.members() {
        // A test that failed may have left one frozen or dead.
        if member.pid().is_none() {
            member.start_again();
        }
        member.continue_process();
    }
    members.wait_healthy();
    cluster
}

/// A client of the whole cluster that starts at that member.
pub(crate) fn client_from(cluster: &EtcdCluster, first: usize) -> Client {
    Client::starting_at_first(|| Config::new(&cluster.endpoints()), &cluster[first].endpoint())
}

fn timed<T>(call: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    (call(), started.elapsed())
}

#[test]
fn a_frozen_member_costs_a_call_its_fair_share_of_the_deadline_and_the_next_call_nothing() {
    let guard = cluster();
    let cluster = guard.as_ref().expect("a cluster");
    const DEADLINE: Duration = Duration::from_millis(3000);
    // Of three endpoints each gets a third; the rest is for a busy machine.
    const SHARE: Duration = Duration::from_millis(1000);
    const SLACK: Duration = Duration::from_millis(600);
    let deadline = || Context::with_timeout_ms(3000);
    assert!(SHARE * 3 == DEADLINE);
    Oracle::new(cluster[0].endpoint()).set("/frozen", "one");
    let (leader, follower) = (cluster.leader(), cluster.followers()[0]);

    for (frozen, warm) in [(follower, true), (follower, false), (leader, false)] {
        let client = client_from(cluster, frozen);
        if warm {
            client.get_with(None, "/frozen", &QUORUM).expect("before the fault");
        }
        cluster[frozen].stop_process();
        let (got, took) = timed(|| client.get_with(Some(&deadline()), "/frozen", &Get::default()));
        assert_eq!(got.expect("another member answers").value(), "one");
        assert!(took < SHARE + SLACK, "the get took {took:?} of {DEADLINE:?}");
        let (got, took) = timed(|| client.get_with(Some(&deadline()), "/frozen", &Get::default()));
        assert_eq!(got.expect("the pinned member answers").value(), "one");
        assert!(took < SLACK, "the second get took {took:?}: the pin has not moved");
        cluster[frozen].continue_process();
        cluster.wait_healthy();
    }
}

/// It waited for the one member until it was found dead, asked no other, and says that the write may have happened.
fn assert_is_given_up(failure: &Failure) {
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_TIMEOUT, ETCD_MAYBE_APPLIED), "{failure:?}");
    assert_eq!(failure.statuses(), [ETCD_ERR_TIMEOUT], "{failure:?}");
}

/// A frozen member lets a plain connection be made and never answers a handshake, and before that nothing is sent.
fn assert_is_given_up_or_goes_on(result: Result<Response, Failure>) {
    if transport::encrypted().is_some() {
        result.expect("nothing was sent, so another member takes it");
    } else {
        assert_is_given_up(&result.expect_err("the member does not answer"));
    }
}

#[test]
fn a_frozen_follower_fails_no_set_and_what_must_not_be_sent_twice_waits_for_it() {
    let guard = cluster();
    let cluster = guard.as_ref().expect("a cluster");
    let frozen = cluster.followers()[0];
    let (plain, one_shot) = (client_from(cluster, frozen), client_from(cluster, frozen));
    let impatient = || Config::new(&cluster.endpoints()).request_timeout_ms(1500);
    let in_order = Client::starting_at_first(impatient, &cluster[frozen].endpoint());
    cluster[frozen].stop_process();
    thread::scope(|scope| {
        scope.spawn(|| {
            let (set, took) =
                timed(|| plain.set_with(Some(&Context::with_timeout_ms(3000)), "/set", "one", &Set::default()));
            set.expect("another member takes it");
            assert!(took < Duration::from_millis(1600), "the set took {took:?}");
        });
        scope.spawn(|| {
            assert_is_given_up_or_goes_on(one_shot.create_with(
                Some(&Context::with_timeout_ms(1500)),
                "/created",
                "one",
            ));
        });
        scope.spawn(|| {
            assert_is_given_up_or_goes_on(in_order.create_in_order("/frozen-queue", "one", None));
        });
    });
    let running = (0..3).find(|number| *number != frozen).expect("a running member");
    assert_eq!(Oracle::new(cluster[running].endpoint()).value_by_quorum("/set").as_deref(), Some("one"));
    cluster[frozen].continue_process();
    cluster.wait_healthy();
}

#[test]
fn when_all_members_are_down_the_error_lists_each_and_when_they_are_back_the_client_works_again() {
    let guard = cluster();
    let cluster = guard.as_ref().expect("a cluster");
    let client = Client::of_all(&cluster.endpoints());
    client.set("/down", "one").expect("before the fault");
    for member in cluster.members() {
        member.kill();
    }
    let order = client.endpoints();
    let failures = [
        client.get("/down").expect_err("all are down"),
        client.set("/down", "two").expect_err("all are down"),
        client.create("/new", "one").expect_err("all are down"),
        client.create_in_order("/down-queue", "one", None).expect_err("all are down"),
        client.delete("/down").expect_err("all are down"),
        client.version().expect_err("all are down"),
    ];
    for (number, failure) in failures.iter().enumerate() {
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_CLUSTER, ETCD_NOT_APPLIED), "{number}: {failure:?}");
        assert_eq!(failure.statuses(), [ETCD_ERR_CONNECT; 3]);
        let mut tried: Vec<_> = failure.list.iter().map(|entry| entry.endpoint.clone().expect("an endpoint")).collect();
        for (entry, endpoint) in failure.list.iter().zip(&tried) {
            assert!(entry.message.contains(endpoint) && failure.detail.contains(&entry.message), "{failure:?}");
        }
        let mut expected = order.clone();
        tried.sort();
        expected.sort();
        assert_eq!(tried, expected, "each endpoint once");
    }
    cluster.members().iter().for_each(|member| member.start_again());
    cluster.wait_healthy();
    assert_eq!(client.get_with(None, "/down", &QUORUM).expect("back").value(), "one");
    client.create("/new", "two").expect("it was not created before");
    assert_eq!(Oracle::new(cluster[0].endpoint()).value_by_quorum("/new").as_deref(), Some("two"));
}

#[test]
fn without_a_majority_a_plain_get_answers_and_what_needs_the_majority_does_not() {
    let guard = cluster();
    let cluster = guard.as_ref().expect("a cluster");
    let left = cluster.followers()[0];
    let client = client_from(cluster, left);
    client.set("/majority", "one").expect("before the fault");
    // The get goes through the member itself, so that it has the value.
    assert_eq!(client.get_with(None, "/majority", &QUORUM).expect("before the fault").value(), "one");
    for number in (0..3).filter(|number| *number != left) {
        cluster[number].kill();
    }
    let short = || Context::with_timeout_ms(1000);
    let only = Client::of(&cluster[left].endpoint());
    assert_eq!(only.get("/majority").expect("from what the member has").value(), "one");
    let get = only.get_with(Some(&short()), "/majority", &QUORUM).expect_err("no majority");
    assert_eq!((get.status, get.outcome), (ETCD_ERR_DEADLINE_EXCEEDED, ETCD_NOT_APPLIED), "{get:?}");
    let set = only.set_with(Some(&short()), "/majority", "two", &Set::default()).expect_err("no majority");
    assert_eq!((set.status, set.outcome), (ETCD_ERR_DEADLINE_EXCEEDED, ETCD_MAYBE_APPLIED), "{set:?}");
    assert_eq!(client.get("/majority").expect("the member that is left").value(), "one");
    cluster.members().iter().filter(|member| member.pid().is_none()).for_each(|member| member.start_again());
    cluster.wait_healthy();
    let value = client.get_with(None, "/majority", &QUORUM).expect("a majority again").value().to_owned();
    assert!(["one", "two"].contains(&value.as_str()), "{value}");
}

#[test]
fn a_quorum_get_at_any_member_sees_what_was_acknowledged_by_another() {
    let guard = cluster();
    let cluster = guard.as_ref().expect("a cluster");
    let clients: Vec<_> = cluster.endpoints().iter().map(|endpoint| Client::of(endpoint)).collect();
    for number in 0..60 {
        let value = number.to_string();
        clients[number % 3].set("/quorum", &value).expect("set");
        for client in &clients {
            assert_eq!(client.get_with(None, "/quorum", &QUORUM).expect("got").value(), value);
        }
    }
}
