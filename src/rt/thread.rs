//! Threads of our own: named, and with every signal blocked, so that the host's handlers never run on them.

use std::io;
use std::thread::{Builder, JoinHandle};

use crate::ffi::{panics, signals};

/// Runs `body` on a thread with a stack of its own and waits for it, for work that is too deep for the caller's.
/// None when there is no such thread to be had, or `body` panicked.
pub fn run_with_stack<T: Send + 'static>(
    name: &str,
    bytes: usize,
    body: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let builder = Builder::new().name(name.to_owned()).stack_size(bytes);
    let thread = signals::with_all_blocked(|| builder.spawn(move || panics::silently(body)));
    thread.ok()?.join().ok()
}

pub fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let builder = Builder::new().name(name.to_owned());
    signals::with_all_blocked(|| builder.spawn(move || panics::silently(body)))
}
