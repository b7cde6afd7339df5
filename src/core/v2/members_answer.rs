//! What the members API answers.

use serde_json::Value;

use super::failure::{self, Asked};
use crate::core::error::{Result, ServerError};
use crate::core::exchange::Answer;
use crate::core::members::Member;
use crate::core::status::Status;

pub fn list(answer: &Answer, asked: Asked<'_>) -> Result<Vec<Member>> {
    accept(answer, asked, &[200])?;
    let body = failure::object(answer, asked)?;
    let members = match body.get("members") {
        // Go takes a missing list for an empty one.
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(entries)) => entries.iter().map(member).collect(),
        Some(_) => None,
    };
    members.ok_or_else(|| failure::senseless(answer, asked, &"it is no list of members"))
}

pub fn added(answer: &Answer, asked: Asked<'_>) -> Result<Member> {
    accept(answer, asked, &[201])?;
    one(answer, asked)
}

/// 410 says that the member was removed before: that it is gone is what was asked for.
pub fn removed(answer: &Answer, asked: Asked<'_>) -> Result<()> {
    accept(answer, asked, &[204, 410])
}

pub fn updated(answer: &Answer, asked: Asked<'_>) -> Result<()> {
    accept(answer, asked, &[204])
}

pub fn leader(answer: &Answer, asked: Asked<'_>) -> Result<Member> {
    accept(answer, asked, &[200])?;
    one(answer, asked)
}

fn one(answer: &Answer, asked: Asked<'_>) -> Result<Member> {
    let body = failure::object(answer, asked)?;
    member(&body).ok_or_else(|| failure::senseless(answer, asked, &"it is no member"))
}

fn member(value: &Value) -> Option<Member> {
    Some(Member {
        id: value.get("id")?.as_str()?.to_owned(),
        name: value.get("name").map_or(Some(""), Value::as_str)?.to_owned(),
        peer_urls: urls(value.get("peerURLs"))?,
        client_urls: urls(value.get("clientURLs"))?,
    })
}

/// Missing or null for a member that was added and has never started.
fn urls(list: Option<&Value>) -> Option<Vec<String>> {
    match list {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(list) => list.as_array()?.iter().map(|url| url.as_str().map(str::to_owned)).collect(),
    }
}

fn accept(answer: &Answer, asked: Asked<'_>, success: &[u16]) -> Result<()> {
    match success.contains(&answer.http_status) {
        true => Ok(()),
        false => Err(failure::refusal_in_words(answer, asked, Status::Members, advice)),
    }
}

fn advice(http_status: u16, _: &ServerError) -> &'static str {
    match http_status {
        401 => failure::NEEDS_ROOT,
        404 => "etcd_members_list shows the members and their ids",
        409 => "etcd_members_list shows which member has it",
        _ => "",
    }
}
