//! `etcdserver/api/v2http/client_test.go`: what a server answers to keys requests, and what this client makes of it.

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Delete, Get, Set, Watch};
use etcd_test_support::{Gate, Place, Reply, ScriptedServer};

use crate::scripted::{Answer, indexed, of_answer};
use crate::space::{Space, node, prev_node, refusal};

#[test]
fn write_event() {
    // No event is no headers and no body.
    let nothing = of_answer(Reply::new(200), |client| client.get("/foo")).expect_err("nothing");
    assert_eq!(nothing.status, ETCD_ERR_EMPTY_BODY);
    for (http_status, action) in [(200, "get"), (201, "create")] {
        let body = format!("{{\"action\":\"{action}\",\"node\":{{}},\"prevNode\":{{}}}}\n");
        let reply = indexed(http_status, "0", &body).header("X-Raft-Index", "100").header("X-Raft-Term", "5");
        let response = of_answer(reply, |client| client.get("/foo")).expect(action);
        assert_eq!((response.action.as_str(), response.index), (action, 0));
        assert!(response.node.is_some() && response.prev_node.is_some());
    }
    // And a real server says 201 of what is new: both are a success.
    let space = Space::shared();
    assert_eq!(space.client.create(&space.key("new"), "").expect("201").action, "create");
    assert_eq!(space.client.get(&space.key("new")).expect("200").action, "get");
}

#[test]
fn bad_serve_keys() {
    let answered = |http_status: u16, body: &str| {
        let failure = of_answer(indexed(http_status, "0", body), |client| client.create("/foo", "bar"));
        failure.expect_err("refused")
    };
    // 1. and 2. A method that is not allowed.
    let reply = Reply::new(405).header("Content-Type", "text/plain").body("Method Not Allowed\n");
    let failure = of_answer(reply, |client| client.create("/foo", "bar")).expect_err("refused");
    assert_eq!((failure.status, failure.http_status), (ETCD_ERR_INVALID_RESPONSE, 405));
    // 3. A request that cannot be parsed.
    let form = r#"{"errorCode":210,"message":"Invalid POST form","cause":"missing form body","index":0}"#;
    let failure = answered(400, form);
    assert_eq!((failure.status, failure.api_code, failure.http_status), (ETCD_ERR_API, ETCD_API_INVALID_FORM, 400));
    // 4. and 6. The server's own failures, whose words are kept; what became of the write is not known.
    for cause in ["Internal Server Error", "received response with no Event/Watcher"] {
        let raft = format!(r#"{{"errorCode":300,"message":"Raft Internal Error","cause":"{cause}","index":0}}"#);
        let failure = answered(500, &raft);
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_HTTP_STATUS, ETCD_MAYBE_APPLIED));
        assert_eq!((failure.api_code, failure.api_cause.as_deref()), (ETCD_API_RAFT_INTERNAL, Some(cause)));
    }
    // 5. An error of etcd's; its cause is the user's key, without the name of the store inside the server.
    let missing = r#"{"errorCode":100,"message":"Key not found","cause":"/pant","index":0}"#;
    let failure = answered(404, missing);
    assert_eq!((failure.api_code, failure.api_cause.as_deref()), (ETCD_API_KEY_NOT_FOUND, Some("/pant")));
    let space = Space::shared();
    let failure = refusal(space.client.get(&space.key("pant")), ETCD_API_KEY_NOT_FOUND);
    assert_eq!(failure.api_cause.as_deref(), Some(space.dir()), "the first part that is missing");
}

