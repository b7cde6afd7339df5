//! A way through an HTTP proxy to a server that speaks TLS: the proxy sees its name and nothing of what is said.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::endpoint::Origin;
use super::proxy::Via;
use super::socket::Transport;

/// A proxy's answer has a head and nothing else.
const LARGEST_HEAD: usize = 16 << 10;

/// Asks the proxy at the other end for a connection to `origin`.
pub async fn open(transport: &mut Transport, origin: &Origin, via: &Via) -> Result<(), String> {
    let broken = |error: io::Error| format!("the connection to the proxy {} broke: {error}", via.origin);
    write_all(transport, request(origin, via).as_bytes()).await.map_err(broken)?;
    let head = read_head(transport).await.map_err(broken)?;
    let first = head.lines().next().unwrap_or_default();
    let mut words = first.splitn(3, ' ');
    let status = match (words.next(), words.next()) {
        (Some("HTTP/1.1" | "HTTP/1.0"), Some(status)) => status,
        _ => return Err(format!("the proxy {} does not answer in HTTP; is it a proxy?", via.origin)),
    };
    let reason = words.next().unwrap_or_default();
    match status {
        "200" => Ok(()),
        "407" if via.authorization.is_none() => {
            Err(format!("the proxy {} demands a user name and password (HTTP 407); put them into its URL", via.origin))
        }
        "407" => Err(format!("the proxy {} refused its user name and password (HTTP 407)", via.origin)),
        _ => Err(format!("the proxy {} refused the tunnel: HTTP {}", via.origin, format!("{status} {reason}").trim())),
    }
}

fn request(origin: &Origin, via: &Via) -> String {
    let authority = origin.to_string();
    let authority = authority.split_once("://").map_or(authority.as_str(), |(_, authority)| authority);
    let mut request = format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {}\r\n",
        concat!("libetcd_client/", env!("CARGO_PKG_VERSION"))
    );
    if let Some(authorization) = &via.authorization {
        request.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
    }
    request.push_str("\r\n");
    request
}

async fn write_all(transport: &mut Transport, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written =
            std::future::poll_fn(|context| std::pin::Pin::new(&mut *transport).poll_write(context, bytes)).await?;
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// The server speaks second in TLS, so nothing follows the head until we have spoken.
async fn read_head(transport: &mut Transport) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut piece = [0; 1024];
        let mut buffer = ReadBuf::new(&mut piece);
        std::future::poll_fn(|context| std::pin::Pin::new(&mut *transport).poll_read(context, &mut buffer)).await?;
        if buffer.filled().is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it closed without an answer"));
        }
        head.extend_from_slice(buffer.filled());
        // A refusal may have a body; its first line is enough.
        let is_refusal = head.len() > 12 && !head.get(8..).is_some_and(|rest| rest.starts_with(b" 200"));
        if (is_refusal && head.contains(&b'\n')) || head.len() > LARGEST_HEAD {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
