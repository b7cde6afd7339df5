//! An answer whose body is still on its way: read to its end at once, or piece by piece while a watch lasts.

use std::sync::Arc;

use bytes::Bytes;
use hyper::body::{Body, Incoming};

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
    body: Incoming,
    /// The first piece of the body, when it was waited for.
    begun: Option<Bytes>,
    connection: Connection,
    /// Whom the connection reaches: the origin itself, or the proxy on the way to it.
    reached: Arc<Origin>,
}

impl OpenAnswer {
    pub fn new(head: http::Response<Incoming>, connection: Connection, reached: Arc<Origin>) -> OpenAnswer {
        let (parts, body) = head.into_parts();
        let http_status = parts.status.as_u16();
        OpenAnswer { http_status, headers: parts.headers, body, begun: None, connection, reached }
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
        loop {
            let Some(frame) = self.connection.next_frame(&mut self.body).await else { return Ok(None) };
            let frame = frame.map_err(|error| {
                broken(hop, &error, "in the middle of the answer").with_http_status(self.http_status)
            })?;
            // Trailers carry nothing here.
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }

    /// After the end of the body: lets another request have the connection.
    pub async fn give_back(mut self, pool: &Pool) {
        if self.connection.rest().await {
            pool.put(&self.reached, self.connection);
        }
    }

    /// The whole answer; the connection goes back to `pool`.
    pub async fn complete(mut self, pool: &Pool, hop: &Hop, max_body: usize) -> Result<Answer, Error> {
        let body = self.read_to_end(hop, max_body).await?;
        let (http_status, headers) = (self.http_status, std::mem::take(&mut self.headers));
        self.give_back(pool).await;
        Ok(Answer { http_status, headers, body })
    }

    async fn read_to_end(&mut self, hop: &Hop, max_body: usize) -> Result<Bytes, Error> {
        let announced = self.body.size_hint().lower();
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

    fn too_large(&self, hop: &Hop, max_body: usize) -> Error {
        let text = format!("the answer of {} is {}", hop.url(), over_the_limit(max_body));
        Error::new(Status::TooLarge, text).at(&hop.origin.to_string()).with_http_status(self.http_status)
    }
}
