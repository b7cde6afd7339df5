//! What waits and wakes: contexts, lanes, the internal runtime, threads of our own, name resolution.
#![forbid(unsafe_code)]

pub mod callback;
pub mod context;
pub mod internal;
pub mod lanes;
pub mod resolver;
pub mod thread;
