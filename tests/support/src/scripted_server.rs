//! An HTTP/1.1 server inside the test process that records what it receives and answers by a script.
//!
//! It knows no HTTP library, so it can break every rule byte for byte: cut an answer anywhere, reset the connection,
//! fall silent in the middle of a header, or close a kept-alive connection without a word.

mod connection;
mod endings;
mod record;
mod reply;
mod request;

use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::panic;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use connection::Connection;
pub(crate) use endings::shut;
use record::Record;
pub use reply::{Place, Reply};
pub(crate) use request::Parsed;
pub use request::Request;
use socket2::SockRef;

use crate::gate::wait_for_any;

/// What happens to a connection before any byte of it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Welcome {
    /// Its requests are read and answered by the script.
    Serve,
    /// It is closed at once: the client finds a clean end, however early it has sent its request.
    Close,
    /// It is reset at once.
    Reset,
    /// It is kept, but nothing is ever read from it, so that a long request fills up the kernel's buffers.
    NeverRead,
}

/// How a connection breaks in the middle of a request, whatever the client has sent behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// So many bytes of the request are read, and no more.
    pub after: usize,
    /// A reset; otherwise a clean end, behind which whatever comes is thrown away.
    pub by_reset: bool,
}

/// What finds the reply to a request.
type Answerer = dyn FnMut(&Request) -> Reply + Send;

/// The script: what is to be done with each accepted connection and with each request.
pub(crate) struct Script {
    welcome: Box<dyn Fn(usize) -> Welcome + Send + Sync>,
    cut: Box<dyn Fn(usize) -> Option<Cut> + Send + Sync>,
    answer: Mutex<Box<Answerer>>,
}

/// A server on a free port of 127.0.0.1; dropping it ends all its connections and threads.
///
/// A panic in the script closes the connection and comes up again when the server is dropped.
#[derive(Debug)]
pub struct ScriptedServer {
    address: SocketAddr,
    record: Arc<Record>,
    /// Yields the threads of the connections.
    acceptor: Option<JoinHandle<Vec<JoinHandle<()>>>>,
}

impl ScriptedServer {
    /// Gives each request the same reply.
    pub fn always(reply: Reply) -> Self {
        Self::by(move |_| reply.clone())
    }

    /// Gives the first request the first reply and so on, then the last reply again and again.
    pub fn sequence(replies: Vec<Reply>) -> Self {
        let last = replies.last().cloned().expect("a sequence has at least one reply");
        Self::sequence_then(replies, last)
    }

    /// Gives the first request the first reply and so on, then the default again and again.
    pub fn sequence_then(replies: Vec<Reply>, default: Reply) -> Self {
        let mut replies = replies.into_iter();
        Self::by(move |_| replies.next().unwrap_or_else(|| default.clone()))
    }

    /// Asks a function for the reply to each request, one request at a time.
    pub fn by(answer: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        Self::welcoming(|_| Welcome::Serve, answer)
    }

    /// Does the same to each connection, without ever answering on it.
    pub fn greeting(welcome: Welcome) -> Self {
        Self::welcoming(move |_| welcome, |request| panic!("no script for {request:?}"))
    }

    /// Asks the first function what to do with each accepted connection, by its number from 0, and the second one for
    /// the replies on the connections that are served.
    pub fn welcoming(
        welcome: impl Fn(usize) -> Welcome + Send + Sync + 'static,
        answer: impl FnMut(&Request) -> Reply + Send + 'static,
    ) -> Self {
        let cut = Box::new(|_| None);
        Self::start(Script { welcome: Box::new(welcome), cut, answer: Mutex::new(Box::new(answer)) })
    }

    /// Asks the first function, before each request, whether the connection breaks in its middle, by the number of
    /// requests that have come so far; the second one for the replies to the others.
    pub fn cutting(
        cut: impl Fn(usize) -> Option<Cut> + Send + Sync + 'static,
        answer: impl FnMut(&Request) -> Reply + Send + 'static,
    ) -> Self {
        let welcome = Box::new(|_| Welcome::Serve);
        Self::start(Script { welcome, cut: Box::new(cut), answer: Mutex::new(Box::new(answer)) })
    }

