//! One request and its answer over one connection: where it fails decides whether it may be sent again.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::broken::{broken_head, timeout};
use super::connector::{self, Connector};
use super::deadline::{Budget, Limit};
use super::endpoint::{Credentials, Origin};
use super::error::Error;
use super::http1::Broken;
use super::http1::connection::Connection;
use super::http1::head::Head;
use super::http1::headers::Headers;
use super::memory;
use super::open_answer::OpenAnswer;
use super::pool::Pool;
use super::progress::Progress;
use super::status::Status;
use crate::rt::clock;

/// What a call sends, whichever endpoint it goes to.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: http::Method,
    /// Encoded, without the endpoint's own path.
    pub path: String,
    /// Encoded and sorted, without `?`.
    pub query: Cow<'static, str>,
    pub content_type: Option<&'static str>,
    pub body: Bytes,
    pub effect: Effect,
}

impl Request {
    /// A read of keys to which every member answers by itself, the wire form says it.
    pub fn is_plain_read(&self) -> bool {
        self.effect == Effect::Read && self.query.starts_with("quorum=false")
    }

    pub fn is_quorum_read(&self) -> bool {
        self.effect == Effect::Read && self.query.starts_with("quorum=true")
    }
}

/// What a second sending could do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// The plain unconditional set: the second one leaves what the first one left.
    IdempotentWrite,
    /// Everything else: the second one may fail, or do it twice.
    OneShotWrite,
}

impl Effect {
    pub fn is_write(self) -> bool {
        self != Effect::Read
    }

    pub fn may_resend(self) -> bool {
        self != Effect::OneShotWrite
    }
}

/// Where one HTTP request of an attempt goes: the endpoint itself, or what it redirected to.
#[derive(Debug, Clone)]
pub struct Hop {
    pub origin: Arc<Origin>,
    pub host_header: Arc<str>,
    pub target: String,
    pub credentials: Option<Credentials>,
}

impl Hop {
    pub fn url(&self) -> String {
        format!("{}{}", self.origin, self.target)
    }
}

/// A complete answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub http_status: u16,
    pub headers: Headers,
    pub body: Bytes,
}

impl Answer {
    /// The same in memory of its own, for one that is kept: it was read into a connection's, which is larger. Only what is
    /// large was read into its own.
    pub fn detached(self) -> Answer {
        let body = if self.body.len() <= memory::LARGE { Bytes::copy_from_slice(&self.body) } else { self.body };
        Answer { http_status: self.http_status, headers: self.headers.detached(), body }
    }
}

/// Why there is no complete answer.
#[derive(Debug)]
pub enum Failure {
    /// The server cannot have acted on the request.
    NotSent(Error),
    /// The server may have acted on it.
    Unknown(Error),
}

/// What an exchange works with, the same for every attempt of a call.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    pub connector: &'a Connector,
    pub pool: &'a Pool,
    pub max_body: usize,
    /// Whether the body of a successful answer lasts, so that no more than the socket should be kept for it.
    pub body_lasts: bool,
}

