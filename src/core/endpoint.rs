//! One endpoint: a base URL, taken apart once.

use std::fmt;
use std::net::Ipv6Addr;
use std::sync::Arc;

use base64::Engine as _;
use http::uri::{Authority, Uri};

use super::condition::Condition;
use super::encoding;
use super::member_check::LastCheck;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    Http,
    Https,
    Unix,
    Unixs,
}

impl Scheme {
    fn parse(text: &str) -> Option<Scheme> {
        [Scheme::Http, Scheme::Https, Scheme::Unix, Scheme::Unixs].into_iter().find(|scheme| scheme.name() == text)
    }

    pub fn name(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Unix => "unix",
            Scheme::Unixs => "unixs",
        }
    }

    pub fn is_encrypted(self) -> bool {
        matches!(self, Scheme::Https | Scheme::Unixs)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    Tcp { host: String, port: u16 },
    Unix { path: String },
}

/// Whom a connection reaches: connections are shared, and credentials are kept, per origin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    pub scheme: Scheme,
    pub address: Address,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Address::Tcp { host, port } if host.contains(':') => {
                write!(formatter, "{}://[{host}]:{port}", self.scheme.name())
            }
            Address::Tcp { host, port } => write!(formatter, "{}://{host}:{port}", self.scheme.name()),
            Address::Unix { path } => write!(formatter, "{}://{path}", self.scheme.name()),
        }
    }
}

/// The value of an `Authorization` header; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(Arc<str>);

impl Credentials {
    pub fn basic(username: &str, password: &str) -> Credentials {
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
        Credentials(format!("Basic {encoded}").into())
    }

    pub fn header_value(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials(hidden)")
    }
}

#[derive(Debug, Clone)]
pub struct Endpoint {
    url: Arc<str>,
    origin: Arc<Origin>,
    host_header: Arc<str>,
    path: String,
    query: Vec<(String, String)>,
    credentials: Option<Credentials>,
    condition: Arc<Condition>,
    last_check: Arc<LastCheck>,
}

impl Endpoint {
    /// Takes an endpoint's URL apart; everything that cannot work is refused here and not at the first request.
    /// The error says which URL and why, without credentials.
    pub fn parse(text: &str) -> Result<Endpoint, String> {
        Endpoint::parse_shown_as(text, without_userinfo(text))
    }

    /// As `parse`, for a list with commas between: a comma in a password cuts it in two, and a piece of it must not be shown.
    pub fn parse_list(urls: &str) -> Result<Vec<Endpoint>, String> {
        let has_userinfo = urls.contains('@');
        let pieces = urls.split(',').map(str::trim);
        let shown = |piece: &str| match has_userinfo && !piece.contains('@') {
            true => "one URL of the list".to_owned(),
            false => without_userinfo(piece),
        };
        pieces.map(|piece| Endpoint::parse_shown_as(piece, shown(piece))).collect()
    }

