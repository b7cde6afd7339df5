//! Sync: the endpoints become those that the cluster itself advertises, and the configured ones stay behind them.

use super::http1::headers::Name;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::call::{self, Answered, Destination};
use super::caller::Caller;
use super::chance;
use super::client::Shared;
use super::config::SelectionMode;
use super::endpoint::Endpoint;
use super::error::{Error, Result};
use super::exchange::Effect;
use super::log::{Level, Log};
use super::pool::Pool;
use super::ring::Endpoints;
use super::status::Status;
use super::v2::failure::Asked;
use super::v2::{members_answer, members_request};
use crate::rt::context::Context;

/// How long a sync tries to reach advertised endpoints before it leaves the pin at the one that has just answered.
const PATIENCE_TO_REACH: Duration = Duration::from_secs(2);

impl Caller {
    /// Replaces the endpoints by those that the members advertise.
    pub async fn sync(self) -> Result<()> {
        sync(self.shared, self.pool, self.context).await
    }
}

/// A sync on whatever runtime polls this.
pub async fn sync(client: Arc<Shared>, pool: Arc<Pool>, context: Option<Context>) -> Result<()> {
    let context = context.or_else(|| within(None, client.config.request_timeout));
    let started = client.ring.start_sync();
    let request = members_request::list();
    let answered = call::http(client.clone(), pool.clone(), request, context.clone()).await?;
    let urls = match member_urls(&answered) {
        Ok(urls) => urls,
        Err(error) => return Err(answered.explain(error)),
    };
    let current = client.ring.current();
    let advertised = Advertised::new(&urls, &started.configured, current.list(), &client.config.log)?;
    let unchanged = advertised.is_the_same_as(current.preferred());
    let endpoints = match client.config.selection_mode {
        SelectionMode::Random if unchanged => return Ok(()),
        SelectionMode::Random => Arc::new(advertised.shuffled()),
        SelectionMode::Leader => {
            let endpoints = Arc::new(advertised.in_order());
            pin_leader(&client, &pool, context.as_ref(), &endpoints).await?;
            endpoints
        }
    };
    let patience = patience(context.as_ref());
    let starting = start_where_reachable(&client, &pool, &endpoints, &answered, patience);
    call::unless_interrupted(context.as_ref(), &client.closed, starting).await?;
    let same_pin = current.pinned().map(|endpoint| endpoint.url()) == endpoints.pinned().map(|endpoint| endpoint.url());
    if client.ring.finish_sync(&started, endpoints.clone()) && !(unchanged && same_pin) {
        let list: Vec<&str> = endpoints.list().iter().map(|endpoint| endpoint.url()).collect();
        let pinned = endpoints.pinned().map_or("", |endpoint| endpoint.url());
        let text = format!("after a sync the endpoints are {}; calls start at {pinned}", list.join(", "));
        client.config.log.write(Level::Info, &text);
    }
    Ok(())
}

fn asked(answered: &Answered) -> Asked<'_> {
    Asked { endpoint: &answered.endpoint, effect: Effect::Read }
}

/// The client URLs of all members, in the server's order.
fn member_urls(answered: &Answered) -> Result<Vec<String>> {
    let members = members_answer::list(&answered.answer, asked(answered))?;
    Ok(members.into_iter().flat_map(|member| member.client_urls).collect())
}

pub(super) fn leader_urls(answered: &Answered) -> Result<Vec<String>> {
    members_answer::leader(&answered.answer, asked(answered)).map(|leader| leader.client_urls)
}

/// A context for one of several requests: `parent` with a time limit of its own, if there is one.
pub(super) fn within(parent: Option<&Context>, limit: Option<Duration>) -> Option<Context> {
    let Some(limit) = limit else { return parent.cloned() };
    let ms = i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
    Some(Context::with_timeout_ms(parent, ms))
}

/// What the members advertise, as far as this client may use it, and what it keeps as a last resort.
#[derive(Debug)]
struct Advertised {
    usable: Vec<Arc<Endpoint>>,
    last_resort: Vec<Arc<Endpoint>>,
}

impl Advertised {
    /// URLs that cannot be used are left out with a warning; it is an error only when none is left.
    /// What is known of `present` endpoints is kept.
    fn new(urls: &[String], configured: &[Arc<Endpoint>], present: &[Arc<Endpoint>], log: &Log) -> Result<Advertised> {
        let mut usable: Vec<Arc<Endpoint>> = Vec::new();
        let mut refusals = Vec::new();
        for url in urls {
            match adopt(url, configured, present) {
                Ok(endpoint) if usable.iter().any(|known| known.is_same_place(&endpoint)) => {}
                Ok(endpoint) => usable.push(endpoint),
                Err(why) => refusals.push(why),
            }
        }
        for why in &refusals {
            log.write(Level::Warn, &format!("sync: an advertised client URL is left out: {why}"));
        }
        if usable.is_empty() {
            let why = match refusals.is_empty() {
                true => "no member advertises a client URL".to_owned(),
                false => format!("no advertised client URL can be used: {}", refusals.join("; ")),
            };
            return Err(Error::new(Status::NoEndpoints, format!("no endpoints available: {why}; the endpoints stay")));
        }
        let is_advertised = |endpoint: &Endpoint| usable.iter().any(|known| known.is_same_place(endpoint));
        let last_resort = configured.iter().filter(|endpoint| !is_advertised(endpoint)).cloned().collect();
        Ok(Advertised { usable, last_resort })
    }

