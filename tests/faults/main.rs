//! What stays true whatever happens to the cluster: recorded histories of a load under faults, and a judge who knows nothing of
//! the client.
//!
//! ETCD_FAULT_SECONDS is how long each load runs at least, ETCD_FAULT_SEED repeats a schedule and the calls of a load.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod faults;
mod linearizable;
mod loopback;
mod queue;
mod settings;
mod watch_check;
mod watchers;
mod workload;
