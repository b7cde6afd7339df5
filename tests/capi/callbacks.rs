//! Inside callbacks: where they run, what may be done there, and what is refused.

use std::ptr::{null, null_mut};
use std::sync::{Arc, Mutex};

use etcd_test_harness::capi::client::*;
use etcd_test_harness::capi::discovery::etcd_discover_srv;
use etcd_test_harness::capi::future::*;
use etcd_test_harness::capi::keys::etcd_keys_set;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::capi::sync::*;
use etcd_test_harness::capi::watcher::etcd_watcher_free;
use etcd_test_harness::{Client, Config, Future, Queue, Watch, take_response};
use etcd_test_support::{EtcdServer, Place, Reply, ScriptedServer, wait_until};

use crate::alone::in_a_process_of_its_own;
use crate::raw::told;

const BODY: &str = r#"{"action":"get","node":{"key":"/a","value":"one"}}"#;

#[test]
fn without_a_queue_all_run_on_the_one_thread_for_callbacks() {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY));
    let client = Client::of(&server.endpoint());
    let futures: Vec<_> = (0..100).map(|_| client.get_async("/a")).collect();
    let told: Vec<_> = futures.iter().map(|future| future.on_ready(None, |_| {}).1).collect();
    wait_until("all are told", || told.iter().all(|told| told.dropped() == 1));
    for told in &told {
        assert_eq!(told.threads(), ["etcd-callbacks", "etcd-callbacks"]);
        assert_eq!(told.called(), 1);
    }
}

#[test]
fn a_callback_gets_the_very_future_that_the_call_gave() {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY));
    let (client, queue) = (Client::of(&server.endpoint()), Queue::default());
    let future = client.get_async("/a");
    let (mine, same) = (future.raw() as usize, Arc::new(Mutex::new(None)));
    let seen = same.clone();
    future.on_ready(Some(&queue), move |future| *seen.lock().expect("unpoisoned") = Some(future as usize == mine));
    assert_eq!(queue.poll(-1, 0), 1);
    assert_eq!(*same.lock().expect("unpoisoned"), Some(true));
}

#[test]
fn a_future_has_one_callback() {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY).stall_at(Place::Start));
    let (client, queue) = (Client::of(&server.endpoint()), Queue::default());
    let future = client.get_async("/a");
    let (first, second) = (future.on_ready(Some(&queue), |_| {}), future.on_ready(Some(&queue), |_| {}));
    assert_eq!((first.0, second.0), (ETCD_OK, ETCD_ERR_BUSY));
    assert_eq!((second.1.called(), second.1.dropped()), (0, 1));
    server.release();
    assert_eq!(queue.poll(-1, 0), 1);
    let third = future.on_ready(Some(&queue), |_| {});
    assert_eq!((third.0, third.1.dropped()), (ETCD_ERR_BUSY, 1));
    // SAFETY: no callback; the user data is NULL.
    let status = unsafe { etcd_future_on_ready(future.raw(), queue.raw(), None, null_mut(), None) };
    assert_eq!(status, ETCD_ERR_INVALID_ARGUMENT);
}

