//! What members say about themselves: version, health and statistics.

use std::sync::Arc;

use super::call::Destination;
use super::caller::Caller;
use super::endpoint::Endpoint;
use super::error::{Error, Result};
use super::ring::Endpoints;
use super::status::Status;
use super::sync::{leader_urls, no_leader};
use super::v2::stats::Kind;
use super::v2::version::ServerVersion;
use super::v2::{health, members_request, stats, version};

impl Caller {
    /// The version of the server that answers, and of its cluster.
    pub async fn version(self) -> Result<ServerVersion> {
        let answered = self.http(version::request()).await?;
        version::decode(&answered.answer, &answered.endpoint).map_err(|error| answered.explain(error))
    }

    /// The health of one endpoint; without one, of the first that answers.
    pub async fn health(self, endpoint: Option<String>) -> Result<bool> {
        let Some(url) = endpoint else { return health::decode(&self.http(health::request()).await?) };
        let destination = self.only(&url)?;
        let asked = self.http_to(destination, health::request()).await;
        health::decode(&asked.map_err(of_the_only_endpoint)?)
    }

    /// A place of its own: it may be none of the client's, and gets no credentials of the client then.
    fn only(&self, url: &str) -> Result<Destination> {
        let parsed = Arc::new(Endpoint::parse(url).map_err(|why| Error::invalid_argument("endpoint", why))?);
        let current = self.shared.ring.current();
        let known = current.list().iter().find(|known| known.is_same_place(&parsed)).cloned();
        let with_credentials = known.is_some();
        let endpoints = Endpoints::in_order(vec![known.unwrap_or(parsed)], Vec::new());
        Ok(Destination { endpoints: Arc::new(endpoints), with_credentials })
    }

    /// The JSON of `/v2/stats`.
    pub async fn stats(self, kind: String) -> Result<String> {
        let kind = Kind::parse(&kind).ok_or_else(|| {
            Error::invalid_argument("kind", format_args!("'{kind}' is none of \"self\", \"store\" and \"leader\""))
        })?;
        let caller = self.for_several();
        let mut answered = caller.http(stats::request(kind)).await?;
        if stats::is_not_leader(kind, &answered) {
            let destination = caller.leader().await?;
            answered = caller.http_to(destination, stats::request(kind)).await?;
            if stats::is_not_leader(kind, &answered) {
                let text = format!("{} is not the leader any more; try again", answered.endpoint);
                return Err(no_leader(Error::new(Status::NoLeader, text).at(&answered.endpoint)));
            }
        }
        stats::decode(&answered).map_err(|error| answered.explain(error))
    }

    /// Those of the client's endpoints that belong to the leader.
    async fn leader(&self) -> Result<Destination> {
        let answered = self.http(members_request::leader()).await.map_err(no_leader)?;
        let urls = leader_urls(&answered).map_err(no_leader)?;
        let places: Vec<Endpoint> = urls.iter().filter_map(|url| Endpoint::parse(url).ok()).collect();
        let current = self.shared.ring.current();
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
}

/// A list of one says nothing more than its entry.
fn of_the_only_endpoint(error: Error) -> Error {
    match (error.status(), error.list()) {
        (Status::Cluster, [only]) => only.clone(),
        _ => error,
    }
}
