//! One attempt at one endpoint: its exchanges, its redirects, and how it ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client::Shared;
use super::condition::Proof;
use super::deadline::{Budget, LONGEST_SHARE};
use super::endpoint::{Credentials, Endpoint, Origin};
use super::error::{Error, Outcome};
use super::exchange::{Answer, Failure, Hop, Request, Session};
use super::log::{Level, Log, curl};
use super::member_check;
use super::open_answer::OpenAnswer;
use super::pool::Pool;
use super::progress::Progress;
use super::redirect;
use super::ring::Endpoints;
use super::status::Status;
use super::tls;
use super::v2;
use crate::rt::clock;

/// How old the proof may be that a member is not cut off from the others, where its plain answers are to be trusted.
const PROOF_LASTS: Duration = Duration::from_secs(3);

/// How long the version for an error's message is waited for; the error itself is known already.
const VERSION_PATIENCE: Duration = Duration::from_secs(1);

/// An attempt that brought no answer; it decides whether the next endpoint may be asked.
#[derive(Debug)]
pub enum Failed {
    /// The endpoint cannot have acted on the request: every operation may go on.
    NotSent(Error),
    /// The endpoint may have acted on the request: only what may be sent twice goes on.
    Unknown(Error),
    /// The server itself does not know, and may carry the request out later: no write goes on.
    Pending(Error),
    /// Every endpoint would say the same: nothing goes on.
    Final(Error),
}

impl Failed {
    pub fn into_error(self) -> Error {
        match self {
            Failed::NotSent(error) | Failed::Unknown(error) | Failed::Pending(error) | Failed::Final(error) => error,
        }
    }
}

/// Carries a call out on one endpoint. A server protocol is an implementation of this.
pub trait Attempt: Sync {
    /// What the endpoint answered; it may still be a refusal.
    type Answer: Send;

    fn on<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        budget: &'a Budget,
        progress: &'a Progress,
    ) -> impl Future<Output = Result<Self::Answer, Failed>> + Send + 'a;

    /// What the answer proves about the endpoint.
    fn proof(&self, _answer: &Self::Answer) -> Proof {
        Proof::Alive
    }

    /// Whether an endpoint that has not answered for long shows that it is alive, for which it has `patience`.
    fn is_alive<'a>(
        &'a self,
        _endpoint: &'a Endpoint,
        _patience: Duration,
    ) -> impl Future<Output = Result<(), Error>> + Send + 'a {
        std::future::ready(Ok(()))
    }
}

/// An attempt in HTTP/1.1, as the v2 API speaks it.
pub struct HttpAttempt<'a> {
    client: &'a Shared,
    session: Session<'a>,
    request: &'a Request,
    credentials: Option<&'a Credentials>,
    /// The configured endpoints: a redirect to one of them may carry credentials.
    endpoints: &'a Endpoints,
    log: &'a Log,
}

impl Attempt for HttpAttempt<'_> {
    type Answer = Answer;

    async fn on(&self, endpoint: &Endpoint, budget: &Budget, progress: &Progress) -> Result<Answer, Failed> {
        if self.client.config.refuse_isolated && self.request.is_plain_read() {
            Box::pin(self.proof_of(endpoint, budget)).await.map_err(Failed::NotSent)?;
        }
        let (open, hop) = self.open(endpoint, budget, progress).await?;
        self.complete(open, &hop, endpoint, budget, progress).await
    }

    /// The quorum had to agree on a write and on a read that asks for it, when the answer has the store's index.
    fn proof(&self, answer: &Answer) -> Proof {
        let asks_the_quorum = self.request.effect.is_write() || self.request.is_quorum_read();
        let has_index = v2::keys_answer::index_of(answer).is_ok_and(|index| index > 0);
        if asks_the_quorum && has_index { Proof::Quorum } else { Proof::Alive }
    }

    async fn is_alive(&self, endpoint: &Endpoint, patience: Duration) -> Result<(), Error> {
        let pool = self.session.pool.unbounded();
        member_check::is_alive(self.client, &pool, endpoint, patience).await
    }
}

