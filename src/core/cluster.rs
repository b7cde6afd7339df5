//! The engine: walks the ring with one call. An endpoint that fails is followed by the next one, where the request may be
//! sent again; one that keeps the call waiting is overtaken: the next one is asked as well, and whoever answers first counts.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::asked::Asked;
use super::attempt::Attempt;
use super::deadline::Budget;
use super::endpoint::Endpoint;
use super::error::Result;
use super::history::{History, VisitNumber};
use super::log::Log;
use super::ring::Round;
use super::walk::{Ended, Late, Limits, Next, Question, Trusted, Walk};
use crate::rt::clock::{self, Sleep};

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
    let first = pin!(None);
    let mut asked = Asked::new(first);
    let mut alarm: Option<Sleep> = None;
    // What is rare is boxed: the whole call moves with all that it may become.
    let judge = |number: VisitNumber, endpoint: Arc<Endpoint>, patience: Duration| {
        Box::pin(async move {
            let trust = attempt.is_alive(&endpoint, patience).await;
            (number, trust)
        })
    };
    let mut judging: Option<(VisitNumber, _)> = None;
    let mut walk = Walk::new(attempt, round, limits, history, log);
    let mut question = walk.next_question();
    loop {
        if let Some(question) = question.take() {
            asked.begin(question.0, ask(question, walk.budget()));
        }
        let at = walk.alarm();
        if alarm.as_ref().map(Sleep::at) != at {
            alarm = at.map(clock::sleep_until);
        }
        let event = std::future::poll_fn(|context| {
            if let Poll::Ready(ended) = asked.poll(context) {
                return Poll::Ready(ended.map_or(Event::AllFailed, Event::Ended));
            }
            if let Some(judged) = poll_if_any(&mut judging, context) {
                return judged.map(Event::Judged);
            }
            match &mut alarm {
                Some(alarm) => Pin::new(alarm).poll(context).map(|()| Event::Alarm),
                None => Poll::Pending,
            }
        });
        match event.await {
            Event::Ended(ended) => {
                // Whoever has answered or failed need not be judged any more.
                judging.take_if(|(judged, _)| *judged == ended.number);
                match walk.ended(ended)? {
                    Next::Answered(answer, endpoint) => return Ok((answer, endpoint)),
                    Next::Ask(next) => question = Some(next),
                    Next::Wait => {}
                }
            }
            Event::Alarm => match walk.alarmed() {
                Late::Ask(next) => question = Some(next),
                Late::GiveUp(late, next) => {
                    asked.drop_those_of(late);
                    question = next;
                }
                Late::Judge(number, endpoint, patience) => {
                    judging = Some((number, judge(number, endpoint, patience)));
                }
                Late::Wait => {}
            },
            Event::Judged((number, trust)) => {
                judging = None;
                if walk.judged(number, trust)? == Trusted::No {
                    asked.drop_those_of(number);
                }
            }
            Event::AllFailed => return Err(walk.all_failed()),
        }
    }
}

fn poll_if_any<F: Future>(
    judging: &mut Option<(VisitNumber, Pin<Box<F>>)>,
    context: &mut Context<'_>,
) -> Option<Poll<F::Output>> {
    judging.as_mut().map(|(_, judge)| judge.as_mut().poll(context))
}

enum Event<T> {
    Ended(Ended<T>),
    Alarm,
    Judged((VisitNumber, Result<()>)),
    AllFailed,
}
