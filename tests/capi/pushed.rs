//! Watches that bring their events to a callback: in order, one after another, until somebody ends them.

use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Failure, Queue, Response, Told, Watch, Watcher};
use etcd_test_support::{EtcdServer, Gate, refused_endpoint, wait_until};

use crate::alone::{in_a_process_of_its_own, threads};

type Events = Arc<Mutex<Vec<Result<Response, Failure>>>>;

/// A watcher of everything below `/w` that puts what comes into a list.
fn collecting(client: &Client, index: u64, queue: Option<&Queue>) -> (Watcher, Events, Told) {
    let watch = Watch { after_index: index, recursive: true, ..Watch::default() };
    let watcher = client.watch("/w", &watch).expect("a watcher");
    let events = Events::default();
    let adding = events.clone();
    let (started, told) = watcher.start(queue, move |event| adding.lock().expect("unpoisoned").push(event));
    started.expect("started");
    (watcher, events, told)
}

/// The number of watches that the server has right now.
fn watchers_of(server: &EtcdServer) -> u64 {
    server.oracle().get("/v2/stats/store").json()["watchers"].as_u64().expect("a count")
}

fn count(events: &Events) -> usize {
    events.lock().expect("unpoisoned").len()
}

fn last_status(events: &Events) -> Option<i32> {
    events.lock().expect("unpoisoned").last().and_then(|event| event.as_ref().err().map(|failure| failure.status))
}

#[test]
fn events_come_in_order_on_a_queue_and_without_one() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    for with_queue in [true, false] {
        let queue = Queue::default();
        let index = client.set("/w/start", "x").expect("set").index;
        let (watcher, events, told) = collecting(&client, index, with_queue.then_some(&queue));
        for number in 0..300 {
            client.set(&format!("/w/{number}"), "x").expect("set");
        }
        wait_until("all events are there", || {
            if with_queue {
                queue.poll(10, 7);
            }
            count(&events) == 300
        });
        let indexes: Vec<u64> = events
            .lock()
            .expect("unpoisoned")
            .iter()
            .map(|event| event.as_ref().expect("an event").node.as_ref().expect("a node").modified_index)
            .collect();
        assert!(indexes.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{indexes:?}");
        assert_eq!(watcher.stop(30_000), ETCD_OK);
        wait_until("its user data is freed", || {
            queue.poll(0, 0);
            told.dropped() == 1
        });
        let place =
            if with_queue { thread::current().name().unwrap_or_default().to_owned() } else { "etcd-callbacks".into() };
        assert!(told.threads().iter().all(|name| *name == place), "{place}: {:?}", told.threads());
    }
}

#[test]
fn a_thousand_watches_run_in_one_thread_of_the_application() {
    let server = EtcdServer::start();
    let (client, queue) = (Client::of(&server.endpoint()), Queue::default());
    let index = client.set("/w", "zero").expect("set").index;
    let mut all = Vec::new();
    for _ in 0..1000 {
        let watcher = client.watch("/w", &Watch { after_index: index, ..Watch::default() }).expect("a watcher");
        let (started, told) = watcher.start(Some(&queue), |event| match event {
            Ok(event) => assert_eq!(event.value(), "one"),
            Err(failure) => assert_eq!(failure.status, ETCD_ERR_CLOSED),
        });
        started.expect("started");
        all.push((watcher, told));
    }
    client.set("/w", "one").expect("set");
    wait_until("each was told once", || {
        queue.poll(50, 0);
        all.iter().all(|(_, told)| told.called() == 1)
    });
    client.close(30_000).expect("closed");
    wait_until("each was told of the end", || {
        queue.poll(50, 0);
        all.iter().all(|(_, told)| told.dropped() == 1)
    });
}

#[test]
fn a_busy_watch_takes_no_more_than_its_turn() {
    let server = EtcdServer::start();
    let (client, queue) = (Client::of(&server.endpoint()), Queue::default());
    let index = client.set("/w", "zero").expect("set").index;
    let watches: Vec<_> = (0..2)
        .map(|_| {
            let watcher = client.watch("/w", &Watch { after_index: index, ..Watch::default() }).expect("a watcher");
            let (started, told) = watcher.start(Some(&queue), |_| {});
            started.expect("started");
            (watcher, told)
        })
        .collect();
    (1..=20).for_each(|number| drop(client.set("/w", &number.to_string()).expect("set")));
    let called = |watch: usize| watches[watch].1.called();
    while called(0) + called(1) < 40 {
        assert!(queue.poll(20_000, 1) <= 1, "one is wanted");
        // Both have events for most of the time, and take turns then.
        assert!(called(0) > 2 || called(1) < 20, "{} and {}", called(0), called(1));
        assert!(called(1) > 2 || called(0) < 20, "{} and {}", called(0), called(1));
    }
}

