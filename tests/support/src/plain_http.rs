//! The smallest possible HTTP, for questions that are asked many times a second, and for bodies that are no text.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Time that a server gets for each step of an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks `endpoint` (`http://ADDRESS:PORT`) for `target`; `None` stands for everything but a status and a body.
///
/// It uses neither a pool nor a runtime, so a test may ask from any thread, that of an async runtime included.
pub(crate) fn get(endpoint: &str, target: &str) -> Option<(u16, String)> {
    let mut stream = send(endpoint, &format!("GET {target}"), "", &[])?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((status_of(head)?, body.to_owned()))
}

/// Posts a body with more headers, each of which ends with `\r\n`, and gives the status.
///
/// It waits for no end of the connection: on the port of its peers, etcd may end it 5 seconds late.
pub(crate) fn post(endpoint: &str, target: &str, headers: &str, body: &[u8]) -> Option<u16> {
    let stream =
        send(endpoint, &format!("POST {target}"), &format!("{headers}Content-Length: {}\r\n", body.len()), body)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    status_of(&line)
}

fn send(endpoint: &str, request: &str, headers: &str, body: &[u8]) -> Option<TcpStream> {
    let address: SocketAddr = endpoint.strip_prefix("http://")?.parse().ok()?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    // HTTP/1.0: no chunks, and the answer ends where the connection does.
    write!(stream, "{request} HTTP/1.0\r\nHost: {address}\r\n{headers}\r\n").ok()?;
    stream.write_all(body).ok()?;
    Some(stream)
}

fn status_of(head: &str) -> Option<u16> {
    head.split(' ').nth(1)?.parse().ok()
}

/// Like [`get`], but only a 200 with a JSON body counts.
pub(crate) fn get_json(endpoint: &str, target: &str) -> Option<Value> {
    let (status, body) = get(endpoint, target)?;
    if status == 200 { serde_json::from_str(&body).ok() } else { None }
}