    /// As Go compares: the same endpoints in any order.
    fn is_the_same_as(&self, preferred: &[Arc<Endpoint>]) -> bool {
        let is_in =
            |list: &[Arc<Endpoint>], endpoint: &Endpoint| list.iter().any(|known| known.is_same_place(endpoint));
        self.usable.len() == preferred.len() && preferred.iter().all(|endpoint| is_in(&self.usable, endpoint))
    }

    fn in_order(self) -> Endpoints {
        Endpoints::in_order(self.usable, self.last_resort)
    }

    fn shuffled(mut self) -> Endpoints {
        chance::generator().shuffle(&mut self.usable);
        chance::generator().shuffle(&mut self.last_resort);
        self.in_order()
    }
}

/// The endpoint behind an advertised URL, or why this client must not or cannot use it.
fn adopt(
    url: &str,
    configured: &[Arc<Endpoint>],
    present: &[Arc<Endpoint>],
) -> std::result::Result<Arc<Endpoint>, String> {
    let endpoint = Endpoint::parse(url)?;
    if let Some(known) = configured.iter().chain(present).find(|known| known.is_same_place(&endpoint)) {
        return Ok(known.clone());
    }
    let is_encrypted = |endpoint: &Endpoint| endpoint.origin().scheme.is_encrypted();
    if !is_encrypted(&endpoint) && configured.iter().all(|known| is_encrypted(known)) {
        let why = "is plain text, and every configured endpoint is encrypted; configure one plain endpoint to allow it";
        return Err(format!("'{}': {why}", endpoint.url()));
    }
    // Credentials that all configured URLs carry are the cluster's and not one endpoint's.
    let mut own = configured.iter().map(|known| known.own_credentials());
    let first = own.next().flatten();
    let shared = first.filter(|_| own.all(|other| other == first)).cloned();
    let endpoint = Arc::new(endpoint.with_own_credentials(shared));
    Ok(endpoint)
}

/// Pins the first client URL of the leader that is among the endpoints. Go looks at the very first only.
async fn pin_leader(
    client: &Arc<Shared>,
    pool: &Arc<Pool>,
    context: Option<&Context>,
    endpoints: &Arc<Endpoints>,
) -> Result<()> {
    let destination = Destination { endpoints: endpoints.clone(), with_credentials: true };
    let request = members_request::leader();
    let asked = call::http_to(client.clone(), pool.clone(), request, context.cloned(), destination).await;
    let answered = asked.map_err(no_leader)?;
    let urls = leader_urls(&answered).map_err(|error| no_leader(answered.explain(error)))?;
    let places = urls.iter().filter_map(|url| Endpoint::parse(url).ok());
    for place in places {
        if endpoints.pin_to(|endpoint| endpoint.is_same_place(&place)) {
            return Ok(());
        }
    }
    let why = format!("the leader's client URLs ({}) are not among the endpoints", urls.join(", "));
    Err(no_leader(Error::new(Status::NoEndpoints, why)))
}

/// What ended the whole call stays what it is; any other failure means that there is no leader to be found.
pub(super) fn no_leader(error: Error) -> Error {
    if matches!(error.status(), Status::Canceled | Status::DeadlineExceeded | Status::Closed) {
        return error;
    }
    let text = format!("no leader endpoint available: {}", error.message());
    let list = if error.list().is_empty() { vec![error] } else { error.list().to_vec() };
    Error::new(Status::NoLeaderEndpoint, text).with_list(list)
}

/// The sync itself must not fail for lack of time only because others cannot be reached.
fn patience(context: Option<&Context>) -> Duration {
    let left = context.and_then(Context::deadline).map(|deadline| deadline.saturating_duration_since(Instant::now()));
    left.map_or(PATIENCE_TO_REACH, |left| PATIENCE_TO_REACH.min(left / 2))
}

