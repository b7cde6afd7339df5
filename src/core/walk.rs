//! What follows from what happens to a call on its way: who is asked next, who is asked as well, and when it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempt::{Attempt, Failed};
use super::cluster_error::nobody_answered;
use super::condition::Trouble;
use super::deadline::{Budget, LONGEST_SHARE, SHORTEST_SECOND_TRY, fair_share};
use super::endpoint::Endpoint;
use super::error::{Error, Result};
use super::history::{History, VisitNumber, as_configured};
use super::log::{Level, Log};
use super::progress::Progress;
use super::ring::Round;
use super::status::Status;

/// An endpoint from which so much has come during its share is sending a large answer, which another one could only send
/// once more.
const FLOWING: u64 = 64 << 10;

/// How long a member that has not answered a call may take to answer that it is alive.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// The time limits of a call.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub deadline: Option<Instant>,
    pub header_timeout: Option<Duration>,
    pub connect_timeout: Option<Duration>,
    /// Whether an endpoint that keeps the call waiting is overtaken. A watch waits by its nature.
    pub may_overtake: bool,
}

/// An endpoint to ask.
pub type Question = (VisitNumber, Arc<Endpoint>, Arc<Progress>);

/// An attempt that is over.
pub struct Ended<T> {
    pub number: VisitNumber,
    pub progress: Arc<Progress>,
    pub result: std::result::Result<T, Failed>,
}

/// What follows the end of an attempt.
pub enum Next<T> {
    Answered(T, Arc<Endpoint>),
    Ask(Question),
    Wait,
}

/// What follows when an endpoint has had its share of the time.
pub enum Late {
    /// Another one is asked as well.
    Ask(Question),
    /// Nothing was sent, and nothing will be: another one is asked instead.
    GiveUp(VisitNumber, Option<Question>),
    /// Nobody else may be asked: the member is asked whether it is alive, and has so long to answer.
    Judge(VisitNumber, Arc<Endpoint>, Duration),
    Wait,
}

/// Whether an endpoint is still waited for.
#[derive(PartialEq, Eq)]
pub enum Trusted {
    Yes,
    No,
}

/// One call on its way around the ring.
pub struct Walk<'a, 'r, A> {
    attempt: &'a A,
    round: &'a mut Round<'r>,
    limits: &'a Limits,
    history: &'a mut History,
    log: &'a Log,
    /// The endpoint asked last, as long as it has neither failed nor been overtaken.
    newest: Option<VisitNumber>,
    /// What had come from the newest when its share began.
    received: u64,
    /// When the wait for the newest is over.
    share: Option<Instant>,
    /// When a look at the newest begins, so that it can be judged at the end of its share.
    look: Option<Instant>,
}

impl<'a, 'r, A: Attempt> Walk<'a, 'r, A> {
    pub fn new(
        attempt: &'a A,
        round: &'a mut Round<'r>,
        limits: &'a Limits,
        history: &'a mut History,
        log: &'a Log,
    ) -> Walk<'a, 'r, A> {
        Walk { attempt, round, limits, history, log, newest: None, received: 0, share: None, look: None }
    }

    /// When something follows from the passing of time.
    pub fn alarm(&self) -> Option<Instant> {
        self.look.or(self.share)
    }

    /// The next endpoint that was not asked yet.
    pub fn next_question(&mut self) -> Option<Question> {
        let endpoint = self.round.next_endpoint()?;
        let (number, progress) = self.history.begin(endpoint);
        self.asks(number, self.round.left().saturating_add(1), self.history.effect().may_resend());
        Some((number, endpoint.clone(), progress))
    }

    /// An endpoint that still owes its answer, a second time: etcd may have lost the first question.
    fn second_question(&mut self) -> Option<Question> {
        let remaining = self.limits.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // Without a deadline etcd itself answers that it has lost a request.
        if !self.history.effect().may_resend() || remaining.is_none_or(|left| left < SHORTEST_SECOND_TRY) {
            return None;
        }
        let (number, endpoint, progress) = self.history.ask_again()?;
        self.asks(number, self.history.askable_again().saturating_add(1), false);
        Some((number, endpoint, progress))
    }

