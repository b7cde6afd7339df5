//! A read of one member and no other: what it says about itself, and what is in its own history.

use std::time::{Duration, Instant};

use crate::core::attempt::{Failed, HttpAttempt};
use crate::core::client::Shared;
use crate::core::deadline::Budget;
use crate::core::endpoint::Endpoint;
use crate::core::error::{Error, Result};
use crate::core::exchange::{Answer, Progress, Request, Session};
use crate::core::pool::Pool;
use crate::core::status::Status;

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
    let config = &client.config;
    let endpoints = client.ring.current();
    let attempt = HttpAttempt {
        session: Session { connector: &client.connector, pool, max_body: config.max_body },
        request,
        credentials: config.credentials.as_ref(),
        max_redirects: config.max_redirects,
        endpoints: &endpoints,
        log: &config.log,
    };
    let budget = Budget {
        deadline: Instant::now().checked_add(patience),
        header_timeout: None,
        connect_timeout: None,
        endpoints_left: 1,
        may_resend: true,
    };
    let late = |_| {
        let text = format!("{} did not answer within {} ms", endpoint.url(), patience.as_millis());
        Error::new(Status::Timeout, text).at(endpoint.url())
    };
    let mut progress = Progress::default();
    let opening = tokio::time::timeout(patience, attempt.open(endpoint, &budget, &mut progress));
    let (mut open, hop) = opening.await.map_err(late)?.map_err(error_of)?;
    match tokio::time::timeout(ample, open.begin(&hop)).await {
        Ok(begun) => begun?,
        Err(_) => return Ok(None),
    }
    let completing = attempt.complete(open, &hop, endpoint, &budget, &mut progress);
    tokio::time::timeout(patience, completing).await.map_err(late)?.map(Some).map_err(error_of)
}

fn error_of(failed: Failed) -> Error {
    match failed {
        Failed::NotSent(error) | Failed::Unknown(error) | Failed::Pending(error) | Failed::Final(error) => error,
    }
}
