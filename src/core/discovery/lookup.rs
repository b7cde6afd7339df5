//! One lookup: question, answer, the next server when there is none, TCP when it does not fit.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::message::{self, Record, Reply};
use super::name_servers::NameServers;
use crate::rt::clock;

/// What is asked without extensions is answered within 512 bytes; some servers do not care.
const LARGEST_DATAGRAM: usize = 4096;

/// Why a name has no records.
#[derive(Debug)]
pub(super) struct Failure {
    name: String,
    why: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.name, self.why)
    }
}

/// The SRV records of `name`, or of the first name of the search list that has some.
pub(super) async fn srv(servers: &NameServers, name: &str, deadline: Option<Instant>) -> Result<Vec<Record>, Failure> {
    let mut why = "no such host".to_owned();
    for candidate in servers.candidates(name) {
        match ask_all(servers, &candidate, deadline).await {
            Ok(Some(records)) => return Ok(records),
            Ok(None) => {}
            Err(failed) => why = failed,
        }
    }
    Err(Failure { name: name.trim_end_matches('.').to_owned(), why })
}

/// Server after server until one answers; None when the name has no such records.
async fn ask_all(servers: &NameServers, name: &str, deadline: Option<Instant>) -> Result<Option<Vec<Record>>, String> {
    let mut failed = Vec::new();
    let mut left = servers.addresses.len().saturating_mul(usize::try_from(servers.attempts).unwrap_or(1));
    for attempt in 0..servers.attempts {
        for server in &servers.addresses {
            if !failed.is_empty() && deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(failed.join(", "));
            }
            let patience = patience(servers.timeout, deadline, left);
            left = left.saturating_sub(1);
            let why = match clock::timeout(patience, ask(*server, name)).await {
                Ok(Ok(Reply::Records(records))) => return Ok(Some(records)),
                Ok(Ok(Reply::NoSuchName)) => return Ok(None),
                Ok(Ok(Reply::Failed(why))) => why,
                Ok(Ok(Reply::Truncated)) => "the answer is truncated even over TCP".into(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {} ms", patience.as_millis()),
            };
            if attempt == 0 {
                failed.push(format!("{server}: {why}"));
            }
        }
    }
    Err(failed.join(", "))
}

/// A server that is silent must not use up the time of those behind it.
fn patience(timeout: Duration, deadline: Option<Instant>, left: usize) -> Duration {
    let remaining = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    let share = remaining.and_then(|remaining| remaining.checked_div(u32::try_from(left).unwrap_or(u32::MAX)));
    share.map_or(timeout, |share| share.min(timeout))
}

async fn ask(server: SocketAddr, name: &str) -> io::Result<Reply> {
    let id = unpredictable_id();
    let query = message::query(id, name).map_err(io::Error::other)?;
    match ask_by_udp(server, &query, id, name).await? {
        Reply::Truncated => ask_by_tcp(server, &query, id, name).await,
        reply => Ok(reply),
    }
}

/// Who cannot guess it cannot forge an answer. The keys of the standard library's hash maps come from the system.
fn unpredictable_id() -> u16 {
    let [high, low, ..] = RandomState::new().build_hasher().finish().to_be_bytes();
    u16::from_be_bytes([high, low])
}

async fn ask_by_udp(server: SocketAddr, query: &[u8], id: u16, name: &str) -> io::Result<Reply> {
    let any = match server {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any).await?;
    // Connected: answers of others never arrive, and a closed port is an error at once.
    socket.connect(server).await?;
    socket.send(query).await?;
    let mut buffer = vec![0; LARGEST_DATAGRAM];
    loop {
        let length = socket.recv(&mut buffer).await?;
        // What is no answer to this question is passed over: the answer may still come.
        if let Some(reply) = message::reply(buffer.get(..length).unwrap_or_default(), id, name) {
            return Ok(reply);
        }
    }
}

async fn ask_by_tcp(server: SocketAddr, query: &[u8], id: u16, name: &str) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    let mut message = length.to_be_bytes().to_vec();
    message.extend_from_slice(query);
    stream.write_all(&message).await?;
    let mut answer = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut answer).await?;
    message::reply(&answer, id, name).ok_or_else(|| io::Error::other("the answer over TCP is no DNS answer"))
}
