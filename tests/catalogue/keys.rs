//! `client/keys_test.go` and `client/keys_bench_test.go`: what keys calls send, and what they read.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::mpsc;

use etcd_test_harness::capi::options::{ETCD_PREV_EXIST, ETCD_PREV_IGNORE, ETCD_PREV_NO_EXIST};
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Delete, Get, Node, Set};
use etcd_test_support::tls_server::{ANSWER, read_request};
use etcd_test_support::{Authority, ConnectProxy, RawServer, Reply, ScriptedServer};

use crate::scripted::{Answer, accepted, indexed, of_answer, parts, sent, sent_below};

const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

#[test]
fn v2_keys_url_helper() {
    // Proxies lead to hosts that do not exist.
    let cases = [
        ("the key is empty", "http://example.com/v2/keys", "", "", "http://example.com/v2/keys"),
        ("joined to the path", "http://example.com/v2/keys", "", "/foo/bar", "http://example.com/v2/keys/foo/bar"),
        ("joined to no path", "http://example.com", "", "/foo/bar", "http://example.com/foo/bar"),
        ("host with a port", "http://example.com:8080/v2/keys", "", "", "http://example.com:8080/v2/keys"),
        ("the scheme", "https://example.com/v2/keys", "", "", "https://example.com/v2/keys"),
        ("with a prefix", "https://example.com/foo", "/bar", "/baz", "https://example.com/foo/bar/baz"),
        ("the prefix alone", "https://example.com/foo", "/bar", "", "https://example.com/foo/bar"),
        ("a trailing slash", "https://example.com/foo", "/bar", "/baz/", "https://example.com/foo/bar/baz/"),
    ];
    for (name, endpoint, prefix, key, url) in cases {
        let config = Config::new(&[endpoint.to_owned()]).keys_prefix(prefix);
        let asked = if endpoint.starts_with("https:") { through_a_tunnel(config, key) } else { by_proxy(config, key) };
        assert_eq!(asked, url, "{name}");
    }
}

/// What a proxy is asked for in a get: it sees whole URLs.
fn by_proxy(config: Config, key: &str) -> String {
    let proxy = ScriptedServer::always(accepted());
    config.proxy(Some(&proxy.endpoint())).build().get(key).expect("got");
    let target = proxy.requests().remove(0).target;
    target.split_once('?').expect("a query").0.to_owned()
}

/// What `example.com` is asked for in a get over TLS, put together as a URL.
fn through_a_tunnel(config: Config, key: &str) -> String {
    let authority = Authority::new("tests");
    let (asked, heads) = mpsc::channel();
    let server = RawServer::tls(authority.server(&["example.com"]).server_config(None), move |_, mut stream| {
        if let Some(head) = read_request(&mut stream) {
            asked.send(head).expect("the test waits");
            stream.write_all(ANSWER.as_bytes()).and_then(|()| stream.flush()).expect("answered");
        }
    });
    let proxy = ConnectProxy::to(server.address());
    config.proxy(Some(&proxy.url())).ca_pem(authority.pem()).build().get(key).expect("got");
    assert!(proxy.heard()[0].starts_with("CONNECT example.com:443 "), "{:?}", proxy.heard());
    let head = heads.recv().expect("a request");
    let target = head.strip_prefix("GET ").and_then(|rest| rest.split_once('?')).expect("a query").0;
    let host = head.lines().find_map(|line| line.strip_prefix("Host: ")).expect("a host");
    format!("https://{host}{target}")
}

#[test]
fn get_action() {
    let none = Get::default();
    let cases = [
        (none, "quorum=false&recursive=false&sorted=false"),
        (Get { recursive: true, ..none }, "quorum=false&recursive=true&sorted=false"),
        (Get { sort: true, ..none }, "quorum=false&recursive=false&sorted=true"),
        (Get { recursive: true, sort: true, ..none }, "quorum=false&recursive=true&sorted=true"),
        (Get { quorum: true, ..none }, "quorum=true&recursive=false&sorted=false"),
    ];
    for (options, query) in cases {
        let request = sent(|client| client.get_with(None, "/foo/bar", &options));
        assert_eq!(parts(&request), ("GET", format!("/v2/keys/foo/bar?{query}").as_str(), None, ""), "{options:?}");
    }
}

