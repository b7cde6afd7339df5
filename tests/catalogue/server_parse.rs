//! The tables of `etcdserver/api/v2http/client_test.go` about what a keys request says, asked of a real etcd.
//!
//! What no option can hold is in the endpoint's own query, which goes with every keys request.

use etcd_test_harness::capi::options::{ETCD_PREV_EXIST, ETCD_PREV_NO_EXIST};
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Get, Set};
use etcd_test_support::wait_until;

use crate::scripted::{indexed, of_answer};
use crate::space::{Space, node, refusal};

#[test]
fn bad_refresh_request() {
    let space = Space::shared();
    space.oracle.set(&space.key("foo"), "bar");
    let refresh = Set { refresh: true, ..Set::default() };
    for value in ["test", "10"] {
        refusal(space.client.set_with(None, &space.key("foo"), value, &refresh), ETCD_API_REFRESH_VALUE);
    }
    refusal(space.client.set_with(None, &space.key("foo"), "", &refresh), ETCD_API_REFRESH_TTL_REQUIRED);
    // Go's clients send no TTL as no parameter, and so does this one; an empty one is none too.
    let empty = space.client_with("ttl=").set_with(None, &space.key("foo"), "", &refresh);
    refusal(empty, ETCD_API_REFRESH_TTL_REQUIRED);
    assert_eq!(space.oracle.value(&space.key("foo")).as_deref(), Some("bar"));
}

