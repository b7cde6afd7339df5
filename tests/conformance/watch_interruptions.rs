//! Whatever a watch is doing, it can be ended from anywhere at once; and what has come is not lost by it.

use std::ffi::{c_char, c_void};
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use etcd_client::capi::config::{ETCD_LOG_DEBUG, etcd_config_set_log};
use etcd_client::capi::status::*;
use etcd_client::capi::watcher::{etcd_watcher, etcd_watcher_free, etcd_watcher_next};
use etcd_test_harness::{Client, Config, Context, Failure, Watch, Watcher};
use etcd_test_support::{Gate, HangingListener, Place, Reply, ScriptedServer, refused_endpoint};

use crate::watching::*;

/// Far more than the few milliseconds that it takes, for a busy machine.
const AT_ONCE: Duration = Duration::from_millis(500);

/// A place where a watch can be stuck.
struct Stuck {
    name: &'static str,
    endpoint: String,
    options: Watch,
    /// Waits until it is stuck there.
    reached: Box<dyn Fn()>,
    _keeps: Box<dyn std::any::Any>,
}

fn stuck_at(name: &'static str, server: ScriptedServer, requests: usize, options: Watch) -> Stuck {
    let server = std::sync::Arc::new(server);
    let (endpoint, waiting) = (server.endpoint(), server.clone());
    let reached = Box::new(move || drop(waiting.wait_for_requests(requests)));
    Stuck { name, endpoint, options, reached, _keeps: Box::new(server) }
}

/// A connection is not visible from outside before it is there; the time is only to get there.
fn soon() -> Box<dyn Fn()> {
    Box::new(|| thread::sleep(Duration::from_millis(60)))
}

fn places() -> Vec<Stuck> {
    let hanging = HangingListener::new();
    let refused = refused_endpoint();
    let catching_up = ScriptedServer::by(|request| match if is_check(request) { 99 } else { wait_index(request) } {
        11 => stream(20, &[event(12)]),
        0 => stream(20, &[]),
        _ => Reply::new(200).stall_at(Place::Start),
    });
    let resync = ScriptedServer::by(|request| match is_watch(request) {
        true => refusal(400, 401, 30),
        false => Reply::new(200).stall_at(Place::Start),
    });
    vec![
        Stuck {
            name: "connecting",
            endpoint: hanging.endpoint(),
            options: Watch::default(),
            reached: soon(),
            _keeps: Box::new(hanging),
        },
        stuck_at("the head", ScriptedServer::always(Reply::new(200).stall_at(Place::Start)), 1, Watch::default()),
        stuck_at("half a head", ScriptedServer::always(stream(30, &[]).stall_at(Place::MidHead)), 1, Watch::default()),
        stuck_at("an event", ScriptedServer::always(stream(30, &[])), 1, Watch::default()),
        stuck_at(
            "half an event",
            ScriptedServer::always(stream(30, &[event(31)]).stall_at(Place::MidBody)),
            1,
            Watch::default(),
        ),
        stuck_at(
            "the end of a refusal",
            ScriptedServer::always(refusal(400, 401, 9).stall_at(Place::MidBody)),
            1,
            after(9),
        ),
        stuck_at("the history", catching_up, 3, after(10)),
        stuck_at("the state", resync, 2, Watch { resync: true, ..after(10) }),
        Stuck {
            name: "back-off",
            endpoint: refused.endpoint(),
            options: after(10),
            reached: soon(),
            _keeps: Box::new(refused),
        },
    ]
}

/// Blocks in `next` at each place, interrupts it, and checks how it ends and how fast.
fn interrupted_by(status: i32, interrupt: impl Fn(&Client, &Watcher, &Context)) {
    for place in places() {
        let client = Client::of(&place.endpoint);
        let watcher = client.watch("/k", &place.options).expect("a watcher");
        let context = Context::new();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                loop {
                    match watcher.next_with(Some(&context)) {
                        // What is on the way there.
                        Ok(_) => {}
                        Err(failure) if failure.status == ETCD_ERR_CLUSTER => {}
                        Err(failure) => return (failure, Instant::now()),
                    }
                }
            });
            (place.reached)();
            let interrupted = Instant::now();
            interrupt(&client, &watcher, &context);
            let took = interrupted.elapsed();
            assert!(took < AT_ONCE, "{}: the interruption itself took {took:?}", place.name);
            let (failure, returned) = waiting.join().expect("no panic");
            assert_eq!(failure.status, status, "{}: {failure:?}", place.name);
            let took = returned.saturating_duration_since(interrupted);
            assert!(took < AT_ONCE, "{}: {took:?}", place.name);
        });
    }
}

#[test]
fn a_cancelled_context_wakes_next_wherever_it_is() {
    interrupted_by(ETCD_ERR_CANCELED, |_, _, context| context.cancel());
}

