//! One connection, driven by whoever uses it. It knows whether a byte of a request has gone out, because that decides whether
//! the request may be sent elsewhere.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::Broken;
use super::head::{self, Head};
use super::request;
use crate::core::error::Result;
use crate::core::exchange::{Hop, Request};
use crate::core::places::Place;
use crate::core::proxy::Via;
use crate::core::socket::{Socket, Stream, Wire};

/// A connection that rested for longer is looked at before its next use: an unread FIN means that the server has
/// closed it. After shorter rests, in back-to-back calls, the look costs a system call and is left to the requests
/// that could not be sent again if the connection turned out to be dead.
const REST_WITHOUT_A_LOOK: Duration = Duration::from_millis(1);

/// All interim heads (1xx) together, and what a single read brings behind the head.
const MOST_BEFORE_HEAD: u64 = 1 << 20;

/// A body that is not larger goes out with its head, in one system call.
const SENT_AT_ONCE: usize = 16 << 10;

/// How much is read at once where nothing is announced.
const READ_AT_ONCE: usize = 16 << 10;

/// With less room than this a read is not worth its system call.
const LEAST_ROOM: usize = 4 << 10;

pub struct Connection {
    socket: Socket,
    /// What has come and was not taken yet.
    incoming: BytesMut,
    outgoing: Outgoing,
    resting_since: Instant,
    requests: u64,
    place: Option<Place>,
    /// Whether the last answer was read to its end and no further, so that what stands behind it is still to be seen.
    ends_unseen: bool,
}

/// A request on its way.
#[derive(Default)]
struct Outgoing {
    /// Its head, and with it a small body.
    beginning: Vec<u8>,
    written: usize,
    /// What is left of a larger body.
    body: Bytes,
    /// Whether something of it may still be here.
    is_under_way: bool,
}

impl Connection {
    pub fn new(stream: Stream) -> Connection {
        Connection {
            socket: Socket::new(stream),
            incoming: BytesMut::new(),
            outgoing: Outgoing::default(),
            resting_since: Instant::now(),
            requests: 0,
            place: None,
            ends_unseen: false,
        }
    }

    /// Until it rests, its request has this place.
    pub fn hold(&mut self, place: Option<Place>) {
        self.place = place;
    }

    pub fn wire(&self) -> &Arc<Wire> {
        self.socket.wire()
    }

    /// Whether an earlier request went over it; only then can it have been closed behind our back.
    pub fn is_reused(&self) -> bool {
        self.requests > 1
    }

    pub fn resting_since(&self) -> Instant {
        self.resting_since
    }

    /// Lays the request out; nothing goes out before `send`.
    pub fn prepare(&mut self, request: &Request, hop: &Hop, via: Option<&Via>) -> Result<()> {
        let outgoing = &mut self.outgoing;
        outgoing.beginning.clear();
        request::write_head(&mut outgoing.beginning, request, hop, via)?;
        outgoing.body = Bytes::new();
        match request.body.len() <= SENT_AT_ONCE {
            true => outgoing.beginning.extend_from_slice(&request.body),
            false => outgoing.body = request.body.clone(),
        }
        (outgoing.written, outgoing.is_under_way) = (0, true);
        Ok(())
    }

    /// Sends what was prepared and gives the answer's head.
    pub async fn send(&mut self, may_resend: bool) -> std::result::Result<Head, Broken> {
        let ends_unseen = std::mem::take(&mut self.ends_unseen);
        let may_be_dead = || !may_resend || ends_unseen || self.resting_since.elapsed() > REST_WITHOUT_A_LOOK;
        let look = self.requests > 0 && may_be_dead();
        self.requests += 1;
        self.socket.begin_request(look)?;
        let read_before = self.wire().read();
        let mut unwritten = None;
        std::future::poll_fn(|context| {
            if unwritten.is_none()
                && let Poll::Ready(Err(error)) = self.poll_write(context)
            {
                unwritten = Some(error);
            }
            match self.poll_head(context, read_before) {
                Poll::Ready(Ok(head)) => Poll::Ready(Ok(head)),
                // A server that refuses says why, and then closes: the write may meet the closing first.
                Poll::Pending if unwritten.as_ref().is_none_or(is_closing) => Poll::Pending,
                came => match unwritten.take() {
                    Some(error) => Poll::Ready(Err(error.into())),
                    None => came,
                },
            }
        })
        .await
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Connection { socket, outgoing, .. } = self;
        if !outgoing.is_under_way {
            return Poll::Ready(Ok(()));
        }
        let mut socket = Pin::new(socket);
        while let Some(rest) = outgoing.beginning.get(outgoing.written..).filter(|rest| !rest.is_empty()) {
            outgoing.written += some(ready!(socket.as_mut().poll_write(context, rest))?)?;
        }
        while !outgoing.body.is_empty() {
            let written = some(ready!(socket.as_mut().poll_write(context, &outgoing.body))?)?;
            outgoing.body.advance(written);
        }
        ready!(socket.poll_flush(context))?;
        // What is empty may still be a piece of something large.
        outgoing.body = Bytes::new();
        outgoing.is_under_way = false;
        Poll::Ready(Ok(()))
    }

