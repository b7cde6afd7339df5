//! What is sent: the Go client's requests, byte for byte but for what the README lists.

use std::ptr::{null, null_mut};

use etcd_test_harness::capi::error::{etcd_error_free, etcd_error_status};
use etcd_test_harness::capi::keys::etcd_keys_get;
use etcd_test_harness::capi::options::{ETCD_PREV_EXIST, ETCD_PREV_IGNORE, ETCD_PREV_NO_EXIST};
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Delete, Failure, Get, Response, Set};
use etcd_test_support::{Reply, Request, ScriptedServer};

const FORM: &str = "application/x-www-form-urlencoded";
/// The awkward key of the reference, without the two bytes that no UTF-8 C string holds.
const AWKWARD: &str = r#"/a b?c#d%e&f+g;h=i:j@k,l$m!n'o(p)q*r~s[t]u"v\w é"#;
const AWKWARD_PATH: &str = "/v2/keys/a%20b%3Fc%23d%25e&f+g;h=i:j@k,l$m%21n%27o%28p%29q%2Ar~s%5Bt%5Du%22v%5Cw%20%C3%A9";

type Answer = Result<Response, Failure>;

/// An answer that every keys call accepts.
pub(crate) fn accepted() -> Reply {
    Reply::etcd(200, 7, r#"{"action":"set","node":{"key":"/foo","value":"bar","modifiedIndex":7,"createdIndex":7}}"#)
}

/// The one request that a call sends to `path` of a server.
fn sent_to(path: &str, prefix: &str, call: impl FnOnce(&Client) -> Answer) -> Request {
    let server = ScriptedServer::always(accepted());
    let client = Config::new(&[format!("{}{path}", server.endpoint())]).keys_prefix(prefix).build();
    call(&client).expect("accepted");
    <[Request; 1]>::try_from(server.requests()).expect("one request")[0].clone()
}

fn sent(call: impl FnOnce(&Client) -> Answer) -> Request {
    sent_to("", "/v2/keys", call)
}

/// Method, target, Content-Type and body.
fn form(request: &Request) -> (&str, &str, Option<&str>, &str) {
    (&request.method, &request.target, request.header("content-type"), request.text())
}

#[test]
fn v2_keys_url_helper_joins_endpoint_prefix_and_key() {
    // Names that do not exist are asked through a proxy, which sees whole URLs.
    let cases = [
        ("http://example.com/v2/keys", "", "", "http://example.com/v2/keys"),
        ("http://example.com/v2/keys", "", "/foo/bar", "http://example.com/v2/keys/foo/bar"),
        ("http://example.com", "", "/foo/bar", "http://example.com/foo/bar"),
        ("http://example.com:8080/v2/keys", "", "", "http://example.com:8080/v2/keys"),
        ("http://example.com/foo", "/bar", "/baz", "http://example.com/foo/bar/baz"),
        ("http://example.com/foo", "/bar", "", "http://example.com/foo/bar"),
        ("http://example.com/foo", "/bar", "/baz/", "http://example.com/foo/bar/baz/"),
    ];
    for (endpoint, prefix, key, url) in cases {
        let proxy = ScriptedServer::always(accepted());
        let config = Config::new(&[endpoint.to_owned()]).keys_prefix(prefix);
        config.proxy(Some(&proxy.endpoint())).build().get(key).expect(url);
        let request = proxy.requests().remove(0);
        assert_eq!(request.target, format!("{url}?quorum=false&recursive=false&sorted=false"));
        let host = endpoint.trim_start_matches("http://").split('/').next();
        assert_eq!(request.header("host"), host, "{endpoint}");
    }
}

#[test]
fn v2_keys_url_helper_carries_the_scheme_through_and_never_makes_https_plain() {
    let proxy = ScriptedServer::always(Reply::new(403));
    let config = Config::new(&["https://example.com/v2/keys".into()]).proxy(Some(&proxy.endpoint()));
    config.build().get("/secret").expect_err("the proxy refuses");
    let asked = proxy.requests().remove(0);
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("CONNECT", "example.com:443"));
}

