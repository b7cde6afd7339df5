//! HTTP proxies: which endpoints are reached through one, and how it is addressed.

use std::env;
use std::net::IpAddr;
use std::sync::Arc;

use hyper_util::client::proxy::matcher::Matcher;

use super::endpoint::{Address, Endpoint, Origin, Scheme};
use super::error::{Error, Result};
use super::status::Status;

/// What the configuration says.
#[derive(Clone, Default)]
pub enum ProxySetting {
    #[default]
    Environment,
    None,
    Url(String),
}

impl ProxySetting {
    pub fn from_url(url: Option<&str>) -> Result<ProxySetting> {
        let Some(url) = url else { return Ok(ProxySetting::None) };
        let endpoint = Endpoint::parse(url).map_err(|why| Error::invalid_argument("url", why))?;
        match endpoint.origin().scheme {
            Scheme::Http => Ok(ProxySetting::Url(url.to_owned())),
            other => {
                Err(Error::invalid_argument("url", format_args!("a proxy is reached by http, not {}", other.name())))
            }
        }
    }
}

/// Decides per origin. Made once per client, because the environment may only be read while no thread changes it.
#[derive(Default)]
pub struct Proxies(Option<Matcher>);

/// A proxy on the way to an origin.
#[derive(Debug, Clone)]
pub struct Via {
    pub origin: Arc<Origin>,
    /// The value of a `Proxy-Authorization` header.
    pub authorization: Option<String>,
}

impl Proxies {
    pub fn new(setting: &ProxySetting) -> Proxies {
        Proxies(match setting {
            ProxySetting::None => None,
            ProxySetting::Url(url) => Some(Matcher::builder().all(url.as_str()).build()),
            ProxySetting::Environment => {
                let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
                let is_set = names.iter().any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()));
                is_set.then(Matcher::from_env)
            }
        })
    }

    /// The proxy for `origin`, if one is meant for it. Loopback is never proxied, as in Go.
    pub fn via(&self, origin: &Origin) -> Result<Option<Via>> {
        let Some(matcher) = &self.0 else { return Ok(None) };
        if is_loopback(origin) {
            return Ok(None);
        }
        let Some(intercept) = origin.to_string().parse().ok().and_then(|uri| matcher.intercept(&uri)) else {
            return Ok(None);
        };
        let proxy = intercept.uri();
        let shown = format!(
            "{}://{}",
            proxy.scheme_str().unwrap_or_default(),
            proxy.authority().map_or("", |authority| authority.as_str())
        );
        let endpoint = Endpoint::parse(&shown).ok().filter(|endpoint| endpoint.origin().scheme == Scheme::Http);
        let Some(endpoint) = endpoint else {
            let text = format!(
                "{origin} would be reached through the proxy {shown}, and only http proxies are supported; set NO_PROXY or another proxy"
            );
            return Err(Error::new(Status::Unsupported, text).at(&origin.to_string()));
        };
        let authorization = intercept.basic_auth().and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Some(Via { origin: endpoint.origin().clone(), authorization }))
    }
}

fn is_loopback(origin: &Origin) -> bool {
    match &origin.address {
        Address::Unix { .. } => true,
        Address::Tcp { host, .. } => {
            host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn via(setting: &ProxySetting, endpoint: &str) -> Option<Via> {
        Proxies::new(setting).via(Endpoint::parse(endpoint).expect("valid").origin()).expect("supported")
    }

    #[test]
    fn a_set_proxy_is_used_but_never_for_loopback() {
        let setting = ProxySetting::from_url(Some("http://u:p@proxy:3128")).expect("valid");
        let via_proxy = via(&setting, "http://etcd:2379").expect("proxied");
        assert_eq!(via_proxy.origin.to_string(), "http://proxy:3128");
        assert_eq!(via_proxy.authorization, Some("Basic dTpw".to_owned()));
        for loopback in ["http://127.0.0.1:2379", "http://[::1]:2379", "http://LocalHost:2379", "unix:///run/etcd"] {
            assert!(via(&setting, loopback).is_none(), "{loopback}");
        }
    }

    #[test]
    fn only_http_proxies_can_be_set() {
        for url in ["https://proxy:1", "socks5://proxy:1", "proxy:1", ""] {
            assert!(ProxySetting::from_url(Some(url)).is_err(), "{url}");
        }
        assert!(via(&ProxySetting::None, "http://etcd:2379").is_none());
    }
}
