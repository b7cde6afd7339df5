//! What the auth API answers.

use serde_json::Value;

use super::failure::{self, Asked};
use crate::core::auth::RolePrefixes;
use crate::core::error::{Result, ServerError};
use crate::core::exchange::Answer;
use crate::core::status::Status;

/// A success that has no body; whoever sends one that is no JSON is not etcd.
pub fn done(answer: &Answer, asked: Asked<'_>) -> Result<()> {
    accept(answer, asked, &[200, 201])?;
    if answer.body.trim_ascii().is_empty() {
        return Ok(());
    }
    failure::object(answer, asked).map(|_| ())
}

pub fn is_enabled(answer: &Answer, asked: Asked<'_>) -> Result<bool> {
    accept(answer, asked, &[200])?;
    let body = failure::object(answer, asked)?;
    let enabled = body.get("enabled").and_then(Value::as_bool);
    enabled.ok_or_else(|| failure::senseless(answer, asked, &"it does not say whether auth is enabled"))
}

/// The endpoint that knows the user; None when there is no such user.
pub fn user_exists(answer: &Answer, asked: Asked<'_>) -> Result<Option<String>> {
    let exists = || Some(asked.endpoint.to_owned());
    match roles_of_user(answer, asked) {
        Ok(_) => Ok(exists()),
        Err(error) if error.is_user_not_found() => Ok(None),
        // The user is there, but one of its roles is not.
        Err(error) if error.is_role_not_found() => Ok(exists()),
        Err(error) => Err(error),
    }
}

/// Whether the user was made: 201. A 200 says that there was one already.
pub fn user_made(answer: &Answer, asked: Asked<'_>, user: &str) -> Result<bool> {
    accept(answer, asked, &[200, 201])?;
    names(answer, asked, "user", user)?;
    Ok(answer.http_status == 201)
}

pub fn user_changed(answer: &Answer, asked: Asked<'_>, user: &str) -> Result<()> {
    accept(answer, asked, &[200])?;
    names(answer, asked, "user", user)
}

pub fn role_made(answer: &Answer, asked: Asked<'_>, role: &str) -> Result<()> {
    accept(answer, asked, &[200, 201])?;
    names(answer, asked, "role", role)
}

pub fn role_changed(answer: &Answer, asked: Asked<'_>, role: &str) -> Result<()> {
    accept(answer, asked, &[200])?;
    names(answer, asked, "role", role)
}

pub fn roles_of_user(answer: &Answer, asked: Asked<'_>) -> Result<Vec<String>> {
    accept(answer, asked, &[200])?;
    let body = failure::object(answer, asked)?;
    let user = body.get("user").filter(|user| user.is_string());
    let roles = user.and_then(|_| names_in(body.get("roles"), "role"));
    roles.ok_or_else(|| failure::senseless(answer, asked, &"it is no user with roles"))
}

pub fn users(answer: &Answer, asked: Asked<'_>) -> Result<Vec<String>> {
    collection(answer, asked, "users", "user")
}

pub fn roles(answer: &Answer, asked: Asked<'_>) -> Result<Vec<String>> {
    collection(answer, asked, "roles", "role")
}

pub fn prefixes_of_role(answer: &Answer, asked: Asked<'_>) -> Result<RolePrefixes> {
    accept(answer, asked, &[200])?;
    let body = failure::object(answer, asked)?;
    let permissions = body.get("permissions").and_then(|permissions| permissions.get("kv"));
    let list = |kind| permissions.and_then(|kv| names_in(kv.get(kind), "prefix"));
    match (list("read"), list("write")) {
        (Some(read), Some(write)) => Ok(RolePrefixes { read, write }),
        _ => Err(failure::senseless(answer, asked, &"it is no role with permissions")),
    }
}

fn collection(answer: &Answer, asked: Asked<'_>, plural: &str, singular: &str) -> Result<Vec<String>> {
    accept(answer, asked, &[200])?;
    let body = failure::object(answer, asked)?;
    let names = names_in(body.get(plural), singular);
    names.ok_or_else(|| failure::senseless(answer, asked, &format_args!("it is no list of {plural}")))
}

/// The names in a list of names, as the first etcds with auth send it, or of objects that have one. A missing list is an empty one.
fn names_in(list: Option<&Value>, field: &str) -> Option<Vec<String>> {
    match list {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(entries)) => {
            entries.iter().map(|entry| entry.get(field).unwrap_or(entry).as_str().map(str::to_owned)).collect()
        }
        Some(_) => None,
    }
}

/// A success names what was changed; another body is not etcd's.
fn names(answer: &Answer, asked: Asked<'_>, field: &str, name: &str) -> Result<()> {
    let body = failure::object(answer, asked)?;
    match body.get(field).and_then(Value::as_str) == Some(name) {
        true => Ok(()),
        false => Err(failure::senseless(answer, asked, &format_args!("it does not name the {field}"))),
    }
}

fn accept(answer: &Answer, asked: Asked<'_>, success: &[u16]) -> Result<()> {
    match success.contains(&answer.http_status) {
        true => Ok(()),
        false => Err(failure::refusal_in_words(answer, asked, Status::Auth, advice)),
    }
}

fn advice(http_status: u16, server: &ServerError) -> &'static str {
    let said = |words: &str| server.message.contains(words);
    match http_status {
        401 => failure::NEEDS_ROOT,
        _ if said("No root user") => "call etcd_auth_user_add for the user root first",
        _ if said("delete root user") => "disable auth first",
        _ if said("is root role") => "the role root may do everything and cannot be changed or removed",
        404 if said("Role") => "add it with etcd_auth_role_add; if a user has a role that is gone, revoke it",
        404 if said("User") => "etcd_auth_user_list shows the users",
        409 if said("Granting duplicate") => "it was granted already; none of the list was granted by this call",
        409 if said("Revoking ungranted") => "it is not granted; none of the list was revoked by this call",
        400 if said("Role not updated") => "none of the prefixes was granted with that permission",
        _ => "",
    }
}
