//! Why an exchange failed, in words.

use std::error::Error as StdError;
use std::io;
use std::time::Instant;

use super::deadline::{Limit, Reason};
use super::error::Error;
use super::exchange::Hop;
use super::http1::{Broken, MOST_HEAD_BYTES, MOST_HEADERS};
use super::status::Status;
use super::tls::alerts;

pub fn timeout(hop: &Hop, limit: Limit, started: Instant, doing: &str) -> Error {
    let waited = limit.at.saturating_duration_since(started).as_millis();
    let (status, why) = match limit.reason {
        Reason::ConnectTimeout => (Status::Connect, "the connect timeout passed"),
        Reason::HeaderTimeout => (Status::Timeout, "the header timeout passed"),
    };
    let origin = hop.origin.to_string();
    Error::new(status, format!("{origin}: {why} after {waited} ms while {doing}")).at(&origin)
}

/// etcd sniffs the protocol in the first 4096 bytes of a plain connection and resets it when the request line is longer.
const SNIFFED_BYTES: usize = 4096;

/// Before the head of the answer was there.
pub fn broken_head(hop: &Hop, broken: &Broken) -> Error {
    match broken {
        Broken::EndlessHead => endless_head(hop),
        Broken::Senseless(why) => no_http(hop, why),
        Broken::Socket(error) => broken_socket(hop, error, "before the answer"),
    }
}

/// Behind the head.
pub fn broken_body(hop: &Hop, error: &io::Error) -> Error {
    broken_socket(hop, error, "in the middle of the answer")
}

fn broken_socket(hop: &Hop, error: &io::Error, place: &str) -> Error {
    let cause = root_cause(error);
    if is_bad_framing(error) { no_http(hop, &cause) } else { connection_broke(hop, &cause, place) }
}

fn no_http(hop: &Hop, cause: &str) -> Error {
    let origin = hop.origin.to_string();
    let text = format!("{origin} does not answer in HTTP: {cause}; is it an etcd client port?");
    Error::new(Status::InvalidResponse, text).at(&origin)
}

fn connection_broke(hop: &Hop, cause: &str, place: &str) -> Error {
    let origin = hop.origin.to_string();
    let mut text = format!("{origin}: the connection broke {place}: {cause}");
    if hop.target.len() > SNIFFED_BYTES - 16 && !hop.origin.scheme.is_encrypted() {
        text.push_str("; etcd resets plain connections whose first request line is longer than 4096 bytes");
    }
    Error::new(Status::Io, text).at(&origin)
}

fn endless_head(hop: &Hop) -> Error {
    let origin = hop.origin.to_string();
    let text = format!(
        "the head of the answer of {origin} is larger than {MOST_HEAD_BYTES} bytes or {MOST_HEADERS} headers; \
         is it an etcd client port?"
    );
    Error::new(Status::InvalidResponse, text).at(&origin)
}

/// Chunks that make no sense, or have endless extensions or trailers. Errors of the socket are of these kinds only where TLS
/// fails.
fn is_bad_framing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) && alerts::of_io(error).is_none()
}

fn root_cause(error: &dyn StdError) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
