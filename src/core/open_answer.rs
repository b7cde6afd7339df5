//! An answer whose body is still on its way: read to its end at once, or piece by piece while a watch lasts.

use std::io;
use std::sync::Arc;

use bytes::{BufMut, Bytes};

use super::broken::broken_body;
use super::config::over_the_limit;
use super::endpoint::Origin;
use super::error::Error;
use super::exchange::{Answer, Hop};
use super::http1::chunks::Piece;
use super::http1::connection::Connection;
use super::http1::framing::{self, Framing};
use super::http1::head::Head;
use super::http1::headers::Headers;
use super::memory;
use super::pool::Pool;
use super::status::Status;

/// Memory that is set aside for a body before it has arrived.
const LARGEST_GUESS: usize = 16 << 20;

pub struct OpenAnswer {
    pub http_status: u16,
    pub headers: Headers,
    framing: Framing,
    may_be_reused: bool,
    connection: Box<Connection>,
    /// Whether the body goes on for as long as there is news.
    lasts: bool,
    /// The first piece of the body, when it was waited for.
    begun: Option<Bytes>,
    /// Whom the connection reaches: the origin itself, or the proxy on the way to it.
    reached: Arc<Origin>,
}

impl OpenAnswer {
    /// `body_lasts`: whether that of a success goes on for as long as there is news. A refusal does not last.
    pub fn new(head: Head, connection: Box<Connection>, reached: Arc<Origin>, body_lasts: bool) -> OpenAnswer {
        let Head { http_status, headers, framing, may_be_reused } = head;
        let lasts = body_lasts && (200..300).contains(&http_status);
        let framing = if lasts { framing.that_lasts() } else { framing };
        OpenAnswer { http_status, headers, framing, may_be_reused, connection, lasts, begun: None, reached }
    }

    /// The head, in memory of its own: it may be needed for as long as the body lasts.
    pub fn take_head(&mut self) -> Answer {
        let headers = std::mem::take(&mut self.headers).detached();
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
        self.read_piece().await.map_err(|error| self.broken(hop, &error))
    }

    async fn read_piece(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            match self.framing.next(self.connection.incoming())? {
                Piece::Data(data) => return Ok(Some(data)),
                Piece::End => return Ok(None),
                Piece::NeedsMore => {}
            }
            if self.read_more().await? == 0 {
                return self.framing.closed().map(|()| None);
            }
        }
    }

    async fn read_more(&mut self) -> io::Result<usize> {
        if self.lasts { self.connection.read_in_rest().await } else { self.connection.read().await }
    }

    /// Lets another request have the connection, if the body was read to its end.
    pub fn give_back(self, pool: &Pool) {
        let mut connection = self.connection;
        // A watch is also left in the middle of its body.
        if self.may_be_reused && self.framing.has_ended() && connection.rest() {
            pool.put(&self.reached, connection);
        }
    }

    /// The whole answer; the connection goes back to `pool`.
    pub async fn complete(mut self, pool: &Pool, hop: &Hop, max_body: usize) -> Result<Answer, Error> {
        let body = self.read_to_end(hop, max_body).await?;
        let (http_status, headers) = (self.http_status, std::mem::take(&mut self.headers));
        self.give_back(pool);
        Ok(Answer { http_status, headers, body })
    }

    /// Most bodies come in one piece, which is handed on without a copy.
    async fn read_to_end(&mut self, hop: &Hop, max_body: usize) -> Result<Bytes, Error> {
        let mut first = self.begun.take().unwrap_or_default();
        let mut joined = Vec::new();
        loop {
            let announced = self.framing.announced(self.connection.incoming());
            let announced = announced.map_err(|error| self.broken(hop, &error))?;
            let so_far = first.len().max(joined.len());
            if announced.saturating_add(so_far as u64) > max_body as u64 {
                return Err(self.too_large(hop, max_body));
            }
            let announced = usize::try_from(announced).unwrap_or(usize::MAX);
            if announced > memory::LARGE || (announced > 0 && so_far > 0) {
                // Straight to where it belongs; and what a server announces is believed only so far.
                self.room_for(&mut joined, announced.min(LARGEST_GUESS).saturating_add(first.len()), hop)?;
                joined.extend_from_slice(&std::mem::take(&mut first));
                self.read_announced(&mut joined, announced, hop).await?;
                continue;
            }
            if announced > 0 {
                first = self.read_small(announced).await.map_err(|error| self.broken(hop, &error))?;
                continue;
            }
            let Some(piece) = self.read_piece().await.map_err(|error| self.broken(hop, &error))? else {
                return Ok(if joined.is_empty() { first } else { joined.into() });
            };
            if so_far == 0 {
                first = piece;
            } else {
                self.room_for(&mut joined, piece.len().saturating_add(first.len()), hop)?;
                joined.extend_from_slice(&std::mem::take(&mut first));
                joined.extend_from_slice(&piece);
            }
        }
    }

    /// Waits until the announced piece is here as a whole.
    async fn read_small(&mut self, bytes: usize) -> io::Result<Bytes> {
        self.connection.make_room(bytes);
        while self.connection.incoming().len() < bytes {
            if self.connection.read().await? == 0 {
                self.framing.closed()?;
            }
        }
        Ok(framing::whole(self.connection.incoming(), &mut self.framing, bytes))
    }

    async fn read_announced(&mut self, joined: &mut Vec<u8>, bytes: usize, hop: &Hop) -> Result<(), Error> {
        let here = self.connection.incoming().len().min(bytes);
        joined.extend_from_slice(&framing::whole(self.connection.incoming(), &mut self.framing, here));
        let mut left = bytes.saturating_sub(here);
        while left > 0 {
            if joined.len() == joined.capacity() {
                self.room_for(joined, left.min(LARGEST_GUESS), hop)?;
            }
            let room = left.min(joined.capacity() - joined.len());
            let read = self.connection.read_into((&mut *joined).limit(room)).await;
            let read = read.and_then(|read| if read == 0 { self.framing.closed().map(|()| 0) } else { Ok(read) });
            let read = read.map_err(|error| self.broken(hop, &error))?;
            self.framing.took(read);
            left = left.saturating_sub(read);
        }
        Ok(())
    }

    fn room_for(&self, joined: &mut Vec<u8>, more: usize, hop: &Hop) -> Result<(), Error> {
        memory::grow(joined, more, "an answer")
            .map_err(|error| error.at(&hop.origin.to_string()).with_http_status(self.http_status))
    }

    fn broken(&self, hop: &Hop, error: &io::Error) -> Error {
        broken_body(hop, error).with_http_status(self.http_status)
    }

    fn too_large(&self, hop: &Hop, max_body: usize) -> Error {
        let text = format!("the answer of {} is {}", hop.url(), over_the_limit(max_body));
        Error::new(Status::TooLarge, text).at(&hop.origin.to_string()).with_http_status(self.http_status)
    }
}