#[test]
fn keys_are_cleaned_as_go_cleans_them() {
    let cases = [
        ("", "/v2/keys"),
        ("/", "/v2/keys/"),
        ("foo/", "/v2/keys/foo/"),
        ("//a//./b/../c//", "/v2/keys/a/c/"),
        (AWKWARD, AWKWARD_PATH),
        ("a/%2F..", "/v2/keys/a/%252F.."),
    ];
    for (key, path) in cases {
        assert_eq!(sent(|client| client.get(key)).path(), path, "{key}");
    }
}

#[test]
fn no_key_leaves_the_keys() {
    // Go sends GET /v2/members for the first one.
    let server = ScriptedServer::always(accepted());
    let client = Client::of(&server.endpoint());
    for key in ["../members", "..", "/a/../../x"] {
        for failure in
            [client.get(key), client.set(key, "x"), client.create_in_order(key, "x", None), client.delete(key)]
        {
            let failure = failure.expect_err(key);
            assert_eq!((failure.status, failure.outcome), (ETCD_ERR_INVALID_ARGUMENT, ETCD_NOT_APPLIED), "{key}");
        }
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_key_that_is_not_utf_8_is_refused_and_nothing_is_sent() {
    let server = ScriptedServer::always(accepted());
    let client = Client::of(&server.endpoint());
    let key = c"/foo\xff".as_ptr();
    let mut error = null_mut();
    // SAFETY: everything lives for the call; the error is read and freed once.
    unsafe {
        let status = etcd_keys_get(client.raw(), null(), key, null(), null_mut(), &mut error);
        assert_eq!((status, etcd_error_status(error)), (ETCD_ERR_INVALID_ARGUMENT, ETCD_ERR_INVALID_ARGUMENT));
        etcd_error_free(error);
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn get_action_always_sends_its_three_flags() {
    let cases = [
        (Get::default(), "quorum=false&recursive=false&sorted=false"),
        (Get { recursive: true, ..Get::default() }, "quorum=false&recursive=true&sorted=false"),
        (Get { sort: true, ..Get::default() }, "quorum=false&recursive=false&sorted=true"),
        (Get { recursive: true, sort: true, ..Get::default() }, "quorum=false&recursive=true&sorted=true"),
        (Get { quorum: true, ..Get::default() }, "quorum=true&recursive=false&sorted=false"),
    ];
    for (options, query) in cases {
        let request = sent(|client| client.get_with(None, "/foo/bar", &options));
        assert_eq!(form(&request), ("GET", format!("/v2/keys/foo/bar?{query}").as_str(), None, ""));
    }
}

#[test]
fn set_action_puts_a_form() {
    let none = Set::default();
    let ttl_ms = Some(180_000);
    let cases = [
        ("/v2/keys", "foo", "", none, "/v2/keys/foo", "value="),
        ("/pfx", "foo", "", none, "/pfx/foo", "value="),
        ("", "foo", "", none, "/foo", "value="),
        ("/v2/keys", "foo/bar/baz", "", none, "/v2/keys/foo/bar/baz", "value="),
        ("/foo/", "/bar", "", none, "/foo/bar", "value="),
        ("", "/foo/", "", none, "/foo/", "value="),
        ("", "foo", "baz", none, "/foo", "value=baz"),
        ("", "foo", "", Set { prev_exist: ETCD_PREV_IGNORE, ..none }, "/foo", "value="),
        ("", "foo", "", Set { prev_exist: ETCD_PREV_EXIST, ..none }, "/foo?prevExist=true", "value="),
        ("", "foo", "", Set { prev_exist: ETCD_PREV_NO_EXIST, ..none }, "/foo?prevExist=false", "value="),
        // In Go it is in the query, which breaks at 4 KB.
        ("", "foo", "", Set { prev_value: Some("bar baz"), ..none }, "/foo", "prevValue=bar+baz&value="),
        ("", "foo", "", Set { prev_index: 12, ..none }, "/foo?prevIndex=12", "value="),
        ("", "foo", "", Set { ttl_ms, ..none }, "/foo", "ttl=180&value="),
        ("", "foo", "", Set { ttl_ms, refresh: true, ..none }, "/foo", "refresh=true&ttl=180&value="),
        ("", "foo", "", Set { dir: true, ..none }, "/foo?dir=true", ""),
        ("", "foo", "bar", Set { dir: true, ..none }, "/foo?dir=true", ""),
        ("", "foo", "", Set { dir: true, prev_exist: ETCD_PREV_EXIST, ..none }, "/foo?dir=true&prevExist=true", ""),
        ("", "foo", "", Set { dir: true, prev_value: Some("bar"), ..none }, "/foo?dir=true", ""),
        ("", "foo", "", Set { no_value_on_success: true, ..none }, "/foo?noValueOnSuccess=true", "value="),
    ];
    for (prefix, key, value, options, target, body) in cases {
        let request = sent_to("", prefix, |client| client.set_with(None, key, value, &options));
        assert_eq!(form(&request), ("PUT", target, Some(FORM), body), "{options:?}");
    }
}

#[test]
fn a_put_without_a_body_says_so() {
    // RFC 9110, section 8.6; Go sends it, and there are proxies that answer 411 without it.
    let dir = Set { dir: true, ..Set::default() };
    let request = sent(|client| client.set_with(None, "/foo", "", &dir));
    assert_eq!((request.header("content-length"), request.header("transfer-encoding")), (Some("0"), None));
}

#[test]
fn a_time_to_live_is_rounded_up_to_whole_seconds() {
    // Go truncates: 500 ms become ttl=0, which expires the key at once.
    for (ms, body) in [(1, "ttl=1&value=v"), (500, "ttl=1&value=v"), (1000, "ttl=1&value=v"), (1001, "ttl=2&value=v")] {
        let options = Set { ttl_ms: Some(ms), ..Set::default() };
        assert_eq!(sent(|client| client.set_with(None, "/foo", "v", &options)).text(), body, "{ms} ms");
        assert_eq!(sent(|client| client.create_in_order("/foo", "v", Some(ms))).text(), body, "{ms} ms");
    }
}

#[test]
fn values_are_encoded_as_go_encodes_forms() {
    let cases = [
        ("bar+baz qux/é", "value=bar%2Bbaz+qux%2F%C3%A9"),
        ("-_.~!*'()", "value=-_.~%21%2A%27%28%29"),
        ("a&b=c;d\r\n\0%", "value=a%26b%3Dc%3Bd%0D%0A%00%25"),
    ];
    for (value, body) in cases {
        let set = sent(|client| client.set("/foo", value));
        assert_eq!((set.text(), set.form()), (body, vec![("value".into(), value.into())]));
        assert_eq!(sent(|client| client.create_in_order("/foo", value, None)).text(), body);
    }
    let options = Delete { prev_value: Some("a b/c&é"), ..Delete::default() };
    let deletion = sent(|client| client.delete_with(None, "/foo", &options));
    assert_eq!(deletion.target, "/v2/keys/foo?prevValue=a+b%2Fc%26%C3%A9");
}

#[test]
fn http_keys_api_create_action_and_update_action_are_sets_with_prev_exist() {
    let create = sent(|client| client.create("/foo", "bar"));
    assert_eq!(form(&create), ("PUT", "/v2/keys/foo?prevExist=false", Some(FORM), "value=bar"));
    let update = sent(|client| client.update("/foo", "bar"));
    assert_eq!(form(&update), ("PUT", "/v2/keys/foo?prevExist=true", Some(FORM), "value=bar"));
}

#[test]
fn create_in_order_action_posts_a_form() {
    let cases = [
        ("/v2/keys", "foo", "", None, "/v2/keys/foo", "value="),
        ("/pfx", "foo", "", None, "/pfx/foo", "value="),
        ("", "foo", "", None, "/foo", "value="),
        ("/v2/keys", "foo/bar/baz", "", None, "/v2/keys/foo/bar/baz", "value="),
        ("/foo/", "/bar", "", None, "/foo/bar", "value="),
        ("", "/foo/", "", None, "/foo/", "value="),
        ("", "foo", "baz", None, "/foo", "value=baz"),
        ("", "foo", "", Some(180_000), "/foo", "ttl=180&value="),
    ];
    for (prefix, dir, value, ttl, target, body) in cases {
        let request = sent_to("", prefix, |client| client.create_in_order(dir, value, ttl));
        assert_eq!(form(&request), ("POST", target, Some(FORM), body));
    }
}

#[test]
fn delete_action_has_everything_in_its_query() {
    let none = Delete::default();
    let cases = [
        ("/v2/keys", "foo", none, "/v2/keys/foo"),
        ("/pfx", "foo", none, "/pfx/foo"),
        ("", "foo", none, "/foo"),
        ("/v2/keys", "foo/bar/baz", none, "/v2/keys/foo/bar/baz"),
        ("/foo/", "/bar", none, "/foo/bar"),
        ("", "/foo/", none, "/foo/"),
        ("", "foo", Delete { recursive: true, ..none }, "/foo?recursive=true"),
        ("", "foo", Delete { prev_value: Some("bar baz"), ..none }, "/foo?prevValue=bar+baz"),
        ("", "foo", Delete { prev_index: 12, ..none }, "/foo?prevIndex=12"),
        ("", "foo", Delete { dir: true, ..none }, "/foo?dir=true"),
    ];
    for (prefix, key, options, target) in cases {
        let request = sent_to("", prefix, |client| client.delete_with(None, key, &options));
        assert_eq!(form(&request), ("DELETE", target, Some(FORM), ""), "{options:?}");
    }
}

#[test]
fn the_query_of_an_endpoint_goes_with_every_request() {
    let path = "/pfx/?x=1&recursive=true";
    let get = sent_to(path, "/v2/keys", |client| client.get("/a"));
    assert_eq!(get.target, "/pfx/v2/keys/a?quorum=false&recursive=false&sorted=false&x=1");
    let set = sent_to(path, "/v2/keys", |client| client.set("/a", "v"));
    assert_eq!(form(&set), ("PUT", "/pfx/v2/keys/a?recursive=true&x=1", Some(FORM), "value=v"));
    let post = sent_to("/?x=1", "/v2/keys", |client| client.create_in_order("/a", "v", None));
    assert_eq!(form(&post), ("POST", "/v2/keys/a?x=1", Some(FORM), "value=v"));
    let delete = sent_to("/?x=1", "/v2/keys", |client| client.delete("/a"));
    assert_eq!(form(&delete), ("DELETE", "/v2/keys/a?x=1", Some(FORM), ""));
}

#[test]
fn a_query_that_has_a_name_twice_keeps_both_as_url_values_does() {
    let twice = sent_to("/?y=2&x=2&x=1", "/v2/keys", |client| client.set("/a", "v"));
    assert_eq!(twice.target, "/v2/keys/a?x=2&x=1&y=2");
}

#[test]
fn http_cluster_client_get_version_asks_as_go_does() {
    let server = ScriptedServer::always(Reply::json(200, r#"{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}"#));
    let version = Client::of(&server.endpoint()).version().expect("a version");
    assert_eq!(version, ("3.4.23".to_owned(), "3.4.0".to_owned()));
    let request = server.requests().remove(0);
    assert_eq!(form(&request), ("GET", "/version?quorum=false&recursive=false&sorted=false", None, ""));
}

#[test]
fn the_headers_are_few() {
    let server = ScriptedServer::always(accepted());
    let client = Client::of(&server.endpoint());
    client.get("/a").expect("answered");
    client.set("/a", "v").expect("answered");
    client.create_in_order("/a", "v", None).expect("answered");
    client.delete("/a").expect("answered");
    let agent = format!("libetcd_client/{}", env!("CARGO_PKG_VERSION"));
    for request in server.requests() {
        assert_eq!(request.version, "HTTP/1.1");
        assert_eq!(request.header("host"), Some(server.address().to_string().as_str()));
        assert_eq!(request.header("user-agent"), Some(agent.as_str()));
        let mut names: Vec<_> = request.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        // Neither Expect nor Accept-Encoding, nor anything else.
        names.retain(|name| !(name == "content-length" && request.method == "DELETE"));
        names.sort();
        match request.method.as_str() {
            "GET" => assert_eq!(names, ["host", "user-agent"]),
            "DELETE" => assert_eq!(names, ["content-type", "host", "user-agent"]),
            _ => assert_eq!(names, ["content-length", "content-type", "host", "user-agent"]),
        }
    }
}
