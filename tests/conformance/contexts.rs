//! Contexts: a call always comes back, and a context error beats everything else.

use std::thread;
use std::time::{Duration, Instant};

use etcd_client::capi::status::*;
use etcd_test_harness::{Client, Config, Context, Get};
use etcd_test_support::{HangingListener, Place, Reply, ScriptedServer, Welcome};

use crate::operations::{Effect, OPERATIONS, success};

/// A server that stalls at a place of its answer.
fn stalling(place: Place) -> ScriptedServer {
    ScriptedServer::always(success().stall_at(place))
}

const STALLS: [Place; 4] = [Place::Start, Place::MidHead, Place::AfterHead, Place::MidBody];

// TestHTTPClusterClientDoCanceledContext
#[test]
fn a_context_that_is_over_sends_nothing() {
    let server = ScriptedServer::always(success());
    let client = Client::of(&server.endpoint());
    let cancelled = Context::new();
    cancelled.cancel();
    let passed = Context::with_timeout_ms(0);
    for operation in OPERATIONS.iter().filter(|operation| operation.method != "POST") {
        let failure = operation.run_with(&client, &cancelled).expect_err("cancelled");
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_CANCELED, ETCD_NOT_APPLIED), "{}", operation.name);
        let failure = operation.run_with(&client, &passed).expect_err("past its deadline");
        assert_eq!(
            (failure.status, failure.outcome),
            (ETCD_ERR_DEADLINE_EXCEEDED, ETCD_NOT_APPLIED),
            "{}",
            operation.name
        );
    }
    assert_eq!(server.connections(), 0);
}

// TestHTTPClusterClientDoDeadlineExceedContext; TestSimpleHTTPClientDoCancelContextResponseBodyClosedWithBlockingBody
#[test]
fn a_deadline_ends_a_call_wherever_the_server_stalls() {
    for place in STALLS {
        let server = stalling(place);
        let started = Instant::now();
        let context = Context::with_timeout_ms(100);
        let failure =
            Client::of(&server.endpoint()).get_with(Some(&context), "/k", &Get::default()).expect_err("stalled");
        assert_eq!(failure.status, ETCD_ERR_DEADLINE_EXCEEDED, "{place:?}");
        let took = started.elapsed();
        assert!(took >= Duration::from_millis(100) && took < Duration::from_secs(3), "{place:?}: {took:?}");
        assert_eq!(failure.endpoint, Some(server.endpoint()), "the error names the endpoint that it waited for");
        server.wait_for_ended(1);
    }
}

// TestSimpleHTTPClientDoCancelContext and its relatives
#[test]
fn cancelling_wakes_a_blocked_call_within_milliseconds() {
    for place in STALLS {
        let server = stalling(place);
        let client = Client::of(&server.endpoint());
        let context = Context::new();
        thread::scope(|scope| {
            let call = scope.spawn(|| {
                let failure = client.get_with(Some(&context), "/k", &Get::default()).expect_err("cancelled");
                (failure, Instant::now())
            });
            server.wait_for_requests(1);
            let cancelled = Instant::now();
            context.cancel();
            let (failure, returned) = call.join().expect("the call returns");
            assert_eq!(failure.status, ETCD_ERR_CANCELED, "{place:?}");
            let took = returned.saturating_duration_since(cancelled);
            assert!(took < Duration::from_millis(500), "{place:?}: {took:?}");
        });
        // The connection with the late answer is not used again.
        server.wait_for_ended(1);
    }
}

#[test]
fn cancelling_ends_a_call_that_is_still_connecting() {
    let hanging = HangingListener::new();
    let client = Client::of(&hanging.endpoint());
    let context = Context::with_timeout_ms(150);
    let failure = client.create_with(Some(&context), "/k", "v").expect_err("no connection");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_DEADLINE_EXCEEDED, ETCD_NOT_APPLIED));
    assert!(failure.message.contains("waiting for the connection"), "{}", failure.message);
}

#[test]
fn the_outcome_of_a_call_that_was_cut_off_is_honest() {
    for operation in OPERATIONS.iter().filter(|operation| operation.method != "POST") {
        let server = stalling(Place::Start);
        let context = Context::with_timeout_ms(100);
        let failure = operation.run_with(&Client::of(&server.endpoint()), &context).expect_err(operation.name);
        let expected = if operation.effect == Effect::Read { ETCD_NOT_APPLIED } else { ETCD_MAYBE_APPLIED };
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_DEADLINE_EXCEEDED, expected), "{}", operation.name);
    }
}

// "Context errors have priority over everything else collected so far", and the list is kept.
#[test]
fn a_context_error_wins_and_keeps_what_was_collected() {
    let servers = [ScriptedServer::always(Reply::new(502)), stalling(Place::Start)];
    let endpoints = [servers[0].endpoint(), servers[1].endpoint()];
    let client = Client::starting_at_first(|| Config::new(&endpoints), &endpoints[0]);
    let context = Context::with_timeout_ms(200);
    let failure = client.get_with(Some(&context), "/k", &Get::default()).expect_err("the deadline passes");
    assert_eq!(failure.status, ETCD_ERR_DEADLINE_EXCEEDED);
    assert_eq!(failure.statuses(), [ETCD_ERR_HTTP_STATUS, ETCD_ERR_TIMEOUT]);
    assert_eq!(failure.list[0].http_status, 502);
}

#[test]
fn without_a_context_the_request_timeout_counts() {
    let server = stalling(Place::MidBody);
    let client = Config::new(&[server.endpoint()]).request_timeout_ms(120).build();
    let started = Instant::now();
    let failure = client.get("/k").expect_err("stalled");
    assert_eq!(failure.status, ETCD_ERR_DEADLINE_EXCEEDED);
    assert!(started.elapsed() >= Duration::from_millis(120));
}

