//! What threads meet at in the parts of `rt` that the model checker (tests/model) explores with its own.

#[cfg(unix)]
pub use std::sync::atomic::{AtomicU8, Ordering};
pub use std::sync::{Condvar, Mutex, MutexGuard};

pub use crate::ffi::process::id as process_id;
