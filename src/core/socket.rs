//! A connected socket as HTTP sees it, plain or inside TLS, and what has happened on its wire.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use rustls::ProtocolVersion;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio_rustls::client::TlsStream;

use super::tls::alerts;
#[cfg(unix)]
use crate::rt::lane_socket::LaneSocket;

/// What has happened on the wire, readable while the connection is busy.
#[derive(Debug, Default)]
pub struct Wire {
    /// Bytes of requests given to the kernel, encrypted or not: what TLS still holds back has not gone out.
    written: AtomicU64,
    /// Whether HTTP has begun to write its request. What TLS says before that, such as that it closes too, is no part of it.
    has_begun: AtomicBool,
    /// Bytes of HTTP. What TLS says about itself, such as a session ticket or its end, is no part of an answer.
    read: AtomicU64,
}

impl Wire {
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The server refused to speak with us at all: it can have understood nothing that was written.
    fn nothing_was_received(&self) {
        self.written.store(0, Ordering::Relaxed);
    }
}

/// The socket itself. It offers no vectored writes: `writev` knows no MSG_NOSIGNAL and would
/// kill the host process with SIGPIPE when the server has gone.
pub struct Transport {
    kind: Kind,
    wire: Arc<Wire>,
    received: u64,
    is_handshaking: bool,
}

enum Kind {
    #[cfg(unix)]
    Lane(LaneSocket),
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl From<TcpStream> for Transport {
    fn from(stream: TcpStream) -> Transport {
        Transport { kind: Kind::Tcp(stream), wire: Arc::default(), received: 0, is_handshaking: false }
    }
}

#[cfg(unix)]
impl From<LaneSocket> for Transport {
    fn from(socket: LaneSocket) -> Transport {
        Transport { kind: Kind::Lane(socket), wire: Arc::default(), received: 0, is_handshaking: false }
    }
}

#[cfg(unix)]
impl From<UnixStream> for Transport {
    fn from(stream: UnixStream) -> Transport {
        Transport { kind: Kind::Unix(stream), wire: Arc::default(), received: 0, is_handshaking: false }
    }
}

impl Transport {
    /// How many bytes the server has sent.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// A server that refuses the handshake says why and closes, and may do so before we have written our part: while the
    /// handshake lasts, a write that fails is passed over, and the next read tells the reason.
    pub fn set_handshaking(&mut self, is_handshaking: bool) {
        self.is_handshaking = is_handshaking;
    }

    pub fn socket(&self) -> socket2::SockRef<'_> {
        match &self.kind {
            #[cfg(unix)]
            Kind::Lane(lane) => socket2::SockRef::from(lane.socket()),
            Kind::Tcp(stream) => socket2::SockRef::from(stream),
            #[cfg(unix)]
            Kind::Unix(stream) => socket2::SockRef::from(stream),
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let transport = self.get_mut();
        let before = buffer.filled().len();
        let result = ready!(match &mut transport.kind {
            #[cfg(unix)]
            Kind::Lane(socket) => Pin::new(socket).poll_read(context, buffer),
            Kind::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            #[cfg(unix)]
            Kind::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
        });
        transport.received += buffer.filled().len().saturating_sub(before) as u64;
        Poll::Ready(result)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let transport = self.get_mut();
        let result = ready!(match &mut transport.kind {
            #[cfg(unix)]
            Kind::Lane(socket) => Pin::new(socket).poll_write(context, bytes),
            Kind::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            #[cfg(unix)]
            Kind::Unix(stream) => poll_write_without_sigpipe(stream, context, bytes),
        });
        if result.is_err() && transport.is_handshaking {
            return Poll::Ready(Ok(bytes.len()));
        }
        if let Ok(count) = &result
            && transport.wire.has_begun.load(Ordering::Relaxed)
        {
            transport.wire.written.fetch_add(*count as u64, Ordering::Relaxed);
        }
        Poll::Ready(result)
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            #[cfg(unix)]
            Kind::Lane(socket) => Pin::new(socket).poll_shutdown(context),
            Kind::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            #[cfg(unix)]
            Kind::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// The standard library writes to a Unix socket with plain `write`, which raises SIGPIPE.
#[cfg(unix)]
fn poll_write_without_sigpipe(stream: &UnixStream, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const FLAGS: i32 = libc::MSG_NOSIGNAL;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const FLAGS: i32 = 0;
    loop {
        let send = || socket2::SockRef::from(stream).send_with_flags(bytes, FLAGS);
        match stream.try_io(tokio::io::Interest::WRITABLE, send) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(stream.poll_write_ready(context))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return Poll::Ready(result),
        }
    }
}

/// How a record begins that carries an alert, in whatever version of TLS.
const TLS_ALERT: &[u8] = &[21, 3];

pub enum Stream {
    Plain(Transport),
    Tls(Box<TlsStream<Transport>>),
}

/// The stream as HTTP sees it.
pub struct Socket {
    stream: Stream,
    wire: Arc<Wire>,
}

impl Socket {
    pub fn new(stream: Stream) -> Socket {
        let wire = match &stream {
            Stream::Plain(transport) => transport.wire.clone(),
            Stream::Tls(stream) => stream.get_ref().0.wire.clone(),
        };
        Socket { stream, wire }
    }

