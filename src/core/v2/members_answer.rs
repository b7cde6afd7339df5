//! What the members API answers.

use serde::Deserialize;

use super::failure::{self, Asked};
use crate::core::error::{Result, ServerError};
use crate::core::exchange::Answer;
use crate::core::members::Member;
use crate::core::status::Status;

#[derive(Deserialize)]
struct WireList {
    /// Go takes a missing list for an empty one.
    #[serde(default)]
    members: Option<Vec<WireMember>>,
}

#[derive(Deserialize)]
struct WireMember {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default, rename = "peerURLs")]
    peer_urls: Option<Vec<String>>,
    #[serde(default, rename = "clientURLs")]
    client_urls: Option<Vec<String>>,
}

impl From<WireMember> for Member {
    fn from(wire: WireMember) -> Member {
        Member {
            id: wire.id,
            name: wire.name,
            peer_urls: wire.peer_urls.unwrap_or_default(),
            client_urls: wire.client_urls.unwrap_or_default(),
        }
    }
}

pub fn list(answer: &Answer, asked: Asked<'_>) -> Result<Vec<Member>> {
    accept(answer, asked, &[200])?;
    let list: WireList = failure::json(answer, asked)?;
    Ok(list.members.unwrap_or_default().into_iter().map(Member::from).collect())
}

pub fn added(answer: &Answer, asked: Asked<'_>) -> Result<Member> {
    accept(answer, asked, &[201])?;
    failure::json::<WireMember>(answer, asked).map(Member::from)
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
    failure::json::<WireMember>(answer, asked).map(Member::from)
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
