//! How many calls are running, for those who have to wait until none is.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use super::waiting::wait_while;

#[derive(Default)]
pub struct Running {
    state: Mutex<RunningState>,
    none_left: Condvar,
}

#[derive(Default)]
struct RunningState {
    count: usize,
    /// Whether anybody waits for the count to reach zero: waking nobody would cost a system call per call.
    awaited: bool,
}

impl Running {
    pub fn enter(&self) -> Entered<'_> {
        self.add_one();
        Entered(self)
    }

    /// For a call that outlives the function which began it.
    pub fn enter_for_long(self: &Arc<Running>) -> EnteredForLong {
        self.add_one();
        EnteredForLong(self.clone())
    }

    fn add_one(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).count += 1;
    }

    fn remove_one(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.count = state.count.saturating_sub(1);
        if state.count == 0 && state.awaited {
            self.none_left.notify_all();
        }
    }

    /// How many are left: 0, or those that had not returned in time.
    pub fn wait_until_none(&self, until: Option<Instant>) -> usize {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = wait_while(&self.none_left, state, until, |state| {
            state.awaited = true;
            state.count > 0
        });
        state.count
    }
}

pub struct Entered<'a>(&'a Running);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.remove_one();
    }
}

pub struct EnteredForLong(Arc<Running>);

impl Drop for EnteredForLong {
    fn drop(&mut self) {
        self.0.remove_one();
    }
}
