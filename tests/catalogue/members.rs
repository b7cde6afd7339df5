//! `client/members_test.go`: what the members calls send, and what they read.

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Failure, Member};
use etcd_test_support::{Reply, Request, ScriptedServer};

use crate::scripted::{of_answer, parts};

const ID: &str = "94088180e21eb87b";
const JSON: Option<&str> = Some("application/json");
const MEMBER: &str = r#"{"id":"94088180e21eb87b","name":"node2","peerURLs":["http://127.0.0.1:7002"],"clientURLs":["http://127.0.0.1:4002"]}"#;

pub(crate) fn member(id: &str, name: &str, peer_urls: &[&str], client_urls: &[&str]) -> Member {
    let list = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect();
    Member { id: id.into(), name: name.into(), peer_urls: list(peer_urls), client_urls: list(client_urls) }
}

fn node2() -> Member {
    member(ID, "node2", &["http://127.0.0.1:7002"], &["http://127.0.0.1:4002"])
}

/// The one request of a call that gets this answer, and what the call makes of it.
fn sent<T>(path: &str, reply: Reply, call: impl FnOnce(&Client) -> Result<T, Failure>) -> (Request, T) {
    let server = ScriptedServer::always(reply);
    let answer = call(&Client::of(&format!("{}{path}", server.endpoint()))).expect("accepted");
    (<[Request; 1]>::try_from(server.requests()).expect("one request")[0].clone(), answer)
}

fn list_of(reply: Reply) -> Result<Vec<Member>, Failure> {
    of_answer(reply, |client| client.members_list(None))
}

#[test]
fn members_api_action_list() {
    let (request, _) = sent("", Reply::json(200, "{}"), |client| client.members_list(None));
    assert_eq!(parts(&request), ("GET", "/v2/members", None, ""));
}

