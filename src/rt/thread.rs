//! Threads of our own: named, and with every signal blocked, so that the host's handlers never run on them.

use std::io;
use std::thread::{Builder, JoinHandle};

use crate::ffi::{panics, signals};

pub fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let builder = Builder::new().name(name.to_owned());
    signals::with_all_blocked(|| builder.spawn(move || panics::silently(body)))
}
