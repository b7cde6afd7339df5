//! Futures: calls that go on by themselves, taken once, told once, whatever happens to them meanwhile.

use std::ffi::CStr;
use std::ptr::{null, null_mut};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use etcd_test_harness::capi::client::etcd_client;
use etcd_test_harness::capi::client_async::*;
use etcd_test_harness::capi::future::*;
use etcd_test_harness::capi::future_take::*;
use etcd_test_harness::capi::keys_async::*;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Context, Future, Queue, take_response};
use etcd_test_support::{EtcdServer, Gate, Place, Reply, ScriptedServer, wait_until};

use crate::alone::{descriptors, in_a_process_of_its_own, threads};
use crate::raw::told;

const BODY: &str = r#"{"action":"get","node":{"key":"/a","value":"one"}}"#;

/// A server that answers nothing until it is released.
fn stalled() -> ScriptedServer {
    ScriptedServer::always(Reply::etcd(200, 1, BODY).stall_at(Place::Start))
}

fn patient(server: &ScriptedServer) -> Client {
    Config::new(&[server.endpoint()]).request_timeout_ms(60_000).build()
}

#[test]
fn a_future_brings_what_the_blocking_call_brings_and_only_once() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    let set = client.set_async("/a", "one").finish().expect("set");
    assert_eq!((&*set.action, set.value()), ("set", "one"));
    let got = client.get_async("/a");
    assert_eq!(got.finish().expect("got").json, client.get("/a").expect("got").json);
    assert_eq!(got.take().expect_err("taken").status, ETCD_ERR_ALREADY_TAKEN);
    assert!(got.is_ready() && got.wait(0) == ETCD_OK);
    let missing = client.get_async("/none").finish().expect_err("not there");
    assert_eq!(missing, client.get("/none").expect_err("not there"));
}

#[test]
fn what_is_in_flight_is_not_ready_and_waits_end_in_time() {
    let server = stalled();
    let client = patient(&server);
    let future = client.get_async("/a");
    server.wait_for_requests(1);
    assert!(!future.is_ready());
    assert_eq!(future.take().expect_err("not ready").status, ETCD_ERR_NOT_READY);
    assert_eq!(future.wait(0), ETCD_ERR_NOT_READY);
    let began = Instant::now();
    assert_eq!(future.wait(30), ETCD_ERR_NOT_READY);
    assert!(began.elapsed() >= Duration::from_millis(30));
    thread::scope(|scope| {
        let waiters: Vec<_> = (0..4).map(|_| scope.spawn(|| future.wait(-1))).collect();
        server.release();
        assert!(waiters.into_iter().all(|waiter| waiter.join().expect("woken") == ETCD_OK));
    });
    assert_eq!(future.take().expect("an answer").value(), "one");
}

// A wrapper that tries again whatever has not been applied must not do so while the call is on its way.
#[test]
fn who_gets_no_result_of_a_write_is_told_that_it_may_have_happened() {
    let server = stalled();
    let client = patient(&server);
    let (write, read) = (client.create_async("/a", "x"), client.get_async("/a"));
    server.wait_for_requests(2);
    let early = write.take().expect_err("not ready");
    assert_eq!((early.status, early.outcome), (ETCD_ERR_NOT_READY, ETCD_MAYBE_APPLIED));
    assert_eq!(read.take().expect_err("not ready").outcome, ETCD_NOT_APPLIED);
    let mut members = null_mut();
    // SAFETY: the future is alive, the out-parameters are ours.
    let other = told(|error| unsafe { etcd_future_take_members(write.raw(), &mut members, error) });
    assert_eq!((other.status, other.outcome), (ETCD_ERR_INVALID_ARGUMENT, ETCD_MAYBE_APPLIED));
    server.release();
    write.finish().expect("an answer");
    let late = write.take().expect_err("taken");
    assert_eq!((late.status, late.outcome), (ETCD_ERR_ALREADY_TAKEN, ETCD_MAYBE_APPLIED));
}