#[test]
fn bad_parse_request() {
    // A PUT without a body, and a path that is none of the keys': no call makes such a request.
    for cause in ["missing form body", "incorrect key prefix"] {
        let body = format!(r#"{{"errorCode":210,"message":"Invalid POST form","cause":"{cause}","index":0}}"#);
        let failure = refusal(of_answer(indexed(400, "0", &body), |client| client.get("/")), ETCD_API_INVALID_FORM);
        assert_eq!((failure.api_cause.as_deref(), failure.http_status), (Some(cause), 400));
    }
    let space = Space::shared();
    let cases = [
        ("prevIndex=garbage", ETCD_API_INDEX_NAN),
        ("prevIndex=1.5", ETCD_API_INDEX_NAN),
        ("prevIndex=-1", ETCD_API_INDEX_NAN),
        ("waitIndex=garbage", ETCD_API_INDEX_NAN),
        ("waitIndex=%3F%3F", ETCD_API_INDEX_NAN),
        ("ttl=-1", ETCD_API_TTL_NAN),
        ("recursive=hahaha", ETCD_API_INVALID_FIELD),
        ("recursive=1234", ETCD_API_INVALID_FIELD),
        ("recursive=%3F", ETCD_API_INVALID_FIELD),
        ("sorted=%3F", ETCD_API_INVALID_FIELD),
        ("sorted=x", ETCD_API_INVALID_FIELD),
        ("wait=%3F%21", ETCD_API_INVALID_FIELD),
        ("wait=yes", ETCD_API_INVALID_FIELD),
        ("prevExist=yes", ETCD_API_INVALID_FIELD),
        ("prevExist=%232", ETCD_API_INVALID_FIELD),
        ("dir=no", ETCD_API_INVALID_FIELD),
        ("dir=file", ETCD_API_INVALID_FIELD),
        ("quorum=no", ETCD_API_INVALID_FIELD),
        ("quorum=file", ETCD_API_INVALID_FIELD),
        ("stream=zzz", ETCD_API_INVALID_FIELD),
        ("stream=something", ETCD_API_INVALID_FIELD),
        ("prevValue=", ETCD_API_PREV_VALUE_REQUIRED),
        // Only a GET waits. Go's test asks with HEAD, which no call sends.
        ("wait=true", ETCD_API_INVALID_FIELD),
    ];
    for (query, code) in cases {
        let failure = refusal(space.client_with(query).set(&space.key("foo"), ""), code);
        assert_eq!(failure.http_status, 400, "{query}");
    }
    for (query, code) in [("prevExist=wrong", ETCD_API_INVALID_FIELD), ("ttl=wrong", ETCD_API_TTL_NAN)] {
        refusal(space.client_with(query).get(&space.key("foo")), code);
    }
    // Of two values the form's counts, so a good one there hides a bad one in the query.
    let ttl = Set { ttl_ms: Some(60_000), ..Set::default() };
    let set = space.client_with("ttl=garbage").set_with(None, &space.key("foo"), "", &ttl).expect("set");
    assert_eq!(node(&set).ttl, 60);
    // prevExist is in the query; there the call's own word takes the place of the endpoint's.
    refusal(space.client_with("prevExist=yes").create(&space.key("foo"), ""), ETCD_API_NODE_EXIST);
}

#[test]
fn good_parse_request() {
    let space = Space::shared();
    let (key, none) = (space.key("foo"), Set::default());
    let set = |options: Set<'_>| space.client.set_with(None, &key, "some value", &options);
    let with = |query: &str| space.client_with(query).set(&key, "some value").expect("set");
    // The value; then the key alone, all else default.
    let first = set(none).expect("set");
    assert_eq!(node(&first).value, "some value");
    assert_eq!(node(&space.client.get(&key).expect("got")).value, "some value");
    // prevIndex
    let failure = refusal(set(Set { prev_index: 98_765, ..none }), ETCD_API_COMPARE_FAILED);
    let cause = format!("[98765 != {}]", node(&first).modified_index);
    assert_eq!(failure.api_cause, Some(cause));
    // recursive, sorted and quorum are read on every method
    for query in ["recursive=true", "sorted=true", "quorum=true"] {
        assert_eq!(with(query).action, "set", "{query}");
    }
    let all = Get { recursive: true, sort: true, quorum: true };
    assert_eq!(node(&space.client.get_with(None, &key, &all).expect("got")).value, "some value");
    // wait
    let wait = format!("wait=true&waitIndex={}", node(&first).modified_index);
    let event = space.client_with(&wait).get(&key).expect("an event");
    assert_eq!((event.action.as_str(), event.node), ("set", first.node));
    // An empty TTL, one, and none at all
    assert_eq!(node(&with("ttl=")).expiration, None);
    assert_eq!(node(&with("ttl=5678")).ttl, 5678);
    let gone = space.key("gone");
    space.client_with("ttl=0").set(&gone, "").expect("set");
    wait_until("it expires at once", || space.oracle.value(&gone).is_none());
    // dir, and dir negatively
    let dir = Set { dir: true, ..none };
    assert!(node(&space.client.set_with(None, &space.key("d"), "", &dir).expect("a directory")).is_dir);
    assert!(!node(&with("dir=false")).is_dir);
    // prevExist, both ways
    assert_eq!(set(Set { prev_exist: ETCD_PREV_EXIST, ..none }).expect("updated").action, "update");
    refusal(set(Set { prev_exist: ETCD_PREV_NO_EXIST, ..none }), ETCD_API_NODE_EXIST);
    // A mix of them
    let mix = Set { prev_exist: ETCD_PREV_EXIST, prev_value: Some("some value"), ..none };
    assert_eq!(set(mix).expect("swapped").action, "compareAndSwap");
    // A parameter in the query counts, but the form's counts more
    let failure = refusal(space.client_with("prevValue=woof").set(&key, ""), ETCD_API_COMPARE_FAILED);
    assert_eq!(failure.api_cause.as_deref(), Some("[woof != some value]"));
    let both = Set { prev_value: Some("miaow"), ..none };
    let failure = space.client_with("prevValue=woof").set_with(None, &key, "", &both);
    assert_eq!(refusal(failure, ETCD_API_COMPARE_FAILED).api_cause.as_deref(), Some("[miaow != some value]"));
    // noValueOnSuccess
    let quiet = set(Set { no_value_on_success: true, ..none }).expect("set");
    assert_eq!((quiet.action.as_str(), quiet.node), ("set", None));
}
