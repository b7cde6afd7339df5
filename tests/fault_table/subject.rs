//! The clients that are compared, and the load that each of them runs.

use std::sync::Arc;

use etcd_test_support::Laboratory;
use serde::Serialize;

use crate::go_client::{GoProgram, GoRun};
use crate::ours::OurRun;
use crate::record::{Record, SharedRecord};

/// Threads that make calls, each on keys of its own.
pub(crate) const THREADS: usize = 4;
/// Between the beginnings of two calls of a thread: 27 calls a second in all.
pub(crate) const PACE_MS: u64 = 150;
/// What each call has.
pub(crate) const DEADLINE_MS: i64 = 5000;

/// What a load is given.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Plan {
    pub(crate) endpoints: Vec<String>,
    /// The endpoint that the client asks first.
    pub(crate) first: String,
    /// What is watched is below `written` in this directory.
    pub(crate) dir: String,
    /// The directory of the calls, which no other client changes.
    pub(crate) calls: String,
    pub(crate) after_index: u64,
    pub(crate) threads: usize,
    pub(crate) pace_ms: u64,
    pub(crate) deadline_ms: i64,
}

/// A client that a load can be run on.
pub(crate) enum Subject {
    Ours,
    Go(GoProgram),
}

impl Subject {
    /// Starts threads that make calls with one client, and a watcher of another client.
    pub(crate) fn start(&self, laboratory: &Laboratory, plan: &Plan) -> Running {
        let record = Arc::new(SharedRecord::default());
        let load = match self {
            Subject::Ours => Load::Ours(laboratory.in_client_namespace(|| OurRun::start(plan, &record))),
            Subject::Go(program) => Load::Go(GoRun::start(program, laboratory, plan, &record)),
        };
        Running { load, record }
    }

    /// Its name and version.
    pub(crate) fn version(&self) -> String {
        match self {
            Subject::Ours => format!("libetcd_client {}", env!("CARGO_PKG_VERSION")),
            Subject::Go(program) => program.version().to_owned(),
        }
    }
}

enum Load {
    Ours(OurRun),
    Go(GoRun),
}

/// A load on its way.
pub(crate) struct Running {
    load: Load,
    record: Arc<SharedRecord>,
}

impl Running {
    /// What has been recorded so far.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Record) -> T) -> T {
        look(&self.record.lock())
    }

    /// Waits until each thread has ended its last call.
    pub(crate) fn stop(self) -> Record {
        match self.load {
            Load::Ours(run) => run.stop(),
            Load::Go(run) => run.stop(),
        }
        std::mem::take(&mut self.record.lock())
    }
}