#[test]
fn bad_arguments_come_through_the_future_too() {
    let server = stalled();
    let client = patient(&server);
    let raw = client.raw();
    let not_utf8 = c"\xff".as_ptr();
    type Call = Box<dyn Fn() -> *mut etcd_future>;
    let calls: [(&str, Call); 6] = [
        // SAFETY: NULL and nonsense are what is tried; everything else is alive.
        ("client: is NULL", Box::new(|| unsafe { etcd_keys_get_async(null_mut(), null(), c"/a".as_ptr(), null()) })),
        // SAFETY: as above.
        ("key: is NULL", Box::new(move || unsafe { etcd_keys_get_async(raw, null(), null(), null()) })),
        // SAFETY: as above.
        ("key: is not UTF-8", Box::new(move || unsafe { etcd_keys_get_async(raw, null(), not_utf8, null()) })),
        // SAFETY: as above.
        (
            "context: is not an object",
            Box::new(move || unsafe { etcd_keys_get_async(raw, raw.cast(), c"/a".as_ptr(), null()) }),
        ),
        // SAFETY: as above.
        (
            "options: is not an object",
            Box::new(move || unsafe { etcd_keys_get_async(raw, null(), c"/a".as_ptr(), raw.cast()) }),
        ),
        // SAFETY: as above.
        ("kind: 'nonsense'", Box::new(move || unsafe { etcd_client_stats_async(raw, null(), c"nonsense".as_ptr()) })),
    ];
    for (words, call) in calls {
        let future = Future::of(call());
        let queue = Queue::default();
        let (status, registered) = future.on_ready(Some(&queue), |_| {});
        assert_eq!((status, queue.poll(-1, 0)), (ETCD_OK, 1), "{words}");
        assert_eq!((registered.called(), registered.dropped()), (1, 1), "{words}");
        // SAFETY: the future is alive.
        let failure = told(|error| unsafe { etcd_future_take(future.raw(), error) });
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_INVALID_ARGUMENT, ETCD_NOT_APPLIED), "{failure:?}");
        assert!(failure.message.starts_with(words), "{failure:?}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn what_one_call_brings_is_not_taken_as_what_another_brings() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    let future = client.set_async("/a", "one");
    assert_eq!(future.wait(-1), ETCD_OK);
    let mut members = null_mut();
    // SAFETY: the future is alive, the out-parameters are ours.
    let failure = told(|error| unsafe { etcd_future_take_members(future.raw(), &mut members, error) });
    assert_eq!(failure.status, ETCD_ERR_INVALID_ARGUMENT);
    assert!(failure.message.contains("etcd_future_take_response"), "{failure:?}");
    assert_eq!(future.take().expect("not lost").value(), "one");
}

#[test]
fn a_cancelled_future_ends_at_once_and_says_what_may_have_happened() {
    let server = stalled();
    let client = patient(&server);
    let (read, write, idle) = (client.get_async("/a"), client.create_async("/a", "x"), Context::new());
    server.wait_for_requests(2);
    let began = Instant::now();
    [&read, &write].into_iter().for_each(Future::cancel);
    let (read, write) = (read.finish().expect_err("cancelled"), write.finish().expect_err("cancelled"));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!((read.status, read.outcome), (ETCD_ERR_CANCELED, ETCD_NOT_APPLIED));
    assert!(read.message.starts_with("the call was cancelled after "), "{}", read.message);
    assert_eq!((write.status, write.outcome), (ETCD_ERR_CANCELED, ETCD_MAYBE_APPLIED));
    let future = client.get_async_with(Some(&idle), "/a");
    future.cancel();
    assert_eq!(future.finish().expect_err("cancelled").status, ETCD_ERR_CANCELED);
    assert_eq!(idle.status(), ETCD_OK, "its context goes on");
}

#[test]
fn a_context_ends_its_futures() {
    let server = stalled();
    let client = patient(&server);
    let context = Context::new();
    let futures: Vec<_> = (0..10).map(|_| client.get_async_with(Some(&context), "/a")).collect();
    server.wait_for_requests(10);
    context.cancel();
    for future in &futures {
        let failure = future.finish().expect_err("cancelled");
        assert_eq!(failure.status, ETCD_ERR_CANCELED);
        assert!(failure.message.starts_with("the context was cancelled after "), "{}", failure.message);
    }
    let ended = client.get_async_with(Some(&Context::with_timeout_ms(0)), "/a");
    assert_eq!(ended.finish().expect_err("over").status, ETCD_ERR_DEADLINE_EXCEEDED);
    assert_eq!(server.requests().len(), 10);
}

