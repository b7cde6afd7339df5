//! Opens a watch at one endpoint and waits on it, however long it is quiet, as long as the member can be trusted.

use std::pin::pin;
use std::time::{Duration, Instant};

use super::DEFAULT_IDLE_TIMEOUT;
use super::documents::Documents;
use super::position::Position;
use crate::core::attempt::{Attempt, Failed, HttpAttempt};
use crate::core::client::Shared;
use crate::core::config::over_the_limit;
use crate::core::deadline::Budget;
use crate::core::endpoint::Endpoint;
use crate::core::error::{Error, Result};
use crate::core::exchange::{Answer, Hop};
use crate::core::member_check::{self, Check};
use crate::core::open_answer::OpenAnswer;
use crate::core::pool::Pool;
use crate::core::progress::Progress;
use crate::core::status::Status;
use crate::rt::clock;
use crate::rt::race::{First, first};

/// etcd writes an event that it finds in its history right behind the head of the answer. When none has come after this
/// time, and the member answers other requests, there is none.
pub const AMPLE: Duration = Duration::from_secs(1);

/// Of the time within which a bad member is noticed, so much is silence; in the rest it can answer the question.
const SILENT_PART: f64 = 0.7;

/// A question that takes a round trip to a far place, and through the quorum there, must have the time for it.
const LEAST_PATIENCE: Duration = Duration::from_millis(500);

/// On a busy store a quiet watch is looked after more often, so that it does not fall out of the history.
const SHORTEST_SILENCE: Duration = Duration::from_secs(1);
const EVENTS_BETWEEN_LOOKS: u32 = 400;

/// etcd drops a stream for which 100 events wait, and leaves it open: what waits still comes, and then nothing, for ever.
/// A stream that has brought as many may be such a one.
const EVENTS_BEFORE_DEAFNESS: u32 = 100;

/// After so many events, so short a silence is reason to ask. Once in 100 events that costs nothing; and a store in a
/// burst has forgotten the next event before long.
const SUSPICIOUS_SILENCE: Duration = Duration::from_millis(10);

/// What an endpoint answered to a watch request.
pub enum Watching {
    /// Events will come.
    Open(OpenAnswer, Hop),
    /// Anything but success.
    Refused(Answer),
}

/// What a wait for the next document of a watch ended with.
pub enum Waited {
    /// A document of the body, or its clean end.
    Document(Option<bytes::Bytes>),
    Broken(Error),
    /// The member does not answer, or cannot speak for its cluster.
    Distrusted(Error),
    /// Nothing came, and that proves nothing: the watch has to be registered anew, from its position on.
    Unproven,
}

/// How quiet a member may be before it is asked whether it is alive.
pub struct Silence<'a> {
    pub client: &'a Shared,
    pub pool: &'a Pool,
    /// None trusts every silence.
    pub limit: Option<Duration>,
}

