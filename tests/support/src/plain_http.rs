//! The smallest possible HTTP GET, for questions that are asked many times a second.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Time that a server gets for each step of an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks `endpoint` (`http://ADDRESS:PORT`) for `target`; `None` stands for everything but a status and a body.
///
/// It uses neither a pool nor a runtime, so a test may ask from any thread, that of an async runtime included.
pub(crate) fn get(endpoint: &str, target: &str) -> Option<(u16, String)> {
    let address: SocketAddr = endpoint.strip_prefix("http://")?.parse().ok()?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    // HTTP/1.0: no chunks, and the answer ends where the connection does.
    write!(stream, "GET {target} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// Like [`get`], but only a 200 with a JSON body counts.
pub(crate) fn get_json(endpoint: &str, target: &str) -> Option<Value> {
    let (status, body) = get(endpoint, target)?;
    if status == 200 { serde_json::from_str(&body).ok() } else { None }
}
