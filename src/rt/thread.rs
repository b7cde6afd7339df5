//! Threads of our own: named, and with every signal blocked, so that the host's handlers never run on them.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use super::running::Running;
use crate::core::error::{Error, Result};
use crate::core::status::Status;
use crate::ffi::{panics, signals};

/// Runs `body` on a thread with a stack of its own and waits for it, for work that is too deep for the caller's.
pub fn run_with_stack<T: Send + 'static>(
    name: &str,
    bytes: usize,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let builder = Builder::new().name(name.to_owned()).stack_size(bytes);
    let started = signals::with_all_blocked(|| builder.spawn(move || panics::catch(body)));
    let thread = started.map_err(|error| {
        Error::new(Status::Internal, format!("cannot start a thread with a stack of {bytes} bytes: {error}"))
    })?;
    thread.join().unwrap_or_else(|_| Err(Error::new(Status::Panic, "a thread of libetcd_client panicked at its end")))
}

/// A thread that nobody waits for.
pub fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let builder = Builder::new().name(name.to_owned());
    signals::with_all_blocked(|| builder.spawn(move || panics::silently(body)))
}

/// A thread that any number of others may wait for.
pub struct OwnThread {
    runs: Arc<Running>,
    /// None once somebody has joined it.
    handle: Mutex<Option<JoinHandle<()>>>,
}

impl OwnThread {
    pub fn start(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<Arc<OwnThread>> {
        let runs = Arc::<Running>::default();
        let running = runs.enter_for_long();
        let handle = spawn(name, move || {
            let _running = running;
            body();
        })?;
        Ok(Arc::new(OwnThread { runs, handle: Mutex::new(Some(handle)) }))
    }

    /// Waits for its end; gives whether it came in time.
    pub fn has_ended(&self, until: Option<Instant>) -> bool {
        if self.runs.wait_until_none(until) > 0 {
            return false;
        }
        // Only then is its stack given back, and the last of its descriptors closed. Under the lock, so that all wait for it.
        let mut handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = handle.take() {
            let _ = handle.join();
        }
        true
    }
}
