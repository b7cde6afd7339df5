//! The result of a call that goes on by itself: set once, waited for by any number of threads, told to one callback,
//! taken once.

use std::sync::PoisonError;
use std::time::Instant;

use super::sync::{Condvar, Mutex, MutexGuard};
use super::waiting::wait_while;

/// Hands the callback over to whoever runs it. It runs without a lock held.
pub type Notice = Box<dyn FnOnce() + Send>;

pub struct Completion<T> {
    state: Mutex<State<T>>,
    completed: Condvar,
}

struct State<T> {
    result: Slot<T>,
    notice: Registered,
    /// Waking nobody would cost a system call for each call.
    waiting: usize,
}

enum Slot<T> {
    Pending,
    Ready(T),
    Taken,
}

enum Registered {
    None,
    Waiting(Notice),
    Given,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Taken<T> {
    Result(T),
    NotReady,
    Already,
}

/// A completion has one callback.
#[derive(Debug, PartialEq, Eq)]
pub struct HasOne;

impl<T> Default for Completion<T> {
    fn default() -> Completion<T> {
        let state = State { result: Slot::Pending, notice: Registered::None, waiting: 0 };
        Completion { state: Mutex::new(state), completed: Condvar::new() }
    }
}

impl<T> Completion<T> {
    /// The first result counts; a later one is given back.
    pub fn complete(&self, result: T) -> Option<T> {
        let mut state = self.state();
        if !matches!(state.result, Slot::Pending) {
            return Some(result);
        }
        state.result = Slot::Ready(result);
        let notice = state.take_notice();
        if state.waiting > 0 {
            self.completed.notify_all();
        }
        drop(state);
        if let Some(notice) = notice {
            notice();
        }
        None
    }

    /// `notice` is called once: when the result comes, or at once when it is there, be it taken already.
    pub fn on_ready(&self, notice: Notice) -> Result<(), HasOne> {
        let mut state = self.state();
        if !matches!(state.notice, Registered::None) {
            // Dropped without the lock, since what it drops may be the application's.
            drop(state);
            drop(notice);
            return Err(HasOne);
        }
        state.notice = Registered::Waiting(notice);
        let due = if state.is_pending() { None } else { state.take_notice() };
        drop(state);
        if let Some(notice) = due {
            notice();
        }
        Ok(())
    }

    pub fn is_ready(&self) -> bool {
        !self.state().is_pending()
    }

    /// Whether the result came in time. None for `until` waits as long as it takes.
    pub fn wait(&self, until: Option<Instant>) -> bool {
        let mut state = self.state();
        state.waiting += 1;
        state = wait_while(&self.completed, state, until, |state| state.is_pending());
        state.waiting -= 1;
        !state.is_pending()
    }

    pub fn take(&self) -> Taken<T> {
        let mut state = self.state();
        match std::mem::replace(&mut state.result, Slot::Taken) {
            Slot::Ready(result) => Taken::Result(result),
            Slot::Taken => Taken::Already,
            Slot::Pending => {
                state.result = Slot::Pending;
                Taken::NotReady
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn is_pending(&self) -> bool {
        matches!(self.result, Slot::Pending)
    }

    fn take_notice(&mut self) -> Option<Notice> {
        match std::mem::replace(&mut self.notice, Registered::Given) {
            Registered::Waiting(notice) => Some(notice),
            other => {
                self.notice = other;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;

    fn counting() -> (Arc<AtomicU32>, Notice) {
        let count = Arc::new(AtomicU32::new(0));
        let counted = count.clone();
        let notice = move || {
            counted.fetch_add(1, Ordering::Relaxed);
        };
        (count, Box::new(notice))
    }

    #[test]
    fn the_first_result_counts_and_is_taken_once() {
        let completion = Completion::default();
        assert_eq!(completion.take(), Taken::NotReady);
        assert!(!completion.is_ready());
        assert_eq!(completion.complete(1), None);
        assert_eq!(completion.complete(2), Some(2));
        assert!(completion.is_ready() && completion.wait(None));
        assert_eq!(completion.take(), Taken::Result(1));
        assert_eq!(completion.take(), Taken::Already);
        assert!(completion.is_ready() && completion.wait(None), "what was taken is no secret");
    }

    #[test]
    fn one_callback_is_told_once_before_or_after() {
        let before = Completion::default();
        let (count, notice) = counting();
        assert_eq!(before.on_ready(notice), Ok(()));
        assert_eq!(count.load(Ordering::Relaxed), 0);
        before.complete(1);
        assert_eq!(count.load(Ordering::Relaxed), 1);
        let (other, notice) = counting();
        assert_eq!(before.on_ready(notice), Err(HasOne));
        assert_eq!(other.load(Ordering::Relaxed), 0);

        let after = Completion::default();
        after.complete(1);
        let (count, notice) = counting();
        assert_eq!(after.on_ready(notice), Ok(()));
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_wait_ends_with_the_result_or_with_the_time() {
        let completion = Arc::new(Completion::default());
        assert!(!completion.wait(Some(Instant::now() + Duration::from_millis(5))));
        let waiting = completion.clone();
        let waiter = std::thread::spawn(move || waiting.wait(None));
        completion.complete(());
        assert!(waiter.join().expect("no panic"));
    }
}