/// What each blocking call says inside a callback.
fn statuses_inside(client: &Arc<Client>, queue: Option<&Queue>) -> Vec<(&'static str, i32)> {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY).stall_at(Place::Start));
    let stalled = Arc::new(Client::of(&server.endpoint()));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (noting, inside, watcher) = (seen.clone(), client.clone(), client.watch_key("/w"));
    let pending = stalled.get_async("/a");
    let other = Queue::default();
    let future = client.get_async("/a");
    let (status, registered) = future.on_ready(queue, move |future| {
        let raw = inside.raw();
        let mut list = null_mut();
        // SAFETY: everything is alive, and whatever comes is nothing.
        let statuses = unsafe {
            vec![
                ("get", inside.get("/a").err().map_or(0, |failure| failure.status)),
                (
                    "set",
                    told(|e| etcd_keys_set(raw, null(), c"/a".as_ptr(), c"x".as_ptr(), 1, null(), null_mut(), e))
                        .status,
                ),
                ("members", inside.members_list(None).err().map_or(0, |failure| failure.status)),
                ("auth", inside.auth().status().err().map_or(0, |failure| failure.status)),
                ("version", inside.version().err().map_or(0, |failure| failure.status)),
                ("sync", told(|e| etcd_client_sync(raw, null(), e)).status),
                ("auto_sync", told(|e| etcd_client_auto_sync(raw, null(), 1000, e)).status),
                ("close", told(|e| etcd_client_close(raw, 1000, e)).status),
                ("next", watcher.next().err().map_or(0, |failure| failure.status)),
                (
                    "discover",
                    told(|e| etcd_discover_srv(null(), c"example.test".as_ptr(), null(), &mut list, e)).status,
                ),
                ("wait", pending.wait(-1)),
                ("poll", -other.poll(-1, 0)),
                ("poll without waiting", -other.poll(0, 0)),
                // What does not block is no misuse.
                ("look at one in flight", pending.wait(0)),
                ("wait for one that is there", etcd_future_wait(future, -1)),
            ]
        };
        *noting.lock().expect("unpoisoned") = statuses;
    });
    assert_eq!(status, ETCD_OK);
    match queue {
        Some(queue) => assert_eq!(queue.poll(-1, 0), 1),
        None => wait_until("the callback ran", || registered.dropped() == 1),
    }
    seen.lock().expect("unpoisoned").clone()
}

#[test]
fn blocking_calls_are_refused_inside_and_others_are_not() {
    let server = EtcdServer::start();
    let client = Arc::new(Client::of(&server.endpoint()));
    client.set("/a", "one").expect("set");
    let queue = Queue::default();
    for place in [Some(&queue), None] {
        let statuses = statuses_inside(&client, place);
        let (blocking, others) = statuses.split_at(statuses.len() - 2);
        for (name, status) in blocking {
            assert_eq!(*status, ETCD_ERR_WOULD_DEADLOCK, "{name}");
        }
        assert_eq!([others[0].1, others[1].1], [ETCD_ERR_NOT_READY, ETCD_OK]);
    }
}

#[test]
fn everything_else_may_be_done_inside_freeing_what_is_being_delivered_too() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    client.set("/a", "one").expect("set");
    for with_queue in [true, false] {
        let queue = Arc::new(Queue::default());
        let place = with_queue.then_some(&*queue);
        let (done, next) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(Vec::new())));
        let (future, other) = (client.get_async("/a"), client.get_async("/a"));
        // What is given to C is freed by C.
        let (raw, raw_other, raw_client) =
            (future.raw() as usize, other.raw() as usize, Client::of(&server.endpoint()).into_raw() as usize);
        let (finished, started, again) = (done.clone(), next.clone(), queue.clone());
        let (status, told) = future.on_ready(place, move |future| {
            // SAFETY: the future is borrowed; the handles are C's and freed once.
            unsafe {
                let value = take_response(future).expect("an answer").value().to_owned();
                let client = raw_client as *mut etcd_client;
                let next =
                    etcd_test_harness::capi::keys_async::etcd_keys_get_async(client, null(), c"/a".as_ptr(), null());
                etcd_client_free(client);
                etcd_future_cancel(raw_other as *mut etcd_future);
                etcd_future_free(raw_other as *mut etcd_future);
                etcd_future_free(raw as *mut etcd_future);
                again.wakeup();
                started.lock().expect("unpoisoned").push(Future::of(next));
                *finished.lock().expect("unpoisoned") = Some(value);
            }
        });
        assert_eq!(status, ETCD_OK);
        std::mem::forget((future, other));
        wait_until("the callback ran", || {
            queue.poll(0, 0);
            told.dropped() == 1
        });
        assert_eq!(done.lock().expect("unpoisoned").as_deref(), Some("one"));
        let next = next.lock().expect("unpoisoned").pop().expect("a call begun inside");
        assert_eq!(next.finish().expect("an answer").value(), "one");
    }
}

