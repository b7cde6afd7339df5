//! The task behind a watcher: keeps a watch open somewhere in the cluster and puts its events into the queue.

use crate::core::http1::headers::Name;
use std::sync::Arc;
use std::time::Duration;

use super::documents::Documents;
use super::opening::{AMPLE, Pace, Silence, Waited, WatchAttempt, Watching};
use super::position::{Origin, Past, Position};
use super::{Events, WatchOptions};
use crate::core::attempt::HttpAttempt;
use crate::core::backoff::Backoff;
use crate::core::client::Shared;
use crate::core::cluster::walk;
use crate::core::cluster_error::nobody_answered;
use crate::core::condition::Trouble;
use crate::core::endpoint::Endpoint;
use crate::core::error::{Error, Result};
use crate::core::exchange::{Answer, Effect, Hop};
use crate::core::history::History;
use crate::core::log::Level;
use crate::core::open_answer::OpenAnswer;
use crate::core::pool::Pool;
use crate::core::response::Response;
use crate::core::status::Status;
use crate::core::v2::{failure, keys_answer, watch_event, watch_request::Watched};
use crate::core::walk::Limits;
use crate::faults::{self, Place};
use crate::rt::clock;
use crate::rt::race::first;

pub struct Follower {
    pub(super) client: Arc<Shared>,
    pub(super) pool: Arc<Pool>,
    pub(super) key: String,
    pub(super) watched: Watched,
    pub(super) options: WatchOptions,
    pub(super) events: Arc<Events>,
    pub(super) position: Position,
    /// Set when a stream has ended, or has found an event in the history, behind which it brings no more: then a stream from
    /// now on is opened, and what lies before it is read from the history.
    is_behind: bool,
    events_delivered: u64,
    /// The watch means nothing on another cluster.
    pub(super) cluster_id: Option<Vec<u8>>,
    /// Why endpoints failed, one after another, since a member has last brought something or was found alive.
    failures: Vec<Error>,
    pub(super) backoff: Backoff,
}

/// How one request of the watch ended, when not by something that the reader has to know.
enum Ended {
    /// The body ended, or what follows needs a new request.
    Cleanly,
    Broken(Error),
    /// The member is not to be trusted.
    Distrusted(Error),
}

impl Follower {
    pub fn new(
        client: Arc<Shared>,
        pool: Arc<Pool>,
        key: &str,
        watched: Watched,
        options: WatchOptions,
        events: Arc<Events>,
    ) -> Follower {
        let position = Position::after(options.after_index);
        Follower {
            client,
            pool,
            key: key.to_owned(),
            watched,
            options,
            events,
            position,
            is_behind: false,
            events_delivered: 0,
            cluster_id: None,
            failures: Vec::new(),
            backoff: PAUSES,
        }
    }

    /// Never ends by itself. A watch is quiet for most of its life, and its task is as large as the largest of its states: so
    /// whatever it does seldom is in a box of its own.
    pub async fn run(&mut self) {
        loop {
            match self.follow_once().await {
                Ok(true) => {}
                Ok(false) => clock::sleep(self.backoff.next_pause()).await,
                // Nobody needs to know of a cluster that was down while nobody waited: it may be back when somebody does.
                Err(error) if error.status() == Status::Cluster && !self.events.is_awaited() => {
                    let pause = self.backoff.next_pause();
                    // One who comes back all the time must not make it spin.
                    clock::sleep(pause.min(SHORTENED_PAUSE)).await;
                    let mut pause = std::pin::pin!(clock::sleep(pause.saturating_sub(SHORTENED_PAUSE)));
                    first(pause.as_mut(), std::pin::pin!(self.events.awaited())).await;
                }
                Err(error) => {
                    self.failures.clear();
                    self.events.add(Err(error), 0).await;
                    // Nothing is tried again before the reader knows of it, and comes back for more.
                    self.events.emptied().await;
                    clock::sleep(self.backoff.next_pause()).await;
                }
            }
        }
    }