/// An advertised endpoint that cannot be reached from here (a container's localhost, an address behind NAT) must not cost
/// the next call anything: the pin goes to the first endpoint that can be reached, or to the one that has just answered.
async fn start_where_reachable(
    client: &Arc<Shared>,
    pool: &Arc<Pool>,
    endpoints: &Endpoints,
    answered: &Answered,
    patience: Duration,
) {
    let until = Instant::now() + patience;
    let mut round = endpoints.round();
    for left in (1..=endpoints.preferred().len()).rev() {
        let Some(endpoint) = round.next_endpoint() else { break };
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        let share = until.saturating_duration_since(Instant::now()).checked_div(left).unwrap_or_default();
        if *endpoint.url() == *answered.endpoint {
            return round.pin(endpoint);
        }
        match reach(client, pool, endpoint, answered, share).await {
            Ok(()) => return round.pin(endpoint),
            Err(error) => {
                let text = format!("sync: {} is advertised, but: {}", endpoint.url(), error.message());
                client.config.log.write(Level::Warn, &text);
            }
        }
    }
    endpoints.pin_to(|endpoint| *endpoint.url() == *answered.endpoint);
}

/// A connection says little: localhost may be another machine's, a gateway may accept everything. So a member of the same
/// cluster has to answer.
async fn reach(
    client: &Arc<Shared>,
    pool: &Arc<Pool>,
    endpoint: &Arc<Endpoint>,
    answered: &Answered,
    patience: Duration,
) -> Result<()> {
    let endpoints = Arc::new(Endpoints::in_order(vec![endpoint.clone()], Vec::new()));
    let destination = Destination { endpoints, with_credentials: true };
    let request = members_request::list();
    let reached =
        call::http_to(client.clone(), pool.clone(), request, within(None, Some(patience)), destination).await?;
    member_urls(&reached)?;
    match (cluster_id(answered), cluster_id(&reached)) {
        (Some(ours), Some(other)) if ours != other => {
            Err(Error::new(Status::InvalidResponse, format!("{} belongs to another cluster", endpoint.url())))
        }
        _ => Ok(()),
    }
}

fn cluster_id(answered: &Answered) -> Option<&[u8]> {
    answered.answer.headers.get(Name::EtcdClusterId)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::endpoint::Credentials;

    fn configured(urls: &[&str]) -> Vec<Arc<Endpoint>> {
        urls.iter().map(|url| Arc::new(Endpoint::parse(url).expect("valid"))).collect()
    }

    fn advertised(urls: &[&str], known: &[&str]) -> Result<Advertised> {
        let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
        Advertised::new(&urls, &configured(known), &[], &Log::default())
    }

    fn urls(list: &[Arc<Endpoint>]) -> Vec<&str> {
        list.iter().map(|endpoint| endpoint.url()).collect()
    }

    #[test]
    fn the_configured_endpoints_that_nobody_advertises_stay_as_a_last_resort() {
        let advertised = advertised(&["http://a:1", "http://b:1/", "http://a:1"], &["http://b:1", "http://c:1"]);
        let advertised = advertised.expect("usable");
        assert_eq!(urls(&advertised.usable), ["http://a:1", "http://b:1"]);
        assert_eq!(urls(&advertised.last_resort), ["http://c:1"]);
    }

    #[test]
    fn what_cannot_be_used_is_left_out_and_only_nothing_at_all_is_an_error() {
        let some = advertised(&["localhost:1", "ftp://a", "http://b:1", ":"], &["http://c:1"]).expect("one is usable");
        assert_eq!(urls(&some.usable), ["http://b:1"]);
        for none in [&[][..], &["ftp://a"]] {
            assert_eq!(advertised(none, &["http://c:1"]).expect_err("nothing").status(), Status::NoEndpoints);
        }
    }

    #[test]
    fn an_encrypted_client_is_never_led_to_plain_text() {
        let error = advertised(&["http://b:1"], &["https://a:1", "https://c:1"]).expect_err("plain");
        assert!(error.status() == Status::NoEndpoints && error.message().contains("plain text"), "{error}");
        assert!(advertised(&["http://b:1"], &["https://a:1", "http://c:1"]).is_ok(), "a mixed setup allows both");
    }

    #[test]
    fn credentials_in_all_urls_go_along_and_those_of_one_url_do_not() {
        let own = |known: &[&str]| {
            let advertised = advertised(&["http://new:1"], known).expect("usable");
            advertised.usable.first().and_then(|endpoint| endpoint.own_credentials().cloned())
        };
        assert_eq!(own(&["http://u:p@a:1", "http://u:p@b:1"]), Some(Credentials::basic("u", "p")));
        assert_eq!(own(&["http://u:p@a:1", "http://b:1"]), None);
        assert_eq!(own(&["http://u:p@a:1", "http://v:p@b:1"]), None);
    }

    #[test]
    fn a_list_is_the_same_in_any_order() {
        let same = advertised(&["http://b:1", "http://a:1"], &["http://a:1"]).expect("usable");
        assert!(same.is_the_same_as(&configured(&["http://a:1", "http://b:1"])));
        assert!(!same.is_the_same_as(&configured(&["http://a:1"])));
        assert!(!same.is_the_same_as(&configured(&["http://a:1", "http://c:1"])));
    }
}
