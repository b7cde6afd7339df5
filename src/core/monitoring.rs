//! What members say about themselves: health and statistics.

use std::sync::Arc;

use super::call::{self, Answered, Destination};
use super::client::{Client, Shared};
use super::endpoint::Endpoint;
use super::error::{Error, Result};
use super::pool::Pool;
use super::ring::Endpoints;
use super::status::Status;
use super::sync::{leader_urls, no_leader, within};
use super::v2::stats::Kind;
use super::v2::{health, members_request, stats};
use crate::rt::context::Context;

impl Client {
    /// The health of one endpoint; without one, of the first that answers.
    pub fn health(&self, endpoint: Option<&str>, context: Option<&Context>) -> Result<bool> {
        let destination = endpoint.map(|url| self.only(url)).transpose()?;
        let Some(destination) = destination else {
            return health::decode(&self.http(health::request(), context)?);
        };
        let (shared, request, context) = (self.shared().clone(), Arc::new(health::request()), context.cloned());
        let asked = self.block_on(|pool| call::http_to(shared, pool, request, context, destination))?;
        health::decode(&asked.map_err(of_the_only_endpoint)?)
    }

    /// A place of its own: it may be none of the client's, and gets no credentials of the client then.
    fn only(&self, url: &str) -> Result<Destination> {
        let parsed = Arc::new(Endpoint::parse(url).map_err(|why| Error::invalid_argument("endpoint", why))?);
        let current = self.shared().ring.current();
        let known = current.list().iter().find(|known| known.is_same_place(&parsed)).cloned();
        let with_credentials = known.is_some();
        let endpoints = Endpoints::in_order(vec![known.unwrap_or(parsed)], Vec::new());
        Ok(Destination { endpoints: Arc::new(endpoints), with_credentials })
    }

    /// The JSON of `/v2/stats`.
    pub fn stats(&self, kind: &str, context: Option<&Context>) -> Result<String> {
        let kind = Kind::parse(kind).ok_or_else(|| {
            Error::invalid_argument("kind", format_args!("'{kind}' is none of \"self\", \"store\" and \"leader\""))
        })?;
        let (shared, context) = (self.shared().clone(), context.cloned());
        self.block_on(move |pool| ask_for_stats(shared, pool, kind, context))?
    }
}

/// A list of one says nothing more than its entry.
fn of_the_only_endpoint(error: Error) -> Error {
    match (error.status(), error.list()) {
        (Status::Cluster, [only]) => only.clone(),
        _ => error,
    }
}

async fn ask_for_stats(client: Arc<Shared>, pool: Arc<Pool>, kind: Kind, context: Option<Context>) -> Result<String> {
    // One time limit for all requests.
    let context = context.or_else(|| within(None, client.config.request_timeout));
    let request = Arc::new(stats::request(kind));
    let mut answered = call::http(client.clone(), pool.clone(), request.clone(), context.clone()).await?;
    if stats::is_not_leader(kind, &answered) {
        let destination = leader(&client, &pool, context.as_ref()).await?;
        answered = call::http_to(client, pool, request, context, destination).await?;
        if stats::is_not_leader(kind, &answered) {
            let text = format!("{} is not the leader any more; try again", answered.endpoint);
            return Err(no_leader(Error::new(Status::NoLeader, text).at(&answered.endpoint)));
        }
    }
    stats::decode(&answered).map_err(|error| answered.explain(error))
}

/// Those of the client's endpoints that belong to the leader.
async fn leader(client: &Arc<Shared>, pool: &Arc<Pool>, context: Option<&Context>) -> Result<Destination> {
    let request = Arc::new(members_request::leader());
    let asked = call::http(client.clone(), pool.clone(), request, context.cloned()).await;
    let answered: Answered = asked.map_err(no_leader)?;
    let urls = leader_urls(&answered).map_err(no_leader)?;
    let places: Vec<Endpoint> = urls.iter().filter_map(|url| Endpoint::parse(url).ok()).collect();
    let current = client.ring.current();
    let is_leaders = |endpoint: &&Arc<Endpoint>| places.iter().any(|place| place.is_same_place(endpoint));
    let found: Vec<_> = current.list().iter().filter(is_leaders).cloned().collect();
    if found.is_empty() {
        let text = format!(
            "only the leader has these statistics, and its client URLs ({}) are not among the endpoints; sync or add them",
            urls.join(", ")
        );
        return Err(no_leader(Error::new(Status::NoEndpoints, text)));
    }
    Ok(Destination { endpoints: Arc::new(Endpoints::in_order(found, Vec::new())), with_credentials: true })
}
