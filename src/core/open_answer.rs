//! An answer whose body is still on its way: read to its end at once, or piece by piece while a watch lasts.

use std::sync::Arc;

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};

use super::bare::Bare;
use super::broken::{IN_THE_ANSWER, broken_body};
use super::config::over_the_limit;
use super::connection::Connection;
use super::endpoint::Origin;
use super::error::Error;
use super::exchange::{Answer, Hop, broken};
use super::memory;
use super::pool::Pool;
use super::status::Status;

/// Memory that is set aside for a body before it has arrived.
const LARGEST_GUESS: usize = 16 << 20;

pub struct OpenAnswer {
    pub http_status: u16,
    pub headers: http::HeaderMap,
    body: Body,
    /// The first piece of the body, when it was waited for.
    begun: Option<Bytes>,
    /// Whom the connection reaches: the origin itself, or the proxy on the way to it.
    reached: Arc<Origin>,
}

enum Body {
    Hyper(Incoming, Connection),
    Bare(Box<Bare>),
}

impl OpenAnswer {
    /// In a box, because every future on its way would be larger by it otherwise, and move it.
    pub fn new(head: http::Response<Incoming>, connection: Connection, reached: Arc<Origin>) -> Box<OpenAnswer> {
        let (parts, incoming) = head.into_parts();
        let body = Body::Hyper(incoming, connection);
        Box::new(OpenAnswer { http_status: parts.status.as_u16(), headers: parts.headers, body, begun: None, reached })
    }

    /// The same of an answer whose body lasts, and of which only the head was read. A refusal does not last.
    pub fn for_long(
        head: http::Response<Incoming>,
        mut connection: Connection,
        reached: Arc<Origin>,
    ) -> Box<OpenAnswer> {
        let bare = if head.status().is_success() { connection.without_hyper(&head) } else { None };
        connection.read_on();
        let mut open = OpenAnswer::new(head, connection, reached);
        if let Some(bare) = bare {
            open.body = Body::Bare(Box::new(bare));
        }
        open
    }

    /// The head with no more of its lines than `names`: all of them lie in one block of memory, which lasts as long as one.
    pub fn take_head(&mut self, names: &[&'static str]) -> Answer {
        let came = std::mem::take(&mut self.headers);
        let mut headers = http::HeaderMap::with_capacity(names.len());
        for name in names {
            if let Some(copy) = came.get(*name).and_then(|value| http::HeaderValue::from_bytes(value.as_bytes()).ok()) {
                headers.insert(*name, copy);
            }
        }
        Answer { http_status: self.http_status, headers, body: Bytes::new() }
    }

    /// Waits until the body begins, or ends without having begun.
    pub async fn begin(&mut self, hop: &Hop) -> Result<(), Error> {
        self.begun = self.next_piece(hop).await?;
        Ok(())
    }

    /// The next piece of the body; None at its clean end.
    pub async fn next_piece(&mut self, hop: &Hop) -> Result<Option<Bytes>, Error> {
        if let Some(piece) = self.begun.take() {
            return Ok(Some(piece));
        }
        let (incoming, connection) = match &mut self.body {
            Body::Hyper(incoming, connection) => (incoming, connection),
            Body::Bare(bare) => {
                let piece = bare.next_piece().await;
                return piece.map_err(|error| broken_body(hop, &error).with_http_status(self.http_status));
            }
        };
        loop {
            let Some(frame) = connection.next_frame(incoming).await else { return Ok(None) };
            let frame = frame.map_err(|error| broken(hop, &error, IN_THE_ANSWER).with_http_status(self.http_status))?;
            // Trailers carry nothing here.
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }

    /// Lets another request have the connection, if the body was read to its end.
    pub async fn give_back(self: Box<Self>, pool: &Pool) {
        let OpenAnswer { body, reached, .. } = *self;
        let mut connection = match body {
            Body::Hyper(_, connection) => connection,
            Body::Bare(bare) => match Box::pin(bare.into_connection()).await {
                Some(connection) => connection,
                None => return,
            },
        };
        if connection.rest().await {
            pool.put(&reached, connection);
        }
    }

    /// The whole answer; the connection goes back to `pool`.
    pub async fn complete(mut self: Box<Self>, pool: &Pool, hop: &Hop, max_body: usize) -> Result<Answer, Error> {
        let body = self.read_to_end(hop, max_body).await?;
        let (http_status, headers) = (self.http_status, std::mem::take(&mut self.headers));
        self.give_back(pool).await;
        Ok(Answer { http_status, headers, body })
    }

    async fn read_to_end(&mut self, hop: &Hop, max_body: usize) -> Result<Bytes, Error> {
        let announced = self.announced();
        if announced > max_body as u64 {
            return Err(self.too_large(hop, max_body));
        }
        let mut collected = Bytes::new();
        let mut joined = Vec::new();
        loop {
            let Some(data) = self.next_piece(hop).await? else {
                return Ok(if joined.is_empty() { collected } else { joined.into() });
            };
            if collected.is_empty() && joined.is_empty() {
                // Most answers come in one piece, which is handed on without a copy.
                collected = data;
            } else {
                if joined.is_empty() {
                    // What a server announces is believed only so far: it has not sent it yet.
                    let announced = usize::try_from(announced).unwrap_or(0).min(LARGEST_GUESS);
                    self.room_for(&mut joined, announced.max(collected.len() + data.len()), hop)?;
                    joined.extend_from_slice(&collected);
                }
                self.room_for(&mut joined, data.len(), hop)?;
                joined.extend_from_slice(&data);
            }
            if collected.len().max(joined.len()) > max_body {
                return Err(self.too_large(hop, max_body));
            }
        }
    }

    fn room_for(&self, joined: &mut Vec<u8>, more: usize, hop: &Hop) -> Result<(), Error> {
        memory::grow(joined, more, "an answer")
            .map_err(|error| error.at(&hop.origin.to_string()).with_http_status(self.http_status))
    }

    /// What the body has at least.
    fn announced(&self) -> u64 {
        match &self.body {
            Body::Hyper(incoming, _) => incoming.size_hint().lower(),
            Body::Bare(bare) => bare.announced(),
        }
    }

    fn too_large(&self, hop: &Hop, max_body: usize) -> Error {
        let text = format!("the answer of {} is {}", hop.url(), over_the_limit(max_body));
        Error::new(Status::TooLarge, text).at(&hop.origin.to_string()).with_http_status(self.http_status)
    }
}
