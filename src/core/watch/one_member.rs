//! A read of one member and no other: what it says about itself, and what is in its own history.

use std::time::{Duration, Instant};

use crate::core::attempt::{Attempt, Failed, HttpAttempt};
use crate::core::client::Shared;
use crate::core::deadline::Budget;
use crate::core::endpoint::Endpoint;
use crate::core::error::{Error, Result};
use crate::core::exchange::{Answer, Progress, Request, Session};
use crate::core::pool::Pool;

pub async fn ask(
    client: &Shared,
    pool: &Pool,
    endpoint: &Endpoint,
    request: &Request,
    patience: Duration,
) -> Result<Answer> {
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
        header_timeout: Some(patience),
        connect_timeout: Some(patience),
        endpoints_left: 1,
        may_resend: true,
    };
    let mut progress = Progress::default();
    attempt.on(endpoint, &budget, &mut progress).await.map_err(error_of)
}

fn error_of(failed: Failed) -> Error {
    match failed {
        Failed::NotSent(error) | Failed::Unknown(error) | Failed::Pending(error) | Failed::Final(error) => error,
    }
}