impl Silence<'_> {
    /// Waits for the next document, and moves the position forward while there is none. Bytes that make no document are
    /// no sign of life: a proxy may send them in the name of a member that has stopped.
    pub async fn next_document(
        &self,
        open: &mut OpenAnswer,
        hop: &Hop,
        documents: &mut Documents,
        endpoint: &Endpoint,
        position: &mut Position,
        pace: &mut Pace,
    ) -> Waited {
        let mut document = pin!(read_document(open, hop, documents, self.client.config.max_body));
        loop {
            if pace.may_be_deaf() {
                return match clock::timeout(SUSPICIOUS_SILENCE, document.as_mut()).await {
                    Ok(Ok(document)) => Waited::Document(document),
                    Ok(Err(error)) => Waited::Broken(error),
                    Err(_) => Waited::Unproven,
                };
            }
            let waited = {
                let mut silence = pin!(self.lasts(endpoint, pace));
                first(document.as_mut(), silence.as_mut()).await
            };
            match waited {
                First::Left(Ok(document)) => return Waited::Document(document),
                First::Left(Err(error)) => return Waited::Broken(error),
                First::Right(Err(error)) => return Waited::Distrusted(error),
                First::Right(Ok(index)) => {
                    position.quiet(index);
                    if position.is_far_behind(index) {
                        return Waited::Unproven;
                    }
                }
            }
        }
    }

    /// Ends after a silence: with the store's index where the member can be trusted, with the reason where not.
    async fn lasts(&self, endpoint: &Endpoint, pace: &mut Pace) -> Result<u64> {
        let Some(limit) = self.limit else { return std::future::pending().await };
        let silence = pace.silence(limit);
        clock::sleep(silence.saturating_sub(pace.since_the_last_look())).await;
        // After a look nothing but liveness is in question, and another watch's look shows that as well. What came before
        // the first look must be given time to come.
        let fresh = if pace.looked_at.is_some() { silence } else { silence / 2 };
        let check = self.check(endpoint, fresh).await;
        let index = check.result?;
        pace.seen(check.asked_at, index);
        Ok(index)
    }

    /// Whether the member can be trusted, and the store's index. The answer is not older than `fresh`.
    pub async fn check(&self, endpoint: &Endpoint, fresh: Duration) -> Check {
        let rest = self.limit.unwrap_or(DEFAULT_IDLE_TIMEOUT).mul_f64(1.0 - SILENT_PART);
        let patience = rest.max(LEAST_PATIENCE);
        let mut check = member_check::check(self.client, self.pool, endpoint, fresh, patience).await;
        check.result = check.result.map_err(|error| {
            let text =
                format!("{} has been silent and cannot speak for its cluster: {}", endpoint.url(), error.message());
            Error::new(Status::Timeout, text).at(endpoint.url()).with_http_status(error.http_status())
        });
        check
    }
}

/// The next document; None at the clean end of the body.
async fn read_document(
    open: &mut OpenAnswer,
    hop: &Hop,
    documents: &mut Documents,
    max_body: usize,
) -> Result<Option<bytes::Bytes>> {
    loop {
        let Some(piece) = open.next_piece(hop).await? else { return Ok(None) };
        documents.add(&piece).map_err(|error| error.at(&hop.origin.to_string()))?;
        let document = documents.take();
        let bytes = document.as_ref().map_or(documents.unfinished_bytes(), bytes::Bytes::len);
        if bytes > max_body {
            let origin = hop.origin.to_string();
            let text = format!("an event of {origin} is {}", over_the_limit(max_body));
            return Err(Error::new(Status::TooLarge, text).at(&origin));
        }
        if document.is_some() {
            return Ok(document);
        }
    }
}

/// When to look next: soon after the start, then as often as the store moves.
pub struct Pace {
    opened_at: Instant,
    /// Since it was last known that none was missing.
    events: u32,
    /// The store's index, and when it was seen.
    last: (Instant, u64),
    time_for_events: Option<Duration>,
    /// When the member was last found alive, if nothing has come since then.
    looked_at: Option<Instant>,
    /// A quiet store can become busy, so the pauses grow slowly.
    longest: Duration,
    was_trusted: bool,
}

impl Pace {
    /// The store had `index` just now.
    pub fn from(index: u64) -> Pace {
        let now = Instant::now();
        Pace {
            opened_at: now,
            events: 0,
            last: (now, index),
            time_for_events: None,
            looked_at: None,
            longest: AMPLE,
            was_trusted: false,
        }
    }

    /// Whether the member has answered when it was asked.
    pub fn was_trusted(&self) -> bool {
        self.was_trusted
    }

    /// Whether the watch has been open long enough to have brought what it found in the history.
    pub fn has_lasted(&self) -> bool {
        self.opened_at.elapsed() >= AMPLE
    }

    /// An event has come.
    pub fn event(&mut self) {
        self.events = self.events.saturating_add(1);
        self.looked_at = None;
    }

