//! The auth API: whether etcd asks for users, and its users and roles.

use super::caller::Caller;
use super::error::{Error, Outcome, Result, ServerError};
use super::status::Status;
use super::v2::auth_answer as answer;
use super::v2::auth_request as request;
use super::v2::failure::Asked;

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

impl Caller {
    pub async fn auth_enable(self) -> Result<()> {
        self.ask(request::enable(), answer::done).await
    }

    pub async fn auth_disable(self) -> Result<()> {
        self.ask(request::disable(), answer::done).await
    }

    pub async fn auth_status(self) -> Result<bool> {
        self.ask(request::status(), answer::is_enabled).await
    }

    /// The server's PUT overwrites the password of a user that exists, so it is looked for first. Only 201 says that this call
    /// made the user; another client may have done it since the look, or the member that was asked lagged behind.
    pub async fn auth_user_add(self, user: String, password: String) -> Result<()> {
        let (look, put) = (request::user_get(&user)?, request::user_put(&user, &password)?);
        let caller = self.for_several();
        if let Some(endpoint) = caller.ask(look, answer::user_exists).await? {
            let text = format!(
                "auth: User {user} already exists at {endpoint}; its password was kept: \
                 change it with etcd_auth_user_change_password"
            );
            return Err(already_exists(&user, text, &endpoint).with_http_status(409));
        }
        caller
            .ask(put, |answer, asked| match answer::user_made(answer, asked, &user)? {
                true => Ok(()),
                false => Err(overwritten(&user, asked).with_http_status(answer.http_status)),
            })
            .await
    }

    /// One request, which the server refuses when there is no such user.
    pub async fn auth_user_change_password(self, user: String, password: String) -> Result<()> {
        let request = request::user_change_password(&user, &password)?;
        self.ask(request, |answer, asked| answer::user_changed(answer, asked, &user)).await
    }

    pub async fn auth_user_remove(self, user: String) -> Result<()> {
        self.ask(request::user_remove(&user)?, answer::done).await
    }

    /// The names of the user's roles.
    pub async fn auth_user_get(self, user: String) -> Result<Vec<String>> {
        self.ask(request::user_get(&user)?, answer::roles_of_user).await
    }

    pub async fn auth_user_list(self) -> Result<Vec<String>> {
        self.ask(request::user_list(), answer::users).await
    }

    pub async fn auth_user_grant(self, user: String, roles: Vec<String>) -> Result<()> {
        let request = request::user_grant(&user, &roles)?;
        self.ask(request, |answer, asked| answer::user_changed(answer, asked, &user)).await
    }

    pub async fn auth_user_revoke(self, user: String, roles: Vec<String>) -> Result<()> {
        let request = request::user_revoke(&user, &roles)?;
        self.ask(request, |answer, asked| answer::user_changed(answer, asked, &user)).await
    }

    pub async fn auth_role_add(self, role: String) -> Result<()> {
        self.ask(request::role_add(&role)?, |answer, asked| answer::role_made(answer, asked, &role)).await
    }

    pub async fn auth_role_remove(self, role: String) -> Result<()> {
        self.ask(request::role_remove(&role)?, answer::done).await
    }

    pub async fn auth_role_get(self, role: String) -> Result<RolePrefixes> {
        self.ask(request::role_get(&role)?, answer::prefixes_of_role).await
    }

    pub async fn auth_role_list(self) -> Result<Vec<String>> {
        self.ask(request::role_list(), answer::roles).await
    }

    pub async fn auth_role_grant(self, role: String, prefixes: Vec<String>, permission: Permission) -> Result<()> {
        let request = request::role_grant(&role, &prefixes, permission)?;
        self.ask(request, |answer, asked| answer::role_changed(answer, asked, &role)).await
    }

    pub async fn auth_role_revoke(self, role: String, prefixes: Vec<String>, permission: Permission) -> Result<()> {
        let request = request::role_revoke(&role, &prefixes, permission)?;
        self.ask(request, |answer, asked| answer::role_changed(answer, asked, &role)).await
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
