//! Asks a member whether it is alive and belongs to a cluster that can decide. One answer serves every watch on the
//! member, so that a thousand quiet watches cost it no more than one.

use std::time::{Duration, Instant};

use super::client::Shared;
use super::condition::{Proof, Trouble};
use super::endpoint::Endpoint;
use super::error::Error;
use super::keys::{GetOptions, Operation};
use super::one_member;
use super::pool::Pool;
use super::status::Status;
use super::v2;
use crate::rt::clock;

/// A key that is not there is the cheapest thing to ask for, and the answer names the store's index all the same.
/// The quorum has to agree on it, which a member that is cut off cannot get.
const ABSENT_KEY: &str = "/_etcd_client_is_this_member_alive";

/// A question that a dying leader had in hand is never answered: after this time it is asked again.
const LOST: Duration = Duration::from_secs(2);

/// When the member was asked, and the index of the store that it has reached (0 when it does not tell), or why it is not to
/// be trusted.
#[derive(Debug, Clone)]
pub struct Check {
    pub asked_at: Instant,
    pub result: Result<u64, Error>,
}

/// Held while the member is asked: whoever comes meanwhile waits for the same answer.
pub type LastCheck = tokio::sync::Mutex<Option<Check>>;

/// An answer to a question not older than `fresh`; a new question may take `patience`.
pub async fn check(client: &Shared, pool: &Pool, endpoint: &Endpoint, fresh: Duration, patience: Duration) -> Check {
    let asked_at = Instant::now();
    // Another watch may be asking right now, and more patiently.
    let Ok(mut last) = clock::timeout(patience, endpoint.last_check().lock()).await else {
        let text = format!("no answer to the question of another watch after {} ms", patience.as_millis());
        return Check { asked_at, result: Err(Error::new(Status::Timeout, text).at(endpoint.url())) };
    };
    if let Some(check) = &*last
        && check.asked_at.elapsed() < fresh
    {
        return check.clone();
    }
    // On the internal runtime nothing else looks after what a burst has left over.
    pool.close_old(Instant::now());
    // In a box, because one asks and thousands may wait.
    let check = Check { asked_at: Instant::now(), result: Box::pin(ask(client, pool, endpoint, patience)).await };
    *last = Some(check.clone());
    check
}

/// A new question by one who may stand still on the way: it holds nothing that others would wait for.
pub async fn look(client: &Shared, pool: &Pool, endpoint: &Endpoint, patience: Duration) -> Result<u64, Error> {
    let check = Check { asked_at: Instant::now(), result: Box::pin(ask(client, pool, endpoint, patience)).await };
    if let Ok(mut last) = endpoint.last_check().try_lock()
        && last.as_ref().is_none_or(|last| last.asked_at < check.asked_at)
    {
        *last = Some(check.clone());
    }
    check.result
}

/// Asks, and notes what the answer says about the endpoint.
async fn ask(client: &Shared, pool: &Pool, endpoint: &Endpoint, patience: Duration) -> Result<u64, Error> {
    let started = Instant::now();
    let asked = ask_through_the_quorum(client, pool, endpoint, patience).await;
    match &asked {
        Ok(_) => endpoint.condition().answered(Proof::Quorum),
        // Whether it is gone or cut off: only the quorum can show that it is neither.
        Err(error) if error.status() == Status::Timeout => endpoint.condition().failed(Trouble::Isolated),
        Err(error) => endpoint.condition().failed(Trouble::of(error, started.elapsed())),
    }
    asked
}

async fn ask_through_the_quorum(
    client: &Shared,
    pool: &Pool,
    endpoint: &Endpoint,
    patience: Duration,
) -> Result<u64, Error> {
    let options = GetOptions { quorum: Some(true), ..GetOptions::default() };
    let operation = Operation::Get { key: ABSENT_KEY, options: &options };
    let request = v2::keys_request::keys_request(&client.config.keys, &operation, None)?;
    let until = Instant::now().checked_add(patience);
    loop {
        let left = until.map_or(patience, |until| until.saturating_duration_since(Instant::now()));
        match one_member::ask(client, pool, endpoint, &request, left.min(LOST)).await {
            // A user without rights is refused before the quorum is asked.
            Ok(answer) if matches!(answer.http_status, 401 | 403) => {
                return ask_for_health(client, pool, endpoint, left).await;
            }
            Ok(answer) => return Ok(v2::keys_answer::index_of(&answer).unwrap_or(0)),
            // Whoever answers, be it that there are no keys here, is alive.
            Err(error) if (1..500).contains(&error.http_status()) => return Ok(0),
            Err(error) if error.status() == Status::Timeout && left > LOST => {}
            Err(error) => return Err(error),
        }
    }
}

/// `/health` reads through the quorum too, and asks nobody who he is. It knows no index.
async fn ask_for_health(client: &Shared, pool: &Pool, endpoint: &Endpoint, patience: Duration) -> Result<u64, Error> {
    let answer = one_member::ask(client, pool, endpoint, &v2::health::request(), patience).await?;
    match v2::health::is_unhealthy(&answer) {
        false => Ok(0),
        true => {
            let text = format!("{} calls itself not healthy: it has no leader, or no majority", endpoint.url());
            Err(Error::new(Status::NoLeader, text).at(endpoint.url()).with_http_status(answer.http_status))
        }
    }
}

/// Whether it answers a question that needs no other member.
pub async fn is_alive(client: &Shared, pool: &Pool, endpoint: &Endpoint, patience: Duration) -> Result<(), Error> {
    one_member::ask(client, pool, endpoint, &v2::version::request(), patience).await.map(|_| ())
}
