//! Whether a client is still to be trusted: after a panic nobody knows what state it is in.

use std::sync::{Arc, OnceLock};

use super::error::{Error, Result};
use super::log::{Level, Log};
use super::status::Status;
use crate::ffi::panics;

#[derive(Default)]
pub struct Trust {
    panic: OnceLock<Error>,
    log: Log,
}

impl Trust {
    pub fn new(log: Log) -> Trust {
        Trust { panic: OnceLock::new(), log }
    }

    /// The first panic is the one that counts.
    pub fn lost(&self, panic: &Error) {
        // What the call that met it may have done says nothing about the calls that are refused because of it.
        let _ = self.panic.set(Error::new(Status::Panic, panic.message()));
    }

    pub fn refuse_when_lost(&self) -> Result<()> {
        self.panic.get().map_or(Ok(()), |panic| Err(panic.clone()))
    }

    /// A task without a caller who could be told of its panic: the next caller is, and the log.
    pub fn guard<F: Future<Output = ()>>(self: &Arc<Self>, task: F) -> impl Future<Output = ()> + use<F> {
        let trust = Arc::clone(self);
        panics::then(task, move |ended| {
            if let Err(panic) = ended {
                trust.lost(&panic);
                trust.log.write(Level::Error, panic.message());
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Instant;

    use super::super::error::Outcome;
    use super::*;
    use crate::rt::park::wait_until;

    #[test]
    fn a_task_that_panics_is_told_to_the_log_and_to_the_next_caller() {
        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = written.clone();
        let log =
            Log::new(Level::Error, Arc::new(move |_, text: &str| sink.lock().expect("lock").push(text.to_owned())));
        let trust = Arc::new(Trust::new(log));
        trust.refuse_when_lost().expect("trusted so far");
        wait_until(trust.guard(async { panic!("the sky falls") }), Some(Instant::now())).expect("it ends");
        let error = trust.refuse_when_lost().expect_err("not to be trusted");
        assert!(error.message().contains("the sky falls") && error.message().contains("trust.rs:"), "{error}");
        assert_eq!(*written.lock().expect("lock"), [error.message()]);
    }

    #[test]
    fn what_a_write_may_have_done_is_not_said_of_the_calls_after_it() {
        let trust = Trust::default();
        trust.lost(&Error::new(Status::Panic, "first").with_outcome(Outcome::MaybeApplied));
        trust.lost(&Error::new(Status::Panic, "second"));
        let error = trust.refuse_when_lost().expect_err("not to be trusted");
        assert_eq!((error.message(), error.outcome()), ("first", Outcome::NotApplied));
    }
}