#[test]
fn set_action() {
    let none = Set::default();
    let ttl_ms = Some(180_000);
    let cases = [
        ("default prefix", "/v2/keys", "foo", "", none, "/v2/keys/foo", "value="),
        ("other prefix", "/pfx", "foo", "", none, "/pfx/foo", "value="),
        ("no prefix", "", "foo", "", none, "/foo", "value="),
        ("separators", "/v2/keys", "foo/bar/baz", "", none, "/v2/keys/foo/bar/baz", "value="),
        ("slashes where they meet", "/foo/", "/bar", "", none, "/foo/bar", "value="),
        ("trailing slash", "", "/foo/", "", none, "/foo/", "value="),
        ("value", "", "foo", "baz", none, "/foo", "value=baz"),
        ("ignore", "", "foo", "", Set { prev_exist: ETCD_PREV_IGNORE, ..none }, "/foo", "value="),
        ("exist", "", "foo", "", Set { prev_exist: ETCD_PREV_EXIST, ..none }, "/foo?prevExist=true", "value="),
        ("no exist", "", "foo", "", Set { prev_exist: ETCD_PREV_NO_EXIST, ..none }, "/foo?prevExist=false", "value="),
        // Differs from Go: in the body, because etcd resets the connection when a URL is longer than 4 KB.
        (
            "value before",
            "",
            "foo",
            "",
            Set { prev_value: Some("bar baz"), ..none },
            "/foo",
            "prevValue=bar+baz&value=",
        ),
        ("index before", "", "foo", "", Set { prev_index: 12, ..none }, "/foo?prevIndex=12", "value="),
        ("TTL", "", "foo", "", Set { ttl_ms, ..none }, "/foo", "ttl=180&value="),
        ("refresh", "", "foo", "", Set { ttl_ms, refresh: true, ..none }, "/foo", "refresh=true&ttl=180&value="),
        ("directory", "", "foo", "", Set { dir: true, ..none }, "/foo?dir=true", ""),
        ("directory, value", "", "foo", "bar", Set { dir: true, ..none }, "/foo?dir=true", ""),
        (
            "directory, exist",
            "",
            "foo",
            "",
            Set { dir: true, prev_exist: ETCD_PREV_EXIST, ..none },
            "/foo?dir=true&prevExist=true",
            "",
        ),
        (
            "directory, value before",
            "",
            "foo",
            "",
            Set { dir: true, prev_value: Some("bar"), ..none },
            "/foo?dir=true",
            "",
        ),
        ("no value", "", "foo", "", Set { no_value_on_success: true, ..none }, "/foo?noValueOnSuccess=true", "value="),
    ];
    assert_eq!(cases.len(), 19);
    for (name, prefix, key, value, options, target, body) in cases {
        let request = sent_below(prefix, |client| client.set_with(None, key, value, &options));
        assert_eq!(parts(&request), ("PUT", target, FORM, body), "{name}");
    }
}

#[test]
fn create_in_order_action() {
    let cases = [
        ("default prefix", "/v2/keys", "foo", "", None, "/v2/keys/foo", "value="),
        ("other prefix", "/pfx", "foo", "", None, "/pfx/foo", "value="),
        ("no prefix", "", "foo", "", None, "/foo", "value="),
        ("separators", "/v2/keys", "foo/bar/baz", "", None, "/v2/keys/foo/bar/baz", "value="),
        ("slashes where they meet", "/foo/", "/bar", "", None, "/foo/bar", "value="),
        ("trailing slash", "", "/foo/", "", None, "/foo/", "value="),
        ("value", "", "foo", "baz", None, "/foo", "value=baz"),
        ("TTL", "", "foo", "", Some(180_000), "/foo", "ttl=180&value="),
    ];
    for (name, prefix, dir, value, ttl_ms, target, body) in cases {
        let request = sent_below(prefix, |client| client.create_in_order(dir, value, ttl_ms));
        assert_eq!(parts(&request), ("POST", target, FORM, body), "{name}");
    }
}

#[test]
fn delete_action() {
    let none = Delete::default();
    let cases = [
        ("default prefix", "/v2/keys", "foo", none, "/v2/keys/foo"),
        ("other prefix", "/pfx", "foo", none, "/pfx/foo"),
        ("no prefix", "", "foo", none, "/foo"),
        ("separators", "/v2/keys", "foo/bar/baz", none, "/v2/keys/foo/bar/baz"),
        ("slashes where they meet", "/foo/", "/bar", none, "/foo/bar"),
        ("trailing slash", "", "/foo/", none, "/foo/"),
        ("recursive", "", "foo", Delete { recursive: true, ..none }, "/foo?recursive=true"),
        ("value before", "", "foo", Delete { prev_value: Some("bar baz"), ..none }, "/foo?prevValue=bar+baz"),
        ("index before", "", "foo", Delete { prev_index: 12, ..none }, "/foo?prevIndex=12"),
    ];
    for (name, prefix, key, options, target) in cases {
        let request = sent_below(prefix, |client| client.delete_with(None, key, &options));
        assert_eq!(parts(&request), ("DELETE", target, FORM, ""), "{name}");
    }
}

