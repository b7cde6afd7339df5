//! What the C API promises to callers that err, cancel, close, log, free in any order, and bring many threads.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod alone;
mod callbacks;
mod cancelling;
mod closing;
mod crowds;
mod futures;
mod guest;
mod idle_watchers;
mod json;
mod little_memory;
mod log;
mod memory;
mod objects;
mod ownership;
mod panics;
mod pushed;
mod queues;
mod raw;
mod settings;
mod statuses;
mod text;
mod tls;
