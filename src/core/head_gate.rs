//! Stands between hyper and the socket. hyper cannot hand over a body that it has begun to read, and keeps 16 KB for as long
//! as it lasts; where the body of an answer lasts, hyper is given no more than the head, and can be taken off behind it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::socket::Socket;

pub struct HeadGate {
    socket: Socket,
    state: Arc<GateState>,
    end: HeadEnd,
    /// Read behind the head, and held back.
    rest: Bytes,
}

const OPEN: u8 = 0;
const OPEN_UP_TO_THE_HEADS_END: u8 = 1;
const SHUT: u8 = 2;

/// What the gate lets through, readable and changeable while hyper has it.
#[derive(Debug, Default)]
pub struct GateState(AtomicU8);

impl GateState {
    /// Lets one head through and nothing behind it.
    pub fn shut_behind_head(&self) {
        self.0.store(OPEN_UP_TO_THE_HEADS_END, Ordering::Relaxed);
    }

    /// Whether a head has gone through, and the gate is shut.
    pub fn is_shut(&self) -> bool {
        self.0.load(Ordering::Relaxed) == SHUT
    }

    /// Lets everything through from now on.
    pub fn open(&self) {
        self.0.store(OPEN, Ordering::Relaxed);
    }
}

/// Looks for the empty line that ends a head, wherever the pieces end.
#[derive(Debug, Default)]
struct HeadEnd {
    /// Empty lines before the head are no part of it.
    has_begun: bool,
    in_line: bool,
}

impl HeadEnd {
    /// How many of the bytes belong to the head, if it ends in them.
    fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        for (offset, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' if self.has_begun && !self.in_line => {
                    *self = HeadEnd::default();
                    return offset.checked_add(1);
                }
                b'\n' => self.in_line = false,
                b'\r' => {}
                _ => (self.has_begun, self.in_line) = (true, true),
            }
        }
        None
    }
}

impl HeadGate {
    pub fn new(socket: Socket) -> HeadGate {
        HeadGate { socket, state: Arc::default(), end: HeadEnd::default(), rest: Bytes::new() }
    }

    pub fn state(&self) -> &Arc<GateState> {
        &self.state
    }

    /// The socket, and what was read behind the head.
    pub fn into_parts(self) -> (Socket, Bytes) {
        (self.socket, self.rest)
    }

    fn poll_rest_or_socket(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.rest.is_empty() {
            return Pin::new(&mut self.socket).poll_read(context, buffer);
        }
        buffer.put_slice(&self.rest.split_to(self.rest.len().min(buffer.remaining())));
        Poll::Ready(Ok(()))
    }

    fn poll_head(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.poll_rest_or_socket(context, buffer))?;
        let came = buffer.filled().get(before..).unwrap_or_default();
        if let Some(head) = self.end.find(came) {
            let behind = came.get(head..).unwrap_or_default();
            // In front of what is held back already, from which it may have been taken.
            self.rest = [behind, &self.rest].concat().into();
            buffer.set_filled(before.saturating_add(head));
            self.state.0.store(SHUT, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for HeadGate {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let gate = self.get_mut();
        match gate.state.0.load(Ordering::Relaxed) {
            OPEN => gate.poll_rest_or_socket(context, buffer),
            OPEN_UP_TO_THE_HEADS_END => gate.poll_head(context, buffer),
            // Whoever has shut it polls again when he opens it.
            _ => Poll::Pending,
        }
    }
}

impl AsyncWrite for HeadGate {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_head_is_found_wherever_the_pieces_end() {
        for head in ["HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "\r\n\r\nHTTP/1.1 200 OK\nA: b\n\n", "H\r\n\n"] {
            let bytes = format!("{head}\r\nbody\r\n\r\n");
            for cut in 0..bytes.len() {
                let (mut end, (first, second)) = (HeadEnd::default(), bytes.as_bytes().split_at(cut));
                let found = end.find(first).or_else(|| end.find(second).map(|more| cut + more));
                assert_eq!(found, Some(head.len()), "{bytes:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_head_without_an_end_has_none() {
        assert_eq!(HeadEnd::default().find(b"\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n"), None);
        assert_eq!(HeadEnd::default().find(b""), None);
    }
}