fn get_of(reply: Reply) -> Answer {
    of_answer(reply, |client| client.get("/foo"))
}

fn foo(value: &str, modified_index: u64) -> Node {
    Node { key: "/foo".into(), value: value.into(), modified_index, created_index: 10, ..Node::default() }
}

#[test]
fn unmarshal_successful_response() {
    let read = |index: &str, body: &str| get_of(indexed(200, index, body)).expect("a response");
    // 1. Neither node.
    let response = read("1", r#"{"action":"delete"}"#);
    assert_eq!((response.action.as_str(), response.index, response.cluster_id.as_str()), ("delete", 1, ""));
    assert_eq!((response.node, response.prev_node), (None, None));
    // 2. The node before.
    let response = read(
        "15",
        r#"{"action":"delete", "prevNode": {"key": "/foo", "value": "bar", "modifiedIndex": 12, "createdIndex": 10}}"#,
    );
    assert_eq!((response.action.as_str(), response.index), ("delete", 15));
    assert_eq!((response.node, response.prev_node), (None, Some(foo("bar", 12))));
    // 3. The node, with a TTL.
    let response = read(
        "15",
        r#"{"action":"get", "node": {"key": "/foo", "value": "bar", "modifiedIndex": 12, "createdIndex": 10,
            "ttl": 10, "expiration": "2015-04-07T04:40:23.044979686Z"}}"#,
    );
    let node = Node { ttl: 10, expiration: Some((1_428_381_623, 44_979_686)), ..foo("bar", 12) };
    assert_eq!((response.action.as_str(), response.node, response.prev_node), ("get", Some(node), None));
    // 4. A directory, and the cluster's id.
    let body = r#"{"action":"get", "node": {"key": "/foo", "dir": true, "modifiedIndex": 12, "createdIndex": 10}}"#;
    let response = get_of(indexed(200, "15", body).header("X-Etcd-Cluster-ID", "abcdef")).expect("a response");
    assert_eq!((response.index, response.cluster_id.as_str()), (15, "abcdef"));
    assert_eq!((response.node, response.prev_node), (Some(Node { is_dir: true, ..foo("", 12) }), None));
    // 5. Both nodes.
    let response = read(
        "15",
        r#"{"action":"update", "prevNode": {"key": "/foo", "value": "baz", "modifiedIndex": 10, "createdIndex": 10},
            "node": {"key": "/foo", "value": "bar", "modifiedIndex": 12, "createdIndex": 10}}"#,
    );
    assert_eq!((response.action.as_str(), response.index), ("update", 15));
    assert_eq!((response.node, response.prev_node), (Some(foo("bar", 12)), Some(foo("baz", 10))));
    // 6. Garbage, and 7. an index that is no number.
    for (index, body) in [("", "garbage"), ("poo", "{}"), ("poo", r#"{"action":"get"}"#)] {
        let failure = get_of(indexed(200, index, body)).expect_err(body);
        assert_eq!((failure.status, failure.api_code), (ETCD_ERR_INVALID_RESPONSE, 0));
    }
}

#[test]
fn unmarshal_failed_keys_response() {
    let body = r#"{"errorCode":100,"message":"Key not found","cause":"/foo","index":18}"#;
    let failure = get_of(indexed(404, "18", body)).expect_err("refused");
    assert_eq!((failure.status, failure.api_code, failure.api_index), (ETCD_ERR_API, ETCD_API_KEY_NOT_FOUND, 18));
    assert_eq!(failure.api_message.as_deref(), Some("Key not found"));
    assert_eq!(failure.api_cause.as_deref(), Some("/foo"));
    assert!(failure.message.starts_with("100: Key not found (/foo) [18]"), "{}", failure.message);
}

