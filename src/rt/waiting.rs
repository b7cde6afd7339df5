//! Waiting at a lock until something is so, or until the time is over.

use std::sync::PoisonError;
use std::time::Instant;

use super::sync::{Condvar, MutexGuard};

/// Waits while `is_so`, at most `until`; None for `until` waits as long as it takes. Who was given the lock back looks himself
/// which of the two it was.
pub fn wait_while<'a, T>(
    changed: &Condvar,
    mut state: MutexGuard<'a, T>,
    until: Option<Instant>,
    mut is_so: impl FnMut(&mut T) -> bool,
) -> MutexGuard<'a, T> {
    while is_so(&mut state) {
        let Some(until) = until else {
            state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        state = changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
    }
    state
}
