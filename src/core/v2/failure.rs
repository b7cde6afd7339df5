//! Answers that are no success: etcd's own refusals, failing members, and servers that are not etcd.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use super::{api_code, json};
use crate::core::error::{Error, Outcome, Result, ServerError};
use crate::core::exchange::{Answer, Effect, Hop};
use crate::core::status::Status;

pub use super::api_code::RAFT_INTERNAL;

/// An answer below 500 that is no success.
pub fn refusal(answer: &Answer, endpoint: &str, effect: Effect) -> Error {
    // Where whoever answered was not etcd's store, or cannot be understood.
    let unknown = if effect.is_write() { Outcome::MaybeApplied } else { Outcome::NotApplied };
    let error = match server_error(answer) {
        Err(lacking) => lacking.with_outcome(unknown),
        Ok(Some(server)) if server.code != 0 => {
            // Whatever HTTP status it comes with, this code says that the cluster had not decided yet.
            let pending = server.code == RAFT_INTERNAL && effect.is_write();
            let outcome = if pending { Outcome::MaybeApplied } else { Outcome::NotApplied };
            Error::new(Status::Api, api_message(&server, endpoint)).with_server(server).with_outcome(outcome)
        }
        _ => {
            let text = format!(
                "{endpoint} answered HTTP {} without an etcd error: {}; the endpoint is probably not etcd",
                answer.http_status,
                excerpt(&answer.body)
            );
            Error::new(Status::InvalidResponse, text).with_outcome(unknown)
        }
    };
    error.at(endpoint).with_http_status(answer.http_status)
}

/// What a refusal or a senseless answer is told with.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub endpoint: &'a str,
    pub effect: Effect,
}

/// The advice for "Insufficient credentials", which etcd says for a missing, an unknown and a weak user alike.
pub const NEEDS_ROOT: &str = "auth is enabled and this call needs a user with the role root: \
                              check name and password that etcd_config_set_credentials got";

/// A refusal of the auth or members API, which gives its reason in words and without a code.
pub fn refusal_in_words(
    answer: &Answer,
    asked: Asked<'_>,
    status: Status,
    advice: impl FnOnce(u16, &ServerError) -> &'static str,
) -> Error {
    match server_error(answer) {
        Ok(Some(server)) if server.code == 0 && answer.http_status >= 400 => {
            let advice = advice(answer.http_status, &server);
            let separator = if advice.is_empty() { "" } else { "; " };
            let text = format!("{} at {}{separator}{advice}", words(&server).trim_end_matches('.'), asked.endpoint);
            Error::new(status, text).with_server(server).at(asked.endpoint).with_http_status(answer.http_status)
        }
        _ => refusal(answer, asked.endpoint, asked.effect),
    }
}

/// The body of a success, which is a JSON object.
pub fn object(answer: &Answer, asked: Asked<'_>) -> Result<Value> {
    let outcome = if asked.effect.is_write() { Outcome::MaybeApplied } else { Outcome::NotApplied };
    let lacking = |error: Error| error.at(asked.endpoint).with_http_status(answer.http_status).with_outcome(outcome);
    let body: Value = json::parse(&answer.body).map_err(lacking)?.map_err(|why| senseless(answer, asked, &why))?;
    if body.is_object() { Ok(body) } else { Err(senseless(answer, asked, &"it is no object")) }
}

/// A success whose body makes no sense: whether it came from etcd, nobody can say.
pub fn senseless(answer: &Answer, asked: Asked<'_>, why: &dyn fmt::Display) -> Error {
    let outcome = if asked.effect.is_write() { Outcome::MaybeApplied } else { Outcome::NotApplied };
    let status = if answer.body.is_empty() { Status::EmptyBody } else { Status::InvalidResponse };
    let text = format!(
        "{} answered HTTP {} with {}, which is not the JSON of etcd ({why}); the endpoint is probably not etcd",
        asked.endpoint,
        answer.http_status,
        excerpt(&answer.body)
    );
    Error::new(status, one_line(&text)).at(asked.endpoint).with_http_status(answer.http_status).with_outcome(outcome)
}

/// A member that fails. Go calls every 500 and 503 "has no leader" and throws the body away.
pub fn server_failure(answer: &Answer, hop: &Hop) -> Error {
    let endpoint = hop.origin.to_string();
    let reason =
        http::StatusCode::from_u16(answer.http_status).ok().and_then(|status| status.canonical_reason()).unwrap_or("");
    let server = match server_error(answer) {
        Ok(server) => server,
        Err(lacking) => return lacking.at(&endpoint).with_http_status(answer.http_status),
    };
    let said = match &server {
        Some(server) => format!(": {}", words(server)),
        None if answer.body.is_empty() => String::new(),
        None => format!(": {}", excerpt(&answer.body)),
    };
    let no_leader = is_no_leader(answer.http_status, server.as_ref());
    let (status, what) = if no_leader {
        (Status::NoLeader, format!("etcd member {endpoint} has no leader (HTTP {} {reason}){said}", answer.http_status))
    } else {
        (
            Status::HttpStatus,
            format!("etcd member {endpoint} returns server error [HTTP {} {reason}]{said}", answer.http_status),
        )
    };
    let error = Error::new(status, what).at(&endpoint).with_http_status(answer.http_status);
    match server {
        Some(server) => error.with_server(server),
        None => error,
    }
}