#[test]
fn a_queue_may_be_freed_inside_a_callback_that_it_runs() {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY));
    let client = Client::of(&server.endpoint());
    let queue = Queue::default();
    let (raw, address) = (queue.raw(), queue.raw() as usize);
    let futures = [client.get_async("/a"), client.get_async("/a")];
    futures.iter().for_each(|future| assert_eq!(future.wait(-1), ETCD_OK));
    let first = futures[0].on_ready(Some(&queue), move |_| {
        // SAFETY: the queue is freed here and nowhere else.
        unsafe { etcd_test_harness::capi::queue::etcd_queue_free(address as *mut _) };
    });
    let second = futures[1].on_ready(Some(&queue), |_| {});
    std::mem::forget(queue);
    // SAFETY: the queue is alive when the poll begins.
    assert_eq!(unsafe { etcd_test_harness::capi::queue::etcd_queue_poll(raw, 0, 0) }, 1);
    assert_eq!((first.1.called(), first.1.dropped()), (1, 1));
    assert_eq!((second.1.called(), second.1.dropped()), (0, 1));
}

#[test]
fn a_slow_callback_delays_no_call() {
    let server = EtcdServer::start();
    let client = Config::new(&[server.endpoint()]).build();
    client.set("/a", "one").expect("set");
    let gate = etcd_test_support::Gate::new();
    let waiting = gate.clone();
    let slow = client.get_async("/a");
    let (_, told) = slow.on_ready(None, move |_| waiting.wait());
    for _ in 0..100 {
        assert_eq!(client.get_async("/a").finish().expect("an answer").value(), "one");
    }
    assert_eq!(told.called(), 0);
    gate.open();
    wait_until("the slow one returns", || told.dropped() == 1);
}

#[test]
fn a_watcher_may_be_freed_inside_its_callback() {
    let server = EtcdServer::start();
    let (client, queue) = (Client::of(&server.endpoint()), Queue::default());
    let index = client.set("/w", "zero").expect("set").index;
    let watcher = client.watch("/w", &Watch { after_index: index, ..Watch::default() }).expect("a watcher");
    let raw = watcher.raw() as usize;
    let (started, told) = watcher.start(Some(&queue), move |event| {
        event.expect("an event");
        // SAFETY: the watcher is freed here and nowhere else.
        unsafe { etcd_watcher_free(raw as *mut _) };
    });
    started.expect("started");
    std::mem::forget(watcher);
    client.set("/w", "one").expect("set");
    client.set("/w", "two").expect("set");
    wait_until("the watch has ended", || {
        queue.poll(10, 0);
        told.dropped() == 1
    });
    assert_eq!(told.called(), 1, "the first event was the last callback");
}

/// From now on this process can have no more threads.
fn have_no_more_threads() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is valid for reads. Root is not bound by it, so that it is nobody from here on.
    unsafe {
        assert_eq!(libc::setrlimit(libc::RLIMIT_NPROC, &none), 0);
        assert!(libc::geteuid() != 0 || libc::setuid(65534) == 0);
    }
}

#[test]
fn where_no_thread_is_to_be_had_the_registration_fails_and_what_it_was_given_is_freed() {
    let name = "callbacks::where_no_thread_is_to_be_had_the_registration_fails_and_what_it_was_given_is_freed";
    in_a_process_of_its_own(name, || {
        let (client, closed) = (Client::of("http://127.0.0.1:1"), Client::of("http://127.0.0.1:1"));
        closed.close(0).expect("closed");
        let watcher = client.watch_key("/a");
        have_no_more_threads();
        for future in [client.get_async("/a"), closed.get_async("/a")] {
            assert!(future.is_ready());
            let (status, told) = future.on_ready(None, |_| {});
            assert_eq!((status, told.called(), told.dropped()), (ETCD_ERR_INTERNAL, 0, 1));
            let queue = Queue::default();
            let (status, told) = future.on_ready(Some(&queue), |_| {});
            assert_eq!((status, queue.poll(0, 0), told.dropped()), (ETCD_OK, 1, 1), "a queue needs no thread");
        }
        let (started, told) = watcher.start(None, |_| {});
        assert_eq!((started.expect_err("no thread").status, told.dropped()), (ETCD_ERR_INTERNAL, 1));
        client.close(0).expect("closed");
    });
}
