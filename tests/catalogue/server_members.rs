//! `etcdserver/api/v2http/client_test.go` and `httptypes`: what a server answers to the members calls.

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Failure};
use etcd_test_support::{EtcdServer, Reply, ScriptedServer};

use crate::members::member;
use crate::scripted::of_answer;

const PEER: &str = "http://127.0.0.1:1";

#[test]
fn serve_members() {
    let body = r#"{"members":[{"id":"c","name":"","peerURLs":[],"clientURLs":["http://localhost:8080"]},{"id":"d","name":"","peerURLs":[],"clientURLs":["http://localhost:8081"]}]}"#;
    let listed = of_answer(Reply::json(200, body), |client| client.members_list(None)).expect("two members");
    let (c, d) = (member("c", "", &[], &["http://localhost:8080"]), member("d", "", &[], &["http://localhost:8081"]));
    assert_eq!(listed, [c, d]);
    // A single member is no call's: what the server says of its path is what a removal hears.
    for id in ["100", "foobar"] {
        let reply = Reply::json(404, r#"{"message":"Not found"}"#);
        let failure = of_answer(reply, |client| client.members_remove(None, id)).expect_err("none of that id");
        assert_eq!((failure.status, failure.http_status), (ETCD_ERR_MEMBERS, 404));
        assert!(failure.message.contains("Not found"), "{}", failure.message);
    }
}

#[test]
fn serve_leader() {
    let body = r#"{"id":"1","name":"","peerURLs":[],"clientURLs":["http://localhost:8080"]}"#;
    let leader = of_answer(Reply::json(200, body), |client| client.members_leader(None)).expect("a leader");
    assert_eq!(leader, member("1", "", &[], &["http://localhost:8080"]));
    // The case that Go's test has still to do: no leader.
    let reply = Reply::json(503, r#"{"message":"During election"}"#);
    let failure = of_answer(reply, |client| client.members_leader(None)).expect_err("no leader");
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_NO_LEADER]));
}

#[test]
fn serve_members_create() {
    let body = r#"{"id":"c29b431f04be0bc7","name":"","peerURLs":["http://127.0.0.1:1"],"clientURLs":[]}"#;
    let added = of_answer(Reply::json(201, body), |client| client.members_add(None, PEER)).expect("added");
    assert_eq!(added, member("c29b431f04be0bc7", "", &[PEER], &[]));
    // On a real server: the one that was added has neither a name nor a place for clients.
    let etcd = EtcdServer::start();
    let client = Client::of(&etcd.endpoint());
    let added = client.members_add(None, PEER).expect("added");
    assert_eq!((added.name.as_str(), &added.peer_urls[..], added.client_urls.len()), ("", &[PEER.to_owned()][..], 0));
    let listed = client.members_list(None).expect("two members");
    assert!(listed.len() == 2 && listed.contains(&added), "{listed:?}");
}

#[test]
fn serve_members_delete() {
    let server = ScriptedServer::always(Reply::new(204));
    Client::of(&server.endpoint()).members_remove(None, "BEEF").expect("removed");
    assert_eq!(server.requests()[0].target, "/v2/members/BEEF");
}

#[test]
fn serve_members_update() {
    let server = ScriptedServer::always(Reply::new(204));
    Client::of(&server.endpoint()).members_update(None, "1", &[PEER]).expect("updated");
    assert_eq!((server.requests()[0].method.as_str(), server.requests()[0].target.as_str()), ("PUT", "/v2/members/1"));
    // On a real server, where the new URL is seen.
    let etcd = EtcdServer::start();
    let client = Client::of(&etcd.endpoint());
    let id = client.members_list(None).expect("one member")[0].id.clone();
    client.members_update(None, &id, &[PEER]).expect("updated");
    assert_eq!(client.members_list(None).expect("one member")[0].peer_urls, [PEER]);
}

type Call = fn(&Client) -> Result<(), Failure>;

const ADD: Call = |client| client.members_add(None, PEER).map(drop);
const REMOVE: Call = |client| client.members_remove(None, "1");
const UPDATE: Call = |client| client.members_update(None, "1", &[PEER]);

