//! Waiting for a condition that only another process can bring about.

use std::thread;
use std::time::{Duration, Instant};

/// Time within which everything that a test waits for must have happened, even on a busy machine.
pub const CEILING: Duration = Duration::from_secs(30);

/// Pause between two looks at a condition.
const TICK: Duration = Duration::from_millis(20);

/// Looks every 20 ms until `condition` holds; panics with `what` after [`CEILING`].
///
/// For conditions in other processes; inside this process a condition variable or a [`crate::Gate`] is better.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || condition().then_some(()));
}

/// Like [`wait_until`], but yields what `look` found.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < CEILING, "waited {CEILING:?} in vain for this: {what}");
        thread::sleep(TICK);
    }
}