// Go's #3425: the first hung endpoint eats the whole deadline.
#[test]
fn a_hung_endpoint_costs_its_fair_share_of_the_deadline() {
    let hanging = HangingListener::new();
    let never_reading = ScriptedServer::greeting(Welcome::NeverRead);
    let stalled_body = stalling(Place::MidBody);
    for hung in [hanging.endpoint(), never_reading.endpoint(), stalled_body.endpoint()] {
        let good = ScriptedServer::always(success());
        let endpoints = [hung.clone(), good.endpoint()];
        let client = Client::starting_at_first(|| Config::new(&endpoints), &hung);
        let context = Context::with_timeout_ms(3000);
        let started = Instant::now();
        client.get_with(Some(&context), "/k", &Get::default()).expect("the second endpoint answers");
        let took = started.elapsed();
        // A third: as much is spared for asking both once more.
        assert!(took >= Duration::from_millis(950) && took < Duration::from_millis(2000), "{hung}: {took:?}");
        let started = Instant::now();
        client.get("/k").expect("the second endpoint is pinned");
        assert!(started.elapsed() < Duration::from_millis(500), "{hung}: later calls pay nothing");
    }
}

#[test]
fn a_write_that_must_not_be_repeated_may_wait_for_an_endpoint_that_is_alive() {
    let gate = etcd_test_support::Gate::new();
    let patient = gate.clone();
    // It is alive, and slow, as during an election.
    let slow = ScriptedServer::by(move |request| match request.path() {
        "/version" => Reply::json(200, r#"{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}"#),
        _ => success().wait_at(Place::Start, &patient),
    });
    let other = ScriptedServer::always(success());
    let endpoints = [slow.endpoint(), other.endpoint()];
    let client = Client::starting_at_first(|| Config::new(&endpoints), &slow.endpoint());
    let context = Context::with_timeout_ms(3000);
    thread::scope(|scope| {
        let call = scope.spawn(|| client.create_with(Some(&context), "/k", "v"));
        slow.wait_for_requests(1);
        // More than a fair share of the deadline, which is half of it.
        let until = Instant::now() + Duration::from_millis(1700);
        etcd_test_support::wait_until("more than the fair share has passed", || Instant::now() >= until);
        gate.open();
        call.join().expect("it returns").expect("the slow answer counts");
    });
    assert_eq!(other.requests().len(), 0);
}

// TestSimpleHTTPClientDoHeaderTimeout
#[test]
fn a_header_timeout_ends_an_attempt() {
    let silent = stalling(Place::Start);
    let good = ScriptedServer::always(success());
    let endpoints = [silent.endpoint(), good.endpoint()];
    let client = Client::starting_at_first(|| Config::new(&endpoints).header_timeout_ms(100), &silent.endpoint());
    let started = Instant::now();
    client.get("/k").expect("the second endpoint answers");
    assert!(started.elapsed() >= Duration::from_millis(100) && started.elapsed() < Duration::from_secs(3));
    let alone = Config::new(&[silent.endpoint()]).header_timeout_ms(100).build();
    let failure = alone.get("/k").expect_err("no headers");
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_TIMEOUT]));
    assert!(failure.list[0].message.contains("header timeout"), "{failure:?}");
    let failure = alone.create("/k", "v").expect_err("no headers");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_TIMEOUT, ETCD_MAYBE_APPLIED));
}

#[test]
fn a_header_timeout_does_not_count_for_the_body() {
    let gate = etcd_test_support::Gate::new();
    let server = ScriptedServer::always(success().wait_at(Place::MidBody, &gate));
    let client = Config::new(&[server.endpoint()]).header_timeout_ms(100).build();
    thread::scope(|scope| {
        let call = scope.spawn(|| client.get("/k"));
        server.wait_for_requests(1);
        let until = Instant::now() + Duration::from_millis(400);
        etcd_test_support::wait_until("several header timeouts have passed", || Instant::now() >= until);
        gate.open();
        assert_eq!(call.join().expect("it returns").expect("the slow body counts").value(), "v");
    });
}

#[test]
fn a_connect_timeout_ends_the_attempt_and_every_operation_goes_on() {
    let hanging = HangingListener::new();
    let good = ScriptedServer::always(success());
    let endpoints = [hanging.endpoint(), good.endpoint()];
    let client = Client::starting_at_first(|| Config::new(&endpoints).connect_timeout_ms(100), &hanging.endpoint());
    client.create("/k", "v").expect("nothing was sent to the first");
    let alone = Config::new(&[hanging.endpoint()]).connect_timeout_ms(100).build();
    let failure = alone.get("/k").expect_err("no connection");
    assert_eq!(failure.statuses(), [ETCD_ERR_CONNECT]);
    assert!(failure.list[0].message.contains("connect timeout"), "{failure:?}");
}

#[test]
fn close_wakes_blocked_calls_and_refuses_new_ones() {
    let server = stalling(Place::Start);
    let client = Client::of(&server.endpoint());
    thread::scope(|scope| {
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(|| client.create("/k", "v").expect_err("closed"))).collect();
        server.wait_for_requests(8);
        client.close(10_000).expect("closed in time");
        for call in calls {
            let failure = call.join().expect("it returns");
            assert_eq!((failure.status, failure.outcome), (ETCD_ERR_CLOSED, ETCD_MAYBE_APPLIED));
        }
    });
    assert_eq!(client.get("/k").expect_err("closed").status, ETCD_ERR_CLOSED);
    client.close(0).expect("closing twice is fine");
    server.wait_for_ended(8);
}
