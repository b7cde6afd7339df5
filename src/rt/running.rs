//! How many calls are running, for those who have to wait until none is.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

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
        self.state.lock().unwrap_or_else(PoisonError::into_inner).count += 1;
        Entered(self)
    }

    /// How many are left: 0, or those that had not returned in time.
    pub fn wait_until_none(&self, until: Option<Instant>) -> usize {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.count > 0 {
            state.awaited = true;
            let Some(until) = until else {
                state = self.none_left.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.none_left.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.count
    }
}

pub struct Entered<'a>(&'a Running);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.count = state.count.saturating_sub(1);
        if state.count == 0 && state.awaited {
            self.0.none_left.notify_all();
        }
    }
}