    fn since_the_last_look(&self) -> Duration {
        self.looked_at.map_or(Duration::ZERO, |looked_at| looked_at.elapsed())
    }

    fn may_be_deaf(&self) -> bool {
        self.events >= EVENTS_BEFORE_DEAFNESS
    }

    /// The member was asked at `asked_at`, perhaps by another watch, and told its index.
    fn seen(&mut self, asked_at: Instant, index: u64) {
        self.was_trusted = true;
        self.looked_at = Some(asked_at);
        let (at, before) = std::mem::replace(&mut self.last, (Instant::now(), index));
        self.longest = at.elapsed().saturating_mul(2);
        if before > 0 {
            let events = u32::try_from(index.saturating_sub(before)).unwrap_or(u32::MAX);
            self.time_for_events =
                at.elapsed().checked_div(events).and_then(|each| each.checked_mul(EVENTS_BETWEEN_LOOKS));
        }
    }

    fn silence(&self, limit: Duration) -> Duration {
        if let Some(rest) = AMPLE.checked_sub(self.opened_at.elapsed()) {
            return rest;
        }
        let limit = limit.mul_f64(SILENT_PART).min(self.longest.max(SHORTEST_SILENCE));
        self.time_for_events.map_or(limit, |time| limit.min(time.max(SHORTEST_SILENCE)))
    }
}

/// An attempt that stops at the head of a successful answer.
pub struct WatchAttempt<'a> {
    pub http: HttpAttempt<'a>,
    pub silence: Silence<'a>,
}

impl Attempt for WatchAttempt<'_> {
    type Answer = Watching;

    /// No header timeout, as in Go: a proxy may hold the head back until the first event. The silence is judged instead.
    async fn on(
        &self,
        endpoint: &Endpoint,
        budget: &Budget,
        progress: &Progress,
    ) -> std::result::Result<Watching, Failed> {
        let mut opening = pin!(self.open(endpoint, budget, progress));
        let mut pace = Pace::from(0);
        loop {
            let mut silence = pin!(self.silence.lasts(endpoint, &mut pace));
            match first(opening.as_mut(), silence.as_mut()).await {
                First::Left(result) => return result,
                First::Right(Ok(_)) => {}
                First::Right(Err(error)) => return Err(Failed::Unknown(error)),
            }
        }
    }
}

impl WatchAttempt<'_> {
    async fn open(
        &self,
        endpoint: &Endpoint,
        budget: &Budget,
        progress: &Progress,
    ) -> std::result::Result<Watching, Failed> {
        let (open, hop) = self.http.open(endpoint, budget, progress).await?;
        if matches!(open.http_status, 200 | 201) {
            return Ok(Watching::Open(open, hop));
        }
        self.http.complete(open, &hop, endpoint, budget, progress).await.map(Watching::Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_store_is_looked_at_once_per_silence_and_a_busy_one_more_often() {
        let limit = Duration::from_secs(10);
        let since = Instant::now().checked_sub(limit).expect("a past");
        let after_ten_seconds_with = |events: u64| {
            let mut pace = Pace {
                opened_at: since,
                events: 0,
                last: (since, 1000),
                time_for_events: None,
                looked_at: None,
                longest: limit,
                was_trusted: false,
            };
            pace.seen(Instant::now(), 1000 + events);
            pace.silence(limit)
        };
        let silence = limit.mul_f64(SILENT_PART);
        assert_eq!(after_ten_seconds_with(0), silence);
        assert_eq!(after_ten_seconds_with(100), silence);
        assert_eq!(after_ten_seconds_with(2000).as_millis(), 2000);
        assert_eq!(after_ten_seconds_with(1_000_000), SHORTEST_SILENCE);
    }

    #[test]
    fn the_first_look_is_when_the_history_must_have_come() {
        let pace = Pace::from(7);
        let silence = pace.silence(Duration::from_secs(10));
        assert!(silence <= AMPLE && silence > AMPLE / 2, "{silence:?}");
        assert!(!pace.has_lasted());
    }
}