#[test]
fn members_api_action_add() {
    // The call takes one URL, as Go's public one does.
    let (request, _) = sent("", Reply::json(201, MEMBER), |client| client.members_add(None, "https://127.0.0.1:8081"));
    assert_eq!(parts(&request), ("POST", "/v2/members", JSON, r#"{"peerURLs":["https://127.0.0.1:8081"]}"#));
}

#[test]
fn members_api_action_update() {
    let urls = ["https://127.0.0.1:8081", "http://127.0.0.1:8080"];
    let (request, ()) = sent("", Reply::new(204), |client| client.members_update(None, "0xabcd", &urls));
    // Sorted, as Go's public call sorts them.
    let body = r#"{"peerURLs":["http://127.0.0.1:8080","https://127.0.0.1:8081"]}"#;
    assert_eq!(parts(&request), ("PUT", "/v2/members/0xabcd", JSON, body));
}

#[test]
fn members_api_action_remove() {
    let (request, ()) = sent("", Reply::new(204), |client| client.members_remove(None, "XXX"));
    assert_eq!(parts(&request), ("DELETE", "/v2/members/XXX", None, ""));
}

#[test]
fn members_api_action_leader() {
    let (request, _) = sent("", Reply::json(200, MEMBER), |client| client.members_leader(None));
    assert_eq!(parts(&request), ("GET", "/v2/members/leader", None, ""));
}

#[test]
fn assert_status_code() {
    // 404 where 204 and 410 are wanted, and one of those.
    let remove = |http_status| of_answer(Reply::new(http_status), |client| client.members_remove(None, ID));
    assert_eq!(remove(404).expect_err("404 is not wanted").http_status, 404);
    remove(204).expect("204 is wanted");
    remove(410).expect("410 is wanted too");
}

#[test]
fn v2_members_url() {
    let (request, _) = sent("/pants", Reply::json(200, "{}"), |client| client.members_list(None));
    assert_eq!(request.target, "/pants/v2/members");
}

#[test]
fn member_unmarshal() {
    let leader = |body: &str| of_answer(Reply::json(200, body), |client| client.members_leader(None));
    let (plain, other) = ("http://127.0.0.1:2379", "https://example.com");
    let cases = [
        ("no URLs", r#"{"id":"c","name":"dungarees"}"#, member("c", "dungarees", &[], &[])),
        (
            "both",
            r#"{"id":"c","peerURLs":["http://127.0.0.1:2379"],"clientURLs":["http://127.0.0.1:2379"]}"#,
            member("c", "", &[plain], &[plain]),
        ),
        (
            "peer URLs",
            r#"{"id":"c","peerURLs":["http://127.0.0.1:2379","https://example.com"]}"#,
            member("c", "", &[plain, other], &[]),
        ),
        (
            "client URLs",
            r#"{"id":"c","clientURLs":["http://127.0.0.1:2379","https://example.com"]}"#,
            member("c", "", &[], &[plain, other]),
        ),
    ];
    for (name, body, expected) in cases {
        assert_eq!(leader(body).expect(name), expected, "{name}");
    }
    // Differs from Go: who has no id is no member.
    for bad in [r#"{"peerU"#, r#"{"peerURLs":["http://127.0.0.1:2379"]}"#] {
        assert_eq!(leader(bad).expect_err(bad).status, ETCD_ERR_INVALID_RESPONSE);
    }
}

#[test]
fn member_collection_unmarshal_fail() {
    assert_eq!(list_of(Reply::json(200, "{")).expect_err("half an answer").status, ETCD_ERR_INVALID_RESPONSE);
}

#[test]
fn member_collection_unmarshal() {
    for empty in ["{}", r#"{"members":[]}"#] {
        assert_eq!(list_of(Reply::json(200, empty)).expect(empty), []);
    }
    let body = r#"{"members":[{"id":"2745e2525fce8fe","peerURLs":["http://127.0.0.1:7003"],"name":"node3","clientURLs":["http://127.0.0.1:4003"]},{"id":"42134f434382925","peerURLs":["http://127.0.0.1:2380","http://127.0.0.1:7001"],"name":"node1","clientURLs":["http://127.0.0.1:2379","http://127.0.0.1:4001"]},{"id":"94088180e21eb87b","peerURLs":["http://127.0.0.1:7002"],"name":"node2","clientURLs":["http://127.0.0.1:4002"]}]}"#;
    let node3 = member("2745e2525fce8fe", "node3", &["http://127.0.0.1:7003"], &["http://127.0.0.1:4003"]);
    let node1 = member(
        "42134f434382925",
        "node1",
        &["http://127.0.0.1:2380", "http://127.0.0.1:7001"],
        &["http://127.0.0.1:2379", "http://127.0.0.1:4001"],
    );
    assert_eq!(list_of(Reply::json(200, body)).expect("three"), [node3, node1, node2()]);
}

#[test]
fn member_create_request_marshal() {
    let urls = ["http://127.0.0.1:8081", "https://127.0.0.1:8080"];
    let (request, ()) = sent("", Reply::new(204), |client| client.members_update(None, "1", &urls));
    assert_eq!(request.text(), r#"{"peerURLs":["http://127.0.0.1:8081","https://127.0.0.1:8080"]}"#);
}

#[test]
fn http_members_api_add_success() {
    let reply = Reply::json(201, r#"{"id":"94088180e21eb87b","peerURLs":["http://127.0.0.1:7002"]}"#);
    let (request, added) = sent("", reply, |client| client.members_add(None, "http://127.0.0.1:7002"));
    assert_eq!(request.text(), r#"{"peerURLs":["http://127.0.0.1:7002"]}"#);
    assert_eq!(added, member(ID, "", &["http://127.0.0.1:7002"], &[]));
}

#[test]
fn http_members_api_add_error() {
    let add = |reply: Reply| of_answer(reply, |client| client.members_add(None, "http://example.com:2379"));
    // 1. A bad URL, for which nothing is sent.
    let server = ScriptedServer::always(Reply::json(201, MEMBER));
    let failure = Client::of(&server.endpoint()).members_add(None, ":").expect_err("no URL");
    assert_eq!((failure.status, server.connections()), (ETCD_ERR_INVALID_ARGUMENT, 0));
    // 2. No answer, and 3. one that nobody knows.
    let failure = add(Reply::hang_up()).expect_err("broken");
    assert_eq!((failure.statuses(), failure.outcome), (vec![ETCD_ERR_IO], ETCD_MAYBE_APPLIED));
    let failure = add(Reply::new(418)).expect_err("a teapot");
    assert_eq!((failure.http_status, failure.outcome), (418, ETCD_MAYBE_APPLIED));
    // 4. A conflict with the server's words.
    let failure = add(Reply::json(409, r#"{"message":"fail!"}"#)).expect_err("a conflict");
    assert_eq!((failure.status, failure.http_status, failure.outcome), (ETCD_ERR_MEMBERS, 409, ETCD_NOT_APPLIED));
    assert!(failure.message.contains("fail!"), "{}", failure.message);
    // 5. A conflict, and 6. a success that cannot be read.
    assert_eq!(add(Reply::json(409, r#"{""#)).expect_err("half an answer").http_status, 409);
    let failure = add(Reply::json(201, r#"{"id":"XX"#)).expect_err("half an answer");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_INVALID_RESPONSE, ETCD_MAYBE_APPLIED));
}

#[test]
fn http_members_api_remove_success() {
    let (request, ()) = sent("", Reply::new(204), |client| client.members_remove(None, ID));
    assert_eq!(parts(&request), ("DELETE", "/v2/members/94088180e21eb87b", None, ""));
}

#[test]
fn http_members_api_remove_fail() {
    let remove = |reply: Reply| of_answer(reply, |client| client.members_remove(None, ID));
    let failure = remove(Reply::hang_up()).expect_err("broken");
    assert_eq!((failure.statuses(), failure.outcome), (vec![ETCD_ERR_IO], ETCD_MAYBE_APPLIED));
    let failure = remove(Reply::new(500)).expect_err("failing");
    assert_eq!((failure.statuses(), failure.outcome), (vec![ETCD_ERR_HTTP_STATUS], ETCD_MAYBE_APPLIED));
}

#[test]
fn http_members_api_list_success() {
    let body = format!(r#"{{"members":[{MEMBER}]}}"#);
    let (request, listed) = sent("", Reply::json(200, &body), |client| client.members_list(None));
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/v2/members"));
    assert_eq!(listed, [node2()]);
}

/// No answer, a status that nobody knows, and a success that cannot be read.
fn refused_three_times<T: std::fmt::Debug>(call: fn(&Client) -> Result<T, Failure>) {
    let broken = of_answer(Reply::hang_up(), call).expect_err("broken");
    assert_eq!((broken.status, broken.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_IO]));
    let teapot = of_answer(Reply::new(418), call).expect_err("a teapot");
    assert_eq!((teapot.http_status, teapot.api_code), (418, 0));
    let half = of_answer(Reply::json(200, r#"[{"id":"XX"#), call).expect_err("half an answer");
    assert_eq!(half.status, ETCD_ERR_INVALID_RESPONSE);
}

#[test]
fn http_members_api_list_error() {
    refused_three_times(|client| client.members_list(None));
}

#[test]
fn http_members_api_leader_success() {
    let (request, leader) = sent("", Reply::json(200, MEMBER), |client| client.members_leader(None));
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/v2/members/leader"));
    assert_eq!(leader, node2());
}

#[test]
fn http_members_api_leader_error() {
    refused_three_times(|client| client.members_leader(None));
}
