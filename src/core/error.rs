//! What went wrong, where, and whether a write may have happened all the same.

use std::fmt;
use std::sync::Arc;

use super::status::Status;

/// Did the write happen? Ordered, so that the maximum over several attempts is the truth about the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    NotApplied = 0,
    MaybeApplied = 1,
    Applied = 2,
}

/// What the server said in its own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerError {
    pub code: i32,
    pub message: String,
    pub cause: String,
    pub index: u64,
}

/// An error of a call, or of one endpoint within a call's list.
#[derive(Debug, Clone)]
pub struct Error(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    status: Status,
    message: String,
    endpoint: Option<String>,
    http_status: u16,
    /// Shared, since what a server says can be large.
    server: Option<Arc<ServerError>>,
    outcome: Outcome,
    list: Vec<Error>,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(status: Status, message: impl Into<String>) -> Error {
        Error(Box::new(Parts {
            status,
            message: message.into(),
            endpoint: None,
            http_status: 0,
            server: None,
            outcome: Outcome::NotApplied,
            list: Vec::new(),
        }))
    }

    /// A refused argument; the message starts with the argument's name.
    pub fn invalid_argument(argument: &str, why: impl fmt::Display) -> Error {
        Error::new(Status::InvalidArgument, format!("{argument}: {why}"))
    }

    pub fn at(mut self, endpoint: &str) -> Error {
        self.0.endpoint = Some(endpoint.to_owned());
        self
    }

    pub fn with_http_status(mut self, http_status: u16) -> Error {
        self.0.http_status = http_status;
        self
    }

    pub fn with_server(mut self, server: ServerError) -> Error {
        self.0.server = Some(Arc::new(server));
        self
    }

    /// Raises the outcome; what may have happened cannot be talked away by a later attempt.
    pub fn with_outcome(mut self, outcome: Outcome) -> Error {
        self.0.outcome = self.0.outcome.max(outcome);
        self
    }

    pub fn with_list(mut self, list: Vec<Error>) -> Error {
        self.0.list = list;
        self
    }

    pub fn status(&self) -> Status {
        self.0.status
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn endpoint(&self) -> Option<&str> {
        self.0.endpoint.as_deref()
    }

    pub fn http_status(&self) -> u16 {
        self.0.http_status
    }

    pub fn server(&self) -> Option<&ServerError> {
        self.0.server.as_deref()
    }

    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    pub fn list(&self) -> &[Error] {
        &self.0.list
    }

    /// Go's `ClusterError.Detail()`: a line per endpoint; without a list, the message.
    pub fn detail(&self) -> String {
        if self.0.list.is_empty() {
            return self.0.message.clone();
        }
        let lines = self.0.list.iter().enumerate();
        lines.map(|(number, error)| format!("error #{number}: {}\n", error.message())).collect()
    }

    pub fn is_key_not_found(&self) -> bool {
        self.0.status == Status::Api && self.0.server.as_ref().is_some_and(|server| server.code == 100)
    }

    pub fn is_user_not_found(&self) -> bool {
        self.is_auth_not_found("User")
    }

    pub fn is_role_not_found(&self) -> bool {
        self.is_auth_not_found("Role")
    }

    /// The server words it in three ways ("does not exist.", "does not exist", "doesn't exist."); Go knows only the first.
    fn is_auth_not_found(&self, what: &str) -> bool {
        let Some(server) = self.0.server.as_ref().filter(|_| self.0.status == Status::Auth) else {
            return false;
        };
        let rest = server.message.strip_prefix("auth: ").and_then(|rest| rest.strip_prefix(what));
        rest.is_some_and(|rest| rest.contains(" does not exist") || rest.contains(" doesn't exist"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_only_rises() {
        let error =
            Error::new(Status::Io, "reset").with_outcome(Outcome::MaybeApplied).with_outcome(Outcome::NotApplied);
        assert_eq!(error.outcome(), Outcome::MaybeApplied);
    }

    #[test]
    fn detail_has_a_line_per_endpoint_as_in_go() {
        let list = vec![Error::new(Status::Connect, "refused"), Error::new(Status::Io, "EOF")];
        let error = Error::new(Status::Cluster, "nobody answered").with_list(list);
        assert_eq!(error.detail(), "error #0: refused\nerror #1: EOF\n");
    }

    #[test]
    fn every_wording_of_a_missing_user_is_known() {
        for message in
            ["auth: User bob does not exist.", "auth: User bob does not exist", "auth: User bob doesn't exist."]
        {
            let server = ServerError { message: message.into(), ..ServerError::default() };
            let error = Error::new(Status::Auth, message).with_server(server);
            assert!(error.is_user_not_found() && !error.is_role_not_found(), "{message}");
        }
    }
}