#[test]
fn serve_keys_good() {
    // HEAD, the first of Go's five, is no call of any client.
    let server = ScriptedServer::always(Reply::json(200, r#"{"action":"get","node":{}}"#));
    let client = Client::of(&server.endpoint());
    let answers: [Answer; 4] = [
        client.get("/foo"),
        client.set("/foo", "bar"),
        client.delete("/foo"),
        client.create_in_order("/foo", "bar", None),
    ];
    for answer in answers {
        assert_eq!(answer.expect("200").action, "get");
    }
    let methods: Vec<_> = server.requests().into_iter().map(|request| request.method).collect();
    assert_eq!(methods, ["GET", "PUT", "DELETE", "POST"]);
}

#[test]
fn serve_keys_event() {
    let event = of_answer(Reply::json(200, r#"{"action":"get","node":{}}"#), |client| client.get("/foo"));
    assert!(event.expect("an event").node.is_some());
    let quiet = Set { no_value_on_success: true, prev_index: 1, ..Set::default() };
    let swap = |client: &Client| client.set_with(None, "/foo", "bar", &quiet);
    let event = of_answer(Reply::json(200, r#"{"action":"compareAndSwap"}"#), swap).expect("an event");
    assert_eq!((event.action.as_str(), event.node, event.prev_node), ("compareAndSwap", None, None));
}

#[test]
fn trim_event_prefix() {
    // Inside the server all keys are below "/1"; no answer says so.
    let space = Space::shared();
    let key = space.key("def");
    let created = space.client.create(&key, "one").expect("created");
    assert_eq!((&node(&created).key, created.prev_node.as_ref()), (&key, None));
    let set = space.client.set(&key, "two").expect("set");
    assert_eq!((&node(&set).key, &prev_node(&set).key), (&key, &key));
    let deleted = space.client.delete_with(None, &key, &Delete::default()).expect("deleted");
    assert_eq!((&node(&deleted).key, &prev_node(&deleted).key), (&key, &key));
    // Neither node, and only the one before, as a server may say it.
    let neither = of_answer(Reply::json(200, r#"{"action":"set"}"#), |client| client.set("/k", "")).expect("read");
    assert_eq!((neither.node, neither.prev_node), (None, None));
    let body = r#"{"action":"delete","prevNode":{"key":"/ghi"}}"#;
    let before = of_answer(Reply::json(200, body), |client| client.delete("/ghi")).expect("read");
    assert_eq!((before.node.as_ref(), prev_node(&before).key.as_str()), (None, "/ghi"));
}

#[test]
fn trim_node_extern_prefix() {
    let space = Space::shared();
    for name in ["def/1", "def/2"] {
        space.client.set(&space.key(name), "").expect("set");
    }
    let sorted = Get { sort: true, ..Get::default() };
    let got = space.client.get_with(None, &space.key("def"), &sorted).expect("got");
    assert_eq!(node(&got).keys(), ["def", "def/1", "def/2"].map(|name| space.key(name)));
}

const EVENT: &str =
    "{\"action\":\"set\",\"node\":{\"key\":\"/foo/bar\",\"value\":\"v\",\"modifiedIndex\":11,\"createdIndex\":11}}\n";

/// An answer to a watch, which the server began when its index was 10.
fn watching() -> Reply {
    Reply::new(200)
        .header("Content-Type", "application/json")
        .header("X-Etcd-Index", "10")
        .header("X-Raft-Index", "100")
}

/// As Go watches: one request for each event.
const AS_GO: Watch = Watch { after_index: 0, recursive: false, resync: false, stream: false, idle_timeout_ms: 0 };

#[test]
fn serve_keys_watch() {
    let server = ScriptedServer::sequence(vec![watching().chunks([EVENT]), watching().unfinished_chunks([EVENT])]);
    let client = Client::of(&server.endpoint());
    // One request for one event, and a stream.
    for options in [AS_GO, Watch::default()] {
        let event = client.watch("/foo/bar", &options).expect("a watcher").next_within(20_000).expect("an event");
        assert_eq!((event.action.as_str(), event.value()), ("set", "v"));
    }
}

#[test]
fn handle_watch() {
    let watch = |server: &ScriptedServer| Client::of(&server.endpoint()).watch("/foo/bar", &AS_GO).expect("a watcher");
    // 1. One event.
    let server = ScriptedServer::always(watching().body(EVENT));
    assert_eq!(watch(&server).next_within(20_000).expect("an event").index, 11);
    // 2. None, because the server let the watch go: an empty answer, and the watch asks again from behind its index.
    let server = ScriptedServer::sequence(vec![watching(), watching().body(EVENT)]);
    assert_eq!(watch(&server).next_within(20_000).expect("an event").index, 11);
    assert!(server.requests()[0].target.ends_with("waitIndex=0"));
    // Differs from Go, which asks for "from now on" again, and misses what came in between.
    assert!(server.requests()[1].target.ends_with("waitIndex=11"), "{}", server.requests()[1].target);
    // 3. The time is over, and 4. the client is gone: the server's end of the connection hears of it.
    let server = ScriptedServer::always(watching().body(EVENT).stall_at(Place::AfterHead));
    let watcher = watch(&server);
    assert_eq!(watcher.next_within(100).expect_err("nothing").status, ETCD_ERR_DEADLINE_EXCEEDED);
    drop(watcher);
    server.wait_for_ended(1);
}

#[test]
fn handle_watch_streaming() {
    let gates = [Gate::new(), Gate::new()];
    let second = EVENT.replace("11", "12");
    let stream = watching().unfinished_chunks([EVENT, &second]);
    let stream = stream.wait_at(Place::AfterChunks(0), &gates[0]).wait_at(Place::AfterChunks(1), &gates[1]);
    let server = ScriptedServer::always(stream);
    let client = Client::of(&server.endpoint());
    let options = Watch { idle_timeout_ms: 0, ..Watch::default() };
    let watcher = client.watch("/foo/bar", &options).expect("a watcher");
    // The headers, and nothing yet; then each event when it comes, over the same connection.
    for (gate, index) in gates.iter().zip([11, 12]) {
        assert_eq!(watcher.next_within(50).expect_err("nothing yet").status, ETCD_ERR_DEADLINE_EXCEEDED);
        gate.open();
        assert_eq!(watcher.next_within(20_000).expect("an event").index, index);
    }
    assert_eq!((server.requests().len(), server.open_connections()), (1, 1));
    drop(watcher);
    server.wait_for_ended(1);
}
