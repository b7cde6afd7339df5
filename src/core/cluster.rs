//! The engine: walks the ring with one call. An endpoint that fails is followed by the next one, where the request may be
//! sent again; one that keeps the call waiting is overtaken: the next one is asked as well, and whoever answers first counts.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::attempt::{Attempt, Failed};
use super::condition::Trouble;
use super::deadline::{Budget, LONGEST_SHARE, SHORTEST_SECOND_TRY, fair_share};
use super::endpoint::Endpoint;
use super::error::{Error, Result};
use super::history::{History, VisitNumber, as_configured};
use super::log::{Level, Log};
use super::progress::Progress;
use super::ring::Round;
use super::status::Status;

/// The time limits of a call.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub deadline: Option<Instant>,
    pub header_timeout: Option<Duration>,
    pub connect_timeout: Option<Duration>,
    /// Whether an endpoint that keeps the call waiting is overtaken. A watch waits by its nature.
    pub may_overtake: bool,
}

/// Asks endpoint after endpoint until one answers; gives the answer and who gave it.
pub async fn walk<A: Attempt>(
    attempt: &A,
    round: &mut Round<'_>,
    limits: &Limits,
    history: &mut History,
    log: &Log,
) -> Result<(A::Answer, Arc<Endpoint>)> {
    let ask = |(number, endpoint, progress): Question, budget: Budget| async move {
        let result = attempt.on(&endpoint, &budget, &progress).await;
        Ended { number, progress, result }
    };
    let mut asked = Asked { first: (VisitNumber::default(), pin!(None)), more: Vec::new() };
    let mut alarm = pin!(tokio::time::sleep_until(Instant::now().into()));
    let judge = |number: VisitNumber, endpoint: Arc<Endpoint>| async move {
        let trust = attempt.is_trustworthy(&endpoint).await;
        (number, trust)
    };
    let mut judging = pin!(None);
    let mut walk = Walk { attempt, round, limits, history, log, newest: None, share: None };
    let mut question = walk.next_question();
    loop {
        if let Some(question) = question.take() {
            asked.begin(question.0, ask(question, walk.budget()));
        }
        if let Some(share) = walk.share {
            alarm.as_mut().reset(share.into());
        }
        let event = std::future::poll_fn(|context| {
            if let Poll::Ready(ended) = asked.poll(context) {
                return Poll::Ready(ended.map_or(Event::AllFailed, Event::Ended));
            }
            if let Some(judged) = poll_if_any(judging.as_mut(), context) {
                return judged.map(Event::Judged);
            }
            match walk.share {
                Some(_) => alarm.as_mut().poll(context).map(|()| Event::ShareIsOver),
                None => Poll::Pending,
            }
        });
        match event.await {
            Event::Ended(ended) => match walk.ended(ended)? {
                Next::Answered(answer, endpoint) => return Ok((answer, endpoint)),
                Next::Ask(next) => question = Some(next),
                Next::Wait => {}
            },
            Event::ShareIsOver => match walk.share_is_over() {
                Late::Ask(next) => question = Some(next),
                Late::GiveUp(late, next) => {
                    asked.drop_those_of(late);
                    question = next;
                }
                Late::Judge(number, endpoint) => judging.set(Some(judge(number, endpoint))),
                Late::Wait => {}
            },
            Event::Judged((number, trust)) => {
                judging.set(None);
                if walk.judged(number, trust)? == Trusted::No {
                    asked.drop_those_of(number);
                }
            }
            Event::AllFailed => return Err(walk.all_failed()),
        }
    }
}

/// The attempts that are running. Nearly always there is one, which needs no allocation.
struct Asked<'a, F> {
    first: (VisitNumber, Pin<&'a mut Option<F>>),
    more: Vec<(VisitNumber, Pin<Box<F>>)>,
}

impl<F: Future> Asked<'_, F> {
    fn begin(&mut self, number: VisitNumber, attempt: F) {
        if self.first.1.is_none() {
            self.first.0 = number;
            self.first.1.set(Some(attempt));
        } else {
            self.more.push((number, Box::pin(attempt)));
        }
    }

    /// The first that ends; None when none is running.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if let Some(first) = self.first.1.as_mut().as_pin_mut() {
            if let Poll::Ready(output) = first.poll(context) {
                self.first.1.set(None);
                return Poll::Ready(Some(output));
            }
        } else if self.more.is_empty() {
            return Poll::Ready(None);
        }
        for position in 0..self.more.len() {
            if let Some((_, attempt)) = self.more.get_mut(position)
                && let Poll::Ready(output) = attempt.as_mut().poll(context)
            {
                self.more.swap_remove(position);
                return Poll::Ready(Some(output));
            }
        }
        Poll::Pending
    }

    fn drop_those_of(&mut self, number: VisitNumber) {
        if self.first.0 == number {
            self.first.1.set(None);
        }
        self.more.retain(|(of, _)| *of != number);
    }
}

fn poll_if_any<F: Future>(future: Pin<&mut Option<F>>, context: &mut Context<'_>) -> Option<Poll<F::Output>> {
    future.as_pin_mut().map(|future| future.poll(context))
}

/// An endpoint to ask.
type Question = (VisitNumber, Arc<Endpoint>, Arc<Progress>);

/// An attempt that is over.
struct Ended<T> {
    number: VisitNumber,
    progress: Arc<Progress>,
    result: std::result::Result<T, Failed>,
}

enum Event<T> {
    Ended(Ended<T>),
    ShareIsOver,
    Judged((VisitNumber, Result<()>)),
    AllFailed,
}

/// What follows the end of an attempt.
enum Next<T> {
    Answered(T, Arc<Endpoint>),
    Ask(Question),
    Wait,
}

