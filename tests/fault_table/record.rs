//! What a client did and saw under a fault, as every client reports it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;

/// A moment: microseconds of the wall clock, which two processes share.
pub(crate) type Moment = u64;

pub(crate) fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    since.as_micros().try_into().expect("microseconds fit")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Set,
    QuorumGet,
    Get,
    Create,
    Delete,
    Swap,
}

impl Kind {
    /// Whether doing it twice is not the same as doing it once.
    pub(crate) fn is_one_shot(self) -> bool {
        matches!(self, Kind::Create | Kind::Delete | Kind::Swap)
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Call {
    pub(crate) thread: usize,
    pub(crate) kind: Kind,
    pub(crate) started: Moment,
    pub(crate) ended: Moment,
    pub(crate) failure: Option<CallFailure>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CallFailure {
    pub(crate) text: String,
    /// Whether the call may have done something all the same.
    pub(crate) undecided: bool,
}

/// An event at a watcher.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Event {
    pub(crate) index: u64,
    pub(crate) value: String,
    pub(crate) at: Moment,
}

/// An acknowledged write of the independent writer.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) index: u64,
    pub(crate) value: String,
    pub(crate) at: Moment,
}

/// All of one client under one fault.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    pub(crate) calls: Vec<Call>,
    pub(crate) events: Vec<Event>,
    /// What the watcher was told besides events.
    pub(crate) watch_failures: Vec<(Moment, String)>,
}

impl Record {
    /// When each event that is this very write was seen first.
    pub(crate) fn seen_at(&self) -> HashMap<(u64, &str), Moment> {
        let mut seen = HashMap::new();
        for event in &self.events {
            seen.entry((event.index, event.value.as_str())).or_insert(event.at);
        }
        seen
    }

    pub(crate) fn has_seen(&self, written: &[Written]) -> bool {
        let seen = self.seen_at();
        written.iter().all(|write| seen.contains_key(&(write.index, write.value.as_str())))
    }

    /// How many calls of each thread began after that moment and ended well; plain gets say nothing, for a member that
    /// is cut off answers them too.
    pub(crate) fn good_since(&self, moment: Moment, threads: usize) -> Vec<usize> {
        let mut counts = vec![0; threads];
        for call in self.calls.iter().filter(|call| call.started >= moment && call.failure.is_none()) {
            counts[call.thread] += usize::from(call.kind != Kind::Get);
        }
        counts
    }
}

/// A record that several threads write.
#[derive(Debug, Default)]
pub(crate) struct SharedRecord(Mutex<Record>);

impl SharedRecord {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
