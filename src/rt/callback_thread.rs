//! The thread that runs the callbacks of a client which the application wants on no queue of its own. It is started when
//! the first is registered, and a slow callback on it delays other callbacks, never the network.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use super::callback_queue::{CallbackQueue, Job, Patience};
use super::thread;
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
    thread: Option<Started>,
}

struct Started {
    thread: JoinHandle<()>,
    /// Disconnects when the thread has nothing left to do but end.
    ended: Receiver<()>,
}

impl CallbackThread {
    /// For callbacks that belong to no client: a thread that lasts no longer than there is something to do.
    pub fn passing() -> Arc<CallbackThread> {
        let state = Mutex::new(State { is_ending: true, ..State::default() });
        Arc::new(CallbackThread { jobs: CallbackQueue::default(), state })
    }

    /// Makes sure at registration that there will be a thread, so that nothing can fail when the callback is due.
    pub fn prepare(self: &Arc<CallbackThread>) -> Result<()> {
        let mut state = self.state();
        // One that would end at once is started when there is something to do.
        if state.is_ending { Ok(()) } else { self.serve(&mut state) }
    }

    pub fn push(self: &Arc<CallbackThread>, job: Job) {
        let mut state = self.state();
        // Never closed, so never refused.
        let _ = self.jobs.push(job);
        // Without a thread the job waits for the next attempt to start one.
        let _ = self.serve(&mut state);
    }

    fn serve(self: &Arc<CallbackThread>, state: &mut State) -> Result<()> {
        if state.is_served {
            return Ok(());
        }
        let (ending, ended) = sync_channel(0);
        let serving = Arc::clone(self);
        let thread = thread::spawn("etcd-callbacks", move || serving.run(ending)).map_err(|error| {
            Error::new(Status::Internal, format!("cannot start the thread that runs callbacks: {error}"))
        })?;
        state.is_served = true;
        state.thread = Some(Started { thread, ended });
        Ok(())
    }

    fn run(&self, ending: SyncSender<()>) {
        loop {
            self.jobs.poll(Patience::Endless, usize::MAX);
            let mut state = self.state();
            // Under the lock that `push` takes: either it sees that nobody serves, or this sees its job.
            if state.is_ending && self.jobs.is_empty() {
                state.is_served = false;
                break;
            }
        }
        drop(ending);
    }

    /// Ends the thread when all is done that waits. Never waits.
    pub fn end(&self) {
        self.state().is_ending = true;
        self.jobs.wakeup();
    }

    /// The same, and waits for it; gives whether it has ended in time.
    pub fn stop(&self, until: Option<Instant>) -> bool {
        let mut state = self.state();
        state.is_ending = true;
        let Some(started) = state.thread.take() else { return true };
        drop(state);
        self.jobs.wakeup();
        let has_ended = match until {
            None => started.ended.recv().is_err(),
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                matches!(started.ended.recv_timeout(left), Err(RecvTimeoutError::Disconnected))
            }
        };
        if has_ended {
            let _ = started.thread.join();
        }
        has_ended
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        callbacks.prepare().expect("a thread");
        assert_eq!(name_of_the_thread_of(&callbacks).as_deref(), Some("etcd-callbacks"));
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
        callbacks.prepare().expect("nothing to prepare");
        assert!(name_of_the_thread_of(&callbacks).is_some());
        assert!(callbacks.stop(None));
    }
}
