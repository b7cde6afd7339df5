//! One call from its context to its answer: what ends it early, and what it reports then.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use super::attempt::HttpAttempt;
use super::client::Shared;
use super::cluster::walk;
use super::error::{Error, Outcome, Result};
use super::exchange::{Answer, Request};
use super::history::History;
use super::lookout::look_where_due;
use super::pool::Pool;
use super::ring::{Endpoints, Round};
use super::status::Status;
use super::walk::Limits;
use crate::faults::{self, Place};
use crate::rt::clock;
use crate::rt::closing::Closing;
use crate::rt::context::Context;

/// An answer with what a later error about it has to know.
#[derive(Debug)]
pub struct Answered {
    pub answer: Answer,
    pub endpoint: Arc<str>,
    /// What attempts before this one may have done.
    pub outcome: Outcome,
    pub errors: Vec<Error>,
}

impl Answered {
    /// Adds to the error that the answer turned out to be what came before it.
    pub fn explain(self, error: Error) -> Error {
        error.with_outcome(self.outcome).with_list(self.errors)
    }
}

/// Where a call may go.
#[derive(Debug, Clone)]
pub struct Destination {
    pub endpoints: Arc<Endpoints>,
    /// Whether the client's user name and password may be sent there.
    pub with_credentials: bool,
}

/// Carries `request` out over the connections of `pool`, on whatever runtime polls this.
pub fn http(
    client: Arc<Shared>,
    pool: Arc<Pool>,
    request: Request,
    context: Option<Context>,
) -> impl Future<Output = Result<Answered>> + Send {
    let destination = Destination { endpoints: client.ring.current(), with_credentials: true };
    http_to(client, pool, request, context, destination)
}

/// As `http`, at other endpoints than those of the client.
pub async fn http_to(
    client: Arc<Shared>,
    pool: Arc<Pool>,
    request: Request,
    context: Option<Context>,
    destination: Destination,
) -> Result<Answered> {
    let config = &client.config;
    let started = Instant::now();
    let deadline = match &context {
        Some(context) => context.deadline(),
        None => config.request_timeout.and_then(|timeout| started.checked_add(timeout)),
    };
    let limits = Limits {
        deadline,
        header_timeout: config.header_timeout,
        connect_timeout: config.connect_timeout,
        may_overtake: true,
    };
    let Destination { endpoints, with_credentials } = destination;
    let mut round = endpoints.round();
    let mut history = History::new(request.effect);
    let attempt = HttpAttempt::new(&client, &pool, &request, &endpoints);
    let attempt = if with_credentials { attempt } else { attempt.without_credentials() };
    let mut interruption = pin!(interruption(context.as_ref(), &client.closed, deadline));
    // Asked before anything is sent: a call whose context is over sends nothing.
    if let Poll::Ready(status) = poll_once(interruption.as_mut()).await {
        return Err(interrupted(status, why(status, started, context.as_ref()), &round, history));
    }
    faults::here(Place::Call, request.path.as_bytes());
    look_where_due(&client, &pool, &endpoints);
    let ended = {
        let mut walking = pin!(walk(&attempt, &mut round, &limits, &mut history, &config.log));
        std::future::poll_fn(|waker| {
            // The walk first: an answer that is there counts, even when the deadline has just passed.
            if let Poll::Ready(result) = walking.as_mut().poll(waker) {
                return Poll::Ready(Ok(result));
            }
            interruption.as_mut().poll(waker).map(Err)
        })
        .await
    };
    match ended {
        Ok(Ok((answer, endpoint))) => {
            let outcome = history.outcome();
            let errors = history.take_errors(Status::Timeout, "overtaken by another endpoint");
            Ok(Answered { answer, endpoint: endpoint.shared_url().clone(), outcome, errors })
        }
        // A context error beats everything that was collected.
        Ok(Err(error)) => match poll_once(interruption.as_mut()).await {
            Poll::Ready(status) => Err(overtaken(status, &why(status, started, context.as_ref()), error)),
            Poll::Pending => Err(error),
        },
        Err(status) => Err(interrupted(status, why(status, started, context.as_ref()), &round, history)),
    }
}

