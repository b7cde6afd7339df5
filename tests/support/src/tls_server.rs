//! A TLS server that behaves, connection by connection, as a test says: for handshakes cut short, alerts and endings.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::waiting::{CEILING, wait_until};

/// A connection with the server's end of TLS.
pub type TlsStream = StreamOwned<ServerConnection, TcpStream>;

/// Runs a behaviour for each connection on a thread of its own; the first connection has number 0.
pub struct RawServer {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl RawServer {
    /// A server of bare TCP connections.
    pub fn start(behave: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Self {
        Self::listen("127.0.0.1:0", behave)
    }

    /// As `start`, on another address.
    pub fn listen(address: &str, behave: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).expect("listen");
        let address = listener.local_addr().expect("an address");
        let (accepted, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, stopped, behave) = (accepted.clone(), stop.clone(), Arc::new(behave));
        let acceptor = thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                stream.set_read_timeout(Some(CEILING)).expect("a time limit");
                stream.set_nodelay(true).expect("no delay");
                let (number, behave) = (count.fetch_add(1, Ordering::SeqCst), behave.clone());
                // What a client breaks off ends a behaviour with an error that is none.
                thread::spawn(move || behave(number, stream));
            }
        });
        Self { address, accepted, stop, acceptor: Some(acceptor) }
    }

    /// A server of TLS connections; the handshake happens with the first byte that the behaviour reads or writes.
    pub fn tls(config: ServerConfig, behave: impl Fn(usize, TlsStream) + Send + Sync + 'static) -> Self {
        let config = Arc::new(config);
        Self::start(move |number, stream| {
            let session = ServerConnection::new(config.clone()).expect("a session");
            behave(number, StreamOwned::new(session, stream));
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn https(&self) -> String {
        format!("https://{}", self.address)
    }

    pub fn http(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the acceptor.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

/// The head of the next request, with its body when a length is given; None at the end of the connection.
pub fn read_request(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    let head = String::from_utf8(head).expect("a head is text");
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8_lossy(&body))
}

/// A successful answer of etcd.
pub const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Etcd-Index: 1\r\nContent-Length: 87\r\n\r\n\
     {\"action\":\"get\",\"node\":{\"key\":\"/foo\",\"value\":\"bar\",\"modifiedIndex\":1,\"createdIndex\":1}}";

/// Answers every request with success.
pub fn answer_all(stream: &mut (impl Read + Write)) {
    while read_request(stream).is_some() {
        if stream.write_all(ANSWER.as_bytes()).and_then(|()| stream.flush()).is_err() {
            break;
        }
    }
}

/// A proxy that opens tunnels, all to one place whatever name is asked for, and keeps what it hears and carries.
pub struct ConnectProxy {
    server: RawServer,
    heard: Arc<Mutex<Vec<String>>>,
    carried: Arc<Mutex<Vec<u8>>>,
}

impl ConnectProxy {
    /// A willing one.
    pub fn to(target: SocketAddr) -> Self {
        Self::answering("HTTP/1.1 200 Connection established\r\n\r\n", Some(target))
    }

    /// One that answers CONNECT with `answer`, and carries on only if there is a target.
    pub fn answering(answer: &'static str, target: Option<SocketAddr>) -> Self {
        let (heard, carried) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<Vec<u8>>>::default());
        let (hears, carries) = (heard.clone(), carried.clone());
        let server = RawServer::start(move |_, mut stream| {
            let Some(request) = read_request(&mut stream) else { return };
            hears.lock().expect("lock").push(request);
            if stream.write_all(answer.as_bytes()).is_ok()
                && let Some(target) = target
            {
                carry(stream, TcpStream::connect(target).expect("the target"), &carries);
            }
        });
        Self { server, heard, carried }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub fn url(&self) -> String {
        self.server.http()
    }

    /// The requests for tunnels.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("lock").clone()
    }

    /// What went to the target.
    pub fn carried(&self) -> Vec<u8> {
        self.carried.lock().expect("lock").clone()
    }
}

/// Carries bytes both ways until both ends are closed, and keeps what goes to the target.
pub fn carry(client: TcpStream, target: TcpStream, kept: &Arc<Mutex<Vec<u8>>>) {
    let (mut back_from, mut back_to) = (target.try_clone().expect("clone"), client.try_clone().expect("clone"));
    let back = thread::spawn(move || {
        let _ = io::copy(&mut back_from, &mut back_to);
        let _ = back_to.shutdown(std::net::Shutdown::Write);
    });
    let (mut from, mut to) = (BufReader::new(client), target);
    while let Ok(piece) = from.fill_buf() {
        let piece = piece.to_vec();
        if piece.is_empty() || to.write_all(&piece).is_err() {
            break;
        }
        kept.lock().expect("lock").extend_from_slice(&piece);
        from.consume(piece.len());
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
    let _ = back.join();
}

/// Waits until the peer has closed, without reading what it may still send.
pub fn wait_for_close(stream: &TcpStream) {
    let mut byte = [0];
    wait_until("the client closes", || matches!(stream.peek(&mut byte), Ok(0) | Err(_)));
}
