//! What is read: etcd's answers, and answers that make no sense.

use etcd_test_harness::capi::response::*;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Failure, Node, Response};
use etcd_test_support::{Reply, ScriptedServer};
use serde_json::{Value, json};

/// What a get makes of an answer.
fn get(reply: Reply) -> Result<Response, Failure> {
    let server = ScriptedServer::always(reply);
    Client::of(&server.endpoint()).get("/foo")
}

/// What a create makes of an answer; nothing is ever sent twice.
fn create(reply: Reply) -> Result<Response, Failure> {
    let server = ScriptedServer::always(reply);
    let result = Client::of(&server.endpoint()).create("/foo", "bar");
    assert_eq!(server.requests().len(), 1);
    result
}

fn indexed(index: &str, body: &str) -> Reply {
    Reply::json(200, body).header("X-Etcd-Index", index)
}

fn foo(value: &str, modified_index: u64) -> Node {
    Node { key: "/foo".into(), value: value.into(), modified_index, created_index: 10, ..Node::default() }
}

/// A success that cannot be used is the same to reads and writes, and says of a write what it may have done.
fn assert_refused(reply: impl Fn() -> Reply, status: i32, outcome: i32, what: &str) {
    let read = get(reply()).expect_err(what);
    assert_eq!((read.status, read.outcome, read.api_code), (status, ETCD_NOT_APPLIED, 0), "{what}: {read:?}");
    let write = create(reply()).expect_err(what);
    assert_eq!((write.status, write.outcome), (status, outcome), "{what}: {write:?}");
    assert!(write.endpoint.is_some_and(|endpoint| write.message.contains(&endpoint)), "{}", write.message);
}

