//! Asks a member whether it is alive and belongs to a cluster that can decide. One answer serves every watch on the
//! member, so that a thousand quiet watches cost it no more than one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::one_member;
use crate::core::client::Shared;
use crate::core::endpoint::Endpoint;
use crate::core::error::Error;
use crate::core::keys::{GetOptions, Operation};
use crate::core::pool::Pool;
use crate::core::status::Status;
use crate::core::v2;

/// A key that is not there is the cheapest thing to ask for, and the answer names the store's index all the same.
/// The quorum has to agree on it, which a member that is cut off cannot get.
const ABSENT_KEY: &str = "/_etcd_client_is_this_member_alive";

/// A question that a dying leader had in hand is never answered: after this time it is asked again.
const LOST: Duration = Duration::from_secs(2);

/// The index of the store that the member has reached; 0 when it does not tell, or why it is not to be trusted.
pub type Checked = Result<u64, Error>;

/// The last answers, per endpoint.
#[derive(Default)]
pub struct MemberChecks(Mutex<HashMap<String, Arc<LastCheck>>>);

/// Held while the member is asked: whoever comes meanwhile waits for the same answer.
type LastCheck = tokio::sync::Mutex<Option<(Instant, Checked)>>;

impl MemberChecks {
    /// An answer not older than `fresh`; a new question may take `patience`.
    pub async fn check(
        &self,
        client: &Shared,
        pool: &Pool,
        endpoint: &Endpoint,
        fresh: Duration,
        patience: Duration,
    ) -> Checked {
        let last = self.of(endpoint.url());
        // Another watch may be asking right now, and more patiently.
        let Ok(mut last) = tokio::time::timeout(patience, last.lock()).await else {
            let text = format!("no answer to the question of another watch after {} ms", patience.as_millis());
            return Err(Error::new(Status::Timeout, text).at(endpoint.url()));
        };
        if let Some((at, checked)) = &*last
            && at.elapsed() < fresh
        {
            return checked.clone();
        }
        // On the internal runtime nothing else looks after what a burst has left over.
        pool.close_old(Instant::now());
        let checked = ask(client, pool, endpoint, patience).await;
        *last = Some((Instant::now(), checked.clone()));
        checked
    }

    fn of(&self, url: &str) -> Arc<LastCheck> {
        let mut checks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        checks.entry(url.to_owned()).or_default().clone()
    }
}

async fn ask(client: &Shared, pool: &Pool, endpoint: &Endpoint, patience: Duration) -> Checked {
    let options = GetOptions { quorum: true, ..GetOptions::default() };
    let operation = Operation::Get { key: ABSENT_KEY, options: &options };
    let request = v2::keys_request::keys_request(&client.config.keys_prefix, &operation, None)?;
    let until = Instant::now().checked_add(patience);
    loop {
        let left = until.map_or(patience, |until| until.saturating_duration_since(Instant::now()));
        match one_member::ask(client, pool, endpoint, &request, left.min(LOST)).await {
            Ok(answer) => return Ok(v2::keys_answer::index_of(&answer).unwrap_or(0)),
            // Whoever answers, be it that there are no keys here, is alive.
            Err(error) if (1..500).contains(&error.http_status()) => return Ok(0),
            Err(error) if error.status() == Status::Timeout && left > LOST => {}
            Err(error) => return Err(error),
        }
    }
}
