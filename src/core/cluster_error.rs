//! The error of a call that no endpoint has answered.

use super::error::Error;
use super::status::Status;

/// The missing API is what the user has to know, also when other endpoints are down.
fn not_served_by_all_that_answered(list: &[Error]) -> Option<&Error> {
    let answered = |error: &&Error| error.http_status() != 0 || error.status() == Status::InvalidResponse;
    let mut answers = list.iter().filter(answered);
    let first = answers.next()?;
    let not_served = |error: &Error| error.status() == Status::ApiNotServed;
    (not_served(first) && answers.all(not_served)).then_some(first)
}

/// Every endpoint has failed, each for the reason in the list.
pub fn nobody_answered(list: Vec<Error>) -> Error {
    if let Some(error) = not_served_by_all_that_answered(&list) {
        return error.clone().with_list(list);
    }
    let count = list.len();
    let endpoints = if count == 1 { "the only endpoint".into() } else { format!("none of {count} endpoints") };
    let causes: Vec<&str> = list.iter().map(Error::message).collect();
    let verb = if count == 1 { "did not answer" } else { "answered" };
    let text = format!("etcd cluster is unavailable or misconfigured: {endpoints} {verb}: {}", causes.join("; "));
    Error::new(Status::Cluster, text).with_list(list)
}
