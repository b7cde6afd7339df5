//! What waits and wakes: contexts, lanes, the internal runtime, threads of our own, name resolution, queues.
#![forbid(unsafe_code)]

pub mod alone;
pub mod callback;
pub mod callback_place;
pub mod callback_queue;
pub mod callback_thread;
pub mod completion;
pub mod context;
pub mod event_queue;
pub mod internal;
pub mod lanes;
pub mod park;
pub mod race;
pub mod resolver;
pub mod running;
pub mod steps;
pub mod sync;
pub mod thread;
pub mod waiting;