#[test]
fn stop_wakes_next_wherever_it_is_and_waits_for_it() {
    interrupted_by(ETCD_ERR_CLOSED, |_, watcher, _| assert_eq!(watcher.stop(10_000), ETCD_OK));
}

#[test]
fn the_close_of_the_client_wakes_next_wherever_it_is() {
    interrupted_by(ETCD_ERR_CLOSED, |client, _, _| client.close(10_000).expect("closed in time"));
}

#[test]
fn a_deadline_ends_next_wherever_it_is() {
    for place in places() {
        let client = Client::of(&place.endpoint);
        let watcher = client.watch("/k", &place.options).expect("a watcher");
        let (context, started) = (Context::with_timeout_ms(300), Instant::now());
        let failure = loop {
            match watcher.next_with(Some(&context)) {
                Ok(_) => {}
                Err(failure) if failure.status == ETCD_ERR_CLUSTER => {}
                Err(failure) => break failure,
            }
        };
        assert_eq!(failure.status, ETCD_ERR_DEADLINE_EXCEEDED, "{}: {failure:?}", place.name);
        let took = started.elapsed();
        assert!(took >= Duration::from_millis(300) && took < Duration::from_millis(1300), "{}: {took:?}", place.name);
    }
}

fn raw_next(watcher: *mut etcd_watcher) -> i32 {
    // SAFETY: the test keeps the watcher alive until this call has begun; the outputs may be NULL.
    unsafe { etcd_watcher_next(watcher, std::ptr::null(), std::ptr::null_mut(), std::ptr::null_mut()) }
}

#[test]
fn free_in_another_thread_wakes_next_wherever_it_is() {
    for place in places() {
        let client = Client::of(&place.endpoint);
        let watcher = client.watch("/k", &place.options).expect("a watcher");
        let raw = AtomicPtr::new(watcher.raw());
        std::mem::forget(watcher);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                // Errors and events on the way there are few; the last call is blocked when the free comes.
                let mut status = ETCD_OK;
                for _ in 0..if matches!(place.name, "the history") { 2 } else { 1 } {
                    status = raw_next(raw.load(Ordering::SeqCst));
                }
                (status, Instant::now())
            });
            if place.name == "back-off" {
                // There next returns by itself.
                assert_eq!(waiting.join().expect("no panic").0, ETCD_ERR_CLUSTER);
                // SAFETY: nobody uses it any more.
                unsafe { etcd_watcher_free(raw.load(Ordering::SeqCst)) };
                return;
            }
            (place.reached)();
            // The second call of the reader must have begun, which nothing but time can tell.
            thread::sleep(Duration::from_millis(100));
            let freed = Instant::now();
            // SAFETY: the reader is inside its last call, and does not touch the pointer again.
            unsafe { etcd_watcher_free(raw.load(Ordering::SeqCst)) };
            let (status, returned) = waiting.join().expect("no panic");
            assert_eq!(status, ETCD_ERR_CLOSED, "{}", place.name);
            assert!(returned.saturating_duration_since(freed) < AT_ONCE, "{}", place.name);
        });
    }
}

#[test]
fn a_context_that_is_over_takes_no_event_and_makes_no_traffic() {
    let server = ScriptedServer::always(stream(30, &[event(31)]));
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch::default());
    let cancelled = Context::new();
    cancelled.cancel();
    assert_eq!(watcher.next_with(Some(&cancelled)).expect_err("cancelled").status, ETCD_ERR_CANCELED);
    assert_eq!(watcher.next_within(0).expect_err("too late").status, ETCD_ERR_DEADLINE_EXCEEDED);
    assert_eq!(server.connections(), 0);
    assert_eq!(indexes(&watcher, 1), [31]);
    assert_eq!(watcher.next_with(Some(&cancelled)).expect_err("cancelled").status, ETCD_ERR_CANCELED);
}

#[test]
fn events_that_arrive_together_with_a_cancellation_are_not_lost() {
    const COUNT: u64 = 3000;
    let events: Vec<String> = (31..31 + COUNT).map(event).collect();
    let pieces: Vec<String> = events.chunks(3).map(<[String]>::concat).collect();
    let server = ScriptedServer::by(move |request| match is_watch(request) {
        true => head(30).unfinished_chunks(pieces.clone()).drip(300, Duration::from_micros(200)),
        false => refusal(404, 100, 30),
    });
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch::default());
    let (mut seen, mut cancelled) = (Vec::new(), 0);
    while seen.len() < usize::try_from(COUNT).expect("small") {
        let context = Context::with_timeout_ms(i64::try_from(seen.len() % 3).expect("small") + 1);
        thread::scope(|scope| {
            scope.spawn(|| context.cancel());
            match watcher.next_with(Some(&context)) {
                Ok(event) => seen.push(event.index),
                Err(failure) => {
                    assert!([ETCD_ERR_CANCELED, ETCD_ERR_DEADLINE_EXCEEDED].contains(&failure.status), "{failure:?}");
                    cancelled += 1;
                }
            }
        });
        if cancelled % 7 == 0
            && let Ok(event) = watcher.next_within(1000)
        {
            seen.push(event.index);
        }
    }
    assert!(cancelled > 10, "the test has cancelled only {cancelled} times");
    let expected: Vec<u64> = (31..).take(seen.len()).collect();
    assert_eq!(seen, expected);
}

