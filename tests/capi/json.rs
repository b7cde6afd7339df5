//! A response as JSON: what etcd sent, with the index and the cluster's id from its headers.

use etcd_test_harness::{Client, Get, Set};
use etcd_test_support::{Answer, EtcdServer, Oracle, Reply, ScriptedServer};
use serde_json::{Value, json};

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).expect("JSON")
}

/// What the oracle got, as the library is to give it.
fn expected(answer: &Answer) -> Value {
    let mut expected = answer.json();
    expected["index"] = answer.header("x-etcd-index").and_then(|index| index.parse::<u64>().ok()).into();
    expected["clusterID"] = answer.header("x-etcd-cluster-id").into();
    expected
}

#[test]
fn the_json_of_a_response_is_what_etcd_sends_with_what_its_headers_say() {
    let server = EtcdServer::start();
    let (client, oracle) = (Client::of(&server.endpoint()), Oracle::new(server.endpoint()));
    let values = ["", "one", "<>&\"\\", "\u{2028}\0\u{1}", "\u{1f980}é", "{\"a\":1}"];
    for (number, value) in values.iter().enumerate() {
        client.set(&format!("/d/sub-{number}/{number}"), value).expect("set");
    }
    client.set_with(None, "/d/expiring", "x", &Set { ttl_ms: Some(600_000), ..Set::default() }).expect("set");
    client.set_with(None, "/d/empty", "", &Set { dir: true, ..Set::default() }).expect("set");
    client.create_in_order("/d/queue", "y", Some(600_000)).expect("created");
    for key in ["/d/sub-2/2", "/d/sub-3/3", "/d/expiring", "/d/empty", "/d/sub-0", "/d"] {
        let got = client.get_with(None, key, &Get { recursive: true, sort: true, quorum: false }).expect(key);
        let answer = oracle.get(&format!("/v2/keys{key}?recursive=true&sorted=true"));
        assert_eq!(parsed(&got.json), expected(&answer), "{key}");
    }
}

/// Answers of an etcd 3.4 to calls that change something, as they came.
const ANSWERS: &[&str] = &[
    r#"{"action":"set","node":{"key":"/a","value":"one","modifiedIndex":4,"createdIndex":4}}"#,
    r#"{"action":"set","node":{"key":"/a","value":"two","modifiedIndex":5,"createdIndex":5},"prevNode":{"key":"/a","value":"one","modifiedIndex":4,"createdIndex":4}}"#,
    r#"{"action":"set","node":{"key":"/a","value":"1","expiration":"2026-11-22T23:54:10.697367814Z","ttl":1,"modifiedIndex":5,"createdIndex":5}}"#,
    r#"{"action":"set","node":{"key":"/a","value":"1","expiration":"2026-11-22T23:54:10.5Z","ttl":1,"modifiedIndex":5,"createdIndex":5}}"#,
    r#"{"action":"set","node":{"key":"/a","value":"1","expiration":"2026-11-22T23:54:10Z","ttl":-3,"modifiedIndex":5,"createdIndex":5}}"#,
    r#"{"action":"set"}"#,
    r#"{"action":"compareAndSwap"}"#,
    r#"{"action":"resurrect","node":{"key":"/a","value":"1","modifiedIndex":18446744073709551615,"createdIndex":1}}"#,
    r#"{"action":"get","node":{"key":"/d","dir":true,"nodes":[{"key":"/d/a","value":"","modifiedIndex":4,"createdIndex":4}],"modifiedIndex":4,"createdIndex":4}}"#,
];

/// Answers in which etcd leaves fields out: a deleted key has no value, the root has neither key nor indexes.
const WITHOUT_FIELDS: &[&str] = &[
    r#"{"action":"delete","node":{"key":"/a","modifiedIndex":6,"createdIndex":5},"prevNode":{"key":"/a","value":"two","modifiedIndex":5,"createdIndex":5}}"#,
    r#"{"action":"expire","node":{"key":"/a","modifiedIndex":6,"createdIndex":5},"prevNode":{"key":"/a","value":"two","modifiedIndex":5,"createdIndex":5}}"#,
    r#"{"action":"get","node":{"dir":true,"nodes":[{"key":"/a","value":"1","modifiedIndex":4,"createdIndex":4}]}}"#,
    r#"{"action":"get","node":{"dir":true}}"#,
];

fn assert_kept(bodies: &[&str]) {
    for body in bodies {
        let server = ScriptedServer::always(Reply::etcd(200, 18_446_744_073_709_551_615, body));
        let got = Client::of(&server.endpoint()).get("/a").expect(body);
        let mut expected = parsed(body);
        expected["index"] = json!(u64::MAX);
        expected["clusterID"] = json!("cdf818194e3a8c32");
        assert_eq!(parsed(&got.json), expected);
    }
}

#[test]
fn every_field_that_etcd_sends_is_in_the_json() {
    assert_kept(ANSWERS);
}

#[test]
fn a_field_that_etcd_leaves_out_is_not_in_the_json() {
    assert_kept(WITHOUT_FIELDS);
}
