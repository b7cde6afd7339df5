//! What a client is made from.

use std::sync::Arc;
use std::time::Duration;

use super::endpoint::{Credentials, Endpoint};
use super::error::{Error, Result};
use super::keys::{KeysSettings, path};
use super::log::Log;
use super::proxy::ProxySetting;
use super::tls::TlsSettings;

/// etcd's own answers are far smaller, and a broken server must not fill the memory.
const DEFAULT_MAX_BODY: usize = 256 << 20;

pub const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:2379";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SelectionMode {
    #[default]
    Random,
    Leader,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Protocol {
    #[default]
    Auto,
    V2,
    V3,
}

#[derive(Clone)]
pub struct Config {
    pub endpoints: Vec<Arc<Endpoint>>,
    pub credentials: Option<Credentials>,
    /// For calls without a context; None waits for ever.
    pub request_timeout: Option<Duration>,
    pub header_timeout: Option<Duration>,
    pub connect_timeout: Option<Duration>,
    pub selection_mode: SelectionMode,
    pub max_redirects: u32,
    pub keys: KeysSettings,
    pub proxy: ProxySetting,
    pub tls: TlsSettings,
    pub protocol: Protocol,
    pub log: Log,
    /// Whether a plain read takes no answer of a member that is known to be cut off from the others.
    pub refuse_isolated: bool,
    /// The largest body of an answer that is read.
    pub max_body: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            endpoints: Vec::new(),
            credentials: None,
            request_timeout: Some(Duration::from_secs(5)),
            header_timeout: None,
            // As Go's DefaultTransport.
            connect_timeout: Some(Duration::from_secs(30)),
            selection_mode: SelectionMode::Random,
            max_redirects: 10,
            keys: KeysSettings::default(),
            proxy: ProxySetting::Environment,
            tls: TlsSettings::default(),
            protocol: Protocol::Auto,
            log: Log::default(),
            refuse_isolated: false,
            max_body: DEFAULT_MAX_BODY,
        }
    }
}

impl Config {
    /// One URL, or several with commas between; all or nothing.
    pub fn add_endpoints(&mut self, urls: &str) -> Result<()> {
        self.endpoints.extend(parse_endpoints("url", urls)?);
        Ok(())
    }

    /// None switches proxies off; the default is what the environment says.
    pub fn set_proxy(&mut self, url: Option<&str>) -> Result<()> {
        self.proxy = ProxySetting::from_url(url)?;
        Ok(())
    }

    pub fn set_max_body(&mut self, bytes: i64) -> Result<()> {
        let positive = usize::try_from(bytes).ok().filter(|bytes| *bytes > 0);
        let refused =
            || Error::invalid_argument("bytes", format_args!("{bytes} is not a size that an answer can have"));
        self.max_body = positive.ok_or_else(refused)?;
        Ok(())
    }

    pub fn set_keys_prefix(&mut self, prefix: &str) -> Result<()> {
        self.keys.prefix = path::encoded_prefix(prefix)?;
        Ok(())
    }
}

/// Why a body beyond `max_body` is not read, and what to do where it is meant to be.
pub fn over_the_limit(max_body: usize) -> String {
    format!("over the limit of {max_body} bytes; etcd_config_set_max_response_bytes sets another one")
}

pub fn parse_endpoints(argument: &str, urls: &str) -> Result<Vec<Arc<Endpoint>>> {
    let list = Endpoint::parse_list(urls).map_err(|why| Error::invalid_argument(argument, why))?;
    Ok(list.into_iter().map(Arc::new).collect())
}

/// 0 means none; negative times are refused.
pub fn timeout_from_ms(argument: &str, ms: i64) -> Result<Option<Duration>> {
    let Ok(positive) = u64::try_from(ms) else {
        return Err(Error::invalid_argument(argument, format_args!("{ms} is negative; 0 means none")));
    };
    Ok((positive > 0).then(|| Duration::from_millis(positive)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_taken_all_or_none() {
        let mut config = Config::default();
        config.add_endpoints("http://a:1, http://b:2").expect("valid");
        assert!(config.add_endpoints("http://c:3,nonsense").is_err());
        assert!(config.add_endpoints("http://c:3,").is_err());
        let urls: Vec<_> = config.endpoints.iter().map(|endpoint| endpoint.url()).collect();
        assert_eq!(urls, ["http://a:1", "http://b:2"]);
    }

    #[test]
    fn a_limit_is_positive() {
        let mut config = Config::default();
        config.set_max_body(1).expect("one byte");
        assert!(config.set_max_body(0).is_err());
        assert!(config.set_max_body(-1).expect_err("negative").message().starts_with("bytes: "));
        assert_eq!(config.max_body, 1);
    }

    #[test]
    fn zero_is_no_timeout_and_less_is_refused() {
        assert_eq!(timeout_from_ms("ms", 0).expect("none"), None);
        assert_eq!(timeout_from_ms("ms", 5).expect("five"), Some(Duration::from_millis(5)));
        assert!(timeout_from_ms("ms", -1).expect_err("negative").message().starts_with("ms: "));
    }
}
