//! A stop on the way to a member that lets answers stall in their bodies, or closes connections that rest.

use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

/// How long a connection rests before it is closed; a call comes on it less often.
const REST: Duration = Duration::from_millis(20);
/// Bytes of a body that still come through before it stalls: less than any body of etcd's has.
const BEGINNING: usize = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Honest,
    /// The head of each answer comes, and the beginning of its body; the rest comes when the fault is over.
    StallBodies,
    /// As servers do that close keep-alive connections early: the client finds out with its next call.
    CloseResting,
}

/// It lives as long as the process.
#[derive(Debug)]
pub(crate) struct FaultyProxy {
    address: SocketAddr,
    manner: Arc<Manners>,
}

#[derive(Debug)]
struct Manners {
    now: Mutex<Manner>,
    changed: Condvar,
}

/// What a connection is used for at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Resting,
    Calling,
    Watching,
}

impl FaultyProxy {
    /// Listens on the machine of the calling thread, on a free port of 127.0.0.1.
    pub(crate) fn to(member: SocketAddr) -> FaultyProxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listen on a free port of 127.0.0.1");
        let address = listener.local_addr().expect("the listener's address");
        let manner = Arc::new(Manners { now: Mutex::new(Manner::Honest), changed: Condvar::new() });
        let for_acceptor = Arc::clone(&manner);
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.expect("accept a connection");
                // Without a server the client finds its connection closed.
                if let Ok(server) = TcpStream::connect(member) {
                    forward(client, server, &for_acceptor);
                }
            }
        });
        FaultyProxy { address, manner }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn behave(&self, manner: Manner) {
        *self.manner.lock() = manner;
        self.manner.changed.notify_all();
    }
}

impl Manners {
    fn lock(&self) -> MutexGuard<'_, Manner> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_the_end_of_stalling(&self) {
        let stalling = |now: &mut Manner| *now == Manner::StallBodies;
        drop(self.changed.wait_while(self.lock(), stalling).unwrap_or_else(PoisonError::into_inner));
    }
}

fn forward(client: TcpStream, server: TcpStream, manner: &Arc<Manners>) {
    for stream in [&client, &server] {
        stream.set_nodelay(true).expect("set TCP_NODELAY");
    }
    server.set_read_timeout(Some(REST)).expect("set a timeout");
    let (client, server) = (Arc::new(client), Arc::new(server));
    let used = Arc::new(Mutex::new(Use::Resting));
    {
        let (client, server, used) = (Arc::clone(&client), Arc::clone(&server), Arc::clone(&used));
        thread::spawn(move || forward_requests(&client, &server, &used));
    }
    let manner = Arc::clone(manner);
    thread::spawn(move || forward_answers(&client, &server, &used, &manner));
}

fn forward_requests(client: &TcpStream, server: &TcpStream, used: &Mutex<Use>) {
    let (mut from, mut to) = (client, server);
    let mut buffer = [0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let is_watch = buffer[..count].windows(9).any(|bytes| bytes == b"wait=true");
        *locked(used) = if is_watch { Use::Watching } else { Use::Calling };
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    shut(client, server);
}

fn forward_answers(client: &TcpStream, server: &TcpStream, used: &Mutex<Use>, manner: &Manners) {
    let mut from = server;
    let mut buffer = [0; 64 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(count @ 1..) => {
                let mut used = locked(used);
                if *used == Use::Calling {
                    *used = Use::Resting;
                }
                drop(used);
                if pass_on(client, &buffer[..count], manner).is_err() {
                    break;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let used = locked(used);
                let is_closed = *manner.lock() == Manner::CloseResting && *used == Use::Resting;
                if is_closed && !has_sent(client) {
                    break;
                }
            }
            _ => break,
        }
    }
    shut(client, server);
}

/// Passes a piece of an answer on, the rest of it when it need not stall any more.
fn pass_on(mut client: &TcpStream, bytes: &[u8], manner: &Manners) -> io::Result<()> {
    let is_stalling = *manner.lock() == Manner::StallBodies;
    let (at_once, later) = bytes.split_at(if is_stalling { stall_at(bytes) } else { bytes.len() });
    client.write_all(at_once)?;
    if !later.is_empty() {
        manner.wait_for_the_end_of_stalling();
    }
    client.write_all(later)
}

/// How much of what came passes: the head with a beginning of the body, or half a piece of a body. etcd sends a head at
/// once, alone or together with the first of the body.
fn stall_at(bytes: &[u8]) -> usize {
    if !bytes.starts_with(b"HTTP/") {
        return bytes.len() / 2;
    }
    let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").expect("a whole head");
    (head + 4 + BEGINNING).min(bytes.len())
}

/// Whether the client has sent something that nobody has read yet; a close would take it along.
fn has_sent(client: &TcpStream) -> bool {
    let look = libc::MSG_PEEK | libc::MSG_DONTWAIT;
    SockRef::from(client).recv_with_flags(&mut [MaybeUninit::uninit()], look).is_ok_and(|count| count > 0)
}

fn shut(client: &TcpStream, server: &TcpStream) {
    for stream in [client, server] {
        // It may be closed already.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

fn locked(used: &Mutex<Use>) -> MutexGuard<'_, Use> {
    used.lock().unwrap_or_else(PoisonError::into_inner)
}