/// What follows when an endpoint has had its share of the time.
enum Late {
    /// Another one is asked as well.
    Ask(Question),
    /// Nothing was sent, and nothing will be: another one is asked instead.
    GiveUp(VisitNumber, Option<Question>),
    /// Nobody else may be asked, and no deadline ends the wait: the member is asked whether it is alive.
    Judge(VisitNumber, Arc<Endpoint>),
    Wait,
}

/// Whether an endpoint is still waited for.
#[derive(PartialEq, Eq)]
enum Trusted {
    Yes,
    No,
}

struct Walk<'a, 'r, A> {
    attempt: &'a A,
    round: &'a mut Round<'r>,
    limits: &'a Limits,
    history: &'a mut History,
    log: &'a Log,
    /// The endpoint asked last, as long as it has neither failed nor been overtaken.
    newest: Option<VisitNumber>,
    /// When the wait for the newest is over.
    share: Option<Instant>,
}

impl<A: Attempt> Walk<'_, '_, A> {
    /// The next endpoint that was not asked yet.
    fn next_question(&mut self) -> Option<Question> {
        while let Some(endpoint) = self.round.next_endpoint() {
            let (number, progress) = self.history.begin(endpoint);
            let Some(refusal) = self.attempt.refusal(endpoint) else {
                self.asks(number, self.round.left().saturating_add(1), self.history.effect().may_resend());
                return Some((number, endpoint.clone(), progress));
            };
            self.history.ended(number, &progress);
            self.note(number, refusal, false);
        }
        None
    }

    /// An endpoint that still owes its answer, a second time: etcd may have lost the first question.
    fn second_question(&mut self) -> Option<Question> {
        let remaining = self.limits.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if !self.history.effect().may_resend() || remaining.is_some_and(|left| left < SHORTEST_SECOND_TRY) {
            return None;
        }
        let (number, endpoint, progress) = self.history.ask_again()?;
        self.asks(number, self.history.askable_again().saturating_add(1), false);
        Some((number, endpoint, progress))
    }

    fn asks(&mut self, number: VisitNumber, left: usize, spare: bool) {
        self.newest = Some(number);
        self.share = self.share_of(left, spare);
    }

    fn share_of(&self, left: usize, spare: bool) -> Option<Instant> {
        if !self.limits.may_overtake {
            return None;
        }
        let now = Instant::now();
        let remaining = self.limits.deadline.map(|deadline| deadline.saturating_duration_since(now));
        now.checked_add(fair_share(remaining, left, spare))
    }

    fn budget(&self) -> Budget {
        Budget {
            deadline: self.limits.deadline,
            share: self.share,
            header_timeout: self.limits.header_timeout,
            connect_timeout: self.limits.connect_timeout,
            may_resend: self.history.effect().may_resend(),
        }
    }

    fn ended(&mut self, ended: Ended<A::Answer>) -> Result<Next<A::Answer>> {
        let Ended { number, progress, result } = ended;
        let Some(endpoint) = self.history.endpoint(number).cloned() else { return Ok(Next::Wait) };
        self.history.ended(number, &progress);
        let failed = match result {
            Ok(answer) => {
                if !endpoint.condition().is_good() {
                    endpoint.condition().answered(self.attempt.proof(&answer));
                }
                let Some(refusal) = self.attempt.refusal(&endpoint) else {
                    self.round.pin(&endpoint);
                    return Ok(Next::Answered(answer, endpoint));
                };
                self.note(number, refusal, false);
                return Ok(self.after_a_failure(number));
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
        endpoint.condition().failed(Trouble::of(&error));
        self.note(number, error, sent);
        if !goes_on {
            self.round.pin_behind(&endpoint);
            return Err(self.undecided());
        }
        Ok(self.after_a_failure(number))
    }

    fn after_a_failure(&mut self, number: VisitNumber) -> Next<A::Answer> {
        if self.newest != Some(number) {
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

    fn share_is_over(&mut self) -> Late {
        self.share = None;
        if let Some(late) = self.newest.take() {
            self.log_late(late);
            self.history.note_the_silent();
            if !self.history.effect().may_resend() {
                return self.share_of_a_one_shot_write_is_over(late);
            }
        }
        if let Some(question) = self.next_question().or_else(|| self.second_question()) {
            return Late::Ask(question);
        }
        self.judge_where_no_deadline_ends_the_wait()
    }

    /// What must not be sent twice can go elsewhere only as long as it has not been sent.
    fn share_of_a_one_shot_write_is_over(&mut self, late: VisitNumber) -> Late {
        if !self.history.is_unsent(late) {
            return self.judge_where_no_deadline_ends_the_wait();
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

    fn judge_where_no_deadline_ends_the_wait(&self) -> Late {
        if self.limits.deadline.is_some() {
            return Late::Wait;
        }
        let running = self.history.first_running();
        let endpoint = running.and_then(|number| Some((number, self.history.endpoint(number)?.clone())));
        endpoint.map_or(Late::Wait, |(number, endpoint)| Late::Judge(number, endpoint))
    }

    fn judged(&mut self, number: VisitNumber, trust: Result<()>) -> Result<Trusted> {
        let Err(why) = trust else {
            self.share = Instant::now().checked_add(LONGEST_SHARE);
            return Ok(Trusted::Yes);
        };
        let error = self.history.silence(number, &format!("given up ({})", why.message()));
        let sent = !self.history.is_unsent(number);
        self.history.gave_up(number);
        self.note(number, error, sent);
        if !self.history.effect().may_resend() {
            return Err(self.undecided());
        }
        self.share = Some(Instant::now());
        Ok(Trusted::No)
    }

    fn all_failed(&mut self) -> Error {
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
