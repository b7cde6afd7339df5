//! What threads meet at in the parts of `rt` that the model checker (tests/model) explores with its own.

pub use std::sync::{Condvar, Mutex, MutexGuard};

pub use crate::ffi::process::id as process_id;
