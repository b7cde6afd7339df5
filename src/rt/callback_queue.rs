//! Callbacks that wait for a thread to run them: one of the application's, in its event loop, or one of ours.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::PoisonError;
use std::time::Instant;

use super::callback;
use super::sync::{Condvar, Mutex, MutexGuard, process_id};
use super::waiting::wait_while;

/// Something to do where callbacks run. When it is dropped undone, what it holds of the application is freed.
pub type Job = Box<dyn FnOnce() + Send>;

/// Tells an event loop that jobs wait.
pub trait Signal: Send {
    fn raise(&self);
    fn lower(&self);
}

#[derive(Debug, Clone, Copy)]
pub enum Patience {
    None,
    Until(Instant),
    Endless,
}

pub struct CallbackQueue<S> {
    state: Mutex<State<S>>,
    changed: Condvar,
    process: u32,
}

/// How a look at the queue ended.
pub struct Served {
    pub called: u64,
    pub had_jobs: bool,
    pub was_woken: bool,
}

struct State<S> {
    jobs: VecDeque<Job>,
    /// Up while jobs wait, or somebody is to be woken.
    signal: Option<S>,
    is_raised: bool,
    /// Each makes one poll return.
    wakeups: usize,
    is_closed: bool,
    waiting: usize,
}

impl<S> Default for CallbackQueue<S> {
    fn default() -> CallbackQueue<S> {
        let state =
            State { jobs: VecDeque::new(), signal: None, is_raised: false, wakeups: 0, is_closed: false, waiting: 0 };
        CallbackQueue { state: Mutex::new(state), changed: Condvar::new(), process: process_id() }
    }
}