    fn poll_head(&mut self, context: &mut Context<'_>, read_before: u64) -> Poll<std::result::Result<Head, Broken>> {
        loop {
            if let Some(head) = head::take(&mut self.incoming)? {
                return Poll::Ready(Ok(head));
            }
            // One interim head (1xx) after the other is as endless as one head without an end.
            if self.wire().read().saturating_sub(read_before) > MOST_BEFORE_HEAD {
                return Poll::Ready(Err(Broken::EndlessHead));
            }
            if ready!(self.poll_more(context))? == 0 {
                let closed = "connection closed before message completed";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, closed).into()));
            }
        }
    }

    /// What has come and was not taken yet.
    pub fn incoming(&mut self) -> &mut BytesMut {
        &mut self.incoming
    }

    /// Reads more; 0 at the end of the connection.
    pub async fn read(&mut self) -> io::Result<usize> {
        std::future::poll_fn(|context| {
            self.write_on(context);
            self.poll_more(context)
        })
        .await
    }

    /// The same for a connection that may be silent for hours: it has no memory set aside for what comes.
    pub async fn read_in_rest(&mut self) -> io::Result<usize> {
        if self.incoming.is_empty() {
            // Given back before the wait, not after it.
            self.incoming = BytesMut::new();
        }
        std::future::poll_fn(|context| {
            let mut space = [MaybeUninit::uninit(); READ_AT_ONCE];
            let mut buffer = ReadBuf::uninit(&mut space);
            ready!(Pin::new(&mut self.socket).poll_read(context, &mut buffer))?;
            self.incoming.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
        .await
    }

    /// Reads straight to where the bytes belong, no more than there is room for.
    pub async fn read_into(&mut self, mut room: impl bytes::BufMut) -> io::Result<usize> {
        self.ends_unseen = true;
        std::future::poll_fn(|context| {
            self.write_on(context);
            poll_read_buf(Pin::new(&mut self.socket), context, &mut room)
        })
        .await
    }

    /// Makes room for so many bytes in one piece, those that have come already among them.
    pub fn make_room(&mut self, bytes: usize) {
        self.incoming.reserve(bytes.saturating_sub(self.incoming.len()));
    }

    /// A server may answer before it has the whole request, and need the rest to go on. That it does not take it is no news.
    fn write_on(&mut self, context: &mut Context<'_>) {
        if self.outgoing.is_under_way {
            let _ = self.poll_write(context);
        }
    }

    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // Where nothing waits in it, the memory of the last answer is used again as a whole.
        if self.incoming.is_empty() || self.incoming.capacity() - self.incoming.len() < LEAST_ROOM {
            self.incoming.reserve(READ_AT_ONCE);
        }
        poll_read_buf(Pin::new(&mut self.socket), context, &mut self.incoming)
    }

    /// After the answer has been read to its end: may the connection carry another request?
    pub fn rest(&mut self) -> bool {
        self.place = None;
        self.resting_since = Instant::now();
        // What nobody asked for may have come behind the answer.
        self.incoming.is_empty() && !self.outgoing.is_under_way
    }
}

/// Then there is an end to what can be read, and it is not waited for in vain.
fn is_closing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

fn some(written: usize) -> io::Result<usize> {
    if written == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(written) }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
