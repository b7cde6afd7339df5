//! `GET /v2/stats/...`: counters of a member, of its store, and of the leader's view of its followers.

use bytes::Bytes;
use http::Method;
use serde::de::IgnoredAny;

use super::failure;
use crate::core::call::Answered;
use crate::core::error::{Error, Result};
use crate::core::exchange::{Effect, Request};
use crate::core::memory;
use crate::core::status::Status;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Member,
    Store,
    Leader,
}

impl Kind {
    pub fn parse(name: &str) -> Option<Kind> {
        [Kind::Member, Kind::Store, Kind::Leader].into_iter().find(|kind| kind.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Member => "self",
            Kind::Store => "store",
            Kind::Leader => "leader",
        }
    }
}

pub fn request(kind: Kind) -> Request {
    Request {
        method: Method::GET,
        path: format!("/v2/stats/{}", kind.name()),
        query: "".into(),
        content_type: None,
        body: Bytes::new(),
        effect: Effect::Read,
    }
}

/// Only the leader knows the leader's statistics: a follower answers 403 "not current leader".
pub fn is_not_leader(kind: Kind, answered: &Answered) -> bool {
    kind == Kind::Leader && answered.answer.http_status == 403
}

/// The JSON as the server gave it; whatever its numbers are called, it is one document.
pub fn decode(answered: &Answered) -> Result<String> {
    let (answer, endpoint) = (&answered.answer, &answered.endpoint);
    if answer.http_status != 200 {
        return Err(failure::refusal(answer, endpoint, Effect::Read));
    }
    if answer.body.is_empty() {
        let text = format!("{endpoint} answered with an empty body");
        return Err(Error::new(Status::EmptyBody, text).at(endpoint).with_http_status(200));
    }
    let lacking = |error: Error| error.at(endpoint).with_http_status(200);
    let json = std::str::from_utf8(&answer.body).ok();
    let json = json.filter(|json| serde_json::from_str::<IgnoredAny>(json).is_ok());
    let copied = json.map(|json| memory::copy(json.trim_end(), "statistics").map_err(lacking)).transpose()?;
    copied.ok_or_else(|| {
        let said = failure::excerpt(&answer.body);
        let text = format!("{endpoint} answered with {said} instead of JSON; the endpoint is probably not etcd");
        Error::new(Status::InvalidResponse, text).at(endpoint).with_http_status(200)
    })
}
