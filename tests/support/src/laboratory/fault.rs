//! A fault that lasts until it is ended, and the word for one that cannot be made here.

use std::fmt;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::thread;

/// Something that is broken until [`Fault::end`], or until this object is dropped.
#[must_use = "a fault ends when it is dropped"]
pub struct Fault<'lab> {
    what: String,
    repair: Option<Box<dyn FnOnce() + Send + 'lab>>,
}

impl<'lab> Fault<'lab> {
    pub(super) fn new(what: String, repair: impl FnOnce() + Send + 'lab) -> Self {
        Self { what, repair: Some(Box::new(repair)) }
    }

    /// What is broken, in words.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Repairs it. The members may need a while to find each other again: [`crate::EtcdCluster::wait_healthy`].
    pub fn end(mut self) {
        self.repair_once();
    }

    fn repair_once(&mut self) {
        if let Some(repair) = self.repair.take() {
            repair();
        }
    }
}

impl Drop for Fault<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            // A second panic would end the process and with it the report of the first.
            let _ = panic::catch_unwind(AssertUnwindSafe(|| self.repair_once()));
        } else {
            self.repair_once();
        }
    }
}

impl fmt::Debug for Fault<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fault({})", self.what)
    }
}

/// A fault that this machine cannot make. stderr has been told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    fault: String,
    reason: String,
}

impl Skipped {
    pub(super) fn because(fault: &str, reason: &str) -> Self {
        let skipped = Self { fault: fault.into(), reason: reason.into() };
        // Unlike `eprintln!`, this is seen of a test that passes too.
        let _ = writeln!(std::io::stderr(), "{skipped}");
        skipped
    }

    /// Why it cannot be made.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SKIPPED {}: {}", self.fault, self.reason)
    }
}