    /// One request, from its opening to its end. Gives whether the next one may follow at once, or what the reader has to know.
    async fn follow_once(&mut self) -> Result<bool> {
        faults::here(Place::Follower, self.key.as_bytes());
        let catching_up = self.options.stream && self.is_behind;
        let wait_index = if catching_up { 0 } else { self.position.wait_index() };
        let (mut open, hop, endpoint) = {
            let (watching, endpoint, failed_before) = self.open_in_turn(wait_index).await?;
            failed_before.into_iter().for_each(|error| self.note(error));
            match watching {
                Watching::Open(open, hop) => (open, hop, endpoint),
                Watching::Refused(answer) => {
                    let refusal = failure::refusal(&answer, endpoint.url(), Effect::Read);
                    return Box::pin(self.refused(refusal)).await.map(|()| true);
                }
            }
        };
        let head = open.take_head();
        if let Some(error) = self.other_cluster(&head, &endpoint) {
            return if self.options.resync { Box::pin(self.resync(&error)).await.map(|()| true) } else { Err(error) };
        }
        match Box::pin(self.gone_back(&head, &endpoint)).await {
            Ok(None) => {}
            Ok(Some(error)) if self.options.resync => return Box::pin(self.resync(&error)).await.map(|()| true),
            Ok(Some(error)) => return Err(error),
            Err(error) => return self.go_elsewhere(error, &endpoint).map(|()| false),
        }
        let mut pace = self.register(&head, &endpoint)?;
        let before = self.events_delivered;
        if catching_up && let Err(error) = Box::pin(self.catch_up(&endpoint)).await {
            return match error.status() {
                Status::Api => Box::pin(self.refused(error)).await.map(|()| true),
                Status::InvalidResponse | Status::EmptyBody | Status::NoMemory | Status::Panic => Err(error),
                _ => self.go_elsewhere(error, &endpoint).map(|()| false),
            };
        }
        let ended = self.read(&mut open, &hop, &head, &endpoint, catching_up, &mut pace).await?;
        let delivered = self.events_delivered != before;
        if delivered || pace.was_trusted() {
            self.failures.clear();
        }
        let progressed = delivered || pace.has_lasted();
        if progressed {
            self.backoff.reset();
        }
        match ended {
            Ended::Cleanly => open.give_back(&self.pool),
            Ended::Broken(_) if progressed => {}
            Ended::Broken(error) | Ended::Distrusted(error) => self.go_elsewhere(error, &endpoint)?,
        }
        Ok(progressed)
    }

    /// Opens the watch when it has a place among those that open theirs, which it leaves to others when it takes long.
    async fn open_in_turn(&self, wait_index: u64) -> Result<(Watching, Arc<Endpoint>, Vec<Error>)> {
        let place = self.client.opening_watches.acquire().await;
        let mut opening = Box::pin(self.open(wait_index));
        match clock::timeout(AMPLE, opening.as_mut()).await {
            Ok(opened) => opened,
            Err(_) => {
                drop(place);
                opening.await
            }
        }
    }

    /// Gives also why endpoints on the way to this one failed.
    async fn open(&self, wait_index: u64) -> Result<(Watching, Arc<Endpoint>, Vec<Error>)> {
        let config = &self.client.config;
        let request = self.watched.request(wait_index, self.options.stream);
        let endpoints = self.client.ring.current();
        let attempt = WatchAttempt {
            http: HttpAttempt::new(&self.client, &self.pool, &request, &endpoints).whose_body_lasts(),
            silence: self.silence(),
        };
        let connect_timeout = [config.connect_timeout, self.options.idle_timeout].into_iter().flatten().min();
        let limits = Limits { deadline: None, header_timeout: None, connect_timeout, may_overtake: false };
        let mut round = endpoints.round();
        let mut history = History::new(Effect::Read);
        let (watching, endpoint) = walk(&attempt, &mut round, &limits, &mut history, &config.log).await?;
        Ok((watching, endpoint, history.take_errors(Status::Timeout, "")))
    }

    fn register(&mut self, head: &Answer, endpoint: &Endpoint) -> Result<Pace> {
        let index = keys_answer::index_of(head)
            .map_err(|header| invalid(endpoint, &format!("a watch with the X-Etcd-Index '{header}'")))?;
        self.position.registered(index);
        self.is_behind = false;
        Ok(Pace::from(index))
    }

    /// An index says nothing about another cluster, such as one that was set up anew under the same address. Gives the
    /// reason where the watch cannot go on as it is.
    fn other_cluster(&mut self, head: &Answer, endpoint: &Endpoint) -> Option<Error> {
        let id = head.headers.get(Name::EtcdClusterId)?.to_vec();
        let before = self.cluster_id.get_or_insert_with(|| id.clone());
        if *before == id {
            return None;
        }
        let (began_on, now) = (String::from_utf8_lossy(before), String::from_utf8_lossy(&id));
        let text =
            format!("a watch of cluster {now}, but it began on cluster {began_on}; read the state and watch anew");
        Some(invalid(endpoint, &text))
    }

    /// A store below an index that was seen before is a member that lags behind, which a read through the quorum tells, or a
    /// cluster that was set up anew with the same name: its id is the same then, and the place of the watch means nothing.
    async fn gone_back(&self, head: &Answer, endpoint: &Endpoint) -> Result<Option<Error>> {
        if !self.position.is_ahead_of(keys_answer::index_of(head).unwrap_or(0)) {
            return Ok(None);
        }
        let index = self.silence().check(endpoint, Duration::ZERO).await.result?;
        Ok(self.position.is_ahead_of(index).then(|| {
            let text = format!("a store at index {index}, which is less than it had; read the state and watch anew");
            invalid(endpoint, &text)
        }))
    }

