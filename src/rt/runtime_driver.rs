//! Runs a call on the calling thread where the system has no `poll` (Windows): on a runtime of its own.

use std::task::Waker;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

pub struct Driver(Runtime);

pub use super::alone::can_run_a_runtime_here as can_run_here;

impl Driver {
    pub fn new() -> Option<Driver> {
        Builder::new_current_thread().enable_io().enable_time().build().ok().map(Driver)
    }

    /// The call is told to be slow at once: nobody notices here when it is.
    pub fn block_on<F: Future>(&mut self, call: impl FnOnce() -> F, is_slow: &mut dyn FnMut(Instant)) -> F::Output {
        is_slow(Instant::now());
        self.0.block_on(call())
    }

    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// A runtime wakes its tasks itself.
    pub fn waker(&self) -> Option<&Waker> {
        None
    }

    /// Not known.
    pub fn took(&self) -> Duration {
        Duration::MAX
    }

    /// Dropping a runtime inside another one panics; this never does.
    pub fn close(self) {
        self.0.shutdown_background();
    }
}
