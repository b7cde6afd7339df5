//! Queues: callbacks on the application's own threads, and when its event loop hears of them.

use std::ptr::null_mut;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use etcd_test_harness::capi::queue::*;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Future, Queue, Told};
use etcd_test_support::{Place, Reply, ScriptedServer, wait_until};

use crate::alone::{descriptors, in_a_process_of_its_own, threads};

const BODY: &str = r#"{"action":"get","node":{"key":"/a","value":"one"}}"#;

fn server() -> ScriptedServer {
    ScriptedServer::always(Reply::etcd(200, 1, BODY))
}

/// A future whose callback waits in the queue.
fn waiting_in(queue: &Queue, client: &Client) -> (Future, Told) {
    let future = client.get_async("/a");
    assert_eq!(future.wait(-1), ETCD_OK);
    let (status, told) = future.on_ready(Some(queue), |_| {});
    assert_eq!(status, ETCD_OK);
    (future, told)
}

fn is_readable(descriptor: i32) -> bool {
    let mut polled = libc::pollfd { fd: descriptor, events: libc::POLLIN, revents: 0 };
    // SAFETY: one descriptor, which is open.
    assert!(unsafe { libc::poll(&mut polled, 1, 0) } >= 0);
    polled.revents & libc::POLLIN != 0
}

#[test]
fn the_descriptor_is_readable_exactly_while_callbacks_wait() {
    let (server, queue) = (server(), Queue::default());
    let client = Client::of(&server.endpoint());
    let descriptor = queue.descriptor();
    assert!(descriptor >= 0 && queue.descriptor() == descriptor);
    assert!(!is_readable(descriptor));
    let _two = [waiting_in(&queue, &client), waiting_in(&queue, &client)];
    assert!(is_readable(descriptor));
    assert_eq!(queue.poll(0, 1), 1);
    assert!(is_readable(descriptor), "one is left");
    assert_eq!(queue.poll(0, 1), 1);
    assert!(!is_readable(descriptor));
    queue.wakeup();
    assert!(is_readable(descriptor));
    assert_eq!(queue.poll(-1, 0), 0);
    assert!(!is_readable(descriptor));
    let late = Queue::default();
    let _one = waiting_in(&late, &client);
    assert!(is_readable(late.descriptor()), "asked for when something waits already");
}

#[test]
fn a_queue_costs_no_thread_and_its_descriptor_only_when_asked_for() {
    in_a_process_of_its_own("queues::a_queue_costs_no_thread_and_its_descriptor_only_when_asked_for", || {
        let (threads_before, before) = (threads(), descriptors());
        let queue = Queue::default();
        assert_eq!((queue.poll(0, 0), descriptors()), (0, before));
        let descriptor = queue.descriptor();
        assert_eq!(descriptors(), before + 1);
        // SAFETY: the descriptor is open.
        let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFD) };
        assert_ne!(flags & libc::FD_CLOEXEC, 0);
        drop(queue);
        assert_eq!((threads(), descriptors()), (threads_before, before));
    });
}

#[test]
fn a_poll_waits_as_long_as_it_is_told() {
    let queue = Arc::new(Queue::default());
    let began = Instant::now();
    assert_eq!(queue.poll(0, 0), 0);
    assert_eq!(queue.poll(30, 0), 0);
    assert!(began.elapsed() >= Duration::from_millis(30));
    let polling = queue.clone();
    let poller = thread::spawn(move || polling.poll(-1, 0));
    queue.wakeup();
    assert_eq!(poller.join().expect("woken"), 0);
}

#[test]
fn callbacks_run_on_the_thread_that_polls_and_in_their_order() {
    let (server, queue) = (server(), Queue::default());
    let client = Client::of(&server.endpoint());
    let all: Vec<_> = (0..10).map(|_| waiting_in(&queue, &client)).collect();
    let name = "the-poller".to_owned();
    let ran = thread::scope(|scope| {
        let poll = || (queue.poll(0, 3), queue.poll(0, -1));
        let poller = thread::Builder::new().name(name.clone()).spawn_scoped(scope, poll).expect("a thread");
        poller.join().expect("polled")
    });
    assert_eq!(ran, (3, 7));
    for (_, told) in &all {
        assert_eq!(told.threads(), [name.clone(), name.clone()], "callback and drop");
    }
}

#[test]
fn several_threads_may_poll_one_queue() {
    let (server, queue) = (server(), Queue::default());
    let client = Client::of(&server.endpoint());
    let all: Vec<_> = (0..500).map(|_| client.get_async("/a")).collect();
    let told: Vec<_> = all.iter().map(|future| future.on_ready(Some(&queue), |_| {}).1).collect();
    let ran = thread::scope(|scope| {
        let poll = || {
            let mut ran = 0;
            while told.iter().any(|told| told.called() == 0) {
                ran += queue.poll(10, 2);
            }
            ran
        };
        let pollers: Vec<_> = (0..4).map(|_| scope.spawn(poll)).collect();
        pollers.into_iter().map(|poller| poller.join().expect("polled")).sum::<i32>()
    });
    assert_eq!(ran, 500);
}

#[test]
fn a_freed_queue_drops_what_waits_and_what_comes_and_calls_nothing() {
    let server =
        ScriptedServer::sequence(vec![Reply::etcd(200, 1, BODY), Reply::etcd(200, 1, BODY).stall_at(Place::Start)]);
    let client = Config::new(&[server.endpoint()]).request_timeout_ms(60_000).build();
    let queue = Queue::default();
    let (_future, waits) = waiting_in(&queue, &client);
    let in_flight = client.get_async("/a");
    let (_, comes) = in_flight.on_ready(Some(&queue), |_| {});
    server.wait_for_requests(2);
    drop(queue);
    assert_eq!((waits.called(), waits.dropped()), (0, 1));
    assert_eq!((comes.called(), comes.dropped()), (0, 0));
    server.release();
    assert_eq!(in_flight.finish().expect("the call goes on").value(), "one");
    wait_until("its user data is freed", || comes.dropped() == 1);
    assert_eq!((comes.called(), comes.threads()), (0, vec!["etcd-callbacks".to_owned()]), "not on a thread of I/O");
}

#[test]
fn misuse_comes_back_as_a_negative_status() {
    let client = Client::of("http://127.0.0.1:1");
    // SAFETY: NULL and an object of another type are what is tried.
    unsafe {
        assert_eq!(etcd_queue_poll(null_mut(), 0, 0), -ETCD_ERR_INVALID_ARGUMENT);
        assert_eq!(etcd_queue_poll(client.raw().cast(), 0, 0), -ETCD_ERR_INVALID_ARGUMENT);
        assert_eq!(etcd_queue_fd(null_mut()), -1);
        etcd_queue_wakeup(null_mut());
        etcd_queue_free(null_mut());
    }
    let future = client.get_async("/a");
    // SAFETY: an object of another type; the callback is never called.
    let status = unsafe {
        etcd_test_harness::capi::future::etcd_future_on_ready(future.raw(), client.raw().cast(), None, null_mut(), None)
    };
    assert_eq!(status, ETCD_ERR_INVALID_ARGUMENT);
}
