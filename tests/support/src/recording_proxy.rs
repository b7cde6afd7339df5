//! A stop on the way to a real server that keeps what passes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::gate::{Gate, wait_for_any};
use crate::scripted_server::{Parsed, Request, shut};

/// Forwards each connection to one server, byte for byte, and keeps the requests.
///
/// A request is kept before its last byte goes on, so whoever has an answer finds its request here.
#[derive(Debug)]
pub struct RecordingProxy {
    address: SocketAddr,
    record: Arc<Record>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Record {
    requests: Mutex<Vec<Request>>,
    /// Both ends of every connection, to end them when the proxy goes.
    streams: Mutex<Vec<Arc<TcpStream>>>,
    shutdown: Gate,
}

impl RecordingProxy {
    /// Listens on a free port of 127.0.0.1 and forwards to that port of 127.0.0.1.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listen on a free port of 127.0.0.1");
        let address = listener.local_addr().expect("the listener's address");
        let record = Record { requests: Mutex::default(), streams: Mutex::default(), shutdown: Gate::new() };
        let record = Arc::new(record);
        let for_acceptor = Arc::clone(&record);
        let acceptor = thread::Builder::new()
            .name("proxy-acceptor".into())
            .spawn(move || accept_all(&listener, port, &for_acceptor))
            .expect("start the accepting thread");
        Self { address, record, acceptor: Some(acceptor) }
    }

    /// `http://127.0.0.1:PORT`
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Hands over the requests since the last time, in the order in which their last bytes came.
    pub fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut *locked(&self.record.requests))
    }
}

impl Drop for RecordingProxy {
    fn drop(&mut self) {
        self.record.shutdown.open();
        if let Some(acceptor) = self.acceptor.take() {
            // Its panic is on the screen already, and the requests that nobody kept fail the test.
            let _ = acceptor.join();
        }
    }
}

/// Accepts until the shutdown, then ends all connections and waits for their threads.
fn accept_all(listener: &TcpListener, port: u16, record: &Arc<Record>) {
    let mut threads = Vec::new();
    loop {
        wait_for_any(&[(listener.as_fd(), libc::POLLIN), (record.shutdown.as_fd(), 0)], None);
        if record.shutdown.is_open() {
            break;
        }
        let (client, _) = listener.accept().expect("accept a connection");
        // Without a server the client finds its connection closed.
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
        for stream in [&client, &server] {
            stream.set_nodelay(true).expect("set TCP_NODELAY");
        }
        let (client, server) = (Arc::new(client), Arc::new(server));
        let number = {
            let mut streams = locked(&record.streams);
            streams.extend([Arc::clone(&client), Arc::clone(&server)]);
            streams.len() / 2 - 1
        };
        let (to_client, to_server) = ((Arc::clone(&server), Arc::clone(&client)), (client, server));
        let record = Arc::clone(record);
        threads.push(thread::spawn(move || forward_requests(&to_server, number, &record)));
        threads.push(thread::spawn(move || forward(&to_client, |_| ())));
    }
    for stream in locked(&record.streams).iter() {
        shut(stream);
    }
    for thread in threads {
        thread.join().expect("a thread of the proxy");
    }
}

fn forward_requests(ends: &(Arc<TcpStream>, Arc<TcpStream>), number: usize, record: &Record) {
    let mut received = Vec::new();
    forward(ends, |bytes| {
        received.extend_from_slice(bytes);
        while let Parsed::Whole(request) = Request::parse(&received, number) {
            received.drain(..request.raw.len());
            locked(&record.requests).push(request);
        }
    });
}

/// Passes on what comes from the first end to the second one, until either is closed; then both are.
fn forward((from, to): &(Arc<TcpStream>, Arc<TcpStream>), mut look: impl FnMut(&[u8])) {
    let mut buffer = [0; 64 * 1024];
    while let Ok(count @ 1..) = from.as_ref().read(&mut buffer) {
        look(&buffer[..count]);
        if to.as_ref().write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    shut(from);
    shut(to);
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