// 64 requests at once to an endpoint, and the rest waits: for no longer than it has time.
#[test]
fn the_time_counts_while_a_call_waits_for_its_turn() {
    let server = stalled();
    let client = Config::new(&[server.endpoint()]).request_timeout_ms(300).build();
    let began = Instant::now();
    let futures: Vec<_> = (0..500).map(|number| client.create_async(&format!("/{number}"), "x")).collect();
    let failures: Vec<_> = futures.iter().map(|future| future.finish().expect_err("late")).collect();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(failures.iter().all(|failure| failure.status == ETCD_ERR_DEADLINE_EXCEEDED), "{failures:?}");
    let sent: Vec<String> = server.requests().iter().map(|request| request.path().to_owned()).collect();
    assert!((64..400).contains(&sent.len()), "{} requests", sent.len());
    for (number, failure) in failures.iter().enumerate() {
        let was_sent = sent.contains(&format!("/v2/keys/{number}"));
        assert!(!was_sent || failure.outcome == ETCD_MAYBE_APPLIED, "{number}: {failure:?}");
    }
    let waited = failures.iter().filter(|failure| failure.outcome == ETCD_NOT_APPLIED).count();
    assert!(waited > 50, "what waited has sent nothing and says so, and there were {waited}");
}

#[test]
fn a_call_goes_on_when_its_future_is_freed_and_when_its_client_is_too() {
    let server = stalled();
    let client = patient(&server);
    let (future, queue) = (client.get_async("/a"), Queue::default());
    let (status, registered) = future.on_ready(Some(&queue), |future| {
        // SAFETY: the future is borrowed for the callback.
        assert_eq!(unsafe { take_response(future) }.expect("an answer").value(), "one");
    });
    assert_eq!(status, ETCD_OK);
    drop(future);
    drop(client.set_async("/b", "two"));
    server.wait_for_requests(2);
    drop(client);
    server.release();
    assert_eq!(queue.poll(30_000, 0), 1);
    assert_eq!((registered.called(), registered.dropped()), (1, 1));
    server.wait_for_ended(2);
}

#[test]
fn thousands_in_flight_share_one_thread_and_few_descriptors() {
    in_a_process_of_its_own("futures::thousands_in_flight_share_one_thread_and_few_descriptors", || {
        const CALLS: usize = 5000;
        let server = stalled();
        let client = patient(&server);
        let (threads_before, descriptors_before) = (threads().len(), descriptors());
        let futures: Vec<_> = (0..CALLS).map(|_| client.get_async("/a")).collect();
        server.wait_for_requests(64);
        // The server is in this process too: a thread and a descriptor of it for each connection.
        let ours: Vec<_> = threads().into_iter().filter(|(_, name)| name.starts_with("etcd-c")).collect();
        assert_eq!(ours.len(), 1, "{ours:?} of {} threads, before {threads_before}", threads().len());
        assert!(descriptors() - descriptors_before < 64 * 2 + 16, "{} descriptors", descriptors());
        server.release();
        for future in &futures {
            assert_eq!(future.finish().expect("an answer").value(), "one");
        }
        assert_eq!((server.requests().len(), server.connections()), (CALLS, 64));
        client.close(0).expect("closed");
    });
}

#[test]
fn a_close_ends_what_is_in_flight_and_tells_it_before_it_returns() {
    let server = stalled();
    let client = patient(&server);
    let futures: Vec<_> = (0..200).map(|_| client.get_async("/a")).collect();
    let registered: Vec<_> = futures.iter().map(|future| future.on_ready(None, |_| {}).1).collect();
    server.wait_for_requests(64);
    client.close(30_000).expect("closed");
    for (future, registered) in futures.iter().zip(&registered) {
        assert_eq!((registered.called(), registered.dropped()), (1, 1));
        assert_eq!(future.take().expect_err("closed").status, ETCD_ERR_CLOSED);
    }
    let late = client.get_async("/a");
    assert_eq!(late.finish().expect_err("closed").status, ETCD_ERR_CLOSED);
    // A callback still runs: a thread comes back for it, and goes again.
    let (status, registered) = late.on_ready(None, |_| {});
    assert_eq!(status, ETCD_OK);
    wait_until("the late callback ran", || registered.dropped() == 1);
    assert_eq!(registered.called(), 1);
}