    pub fn wire(&self) -> &Arc<Wire> {
        &self.wire
    }

    /// A request comes next. With `look`, it is asked before whether the server has closed the connection.
    pub fn begin_request(&mut self, look: bool) -> io::Result<()> {
        self.wire.has_begun.store(false, Ordering::Relaxed);
        match look && self.is_dead() {
            true => Err(io::Error::new(io::ErrorKind::NotConnected, "the server closed the idle connection")),
            false => Ok(()),
        }
    }

    /// Nothing may be waiting between two requests: neither an end of the stream nor an answer that nobody asked for.
    /// The system is asked and not tokio, which learns of news only when its driver has run.
    fn is_dead(&mut self) -> bool {
        match &mut self.stream {
            Stream::Plain(transport) => {
                let peeked = transport.socket().peek(&mut [std::mem::MaybeUninit::uninit()]);
                !matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            }
            Stream::Tls(stream) => take_waiting(stream).is_err(),
        }
    }

    /// A server that refuses says so before it closes, and a write meets the closing first.
    fn reason_to_close(&mut self, error: io::Error) -> io::Error {
        let Stream::Tls(stream) = &mut self.stream else { return error };
        match take_waiting(stream) {
            Err(Waiting::Refused(refusal)) => self.judged(io::Error::new(io::ErrorKind::InvalidData, refusal)),
            _ => error,
        }
    }

    /// Says what an error of TLS means, and what it tells about the request.
    ///
    /// In TLS 1.3 the client's part of the handshake is over before the server has looked at its certificate, so a
    /// refusal comes in place of the first answer. It comes before anything that the server could have read after it.
    fn judged(&self, error: io::Error) -> io::Error {
        let Stream::Tls(stream) = &self.stream else { return error };
        let session = stream.get_ref().1;
        let is_first = self.wire.read() == 0 && session.tls13_tickets_received() == 0;
        if is_first
            && session.protocol_version() == Some(ProtocolVersion::TLSv1_3)
            && alerts::of_io(&error).is_some_and(alerts::refuses_the_client)
        {
            self.wire.nothing_was_received();
        }
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return io::Error::new(io::ErrorKind::UnexpectedEof, "it was cut off without TLS's word that it ends");
        }
        error
    }
}

/// What was waiting on a TLS connection that should be silent.
enum Waiting {
    /// An end or an answer.
    Unasked,
    Refused(rustls::Error),
}

/// Takes in what TLS has to say about itself, such as session tickets, which may come at any time.
fn take_waiting(stream: &mut TlsStream<Transport>) -> Result<(), Waiting> {
    let (transport, session) = stream.get_mut();
    loop {
        // It may have been taken in with the end of the answer before.
        let state = session.process_new_packets().map_err(Waiting::Refused)?;
        if state.plaintext_bytes_to_read() > 0 || state.peer_has_closed() {
            return Err(Waiting::Unasked);
        }
        match session.read_tls(&mut Unbuffered(transport)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(0) | Err(_) => return Err(Waiting::Unasked),
            Ok(_) => {}
        }
    }
}

struct Unbuffered<'a>(&'a Transport);

impl Read for Unbuffered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0.socket()).read(buffer)
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        let before = buffer.filled().len();
        let result = ready!(match &mut socket.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        });
        let came = buffer.filled().get(before..).unwrap_or_default();
        let is_first = socket.wire.read.fetch_add(came.len() as u64, Ordering::Relaxed) == 0;
        if is_first && came.starts_with(TLS_ALERT) {
            // It took the request for a piece of TLS, and refused it as such.
            socket.wire.nothing_was_received();
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, alerts::AnsweredInTls)));
        }
        Poll::Ready(result.map_err(|error| socket.judged(error)))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let socket = self.get_mut();
        socket.wire.has_begun.store(true, Ordering::Relaxed);
        let result = ready!(match &mut socket.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        });
        Poll::Ready(result.map_err(|error| socket.reason_to_close(error)))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        let result = ready!(match &mut socket.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        });
        Poll::Ready(result.map_err(|error| socket.reason_to_close(error)))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
