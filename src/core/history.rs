//! What a call has met so far: whom it asked, who has not answered yet, who failed and why. It survives the cancellation of
//! the walk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::condition::Trouble;
use super::endpoint::Endpoint;
use super::error::{Error, Outcome};
use super::exchange::Effect;
use super::progress::Progress;
use super::status::Status;

#[derive(Debug)]
pub struct History {
    effect: Effect,
    /// Nearly always there is one.
    visits: SmallVec<[Visit; 1]>,
    outcome: Outcome,
}

/// One endpoint of the call, asked once, or a second time while the first answer is still awaited.
#[derive(Debug)]
struct Visit {
    endpoint: Arc<Endpoint>,
    began: Instant,
    /// The attempts that are running.
    running: SmallVec<[Arc<Progress>; 1]>,
    was_asked_again: bool,
    error: Option<Error>,
}

/// Which endpoint of the call an attempt is at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VisitNumber(usize);

impl History {
    pub fn new(effect: Effect) -> History {
        History { effect, visits: SmallVec::new(), outcome: Outcome::NotApplied }
    }

    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// What the attempts may have done, those that are still running too.
    pub fn outcome(&self) -> Outcome {
        let is_sent = |visit: &Visit| visit.running.iter().any(|progress| progress.is_sent());
        match self.effect.is_write() && self.visits.iter().any(is_sent) {
            true => self.outcome.max(Outcome::MaybeApplied),
            false => self.outcome,
        }
    }

    pub fn begin(&mut self, endpoint: &Arc<Endpoint>) -> (VisitNumber, Arc<Progress>) {
        let progress = Arc::new(Progress::default());
        self.visits.push(Visit {
            endpoint: endpoint.clone(),
            began: Instant::now(),
            running: SmallVec::from_buf([progress.clone()]),
            was_asked_again: false,
            error: None,
        });
        (VisitNumber(self.visits.len().saturating_sub(1)), progress)
    }

    /// The first endpoint that still owes its answer and was asked only once; it is asked again.
    pub fn ask_again(&mut self) -> Option<(VisitNumber, Arc<Endpoint>, Arc<Progress>)> {
        let number = self.visits.iter().position(Visit::can_be_asked_again)?;
        let visit = self.visits.get_mut(number)?;
        let progress = Arc::new(Progress::default());
        visit.running.push(progress.clone());
        visit.was_asked_again = true;
        Some((VisitNumber(number), visit.endpoint.clone(), progress))
    }

    /// How many endpoints could be asked again.
    pub fn askable_again(&self) -> usize {
        self.visits.iter().filter(|visit| visit.can_be_asked_again()).count()
    }

    /// An attempt has ended. With a write of which a copy went out before, its answer tells nothing of that copy.
    /// Gives how long the endpoint took.
    pub fn ended(&mut self, number: VisitNumber, progress: &Arc<Progress>) -> Duration {
        if progress.was_sent_before() && self.effect.is_write() {
            self.outcome = Outcome::MaybeApplied;
        }
        let Some(visit) = self.visits.get_mut(number.0) else { return Duration::ZERO };
        visit.running.retain(|running| !Arc::ptr_eq(running, progress));
        visit.began.elapsed()
    }

    /// Its attempts were cut off.
    pub fn gave_up(&mut self, number: VisitNumber) {
        if let Some(visit) = self.visits.get_mut(number.0) {
            visit.running.clear();
        }
    }

    /// Records why the endpoint failed; `sent` says that it may have acted on the request.
    pub fn failed(&mut self, number: VisitNumber, error: Error, sent: bool) {
        let outcome = if sent && self.effect.is_write() { Outcome::MaybeApplied } else { Outcome::NotApplied };
        self.outcome = self.outcome.max(outcome);
        if let Some(visit) = self.visits.get_mut(number.0) {
            // What the first question may have done, the failure of the second does not undo.
            let before = visit.error.as_ref().map_or(Outcome::NotApplied, Error::outcome);
            visit.error = Some(as_configured(error, &visit.endpoint).with_outcome(outcome.max(before)));
        }
    }

    pub fn endpoint(&self, number: VisitNumber) -> Option<&Arc<Endpoint>> {
        self.visits.get(number.0).map(|visit| &visit.endpoint)
    }

    /// Whether nothing of the request has gone to the endpoint yet.
    pub fn is_unsent(&self, number: VisitNumber) -> bool {
        self.visits.get(number.0).is_some_and(|visit| visit.running.iter().all(|progress| !progress.is_sent()))
    }

    /// How many bytes of its answer the endpoint has sent.
    pub fn received(&self, number: VisitNumber) -> u64 {
        let received = |visit: &Visit| visit.running.iter().map(|progress| progress.received()).sum();
        self.visits.get(number.0).map_or(0, received)
    }

