//! Calls of the members API as HTTP requests, byte for byte as the Go client sends them.

use bytes::Bytes;
use http::Method;

use super::{json_text, segment};
use crate::core::error::Result;
use crate::core::exchange::{Effect, Request};
use crate::core::memory;
use crate::core::peer_url;

const PATH: &str = "/v2/members";
const JSON: &str = "application/json";

pub fn list() -> Request {
    read(PATH)
}

pub fn leader() -> Request {
    read("/v2/members/leader")
}

pub fn add(peer_url: &str) -> Result<Request> {
    let urls = peer_url::canonical("peer_url", [peer_url])?;
    write(Method::POST, PATH.into(), Some(&urls))
}

pub fn remove(id: &str) -> Result<Request> {
    write(Method::DELETE, segment::path("member_id", PATH, id)?, None)
}

pub fn update(id: &str, peer_urls: &[impl AsRef<str>]) -> Result<Request> {
    let urls = peer_url::canonical("peer_urls", peer_urls.iter().map(AsRef::as_ref))?;
    write(Method::PUT, segment::path("member_id", PATH, id)?, Some(&urls))
}

fn read(path: &str) -> Request {
    Request {
        method: Method::GET,
        path: path.into(),
        query: "".into(),
        content_type: None,
        body: Bytes::new(),
        effect: Effect::Read,
    }
}

fn write(method: Method, path: String, peer_urls: Option<&[String]>) -> Result<Request> {
    let list = peer_urls.map(|urls| json_text::list(urls.iter().map(String::as_str))).transpose()?;
    let body = list.map(|list| memory::joined(&["{\"peerURLs\":", &list, "}"], "a request")).transpose()?;
    Ok(Request {
        method,
        path,
        query: "".into(),
        content_type: body.is_some().then_some(JSON),
        body: body.unwrap_or_default().into(),
        effect: Effect::OneShotWrite,
    })
}
