//! The smallest possible HTTP, for questions that are asked many times a second, and for bodies that are no text.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::waiting::CEILING;

/// Time that a server gets for each step of an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks `endpoint` (`http://ADDRESS:PORT`) for `target`; `None` stands for everything but a status and a body.
///
/// It uses neither a pool nor a runtime, so a test may ask from any thread, that of an async runtime included.
pub(crate) fn get(endpoint: &str, target: &str) -> Option<(u16, String)> {
    ask(endpoint, &format!("GET {target}"), "", &[], PATIENCE)
}

/// Posts a body with more headers, each of which ends with `\r\n`.
pub(crate) fn post(endpoint: &str, target: &str, headers: &str, body: &[u8]) -> Option<(u16, String)> {
    let headers = format!("{headers}Content-Length: {}\r\n", body.len());
    ask(endpoint, &format!("POST {target}"), &headers, body, CEILING)
}

fn ask(endpoint: &str, request: &str, headers: &str, body: &[u8], patience: Duration) -> Option<(u16, String)> {
    let address: SocketAddr = endpoint.strip_prefix("http://")?.parse().ok()?;
    let mut stream = TcpStream::connect_timeout(&address, patience).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    stream.set_write_timeout(Some(patience)).ok()?;
    // HTTP/1.0: no chunks, and the answer ends where the connection does.
    write!(stream, "{request} HTTP/1.0\r\nHost: {address}\r\n{headers}\r\n").ok()?;
    stream.write_all(body).ok()?;
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