impl Session<'_> {
    /// One request, one answer.
    pub async fn exchange(
        &self,
        request: &Request,
        hop: &Hop,
        budget: &Budget,
        progress: &Progress,
    ) -> Result<Answer, Failure> {
        let open = self.open(request, hop, budget, progress).await?;
        self.complete(open, hop, progress).await
    }

    /// Sends the request and gives the head of its answer.
    pub async fn open(
        &self,
        request: &Request,
        hop: &Hop,
        budget: &Budget,
        progress: &Progress,
    ) -> Result<OpenAnswer, Failure> {
        let started = Instant::now();
        let via = self.connector.via(&hop.origin).map_err(Failure::NotSent)?;
        let reached = via.as_ref().map_or(&hop.origin, |via| &via.origin);
        progress.next_request();
        loop {
            let connected = self.connection(reached, hop, budget, started).await;
            let mut connection = connected.map_err(|error| failure(error, progress))?;
            let wire = connection.wire().clone();
            let (written, read) = (wire.written(), wire.read());
            progress.sending(&wire);
            connection.prepare(request, hop, via.as_ref()).map_err(|error| failure(error, progress))?;
            let (error, timed_out) = match self.head(&mut connection, hop, budget, started).await {
                Ok(head) => {
                    progress.reading();
                    return Ok(OpenAnswer::new(head, connection, reached.clone(), self.body_lasts));
                }
                Err(failed) => failed,
            };
            let sent = wire.written() > written;
            let stale = connection.is_reused() && wire.read() == read && !timed_out;
            // A pooled connection that the server had closed says nothing about the server: try a fresh one.
            // Once a byte went out, that is only safe for what may be sent twice.
            if stale && (!sent || (request.effect.may_resend() && !progress.was_sent_before())) {
                progress.sending_again();
                continue;
            }
            return Err(failure(error, progress));
        }
    }

    /// Reads the answer to its end and keeps the connection for the next request.
    pub async fn complete(&self, open: OpenAnswer, hop: &Hop, progress: &Progress) -> Result<Answer, Failure> {
        let answer = open.complete(self.pool, hop, self.max_body).await.map_err(Failure::Unknown)?;
        // Whatever it says, it ends this request: what follows is no part of it.
        progress.next_request();
        Ok(answer)
    }

    async fn connection(
        &self,
        reached: &Arc<Origin>,
        hop: &Hop,
        budget: &Budget,
        started: Instant,
    ) -> Result<Box<Connection>, Error> {
        let limit = budget.connect_limit(Instant::now(), started);
        let waiting = within(limit, self.pool.place(reached)).await;
        let place = waiting.map_err(|limit| timeout(hop, limit, started, "waiting for requests before it"))?;
        if let Some(mut connection) = self.pool.take(reached) {
            connection.hold(place);
            return Ok(connection);
        }
        let until = [limit.map(|limit| limit.at), budget.share, budget.deadline].into_iter().flatten().min();
        let connecting = Box::pin(self.connector.connect(reached, until));
        let connected =
            within(limit, connecting).await.unwrap_or_else(|limit| Err(timeout(hop, limit, started, "connecting")));
        let mut connection =
            connected.map_err(|error| match *reached == hop.origin || error.status() == Status::Timeout {
                true => error,
                false => connector::behind_a_proxy(&error, &hop.origin),
            })?;
        connection.hold(place);
        Ok(connection)
    }

    /// On failure also whether it was for time.
    async fn head(
        &self,
        connection: &mut Connection,
        hop: &Hop,
        budget: &Budget,
        started: Instant,
    ) -> Result<Head, (Error, bool)> {
        let limit = budget.header_limit(started);
        match within(limit, connection.send(budget.may_resend)).await {
            Ok(sent) => sent.map_err(|broken| (self.explain(&broken, hop), false)),
            Err(limit) => Err((timeout(hop, limit, started, "waiting for the answer"), true)),
        }
    }

    fn explain(&self, broken: &Broken, hop: &Hop) -> Error {
        let of_tls = match broken {
            Broken::Socket(error) => self.connector.tls_failure(&hop.origin, error),
            Broken::Senseless(_) | Broken::EndlessHead => None,
        };
        of_tls.unwrap_or_else(|| broken_head(hop, broken))
    }
}

/// What may have gone out once cannot be taken back by a second try that did not.
fn failure(error: Error, progress: &Progress) -> Failure {
    if progress.is_sent() { Failure::Unknown(error) } else { Failure::NotSent(error) }
}

/// Runs `future` until `limit`; gives the limit back when it passes.
async fn within<T>(limit: Option<Limit>, future: impl Future<Output = T>) -> Result<T, Limit> {
    match limit {
        Some(limit) => clock::timeout_at(limit.at, future).await.map_err(|_| limit),
        None => Ok(future.await),
    }
}
