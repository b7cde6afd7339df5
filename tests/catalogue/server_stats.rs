//! `etcdserver/api/v2store/stats_test.go`, and the statistics of `etcdserver/api/v2http/client_test.go`.

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Set};
use etcd_test_support::{Reply, ScriptedServer, wait_until};
use serde_json::Value;

use crate::space::{Space, refusal};

/// The server's answer as it is.
fn served(kind: &str) {
    let server = ScriptedServer::always(Reply::json(200, r#"{"some":"statistics"}"#));
    let json = Client::of(&server.endpoint()).stats(kind).expect("statistics");
    assert_eq!(json, r#"{"some":"statistics"}"#);
    let request = server.requests().remove(0);
    assert_eq!((request.method.as_str(), request.target), ("GET", format!("/v2/stats/{kind}")));
}

#[test]
fn serve_self_stats() {
    served("self");
}

#[test]
fn serve_leader_stats() {
    served("leader");
}

#[test]
fn serve_store_stats() {
    served("store");
}

/// A call that moves a counter of the store.
fn counts(counter: &str, prepare: impl Fn(&Space), call: impl Fn(&Space)) {
    let space = Space::alone();
    prepare(&space);
    let counted = || {
        let json = space.client.stats("store").expect("statistics");
        serde_json::from_str::<Value>(&json).expect("JSON")[counter].as_u64().expect("a number")
    };
    let before = counted();
    call(&space);
    // The server reads its own store too, so that a counter of reads may move further.
    wait_until("the counter has moved", || counted() > before);
}

fn foo(space: &Space) {
    space.client.create(&space.key("foo"), "bar").expect("created");
}

fn nothing(_: &Space) {}

#[test]
fn store_stats_get_success() {
    counts("getsSuccess", foo, |space| drop(space.client.get(&space.key("foo")).expect("got")));
}

#[test]
fn store_stats_get_fail() {
    let get = |space: &Space| drop(refusal(space.client.get(&space.key("no_such_key")), ETCD_API_KEY_NOT_FOUND));
    counts("getsFail", foo, get);
}

#[test]
fn store_stats_create_success() {
    counts("createSuccess", nothing, foo);
}

#[test]
fn store_stats_create_fail() {
    counts("createFail", foo, |space| {
        drop(refusal(space.client.create(&space.key("foo"), "bar"), ETCD_API_NODE_EXIST));
    });
}

#[test]
fn store_stats_update_success() {
    counts("updateSuccess", foo, |space| drop(space.client.update(&space.key("foo"), "baz").expect("updated")));
}

#[test]
fn store_stats_update_fail() {
    counts("updateFail", nothing, |space| {
        drop(refusal(space.client.update(&space.key("foo"), "bar"), ETCD_API_KEY_NOT_FOUND));
    });
}

fn swap(prev_value: &str) -> Set<'_> {
    Set { prev_value: Some(prev_value), ..Set::default() }
}

#[test]
fn store_stats_compare_and_swap_success() {
    counts("compareAndSwapSuccess", foo, |space| {
        drop(space.client.set_with(None, &space.key("foo"), "baz", &swap("bar")).expect("swapped"));
    });
}

#[test]
fn store_stats_compare_and_swap_fail() {
    counts("compareAndSwapFail", foo, |space| {
        let result = space.client.set_with(None, &space.key("foo"), "baz", &swap("wrong_value"));
        drop(refusal(result, ETCD_API_COMPARE_FAILED));
    });
}

#[test]
fn store_stats_delete_success() {
    counts("deleteSuccess", foo, |space| drop(space.client.delete(&space.key("foo")).expect("deleted")));
}

#[test]
fn store_stats_delete_fail() {
    counts("deleteFail", nothing, |space| {
        drop(refusal(space.client.delete(&space.key("foo")), ETCD_API_KEY_NOT_FOUND));
    });
}

#[test]
fn store_stats_expire_count() {
    counts("expireCount", nothing, |space| {
        let ttl = Set { ttl_ms: Some(500), ..Set::default() };
        drop(space.client.set_with(None, &space.key("foo"), "bar", &ttl).expect("set"));
    });
}
