//! Looks at endpoints that kept callers waiting or are cut off, so that calls need not find out with their own time that one
//! is good again. A look goes on beside the calls, on whatever runtime they run, and needs no thread of its own: in a
//! program that makes no calls nobody has to know.

use std::sync::Arc;
use std::time::Duration;

use super::client::Shared;
use super::endpoint::Endpoint;
use super::log::Level;
use super::member_check;
use super::pool::Pool;
use super::ring::Endpoints;
use crate::faults::{self, Place};
use crate::rt::beside;

/// A member that needs longer is not good yet.
const PATIENCE: Duration = Duration::from_secs(3);

/// Begins a look at each endpoint for which it is time.
pub fn look_where_due(client: &Arc<Shared>, pool: &Arc<Pool>, endpoints: &Endpoints) {
    for endpoint in endpoints.list() {
        if endpoint.condition().begin_look() {
            // A look must not wait behind the requests of which it asks whether they can be answered.
            beside::spawn(client.trust.guard(look(client.clone(), pool.unbounded(), endpoint.clone())));
        }
    }
}

/// What it finds is noted in the endpoint's condition.
async fn look(client: Arc<Shared>, pool: Arc<Pool>, endpoint: Arc<Endpoint>) {
    faults::here(Place::Look, endpoint.url().as_bytes());
    if member_check::look(&client, &pool, &endpoint, PATIENCE).await.is_ok() {
        client.config.log.write(Level::Info, &format!("endpoint {} is good again", endpoint.url()));
    }
}
