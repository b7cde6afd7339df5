//! What stays true whatever happens to the cluster: recorded histories of a load under faults, and a judge who knows nothing of
//! the client.
//!
//! ETCD_FAULT_SECONDS is how long each load runs at least, ETCD_FAULT_SEED repeats a schedule and the calls of a load,
//! ETCD_FAULT_LOG is up to which level (1 to 4) the clients log.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod client_log;
mod faults;
mod forgotten_history;
mod laboratory;
mod linearizable;
mod queue;
mod schedule;
mod settings;
mod stale_reads;
mod watch_check;
mod watchers;
mod workload;
