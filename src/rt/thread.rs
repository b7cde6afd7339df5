//! Threads of our own: named, and with every signal blocked, so that the host's handlers never run on them.

use std::io;
use std::thread::{Builder, JoinHandle};

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

pub fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let builder = Builder::new().name(name.to_owned());
    signals::with_all_blocked(|| builder.spawn(move || panics::silently(body)))
}
