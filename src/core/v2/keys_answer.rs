//! Answers to keys requests, and what each of them says.

use std::borrow::Cow;
use std::fmt;

use super::failure;
use super::keys_document::{self, Unreadable};
use crate::core::error::{Error, Outcome, Result};
use crate::core::exchange::{Answer, Effect};
use crate::core::http1::headers::Name;
use crate::core::response::{Builder, Response};
use crate::core::status::Status;
use crate::faults::{self, Place};

/// 200 and 201 are success, everything else is a refusal; 5xx never gets here.
pub fn decode(answer: &Answer, endpoint: &str, effect: Effect) -> Result<Response> {
    faults::here(Place::Decode, &answer.body);
    if !matches!(answer.http_status, 200 | 201) {
        return Err(failure::refusal(answer, endpoint, effect));
    }
    // A success that cannot be read: whether it came from etcd, and from its store, nobody can say.
    let unknown = if effect.is_write() { Outcome::MaybeApplied } else { Outcome::NotApplied };
    let senseless = |status: Status, why: &dyn fmt::Display| {
        let text =
            format!("{endpoint} answered HTTP {}, but {why}; the endpoint is probably not etcd", answer.http_status);
        Error::new(status, text).at(endpoint).with_http_status(answer.http_status).with_outcome(unknown)
    };
    let failed = |error: Error| error.at(endpoint).with_http_status(answer.http_status).with_outcome(unknown);
    if answer.body.is_empty() {
        return Err(senseless(Status::EmptyBody, &"the body is empty"));
    }
    let invalid = |why: &dyn fmt::Display| senseless(Status::InvalidResponse, why);
    if let Some(encoding) = answer.headers.get(Name::ContentEncoding) {
        let encoding = String::from_utf8_lossy(encoding);
        return Err(invalid(&format_args!("it is encoded as {encoding:?}, which nobody asked for")));
    }
    let mut builder = Builder::with_text_capacity(answer.body.len()).map_err(failed)?;
    let has_action = match keys_document::parse(&answer.body, &mut builder) {
        Ok(has_action) => has_action,
        Err(Unreadable::Failed(error)) => return Err(failed(error)),
        Err(Unreadable::Senseless(why)) => {
            let excerpt = failure::excerpt(&answer.body);
            return Err(invalid(&format_args!("the body is not the JSON of etcd ({why}): {excerpt}")));
        }
    };
    if !has_action {
        return Err(invalid(&format_args!("the body has no action: {}", failure::excerpt(&answer.body))));
    }
    let index = index_of(answer).map_err(|header| {
        let error = invalid(&format_args!("its X-Etcd-Index is '{header}'"));
        // The body is etcd's, so the write is in the store.
        if effect.is_write() { error.with_outcome(Outcome::Applied) } else { error }
    })?;
    let cluster_id = answer.headers.get(Name::EtcdClusterId).unwrap_or_default();
    builder.finish(index, &without_nul(cluster_id)).map_err(failed)
}

/// 0 when absent or empty; the header's text when it is not a number.
pub fn index_of(answer: &Answer) -> std::result::Result<u64, String> {
    let Some(header) = answer.headers.get(Name::EtcdIndex) else { return Ok(0) };
    if header.is_empty() {
        return Ok(0);
    }
    // The digits alone, as Go takes them; Rust's parser would take a plus sign too.
    let add = |number: u64, digit: &u8| match digit {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    };
    header.iter().try_fold(0, add).ok_or_else(|| String::from_utf8_lossy(header).into_owned())
}

fn without_nul(bytes: &[u8]) -> Cow<'_, [u8]> {
    match bytes.contains(&0) {
        true => bytes.iter().copied().filter(|byte| *byte != 0).collect(),
        false => bytes.into(),
    }
}

#[cfg(test)]
#[path = "keys_answer_tests.rs"]
mod tests;