    fn asks(&mut self, number: VisitNumber, left: usize, spare: bool) {
        self.newest = Some(number);
        self.received = self.history.received(number);
        self.share = self.share_of(left, spare);
        // Where the share is all that is left, the deadline itself ends the wait.
        let ends_first = |share: &Instant| self.limits.deadline.is_none_or(|deadline| *share < deadline);
        let judged = self.share.filter(|share| !self.history.effect().may_resend() && ends_first(share));
        let now = Instant::now();
        self.look = judged.and_then(|share| now.checked_add(share.saturating_duration_since(now) / 2));
    }

    fn share_of(&self, left: usize, spare: bool) -> Option<Instant> {
        if !self.limits.may_overtake {
            return None;
        }
        let now = Instant::now();
        let remaining = self.limits.deadline.map(|deadline| deadline.saturating_duration_since(now));
        now.checked_add(fair_share(remaining, left, spare))
    }

    pub fn budget(&self) -> Budget {
        Budget {
            deadline: self.limits.deadline,
            share: self.share,
            header_timeout: self.limits.header_timeout,
            connect_timeout: self.limits.connect_timeout,
            may_resend: self.history.effect().may_resend(),
        }
    }

    pub fn ended(&mut self, ended: Ended<A::Answer>) -> Result<Next<A::Answer>> {
        let Ended { number, progress, result } = ended;
        let Some(endpoint) = self.history.endpoint(number).cloned() else { return Ok(Next::Wait) };
        let waited = self.history.ended(number, &progress);
        let failed = match result {
            Ok(answer) => {
                if !endpoint.condition().is_good() {
                    endpoint.condition().answered(self.attempt.proof(&answer));
                }
                self.round.pin(&endpoint);
                return Ok(Next::Answered(answer, endpoint));
            }
            Err(Failed::Final(error)) => {
                let error = as_configured(error, &endpoint).with_outcome(self.history.outcome());
                return Err(error.with_list(self.take_errors()));
            }
            Err(failed) => failed,
        };
        let effect = self.history.effect();
        let (sent, goes_on) = match &failed {
            Failed::NotSent(_) => (progress.was_sent_before(), true),
            Failed::Unknown(_) | Failed::Final(_) => (true, effect.may_resend()),
            Failed::Pending(_) => (true, !effect.is_write()),
        };
        let error = failed.into_error();
        endpoint.condition().failed(Trouble::of(&error, waited));
        self.note(number, error, sent);
        if !goes_on {
            self.round.pin_behind(&endpoint);
            return Err(self.undecided());
        }
        Ok(self.after_a_failure(number))
    }

    fn after_a_failure(&mut self, number: VisitNumber) -> Next<A::Answer> {
        if self.newest != Some(number) {
            if self.share.is_none() && self.limits.deadline.is_none() {
                // It may have been the one that was being judged: the others are next.
                self.share = Instant::now().checked_add(LONGEST_SHARE);
            }
            return Next::Wait;
        }
        self.newest = None;
        if let Some(question) = self.next_question() {
            return Next::Ask(question);
        }
        // Those that were overtaken get some more time before they are asked again.
        self.share = match self.history.askable_again() {
            0 => None,
            count => self.share_of(count.saturating_add(1), false),
        };
        Next::Wait
    }

    /// Time has passed.
    pub fn alarmed(&mut self) -> Late {
        if self.look.take().is_some() {
            return self.look_begins();
        }
        self.share_is_over()
    }

    /// A write that was sent, and must not be sent again, waits for its endpoint - unless that is dead, which is known by the
    /// end of its share.
    fn look_begins(&mut self) -> Late {
        let Some(newest) = self.newest.filter(|newest| !self.history.is_unsent(*newest)) else { return Late::Wait };
        let rest = self.share.map(|share| share.saturating_duration_since(Instant::now()));
        self.judge(newest, rest.unwrap_or(LONGEST_SHARE))
    }

    fn judge(&mut self, number: VisitNumber, patience: Duration) -> Late {
        self.share = None;
        let endpoint = self.history.endpoint(number).cloned();
        endpoint.map_or(Late::Wait, |endpoint| Late::Judge(number, endpoint, patience))
    }