#[test]
fn serve_members_fail() {
    let refused = |call: Call, http_status: u16, words: &str| {
        let reply = Reply::json(http_status, &format!(r#"{{"message":"{words}"}}"#));
        let failure = of_answer(reply, call).expect_err(words);
        // A failing server's error has one entry of a list; it is the same one.
        let told = failure.list.first().unwrap_or(&failure);
        assert!(told.http_status == i32::from(http_status) && told.message.contains(words), "{failure:?}");
        (failure.status, failure.outcome)
    };
    let not_applied = (ETCD_ERR_MEMBERS, ETCD_NOT_APPLIED);
    let unknown = (ETCD_ERR_HTTP_STATUS, ETCD_MAYBE_APPLIED);
    // A body that is no JSON, and another Content-Type: no call sends such a request.
    for call in [ADD, UPDATE] {
        assert_eq!(refused(call, 400, "invalid character 'b' looking for beginning of value"), not_applied);
        assert_eq!(refused(call, 415, "Bad Content-Type application/bad, accept application/json"), not_applied);
    }
    // Bad URLs are found before anything is sent.
    let server = ScriptedServer::always(Reply::new(500));
    let client = Client::of(&server.endpoint());
    let bad = [client.members_add(None, "http://a").map(drop), client.members_update(None, "0", &["http://a"])];
    for failure in bad {
        assert_eq!(failure.expect_err("no port").status, ETCD_ERR_INVALID_ARGUMENT);
    }
    // Neither is a call without an id. Differs from Go, whose DELETE of the whole collection is answered with 405.
    for failure in [client.members_remove(None, ""), client.members_update(None, "", &[PEER])] {
        assert_eq!(failure.expect_err("no id").status, ETCD_ERR_INVALID_ARGUMENT);
    }
    assert_eq!(server.connections(), 0);
    // The server's own failures: whether the cluster changed is not known.
    for (call, words) in
        [(ADD, "Error while adding a member"), (REMOVE, "Error while removing member"), (UPDATE, "blah")]
    {
        assert_eq!(refused(call, 500, words), unknown);
    }
    for (call, http_status, words) in [
        (ADD, 409, "membership: ID exists"),
        (ADD, 409, "membership: peerURL exists"),
        (UPDATE, 409, "membership: peerURL exists"),
        (REMOVE, 404, "No such member: 0"),
        (UPDATE, 404, "No such member: 0"),
        (REMOVE, 404, "No such member: bad_id"),
        (UPDATE, 404, "No such member: bad_id"),
    ] {
        assert_eq!(refused(call, http_status, words), not_applied);
    }
    // Removed before: that is what was wanted.
    of_answer(Reply::json(410, r#"{"message":"Member permanently removed: 0"}"#), REMOVE).expect("gone");
    // A method that is not allowed.
    let failure = of_answer(Reply::new(405).body("Method Not Allowed\n"), REMOVE).expect_err("refused");
    assert_eq!(failure.http_status, 405);
}

#[test]
fn get_id() {
    // Ids are hexadecimal; one that is not is nobody's.
    let etcd = EtcdServer::start();
    let client = Client::of(&etcd.endpoint());
    for id in ["123", "bad_id"] {
        let failure = client.members_remove(None, id).expect_err("nobody's");
        assert_eq!((failure.status, failure.http_status), (ETCD_ERR_MEMBERS, 404));
        assert!(failure.message.contains(&format!("No such member: {id}")), "{}", failure.message);
    }
    assert_eq!(client.members_remove(None, "").expect_err("none").status, ETCD_ERR_INVALID_ARGUMENT);
}

#[test]
fn new_member_collection() {
    let body = r#"{"members":[{"id":"c","name":"","peerURLs":["http://localhost:8082","http://localhost:8083"],"clientURLs":["http://localhost:8080","http://localhost:8081"]},{"id":"d","name":"","peerURLs":["http://localhost:9092","http://localhost:9093"],"clientURLs":["http://localhost:9090","http://localhost:9091"]}]}"#;
    let listed = of_answer(Reply::json(200, body), |client| client.members_list(None)).expect("two members");
    let c = member(
        "c",
        "",
        &["http://localhost:8082", "http://localhost:8083"],
        &["http://localhost:8080", "http://localhost:8081"],
    );
    let d = member(
        "d",
        "",
        &["http://localhost:9092", "http://localhost:9093"],
        &["http://localhost:9090", "http://localhost:9091"],
    );
    assert_eq!(listed, [c, d]);
}

#[test]
fn new_member() {
    let etcd = EtcdServer::start();
    let client = Client::of(&etcd.endpoint());
    let listed = client.members_list(None).expect("one member");
    let [only] = &listed[..] else { panic!("one member: {listed:?}") };
    assert!(u64::from_str_radix(&only.id, 16).is_ok(), "{}", only.id);
    assert_eq!((only.name.as_str(), &only.client_urls[..]), (etcd.name(), &[etcd.endpoint()][..]));
    assert_eq!(client.members_leader(None).expect("it leads"), *only);
}

#[test]
fn http_error_write_to() {
    let reply = Reply::json(400, r#"{"message":"what a bad request you made!"}"#);
    let failure = of_answer(reply, ADD).expect_err("a bad request");
    assert_eq!((failure.status, failure.http_status), (ETCD_ERR_MEMBERS, 400));
    assert_eq!(failure.api_message.as_deref(), Some("what a bad request you made!"));
}
