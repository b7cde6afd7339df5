//! What the library promises about real etcd servers: every rule of the keys API, and members that die.
//!
//! What a call reports is compared with what an independent client finds on the server.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod auth;
mod comparing;
mod creating;
mod deleting;
mod faults;
mod late_commit;
mod lifetimes;
mod load;
mod lock_queue;
mod members;
mod mirror;
mod names;
mod not_served;
mod reading;
mod setting;
mod space;
mod sync;
mod tls;
mod unix_socket;
mod values;
mod watch_faults;
mod watching;
