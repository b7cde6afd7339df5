//! The thread that runs the callbacks of a client which the application wants on no queue of its own. It is started when
//! the first is registered, and a slow callback on it delays other callbacks, never the network.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::callback_queue::{CallbackQueue, Job, Patience};
use super::thread::OwnThread;
use crate::core::error::{Error, Result};
use crate::core::status::Status;

#[derive(Default)]
pub struct CallbackThread {
    jobs: CallbackQueue<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether a thread runs that will see what is pushed now.
    is_served: bool,
    /// Once it is set, a thread ends when nothing is left to do; what comes later gets a new one.
    is_ending: bool,
    /// Callbacks that will be pushed, for which there has to be a thread.
    reserved: usize,
    thread: Option<Arc<OwnThread>>,
}

/// There is a thread as long as this is held.
pub struct Reserved(Arc<CallbackThread>);

impl CallbackThread {
    /// For callbacks that belong to no client: a thread that lasts no longer than there is something to do.
    pub fn passing() -> Arc<CallbackThread> {
        let state = Mutex::new(State { is_ending: true, ..State::default() });
        Arc::new(CallbackThread { jobs: CallbackQueue::default(), state })
    }

    /// Makes sure at registration that there will be a thread, so that nothing can fail when the callback is due.
    pub fn reserve(self: &Arc<CallbackThread>) -> Result<Reserved> {
        let mut state = self.state();
        self.serve(&mut state)?;
        state.reserved += 1;
        Ok(Reserved(self.clone()))
    }

    pub fn push(self: &Arc<CallbackThread>, job: Job) {
        let mut state = self.state();
        // Never closed, so never refused.
        let _ = self.jobs.push(job);
        // Without a thread the job waits for the next attempt to start one, or for `stop`.
        let _ = self.serve(&mut state);
    }

    fn serve(self: &Arc<CallbackThread>, state: &mut State) -> Result<()> {
        if state.is_served {
            return Ok(());
        }
        let serving = Arc::clone(self);
        let thread = OwnThread::start("etcd-callbacks", move || serving.run()).map_err(|error| {
            Error::new(Status::Internal, format!("cannot start the thread that runs callbacks: {error}"))
        })?;
        state.is_served = true;
        state.thread = Some(thread);
        Ok(())
    }

    fn run(&self) {
        loop {
            self.jobs.serve(Patience::Endless, u64::MAX);
            let mut state = self.state();
            // Under the lock that `push` takes: either it sees that nobody serves, or this sees its job.
            if state.is_ending && state.reserved == 0 && self.jobs.is_empty() {
                state.is_served = false;
                return;
            }
        }
    }

    /// Ends the thread when all is done that waits. Never waits.
    pub fn end(&self) {
        self.state().is_ending = true;
        self.jobs.wakeup();
    }

    /// The same, and waits for it; gives whether it has ended in time. Any number of threads may wait.
    pub fn stop(&self, until: Option<Instant>) -> bool {
        let mut state = self.state();
        state.is_ending = true;
        let (thread, is_served) = (state.thread.clone(), state.is_served);
        drop(state);
        if is_served {
            self.jobs.wakeup();
        }
        if !thread.is_none_or(|thread| thread.has_ended(until)) {
            return false;
        }
        // What waits where no thread could be started, nobody else will do.
        if !self.jobs.is_empty() && !self.state().is_served {
            self.jobs.serve(Patience::None, u64::MAX);
        }
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.reserved = state.reserved.saturating_sub(1);
        let may_end = state.is_ending && state.reserved == 0;
        drop(state);
        if may_end {
            self.0.jobs.wakeup();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn name_of_the_thread_of(callbacks: &Arc<CallbackThread>) -> Option<String> {
        let (sender, receiver) = channel();
        callbacks.push(Box::new(move || drop(sender.send(std::thread::current().name().map(str::to_owned)))));
        receiver.recv().expect("the job ran")
    }

    #[test]
    fn jobs_run_on_a_thread_of_its_own_which_ends() {
        let callbacks = Arc::new(CallbackThread::default());
        let reserved = callbacks.reserve().expect("a thread");
        assert_eq!(name_of_the_thread_of(&callbacks).as_deref(), Some("etcd-callbacks"));
        assert!(!callbacks.stop(Some(Instant::now())), "something will come");
        drop(reserved);
        assert!(callbacks.stop(None) && callbacks.stop(None));
    }

    #[test]
    fn what_waits_when_it_is_stopped_is_done_and_what_comes_later_too() {
        let callbacks = Arc::new(CallbackThread::default());
        let (sender, receiver) = channel();
        for number in 0..100 {
            let sender = sender.clone();
            callbacks.push(Box::new(move || sender.send(number).expect("somebody counts")));
        }
        assert!(callbacks.stop(None));
        assert_eq!(receiver.try_iter().count(), 100);
        assert_eq!(name_of_the_thread_of(&callbacks).as_deref(), Some("etcd-callbacks"));
        assert!(callbacks.stop(None), "that thread ends by itself");
    }

    #[test]
    fn a_passing_thread_needs_no_end() {
        let callbacks = CallbackThread::passing();
        assert!(name_of_the_thread_of(&callbacks).is_some());
        assert!(callbacks.stop(None));
    }

    #[test]
    fn a_passing_thread_ends_behind_a_job_that_is_no_callback() {
        let callbacks = CallbackThread::passing();
        let (sender, receiver) = channel();
        callbacks.push(Box::new(move || sender.send(()).expect("somebody waits")));
        receiver.recv().expect("the job ran");
        std::thread::sleep(std::time::Duration::from_secs(2));
        assert!(!callbacks.state().is_served, "the thread is still there, strong {}", Arc::strong_count(&callbacks));
    }

    #[test]
    fn after_a_job_that_panics_the_next_one_runs() {
        let callbacks = Arc::new(CallbackThread::default());
        callbacks.push(Box::new(|| panic!("a bug")));
        std::thread::sleep(std::time::Duration::from_millis(300));
        let (sender, receiver) = channel();
        callbacks.push(Box::new(move || sender.send(()).expect("somebody waits")));
        receiver.recv_timeout(std::time::Duration::from_secs(2)).expect("the job ran");
    }

    #[test]
    fn a_second_stop_waits_as_well() {
        let callbacks = Arc::new(CallbackThread::default());
        let (sender, receiver) = channel::<()>();
        callbacks.push(Box::new(move || receiver.recv().unwrap_or_default()));
        let soon = || Some(Instant::now() + std::time::Duration::from_millis(100));
        assert!(!callbacks.stop(soon()), "first: not in time");
        assert!(!callbacks.stop(soon()), "second: the callback still runs");
        drop(sender);
    }

    #[test]
    fn a_stop_beside_jobs_that_are_no_callbacks_ends() {
        for round in 0..3000 {
            let callbacks = Arc::new(CallbackThread::default());
            drop(callbacks.reserve().expect("a thread"));
            let pushing = callbacks.clone();
            let pusher = std::thread::spawn(move || (0..200).for_each(|_| pushing.push(Box::new(|| {}))));
            (0..round * 10).for_each(|_| std::hint::spin_loop());
            assert!(callbacks.stop(Some(Instant::now() + std::time::Duration::from_secs(3))), "round {round}");
            pusher.join().expect("no panic");
            callbacks.end();
        }
    }
}