#[test]
fn unmarshal_failed_keys_response_bad_json() {
    let failure = get_of(indexed(404, "18", r#"{"er"#)).expect_err("refused");
    assert_eq!((failure.status, failure.api_code, failure.http_status), (ETCD_ERR_INVALID_RESPONSE, 0, 404));
}

#[test]
fn http_keys_api_set_action() {
    let none = Set::default();
    // No options and empty options are the same: NULL is tested in C, empty ones here.
    let full = Set {
        prev_value: Some("baz"),
        prev_index: 13,
        prev_exist: ETCD_PREV_EXIST,
        ttl_ms: Some(60_000),
        dir: true,
        ..none
    };
    let bare = sent(|client| client.set("/foo", "bar"));
    let empty = sent(|client| client.set_with(None, "/foo", "bar", &none));
    for request in [&bare, &empty] {
        assert_eq!(parts(request), ("PUT", "/v2/keys/foo", FORM, "value=bar"));
    }
    let populated = sent(|client| client.set_with(None, "/foo", "bar", &full));
    let target = "/v2/keys/foo?dir=true&prevExist=true&prevIndex=13";
    assert_eq!(parts(&populated), ("PUT", target, FORM, "ttl=60"));
}

/// A transport error, a status that etcd does not know, and an etcd error with HTTP 500: an error and no response.
fn refused_three_times(call: impl Fn(&Client) -> Answer, is_one_shot: bool) {
    let raft = r#"{"errorCode":300,"message":"Raft internal error","cause":"/foo","index":18}"#;
    let expected = |status| if is_one_shot { status } else { ETCD_ERR_CLUSTER };
    let broken = of_answer(Reply::hang_up(), &call).expect_err("broken");
    assert_eq!((broken.status, broken.statuses()), (expected(ETCD_ERR_IO), vec![ETCD_ERR_IO]));
    let teapot = of_answer(Reply::new(418), &call).expect_err("a teapot");
    assert_eq!((teapot.status, teapot.http_status), (ETCD_ERR_INVALID_RESPONSE, 418));
    let failing = of_answer(indexed(500, "18", raft), &call).expect_err("failing");
    let cause = failing.list.first().expect("the cause");
    // Differs from Go, which says "has no leader" here and drops what the server said.
    assert_eq!((cause.status, cause.http_status, cause.api_code), (ETCD_ERR_HTTP_STATUS, 500, ETCD_API_RAFT_INTERNAL));
    assert_eq!(cause.api_message.as_deref(), Some("Raft internal error"));
}

#[test]
fn http_keys_api_set_error() {
    let set = |client: &Client| client.set("/foo", "bar");
    refused_three_times(set, false);
}

#[test]
fn http_keys_api_set_response() {
    let body = r#"{"action":"set","node":{"key":"/pants/foo/bar/baz","value":"snarf","modifiedIndex":21,"createdIndex":21},"prevNode":{"key":"/pants/foo/bar/baz","value":"snazz","modifiedIndex":20,"createdIndex":19}}"#;
    let server = ScriptedServer::always(indexed(200, "21", body));
    let client = Config::new(&[server.endpoint()]).keys_prefix("/pants").build();
    let response = client.set("/foo/bar/baz", "snarf").expect("a response");
    assert_eq!(server.requests()[0].target, "/pants/foo/bar/baz");
    assert_eq!((response.action.as_str(), response.index), ("set", 21));
    assert_eq!(response.node, Some(pants("snarf", 21, 21)));
    assert_eq!(response.prev_node, Some(pants("snazz", 19, 20)));
}

fn pants(value: &str, created_index: u64, modified_index: u64) -> Node {
    let key = "/pants/foo/bar/baz".into();
    Node { key, value: value.into(), created_index, modified_index, ..Node::default() }
}

#[test]
fn http_keys_api_get_action() {
    let full = Get { sort: true, recursive: true, quorum: true };
    let bare = sent(|client| client.get("/foo"));
    let empty = sent(|client| client.get_with(None, "/foo", &Get::default()));
    for request in [&bare, &empty] {
        assert_eq!(request.target, "/v2/keys/foo?quorum=false&recursive=false&sorted=false");
    }
    let populated = sent(|client| client.get_with(None, "/foo", &full));
    assert_eq!(parts(&populated), ("GET", "/v2/keys/foo?quorum=true&recursive=true&sorted=true", None, ""));
}

#[test]
fn http_keys_api_get_error() {
    refused_three_times(|client| client.get("/foo"), false);
}

#[test]
fn http_keys_api_get_response() {
    let body = r#"{"action":"get","node":{"key":"/pants/foo/bar","modifiedIndex":25,"createdIndex":19,"nodes":[{"key":"/pants/foo/bar/baz","value":"snarf","createdIndex":21,"modifiedIndex":25}]}}"#;
    let server = ScriptedServer::always(indexed(200, "42", body));
    let client = Config::new(&[server.endpoint()]).keys_prefix("/pants").build();
    let recursive = Get { recursive: true, ..Get::default() };
    let response = client.get_with(None, "/foo/bar", &recursive).expect("a response");
    assert_eq!((response.action.as_str(), response.index, response.prev_node), ("get", 42, None));
    let node = Node {
        key: "/pants/foo/bar".into(),
        created_index: 19,
        modified_index: 25,
        children: vec![pants("snarf", 21, 25)],
        ..Node::default()
    };
    assert_eq!(response.node, Some(node));
}

#[test]
fn http_keys_api_delete_action() {
    let full = Delete { prev_value: Some("baz"), prev_index: 13, recursive: true, dir: false };
    let bare = sent(|client| client.delete("/foo"));
    let empty = sent(|client| client.delete_with(None, "/foo", &Delete::default()));
    for request in [&bare, &empty] {
        assert_eq!(parts(request), ("DELETE", "/v2/keys/foo", FORM, ""));
    }
    let populated = sent(|client| client.delete_with(None, "/foo", &full));
    assert_eq!(parts(&populated), ("DELETE", "/v2/keys/foo?prevIndex=13&prevValue=baz&recursive=true", FORM, ""));
}

#[test]
fn http_keys_api_delete_error() {
    refused_three_times(|client| client.delete("/foo"), true);
}

#[test]
fn http_keys_api_delete_response() {
    let body = r#"{"action":"delete","node":{"key":"/pants/foo/bar/baz","value":"snarf","modifiedIndex":22,"createdIndex":19},"prevNode":{"key":"/pants/foo/bar/baz","value":"snazz","modifiedIndex":20,"createdIndex":19}}"#;
    let server = ScriptedServer::always(indexed(200, "22", body));
    let client = Config::new(&[server.endpoint()]).keys_prefix("/pants").build();
    let response = client.delete("/foo/bar/baz").expect("a response");
    assert_eq!((response.action.as_str(), response.index), ("delete", 22));
    assert_eq!(response.node, Some(pants("snarf", 19, 22)));
    assert_eq!(response.prev_node, Some(pants("snazz", 19, 20)));
}

#[test]
fn http_keys_api_create_action() {
    let request = sent(|client| client.create("/foo", "bar"));
    assert_eq!(parts(&request), ("PUT", "/v2/keys/foo?prevExist=false", FORM, "value=bar"));
}

#[test]
fn http_keys_api_create_in_order_action() {
    let request = sent(|client| client.create_in_order("/foo", "bar", None));
    assert_eq!(parts(&request), ("POST", "/v2/keys/foo", FORM, "value=bar"));
}

#[test]
fn http_keys_api_update_action() {
    let request = sent(|client| client.update("/foo", "bar"));
    assert_eq!(parts(&request), ("PUT", "/v2/keys/foo?prevExist=true", FORM, "value=bar"));
}

#[test]
fn node_ttl_duration() {
    for ttl in [0, 97] {
        let body = format!(r#"{{"action":"get","node":{{"key":"/foo","ttl":{ttl}}}}}"#);
        assert_eq!(get_of(indexed(200, "1", &body)).expect("a response").node.expect("a node").ttl, ttl, "in seconds");
    }
}

/// Reads a directory of so many children with values of so many bytes; how fast that goes, the benchmarks say.
fn unmarshal(children: usize, size: usize) {
    let (key, value) = ("a".repeat(30), "a".repeat(size));
    let file =
        format!(r#""key":"{key}","value":"{value}","createdIndex":123456,"modifiedIndex":123456,"ttl":123456789"#);
    let mut body = format!(r#"{{"action":"aaaaa","node":{{{file},"nodes":["#);
    for number in 0..children {
        let comma = if number == 0 { "" } else { "," };
        write!(body, "{comma}{{{file}}}").expect("text");
    }
    body.push_str("]}}");
    let response = get_of(indexed(200, "123456", &body)).expect("a response");
    let child =
        Node { key, value, created_index: 123_456, modified_index: 123_456, ttl: 123_456_789, ..Node::default() };
    let node = Node { children: vec![child.clone(); children], ..child };
    assert_eq!((response.action.as_str(), response.index), ("aaaaa", 123_456));
    assert!(response.node == Some(node), "all {children} children with {size} bytes each");
}

#[test]
fn benchmark_small_response_unmarshal() {
    unmarshal(30, 20);
}

#[test]
fn benchmark_many_small_response_unmarshal() {
    unmarshal(3000, 20);
}

#[test]
fn benchmark_medium_response_unmarshal() {
    unmarshal(300, 200);
}

#[test]
fn benchmark_large_response_unmarshal() {
    unmarshal(3000, 2000);
}
