//! One HTTP/1 connection, driven by whoever uses it. It knows whether a byte of a request has gone out,
//! because that decides whether the request may be sent elsewhere.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::bare::Bare;
use super::head_gate::{GateState, HeadGate};
use super::places::Place;
use super::sending::Sending;
use super::socket::{Socket, Stream, Wire};

/// A connection that rested for longer is looked at before its next use: an unread FIN means that the server has
/// closed it. After shorter rests, in back-to-back calls, the look costs a system call and is left to the requests
/// that could not be sent again if the connection turned out to be dead.
const REST_WITHOUT_A_LOOK: Duration = Duration::from_millis(1);

/// etcd's heads have a few hundred bytes in ten lines. The same goes for the trailers of a chunked body.
pub const MOST_HEAD_BYTES: usize = 64 << 10;

/// hyper's own limit. To set it, be it to the same number, makes hyper allocate for each answer.
pub const MOST_HEADERS: usize = 100;

/// All interim heads (1xx) together, and what a single read brings behind the head.
pub const MOST_BEFORE_HEAD: u64 = 1 << 20;

/// A request as hyper takes it; in a box, because each future that hands it on would take its place once more.
pub type Message = Box<http::Request<Sending>>;

type Driver = Box<http1::Connection<TokioIo<HeadGate>, Sending>>;

pub struct Connection {
    sender: http1::SendRequest<Sending>,
    /// None once the connection has ended.
    driver: Option<Driver>,
    wire: Arc<Wire>,
    gate: Arc<GateState>,
    resting_since: Instant,
    requests: u64,
    place: Option<Place>,
}

impl Connection {
    pub async fn open(stream: Stream) -> hyper::Result<Connection> {
        Connection::over(Socket::new(stream)).await
    }

    async fn over(socket: Socket) -> hyper::Result<Connection> {
        let wire = socket.wire().clone();
        let socket = HeadGate::new(socket);
        let gate = socket.state().clone();
        let mut http = http1::Builder::new();
        http.title_case_headers(true).max_header_size(MOST_HEAD_BYTES);
        let (sender, driver) = http.handshake(TokioIo::new(socket)).await?;
        let driver = Some(Box::new(driver));
        Ok(Connection { sender, driver, wire, gate, resting_since: Instant::now(), requests: 0, place: None })
    }

    /// Until it rests, its request has this place.
    pub fn holding(self, place: Option<Place>) -> Connection {
        Connection { place, ..self }
    }

    pub fn leave_place(&mut self) {
        self.place = None;
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
    /// calling task, so that a blocking call needs no other thread. With `head_only`, nothing behind the head is read before
    /// `read_on` or `without_hyper`.
    pub async fn send(
        &mut self,
        message: Message,
        may_resend: bool,
        head_only: bool,
    ) -> hyper::Result<http::Response<Incoming>> {
        let look = self.requests > 0 && (!may_resend || self.resting_since.elapsed() > REST_WITHOUT_A_LOOK);
        self.wire.expect_request(look);
        self.requests += 1;
        if head_only {
            self.gate.shut_behind_head();
        }
        let Connection { sender, driver, gate, .. } = self;
        std::future::poll_fn(|context| {
            drive(driver, context);
            sender.poll_ready(context)
        })
        .await?;
        let mut answer = pin!(sender.send_request(*message));
        std::future::poll_fn(|context| {
            drive(driver, context);
            let polled = answer.as_mut().poll(context);
            if polled.is_pending() && gate.is_shut() {
                // It was an interim head (1xx), which another one follows.
                gate.shut_behind_head();
                context.waker().wake_by_ref();
            }
            polled
        })
        .await
    }

    /// Lets hyper read what follows the head.
    pub fn read_on(&self) {
        self.gate.open();
    }

    /// The body of an answer of which hyper has got the head only; None where hyper is done with the connection already.
    pub fn without_hyper(&mut self, head: &http::Response<Incoming>) -> Option<Bare> {
        let driver = self.driver.take()?;
        let parts = driver.into_parts();
        let (socket, behind) = parts.io.into_inner().into_parts();
        // hyper has been given the head alone; what it has not taken of it would come first.
        let rest = match parts.read_buf {
            unread if unread.is_empty() => behind,
            unread => [unread, behind].concat().into(),
        };
        Some(Bare::new(socket, rest, head, self.requests, self.place.take()))
    }

    /// A connection as it was before `without_hyper`.
    pub async fn with_hyper_again(socket: Socket, requests: u64, place: Option<Place>) -> hyper::Result<Connection> {
        let connection = Connection::over(socket).await?;
        Ok(Connection { requests, place, ..connection })
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
        && Pin::new(running).poll(context).is_ready()
    {
        *driver = None;
    }
}
