//! Statistics: the server's own JSON, and the way to the leader.

use std::sync::{Arc, Mutex};

use etcd_client::capi::status::*;
use etcd_test_harness::Client;
use etcd_test_support::{Reply, ScriptedServer};

use crate::sync::leader;

#[test]
fn the_json_comes_as_the_server_gave_it() {
    let body = r#"{"name":"m0","counts":{"a": 1},"text":"\u0000"}"#;
    let server = ScriptedServer::always(Reply::json(200, &format!("{body}\n")));
    let client = Client::of(&server.endpoint());
    for kind in ["self", "store", "leader"] {
        assert_eq!(client.stats(kind).expect(kind), body);
    }
    let targets: Vec<String> = server.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(targets, ["/v2/stats/self", "/v2/stats/store", "/v2/stats/leader"]);
}

#[test]
fn an_unknown_kind_is_refused_and_nothing_is_sent() {
    let server = ScriptedServer::always(Reply::json(200, "{}"));
    let client = Client::of(&server.endpoint());
    for kind in ["", "Self", "members", "../keys"] {
        let failure = client.stats(kind).expect_err(kind);
        assert_eq!(failure.status, ETCD_ERR_INVALID_ARGUMENT);
        assert!(failure.message.starts_with("kind: "), "{}", failure.message);
    }
    assert!(server.requests().is_empty());
}

#[test]
fn what_is_no_json_is_an_error() {
    for (reply, status) in [
        (Reply::json(200, ""), ETCD_ERR_EMPTY_BODY),
        (Reply::json(200, "{"), ETCD_ERR_INVALID_RESPONSE),
        (Reply::json(200, "{} {}"), ETCD_ERR_INVALID_RESPONSE),
        (Reply::json(418, "teapot"), ETCD_ERR_INVALID_RESPONSE),
        (Reply::new(500), ETCD_ERR_CLUSTER),
        (Reply::v2_off(), ETCD_ERR_API_NOT_SERVED),
    ] {
        let server = ScriptedServer::always(reply);
        let failure = Client::of(&server.endpoint()).stats("self").expect_err("no JSON");
        assert_eq!(failure.status, status, "{failure:?}");
    }
}

/// A follower, and what it says about the leader.
fn follower(leaders: Arc<Mutex<Vec<String>>>) -> ScriptedServer {
    ScriptedServer::by(move |request| match request.path() {
        "/v2/members/leader" => leader(&leaders.lock().expect("the leader")),
        _ => Reply::json(403, r#"{"message":"not current leader"}"#),
    })
}

#[test]
fn a_follower_is_left_for_the_leader_and_keeps_the_pin() {
    let leading = ScriptedServer::always(Reply::json(200, r#"{"leader":"x","followers":{}}"#));
    let following = follower(Arc::new(Mutex::new(vec![leading.endpoint()])));
    let client = Client::starting_at_first(
        || etcd_test_harness::Config::new(&[following.endpoint(), leading.endpoint()]),
        &following.endpoint(),
    );
    assert_eq!(client.stats("leader").expect("the leader's"), r#"{"leader":"x","followers":{}}"#);
    client.stats("leader").expect("again");
    assert_eq!((following.requests().len(), leading.requests().len()), (4, 2));
}

#[test]
fn a_leader_out_of_reach_is_named() {
    let following = follower(Arc::new(Mutex::new(vec!["http://leader.invalid:2379".into()])));
    let failure = Client::of(&following.endpoint()).stats("leader").expect_err("not among the endpoints");
    assert_eq!(failure.status, ETCD_ERR_NO_LEADER_ENDPOINT);
    assert!(failure.message.contains("http://leader.invalid:2379"), "{}", failure.message);
    // One that leads no more.
    let leaders = Arc::new(Mutex::new(Vec::new()));
    let following = follower(leaders.clone());
    leaders.lock().expect("the leader").push(following.endpoint());
    let failure = Client::of(&following.endpoint()).stats("leader").expect_err("no leader");
    assert_eq!(failure.status, ETCD_ERR_NO_LEADER_ENDPOINT);
}