    fn share_is_over(&mut self) -> Late {
        if let Some(newest) = self.newest
            && self.history.received(newest) >= self.received.saturating_add(FLOWING)
        {
            self.asks(newest, self.round.left().saturating_add(1), self.history.effect().may_resend());
            return Late::Wait;
        }
        self.share = None;
        let late = self.newest.take();
        if let Some(late) = late {
            self.log_late(late);
            self.history.note_the_silent();
        }
        if !self.history.effect().may_resend() {
            return match late {
                Some(late) => self.share_of_a_one_shot_write_is_over(late),
                None => self.judge_where_no_deadline_ends_the_wait(),
            };
        }
        if let Some(question) = self.next_question().or_else(|| self.second_question()) {
            return Late::Ask(question);
        }
        self.judge_where_no_deadline_ends_the_wait()
    }

    /// What must not be sent twice can go elsewhere only as long as it has not been sent.
    fn share_of_a_one_shot_write_is_over(&mut self, late: VisitNumber) -> Late {
        if !self.history.is_unsent(late) {
            // It was sent in the second half of the share.
            return self.judge(late, SIGN_OF_LIFE);
        }
        if self.round.left() == 0 {
            // There is nobody else; the connect timeout and the deadline end this.
            return Late::Wait;
        }
        let error = self.history.silence(late, "its share of the deadline passed");
        self.history.gave_up(late);
        self.note(late, error, false);
        Late::GiveUp(late, self.next_question())
    }

    fn judge_where_no_deadline_ends_the_wait(&mut self) -> Late {
        match self.history.first_running().filter(|_| self.limits.deadline.is_none()) {
            Some(number) => self.judge(number, SIGN_OF_LIFE),
            None => Late::Wait,
        }
    }

    pub fn judged(&mut self, number: VisitNumber, trust: Result<()>) -> Result<Trusted> {
        let Err(why) = trust else {
            // A deadline ends the wait for one that is alive.
            self.share = if self.limits.deadline.is_none() { Instant::now().checked_add(LONGEST_SHARE) } else { None };
            return Ok(Trusted::Yes);
        };
        if let Some(endpoint) = self.history.endpoint(number) {
            endpoint.condition().failed(Trouble::Silent);
        }
        let error = self.history.silence(number, &format!("given up ({})", why.message()));
        let sent = !self.history.is_unsent(number);
        self.history.gave_up(number);
        self.note(number, error, sent);
        if !self.history.effect().may_resend() {
            if let Some(endpoint) = self.history.endpoint(number).cloned() {
                self.round.pin_behind(&endpoint);
            }
            return Err(self.undecided());
        }
        self.share = Some(Instant::now());
        Ok(Trusted::No)
    }

    pub fn all_failed(&mut self) -> Error {
        self.round.pin_behind_start();
        let outcome = self.history.outcome();
        nobody_answered(self.take_errors()).with_outcome(outcome)
    }

    /// A write that must not be sent again: the last endpoint's own error, with all of them in the list.
    fn undecided(&mut self) -> Error {
        let outcome = self.history.outcome();
        let list = self.take_errors();
        let Some(last) = list.last() else { return Error::new(Status::Internal, "an attempt left no error") };
        last.clone().with_outcome(outcome).with_list(list)
    }

    fn take_errors(&mut self) -> Vec<Error> {
        self.history.take_errors(Status::Timeout, "no answer so far")
    }

    /// Records the failure of an attempt.
    fn note(&mut self, number: VisitNumber, error: Error, sent: bool) {
        if self.log.is_enabled(Level::Warn)
            && let Some(endpoint) = self.history.endpoint(number)
        {
            self.log.write(Level::Warn, &format!("endpoint {} failed: {}", endpoint.url(), error.message()));
        }
        self.history.failed(number, error, sent);
    }

    fn log_late(&self, number: VisitNumber) {
        if self.log.is_enabled(Level::Warn) {
            let silence = self.history.silence(number, "its share of the deadline passed");
            self.log.write(Level::Warn, &format!("endpoint is overtaken: {}", silence.message()));
        }
    }
}