    fn parse_shown_as(text: &str, shown: String) -> Result<Endpoint, String> {
        let refused = |why: &str| format!("'{shown}': {why}");
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(refused("has no scheme; write it as http://host:port"));
        };
        let Some(scheme) = Scheme::parse(&scheme.to_ascii_lowercase()) else {
            return Err(refused("the scheme must be http, https, unix or unixs"));
        };
        match scheme {
            Scheme::Unix | Scheme::Unixs => Endpoint::parse_unix(scheme, rest).map_err(|why| refused(&why)),
            Scheme::Http | Scheme::Https => Endpoint::parse_tcp(scheme, rest).map_err(|why| refused(&why)),
        }
    }

    fn parse_unix(scheme: Scheme, path: &str) -> Result<Endpoint, String> {
        if path.is_empty() || path.contains('\0') {
            return Err("has no socket path; write it as unix:///path/to/socket".into());
        }
        let origin = Origin { scheme, address: Address::Unix { path: path.to_owned() } };
        Ok(Endpoint {
            url: origin.to_string().into(),
            origin: Arc::new(origin),
            host_header: "localhost".into(),
            path: String::new(),
            query: Vec::new(),
            credentials: None,
            condition: Arc::default(),
            last_check: Arc::default(),
        })
    }

    fn parse_tcp(scheme: Scheme, rest: &str) -> Result<Endpoint, String> {
        let uri: Uri =
            format!("{}://{rest}", scheme.name()).parse().map_err(|error| format!("is not a URL ({error})"))?;
        let authority = uri.authority().ok_or("has no host")?;
        let (userinfo, host_header) = split_userinfo(authority);
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err("has no host; write it as http://host:port".into());
        }
        if rest.contains('#') {
            return Err("has a fragment, which means nothing here".into());
        }
        if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:%".contains(&byte)) {
            return Err("has characters in its host that no host name has".into());
        }
        if authority.host().starts_with('[') && host.parse::<Ipv6Addr>().is_err() {
            return Err("has brackets around what is no IPv6 address".into());
        }
        let port = port_of(authority, host_header, scheme)?;
        let shown_path = uri.path().trim_end_matches('/');
        let query = uri.query().map(encoding::parse_form).unwrap_or_default();
        let shown_query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Endpoint {
            url: format!("{}://{host_header}{shown_path}{shown_query}", scheme.name()).into(),
            origin: Arc::new(Origin { scheme, address: Address::Tcp { host: host.to_owned(), port } }),
            host_header: host_header.into(),
            path: clean_path(uri.path()),
            query,
            credentials: userinfo.map(credentials_of),
            condition: Arc::default(),
            last_check: Arc::default(),
        })
    }

    /// The URL as it was given, without credentials: for messages, logs and `etcd_client_endpoints`.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn shared_url(&self) -> &Arc<str> {
        &self.url
    }

    pub fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    pub fn host_header(&self) -> &str {
        &self.host_header
    }

    pub fn shared_host_header(&self) -> &Arc<str> {
        &self.host_header
    }

    /// User name and password that the URL itself carried.
    pub fn own_credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The same endpoint with credentials of its own.
    pub fn with_own_credentials(mut self, credentials: Option<Credentials>) -> Endpoint {
        self.credentials = credentials;
        self
    }

    /// The same endpoint for another client, which has met nobody there yet.
    pub fn unmet(&self) -> Endpoint {
        Endpoint { condition: Arc::default(), last_check: Arc::default(), ..self.clone() }
    }

    /// What this client has met there.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// What the member said when it was last asked whether it can be trusted.
    pub fn last_check(&self) -> &LastCheck {
        &self.last_check
    }

    /// Whether requests to both go to the same place, however the URLs are written.
    pub fn is_same_place(&self, other: &Endpoint) -> bool {
        (&self.origin, &self.path, &self.query) == (&other.origin, &other.path, &other.query)
    }

    /// The request target: the endpoint's own path in front, its own query merged into the request's as Go does.
    pub fn target(&self, path: &str, query: &str) -> String {
        let merged;
        let query = if self.query.is_empty() {
            query
        } else {
            merged = self.merged_query(query);
            &merged
        };
        let mut target = String::with_capacity(self.path.len() + path.len() + query.len() + 2);
        target.push_str(&self.path);
        target.push_str(path);
        if target.is_empty() {
            target.push('/');
        }
        if !query.is_empty() {
            target.push('?');
            target.push_str(query);
        }
        target
    }

    fn merged_query(&self, query: &str) -> String {
        let mut pairs = encoding::parse_form(query);
        let own = self.query.iter().filter(|(name, _)| !pairs.iter().any(|(taken, _)| taken == name));
        let own: Vec<_> = own.cloned().collect();
        pairs.extend(own);
        let mut merged = String::new();
        encoding::push_form(
            &mut merged,
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_str().into())).collect(),
        );
        merged
    }
}

/// What stands in front of every request's path, as Go joins the two: decoded, without `.`, `..` and empty segments, and
/// encoded again.
fn clean_path(path: &str) -> String {
    let decoded = encoding::decode(path);
    let mut segments = Vec::new();
    for segment in decoded.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    let mut clean = String::with_capacity(path.len());
    for segment in segments {
        clean.push('/');
        encoding::push_path(&mut clean, segment);
    }
    clean
}

fn split_userinfo(authority: &Authority) -> (Option<&str>, &str) {
    match authority.as_str().rsplit_once('@') {
        Some((userinfo, host)) => (Some(userinfo), host),
        None => (None, authority.as_str()),
    }
}

