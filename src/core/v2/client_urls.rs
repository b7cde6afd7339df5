//! The client URLs of members: `GET /v2/members` and `GET /v2/members/leader`, as far as a sync needs them.

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::failure;
use crate::core::call::Answered;
use crate::core::error::{Error, Result};
use crate::core::exchange::{Effect, Request};
use crate::core::status::Status;

const MEMBERS: &str = "/v2/members";
const LEADER: &str = "/v2/members/leader";

#[derive(Debug, Default, Deserialize)]
struct Member {
    /// Empty for a member that was added and has not started.
    #[serde(default, rename = "clientURLs")]
    client_urls: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
struct Members {
    #[serde(default)]
    members: Option<Vec<Member>>,
}

pub fn members_request() -> Request {
    request(MEMBERS)
}

pub fn leader_request() -> Request {
    request(LEADER)
}

fn request(path: &str) -> Request {
    Request {
        method: Method::GET,
        path: path.into(),
        query: String::new(),
        content_type: None,
        body: Bytes::new(),
        effect: Effect::Read,
    }
}

/// The URLs of all members, in the server's order.
pub fn of_members(answered: &Answered) -> Result<Vec<String>> {
    let members = decode::<Members>(answered, MEMBERS)?.members.unwrap_or_default();
    Ok(members.into_iter().flat_map(|member| member.client_urls.unwrap_or_default()).collect())
}

pub fn of_leader(answered: &Answered) -> Result<Vec<String>> {
    Ok(decode::<Member>(answered, LEADER)?.client_urls.unwrap_or_default())
}

fn decode<T: DeserializeOwned>(answered: &Answered, path: &str) -> Result<T> {
    let (answer, endpoint) = (&answered.answer, &answered.endpoint);
    if answer.http_status != 200 {
        return Err(failure::refusal(answer, endpoint, Effect::Read));
    }
    // An array would be taken for an object's fields in their order.
    let is_object = answer.body.trim_ascii_start().starts_with(b"{");
    let decoded = is_object.then(|| serde_json::from_slice(&answer.body).ok()).flatten();
    decoded.ok_or_else(|| {
        let said = failure::excerpt(&answer.body);
        let text = format!("{endpoint} answered {path} with {said}; the endpoint is probably not etcd");
        Error::new(Status::InvalidResponse, text).at(endpoint).with_http_status(answer.http_status)
    })
}
