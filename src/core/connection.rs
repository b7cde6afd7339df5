//! One HTTP/1 connection, driven by whoever uses it. It knows whether a byte of a request has gone out,
//! because that decides whether the request may be sent elsewhere.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::places::Place;
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

type Driver = Pin<Box<http1::Connection<TokioIo<Socket>, Full<Bytes>>>>;

pub struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// None once the connection has ended.
    driver: Option<Driver>,
    wire: Arc<Wire>,
    resting_since: Instant,
    requests: u64,
    place: Option<Place>,
}

impl Connection {
    pub async fn open(stream: Stream) -> hyper::Result<Connection> {
        let socket = Socket::new(stream);
        let wire = socket.wire().clone();
        let mut http = http1::Builder::new();
        http.title_case_headers(true).max_header_size(MOST_HEAD_BYTES);
        let (sender, driver) = http.handshake(TokioIo::new(socket)).await?;
        let driver = Some(Box::pin(driver));
        Ok(Connection { sender, driver, wire, resting_since: Instant::now(), requests: 0, place: None })
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
    /// calling task, so that a blocking call needs no other thread.
    pub async fn send(
        &mut self,
        request: http::Request<Full<Bytes>>,
        may_resend: bool,
    ) -> hyper::Result<http::Response<Incoming>> {
        let look = self.requests > 0 && (!may_resend || self.resting_since.elapsed() > REST_WITHOUT_A_LOOK);
        self.wire.expect_request(look);
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
