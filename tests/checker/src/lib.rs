//! Judges of recorded histories: each says whether what many threads were told can have come from one etcd.
//!
//! [`linearizability`] judges the operations on single keys, [`in_order_queue`] the in-order creates in a directory,
//! [`watch_events`] what watchers saw of a prefix. None knows the client that is tested: they see calls, answers and times.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod encoded;
pub mod history;
pub mod in_order_queue;
pub mod linearizability;
mod linearized;
mod register;
mod search;
mod seeded;
#[cfg(test)]
mod simulated;
mod violation;
pub mod watch_events;

pub use history::{Answer, Call, Clock, Held, History, Operation};
pub use seeded::Seeded;
pub use violation::{Violation, Violations};
