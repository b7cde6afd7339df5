//! One request and its answer over one connection: where it fails decides whether it may be sent again.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use hyper::body::Incoming;

use super::broken::endless_head;
pub(super) use super::broken::{broken, timeout};
use super::connection::{Connection, MOST_BEFORE_HEAD, Message};
use super::connector::{self, Connector};
use super::deadline::{Budget, Limit};
use super::endpoint::{Credentials, Origin};
use super::error::Error;
use super::open_answer::OpenAnswer;
use super::pool::Pool;
use super::progress::Progress;
use super::proxy::Via;
use super::sending::Sending;
use super::status::Status;

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
        self.effect == Effect::Read && self.query.contains("quorum=false")
    }

    pub fn is_quorum_read(&self) -> bool {
        self.effect == Effect::Read && self.query.contains("quorum=true")
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
    pub host_header: String,
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
    pub headers: http::HeaderMap,
    pub body: Bytes,
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
    ) -> Result<Box<OpenAnswer>, Failure> {
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
            let message = build(request, hop, via.as_ref()).map_err(|error| failure(error, progress))?;
            let (error, timed_out) = match self.head(&mut connection, message, hop, budget, started).await {
                Ok(head) => {
                    progress.reading();
                    let reached = reached.clone();
                    return Ok(match self.body_lasts {
                        true => OpenAnswer::for_long(head, connection, reached),
                        false => OpenAnswer::new(head, connection, reached),
                    });
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
    pub async fn complete(&self, open: Box<OpenAnswer>, hop: &Hop, progress: &Progress) -> Result<Answer, Failure> {
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
    ) -> Result<Connection, Error> {
        let limit = budget.connect_limit(Instant::now(), started);
        let waiting = within(limit, self.pool.place(reached)).await;
        let place = waiting.map_err(|limit| timeout(hop, limit, started, "waiting for requests before it"))?;
        if let Some(connection) = self.pool.take(reached) {
            return Ok(connection.holding(place));
        }
        let until = [limit.map(|limit| limit.at), budget.share, budget.deadline].into_iter().flatten().min();
        let connecting = Box::pin(self.connector.connect(reached, until));
        let connected =
            within(limit, connecting).await.unwrap_or_else(|limit| Err(timeout(hop, limit, started, "connecting")));
        connected.map(|connection| connection.holding(place)).map_err(|error| {
            match *reached == hop.origin || error.status() == Status::Timeout {
                true => error,
                false => connector::behind_a_proxy(&error, &hop.origin),
            }
        })
    }

    /// On failure also whether it was for time.
    async fn head(
        &self,
        connection: &mut Connection,
        message: Message,
        hop: &Hop,
        budget: &Budget,
        started: Instant,
    ) -> Result<http::Response<Incoming>, (Error, bool)> {
        let limit = budget.header_limit(started);
        let (wire, read) = (connection.wire().clone(), connection.wire().read());
        let mut sending = pin!(connection.send(message, budget.may_resend, self.body_lasts));
        // One interim head (1xx) after the other is as endless as one head without an end, and hyper does not count them.
        let ending = std::future::poll_fn(|context| match sending.as_mut().poll(context) {
            Poll::Ready(head) => Poll::Ready(Some(head)),
            Poll::Pending if wire.read().saturating_sub(read) > MOST_BEFORE_HEAD => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        match within(limit, ending).await {
            Ok(None) => Err((endless_head(hop), false)),
            Ok(Some(head)) => head.map_err(|error| {
                let of_tls = self.connector.tls_failure(&hop.origin, &error);
                (of_tls.unwrap_or_else(|| broken(hop, &error, "before the answer")), false)
            }),
            Err(limit) => Err((timeout(hop, limit, started, "waiting for the answer"), true)),
        }
    }
}

/// What may have gone out once cannot be taken back by a second try that did not.
fn failure(error: Error, progress: &Progress) -> Failure {
    if progress.is_sent() { Failure::Unknown(error) } else { Failure::NotSent(error) }
}

/// Runs `future` until `limit`; gives the limit back when it passes.
pub(super) async fn within<T>(limit: Option<Limit>, future: impl Future<Output = T>) -> Result<T, Limit> {
    match limit {
        Some(limit) => tokio::time::timeout_at(limit.at.into(), future).await.map_err(|_| limit),
        None => Ok(future.await),
    }
}

fn build(request: &Request, hop: &Hop, via: Option<&Via>) -> Result<Message, Error> {
    let mut message = http::Request::builder().method(request.method.clone());
    message = match via {
        // A proxy is told the whole URL.
        Some(_) => message.uri(format!("http://{}{}", hop.host_header, hop.target)),
        None => message.uri(hop.target.as_str()),
    };
    message = message.header(http::header::HOST, &hop.host_header);
    message = message.header(http::header::USER_AGENT, concat!("libetcd_client/", env!("CARGO_PKG_VERSION")));
    if let Some(content_type) = request.content_type {
        message = message.header(http::header::CONTENT_TYPE, content_type);
    }
    if request.body.is_empty() && matches!(request.method, http::Method::PUT | http::Method::POST) {
        // RFC 9110, 8.6: without it some proxies answer 411.
        message = message.header(http::header::CONTENT_LENGTH, "0");
    }
    if let Some(credentials) = &hop.credentials {
        message = message.header(http::header::AUTHORIZATION, credentials.header_value());
    }
    if let Some(authorization) = via.and_then(|via| via.authorization.as_ref()) {
        message = message.header(http::header::PROXY_AUTHORIZATION, authorization);
    }
    let built = message.body(Sending::new(request.body.clone())).map(Box::new);
    built.map_err(|error| {
        Error::invalid_argument("key", format_args!("gives a request that HTTP cannot carry: {error}"))
    })
}
