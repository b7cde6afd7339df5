//! The independent writer of what is watched: plain requests to members that no fault is at.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use etcd_test_support::Laboratory;
use serde_json::Value;

use crate::record::{Written, now};

/// Between the beginnings of two writes.
const PACE: Duration = Duration::from_millis(100);
/// Of a write that waits for an election, another one after it is of more use than its answer.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) struct Writer {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    /// The member that is not asked; locked for reading by a write on its way.
    avoided: RwLock<Option<usize>>,
    stopped: AtomicBool,
    written: Mutex<Vec<Written>>,
}

impl Writer {
    /// Writes below a directory, from the client's machine.
    pub(crate) fn start(laboratory: &Laboratory, dir: &str) -> Writer {
        let shared = Arc::new(Shared::default());
        let endpoints = laboratory.endpoints();
        let members = endpoints.iter().map(|endpoint| {
            let address = endpoint.strip_prefix("http://").expect("a plain endpoint");
            address.parse().expect("an address and a port")
        });
        let (members, for_thread): (Vec<SocketAddr>, _) = (members.collect(), Arc::clone(&shared));
        let path = format!("/v2/keys{dir}/written/key");
        let start = || thread::spawn(move || write_all(&for_thread, &members, &path));
        Writer { thread: laboratory.in_client_namespace(start), shared }
    }

    /// From now on no write goes to that member, and none is on its way to it.
    pub(crate) fn avoid(&self, member: usize) {
        *self.shared.avoided.write().unwrap_or_else(PoisonError::into_inner) = Some(member);
    }

    /// What has been acknowledged so far.
    pub(crate) fn written(&self) -> Vec<Written> {
        self.shared.written.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn stop(self) -> Vec<Written> {
        self.shared.stopped.store(true, Ordering::Relaxed);
        self.thread.join().expect("no panic of the writer");
        std::mem::take(&mut self.shared.written.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn write_all(shared: &Shared, members: &[SocketAddr], path: &str) {
    for number in (0_usize..).take_while(|_| !shared.stopped.load(Ordering::Relaxed)) {
        let next = Instant::now() + PACE;
        let value = number.to_string();
        let avoided = shared.avoided.read().unwrap_or_else(PoisonError::into_inner);
        let choice = (0..members.len()).filter(|member| Some(*member) != *avoided).collect::<Vec<_>>();
        // What is not acknowledged is not counted, whatever became of it.
        if let Ok(Some(index)) = set(members[choice[number % choice.len()]], path, &value) {
            let written = Written { index, value, at: now() };
            shared.written.lock().unwrap_or_else(PoisonError::into_inner).push(written);
        }
        drop(avoided);
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// The index of the write, if it was acknowledged.
fn set(member: SocketAddr, path: &str, value: &str) -> io::Result<Option<u64>> {
    let mut stream = TcpStream::connect_timeout(&member, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let body = format!("value={value}");
    // HTTP/1.0: no chunks, and the answer ends where the connection does.
    write!(
        stream,
        "PUT {path} HTTP/1.0\r\nHost: {member}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return Ok(None) };
    let is_done = head.split(' ').nth(1).is_some_and(|status| status == "200" || status == "201");
    let index = serde_json::from_str::<Value>(body).ok().and_then(|body| body["node"]["modifiedIndex"].as_u64());
    Ok(index.filter(|_| is_done))
}
