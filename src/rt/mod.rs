//! What waits and wakes: contexts, lanes, the internal runtime, threads of our own, name resolution, queues.
#![forbid(unsafe_code)]

pub mod alone;
pub mod beside;
pub mod callback;
pub mod callback_place;
pub mod callback_queue;
pub mod callback_thread;
pub mod clock;
pub mod closing;
pub mod completion;
pub mod context;
#[cfg(unix)]
pub mod driver;
pub mod event_queue;
pub mod gate;
pub mod inbox;
pub mod internal;
#[cfg(unix)]
pub mod lane_socket;
pub mod lanes;
pub mod park;
pub mod race;
pub mod resolver;
pub mod running;
#[cfg(not(unix))]
pub mod runtime_driver;
pub mod steps;
pub mod sync;
pub mod thread;
#[cfg(unix)]
pub mod turn;
pub mod waiting;
#[cfg(unix)]
pub mod wakeup;
