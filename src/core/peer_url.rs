//! Peer URLs, checked before they are sent as Go's `types.NewURLs` checks them: a bad one can cost a cluster its quorum.

use super::error::{Error, Result};

/// The URLs trimmed and sorted.
pub fn canonical<'a>(argument: &str, urls: impl IntoIterator<Item = &'a str>) -> Result<Vec<String>> {
    let parsed: std::result::Result<Vec<String>, String> = urls.into_iter().map(parse).collect();
    let mut list = parsed.map_err(|why| Error::invalid_argument(argument, why))?;
    if list.is_empty() {
        return Err(Error::invalid_argument(argument, "no valid URLs given"));
    }
    list.sort();
    Ok(list)
}

fn parse(text: &str) -> std::result::Result<String, String> {
    let text = text.trim();
    let (scheme, rest) = split_scheme(text);
    if !matches!(&*scheme, "http" | "https" | "unix" | "unixs") {
        return Err(format!("URL scheme must be http, https, unix, or unixs: {text}"));
    }
    let rest = rest.strip_prefix("//").unwrap_or_default();
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // Go sends these on, and the password would stand in every list of the members.
    if host.contains('@') {
        return Err("URL must not contain a user name or password".to_owned());
    }
    let no_address = || format!("URL address does not have the form \"host:port\": {text}");
    let (name, port) = split_host_port(host).ok_or_else(no_address)?;
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte);
    if !port.bytes().all(|byte| byte.is_ascii_digit()) || !name.bytes().all(is_plain) {
        return Err(no_address());
    }
    match path {
        "" => Ok(format!("{scheme}://{host}")),
        path if path.starts_with('/') => Err(format!("URL must not contain a path: {text}")),
        _ => Err(format!("URL must not contain a query or fragment: {text}")),
    }
}

/// The scheme in lower case, and what follows its colon; an empty scheme where there is none.
fn split_scheme(text: &str) -> (String, &str) {
    match text.split_once(':') {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None => (String::new(), text),
    }
}

/// As Go's `net.SplitHostPort`: an empty host or port is fine, an IPv6 address stands in brackets.
fn split_host_port(host: &str) -> Option<(&str, &str)> {
    let (name, port) = host.rsplit_once(':')?;
    let inner = match name.strip_prefix('[') {
        Some(bracketed) => bracketed.strip_suffix(']')?,
        None if name.contains(':') => return None,
        None => name,
    };
    (!inner.contains(['[', ']'])).then_some((inner, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_urls_are_trimmed_and_sorted_as_in_go() {
        let urls = [" http://b:2380\n", "HTTPS://[::1]:2380", "http://a:2380", "unix://localhost:1", "http://:1"];
        let sorted = ["http://:1", "http://a:2380", "http://b:2380", "https://[::1]:2380", "unix://localhost:1"];
        assert_eq!(canonical("peer_urls", urls).expect("good"), sorted);
    }

    #[test]
    fn bad_urls_are_refused_with_the_words_of_go() {
        let scheme = "URL scheme must be http, https, unix, or unixs: ";
        let address = "URL address does not have the form \"host:port\": ";
        let path = "URL must not contain a path: ";
        for (url, words) in [
            ("", scheme),
            ("localhost:2380", scheme),
            ("ftp://127.0.0.1:2380", scheme),
            ("://127.0.0.1:2380", scheme),
            ("http://127.0.0.1", address),
            ("http://", address),
            ("http:127.0.0.1:2380", address),
            ("http://::1:2380", address),
            ("http://[::1]", address),
            ("http://[::1:2380", address),
            ("http://127.0.0.1:http", address),
            ("http://a b:1", address),
            ("http://127.0.0.1:2380/", path),
            ("http://127.0.0.1:2380/path", path),
        ] {
            let error = canonical("peer_url", [url]).expect_err(url);
            assert_eq!(error.message(), format!("peer_url: {words}{url}"));
        }
        assert_eq!(canonical("peer_urls", []).expect_err("none").message(), "peer_urls: no valid URLs given");
    }

    #[test]
    fn what_go_would_send_on_is_refused_without_showing_a_password() {
        for url in ["http://zoe:hush@127.0.0.1:2380", "http://127.0.0.1:2380?x=1", "http://127.0.0.1:2380#x"] {
            let error = canonical("peer_url", [url]).expect_err(url);
            assert!(!error.message().contains("hush"), "{error}");
        }
    }
}