#[test]
fn a_watcher_is_read_in_one_way_only() {
    let server = EtcdServer::start();
    let (client, queue) = (Client::of(&server.endpoint()), Queue::default());
    let (watcher, _, told) = collecting(&client, 0, Some(&queue));
    let (again, other) = watcher.start(Some(&queue), |_| {});
    assert_eq!(again.expect_err("it has one").status, ETCD_ERR_BUSY);
    assert_eq!((other.called(), other.dropped()), (0, 1));
    assert_eq!(watcher.next_within(10).expect_err("a callback gets them").status, ETCD_ERR_BUSY);
    assert_eq!(watcher.stop(0), ETCD_OK);
    let (late, other) = watcher.start(Some(&queue), |_| {});
    assert!([ETCD_ERR_BUSY, ETCD_ERR_CLOSED].contains(&late.expect_err("stopped").status));
    assert_eq!(other.dropped(), 1);
    let stopped = client.watch_key("/w");
    assert_eq!(stopped.stop(0), ETCD_OK);
    assert_eq!(stopped.start(Some(&queue), |_| {}).0.expect_err("stopped").status, ETCD_ERR_CLOSED);
    wait_until("the user data is freed", || {
        queue.poll(0, 0);
        told.dropped() == 1
    });
    assert_eq!(told.called(), 0, "no last word for one who stopped it himself");
}

#[test]
fn a_stop_waits_for_the_callback_that_runs_and_none_follows() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    let index = client.set("/w", "zero").expect("set").index;
    let watcher = client.watch("/w", &Watch { after_index: index, ..Watch::default() }).expect("a watcher");
    let (inside, may_return) = (Gate::new(), Gate::new());
    let (entered, waiting) = (inside.clone(), may_return.clone());
    let (started, told) = watcher.start(None, move |_| {
        entered.open();
        waiting.wait();
    });
    started.expect("started");
    (1..5).for_each(|number| drop(client.set("/w", &number.to_string()).expect("set")));
    inside.wait();
    assert_eq!(watcher.stop(50), ETCD_ERR_DEADLINE_EXCEEDED, "the callback runs");
    thread::scope(|scope| {
        let stop = scope.spawn(|| watcher.stop(0));
        may_return.open();
        assert_eq!(stop.join().expect("no panic"), ETCD_OK);
        assert_eq!(told.called(), 1);
    });
    wait_until("the user data is freed", || told.dropped() == 1);
    assert_eq!(told.called(), 1);
}

#[test]
fn a_callback_may_stop_its_own_watch_and_must_not_wait_for_another() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    let index = client.set("/w", "zero").expect("set").index;
    let new = || Arc::new(client.watch("/w", &Watch { after_index: index, ..Watch::default() }).expect("a watcher"));
    let (own, busy, statuses) = (new(), new(), Arc::new(Mutex::new(Vec::new())));
    let (inside, may_return) = (Gate::new(), Gate::new());
    let (entered, waiting) = (inside.clone(), may_return.clone());
    let (started, _told) = busy.start(None, move |_| {
        entered.open();
        waiting.wait();
    });
    started.expect("started");
    client.set("/w", "one").expect("set");
    inside.wait();
    let queue = Queue::default();
    let (stopping, other, noting) = (own.clone(), busy.clone(), statuses.clone());
    let (started, told) = own.start(Some(&queue), move |_| {
        noting.lock().expect("unpoisoned").extend([stopping.stop(0), other.stop(0)]);
    });
    started.expect("started");
    wait_until("it has stopped itself", || {
        queue.poll(10, 0);
        told.called() == 1
    });
    assert_eq!(*statuses.lock().expect("unpoisoned"), [ETCD_OK, ETCD_ERR_WOULD_DEADLOCK]);
    may_return.open();
}