    async fn read(
        &mut self,
        open: &mut OpenAnswer,
        hop: &Hop,
        head: &Answer,
        endpoint: &Endpoint,
        from_now_on: bool,
        pace: &mut Pace,
    ) -> Result<Ended> {
        let mut documents = Documents::default();
        let (mut is_deaf, mut removal) = (false, None);
        loop {
            let document = match documents.take() {
                Some(document) => document,
                None if is_deaf => {
                    self.is_behind = true;
                    return Ok(Ended::Cleanly);
                }
                None => {
                    let silence = Silence { client: &self.client, pool: &self.pool, limit: self.options.idle_timeout };
                    let position = &mut self.position;
                    match silence.next_document(open, hop, &mut documents, endpoint, position, pace).await {
                        Waited::Document(Some(document)) => document,
                        Waited::Document(None) if documents.is_unfinished() => {
                            return Err(invalid(endpoint, "a watch that ends in the middle of an event"));
                        }
                        Waited::Document(None) => {
                            self.is_behind = self.options.stream && self.position.wait_index() > 0;
                            return Ok(Ended::Cleanly);
                        }
                        Waited::Unproven => return Ok(Ended::Cleanly),
                        Waited::Broken(error) if matches!(error.status(), Status::TooLarge | Status::NoMemory) => {
                            return Err(error.at(endpoint.url()));
                        }
                        Waited::Broken(error) => return Ok(Ended::Broken(error)),
                        Waited::Distrusted(error) => return Ok(Ended::Distrusted(error)),
                    }
                }
            };
            let (event, index) = watch_event::decode(document, head, endpoint.url())?;
            pace.event();
            // A stream of the very key that is removed is told so twice by etcd.
            let was_told = removal == Some(index);
            removal = event.action().removes().then_some(index);
            // A member that lags behind brings again what was delivered.
            if was_told && removal.is_some() || from_now_on && self.position.is_past(index) {
                continue;
            }
            let origin = self.deliver(event, index).await.map_err(|error| error.at(endpoint.url()))?;
            is_deaf |= self.options.stream && origin == Origin::History;
        }
    }

    pub(super) async fn deliver(&mut self, event: Response, index: u64) -> Result<Origin> {
        let origin = self.position.event(index).map_err(|Past { wanted }| {
            let text =
                format!("an event of index {index} came to a watch from {wanted} on; the server is probably not etcd");
            Error::new(Status::InvalidResponse, text)
        })?;
        if origin == Origin::Live || watch_event::is_meant_for(&self.watched, &event) {
            let weight = event.weight();
            self.events.add(Ok(event), weight).await;
        }
        self.events_delivered += 1;
        Ok(origin)
    }

    pub(super) fn silence(&self) -> Silence<'_> {
        Silence { client: &self.client, pool: &self.pool, limit: self.options.idle_timeout }
    }

    /// One failure for each endpoint, the last one.
    fn note(&mut self, error: Error) {
        self.failures.retain(|failure| failure.endpoint() != error.endpoint());
        self.failures.push(error);
    }

    /// Only when every endpoint in turn has failed, the reader is told.
    fn go_elsewhere(&mut self, error: Error, endpoint: &Arc<Endpoint>) -> Result<()> {
        let log = &self.client.config.log;
        log.write(Level::Warn, &format!("watch of {}: {}", self.key, error.message()));
        let endpoints = self.client.ring.current();
        // A look at the member, if there was one, has noted what is wrong with it.
        if endpoint.condition().is_good() {
            endpoint.condition().failed(Trouble::of(&error, Duration::ZERO));
        }
        endpoints.pin_behind(endpoint);
        self.note(error.at(endpoint.url()));
        if self.failures.len() < endpoints.list().len() {
            return Ok(());
        }
        Err(nobody_answered(std::mem::take(&mut self.failures)))
    }
}

/// Between requests that lead nowhere.
const PAUSES: Backoff = Backoff::between(Duration::from_millis(50), Duration::from_secs(3));

/// A reader who comes back to a cluster that was down need not sit out the whole back-off.
const SHORTENED_PAUSE: Duration = Duration::from_millis(200);

fn invalid(endpoint: &Endpoint, what: &str) -> Error {
    let text = format!("{} answered with {what}", endpoint.url());
    Error::new(Status::InvalidResponse, text).at(endpoint.url())
}