fn port_of(authority: &Authority, host_header: &str, scheme: Scheme) -> Result<u16, String> {
    let after_host = host_header.rsplit_once(']').map_or(host_header, |(_, after)| after);
    match (authority.port_u16(), after_host.contains(':')) {
        (Some(0), _) => Err("port 0 cannot be connected to".into()),
        (Some(port), _) => Ok(port),
        (None, true) => Err("the port must be a number from 1 to 65535".into()),
        (None, false) => Ok(if scheme == Scheme::Https { 443 } else { 80 }),
    }
}

fn credentials_of(userinfo: &str) -> Credentials {
    let (username, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    Credentials::basic(&encoding::decode(username), &encoding::decode(password))
}

/// For messages about text that could not be parsed: whatever stands before an `@` may be a password.
fn without_userinfo(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((before, after)) => match before.split_once("://") {
            Some((scheme, _)) => format!("{scheme}://{after}"),
            None => after.to_owned(),
        },
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Endpoint::parse(text).expect_err(text)
    }

    #[test]
    fn what_cannot_work_is_refused_at_once_and_named() {
        for text in [
            "",
            "localhost:2379",
            "ftp://x",
            "http://",
            "http://:2379",
            "http://h:99999",
            "http://h:0",
            "http://h:x",
            "http://%zz",
            "http://a b",
            "unix://",
            "http://[::1",
            "http://[::g]:1",
            "http://[zz]",
            "http://*",
            "http://h#f",
        ] {
            assert!(refusal(text).starts_with(&format!("'{text}': ")), "{text}");
        }
    }

    #[test]
    fn credentials_in_a_url_never_show() {
        let endpoint = Endpoint::parse("http://bob:s%40cret@127.0.0.1:2379").expect("valid");
        assert_eq!(endpoint.url(), "http://127.0.0.1:2379");
        assert_eq!(endpoint.own_credentials(), Some(&Credentials::basic("bob", "s@cret")));
        assert!(!format!("{endpoint:?}").contains("cret"));
        assert!(!refusal("ftp://bob:secret@host").contains("secret"));
    }

    #[test]
    fn host_port_and_path_are_kept() {
        let endpoint = Endpoint::parse("http://[::1]:2379/pfx/").expect("valid");
        assert_eq!(endpoint.origin().to_string(), "http://[::1]:2379");
        assert_eq!(endpoint.host_header(), "[::1]:2379");
        assert_eq!(endpoint.target("/v2/keys/a", ""), "/pfx/v2/keys/a");
        assert_eq!(Endpoint::parse("https://h").expect("valid").origin().to_string(), "https://h:443");
    }

    #[test]
    fn the_path_of_an_endpoint_is_cleaned_as_in_go() {
        let cases = [("//a//b/", "/a/b"), ("/a/./b/../c", "/a/c"), ("/../a", "/a"), ("/x%20y%2Fz%21", "/x%20y/z%21")];
        for (path, clean) in cases {
            let endpoint = Endpoint::parse(&format!("http://h:1{path}")).expect(path);
            assert_eq!(endpoint.target("/v2/keys/a", ""), format!("{clean}/v2/keys/a"), "{path}");
            assert_eq!(endpoint.url(), format!("http://h:1{}", path.trim_end_matches('/')));
        }
    }

    #[test]
    fn the_query_of_an_endpoint_is_merged_as_in_go() {
        let endpoint = Endpoint::parse("http://h/pfx/?x=1&recursive=true").expect("valid");
        assert_eq!(endpoint.target("/v2/keys/a", ""), "/pfx/v2/keys/a?recursive=true&x=1");
        assert_eq!(endpoint.target("/v2/keys/a", "recursive=false"), "/pfx/v2/keys/a?recursive=false&x=1");
    }

    #[test]
    fn a_unix_endpoint_is_a_path() {
        let endpoint = Endpoint::parse("unix:///run/etcd.sock").expect("valid");
        assert_eq!(endpoint.origin().address, Address::Unix { path: "/run/etcd.sock".into() });
        assert_eq!(endpoint.url(), "unix:///run/etcd.sock");
    }
}
