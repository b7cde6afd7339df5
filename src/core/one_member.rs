//! A read of one member and no other: what it says about itself, and what is in its own history.

use std::time::{Duration, Instant};

use super::attempt::{Failed, HttpAttempt};
use super::client::Shared;
use super::deadline::Budget;
use super::endpoint::Endpoint;
use super::error::{Error, Result};
use super::exchange::{Answer, Request};
use super::pool::Pool;
use super::progress::Progress;
use super::status::Status;
use crate::rt::clock;

pub async fn ask(
    client: &Shared,
    pool: &Pool,
    endpoint: &Endpoint,
    request: &Request,
    patience: Duration,
) -> Result<Answer> {
    let answered = ask_history(client, pool, endpoint, request, patience, patience).await?;
    answered.ok_or_else(|| {
        let text = format!("{} sent a head and nothing behind it for {} ms", endpoint.url(), patience.as_millis());
        Error::new(Status::Timeout, text).at(endpoint.url())
    })
}

/// The same for a request that waits where it finds nothing: None when the head of the answer has come, and after
/// `ample` time nothing behind it. Without a head nothing is known: the request may be on its way still.
pub async fn ask_history(
    client: &Shared,
    pool: &Pool,
    endpoint: &Endpoint,
    request: &Request,
    patience: Duration,
    ample: Duration,
) -> Result<Option<Answer>> {
    let endpoints = client.ring.current();
    let attempt = HttpAttempt::new(client, pool, request, &endpoints);
    let budget = Budget {
        deadline: Instant::now().checked_add(patience),
        header_timeout: None,
        connect_timeout: None,
        share: None,
        may_resend: true,
    };
    let late = |_| {
        let text = format!("{} did not answer within {} ms", endpoint.url(), patience.as_millis());
        Error::new(Status::Timeout, text).at(endpoint.url())
    };
    let progress = Progress::default();
    let opening = clock::timeout(patience, attempt.open(endpoint, &budget, &progress));
    let (mut open, hop) = opening.await.map_err(late)?.map_err(Failed::into_error)?;
    match clock::timeout(ample, open.begin(&hop)).await {
        Ok(begun) => begun?,
        Err(_) => return Ok(None),
    }
    let completing = attempt.complete(open, &hop, endpoint, &budget, &progress);
    clock::timeout(patience, completing).await.map_err(late)?.map(Some).map_err(Failed::into_error)
}