fn is_no_leader(http_status: u16, server: Option<&ServerError>) -> bool {
    match server {
        Some(server) if server.code == api_code::LEADER_ELECT => true,
        Some(server) => {
            let text = format!("{} {}", server.message, server.cause).to_ascii_lowercase();
            text.contains("no leader") || text.contains("during election")
        }
        // etcd answers a bare 503 only while it has no leader.
        None => http_status == 503,
    }
}

fn api_message(server: &ServerError, endpoint: &str) -> String {
    let advice = api_code::advice(server.code);
    let separator = if advice.is_empty() { "" } else { "; " };
    format!("{} at {endpoint}{separator}{advice}", words(server))
}

/// Go's text of an etcd error: `100: Key not found (/foo) [18]`.
fn words(server: &ServerError) -> String {
    let code = if server.code == 0 { String::new() } else { format!("{}: ", server.code) };
    let cause = if server.cause.is_empty() { String::new() } else { format!(" ({})", shortened(&server.cause)) };
    let index = if server.code == 0 { String::new() } else { format!(" [{}]", server.index) };
    one_line(&format!("{code}{}{cause}{index}", shortened(&server.message)))
}

/// A comparison that failed has the whole value in its cause. All of it is in the error's own fields, and not in every message.
fn shortened(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 16 << 10;
    match text.as_bytes().get(..LONGEST) {
        Some(beginning) => format!("{}... ({} bytes)", String::from_utf8_lossy(beginning), text.len()).into(),
        None => text.into(),
    }
}

/// A message is one line, whatever a server or a compared value says.
fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// The body as etcd's error object. Names are matched without regard to case, as Go does it for errors.
fn server_error(answer: &Answer) -> Result<Option<ServerError>> {
    let Ok(Value::Object(object)) = json::parse(&answer.body)? else { return Ok(None) };
    let field = |name: &str| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let text = |name: &str| field(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let server = ServerError {
        code: field("errorCode").and_then(Value::as_i64).and_then(|code| i32::try_from(code).ok()).unwrap_or(0),
        message: text("message"),
        cause: text("cause"),
        index: field("index").and_then(Value::as_u64).unwrap_or(0),
    };
    Ok((server.code != 0 || !server.message.is_empty()).then_some(server))
}

/// The beginning of a body on one line, for messages.
pub fn excerpt(body: &[u8]) -> String {
    const LONGEST: usize = 120;
    if body.is_empty() {
        return "an empty body".into();
    }
    let beginning = String::from_utf8_lossy(body.get(..LONGEST).unwrap_or(body));
    let line = one_line(&beginning);
    let more = if body.len() > LONGEST { "..." } else { "" };
    format!("'{}{more}'", line.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::endpoint::Endpoint;
    use crate::core::http1::headers::Headers;

    fn answer(http_status: u16, body: &str) -> Answer {
        Answer { http_status, headers: Headers::default(), body: bytes::Bytes::copy_from_slice(body.as_bytes()) }
    }

    fn hop() -> Hop {
        let endpoint = Endpoint::parse("http://h:1").expect("valid");
        Hop { origin: endpoint.origin().clone(), host_header: "h:1".into(), target: "/".into(), credentials: None }
    }

    #[test]
    fn an_etcd_error_keeps_every_field_whatever_its_case() {
        let body = r#"{"ERRORCODE":101,"message":"Compare failed","Cause":"[one != two]","index":18}"#;
        let error = refusal(&answer(412, body), "http://h:1", Effect::OneShotWrite);
        let expected =
            ServerError { code: 101, message: "Compare failed".into(), cause: "[one != two]".into(), index: 18 };
        assert_eq!((error.status(), error.http_status(), error.server()), (Status::Api, 412, Some(&expected)));
        assert!(error.message().starts_with("101: Compare failed ([one != two]) [18] at http://h:1; "));
        assert_eq!(error.outcome(), Outcome::NotApplied);
    }

    #[test]
    fn what_is_no_etcd_error_is_an_invalid_response() {
        for body in ["", "{\"er", "{}", "I'm a teapot", "[1]"] {
            let error = refusal(&answer(418, body), "http://h:1", Effect::OneShotWrite);
            assert_eq!((error.status(), error.outcome()), (Status::InvalidResponse, Outcome::MaybeApplied), "{body}");
        }
    }

    #[test]
    fn a_failing_member_keeps_its_words_and_only_elections_are_no_leader() {
        let cases = [
            (503, "", Status::NoLeader),
            (503, r#"{"message":"During election"}"#, Status::NoLeader),
            (500, r#"{"errorCode":301,"message":"During Leader Election"}"#, Status::NoLeader),
            (
                500,
                r#"{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out"}"#,
                Status::HttpStatus,
            ),
            (502, "bad gateway", Status::HttpStatus),
            (503, r#"{"message":"httpproxy: zero endpoints currently available"}"#, Status::HttpStatus),
        ];
        for (http_status, body, status) in cases {
            let error = server_failure(&answer(http_status, body), &hop());
            assert_eq!((error.status(), error.http_status()), (status, http_status), "{body}");
        }
        let timed_out = server_failure(&answer(500, cases[3].1), &hop());
        assert_eq!(timed_out.server().map(|server| server.cause.as_str()), Some("etcdserver: request timed out"));
    }
}
