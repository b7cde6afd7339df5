//! A queue in every order of push, poll, wakeup and close.

use std::sync::Arc;

use etcd_test_model::callback;
use etcd_test_model::callback_queue::{CallbackQueue, Job, Patience, Signal};
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

#[derive(Clone)]
struct Flag(Arc<AtomicBool>);

impl Signal for Flag {
    fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
    fn lower(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

type Queue = Arc<CallbackQueue<Flag>>;

fn queue() -> (Queue, Flag) {
    let (queue, flag) = (Queue::default(), Flag(Arc::new(AtomicBool::new(false))));
    queue.signal(|| Some(flag.clone()), |_| ());
    (queue, flag)
}

/// Counts in one place that it ran, in another that it is gone.
#[derive(Clone)]
struct Counts {
    ran: Arc<AtomicUsize>,
    gone: Arc<AtomicUsize>,
}

struct Held(Arc<AtomicUsize>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Counts {
    fn new() -> Counts {
        Counts { ran: Arc::new(AtomicUsize::new(0)), gone: Arc::new(AtomicUsize::new(0)) }
    }

    fn job(&self) -> Job {
        let (ran, held) = (self.ran.clone(), Held(self.gone.clone()));
        Box::new(move || {
            callback::call(|| ran.fetch_add(1, Ordering::SeqCst));
            drop(held);
        })
    }

    fn now(&self) -> (usize, usize) {
        (self.ran.load(Ordering::SeqCst), self.gone.load(Ordering::SeqCst))
    }
}

fn poll_until(queue: &Queue, count: u64) {
    let mut ran = 0;
    while ran < count {
        ran += queue.poll(Patience::Endless, 1);
    }
}

#[test]
fn no_job_is_lost_and_nobody_waits_for_ever() {
    loom::model(|| {
        let ((queue, flag), counts) = (queue(), Counts::new());
        let pushing = (queue.clone(), counts.job());
        let pusher = thread::spawn(move || assert!(pushing.0.push(pushing.1).is_ok()));
        assert!(queue.push(counts.job()).is_ok());
        poll_until(&queue, 2);
        pusher.join().expect("no panic");
        assert_eq!(counts.now(), (2, 2));
        assert!(!flag.0.load(Ordering::SeqCst), "nothing waits, and the event loop may sleep");
    });
}

#[test]
fn two_threads_that_poll_get_a_job_each() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let ((queue, flag), counts) = (queue(), Counts::new());
        let polling = queue.clone();
        let poller = thread::spawn(move || poll_until(&polling, 1));
        let pushing = (queue.clone(), counts.job(), counts.job());
        let pusher = thread::spawn(move || {
            assert!(pushing.0.push(pushing.1).is_ok());
            assert!(pushing.0.push(pushing.2).is_ok());
        });
        poll_until(&queue, 1);
        poller.join().expect("no panic");
        pusher.join().expect("no panic");
        assert_eq!(counts.now(), (2, 2));
        assert!(!flag.0.load(Ordering::SeqCst));
    });
}

#[test]
fn the_signal_is_up_while_a_job_waits() {
    loom::model(|| {
        let ((queue, flag), counts) = (queue(), Counts::new());
        assert!(queue.push(counts.job()).is_ok());
        let pushing = (queue.clone(), counts.job());
        let pusher = thread::spawn(move || assert!(pushing.0.push(pushing.1).is_ok()));
        queue.poll(Patience::None, 1);
        pusher.join().expect("no panic");
        assert_eq!(flag.0.load(Ordering::SeqCst), !queue.is_empty());
        assert!(!queue.is_empty());
    });
}

#[test]
fn a_job_is_run_or_dropped_once_when_the_queue_closes_meanwhile() {
    loom::model(|| {
        let ((queue, _), counts) = (queue(), Counts::new());
        let pushing = (queue.clone(), counts.job());
        let pusher = thread::spawn(move || drop(pushing.0.push(pushing.1)));
        let polling = queue.clone();
        let poller = thread::spawn(move || polling.poll(Patience::None, 1));
        queue.close();
        pusher.join().expect("no panic");
        let ran = poller.join().expect("no panic");
        assert_eq!(counts.now(), (usize::try_from(ran).expect("small"), 1));
    });
}

#[test]
fn a_wakeup_is_not_lost() {
    loom::model(|| {
        let (queue, flag) = queue();
        let waking = queue.clone();
        let waker = thread::spawn(move || waking.wakeup());
        assert_eq!(queue.poll(Patience::Endless, 1), 0);
        waker.join().expect("no panic");
        assert!(!flag.0.load(Ordering::SeqCst));
    });
}

#[test]
fn two_wakeups_wake_two_threads() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let (queue, flag) = queue();
        let polling = queue.clone();
        let poller = thread::spawn(move || polling.poll(Patience::Endless, 1));
        let waking = queue.clone();
        let waker = thread::spawn(move || {
            waking.wakeup();
            waking.wakeup();
        });
        assert_eq!(queue.poll(Patience::Endless, 1), 0);
        assert_eq!(poller.join().expect("no panic"), 0);
        waker.join().expect("no panic");
        assert!(!flag.0.load(Ordering::SeqCst));
    });
}
