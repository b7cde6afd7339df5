//! `client/integration/client_test.go` and `client/example_keys_test.go`: over real sockets.

use etcd_test_harness::capi::options::ETCD_PREV_NO_EXIST;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Set};
use etcd_test_support::{Reply, ScriptedServer};

use crate::scripted::Answer;
use crate::space::{Space, node};

type Call = Box<dyn Fn(&Client) -> Answer>;

/// The calls that must not be made twice.
fn no_retry_list(set_key: &str, delete_key: &str) -> [Call; 2] {
    let (set_key, delete_key) = (set_key.to_owned(), delete_key.to_owned());
    let no_exist = Set { prev_exist: ETCD_PREV_NO_EXIST, ..Set::default() };
    [
        Box::new(move |client| client.set_with(None, &set_key, "bar", &no_exist)),
        Box::new(move |client| client.delete(&delete_key)),
    ]
}

#[test]
fn v2_no_retry_eof() {
    // The same endpoint twice, as in Go: a second attempt would be seen.
    let server = ScriptedServer::always(Reply::hang_up());
    let client = Client::of_all(&[server.endpoint(), server.endpoint()]);
    for (number, call) in no_retry_list("/setkey", "/delkey").iter().enumerate() {
        let failure = call(&client).expect_err("the connection ends without an answer");
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_IO, ETCD_MAYBE_APPLIED));
        // After the first silence one more connection asks, once and for all, whether the server wants TLS.
        assert_eq!((server.connections(), server.requests().len()), (number + 2, number + 1));
    }
}

#[test]
fn v2_no_retry_no_leader() {
    let server = ScriptedServer::always(Reply::new(503));
    let client = Client::of_all(&[server.endpoint(), server.endpoint()]);
    for (number, call) in no_retry_list("/setkey", "/delkey").iter().enumerate() {
        let failure = call(&client).expect_err("no leader");
        assert_eq!((failure.status, failure.http_status), (ETCD_ERR_NO_LEADER, 503));
        assert!(failure.message.contains("no leader"), "{}", failure.message);
        assert_eq!(server.requests().len(), number + 1);
    }
}

#[test]
fn v2_retry_refuse() {
    let space = Space::shared();
    let unreachable = "http://refuseconn.invalid:123";
    let endpoints = [unreachable.to_owned(), space.endpoint().to_owned()];
    let client = Client::starting_at_first(|| Config::new(&endpoints), unreachable);
    client.set(&space.key("delkey"), "def").expect("the second endpoint answers");
    for call in no_retry_list(&space.key("setkey"), &space.key("delkey")) {
        call(&client).expect("the second endpoint is pinned");
    }
    assert_eq!(space.oracle.value(&space.key("setkey")).as_deref(), Some("bar"));
    assert_eq!(space.oracle.value(&space.key("delkey")), None);
}

#[test]
fn example_keys_api_setget() {
    let space = Space::shared();
    space.client.set(&space.key("foo"), "bar").expect("set");
    let response = space.client.get(&space.key("foo")).expect("got");
    assert_eq!((node(&response).key.clone(), node(&response).value.as_str()), (space.key("foo"), "bar"));
}

#[test]
fn example_keys_api_directory() {
    let space = Space::shared();
    let dir = Set { dir: true, ..Set::default() };
    let made = space.client.set_with(None, &space.key("myNodes"), "", &dir).expect("a directory");
    assert!(node(&made).is_dir);
    for number in [1, 2] {
        let key = space.key(&format!("myNodes/key{number}"));
        space.client.set(&key, &format!("value{number}")).expect("set");
    }
    let mut children = space.client.get(&space.key("myNodes")).expect("got").node.expect("a node").children;
    children.sort_by(|one, other| one.key.cmp(&other.key));
    let listed: Vec<_> = children.iter().map(|child| (child.key.clone(), child.value.as_str())).collect();
    assert_eq!(listed, [(space.key("myNodes/key1"), "value1"), (space.key("myNodes/key2"), "value2")]);
}
