//! Callbacks that wait for a thread to run them: one of the application's, in its event loop, or one of ours.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::time::Instant;

use super::callback;
use super::sync::{Condvar, Mutex, MutexGuard};

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
}

struct State<S> {
    jobs: VecDeque<Job>,
    /// Up while jobs wait, or somebody is to be woken.
    signal: Option<S>,
    is_raised: bool,
    is_woken: bool,
    is_closed: bool,
    waiting: usize,
}

impl<S> Default for CallbackQueue<S> {
    fn default() -> CallbackQueue<S> {
        let state = State {
            jobs: VecDeque::new(),
            signal: None,
            is_raised: false,
            is_woken: false,
            is_closed: false,
            waiting: 0,
        };
        CallbackQueue { state: Mutex::new(state), changed: Condvar::new() }
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

    /// Runs at most `most` jobs, those that they add included; waits for one when there is none. Gives how many callbacks they
    /// called.
    pub fn poll(&self, mut patience: Patience, most: usize) -> u64 {
        let before = callback::called();
        loop {
            let (state, was_woken) = self.news(patience);
            let had_jobs = self.run(state, most);
            let ran = callback::called().wrapping_sub(before);
            // A job that only frees something is none of the callbacks that are waited for, and 0 means that none waits.
            if ran > 0 || !had_jobs {
                return ran;
            }
            if was_woken {
                patience = Patience::None;
            }
        }
    }

    fn run<'a>(&'a self, mut state: MutexGuard<'a, State<S>>, most: usize) -> bool {
        let mut done = 0;
        while done < most
            && let Some(job) = state.jobs.pop_front()
        {
            drop(state);
            job();
            done += 1;
            state = self.state();
        }
        // At the end, since jobs that add jobs would raise and lower it again and again.
        state.show();
        done > 0
    }

    /// Waits until there are jobs, somebody calls `wakeup`, or the time is over. Gives whether somebody did.
    fn news(&self, patience: Patience) -> (MutexGuard<'_, State<S>>, bool) {
        let mut state = self.state();
        state.waiting += 1;
        while !state.has_news() {
            match patience {
                Patience::None => break,
                Patience::Endless => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Patience::Until(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
        state.waiting -= 1;
        let was_woken = std::mem::take(&mut state.is_woken);
        (state, was_woken)
    }

    /// Makes one `poll` return without a callback: the one that waits, or else the next.
    pub fn wakeup(&self) {
        let mut state = self.state();
        state.is_woken = true;
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
        self.is_woken || !self.jobs.is_empty()
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
        assert_eq!(queue.poll(Patience::Endless, usize::MAX), 3);
        assert_eq!(queue.poll(Patience::None, usize::MAX), 0);
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
}
