//! `GET /health`: whether a member has a leader and can commit, in its own words.

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::{failure, json};
use crate::core::call::Answered;
use crate::core::error::{Error, Result};
use crate::core::exchange::{Answer, Effect, Request};
use crate::core::status::Status;

const PATH: &str = "/health";

pub fn request() -> Request {
    Request {
        method: Method::GET,
        path: PATH.into(),
        query: "".into(),
        content_type: None,
        body: Bytes::new(),
        effect: Effect::Read,
    }
}

/// Whether this is what the request asked for, and no failure of the member that ends in another endpoint's answer: a
/// member that is not healthy says so with 503, and one without `/health` says 404.
pub fn is_report(path: &str, answer: &Answer) -> bool {
    path == PATH && (answer.http_status == 404 || healthy(answer).is_some())
}

/// Whether the member says that it has no leader, or no majority.
pub fn is_unhealthy(answer: &Answer) -> bool {
    healthy(answer) == Some(false)
}

/// A string in etcd 2.3 and newer, a boolean before.
fn healthy(answer: &Answer) -> Option<bool> {
    let body: Value = json::parse(&answer.body).ok()?.ok()?;
    match body.get("health")? {
        Value::Bool(healthy) => Some(*healthy),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

pub fn decode(answered: &Answered) -> Result<bool> {
    let (answer, endpoint) = (&answered.answer, &answered.endpoint);
    // Health is what the member says, and HTTP must not contradict it.
    match (answer.http_status, healthy(answer)) {
        (200, Some(healthy)) => Ok(healthy),
        (_, Some(false)) => Ok(false),
        (status, _) => {
            let said = failure::excerpt(&answer.body);
            let (kind, advice) = match status {
                404 => (Status::Unsupported, "it is older than etcd 2.0, or a path or proxy stands before it"),
                _ => (Status::InvalidResponse, "the endpoint is probably not etcd"),
            };
            let text = format!("{endpoint} answered {PATH} with HTTP {status} and {said}; {advice}");
            Err(Error::new(kind, text).at(endpoint).with_http_status(status))
        }
    }
}
