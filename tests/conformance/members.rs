//! The members API: answers, ids and URLs. What holds for every call is in `administration`.

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Failure, Member};
use etcd_test_support::{Reply, ScriptedServer};

fn member(id: &str, name: &str, peer_urls: &[&str], client_urls: &[&str]) -> Member {
    let list = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect();
    Member { id: id.into(), name: name.into(), peer_urls: list(peer_urls), client_urls: list(client_urls) }
}

fn list(body: &str) -> Result<Vec<Member>, Failure> {
    let server = ScriptedServer::always(Reply::json(200, body));
    Client::of(&server.endpoint()).members_list(None)
}

// Go: TestMemberCollectionUnmarshal, TestMemberUnmarshal.
#[test]
fn a_list_has_every_field_and_may_be_missing() {
    for body in ["{}", r#"{"members":null}"#, r#"{"members":[]}"#, r#"{"members":[],"new":[1]}"#] {
        assert_eq!(list(body).expect(body), []);
    }
    let body = r#"{"members":[
        {"id":"2745e2525fce8fe","peerURLs":["http://127.0.0.1:7003"],"name":"node3","clientURLs":["http://127.0.0.1:4003"]},
        {"id":"42134f434382925","peerURLs":["http://127.0.0.1:2380","http://127.0.0.1:7001"],"name":"node1","clientURLs":["http://127.0.0.1:2379","http://127.0.0.1:4001"]},
        {"id":"94088180e21eb87b","name":"","peerURLs":["http://127.0.0.1:7002"],"clientURLs":null},
        {"id":"1"}]}"#;
    let expected = [
        member("2745e2525fce8fe", "node3", &["http://127.0.0.1:7003"], &["http://127.0.0.1:4003"]),
        member(
            "42134f434382925",
            "node1",
            &["http://127.0.0.1:2380", "http://127.0.0.1:7001"],
            &["http://127.0.0.1:2379", "http://127.0.0.1:4001"],
        ),
        member("94088180e21eb87b", "", &["http://127.0.0.1:7002"], &[]),
        member("1", "", &[], &[]),
    ];
    assert_eq!(list(body).expect("a list"), expected);
}

#[test]
fn a_list_of_something_else_is_an_invalid_response() {
    for body in ["[]", "null", "1", r#"{"members":{}}"#, r#"{"members":[1]}"#, r#"{"members":[{"name":"x"}]}"#] {
        assert_eq!(list(body).expect_err(body).status, ETCD_ERR_INVALID_RESPONSE, "{body}");
    }
}

// Go: TestHTTPMembersAPIRemoveSuccess: 410 is one too.
#[test]
fn a_member_that_was_removed_before_is_removed() {
    let server =
        ScriptedServer::always(Reply::json(410, r#"{"message":"Member permanently removed: 94088180e21eb87b"}"#));
    Client::of(&server.endpoint()).members_remove(None, "94088180e21eb87b").expect("gone");
}

#[test]
fn a_member_that_is_not_there_is_a_members_error() {
    let server = ScriptedServer::always(Reply::json(404, r#"{"message":"No such member: 1"}"#));
    let client = Client::of(&server.endpoint());
    for result in [client.members_remove(None, "1"), client.members_update(None, "1", &["http://a:1"])] {
        let failure = result.expect_err("missing");
        assert_eq!((failure.status, failure.http_status, failure.outcome), (ETCD_ERR_MEMBERS, 404, ETCD_NOT_APPLIED));
        assert_eq!(failure.api_message.as_deref(), Some("No such member: 1"));
        assert!(failure.message.contains("etcd_members_list"), "{}", failure.message);
    }
}

#[test]
fn no_id_leaves_the_members() {
    let server = ScriptedServer::always(Reply::new(204));
    let client = Client::of(&server.endpoint());
    for id in ["", "/", ".", "..", "../auth/enable", "1/", "1/../../keys/a", "leader/.."] {
        let results = [client.members_remove(None, id), client.members_update(None, id, &["http://a:1"])];
        for failure in results.map(|result| result.expect_err(id)) {
            assert_eq!((failure.status, failure.outcome), (ETCD_ERR_INVALID_ARGUMENT, ETCD_NOT_APPLIED), "{id}");
            assert!(failure.message.starts_with("member_id: "), "{}", failure.message);
        }
    }
    assert_eq!(server.connections(), 0);
    client.members_remove(None, "a b?c#d%2F..").expect("one segment");
    assert_eq!(server.requests()[0].target, "/v2/members/a%20b%3Fc%23d%252F..");
}

#[test]
fn bad_peer_urls_are_refused_before_anything_is_sent() {
    let server = ScriptedServer::always(Reply::new(500));
    let client = Client::of(&server.endpoint());
    for (url, words) in [
        ("ftp://a:1", "URL scheme must be http, https, unix, or unixs: ftp://a:1"),
        ("http://a", "URL address does not have the form \"host:port\": http://a"),
        ("http://a:1/x", "URL must not contain a path: http://a:1/x"),
    ] {
        let failure = client.members_add(None, url).expect_err(url);
        assert_eq!((failure.status, failure.message), (ETCD_ERR_INVALID_ARGUMENT, format!("peer_url: {words}")));
        let failure = client.members_update(None, "1", &["http://a:1", url]).expect_err(url);
        assert_eq!((failure.status, failure.message), (ETCD_ERR_INVALID_ARGUMENT, format!("peer_urls: {words}")));
    }
    let failure = client.members_update(None, "1", &[]).expect_err("empty");
    assert_eq!(failure.message, "peer_urls: no valid URLs given");
    assert_eq!(server.connections(), 0);
}

#[test]
fn the_lists_of_a_member_can_be_neither_changed_nor_freed() {
    let body = r#"{"members":[{"id":"1","name":"a","peerURLs":["http://a:1"],"clientURLs":[]}]}"#;
    let server = ScriptedServer::always(Reply::json(200, body));
    assert!(Client::of(&server.endpoint()).member_lists_survive_misuse());
}
