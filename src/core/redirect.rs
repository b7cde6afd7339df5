//! Redirects, followed by us and not by an HTTP library: method and body stay, credentials do not travel.

use super::http1::headers::Name;
use std::sync::Arc;

use super::endpoint::{Credentials, Endpoint, Origin, Scheme};
use super::error::{Error, Result};
use super::exchange::{Answer, Hop};
use super::status::Status;

/// Go stops here whatever the policy says: 100 requests in all.
const MOST_REDIRECTS: u32 = 99;

pub fn is_redirect(http_status: u16) -> bool {
    (300..400).contains(&http_status)
}

/// Where to go next, after `followed` redirects. `credentials_for` knows which origins may see the credentials.
pub fn next_hop(
    hop: &Hop,
    answer: &Answer,
    followed: u32,
    max: u32,
    credentials_for: impl FnOnce(&Origin) -> Option<Credentials>,
) -> Result<Hop> {
    let refused = |status: Status, why: String| {
        let text = format!("{}: redirect (HTTP {}) {why}", hop.origin, answer.http_status);
        Err(Error::new(status, text).at(&hop.origin.to_string()).with_http_status(answer.http_status))
    };
    let Some(location) = answer.headers.get(Name::Location) else {
        return refused(Status::BadRedirect, "without a Location header".into());
    };
    if followed >= max.min(MOST_REDIRECTS) {
        return refused(
            Status::TooManyRedirects,
            format!("not followed: too many redirects, {followed} were followed"),
        );
    }
    let shown = String::from_utf8_lossy(location).into_owned();
    let Some(target) = answer.headers.text(Name::Location).and_then(|location| resolve(hop, location)) else {
        return refused(Status::BadRedirect, format!("to '{}', which is not a valid URL", without_userinfo(&shown)));
    };
    if hop.origin.scheme.is_encrypted() && !target.origin.scheme.is_encrypted() {
        return refused(Status::BadRedirect, format!("from {} to plain {} refused", hop.origin, target.origin));
    }
    let credentials = credentials_for(&target.origin);
    Ok(Hop { credentials, ..target })
}

fn without_userinfo(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, after)| after)
}

/// RFC 3986, section 5: a Location may be a whole URL or any part of one. The result carries no credentials.
fn resolve(hop: &Hop, location: &str) -> Option<Hop> {
    let location = location.split_once('#').map_or(location, |(before, _)| before);
    if let Some((scheme, _)) = location.split_once("://")
        && !scheme.contains(['/', '?'])
    {
        return absolute(location);
    }
    if location.starts_with("//") {
        return absolute(&format!("{}:{location}", hop.origin.scheme.name()));
    }
    let target = if location.starts_with('/') {
        normalized(location)
    } else {
        let (path, _) = hop.target.split_once('?').unwrap_or((&hop.target, ""));
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        match location {
            "" => return None,
            query if query.starts_with('?') => format!("{path}{query}"),
            relative if !relative.contains(':') => normalized(&format!("{directory}/{relative}")),
            _ => return None,
        }
    };
    target.parse::<http::Uri>().ok()?;
    Some(Hop { target, credentials: None, ..hop.clone() })
}

fn absolute(url: &str) -> Option<Hop> {
    let endpoint = Endpoint::parse(url).ok()?;
    if !matches!(endpoint.origin().scheme, Scheme::Http | Scheme::Https) {
        return None;
    }
    let uri: http::Uri = url.parse().ok()?;
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("{}{query}", uri.path());
    let origin = Arc::clone(endpoint.origin());
    Some(Hop { origin, host_header: endpoint.shared_host_header().clone(), target, credentials: None })
}

/// Takes `.` and `..` out of a path; what follows `?` stays.
fn normalized(target: &str) -> String {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut segments: Vec<&str> = Vec::new();
    let mut ends_in_directory = true;
    for segment in path.split('/').skip(1) {
        ends_in_directory = matches!(segment, "" | "." | "..");
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            "" => {}
            name => segments.push(name),
        }
    }
    let mut result = format!("/{}", segments.join("/"));
    if ends_in_directory && !segments.is_empty() {
        result.push('/');
    }
    if let Some(query) = query {
        result.push('?');
        result.push_str(query);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(origin: &str, target: &str) -> Hop {
        let endpoint = Endpoint::parse(origin).expect("valid");
        Hop {
            origin: endpoint.origin().clone(),
            host_header: endpoint.shared_host_header().clone(),
            target: target.into(),
            credentials: Some(Credentials::basic("u", "p")),
        }
    }

    fn follow(origin: &str, location: &str) -> Result<Hop> {
        let headers = [(Name::Location, location)].into_iter().collect();
        let answer = Answer { http_status: 307, headers, body: bytes::Bytes::new() };
        next_hop(&hop(origin, "/v2/keys/a/b?x=1"), &answer, 0, 10, |_| None)
    }

    #[test]
    fn locations_are_resolved_as_rfc_3986_says() {
        let cases = [
            ("http://b:1/c?y=2#f", "http://b:1/c?y=2"),
            ("http://b:1", "http://b:1/"),
            ("http://b:1?y=2", "http://b:1/?y=2"),
            ("//b:1?y=2", "http://b:1/?y=2"),
            ("//b:1/c", "http://b:1/c"),
            ("/c", "http://a:1/c"),
            ("c", "http://a:1/v2/keys/a/c"),
            ("../c/./d", "http://a:1/v2/keys/c/d"),
            ("?y=2", "http://a:1/v2/keys/a/b?y=2"),
        ];
        for (location, expected) in cases {
            assert_eq!(follow("http://a:1", location).expect(location).url(), expected, "{location}");
        }
    }

    #[test]
    fn what_is_no_url_is_a_bad_redirect() {
        for location in [":", "", "ftp://b/c", "unix:///tmp/s", "http://b:x/", "mailto:x"] {
            let error = follow("http://a:1", location).expect_err(location);
            assert_eq!(error.status(), Status::BadRedirect, "{location}");
        }
    }

    #[test]
    fn an_encrypted_connection_is_never_left_for_a_plain_one() {
        assert_eq!(follow("https://a:1", "http://a:1/").expect_err("downgrade").status(), Status::BadRedirect);
        assert!(follow("https://a:1", "https://b:1/").is_ok());
    }

    #[test]
    fn credentials_travel_only_where_they_are_allowed() {
        assert!(follow("http://a:1", "http://b:1/").expect("followed").credentials.is_none());
    }
}