    fn start(script: Script) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listen on a free port of 127.0.0.1");
        listener.set_nonblocking(true).expect("make the listener nonblocking");
        let address = listener.local_addr().expect("the listener's address");
        let record = Arc::new(Record::new());
        let (for_acceptor, script) = (Arc::clone(&record), Arc::new(script));
        let acceptor = thread::Builder::new()
            .name("scripted-acceptor".into())
            .spawn(move || accept_all(&listener, &for_acceptor, &script))
            .expect("start the accepting thread");
        Self { address, record, acceptor: Some(acceptor) }
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address itself.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests received so far, in the order in which their last bytes came.
    pub fn requests(&self) -> Vec<Request> {
        self.record.with(|book| book.requests.clone())
    }

    /// Blocks until at least `count` requests have come, and returns all; panics after 30 seconds.
    pub fn wait_for_requests(&self, count: usize) -> Vec<Request> {
        let what = format!("{count} requests");
        self.record.wait(&what, |book| (book.requests.len() >= count).then(|| book.requests.clone()))
    }

    /// What came on ended connections that never became a whole request.
    pub fn unfinished(&self) -> Vec<Vec<u8>> {
        self.record.with(|book| book.unfinished.clone())
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.record.with(|book| book.accepted)
    }

    /// Blocks until at least `count` connections were accepted; panics after 30 seconds.
    pub fn wait_for_connections(&self, count: usize) {
        let what = format!("{count} connections");
        self.record.wait(&what, |book| (book.accepted >= count).then_some(()));
    }

    /// How many connections are open on this side; the client may have closed one that is not known yet.
    pub fn open_connections(&self) -> usize {
        self.record.with(|book| book.accepted - book.ended)
    }

    /// Blocks until at least `count` connections have ended, by either side; panics after 30 seconds.
    ///
    /// A connection on which an answer stalls ends when the client closes it, so this shows whether a client lets go.
    pub fn wait_for_ended(&self, count: usize) {
        let what = format!("the end of {count} connections");
        self.record.wait(&what, |book| (book.ended >= count).then_some(()));
    }

    /// Lets all stalled answers go on, now and later.
    pub fn release(&self) {
        self.record.stalls.open();
    }

    /// Closes silently each connection that waits for a request, and returns how many there were.
    ///
    /// It waits first for the answers that are being sent, so a connection counts as idle as soon as the client has
    /// its answer; one on which an answer stalls is left alone. The client finds the FIN when this has returned.
    pub fn close_idle_connections(&self) -> usize {
        self.record.close_idle()
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.record.shutdown.open();
        let Some(Ok(connections)) = self.acceptor.take().map(JoinHandle::join) else { return };
        self.record.shut_all_streams();
        let ends: Vec<_> = connections.into_iter().map(JoinHandle::join).collect();
        if let Some(cause) = ends.into_iter().find_map(Result::err)
            && !thread::panicking()
        {
            panic::resume_unwind(cause);
        }
    }
}

/// Accepts until the shutdown, and returns the threads of the connections.
fn accept_all(listener: &TcpListener, record: &Arc<Record>, script: &Arc<Script>) -> Vec<JoinHandle<()>> {
    let mut threads = Vec::new();
    loop {
        wait_for_any(&[(listener.as_fd(), libc::POLLIN), (record.shutdown.as_fd(), 0)], None);
        if record.shutdown.is_open() {
            // Not by closing alone, as in `endings`: from here on the port refuses.
            SockRef::from(listener).shutdown(Shutdown::Both).expect("stop listening");
            return threads;
        }
        if let Ok((stream, _)) = listener.accept() {
            threads.push(start_connection(stream, record, script));
        }
    }
}

fn start_connection(stream: TcpStream, record: &Arc<Record>, script: &Arc<Script>) -> JoinHandle<()> {
    stream.set_nonblocking(false).expect("make the connection blocking");
    // What a reply sends before a stall must be out when it stalls.
    stream.set_nodelay(true).expect("set TCP_NODELAY");
    let stream = Arc::new(stream);
    let number = record.add_connection(&stream);
    let (record, script) = (Arc::clone(record), Arc::clone(script));
    thread::Builder::new()
        .name(format!("scripted-{number}"))
        .spawn(move || Connection::new(stream, number, record).run(&script))
        .expect("start a connection's thread")
}