#[test]
fn unmarshal_successful_response_reads_every_shape() {
    // Neither node.
    let neither = get(indexed("1", r#"{"action":"delete"}"#)).expect("a response");
    assert_eq!((neither.action.as_str(), neither.action_number), ("delete", ETCD_ACTION_DELETE));
    assert_eq!((neither.index, neither.cluster_id.as_str(), neither.node, neither.prev_node), (1, "", None, None));
    // The previous node alone.
    let body =
        r#"{"action":"delete", "prevNode": {"key": "/foo", "value": "bar", "modifiedIndex": 12, "createdIndex": 10}}"#;
    let previous = get(indexed("15", body)).expect("a response");
    assert_eq!((previous.index, previous.node, previous.prev_node), (15, None, Some(foo("bar", 12))));
    // A node with a time to live.
    let body = r#"{"action":"get", "node": {"key": "/foo", "value": "bar", "modifiedIndex": 12, "createdIndex": 10, "ttl": 10, "expiration": "2014-12-16T19:02:04.5Z"}}"#;
    let expiring = get(indexed("15", body)).expect("a response");
    let node = Node { ttl: 10, expiration: Some((1_418_756_524, 500_000_000)), ..foo("bar", 12) };
    assert_eq!((expiring.action_number, expiring.node), (ETCD_ACTION_GET, Some(node)));
    // A directory, and the cluster's id.
    let body = r#"{"action":"get", "node": {"dir": true, "modifiedIndex": 12, "createdIndex": 10}}"#;
    let dir = get(indexed("15", body).header("X-Etcd-Cluster-ID", "7e27652122e8b2ae")).expect("a response");
    let node = Node { is_dir: true, modified_index: 12, created_index: 10, ..Node::default() };
    assert_eq!((dir.cluster_id.as_str(), dir.node), ("7e27652122e8b2ae", Some(node)));
    // Both nodes.
    let body = r#"{"action":"update", "prevNode": {"key": "/foo", "value": "baz", "modifiedIndex": 10, "createdIndex": 10}, "node": {"key": "/foo", "value": "bar", "modifiedIndex": 12, "createdIndex": 10}}"#;
    let both = get(indexed("15", body)).expect("a response");
    assert_eq!((both.action_number, both.index), (ETCD_ACTION_UPDATE, 15));
    assert_eq!((both.node, both.prev_node), (Some(foo("bar", 12)), Some(foo("baz", 10))));
}

#[test]
fn unmarshal_successful_response_refuses_garbage() {
    assert_refused(|| indexed("", "garbage"), ETCD_ERR_INVALID_RESPONSE, ETCD_MAYBE_APPLIED, "garbage");
}

#[test]
fn unmarshal_successful_response_refuses_an_index_that_is_no_number() {
    for index in ["poo", "-1", "+1", "1.5", "0x10", "1 2", "18446744073709551616"] {
        let reply = || indexed(index, r#"{"action":"create"}"#);
        // The body is that of a write that happened.
        assert_refused(reply, ETCD_ERR_INVALID_RESPONSE, ETCD_APPLIED, index);
        assert_eq!(get(reply()).expect_err(index).http_status, 200);
    }
}

#[test]
fn an_absent_index_is_zero_and_the_largest_one_is_read() {
    let body = r#"{"action":"get"}"#;
    assert_eq!(get(Reply::json(200, body)).expect("a response").index, 0);
    assert_eq!(get(indexed("18446744073709551615", body)).expect("a response").index, u64::MAX);
}

#[test]
fn an_empty_index_header_is_as_none() {
    // Go looks at the header only when it is not empty.
    assert_eq!(get(indexed("", r#"{"action":"get"}"#)).expect("a response").index, 0);
}

#[test]
fn the_cluster_id_is_read_in_any_case_of_its_header() {
    for name in ["X-Etcd-Cluster-Id", "X-Etcd-Cluster-ID", "x-etcd-cluster-id", "X-ETCD-CLUSTER-ID"] {
        let reply =
            Reply::json(200, r#"{"action":"get"}"#).header(name, "cdf818194e3a8c32").header("x-etcd-index", "9");
        let response = get(reply).expect(name);
        assert_eq!((response.cluster_id.as_str(), response.index), ("cdf818194e3a8c32", 9));
    }
}

#[test]
fn node_ttl_duration_is_in_seconds() {
    for ttl in [97, 0, -1, i64::MAX] {
        let body = format!(r#"{{"action":"get","node":{{"key":"/foo","ttl":{ttl}}}}}"#);
        assert_eq!(get(indexed("1", &body)).expect("a response").node.expect("a node").ttl, ttl);
    }
}

#[test]
fn an_expiration_is_read_with_any_fraction_and_offset() {
    let cases = [
        ("2013-12-04T12:01:21.874888581-08:00", Some((1_386_187_281, 874_888_581))),
        ("2015-02-11T20:28:07Z", Some((1_423_686_487, 0))),
        ("1969-12-31T23:59:59.25Z", Some((-1, 250_000_000))),
    ];
    for (text, expiration) in cases {
        let body = format!(r#"{{"action":"get","node":{{"key":"/foo","ttl":1,"expiration":"{text}"}}}}"#);
        assert_eq!(get(indexed("1", &body)).expect(text).node.expect("a node").expiration, expiration);
    }
    let bad = || indexed("1", r#"{"action":"create","node":{"key":"/foo","expiration":"soon"}}"#);
    assert_refused(bad, ETCD_ERR_INVALID_RESPONSE, ETCD_MAYBE_APPLIED, "soon");
}

#[test]
fn directories_are_read_in_the_servers_order_however_deep() {
    let body = r#"{"action":"get","node":{"dir":true,"nodes":[{"key":"/b","dir":true,"nodes":[{"key":"/b/2","value":"two"},{"key":"/b/1","value":""}]},{"key":"/a","dir":true},{"key":"/c","value":"three"}]}}"#;
    let root = get(indexed("1", body)).expect("a response").node.expect("a node");
    assert_eq!(root.keys(), ["", "/b", "/b/2", "/b/1", "/a", "/c"]);
    assert_eq!(root.children[0].children[0].value, "two");
    assert!(root.is_dir && root.children[1].is_dir && root.children[1].children.is_empty());
}

#[test]
fn text_is_decoded_from_json() {
    let body = r#"{"action":"get","node":{"key":"/\u00e9\u0000/x","value":"\"\\\/\n\ud83d\ude00 é\u0000"}}"#;
    let node = get(indexed("1", body)).expect("a response").node.expect("a node");
    assert_eq!((node.key.as_str(), node.value.as_str()), ("/é\0/x", "\"\\/\n😀 é\0"));
}

#[test]
fn success_is_200_or_201_and_nothing_else() {
    let body = r#"{"action":"create"}"#;
    for http_status in [200, 201] {
        assert_eq!(create(Reply::json(http_status, body)).expect("created").action_number, ETCD_ACTION_CREATE);
    }
    for http_status in [202, 203, 204, 206] {
        let reply = || if http_status == 204 { Reply::new(204) } else { Reply::json(http_status, body) };
        assert_refused(reply, ETCD_ERR_INVALID_RESPONSE, ETCD_MAYBE_APPLIED, "no success");
        assert_eq!(get(reply()).expect_err("no success").http_status, i32::from(http_status));
    }
}

#[test]
fn a_set_event_without_a_node_is_a_response_without_a_node() {
    // Go dereferences the missing node.
    let response = get(indexed("5", r#"{"action":"set"}"#)).expect("a response");
    assert_eq!((response.action_number, response.node, response.prev_node), (ETCD_ACTION_SET, None, None));
}

#[test]
fn actions_and_fields_of_later_servers_are_passed_on() {
    let body =
        r#"{"action":"resurrect","new":[{"x":1}],"node":{"key":"/foo","new":null,"value":"v","createdIndex":10}}"#;
    let response = get(indexed("5", body)).expect("a response");
    assert_eq!((response.action.as_str(), response.action_number), ("resurrect", ETCD_ACTION_UNKNOWN));
    assert_eq!(response.node, Some(foo("v", 0)));
}

#[test]
fn an_empty_body_has_its_own_status() {
    assert_refused(|| indexed("1", ""), ETCD_ERR_EMPTY_BODY, ETCD_MAYBE_APPLIED, "empty");
}

#[test]
fn what_is_not_etcds_json_is_an_invalid_response() {
    // Go takes the first two for a success without action and node.
    let bodies = [
        "null",
        "{}",
        r#"{"action":"create"}{"action":"create"}"#,
        r#"{"action":"create"} x"#,
        r#"[{"action":"create"}]"#,
        r#"{"Action":"create"}"#,
        r#"{"action":"create","node":{"key":"/foo""#,
        r#"{"action":"create","node":{"createdIndex":"1"}}"#,
        r#"{"action":"create","node":[]}"#,
        "<!DOCTYPE html><html><body>Please log in</body></html>",
        "ok",
    ];
    for body in bodies {
        assert_refused(|| indexed("1", body), ETCD_ERR_INVALID_RESPONSE, ETCD_MAYBE_APPLIED, body);
    }
    let latin_1 = || indexed("1", "").body(b"{\"action\":\"create\",\"node\":{\"value\":\"\xe9\"}}".to_vec());
    assert_refused(latin_1, ETCD_ERR_INVALID_RESPONSE, ETCD_MAYBE_APPLIED, "not UTF-8");
    let deep = format!(r#"{{"action":"create","node":{}"#, r#"{"nodes":["#.repeat(50_000));
    assert_refused(|| indexed("1", &deep), ETCD_ERR_INVALID_RESPONSE, ETCD_MAYBE_APPLIED, "deep");
}

#[test]
fn a_compressed_answer_was_not_asked_for_and_is_refused() {
    let gzip = || indexed("1", "").header("Content-Encoding", "gzip").body(b"\x1f\x8b\x08\0\0\0".to_vec());
    assert_refused(gzip, ETCD_ERR_INVALID_RESPONSE, ETCD_MAYBE_APPLIED, "gzip");
    assert!(get(gzip()).expect_err("gzip").message.contains("gzip"));
}

#[test]
fn white_space_around_the_answer_is_none_of_its_business() {
    // etcd ends every body with a line feed.
    assert_eq!(get(indexed("1", " {\"action\":\"get\"}\r\n\n")).expect("a response").action, "get");
}

#[test]
fn an_answer_may_come_in_chunks_or_end_with_its_connection() {
    let pieces =
        [r#"{"action":"get","#, r#""node":{"key":"/foo","#, r#""value":"bar","modifiedIndex":12,"createdIndex":10}}"#];
    let chunked = get(Reply::new(200).chunks(pieces)).expect("chunks");
    let until_close = get(Reply::new(200).body_until_close(pieces.concat())).expect("until the close");
    assert_eq!((&chunked.node, &until_close.node), (&Some(foo("bar", 12)), &Some(foo("bar", 12))));
}

#[test]
fn the_response_as_json_is_etcds_answer_with_the_headers_added() {
    let answer = json!({
        "action": "compareAndSwap",
        "node": {"key": "/dir", "dir": true, "modifiedIndex": 12, "createdIndex": 10, "nodes": [
            {"key": "/dir/\"é\u{0}\n", "value": "a\\b\u{1}😀", "modifiedIndex": 12, "createdIndex": 12,
             "ttl": -3, "expiration": "2014-12-16T19:02:04.5Z"},
            {"key": "/dir/empty", "value": "", "modifiedIndex": u64::MAX, "createdIndex": 12},
        ]},
        "prevNode": {"key": "/dir", "value": "file", "modifiedIndex": 9, "createdIndex": 9},
    });
    let response = get(Reply::etcd(200, 15, &answer.to_string())).expect("a response");
    let mut expected = answer;
    expected["index"] = 15.into();
    expected["clusterID"] = "cdf818194e3a8c32".into();
    assert_eq!(serde_json::from_str::<Value>(&response.json).expect("JSON"), expected);
    // And it reads as the same response again.
    assert_eq!(get(Reply::etcd(200, 15, &response.json)).expect("a response"), response);
}

#[test]
fn http_cluster_client_get_version_tells_what_is_wrong() {
    let key_not_found = r#"{"errorCode":100,"message":"Key not found","index":1}"#;
    let cases = [
        (Reply::json(404, key_not_found), ETCD_ERR_API, 404),
        (Reply::v2_off(), ETCD_ERR_INVALID_RESPONSE, 404),
        (Reply::new(200), ETCD_ERR_EMPTY_BODY, 200),
        (Reply::json(200, "{}"), ETCD_ERR_INVALID_RESPONSE, 200),
        (Reply::new(200).body("etcd 0.4.9"), ETCD_ERR_INVALID_RESPONSE, 200),
        (Reply::json(200, r#"{"etcdserver":3}"#), ETCD_ERR_INVALID_RESPONSE, 200),
        (Reply::new(503), ETCD_ERR_CLUSTER, 0),
    ];
    for (reply, status, http_status) in cases {
        let server = ScriptedServer::always(reply);
        let failure = Client::of(&server.endpoint()).version().expect_err("no version");
        assert_eq!((failure.status, failure.http_status), (status, http_status), "{failure:?}");
        assert_eq!((failure.outcome, server.requests().len()), (ETCD_NOT_APPLIED, 1));
        assert!(failure.message.contains(&server.endpoint()), "{}", failure.message);
    }
}
