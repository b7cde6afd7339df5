//! A request as it goes over the wire.

use super::super::endpoint::Credentials;
use super::super::error::{Error, Result};
use super::super::exchange::{Hop, Request};
use super::super::proxy::Via;

/// What HTTP libraries and proxies take at most; etcd itself takes less.
const LONGEST_TARGET: usize = (u16::MAX - 1) as usize;

const USER_AGENT: &str = concat!("\r\nUser-Agent: libetcd_client/", env!("CARGO_PKG_VERSION"));

/// Writes the head of the request to `outgoing`. `via` is the proxy that it is told, which wants the whole URL.
pub fn write_head(outgoing: &mut Vec<u8>, request: &Request, hop: &Hop, via: Option<&Via>) -> Result<()> {
    if hop.target.len() > LONGEST_TARGET {
        let why = format_args!("gives a request that HTTP cannot carry: its target has {} bytes", hop.target.len());
        return Err(Error::invalid_argument("key", why));
    }
    let mut push = |parts: &[&str]| parts.iter().for_each(|part| outgoing.extend_from_slice(part.as_bytes()));
    push(&[request.method.as_str(), " "]);
    if via.is_some() {
        push(&["http://", &hop.host_header]);
    }
    push(&[&hop.target, " HTTP/1.1\r\nHost: ", &hop.host_header, USER_AGENT]);
    if let Some(content_type) = request.content_type {
        push(&["\r\nContent-Type: ", content_type]);
    }
    if let Some(credentials) = &hop.credentials {
        push(&["\r\nAuthorization: ", Credentials::header_value(credentials)]);
    }
    if let Some(authorization) = via.and_then(|via| via.authorization.as_ref()) {
        push(&["\r\nProxy-Authorization: ", authorization]);
    }
    // RFC 9110, 8.6: without it some proxies answer 411.
    if !request.body.is_empty() || matches!(request.method, http::Method::PUT | http::Method::POST) {
        push(&["\r\nContent-Length: ", &request.body.len().to_string()]);
    }
    push(&["\r\n\r\n"]);
    Ok(())
}
