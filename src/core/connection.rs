//! One HTTP/1 connection, driven by whoever uses it. It knows whether a byte of a request has gone out,
//! because that decides whether the request may be sent elsewhere.

use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// A connection that rested for longer is looked at before its next use: an unread FIN means that the server has
/// closed it. After shorter rests, in back-to-back calls, the look costs a system call and is left to the requests
/// that could not be sent again if the connection turned out to be dead.
const REST_WITHOUT_A_LOOK: Duration = Duration::from_millis(1);

/// What has happened on the wire, readable while the connection is busy.
#[derive(Debug, Default)]
pub struct Wire {
    written: AtomicU64,
    read: AtomicU64,
    look_before_write: AtomicBool,
}

impl Wire {
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

pub enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// The stream as hyper sees it. It offers no vectored writes: `writev` knows no MSG_NOSIGNAL and would
/// kill the host process with SIGPIPE when the server has gone.
struct Socket {
    stream: Stream,
    wire: Arc<Wire>,
}

impl Socket {
    fn is_dead(&self) -> bool {
        let socket = match &self.stream {
            Stream::Tcp(stream) => socket2::SockRef::from(stream),
            #[cfg(unix)]
            Stream::Unix(stream) => socket2::SockRef::from(stream),
        };
        // Nothing may be waiting between two requests: neither an end of the stream nor an answer that nobody asked for.
        !matches!(socket.peek(&mut [MaybeUninit::uninit()]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        let before = buffer.filled().len();
        let result = ready!(match &mut socket.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
        });
        let count = buffer.filled().len().saturating_sub(before);
        socket.wire.read.fetch_add(count as u64, Ordering::Relaxed);
        Poll::Ready(result)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let socket = self.get_mut();
        if socket.wire.look_before_write.swap(false, Ordering::Relaxed) && socket.is_dead() {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::NotConnected,
                "the server closed the idle connection",
            )));
        }
        let result = ready!(match &mut socket.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            #[cfg(unix)]
            Stream::Unix(stream) => poll_write_without_sigpipe(stream, context, bytes),
        });
        if let Ok(count) = &result {
            socket.wire.written.fetch_add(*count as u64, Ordering::Relaxed);
        }
        Poll::Ready(result)
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            #[cfg(unix)]
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(context),
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

type Driver = Pin<Box<http1::Connection<TokioIo<Socket>, Full<Bytes>>>>;

pub struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// None once the connection has ended.
    driver: Option<Driver>,
    wire: Arc<Wire>,
    resting_since: Instant,
    requests: u64,
}

impl Connection {
    pub async fn open(stream: Stream) -> hyper::Result<Connection> {
        let wire = Arc::new(Wire::default());
        let socket = TokioIo::new(Socket { stream, wire: wire.clone() });
        let (sender, driver) = http1::Builder::new().title_case_headers(true).handshake(socket).await?;
        let driver = Some(Box::pin(driver));
        Ok(Connection { sender, driver, wire, resting_since: Instant::now(), requests: 0 })
    }

    pub fn wire(&self) -> &Arc<Wire> {
        &self.wire
    }

    /// Whether an earlier request went over it; only then can it have been closed behind our back.
    pub fn is_reused(&self) -> bool {
        self.requests > 1
    }

    pub fn resting_since(&self) -> Instant {
        self.resting_since
    }

    /// Sends the request and gives the answer's head. Sender and driver are polled together on the
    /// calling task, so that a blocking call needs no other thread.
    pub async fn send(
        &mut self,
        request: http::Request<Full<Bytes>>,
        may_resend: bool,
    ) -> hyper::Result<http::Response<Incoming>> {
        let look = self.requests > 0 && (!may_resend || self.resting_since.elapsed() > REST_WITHOUT_A_LOOK);
        self.wire.look_before_write.store(look, Ordering::Relaxed);
        self.requests += 1;
        let Connection { sender, driver, .. } = self;
        std::future::poll_fn(|context| {
            drive(driver, context);
            sender.poll_ready(context)
        })
        .await?;
        let mut answer = pin!(sender.send_request(request));
        std::future::poll_fn(|context| {
            drive(driver, context);
            answer.as_mut().poll(context)
        })
        .await
    }

    /// The next frame of the answer's body; None at its end.
    pub async fn next_frame(&mut self, body: &mut Incoming) -> Option<hyper::Result<Frame<Bytes>>> {
        let driver = &mut self.driver;
        std::future::poll_fn(|context| {
            if let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(context) {
                return Poll::Ready(frame);
            }
            drive(driver, context);
            Pin::new(&mut *body).poll_frame(context)
        })
        .await
    }

    /// After the answer has been read to its end: may the connection carry another request?
    pub async fn rest(&mut self) -> bool {
        let driver = &mut self.driver;
        std::future::poll_fn(|context| {
            drive(driver, context);
            Poll::Ready(())
        })
        .await;
        self.resting_since = Instant::now();
        self.driver.is_some() && self.sender.is_ready()
    }
}

/// Moves bytes. How a connection ended is told through the request's own future, so the result is not needed here.
fn drive(driver: &mut Option<Driver>, context: &mut Context<'_>) {
    if let Some(running) = driver
        && running.as_mut().poll(context).is_ready()
    {
        *driver = None;
    }
}
