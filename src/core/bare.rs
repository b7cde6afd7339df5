//! The body of an answer that lasts, such as a watch, read from the socket without hyper: nothing is kept for it between two
//! pieces.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::ready;

use bytes::Bytes;
use http::header;
use hyper::body::{Body, Incoming};
use tokio::io::{AsyncRead, ReadBuf};

use super::chunks::{Chunks, Piece};
use super::connection::Connection;
use super::places::Place;
use super::socket::Socket;

/// How much is read at once; it lies on the stack.
const READ_AT_ONCE: usize = 16 << 10;

pub struct Bare {
    socket: Socket,
    /// What was read, and not looked at yet.
    rest: Bytes,
    framing: Framing,
    may_be_reused: bool,
    requests: u64,
    place: Option<Place>,
}

/// How the end of the body is known.
enum Framing {
    /// So much is left.
    Length(u64),
    Chunked(Chunks),
    UntilClose,
}

impl Bare {
    /// `rest` is what was read behind the head. The head is one that hyper has found sensible.
    pub fn new(
        socket: Socket,
        rest: Bytes,
        head: &http::Response<Incoming>,
        requests: u64,
        place: Option<Place>,
    ) -> Bare {
        let framing = framing(head);
        Bare { socket, rest, framing, may_be_reused: may_be_reused(head), requests, place }
    }

    /// The next piece of the body; None at its clean end.
    pub async fn next_piece(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            match self.framing.next(&mut self.rest)? {
                Piece::Data(data) => return Ok(Some(data)),
                Piece::End => return Ok(None),
                Piece::NeedsMore => {}
            }
            // Given back before the wait, not after it.
            self.rest = Bytes::new();
            self.rest = self.read().await?;
            if self.rest.is_empty() {
                return self.framing.closed().map(|()| None);
            }
        }
    }

    /// What the body has at least.
    pub fn announced(&self) -> u64 {
        if let Framing::Length(left) = self.framing { left } else { 0 }
    }

    /// The connection for the next request, if it can carry one.
    pub async fn into_connection(self) -> Option<Connection> {
        // A watch is also left in the middle of its body; and what nobody asked for may have come behind it.
        if !self.may_be_reused || !self.framing.has_ended() || !self.rest.is_empty() {
            return None;
        }
        Connection::with_hyper_again(self.socket, self.requests, self.place).await.ok()
    }

    async fn read(&mut self) -> io::Result<Bytes> {
        std::future::poll_fn(|context| {
            let mut space = [MaybeUninit::uninit(); READ_AT_ONCE];
            let mut buffer = ReadBuf::uninit(&mut space);
            ready!(Pin::new(&mut self.socket).poll_read(context, &mut buffer))?;
            Ok(Bytes::copy_from_slice(buffer.filled())).into()
        })
        .await
    }
}

impl Framing {
    fn next(&mut self, rest: &mut Bytes) -> io::Result<Piece> {
        match self {
            Framing::Length(0) => Ok(Piece::End),
            Framing::Chunked(chunks) => chunks.next(rest),
            _ if rest.is_empty() => Ok(Piece::NeedsMore),
            Framing::Length(left) => {
                let data = rest.split_to(usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len()));
                *left = left.saturating_sub(data.len() as u64);
                Ok(Piece::Data(data))
            }
            Framing::UntilClose => Ok(Piece::Data(std::mem::take(rest))),
        }
    }

    /// Whether the whole body was read, and another answer can follow it.
    fn has_ended(&self) -> bool {
        match self {
            Framing::Length(left) => *left == 0,
            Framing::Chunked(chunks) => chunks.has_ended(),
            Framing::UntilClose => false,
        }
    }

    /// The server has closed the connection.
    fn closed(&self) -> io::Result<()> {
        match self {
            Framing::UntilClose => Ok(()),
            Framing::Chunked(chunks) => Err(chunks.ended()),
            Framing::Length(_) => {
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, "end of file before message length reached"))
            }
        }
    }
}

/// As hyper has decided it, which tells a length but not whether chunks or the end of the connection end the body.
fn framing(head: &http::Response<Incoming>) -> Framing {
    if let Some(length) = head.body().size_hint().exact() {
        return Framing::Length(length);
    }
    // It must come last where there are several codings (RFC 9112, 6.1).
    let codings = head.headers().get_all(header::TRANSFER_ENCODING).iter().next_back();
    let last = codings.and_then(|value| value.to_str().ok()).and_then(|value| value.rsplit(',').next());
    match last.is_some_and(|coding| coding.trim().eq_ignore_ascii_case("chunked")) {
        true => Framing::Chunked(Chunks::default()),
        false => Framing::UntilClose,
    }
}

/// RFC 9112, 9.3.
fn may_be_reused(head: &http::Response<Incoming>) -> bool {
    let has = |wanted: &str| {
        let lines = head.headers().get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
        lines.flat_map(|line| line.split(',')).any(|token| token.trim().eq_ignore_ascii_case(wanted))
    };
    !has("close") && (head.version() == http::Version::HTTP_11 || has("keep-alive"))
}

#[cfg(test)]
#[path = "bare_tests.rs"]
mod tests;
