//! The engine: walks the ring with one call and decides, after each attempt, whether the next endpoint is asked.

use std::time::{Duration, Instant};

use super::attempt::{Attempt, Failed};
use super::deadline::Budget;
use super::endpoint::Endpoint;
use super::error::{Error, Outcome, Result};
use super::exchange::{Effect, Progress};
use super::log::{Level, Log};
use super::ring::Round;
use super::status::Status;

/// The time limits of a call.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub deadline: Option<Instant>,
    pub header_timeout: Option<Duration>,
    pub connect_timeout: Option<Duration>,
}

/// What has happened so far; it survives the cancellation of the walk.
#[derive(Debug)]
pub struct History {
    effect: Effect,
    errors: Vec<Error>,
    outcome: Outcome,
    current: Option<String>,
    pub progress: Progress,
}

impl History {
    pub fn new(effect: Effect) -> History {
        History {
            effect,
            errors: Vec::new(),
            outcome: Outcome::NotApplied,
            current: None,
            progress: Progress::default(),
        }
    }

    /// What the attempts that are over may have done.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The attempt that is running may have done something too.
    pub fn outcome_when_interrupted(&self) -> Outcome {
        if self.effect.is_write() && self.progress.is_sent() { Outcome::MaybeApplied } else { self.outcome }
    }

    /// The endpoint that an interrupted walk was at.
    pub fn current(&self) -> Option<&str> {
        self.current.as_deref()
    }

    pub fn into_errors(self) -> Vec<Error> {
        self.errors
    }

    fn add(&mut self, error: Error, sent: bool) {
        let outcome = if sent && self.effect.is_write() { Outcome::MaybeApplied } else { Outcome::NotApplied };
        self.outcome = self.outcome.max(outcome);
        self.errors.push(error.with_outcome(outcome));
    }

    fn take_errors(&mut self) -> Vec<Error> {
        std::mem::take(&mut self.errors)
    }
}

pub async fn walk<A: Attempt>(
    attempt: &A,
    round: &mut Round<'_>,
    limits: &Limits,
    history: &mut History,
    log: &Log,
) -> Result<A::Answer> {
    while let Some(endpoint) = round.next_endpoint() {
        history.progress = Progress::default();
        history.current = Some(endpoint.url().to_owned());
        let budget = Budget {
            deadline: limits.deadline,
            header_timeout: limits.header_timeout,
            connect_timeout: limits.connect_timeout,
            endpoints_left: round.left(),
            may_resend: history.effect.may_resend(),
        };
        let result = attempt.on(endpoint, &budget, &mut history.progress).await;
        history.current = None;
        let sent_before = history.progress.was_sent_before();
        if sent_before && history.effect.is_write() {
            history.outcome = Outcome::MaybeApplied;
        }
        let stop = match result {
            Ok(answer) => {
                round.pin_current();
                return Ok(answer);
            }
            Err(Failed::Final(error)) => {
                let error = as_configured(error, endpoint).with_outcome(history.outcome);
                return Err(error.with_list(history.take_errors()));
            }
            Err(Failed::NotSent(error)) => {
                note(history, endpoint, error, sent_before, log);
                false
            }
            Err(Failed::Unknown(error)) => {
                note(history, endpoint, error, true, log);
                !history.effect.may_resend()
            }
            Err(Failed::Pending(error)) => {
                note(history, endpoint, error, true, log);
                history.effect.is_write()
            }
        };
        if stop {
            round.pin_behind_current();
            return Err(undecided(history));
        }
    }
    round.pin_behind_start();
    let outcome = history.outcome;
    Err(nobody_answered(history.take_errors()).with_outcome(outcome))
}

/// Names the endpoint as it was configured, path and all; a place that a redirect led to keeps its own name.
fn as_configured(error: Error, endpoint: &Endpoint) -> Error {
    let is_elsewhere = error.endpoint().is_some_and(|place| place != endpoint.origin().to_string());
    if is_elsewhere { error } else { error.at(endpoint.url()) }
}

/// Records the failure of an attempt.
fn note(history: &mut History, endpoint: &Endpoint, error: Error, sent: bool, log: &Log) {
    if log.is_enabled(Level::Warn) {
        log.write(Level::Warn, &format!("endpoint {} failed: {}", endpoint.url(), error.message()));
    }
    history.add(as_configured(error, endpoint), sent);
}

/// A write that must not be sent again: the last endpoint's own error, with all of them in the list.
fn undecided(history: &mut History) -> Error {
    let list = history.take_errors();
    let Some(last) = list.last() else { return Error::new(Status::Internal, "an attempt left no error") };
    last.clone().with_outcome(history.outcome).with_list(list)
}

/// The missing API is what the user has to know, also when other endpoints are down.
fn not_served_by_all_that_answered(list: &[Error]) -> Option<&Error> {
    let answered = |error: &&Error| error.http_status() != 0 || error.status() == Status::InvalidResponse;
    let mut answers = list.iter().filter(answered);
    let first = answers.next()?;
    let not_served = |error: &Error| error.status() == Status::ApiNotServed;
    (not_served(first) && answers.all(not_served)).then_some(first)
}

/// Every endpoint has failed, each for the reason in the list.
pub fn nobody_answered(list: Vec<Error>) -> Error {
    if let Some(error) = not_served_by_all_that_answered(&list) {
        return error.clone().with_list(list);
    }
    let count = list.len();
    let endpoints = if count == 1 { "the only endpoint".into() } else { format!("none of {count} endpoints") };
    let causes: Vec<&str> = list.iter().map(Error::message).collect();
    let verb = if count == 1 { "did not answer" } else { "answered" };
    let text = format!("etcd cluster is unavailable or misconfigured: {endpoints} {verb}: {}", causes.join("; "));
    Error::new(Status::Cluster, text).with_list(list)
}