#[test]
fn a_close_that_has_no_time_reports_a_callback_that_runs() {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY));
    let client = patient(&server);
    let (inside, may_return) = (Gate::new(), Gate::new());
    let (entered, waiting) = (inside.clone(), may_return.clone());
    let future = client.get_async("/a");
    let (_, registered) = future.on_ready(None, move |_| {
        entered.open();
        waiting.wait();
    });
    inside.wait();
    let failure = client.close(50).expect_err("a callback runs");
    assert_eq!(failure.status, ETCD_ERR_DEADLINE_EXCEEDED);
    may_return.open();
    wait_until("the callback has returned", || registered.dropped() == 1);
}

#[test]
fn the_twins_of_all_other_calls_bring_what_these_bring() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    let raw: *mut etcd_client = client.raw();
    // SAFETY: the client is alive; what is taken is read and freed.
    unsafe {
        let future = Future::of(etcd_client_version_async(raw, null()));
        assert_eq!(future.wait(-1), ETCD_OK);
        let mut version = null_mut();
        assert_eq!(told(|error| etcd_future_take_version(future.raw(), &mut version, error)).status, ETCD_OK);
        let text = CStr::from_ptr(etcd_test_harness::capi::client::etcd_server_version_server(version));
        assert_eq!(text.to_str().expect("UTF-8"), client.version().expect("a version").0);
        etcd_test_harness::capi::client::etcd_server_version_free(version);

        let future = Future::of(etcd_client_health_async(raw, null(), null()));
        assert_eq!(future.wait(-1), ETCD_OK);
        let mut healthy = false;
        assert_eq!(told(|error| etcd_future_take_bool(future.raw(), &mut healthy, error)).status, ETCD_OK);
        assert!(healthy);

        let future = Future::of(etcd_client_sync_async(raw, null()));
        assert_eq!(future.wait(-1), ETCD_OK);
        assert_eq!(told(|error| etcd_future_take(future.raw(), error)).status, ETCD_OK);
    }
    // Members, users and roles: see `make test-async`, where every test of these calls is one of their twins.
}

/// Everything at once, from many threads: each callback runs once, each drop once, each result is taken once.
#[test]
fn in_every_order_of_set_complete_cancel_free_and_close_each_happens_once() {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY));
    for round in 0..20 {
        let client = Arc::new(patient(&server));
        let queue = Arc::new(Queue::default());
        let all: Vec<_> = thread::scope(|scope| {
            let callers: Vec<_> = (0..8)
                .map(|caller| {
                    let (client, queue) = (client.clone(), queue.clone());
                    scope.spawn(move || {
                        let mut registered = Vec::new();
                        for number in 0..50 {
                            let future = client.get_async("/a");
                            if (number + caller) % 3 == 0 {
                                future.cancel();
                            }
                            let place = if number % 2 == 0 { Some(&*queue) } else { None };
                            let (status, told) = future.on_ready(place, |future| {
                                // SAFETY: the future is borrowed for the callback.
                                let first = unsafe { take_response(future) };
                                // SAFETY: as above.
                                let second = unsafe { take_response(future) }.expect_err("taken");
                                assert_eq!(second.status, ETCD_ERR_ALREADY_TAKEN, "{first:?}");
                            });
                            assert_eq!(status, ETCD_OK);
                            registered.push(told);
                        }
                        registered
                    })
                })
                .collect();
            if round % 2 == 0 {
                client.close(30_000).expect("closed");
            }
            callers.into_iter().flat_map(|caller| caller.join().expect("no panic")).collect()
        });
        wait_until("all are told", || {
            queue.poll(0, 0);
            all.iter().all(|told| told.dropped() == 1)
        });
        assert!(all.iter().all(|told| told.called() == 1));
    }
}
