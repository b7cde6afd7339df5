//! What a call that went on by itself has brought.

use super::auth::RolePrefixes;
use super::call::Answered;
use super::error::{Outcome, Result};
use super::exchange::Effect;
use super::members::Member;
use super::response::Response;
use super::v2::keys_answer;
use super::v2::version::ServerVersion;

pub enum Value {
    /// As it came: whoever takes it parses it, and not the thread that serves all connections.
    Keys(Box<Answered>, Effect),
    Members(Vec<Member>),
    /// By this call, unlike a member that was asked for.
    Added(Member),
    Texts(Vec<String>),
    Prefixes(RolePrefixes),
    Flag(bool),
    Text(String),
    Version(ServerVersion),
    Nothing,
}

/// The response to a keys call.
pub fn response(answered: Answered, effect: Effect) -> Result<Response> {
    match keys_answer::decode(&answered.answer, &answered.endpoint, effect) {
        // Only the plain set is sent on when it may have been carried out already.
        Ok(response) => Ok(response.resent(answered.outcome != Outcome::NotApplied)),
        Err(error) => Err(answered.explain(error)),
    }
}

impl From<()> for Value {
    fn from((): ()) -> Value {
        Value::Nothing
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Value {
        Value::Flag(flag)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<Vec<String>> for Value {
    fn from(texts: Vec<String>) -> Value {
        Value::Texts(texts)
    }
}

impl From<Vec<Member>> for Value {
    fn from(members: Vec<Member>) -> Value {
        Value::Members(members)
    }
}

impl From<Member> for Value {
    fn from(member: Member) -> Value {
        Value::Members(vec![member])
    }
}

impl From<RolePrefixes> for Value {
    fn from(prefixes: RolePrefixes) -> Value {
        Value::Prefixes(prefixes)
    }
}

impl From<ServerVersion> for Value {
    fn from(version: ServerVersion) -> Value {
        Value::Version(version)
    }
}
