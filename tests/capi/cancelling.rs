//! Contexts: cancelled before a call, during it and after it; deadlines; parents.

use std::ptr::null;
use std::thread;
use std::time::{Duration, Instant};

use etcd_test_harness::capi::context::*;
use etcd_test_harness::capi::keys::etcd_keys_get;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Context, Delete, Failure, Get, Set};
use etcd_test_support::{Gate, HangingListener, Place, Reply, ScriptedServer};

use crate::raw::{self, Owned, told};

const BODY: &str = r#"{"action":"get","node":{"key":"/a","value":"one"}}"#;

/// Time in which a call that is woken must have returned, on a busy machine.
const AT_ONCE: Duration = Duration::from_millis(500);

fn every_call(client: &Client, context: &Context) -> [Failure; 4] {
    [
        client.get_with(Some(context), "/a", &Get::default()).expect_err("ended"),
        client.set_with(Some(context), "/a", "x", &Set::default()).expect_err("ended"),
        client.create_with(Some(context), "/a", "x").expect_err("ended"),
        client.delete_with(Some(context), "/a", &Delete::default()).expect_err("ended"),
    ]
}

#[test]
fn a_call_with_a_context_that_has_ended_sends_nothing() {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY));
    let client = Client::of(&server.endpoint());
    let cancelled = Context::new();
    cancelled.cancel();
    let contexts = [
        (cancelled, ETCD_ERR_CANCELED),
        (Context::with_timeout_ms(0), ETCD_ERR_DEADLINE_EXCEEDED),
        (Context::with_timeout_ms(-1), ETCD_ERR_DEADLINE_EXCEEDED),
        (Context::with_timeout_ms(i64::MIN), ETCD_ERR_DEADLINE_EXCEEDED),
    ];
    for (context, status) in contexts {
        assert_eq!(context.status(), status);
        for failure in every_call(&client, &context) {
            assert_eq!((failure.status, failure.outcome), (status, ETCD_NOT_APPLIED), "{failure:?}");
            assert!(failure.message.contains("nothing was sent"), "{}", failure.message);
        }
    }
    assert_eq!((server.connections(), server.requests().len()), (0, 0));
}

#[test]
fn cancelling_wakes_a_blocked_call_at_once_and_the_connection_is_closed() {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY).stall_at(Place::Start));
    let client = Client::of(&server.endpoint());
    type Call = fn(&Client, &Context) -> Failure;
    let calls: [(Call, i32); 3] = [
        (
            |client, context| client.get_with(Some(context), "/a", &Get::default()).expect_err("cancelled"),
            ETCD_NOT_APPLIED,
        ),
        (
            |client, context| client.set_with(Some(context), "/a", "x", &Set::default()).expect_err("cancelled"),
            ETCD_MAYBE_APPLIED,
        ),
        (|client, context| client.create_with(Some(context), "/a", "x").expect_err("cancelled"), ETCD_MAYBE_APPLIED),
    ];
    for (number, (call, outcome)) in calls.into_iter().enumerate() {
        let context = Context::new();
        thread::scope(|scope| {
            let call = scope.spawn(|| (call(&client, &context), Instant::now()));
            server.wait_for_requests(number + 1);
            let cancelled = Instant::now();
            context.cancel();
            let (failure, returned) = call.join().expect("the call");
            assert!(returned - cancelled < AT_ONCE, "it took {:?}", returned - cancelled);
            assert_eq!((failure.status, failure.outcome), (ETCD_ERR_CANCELED, outcome), "{failure:?}");
            assert_eq!(failure.endpoint, Some(server.endpoint()));
        });
        server.wait_for_ended(number + 1);
        assert_eq!(context.status(), ETCD_ERR_CANCELED);
    }
}