/// Runs what is no request of its own, until the context ends or the client is closed.
pub async fn unless_interrupted<T>(
    context: Option<&Context>,
    closed: &Closing,
    future: impl Future<Output = T>,
) -> Result<T> {
    let started = Instant::now();
    let mut interruption = pin!(interruption(context, closed, context.and_then(Context::deadline)));
    // As in a call: nothing begins when it is over already, and a result that is there counts.
    if let Poll::Ready(status) = poll_once(interruption.as_mut()).await {
        return Err(Error::new(status, why(status, started, context)));
    }
    let mut future = pin!(future);
    let ended = std::future::poll_fn(|waker| match future.as_mut().poll(waker) {
        Poll::Ready(result) => Poll::Ready(Ok(result)),
        Poll::Pending => interruption.as_mut().poll(waker).map(Err),
    });
    ended.await.map_err(|status| Error::new(status, why(status, started, context)))
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// Ends when the call has to: cancelled, past its deadline, or the client closed.
async fn interruption(context: Option<&Context>, closed: &Closing, deadline: Option<Instant>) -> Status {
    let mut cancelled = pin!(async {
        match context {
            Some(context) => context.cancelled().await,
            None => std::future::pending().await,
        }
    });
    let mut closed = pin!(closed.closed());
    let mut passed = pin!(async {
        match deadline {
            Some(deadline) => clock::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    });
    std::future::poll_fn(|waker| {
        if cancelled.as_mut().poll(waker).is_ready() {
            let status = context.map_or(Status::Canceled, Context::status);
            return Poll::Ready(if status == Status::Ok { Status::Canceled } else { status });
        }
        if closed.as_mut().poll(waker).is_ready() {
            return Poll::Ready(Status::Closed);
        }
        // The clock is asked before the timer, which rounds up to the next millisecond.
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Poll::Ready(Status::DeadlineExceeded);
        }
        passed.as_mut().poll(waker).map(|()| Status::DeadlineExceeded)
    })
    .await
}

fn why(status: Status, started: Instant, context: Option<&Context>) -> String {
    let after = started.elapsed().as_millis();
    match status {
        Status::Canceled => {
            let what = context.map_or("the context", Context::what_was_cancelled);
            format!("{what} was cancelled after {after} ms")
        }
        Status::Closed => format!("the client was closed after {after} ms"),
        _ => format!("the deadline passed after {after} ms"),
    }
}

fn interrupted(status: Status, why: String, round: &Round<'_>, mut history: History) -> Error {
    let outcome = history.outcome();
    let newest = history.newest_running();
    if status == Status::DeadlineExceeded {
        history.note_the_silent();
        if let Some((endpoint, _)) = &newest {
            // The endpoint used up the time of this call; the next call starts elsewhere.
            round.pin_behind(endpoint);
        }
    }
    let entry = if status == Status::DeadlineExceeded { Status::Timeout } else { status };
    let list = history.take_errors(entry, &why);
    let Some((endpoint, doing)) = newest else {
        return Error::new(status, format!("{why}; nothing was sent")).with_outcome(outcome).with_list(list);
    };
    let failed = match list.len() {
        0 | 1 => String::new(),
        count => format!(" (without success before: {})", count.saturating_sub(1)),
    };
    Error::new(status, format!("{why}, while {doing} of {}{failed}", endpoint.url()))
        .at(endpoint.url())
        .with_outcome(outcome)
        .with_list(list)
}

/// The walk failed and the context is over too: the context's status, the walk's list and outcome.
fn overtaken(status: Status, why: &str, error: Error) -> Error {
    let text = format!("{why}; until then: {}", error.message());
    let list = if error.list().is_empty() { vec![error.clone()] } else { error.list().to_vec() };
    let overtaken = Error::new(status, text).with_outcome(error.outcome()).with_list(list);
    match error.endpoint() {
        Some(endpoint) => overtaken.at(endpoint),
        None => overtaken,
    }
}
