//! Auto-sync: as Go's, which ends with the first failure, and in the background, where failures end nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use etcd_client::capi::config::ETCD_LOG_WARN;
use etcd_client::capi::status::*;
use etcd_test_harness::{Client, Config, Context};
use etcd_test_support::{Place, Reply, ScriptedServer, wait_until};

use crate::log::Journal;
use crate::operations::success;
use crate::sync::members;

/// A member that advertises itself, while `up`; otherwise it fails.
fn member(up: Arc<AtomicBool>) -> ScriptedServer {
    let own: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = own.clone();
    let server = ScriptedServer::by(move |request| match (request.path(), up.load(Ordering::SeqCst)) {
        (_, false) => Reply::new(500),
        ("/v2/members", true) => members(&[&told.lock().expect("the URL")]),
        _ => success(),
    });
    own.lock().expect("the URL").push(server.endpoint());
    server
}

fn healthy_member() -> ScriptedServer {
    member(Arc::new(AtomicBool::new(true)))
}

fn ended_within(limit: Duration, started: Instant) {
    assert!(started.elapsed() < limit, "it took {:?}", started.elapsed());
}

const AT_ONCE: Duration = Duration::from_millis(1000);

// TestHTTPClusterClientAutoSyncCancelContext
#[test]
fn a_cancelled_auto_sync_returns_at_once() {
    let server = healthy_member();
    let client = Client::of(&server.endpoint());
    let context = Context::new();
    thread::scope(|scope| {
        let syncing = scope.spawn(|| client.auto_sync(Some(&context), 3_600_000));
        server.wait_for_requests(1);
        thread::sleep(Duration::from_millis(50));
        let started = Instant::now();
        context.cancel();
        assert_eq!(syncing.join().expect("the thread").status, ETCD_ERR_CANCELED);
        ended_within(AT_ONCE, started);
    });
    let over = Context::new();
    over.cancel();
    assert_eq!(client.auto_sync(Some(&over), 1000).status, ETCD_ERR_CANCELED);
}

// TestHTTPClusterClientAutoSyncFail
#[test]
fn auto_sync_returns_the_first_failure() {
    let up = Arc::new(AtomicBool::new(true));
    let server = member(up.clone());
    let client = Client::of(&server.endpoint());
    thread::scope(|scope| {
        let syncing = scope.spawn(|| client.auto_sync(None, 5));
        server.wait_for_requests(5);
        up.store(false, Ordering::SeqCst);
        let failure = syncing.join().expect("the thread");
        assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_HTTP_STATUS]));
    });
    assert_eq!(client.auto_sync(None, 3_600_000).status, ETCD_ERR_CLUSTER, "the first sync is made at once");
}

#[test]
fn auto_sync_ends_by_the_deadline_of_its_context_and_not_by_the_request_timeout() {
    let server = healthy_member();
    let client = Config::new(&[server.endpoint()]).request_timeout_ms(150).build();
    let started = Instant::now();
    let failure = client.auto_sync(Some(&Context::with_timeout_ms(500)), 20);
    assert_eq!(failure.status, ETCD_ERR_DEADLINE_EXCEEDED);
    assert!(started.elapsed() >= Duration::from_millis(490), "{:?}", started.elapsed());
    assert!(server.requests().len() > 3);
    let failure = client.auto_sync(Some(&Context::with_timeout_ms(60)), 3_600_000);
    assert_eq!(failure.status, ETCD_ERR_DEADLINE_EXCEEDED);
}

#[test]
fn one_sync_of_an_auto_sync_without_a_deadline_takes_the_request_timeout_at_most() {
    let server = ScriptedServer::always(members(&[]).stall_at(Place::Start));
    let client = Config::new(&[server.endpoint()]).request_timeout_ms(200).build();
    let started = Instant::now();
    assert_eq!(client.auto_sync(None, 1000).status, ETCD_ERR_DEADLINE_EXCEEDED);
    assert_eq!(client.auto_sync(Some(&Context::new()), 1000).status, ETCD_ERR_DEADLINE_EXCEEDED);
    ended_within(Duration::from_secs(2), started);
}

#[test]
fn a_close_ends_both_kinds_at_once() {
    let server = healthy_member();
    let client = Client::of(&server.endpoint());
    client.start_auto_sync(3_600_000).expect("started");
    thread::scope(|scope| {
        let syncing = scope.spawn(|| client.auto_sync(None, 3_600_000));
        server.wait_for_requests(2);
        thread::sleep(Duration::from_millis(50));
        let started = Instant::now();
        client.close(5000).expect("closed");
        assert_eq!(syncing.join().expect("the thread").status, ETCD_ERR_CLOSED);
        ended_within(AT_ONCE, started);
    });
    assert_eq!(client.start_auto_sync(1).expect_err("closed").status, ETCD_ERR_CLOSED);
    assert_eq!(client.auto_sync(None, 1).status, ETCD_ERR_CLOSED);
    client.stop_auto_sync();
    server.wait_for_ended(server.connections());
}

// Go panics.
#[test]
fn an_interval_that_is_not_positive_is_refused() {
    let client = Client::of("http://127.0.0.1:1");
    for interval in [0, -1, i64::MIN] {
        let failures = [client.auto_sync(None, interval), client.start_auto_sync(interval).expect_err("refused")];
        for failure in failures {
            assert_eq!(failure.status, ETCD_ERR_INVALID_ARGUMENT);
            assert!(failure.message.starts_with("interval_ms: "), "{}", failure.message);
        }
    }
}

#[test]
fn in_the_background_failures_are_warnings_and_it_goes_on() {
    let up = Arc::new(AtomicBool::new(false));
    let (server, journal) = (member(up.clone()), Journal::new());
    let client = journal.on(Config::new(&[server.endpoint()]), ETCD_LOG_WARN).build();
    client.start_auto_sync(50).expect("started");
    server.wait_for_requests(4);
    up.store(true, Ordering::SeqCst);
    let failed = server.requests().len();
    server.wait_for_requests(failed + 3);
    let lines = journal.lines();
    assert!(lines.iter().any(|(_, line)| line.contains("auto-sync failed and tries again in")), "{lines:?}");
    client.get("/k").expect("calls go on meanwhile");
}

#[test]
fn after_a_stop_no_sync_starts_and_a_second_start_replaces_the_first() {
    let server = healthy_member();
    let client = Client::of(&server.endpoint());
    client.stop_auto_sync();
    client.start_auto_sync(10).expect("started");
    server.wait_for_requests(5);
    client.start_auto_sync(3_600_000).expect("replaced");
    // What was on its way when the old one was given up, and the first sync of the new one.
    wait_until("the requests cease", || {
        let before = server.requests().len();
        thread::sleep(Duration::from_millis(150));
        server.requests().len() == before
    });
    client.start_auto_sync(10).expect("replaced");
    let before = server.requests().len();
    server.wait_for_requests(before + 3);
    client.stop_auto_sync();
    client.stop_auto_sync();
    thread::sleep(Duration::from_millis(50));
    let stopped = server.requests().len();
    thread::sleep(Duration::from_millis(200));
    assert_eq!(server.requests().len(), stopped);
    client.close(0).expect("closed");
}

#[test]
fn a_client_that_is_freed_takes_its_auto_sync_along() {
    let server = healthy_member();
    let client = Client::of(&server.endpoint());
    client.start_auto_sync(10).expect("started");
    server.wait_for_requests(3);
    let started = Instant::now();
    drop(client);
    ended_within(AT_ONCE, started);
    server.wait_for_ended(server.connections());
}
