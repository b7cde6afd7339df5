//! Looks at endpoints that keep callers waiting or are cut off, in the background, quietly and ever more rarely, so that calls need not find out with their own
//! time that one is good again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::client::{Client, Shared};
use super::log::Level;
use super::member_check::check;
use super::pool::Pool;

/// A member that needs longer is not good yet.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where isolated members must not be believed, all are looked at so often while plain reads are answered.
const PROOF_LASTS: Duration = Duration::from_secs(3);

#[derive(Debug, Default)]
pub struct Lookout {
    is_wanted: AtomicBool,
    /// Whether a plain read was answered since the last look at all endpoints, and old answers must not be believed.
    is_proof_wanted: AtomicBool,
    is_running: AtomicBool,
}

impl Lookout {
    /// An endpoint keeps callers waiting, or cannot speak for its cluster: somebody should look after it.
    pub fn want(&self) {
        self.is_wanted.store(true, Ordering::Release);
    }

    /// A member answered a plain read: somebody should see who is cut off from the others.
    pub fn want_proof(&self) {
        self.is_proof_wanted.store(true, Ordering::Release);
        self.want();
    }

    /// Whether the caller has to start the lookout now.
    fn begins(&self) -> bool {
        self.is_wanted.load(Ordering::Acquire) && !self.is_running.swap(true, Ordering::AcqRel)
    }
}

impl Client {
    /// After a call: sees to it that endpoints which turned bad are looked after.
    pub(super) fn keep_lookout(&self) {
        let shared = self.shared();
        if shared.lookout.begins() {
            let client = shared.clone();
            // Without it, bad endpoints are asked last until a call finds them good.
            if self.spawn(|pool| run(client, pool)).is_err() {
                shared.lookout.is_running.store(false, Ordering::Release);
            }
        }
    }
}

/// The same for what runs on the internal runtime.
pub fn keep(client: &Arc<Shared>, pool: &Arc<Pool>) {
    client.lookout.want();
    if client.lookout.begins() {
        tokio::spawn(run(client.clone(), pool.clone()));
    }
}

/// Ends when all endpoints are good and no proof is wanted.
async fn run(client: Arc<Shared>, pool: Arc<Pool>) {
    let lookout = &client.lookout;
    // A look must not wait behind the requests of which it asks whether they can be answered.
    let pool = pool.unbounded();
    loop {
        lookout.is_wanted.store(false, Ordering::Release);
        loop {
            let started = Instant::now();
            let proves = lookout.is_proof_wanted.swap(false, Ordering::AcqRel);
            look(&client, &pool, proves).await;
            // A read may want a proof while bad endpoints are looked at ever more rarely.
            let in_between = proves || client.config.refuse_isolated && client.ring.current().need_lookout();
            let next_proof = if in_between { started.checked_add(PROOF_LASTS) } else { None };
            let Some(next) = [next_look(&client), next_proof].into_iter().flatten().min() else { break };
            tokio::time::sleep_until(next.into()).await;
        }
        lookout.is_running.store(false, Ordering::Release);
        // An endpoint may have turned bad since the last look around.
        if !lookout.begins() {
            return;
        }
    }
}

fn next_look(client: &Shared) -> Option<Instant> {
    client.ring.current().list().iter().filter_map(|endpoint| endpoint.condition().next_look()).min()
}

/// Looks at each bad endpoint for which it is time, and lets the good ones prove that they are not cut off where that is
/// wanted, all at once: a call may go on to any of them.
async fn look(client: &Arc<Shared>, pool: &Arc<Pool>, proves: bool) {
    let now = Instant::now();
    let mut looks = JoinSet::new();
    for endpoint in client.ring.current().list() {
        let is_good = endpoint.condition().is_good();
        let is_due = endpoint.condition().next_look().is_some_and(|next| next <= now);
        if !(is_due || is_good && proves) {
            continue;
        }
        endpoint.condition().looked_at();
        // A watch may have asked it just now.
        let fresh = if is_good { PROOF_LASTS / 2 } else { Duration::ZERO };
        let (client, pool, endpoint) = (client.clone(), pool.clone(), endpoint.clone());
        looks.spawn(async move {
            let checked = check(&client, &pool, &endpoint, fresh, PATIENCE).await;
            if !is_good && checked.result.is_ok() {
                client.config.log.write(Level::Info, &format!("endpoint {} is good again", endpoint.url()));
            }
        });
    }
    while looks.join_next().await.is_some() {}
}