#[test]
fn a_closed_client_has_the_last_word() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    let queue = Queue::default();
    let (_first, on_queue, told) = collecting(&client, 0, Some(&queue));
    let (_second, on_thread, told_there) = collecting(&client, 0, None);
    client.close(30_000).expect("closed");
    assert_eq!((last_status(&on_thread), told_there.dropped()), (Some(ETCD_ERR_CLOSED), 1), "before close returned");
    wait_until("the queue's is told too", || {
        queue.poll(10, 0);
        told.dropped() == 1
    });
    assert_eq!((last_status(&on_queue), count(&on_queue)), (Some(ETCD_ERR_CLOSED), 1));
}

#[test]
fn a_freed_queue_ends_its_watches() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    let queue = Queue::default();
    let index = client.set("/w/a", "x").expect("set").index;
    let (busy, _, told_busy) = collecting(&client, index, Some(&queue));
    let idle = client.watch_key("/idle");
    let (started, told_idle) = idle.start(Some(&queue), |_| {});
    started.expect("started");
    wait_until("the watches run", || {
        queue.poll(0, 0);
        watchers_of(&server) >= 2
    });
    client.set("/w/a", "y").expect("set");
    drop(queue);
    wait_until("their user data is freed", || told_busy.dropped() == 1 && told_idle.dropped() == 1);
    wait_until("the server has no watcher", || watchers_of(&server) == 0);
    assert_eq!(idle.stop(0), ETCD_OK);
    drop(busy);
}

#[test]
fn errors_are_told_and_the_watch_goes_on() {
    let nobody = refused_endpoint();
    let (client, queue) = (Client::of(&nobody.endpoint()), Queue::default());
    let (watcher, events, _told) = collecting(&client, 0, Some(&queue));
    wait_until("it was told twice", || {
        queue.poll(100, 0);
        count(&events) >= 2
    });
    assert_eq!(last_status(&events), Some(ETCD_ERR_CLUSTER));
    assert_eq!(watcher.stop(0), ETCD_OK);
}

/// What nobody takes is not read: it stays on the server's side, and neither memory nor order suffers.
#[test]
fn a_callback_that_is_slow_slows_its_watch_and_loses_nothing() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    let queue = Queue::default();
    let index = client.set("/w/start", "x").expect("set").index;
    let watch = Watch { after_index: index, recursive: true, resync: true, ..Watch::default() };
    let watcher = client.watch("/w", &watch).expect("a watcher");
    let events = Events::default();
    let adding = events.clone();
    let (started, _told) = watcher.start(Some(&queue), move |event| adding.lock().expect("unpoisoned").push(event));
    started.expect("started");
    for number in 0..3000 {
        client.set(&format!("/w/{}", number % 10), &number.to_string()).expect("set");
    }
    thread::sleep(Duration::from_millis(100));
    wait_until("it comes to the present", || {
        queue.poll(10, 0);
        let events = events.lock().expect("unpoisoned");
        events.last().is_some_and(|event| {
            let event = event.as_ref().expect("an event");
            let resynced =
                event.node.as_ref().is_some_and(|node| node.children.iter().any(|child| child.value == "2999"));
            event.action == "resync" && resynced || event.action != "resync" && event.value() == "2999"
        })
    });
}

// The one that comes first decides: a watch that is told of the end, or none at all; never a thread that nobody ends.
#[test]
fn a_start_beside_a_close_leaves_no_thread() {
    in_a_process_of_its_own("pushed::a_start_beside_a_close_leaves_no_thread", || {
        for round in 0..1000 {
            let client = Arc::new(Client::of("http://127.0.0.1:1"));
            let (watcher, queue, together) = (client.watch_key("/a"), Queue::default(), Arc::new(Barrier::new(2)));
            thread::scope(|scope| {
                let starter = scope.spawn(|| {
                    together.wait();
                    (0..round % 50).for_each(|_| std::hint::spin_loop());
                    watcher.start(Some(&queue), |_| {}).1
                });
                together.wait();
                (0..round / 50).for_each(|_| std::hint::spin_loop());
                client.close(0).expect("closed");
                let told = starter.join().expect("no panic");
                let ours = || threads().into_iter().filter(|(_, name)| name == "etcd-client").count();
                wait_until("no thread is left", || ours() == 0);
                wait_until("its user data is freed", || {
                    queue.poll(0, 0);
                    told.dropped() == 1
                });
            });
        }
    });
}