#[test]
fn cancelling_wakes_a_call_that_waits_for_a_connection_or_for_the_rest_of_a_body() {
    let hanging = HangingListener::new();
    let client = Client::of(&hanging.endpoint());
    let context = Context::new();
    thread::scope(|scope| {
        let call = scope.spawn(|| client.create_with(Some(&context), "/a", "x").expect_err("cancelled"));
        // It has no server that could tell when it has begun; cancelled before or in the middle, the answer is the same.
        context.cancel();
        let failure = call.join().expect("the call");
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_CANCELED, ETCD_NOT_APPLIED), "{failure:?}");
    });
    let short = client.create_with(Some(&Context::with_timeout_ms(100)), "/a", "x").expect_err("no connection");
    assert_eq!((short.status, short.outcome), (ETCD_ERR_DEADLINE_EXCEEDED, ETCD_NOT_APPLIED), "{short:?}");

    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY).stall_at(Place::MidBody));
    let (client, context) = (Client::of(&server.endpoint()), Context::new());
    thread::scope(|scope| {
        let call = scope.spawn(|| client.get_with(Some(&context), "/a", &Get::default()).expect_err("cancelled"));
        server.wait_for_requests(1);
        context.cancel();
        assert_eq!(call.join().expect("the call").status, ETCD_ERR_CANCELED);
    });
    server.wait_for_ended(1);
}

#[test]
fn a_deadline_ends_a_call_in_time_and_not_before() {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY).stall_at(Place::Start));
    let client = Config::new(&[server.endpoint()]).request_timeout_ms(300).build();
    for context in [Some(Context::with_timeout_ms(300)), None] {
        let started = Instant::now();
        let failure = client.get_with(context.as_ref(), "/a", &Get::default()).expect_err("the deadline");
        let took = started.elapsed();
        assert_eq!(failure.status, ETCD_ERR_DEADLINE_EXCEEDED, "{failure:?}");
        assert!((Duration::from_millis(300)..Duration::from_millis(300) + AT_ONCE).contains(&took), "it took {took:?}");
    }
}

#[test]
fn a_call_ends_with_any_of_its_contexts_ancestors() {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY).stall_at(Place::Start));
    let client = raw::client(&[&server.endpoint()]);
    // SAFETY: each parent is alive when its child is made.
    let (parent, child, grandchild) = unsafe {
        let parent = Owned::new(etcd_context_new(null()), etcd_context_free);
        let child = Owned::new(etcd_context_with_timeout_ms(parent.get(), 60_000), etcd_context_free);
        let grandchild = Owned::new(etcd_context_new(child.get()), etcd_context_free);
        (parent, child, grandchild)
    };
    thread::scope(|scope| {
        // SAFETY: client and context are alive.
        let get = || unsafe {
            told(|error| {
                etcd_keys_get(client.get(), grandchild.get(), c"/a".as_ptr(), null(), std::ptr::null_mut(), error)
            })
        };
        let call = scope.spawn(get);
        server.wait_for_requests(1);
        drop(child);
        // SAFETY: the parent is alive.
        unsafe { etcd_context_cancel(parent.get()) };
        assert_eq!(call.join().expect("the call").status, ETCD_ERR_CANCELED);
    });
}

#[test]
fn a_cancellation_after_the_answer_changes_nothing_but_the_next_call() {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY));
    let (client, context) = (Client::of(&server.endpoint()), Context::with_timeout_ms(60_000));
    let got = client.get_with(Some(&context), "/a", &Get::default()).expect("an answer");
    context.cancel();
    context.cancel();
    assert_eq!(got.value(), "one");
    let failure = client.get_with(Some(&context), "/a", &Get::default()).expect_err("cancelled");
    assert_eq!(failure.status, ETCD_ERR_CANCELED);
    assert_eq!(client.get("/a").expect("another context").value(), "one");
    assert_eq!((server.connections(), server.requests().len()), (1, 2), "the connection was kept");
}

#[test]
fn one_context_ends_its_own_calls_and_no_others() {
    let gate = Gate::new();
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY).wait_at(Place::Start, &gate));
    let client = Client::of(&server.endpoint());
    let (cancelled, going_on) = (Context::new(), Context::new());
    thread::scope(|scope| {
        let (cancelled, going_on, client) = (&cancelled, &going_on, &client);
        let get = |context| scope.spawn(move || client.get_with(Some(context), "/a", &Get::default()));
        let (first, second, third) = (get(cancelled), get(going_on), get(cancelled));
        server.wait_for_requests(3);
        cancelled.cancel();
        for call in [first, third] {
            assert_eq!(call.join().expect("the call").expect_err("cancelled").status, ETCD_ERR_CANCELED);
        }
        gate.open();
        assert_eq!(second.join().expect("the call").expect("an answer").value(), "one");
    });
}
