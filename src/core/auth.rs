//! The auth API: whether etcd asks for users, and its users and roles.

use super::client::Client;
use super::error::{Error, Outcome, Result, ServerError};
use super::status::Status;
use super::v2::auth_answer as answer;
use super::v2::auth_request as request;
use super::v2::failure::Asked;
use crate::rt::context::Context;

/// What a role may do below a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    Read,
    Write,
    ReadWrite,
}

impl Permission {
    pub fn reads(self) -> bool {
        self != Permission::Write
    }

    pub fn writes(self) -> bool {
        self != Permission::Read
    }
}

/// What a role may read and write: keys, or prefixes that end in `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RolePrefixes {
    pub read: Vec<String>,
    pub write: Vec<String>,
}

impl Client {
    pub fn auth_enable(&self, context: Option<&Context>) -> Result<()> {
        self.ask(request::enable(), context, answer::done)
    }

    pub fn auth_disable(&self, context: Option<&Context>) -> Result<()> {
        self.ask(request::disable(), context, answer::done)
    }

    pub fn auth_status(&self, context: Option<&Context>) -> Result<bool> {
        self.ask(request::status(), context, answer::is_enabled)
    }

    /// The server's PUT overwrites the password of a user that exists, so it is looked for first. Only 201 says that this call
    /// made the user; another client may have done it since the look, or the member that was asked lagged behind.
    pub fn auth_user_add(&self, user: &str, password: &str, context: Option<&Context>) -> Result<()> {
        let (look, put) = (request::user_get(user)?, request::user_put(user, password)?);
        let context = self.whole_call(context);
        if let Some(endpoint) = self.ask(look, context.as_ref(), answer::user_exists)? {
            let text = format!(
                "auth: User {user} already exists at {endpoint}; its password was kept: \
                 change it with etcd_auth_user_change_password"
            );
            return Err(already_exists(user, text, &endpoint).with_http_status(409));
        }
        self.ask(put, context.as_ref(), |answer, asked| match answer::user_made(answer, asked, user)? {
            true => Ok(()),
            false => Err(overwritten(user, asked).with_http_status(answer.http_status)),
        })
    }

    /// One request, which the server refuses when there is no such user.
    pub fn auth_user_change_password(&self, user: &str, password: &str, context: Option<&Context>) -> Result<()> {
        let request = request::user_change_password(user, password)?;
        self.ask(request, context, |answer, asked| answer::user_changed(answer, asked, user))
    }

    pub fn auth_user_remove(&self, user: &str, context: Option<&Context>) -> Result<()> {
        self.ask(request::user_remove(user)?, context, answer::done)
    }

    /// The names of the user's roles.
    pub fn auth_user_get(&self, user: &str, context: Option<&Context>) -> Result<Vec<String>> {
        self.ask(request::user_get(user)?, context, answer::roles_of_user)
    }

    pub fn auth_user_list(&self, context: Option<&Context>) -> Result<Vec<String>> {
        self.ask(request::user_list(), context, answer::users)
    }

    pub fn auth_user_grant(&self, user: &str, roles: &[&str], context: Option<&Context>) -> Result<()> {
        let request = request::user_grant(user, roles)?;
        self.ask(request, context, |answer, asked| answer::user_changed(answer, asked, user))
    }

    pub fn auth_user_revoke(&self, user: &str, roles: &[&str], context: Option<&Context>) -> Result<()> {
        let request = request::user_revoke(user, roles)?;
        self.ask(request, context, |answer, asked| answer::user_changed(answer, asked, user))
    }

    pub fn auth_role_add(&self, role: &str, context: Option<&Context>) -> Result<()> {
        self.ask(request::role_add(role)?, context, |answer, asked| answer::role_made(answer, asked, role))
    }

    pub fn auth_role_remove(&self, role: &str, context: Option<&Context>) -> Result<()> {
        self.ask(request::role_remove(role)?, context, answer::done)
    }

    pub fn auth_role_get(&self, role: &str, context: Option<&Context>) -> Result<RolePrefixes> {
        self.ask(request::role_get(role)?, context, answer::prefixes_of_role)
    }

    pub fn auth_role_list(&self, context: Option<&Context>) -> Result<Vec<String>> {
        self.ask(request::role_list(), context, answer::roles)
    }

    pub fn auth_role_grant(
        &self,
        role: &str,
        prefixes: &[&str],
        permission: Permission,
        context: Option<&Context>,
    ) -> Result<()> {
        let request = request::role_grant(role, prefixes, permission)?;
        self.ask(request, context, |answer, asked| answer::role_changed(answer, asked, role))
    }

    pub fn auth_role_revoke(
        &self,
        role: &str,
        prefixes: &[&str],
        permission: Permission,
        context: Option<&Context>,
    ) -> Result<()> {
        let request = request::role_revoke(role, prefixes, permission)?;
        self.ask(request, context, |answer, asked| answer::role_changed(answer, asked, role))
    }
}

/// An error in the words that the server has for it.
fn already_exists(user: &str, text: String, endpoint: &str) -> Error {
    let server = ServerError { message: format!("auth: User {user} already exists."), ..ServerError::default() };
    Error::new(Status::Auth, text).with_server(server).at(endpoint)
}

fn overwritten(user: &str, asked: Asked<'_>) -> Error {
    let text = format!(
        "auth: User {user} already exists at {}; it was made by another client at the same moment, and this call \
         has replaced its password: agree on one, and set it with etcd_auth_user_change_password",
        asked.endpoint
    );
    already_exists(user, text, asked.endpoint).with_outcome(Outcome::Applied)
}