    /// The first endpoint that still owes its answer.
    pub fn first_running(&self) -> Option<VisitNumber> {
        self.visits.iter().position(|visit| !visit.running.is_empty()).map(VisitNumber)
    }

    /// What to say of an endpoint that is not waited for any longer.
    pub fn silence(&self, number: VisitNumber, why: &str) -> Error {
        let Some(visit) = self.visits.get(number.0) else {
            return Error::new(Status::Internal, "an attempt without an endpoint");
        };
        let waited = visit.began.elapsed().as_millis();
        visit.silence(Status::Timeout, &format!("{why} after {waited} ms"))
    }

    /// One error for each endpoint in the order in which they were asked. Those that still owe their answer are told by
    /// `status`, and `why` they are not waited for any longer.
    pub fn take_errors(&mut self, status: Status, why: &str) -> Vec<Error> {
        let effect = self.effect;
        let visits = std::mem::take(&mut self.visits).into_iter();
        visits.filter_map(|visit| visit.into_error(status, why, effect)).collect()
    }

    /// The call's time is over, or the caller has had enough. Notes who did not use it well.
    pub fn note_the_silent(&self) {
        for visit in self.visits.iter().filter(|visit| !visit.running.is_empty()) {
            if let Some(trouble) = Trouble::of_silence(visit.began.elapsed()) {
                visit.endpoint.condition().failed(trouble);
            }
        }
    }

    /// The endpoint asked last of those that still owe their answer, and what it is waited for.
    pub fn newest_running(&self) -> Option<(Arc<Endpoint>, &'static str)> {
        let visit = self.visits.iter().rev().find(|visit| !visit.running.is_empty())?;
        Some((visit.endpoint.clone(), visit.doing()))
    }
}

impl Visit {
    fn can_be_asked_again(&self) -> bool {
        !self.running.is_empty() && !self.was_asked_again
    }

    fn doing(&self) -> &'static str {
        self.running.first().map_or("waiting for the answer", |progress| progress.describe())
    }

    fn silence(&self, status: Status, why: &str) -> Error {
        let url = self.endpoint.url();
        Error::new(status, format!("{url}: {why}, while {}", self.doing())).at(url)
    }

    fn into_error(self, status: Status, why: &str, effect: Effect) -> Option<Error> {
        let is_sent = self.running.iter().any(|progress| progress.is_sent());
        let outcome = if is_sent && effect.is_write() { Outcome::MaybeApplied } else { Outcome::NotApplied };
        let silence = (!self.running.is_empty()).then(|| self.silence(status, why));
        self.error.or(silence).map(|error| error.with_outcome(outcome))
    }
}

/// Names the endpoint as it was configured, path and all; a place that a redirect led to keeps its own name.
pub fn as_configured(error: Error, endpoint: &Endpoint) -> Error {
    let is_elsewhere = error.endpoint().is_some_and(|place| place != endpoint.origin().to_string());
    if is_elsewhere { error } else { error.at(endpoint.url()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_question_that_fails_does_not_undo_what_the_first_may_have_done() {
        let endpoint = Arc::new(Endpoint::parse("http://h:1").expect("valid"));
        let mut history = History::new(Effect::IdempotentWrite);
        let (number, first) = history.begin(&endpoint);
        let (_, _, second) = history.ask_again().expect("it owes its answer");
        history.ended(number, &first);
        history.failed(number, Error::new(Status::Io, "reset"), true);
        history.ended(number, &second);
        history.failed(number, Error::new(Status::Connect, "refused"), false);
        assert_eq!(history.outcome(), Outcome::MaybeApplied);
        let errors = history.take_errors(Status::Timeout, "");
        let told: Vec<_> = errors.iter().map(|error| (error.status(), error.outcome())).collect();
        assert_eq!(told, [(Status::Connect, Outcome::MaybeApplied)]);
    }

    #[test]
    fn an_endpoint_is_asked_again_once_and_only_while_it_owes_its_answer() {
        let endpoint = Arc::new(Endpoint::parse("http://h:1").expect("valid"));
        let mut history = History::new(Effect::Read);
        let (number, first) = history.begin(&endpoint);
        assert_eq!(history.askable_again(), 1);
        assert!(history.ask_again().is_some() && history.ask_again().is_none());
        let (other, progress) = history.begin(&endpoint);
        history.ended(other, &progress);
        assert!(history.ask_again().is_none());
        assert_eq!(history.first_running(), Some(number));
        history.gave_up(number);
        assert!(history.first_running().is_none() && history.newest_running().is_none());
        drop(first);
    }
}