#[test]
fn only_one_thread_waits_at_a_time() {
    let gate = Gate::new();
    let server = ScriptedServer::always(stream(30, &[event(31), event(32)]).wait_at(Place::AfterHead, &gate));
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch::default());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| watcher.next());
        server.wait_for_requests(1);
        assert_eq!(watcher.next_within(1000).expect_err("busy").status, ETCD_ERR_BUSY);
        gate.open();
        assert_eq!(waiting.join().expect("no panic").expect("an event").index, 31);
    });
    assert_eq!(indexes(&watcher, 1), [32], "the refused call has taken nothing");
}

#[test]
fn stopping_is_for_ever_twice_is_fine_and_before_the_first_next_too() {
    let server = ScriptedServer::always(stream(30, &[event(31)]));
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch::default());
    for _ in 0..2 {
        assert_eq!(watcher.stop(0), ETCD_OK);
        assert_eq!(fails(&watcher).status, ETCD_ERR_CLOSED);
    }
    assert_eq!(watcher.stop(-1), ETCD_ERR_INVALID_ARGUMENT);
    assert_eq!(server.connections(), 0);
    let read = watch(&client, &Watch::default());
    assert_eq!(indexes(&read, 1), [31]);
    assert_eq!(read.stop(0), ETCD_OK);
    assert_eq!(fails(&read).status, ETCD_ERR_CLOSED);
    server.wait_for_ended(1);
}

#[test]
fn a_closed_client_refuses_new_watchers_and_a_freed_one_keeps_its_watchers_going() {
    let gate = Gate::new();
    let server = ScriptedServer::always(stream(30, &[event(31), event(32)]).wait_at(Place::AfterChunks(1), &gate));
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch::default());
    let later = watch(&client, &Watch::default());
    assert_eq!(indexes(&watcher, 1), [31]);
    drop(client);
    gate.open();
    assert_eq!(indexes(&watcher, 1), [32]);
    assert_eq!(indexes(&later, 2), [31, 32], "also one that begins only now");
    drop((watcher, later));
    server.wait_for_ended(2);

    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch::default());
    client.close(0).expect("closed");
    assert_eq!(fails(&watcher).status, ETCD_ERR_CLOSED);
    assert_eq!(
        client.watch("/k", &Watch::default()).err().map(|failure: Failure| failure.status),
        Some(ETCD_ERR_CLOSED)
    );
}

static WATCHER: AtomicPtr<etcd_watcher> = AtomicPtr::new(std::ptr::null_mut());
static INSIDE: AtomicI32 = AtomicI32::new(-1);

unsafe extern "C" fn next_inside(_user_data: *mut c_void, _level: i32, _message: *const c_char) {
    let watcher = WATCHER.load(Ordering::SeqCst);
    if !watcher.is_null() {
        INSIDE.store(raw_next(watcher), Ordering::SeqCst);
    }
}

#[test]
fn next_inside_a_callback_is_refused() {
    let server = ScriptedServer::always(stream(30, &[event(31)]));
    let config = Config::new(&[server.endpoint()])
        // SAFETY: the configuration is alive; the callback needs no data.
        .change(|config| unsafe {
            etcd_config_set_log(config, ETCD_LOG_DEBUG, Some(next_inside), std::ptr::null_mut(), None)
        });
    let client = config.build();
    let watcher = watch(&client, &Watch::default());
    WATCHER.store(watcher.raw(), Ordering::SeqCst);
    assert_eq!(indexes(&watcher, 1), [31]);
    WATCHER.store(std::ptr::null_mut(), Ordering::SeqCst);
    assert_eq!(INSIDE.load(Ordering::SeqCst), ETCD_ERR_WOULD_DEADLOCK);
}

#[test]
fn many_threads_make_read_stop_and_free_watchers_of_one_client_at_once() {
    let server = ScriptedServer::always(stream(30, &[event(31), event(32)]));
    let client = Client::of(&server.endpoint());
    thread::scope(|scope| {
        for thread in 0..8 {
            let client = &client;
            scope.spawn(move || {
                for round in 0..20 {
                    let watcher = watch(client, &Watch::default());
                    if (thread + round) % 3 > 0 {
                        assert_eq!(indexes(&watcher, 1), [31]);
                    }
                    if (thread + round) % 2 > 0 {
                        assert_eq!(watcher.stop(0), ETCD_OK);
                    }
                }
            });
        }
    });
    client.close(0).expect("closed");
}
