//! Discovery: the endpoints of a cluster from the SRV records of a domain.

mod lookup;
mod message;
mod name_servers;
mod order;

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

pub use name_servers::NameServers;

use super::call;
use super::endpoint::Endpoint;
use super::error::{Error, Result};
use super::status::Status;
use crate::rt::alone;
use crate::rt::closing::Closing;
use crate::rt::context::Context;
use lookup::Failure;
use message::Record;

/// For calls without a context, as a client's request timeout.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Which services are asked for, and the URLs that they give, the encrypted one first.
const SERVICES: [(&str, &str); 2] = [("_etcd-client-ssl", "https"), ("_etcd-client", "http")];

/// The endpoints that `domain` names, in the order in which they should be tried.
pub fn discover(
    servers: NameServers,
    domain: &str,
    service_name: Option<&str>,
    context: Option<&Context>,
) -> Result<Vec<String>> {
    let questions = questions(domain, service_name.unwrap_or_default())?;
    let context = match context {
        Some(context) => context.clone(),
        None => Context::with_timeout_ms(None, i64::try_from(DEFAULT_TIMEOUT.as_millis()).unwrap_or(i64::MAX)),
    };
    alone::block_on(async move {
        // No client whose end could end this.
        let closed = Closing::default();
        let asking = ask_both(Arc::new(servers), questions, context.deadline().map(shortly_before));
        call::unless_interrupted(Some(&context), &closed, asking).await.map_err(during_lookup)?
    })?
}

/// Lookups give up by themselves, so that what one has found counts and what the other has met can be told.
fn shortly_before(deadline: Instant) -> Instant {
    let remaining = deadline.saturating_duration_since(Instant::now());
    deadline.checked_sub(remaining / 10).unwrap_or(deadline)
}

fn during_lookup(error: Error) -> Error {
    Error::new(error.status(), format!("{}, while waiting for the name servers", error.message()))
}

/// The names to look up, as RFC 2782 and Go write them.
fn questions(domain: &str, service_name: &str) -> Result<[String; 2]> {
    if domain.trim_end_matches('.').is_empty() {
        return Err(Error::invalid_argument("domain", "is empty"));
    }
    if service_name.contains('.') {
        return Err(Error::invalid_argument("service_name", "has a dot; it is one part of a name"));
    }
    let suffix = if service_name.is_empty() { String::new() } else { format!("-{service_name}") };
    let names = SERVICES.map(|(service, _)| format!("{service}{suffix}._tcp.{domain}"));
    for name in &names {
        message::query(0, name).map_err(|why| Error::invalid_argument("domain", format_args!("'{name}' {why}")))?;
    }
    Ok(names)
}

/// Both at once: a name server that is silent about one must not use up the time of the other.
async fn ask_both(servers: Arc<NameServers>, names: [String; 2], deadline: Option<Instant>) -> Result<Vec<String>> {
    let [encrypted, plain] = &names;
    let mut lookups = (pin!(lookup::srv(&servers, encrypted, deadline)), pin!(lookup::srv(&servers, plain, deadline)));
    let (mut first, mut second) = (None, None);
    let results = std::future::poll_fn(|waker| {
        poll_into(&mut first, lookups.0.as_mut(), waker);
        poll_into(&mut second, lookups.1.as_mut(), waker);
        match (first.take(), second.take()) {
            (Some(encrypted), Some(plain)) => Poll::Ready([encrypted, plain]),
            unfinished => {
                (first, second) = unfinished;
                Poll::Pending
            }
        }
    })
    .await;
    collect(results, &names)
}

fn poll_into<T>(
    slot: &mut Option<T>,
    future: std::pin::Pin<&mut impl Future<Output = T>>,
    waker: &mut std::task::Context<'_>,
) {
    if slot.is_none()
        && let Poll::Ready(result) = future.poll(waker)
    {
        *slot = Some(result);
    }
}

/// One lookup that fails is normal: few domains have both services.
fn collect(results: [std::result::Result<Vec<Record>, Failure>; 2], names: &[String; 2]) -> Result<Vec<String>> {
    let mut urls = Vec::new();
    let mut failures = Vec::new();
    for ((result, (_, scheme)), name) in results.into_iter().zip(SERVICES).zip(names) {
        match result {
            Ok(records) => {
                let before = urls.len();
                urls.extend(order::ordered(records).iter().filter_map(|record| url(scheme, record)));
                if urls.len() == before {
                    failures.push(format!("{name}: no record names a host and port that can be used"));
                }
            }
            Err(failure) => failures.push(failure.to_string()),
        }
    }
    if !urls.is_empty() {
        return Ok(urls);
    }
    let advice = "check the domain, the service name and its SRV records";
    Err(Error::new(Status::Dns, format!("dns lookup errors: {}; {advice}", failures.join(" and "))))
}

/// None for what could never be an endpoint, whatever a name server says.
fn url(scheme: &str, record: &Record) -> Option<String> {
    // No byte that would mean something else in a URL, such as the @ behind a user name.
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if !record.target.bytes().all(is_host) {
        return None;
    }
    let url = format!("{scheme}://{}:{}", record.target, record.port);
    Endpoint::parse(&url).ok().map(|_| url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_go() {
        let names = questions("example.com", "").expect("valid");
        assert_eq!(names, ["_etcd-client-ssl._tcp.example.com", "_etcd-client._tcp.example.com"]);
        let names = questions("example.com.", "prod").expect("valid");
        assert_eq!(names, ["_etcd-client-ssl-prod._tcp.example.com.", "_etcd-client-prod._tcp.example.com."]);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for (domain, service) in [("", ""), (".", ""), ("a..b", ""), (&*"x".repeat(64), ""), ("a.b", "c.d")] {
            assert_eq!(questions(domain, service).expect_err(domain).status(), Status::InvalidArgument, "{domain}");
        }
        assert!(questions(&"abcdefgh.".repeat(30), "").is_err(), "longer than a name can be");
    }
}
