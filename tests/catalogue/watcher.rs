//! The watches of `client/keys_test.go`: what a watch asks for, and where it goes on.

use std::ptr::{null, null_mut};

use etcd_test_harness::capi::status::*;
use etcd_test_harness::capi::watcher::{etcd_watcher_free, etcd_watcher_new, etcd_watcher_next};
use etcd_test_harness::{Client, Config, Node, Watch};
use etcd_test_support::{Place, Reply, ScriptedServer};

use crate::scripted::indexed;

/// As Go watches: one request for each event. This library's default is a stream.
const AS_GO: Watch = Watch { after_index: 0, recursive: false, resync: false, stream: false, idle_timeout_ms: 0 };

const PATIENCE_MS: i64 = 20_000;

fn event() -> Reply {
    indexed(200, "20", r#"{"action":"set","node":{"key":"/foo/bar","value":"v","modifiedIndex":21,"createdIndex":21}}"#)
}

/// A watch that has to wait.
fn waiting() -> Reply {
    indexed(200, "42", "x").stall_at(Place::AfterHead)
}

#[test]
fn wait_action() {
    let cases = [
        (AS_GO, "recursive=false&wait=true&waitIndex=0"),
        (Watch { after_index: 11, ..AS_GO }, "recursive=false&wait=true&waitIndex=12"),
        (Watch { after_index: 11, recursive: true, ..AS_GO }, "recursive=true&wait=true&waitIndex=12"),
    ];
    for (options, query) in cases {
        let server = ScriptedServer::always(event());
        let client = Client::of(&server.endpoint());
        client.watch("/foo/bar", &options).expect("a watcher").next_within(PATIENCE_MS).expect(query);
        let request = server.requests().remove(0);
        assert_eq!((request.method.as_str(), request.target), ("GET", format!("/v2/keys/foo/bar?{query}")));
    }
}

#[test]
fn http_watcher_next_wait_action() {
    let body = r#"{"action":"update","node":{"key":"/pants/foo/bar/baz","value":"snarf","modifiedIndex":21,"createdIndex":19},"prevNode":{"key":"/pants/foo/bar/baz","value":"snazz","modifiedIndex":20,"createdIndex":19}}"#;
    let server = ScriptedServer::sequence(vec![indexed(200, "42", body), waiting()]);
    let client = Config::new(&[server.endpoint()]).keys_prefix("/pants").build();
    let options = Watch { after_index: 18, recursive: true, ..AS_GO };
    let watcher = client.watch("/foo/bar", &options).expect("a watcher");
    let event = watcher.next_within(PATIENCE_MS).expect("an event");
    let node = |value: &str, modified_index| {
        let key = "/pants/foo/bar/baz".into();
        Some(Node { key, value: value.into(), created_index: 19, modified_index, ..Node::default() })
    };
    assert_eq!((event.action.as_str(), event.index), ("update", 42));
    assert_eq!((event.node, event.prev_node), (node("snarf", 21), node("snazz", 20)));
    // It goes on behind the event, whatever the header said.
    let targets: Vec<_> = server.wait_for_requests(2).into_iter().map(|request| request.target).collect();
    let target = |index| format!("/pants/foo/bar?recursive=true&wait=true&waitIndex={index}");
    assert_eq!(targets[..2], [target(19), target(22)]);
}

#[test]
fn http_watcher_next_fail() {
    let missing = r#"{"errorCode":100,"message":"Key not found","cause":"/foo","index":18}"#;
    let cases = [
        ("a broken connection", Reply::hang_up(), ETCD_ERR_CLUSTER, 0),
        ("a teapot", Reply::new(418), ETCD_ERR_INVALID_RESPONSE, 0),
        ("an error of etcd", indexed(404, "18", missing), ETCD_ERR_API, ETCD_API_KEY_NOT_FOUND),
    ];
    for (name, reply, status, api_code) in cases {
        let server = ScriptedServer::sequence(vec![reply, event()]);
        let client = Client::of(&server.endpoint());
        let options = Watch { after_index: 18, recursive: true, ..AS_GO };
        let watcher = client.watch("/foo", &options).expect("a watcher");
        let failure = watcher.next_within(PATIENCE_MS).expect_err(name);
        assert_eq!((failure.status, failure.api_code), (status, api_code), "{name}");
        // The next call goes on from the same place.
        assert_eq!(watcher.next_within(PATIENCE_MS).expect(name).value(), "v");
        let requests = server.requests();
        assert_eq!(requests[0].target, "/v2/keys/foo?recursive=true&wait=true&waitIndex=19");
        assert_eq!(requests[1].target, requests[0].target, "{name}");
    }
}

#[test]
fn http_keys_api_watcher_action() {
    let cases = [
        ("empty options", AS_GO, "recursive=false&wait=true&waitIndex=0"),
        ("recursive", Watch { recursive: true, ..AS_GO }, "recursive=true&wait=true&waitIndex=0"),
        ("after an index", Watch { after_index: 19, ..AS_GO }, "recursive=false&wait=true&waitIndex=20"),
        // Differs from Go: many events come in one answer.
        ("the default", Watch::default(), "recursive=false&stream=true&wait=true&waitIndex=0"),
    ];
    for (name, options, query) in cases {
        let server = ScriptedServer::always(event());
        let client = Client::of(&server.endpoint());
        let watcher = client.watch("/foo/bar", &options).expect("a watcher");
        assert_eq!(server.connections(), 0, "a watcher alone asks for nothing");
        watcher.next_within(PATIENCE_MS).expect(name);
        assert_eq!(server.requests()[0].query(), query, "{name}");
    }
    // No options at all are the default ones.
    let server = ScriptedServer::always(event());
    let client = Client::of(&server.endpoint());
    let mut watcher = null_mut();
    // SAFETY: the client is alive, the watcher is freed once.
    unsafe {
        let status = etcd_watcher_new(client.raw(), c"/foo/bar".as_ptr(), null(), &mut watcher, null_mut());
        assert_eq!((status, etcd_watcher_next(watcher, null(), null_mut(), null_mut())), (0, 0));
        etcd_watcher_free(watcher);
    }
    assert_eq!(server.requests()[0].query(), "recursive=false&stream=true&wait=true&waitIndex=0");
}