impl<'a> HttpAttempt<'a> {
    pub fn new(client: &'a Shared, pool: &'a Pool, request: &'a Request, endpoints: &'a Endpoints) -> HttpAttempt<'a> {
        let config = &client.config;
        HttpAttempt {
            client,
            session: Session { connector: &client.connector, pool, max_body: config.max_body, body_lasts: false },
            request,
            credentials: config.credentials.as_ref(),
            endpoints,
            log: &config.log,
        }
    }

    /// The client's user name and password stay here.
    pub fn without_credentials(self) -> HttpAttempt<'a> {
        HttpAttempt { credentials: None, ..self }
    }

    /// The body of a successful answer goes on for as long as there is news.
    pub fn whose_body_lasts(self) -> HttpAttempt<'a> {
        HttpAttempt { session: Session { body_lasts: true, ..self.session }, ..self }
    }

    /// Follows redirects to an answer that is none, and stops at its head.
    pub async fn open(
        &self,
        endpoint: &Endpoint,
        budget: &Budget,
        progress: &Progress,
    ) -> Result<(OpenAnswer, Hop), Failed> {
        let mut hop = self.first_hop(endpoint);
        let mut followed = 0;
        loop {
            if self.log.is_enabled(Level::Debug) {
                self.log.write(Level::Debug, &curl(self.request, &hop, self.session.connector));
            }
            let opened = self.session.open(self.request, &hop, budget, progress).await;
            let open = match opened {
                Ok(open) => open,
                Err(failure) => {
                    // Boxed, as everything that is rare: a call moves with all that it may become.
                    let explained = Box::pin(self.session.connector.explained(failure, &hop.origin)).await;
                    return Err(self.failed(explained));
                }
            };
            if !redirect::is_redirect(open.http_status) {
                return Ok((open, hop));
            }
            let completed = self.session.complete(open, &hop, progress).await;
            let answer = completed.map_err(|failure| self.failed(failure))?;
            // A redirect is an answer which says that this server did not act on the request.
            let next = redirect::next_hop(&hop, &answer, followed, self.client.config.max_redirects, |origin| {
                self.credentials_for(origin)
            });
            hop = next.map_err(Failed::NotSent)?;
            followed += 1;
        }
    }

    /// Reads the answer to its end and judges the member by it.
    pub async fn complete(
        &self,
        open: OpenAnswer,
        hop: &Hop,
        endpoint: &Endpoint,
        budget: &Budget,
        progress: &Progress,
    ) -> Result<Answer, Failed> {
        let completed = self.session.complete(open, hop, progress).await;
        let answer = completed.map_err(|failure| self.failed(failure))?;
        self.judge(answer, endpoint, hop, budget).await
    }

    /// That the member had a majority a moment ago, so that what it answers by itself is not older than that.
    async fn proof_of(&self, endpoint: &Endpoint, budget: &Budget) -> Result<(), Error> {
        let pool = self.session.pool.unbounded();
        // Within its share, so that where nobody can show it the call ends by that, and not by its deadline.
        let share = budget.share.map(|share| share.saturating_duration_since(Instant::now()));
        let patience = share.unwrap_or(LONGEST_SHARE).mul_f64(0.8);
        let check = member_check::check(self.client, &pool, endpoint, PROOF_LASTS, patience).await;
        check.result.map(|_| ()).map_err(|error| {
            let (url, why) = (endpoint.url(), error.message());
            let text = format!(
                "{url} cannot show that it belongs to the majority of its cluster, so what it knows may be old: {why}"
            );
            Error::new(Status::NoLeader, text).at(url).with_http_status(error.http_status())
        })
    }

    fn first_hop(&self, endpoint: &Endpoint) -> Hop {
        Hop {
            origin: Arc::clone(endpoint.origin()),
            host_header: endpoint.shared_host_header().clone(),
            target: endpoint.target(&self.request.path, &self.request.query),
            credentials: self.credentials_of(endpoint),
        }
    }

    fn credentials_of(&self, endpoint: &Endpoint) -> Option<Credentials> {
        self.credentials.or(endpoint.own_credentials()).cloned()
    }

    fn credentials_for(&self, origin: &Origin) -> Option<Credentials> {
        let known = self.endpoints.list().iter().find(|endpoint| **endpoint.origin() == *origin)?;
        self.credentials_of(known)
    }

    fn failed(&self, failure: Failure) -> Failed {
        match failure {
            Failure::NotSent(error) if error.status() == Status::InvalidArgument => Failed::Final(error),
            Failure::NotSent(error) => Failed::NotSent(error),
            // The next endpoint would send the same.
            Failure::Unknown(error) if matches!(error.status(), Status::TooLarge | Status::NoMemory) => {
                let outcome = if self.request.effect.is_write() { Outcome::MaybeApplied } else { Outcome::NotApplied };
                Failed::Final(error.with_outcome(outcome))
            }
            Failure::Unknown(error) => Failed::Unknown(error),
        }
    }

    /// The version of the server that does not serve the API, for the message that says so.
    async fn version_of(&self, endpoint: &Endpoint, hop: &Hop, budget: &Budget) -> Option<String> {
        let is_endpoint = hop.origin == *endpoint.origin();
        let target = if is_endpoint { endpoint.target(v2::version::PATH, "") } else { v2::version::PATH.to_owned() };
        let (request, hop) = (v2::version::request(), Hop { target, ..hop.clone() });
        if self.log.is_enabled(Level::Debug) {
            self.log.write(Level::Debug, &curl(&request, &hop, self.session.connector));
        }
        // Its progress is not the call's: when it is cut off, the call's own request was answered all the same.
        let progress = Progress::default();
        let asking = self.session.exchange(&request, &hop, budget, &progress);
        let answer = clock::timeout(VERSION_PATIENCE, asking).await.ok()?.ok()?;
        v2::version::decode(&answer, "").ok().map(|version| version.server)
    }

    /// Tells a failing member from a member that answers.
    async fn judge(&self, answer: Answer, endpoint: &Endpoint, hop: &Hop, budget: &Budget) -> Result<Answer, Failed> {
        if v2::health::is_report(&self.request.path, &answer) {
            return Ok(answer);
        }
        if answer.http_status >= 500 {
            let error = v2::failure::server_failure(&answer, hop);
            let pending = error.server().is_some_and(|server| server.code == v2::failure::RAFT_INTERNAL);
            return Err(if pending { Failed::Pending(error) } else { Failed::Unknown(error) });
        }
        if tls::alerts::is_refusal_of_plain_text(&answer) {
            return Err(Failed::NotSent(tls::alerts::wants_tls(&hop.origin).with_http_status(answer.http_status)));
        }
        if self.request.path != v2::version::PATH && v2::not_served::is_not_served(&answer) {
            let version = Box::pin(self.version_of(endpoint, hop, budget)).await;
            return Err(Failed::NotSent(v2::not_served::error(hop, version.as_deref())));
        }
        Ok(answer)
    }
}