impl<S: Signal> CallbackQueue<S> {
    /// Gives the job back when the queue is closed.
    pub fn push(&self, job: Job) -> Result<(), Job> {
        let mut state = self.state();
        if state.is_closed {
            return Err(job);
        }
        state.jobs.push_back(job);
        state.show();
        if state.waiting > 0 {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Runs jobs until they have called `most` callbacks or none waits, those that they add included; waits for one when there
    /// is none. Gives how many callbacks they called.
    pub fn poll(&self, mut patience: Patience, most: u64) -> u64 {
        loop {
            let ended = self.serve(patience, most);
            // A job that only frees something is none of the callbacks that are waited for, and 0 means that none waits.
            if ended.called > 0 || !ended.had_jobs {
                return ended.called;
            }
            if ended.was_woken {
                patience = Patience::None;
            }
        }
    }

    /// The same once, whatever the jobs were.
    pub fn serve(&self, patience: Patience, most: u64) -> Served {
        let before = callback::called();
        let called = || callback::called().wrapping_sub(before);
        let (mut state, was_woken) = self.news(patience);
        let mut had_jobs = false;
        while called() < most
            && let Some(job) = state.jobs.pop_front()
        {
            drop(state);
            had_jobs = true;
            // One that panics must not take the others with it.
            let _ = std::panic::catch_unwind(AssertUnwindSafe(job));
            if process_id() != self.process {
                // The callback has forked and come back in the child, where the lock may be held for ever.
                return Served { called: called(), had_jobs: false, was_woken };
            }
            state = self.state();
        }
        // At the end, since jobs that add jobs would raise and lower it again and again.
        state.show();
        Served { called: called(), had_jobs, was_woken }
    }

    /// Waits until there are jobs, somebody calls `wakeup`, or the time is over. Gives whether somebody did.
    fn news(&self, patience: Patience) -> (MutexGuard<'_, State<S>>, bool) {
        let mut state = self.state();
        state.waiting += 1;
        match patience {
            Patience::None => {}
            Patience::Until(until) => state = wait_while(&self.changed, state, Some(until), |state| !state.has_news()),
            Patience::Endless => state = wait_while(&self.changed, state, None, |state| !state.has_news()),
        }
        state.waiting -= 1;
        let was_woken = state.wakeups > 0;
        state.wakeups = state.wakeups.saturating_sub(1);
        (state, was_woken)
    }

    /// Makes one `poll` return without waiting on: one that waits, or else the next.
    pub fn wakeup(&self) {
        let mut state = self.state();
        state.wakeups = state.wakeups.saturating_add(1);
        state.show();
        if state.waiting > 0 {
            self.changed.notify_one();
        }
    }

    /// What `read` makes of the signal, which `make` makes when it is first asked for.
    pub fn signal<R>(&self, make: impl FnOnce() -> Option<S>, read: impl FnOnce(&S) -> R) -> Option<R> {
        let mut state = self.state();
        if state.signal.is_none() {
            state.signal = make();
            state.is_raised = false;
            state.show();
        }
        state.signal.as_ref().map(read)
    }

    /// Takes no more jobs. Those that wait are dropped, on this thread.
    pub fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        let undone = std::mem::take(&mut state.jobs);
        drop(state);
        // Without the lock: they free what is the application's, which may use the queue.
        drop(undone);
    }

    pub fn is_empty(&self) -> bool {
        self.state().jobs.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Signal> State<S> {
    fn has_news(&self) -> bool {
        self.wakeups > 0 || !self.jobs.is_empty()
    }

    /// Raises or lowers the signal, where it is not as it should be.
    fn show(&mut self) {
        let should_be_raised = self.has_news();
        if self.is_raised == should_be_raised {
            return;
        }
        self.is_raised = should_be_raised;
        match (&self.signal, should_be_raised) {
            (Some(signal), true) => signal.raise(),
            (Some(signal), false) => signal.lower(),
            (None, _) => {}
        }
        if !should_be_raised {
            // A burst must not keep its memory for ever.
            self.jobs.shrink_to(64);
        }
    }
}

/// For a queue that no event loop looks at.
impl Signal for () {
    fn raise(&self) {}
    fn lower(&self) {}
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;

    #[derive(Default)]
    struct Flag(Arc<AtomicBool>);

    impl Signal for Flag {
        fn raise(&self) {
            self.0.store(true, Ordering::Relaxed);
        }
        fn lower(&self) {
            self.0.store(false, Ordering::Relaxed);
        }
    }

    fn push(queue: &CallbackQueue<Flag>, job: impl FnOnce() + Send + 'static) {
        assert!(queue.push(Box::new(move || callback::call(job))).is_ok());
    }

    #[test]
    fn jobs_run_in_order_and_only_as_many_as_are_wanted() {
        let queue = CallbackQueue::default();
        let order = Arc::new(Mutex::new(Vec::new()));
        for number in 0..5 {
            let order = order.clone();
            push(&queue, move || order.lock().expect("unpoisoned").push(number));
        }
        assert_eq!(queue.poll(Patience::None, 2), 2);
        assert_eq!(queue.poll(Patience::Endless, u64::MAX), 3);
        assert_eq!(queue.poll(Patience::None, u64::MAX), 0);
        assert_eq!(*order.lock().expect("unpoisoned"), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_job_that_adds_another_again_and_again_does_not_hold_the_thread_for_ever() {
        fn add(queue: &Arc<CallbackQueue<Flag>>) {
            let again = queue.clone();
            push(queue, move || add(&again));
        }
        let queue = Arc::new(CallbackQueue::default());
        add(&queue);
        assert_eq!(queue.poll(Patience::None, 100), 100);
        assert!(!queue.is_empty());
        queue.close();
    }

    #[test]
    fn the_signal_is_up_exactly_while_there_is_something_to_do() {
        let queue = CallbackQueue::default();
        push(&queue, || {});
        let flag = queue.signal(|| Some(Flag::default()), |flag| flag.0.clone()).expect("a signal");
        let is_up = || flag.load(Ordering::Relaxed);
        assert!(is_up(), "made late, and something waited");
        push(&queue, || {});
        queue.poll(Patience::None, 1);
        assert!(is_up(), "one is left");
        queue.poll(Patience::None, 1);
        assert!(!is_up());
        queue.wakeup();
        assert!(is_up());
        assert_eq!(queue.poll(Patience::Endless, 1), 0);
        assert!(!is_up());
    }

    #[test]
    fn a_wait_ends_by_a_job_by_a_wakeup_or_by_the_time() {
        let queue = Arc::new(CallbackQueue::<Flag>::default());
        let polling = queue.clone();
        let poller = std::thread::spawn(move || polling.poll(Patience::Endless, 1));
        push(&queue, || {});
        assert_eq!(poller.join().expect("no panic"), 1);
        let polling = queue.clone();
        let poller = std::thread::spawn(move || polling.poll(Patience::Endless, 1));
        queue.wakeup();
        assert_eq!(poller.join().expect("no panic"), 0);
        assert_eq!(queue.poll(Patience::Until(Instant::now() + Duration::from_millis(5)), 1), 0);
    }

    #[test]
    fn a_closed_queue_drops_what_waits_and_takes_nothing() {
        let queue = CallbackQueue::<()>::default();
        let dropped = Arc::new(AtomicU32::new(0));
        struct CountDrop(Arc<AtomicU32>);
        impl Drop for CountDrop {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let counted = CountDrop(dropped.clone());
        assert!(queue.push(Box::new(move || drop(counted))).is_ok());
        queue.close();
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
        assert!(queue.push(Box::new(|| {})).is_err());
    }

    #[test]
    fn two_wakeups_for_two_polls() {
        let queue = Arc::new(CallbackQueue::<Flag>::default());
        let (done, ended) = std::sync::mpsc::channel();
        for _ in 0..2 {
            let (polling, done) = (queue.clone(), done.clone());
            std::thread::spawn(move || {
                polling.poll(Patience::Endless, 1);
                let _ = done.send(());
            });
        }
        while queue.state().waiting < 2 {
            std::thread::yield_now();
        }
        queue.wakeup();
        queue.wakeup();
        let ended = (0..2).filter(|_| ended.recv_timeout(std::time::Duration::from_secs(2)).is_ok()).count();
        assert_eq!(ended, 2, "threads that returned of 2");
    }
}
