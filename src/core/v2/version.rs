//! `GET /version`, which every etcd since 2.1 answers, v2 API or not.

use bytes::Bytes;
use http::Method;
use serde::Deserialize;

use super::{failure, json};
use crate::core::error::{Error, Result};
use crate::core::exchange::{Answer, Effect, Request};
use crate::core::status::Status;

pub const PATH: &str = "/version";

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ServerVersion {
    #[serde(default, rename = "etcdserver")]
    pub server: String,
    /// "not_decided" while a cluster starts.
    #[serde(default, rename = "etcdcluster")]
    pub cluster: String,
}

/// Go sends the flags of a get with it.
pub fn request() -> Request {
    Request {
        method: Method::GET,
        path: PATH.into(),
        query: "quorum=false&recursive=false&sorted=false".into(),
        content_type: None,
        body: Bytes::new(),
        effect: Effect::Read,
    }
}

pub fn decode(answer: &Answer, endpoint: &str) -> Result<ServerVersion> {
    if answer.http_status != 200 {
        return Err(failure::refusal(answer, endpoint, Effect::Read));
    }
    let error = |status, why: String| {
        let text = format!("{endpoint} answered {PATH} with {why}; the endpoint is probably not etcd 2.1 or newer");
        Error::new(status, text).at(endpoint).with_http_status(answer.http_status)
    };
    if answer.body.is_empty() {
        return Err(error(Status::EmptyBody, "an empty body".into()));
    }
    let lacking = |error: Error| error.at(endpoint).with_http_status(answer.http_status);
    match json::parse::<ServerVersion>(&answer.body).map_err(lacking)? {
        Ok(version) if !version.server.is_empty() => Ok(version),
        _ => Err(error(Status::InvalidResponse, failure::excerpt(&answer.body))),
    }
}
