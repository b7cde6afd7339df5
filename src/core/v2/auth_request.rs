//! Calls of the auth API as HTTP requests, byte for byte as the Go client sends them, but for the change of a password.

use bytes::Bytes;
use http::Method;

use super::{json_text, segment};
use crate::core::auth::Permission;
use crate::core::error::{Error, Result};
use crate::core::exchange::{Effect, Request};
use crate::core::memory;

const ENABLE: &str = "/v2/auth/enable";
/// What is sent there may hold a password.
pub const USERS: &str = "/v2/auth/users";
const ROLES: &str = "/v2/auth/roles";
const JSON: &str = "application/json";

/// A role that nobody has. Granted and revoked in one request it leaves the roles as they are, and makes the server take the
/// request for the change of a user: a PUT with a password alone would make a user that does not exist.
const NO_ROLE: &str = "libetcd_client-no-such-role";

pub fn enable() -> Request {
    write(Method::PUT, ENABLE.into(), None)
}

pub fn disable() -> Request {
    write(Method::DELETE, ENABLE.into(), None)
}

pub fn status() -> Request {
    read(ENABLE.into(), None)
}

/// Makes the user, or overwrites its password.
pub fn user_put(user: &str, password: &str) -> Result<Request> {
    let path = segment::path("user", USERS, user)?;
    let [name, password] = [json_text::string(user)?, json_text::string(given(password)?)?];
    Ok(write(Method::PUT, path, Some(format!("{{\"user\":{name},\"password\":{password},\"roles\":null}}"))))
}

pub fn user_change_password(user: &str, password: &str) -> Result<Request> {
    let path = segment::path("user", USERS, user)?;
    let [name, password] = [json_text::string(user)?, json_text::string(given(password)?)?];
    let role = json_text::list([NO_ROLE])?;
    let body = format!("{{\"user\":{name},\"password\":{password},\"roles\":null,\"grant\":{role},\"revoke\":{role}}}");
    Ok(write(Method::PUT, path, Some(body)))
}

pub fn user_remove(user: &str) -> Result<Request> {
    Ok(write(Method::DELETE, segment::path("user", USERS, user)?, None))
}

pub fn user_get(user: &str) -> Result<Request> {
    Ok(read(segment::path("user", USERS, user)?, None))
}

pub fn user_list() -> Request {
    // Go sends the type of the body that it does not have.
    read(USERS.into(), Some(JSON))
}

pub fn user_grant(user: &str, roles: &[impl AsRef<str>]) -> Result<Request> {
    refuse_empty_entry("roles", roles, "etcd would crash in every request that asks for users")?;
    user_update(user, "grant", roles)
}

pub fn user_revoke(user: &str, roles: &[impl AsRef<str>]) -> Result<Request> {
    user_update(user, "revoke", roles)
}

fn user_update(user: &str, verb: &str, roles: &[impl AsRef<str>]) -> Result<Request> {
    let path = segment::path("user", USERS, user)?;
    refuse_empty("roles", roles)?;
    let (name, roles) = (json_text::string(user)?, json_text::list(roles.iter().map(AsRef::as_ref))?);
    let parts = ["{\"user\":", &name, ",\"roles\":null,\"", verb, "\":", &roles, "}"];
    Ok(write(Method::PUT, path, Some(memory::joined(&parts, "a request")?)))
}

pub fn role_add(role: &str) -> Result<Request> {
    role_put(segment::path("role", ROLES, role)?, role, &[])
}

pub fn role_remove(role: &str) -> Result<Request> {
    Ok(write(Method::DELETE, segment::path("role", ROLES, role)?, None))
}

pub fn role_get(role: &str) -> Result<Request> {
    Ok(read(segment::path("role", ROLES, role)?, None))
}

pub fn role_list() -> Request {
    read(ROLES.into(), Some(JSON))
}

pub fn role_grant(role: &str, prefixes: &[impl AsRef<str>], permission: Permission) -> Result<Request> {
    refuse_empty_entry("prefixes", prefixes, "etcd would crash in every request that it checks against it")?;
    role_update(role, "grant", prefixes, permission)
}

pub fn role_revoke(role: &str, prefixes: &[impl AsRef<str>], permission: Permission) -> Result<Request> {
    role_update(role, "revoke", prefixes, permission)
}

/// Without prefixes etcd would take the request for one that makes the role.
fn role_update(role: &str, verb: &str, prefixes: &[impl AsRef<str>], permission: Permission) -> Result<Request> {
    let path = segment::path("role", ROLES, role)?;
    refuse_empty("prefixes", prefixes)?;
    let list = json_text::list(prefixes.iter().map(AsRef::as_ref))?;
    let read = if permission.reads() { &list } else { "null" };
    let write = if permission.writes() { &list } else { "null" };
    role_put(path, role, &[",\"", verb, "\":{\"kv\":{\"read\":", read, ",\"write\":", write, "}}"])
}

fn role_put(path: String, role: &str, change: &[&str]) -> Result<Request> {
    let name = json_text::string(role)?;
    let none = "{\"kv\":{\"read\":null,\"write\":null}}";
    let parts = [&["{\"role\":", &name, ",\"permissions\":", none], change, &["}"]].concat();
    Ok(write(Method::PUT, path, Some(memory::joined(&parts, "a request")?)))
}

fn given(password: &str) -> Result<&str> {
    match password {
        "" => Err(Error::invalid_argument("password", "is empty; etcd has no users without a password")),
        password => Ok(password),
    }
}

fn refuse_empty(argument: &str, list: &[impl AsRef<str>]) -> Result<()> {
    match list {
        [] => Err(Error::invalid_argument(argument, "the list is empty; there is nothing to grant or revoke")),
        _ => Ok(()),
    }
}

/// An empty entry can be revoked, if another client granted it, but not granted.
fn refuse_empty_entry(argument: &str, list: &[impl AsRef<str>], consequence: &str) -> Result<()> {
    match list.iter().position(|entry| entry.as_ref().is_empty()) {
        Some(number) => {
            Err(Error::invalid_argument(argument, format_args!("string {number} of the list is empty; {consequence}")))
        }
        None => Ok(()),
    }
}

fn read(path: String, content_type: Option<&'static str>) -> Request {
    Request { method: Method::GET, path, query: "".into(), content_type, body: Bytes::new(), effect: Effect::Read }
}

fn write(method: Method, path: String, body: Option<String>) -> Request {
    Request {
        method,
        path,
        query: "".into(),
        content_type: body.is_some().then_some(JSON),
        body: body.unwrap_or_default().into(),
        effect: Effect::OneShotWrite,
    }
}
