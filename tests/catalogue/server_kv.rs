//! `integration/v2_http_kv_test.go`: what the keys API of a real etcd does, seen through this client.
//!
//! Where Go's test sends a parameter that no option can hold, the endpoint's own query carries it.

use etcd_test_harness::capi::options::{ETCD_PREV_EXIST, ETCD_PREV_NO_EXIST};
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Delete, Failure, Get, Node, Set};

use crate::space::{Space, node, prev_node, refusal};
use crate::watching::next;

/// What etcd said: HTTP status, message, and cause.
fn said(failure: &Failure) -> (i32, &str, &str) {
    let (message, cause) = (failure.api_message.as_deref(), failure.api_cause.as_deref());
    (failure.http_status, message.unwrap_or_default(), cause.unwrap_or_default())
}

#[test]
fn v2_set() {
    let space = Space::alone();
    let index = space.index();
    let file = space.client.set(&space.key("foo/bar"), "bar").expect("a file");
    let expected = Node {
        key: space.key("foo/bar"),
        value: "bar".into(),
        created_index: index + 1,
        modified_index: index + 1,
        ..Node::default()
    };
    assert_eq!((file.action.as_str(), file.node.as_ref(), file.prev_node.as_ref()), ("set", Some(&expected), None));
    let dir = Set { dir: true, ..Set::default() };
    let made = space.client.set_with(None, &space.key("foodir"), "", &dir).expect("a directory");
    let expected = Node {
        key: space.key("foodir"),
        is_dir: true,
        created_index: index + 2,
        modified_index: index + 2,
        ..Node::default()
    };
    assert_eq!((made.action.as_str(), made.node.as_ref()), ("set", Some(&expected)));
    let empty = space.client.set(&space.key("fooempty"), "").expect("an empty value");
    assert_eq!((node(&empty).value.as_str(), node(&empty).modified_index), ("", index + 3));
    assert_eq!(space.oracle.value(&space.key("fooempty")).as_deref(), Some(""));
    let quiet = Set { no_value_on_success: true, ..Set::default() };
    let unseen = space.client.set_with(None, &space.key("foo/novalue"), "bar", &quiet).expect("no value");
    assert_eq!((unseen.action.as_str(), unseen.node, unseen.prev_node), ("set", None, None));
    assert_eq!(space.oracle.value(&space.key("foo/novalue")).as_deref(), Some("bar"));
}

#[test]
fn v2_create_update() {
    let space = Space::shared();
    let none = Set::default();
    let set =
        |name: &str, value: &str, options: Set<'_>| space.client.set_with(None, &space.key(name), value, &options);
    let ttl = Set { ttl_ms: Some(20_000), ..none };
    let create = Set { prev_exist: ETCD_PREV_NO_EXIST, ..none };
    let update = Set { prev_exist: ETCD_PREV_EXIST, ..none };
    // 1. A key with a TTL.
    let made = set("ttl/foo", "XXX", ttl).expect("set");
    assert_eq!((node(&made).value.as_str(), node(&made).ttl), ("XXX", 20));
    // 2. With a bad one.
    let failure = refusal(space.client_with("ttl=bad_ttl").set(&space.key("ttl/foo"), "XXX"), ETCD_API_TTL_NAN);
    assert_eq!((failure.http_status, said(&failure).1), (400, "The given TTL in POST form is not a number"));
    // 3. Create, and 4. create again.
    assert_eq!(node(&set("create/foo", "XXX", create).expect("created")).value, "XXX");
    let failure = refusal(set("create/foo", "XXX", create), ETCD_API_NODE_EXIST);
    assert_eq!(said(&failure), (412, "Key already exists", space.key("create/foo").as_str()));
    // 5. Update with a TTL, and 6. with none.
    let updated = set("create/foo", "YYY", Set { ttl_ms: Some(20_000), ..update }).expect("updated");
    assert_eq!((updated.action.as_str(), node(&updated).value.as_str(), node(&updated).ttl), ("update", "YYY", 20));
    let updated = set("create/foo", "ZZZ", update).expect("updated");
    let told = (updated.action.as_str(), node(&updated).value.as_str(), node(&updated).ttl, node(&updated).expiration);
    assert_eq!(told, ("update", "ZZZ", 0, None));
    // 7. Update of a key that is not there.
    let failure = refusal(set("nonexist", "XXX", update), ETCD_API_KEY_NOT_FOUND);
    assert_eq!((failure.http_status, said(&failure).1), (404, "Key not found"));
    // 8. to 10. Create and update without the value in the answer.
    let quiet = |options| Set { no_value_on_success: true, ..options };
    for (options, action) in [(create, "create"), (update, "update")] {
        let unseen = set("create/novalue", "XXX", quiet(options)).expect("done");
        assert_eq!((unseen.action.as_str(), unseen.node, unseen.prev_node), (action, None, None));
    }
    let failure = refusal(set("create/foo", "XXX", quiet(create)), ETCD_API_NODE_EXIST);
    assert_eq!(said(&failure), (412, "Key already exists", space.key("create/foo").as_str()));
}

#[test]
fn v2_cas() {
    let space = Space::alone();
    let (key, none) = (space.key("cas/foo"), Set::default());
    let swap = |value: &str, options: Set<'_>| space.client.set_with(None, &key, value, &options);
    let failed = |options: Set<'_>, cause: &str| {
        let failure = refusal(swap("XXX", options), ETCD_API_COMPARE_FAILED);
        assert_eq!(said(&failure), (412, "Compare failed", cause), "{options:?}");
        failure
    };
    let first = node(&swap("XXX", none).expect("set")).modified_index;
    // By index: it matches, it does not, it is none.
    let swapped = swap("YYY", Set { prev_index: first, ..none }).expect("swapped");
    let told = (swapped.action.as_str(), node(&swapped).value.as_str(), node(&swapped).modified_index);
    assert_eq!(told, ("compareAndSwap", "YYY", first + 1));
    let cause = format!("[{} != {}]", first + 100, first + 1);
    assert_eq!(failed(Set { prev_index: first + 100, ..none }, &cause).api_index, first + 1);
    let failure = refusal(space.client_with("prevIndex=bad_index").set(&key, "YYY"), ETCD_API_INDEX_NAN);
    assert_eq!((failure.http_status, said(&failure).1), (400, "The given index in POST form is not a number"));
    // By value: it matches, it does not, it is empty.
    let swapped = swap("ZZZ", Set { prev_value: Some("YYY"), ..none }).expect("swapped");
    assert_eq!((swapped.action.as_str(), node(&swapped).value.as_str()), ("compareAndSwap", "ZZZ"));
    failed(Set { prev_value: Some("bad_value"), ..none }, "[bad_value != ZZZ]");
    let failure = refusal(space.client_with("prevValue=").set(&key, "XXX"), ETCD_API_PREV_VALUE_REQUIRED);
    assert_eq!(failure.http_status, 400);
    // By both: neither matches, the value does, the index does.
    let (right, wrong) = (first + 2, first + 100);
    let index_differs = format!("[{wrong} != {right}]");
    let both = |prev_value, prev_index| Set { prev_value: Some(prev_value), prev_index, ..none };
    failed(both("bad_value", wrong), &format!("[bad_value != ZZZ] {index_differs}"));
    failed(both("ZZZ", wrong), &index_differs);
    failed(both("bad_value", right), "[bad_value != ZZZ]");
    // Without the value in the answer.
    let quiet = |prev_index| Set { prev_index, no_value_on_success: true, ..none };
    let unseen = swap("YYY", quiet(right)).expect("swapped");
    assert_eq!((unseen.action.as_str(), unseen.node, unseen.prev_node), ("compareAndSwap", None, None));
    assert_eq!(failed(quiet(wrong), &format!("[{wrong} != {}]", right + 1)).api_index, right + 1);
    assert_eq!(space.oracle.value(&key).as_deref(), Some("YYY"));
}

#[test]
fn v2_delete() {
    let space = Space::shared();
    space.oracle.set(&space.key("foo"), "XXX");
    for dir in ["emptydir", "foodir/bar"] {
        let options = Set { dir: true, ..Set::default() };
        space.client.set_with(None, &space.key(dir), "", &options).expect("a directory");
    }
    let delete = |name: &str, options: Delete<'_>| space.client.delete_with(None, &space.key(name), &options);
    let (none, dir) = (Delete::default(), Delete { dir: true, ..Delete::default() });
    // 1. A file.
    let deleted = delete("foo", none).expect("deleted");
    assert_eq!((deleted.action.as_str(), &node(&deleted).key), ("delete", &space.key("foo")));
    assert_eq!((&prev_node(&deleted).key, prev_node(&deleted).value.as_str()), (&space.key("foo"), "XXX"));
    // 2. An empty directory, without and 3. with the word for it.
    let failure = refusal(delete("emptydir", none), ETCD_API_NOT_FILE);
    assert_eq!(said(&failure), (403, "Not a file", space.key("emptydir").as_str()));
    delete("emptydir", dir).expect("deleted");
    // 4. One that is not empty, and 5. everything below it.
    let failure = refusal(delete("foodir", dir), ETCD_API_DIR_NOT_EMPTY);
    assert_eq!(said(&failure), (403, "Directory not empty", space.key("foodir").as_str()));
    let deleted = delete("foodir", Delete { recursive: true, ..none }).expect("deleted");
    assert_eq!(deleted.action, "delete");
    for node in [node(&deleted), prev_node(&deleted)] {
        assert_eq!((&node.key, node.is_dir), (&space.key("foodir"), true));
    }
}

#[test]
fn v2_cad() {
    let space = Space::alone();
    let first = node(&space.client.set(&space.key("foo"), "XXX").expect("set")).modified_index;
    space.client.set(&space.key("foovalue"), "XXX").expect("set");
    let delete = |name: &str, options: Delete<'_>| space.client.delete_with(None, &space.key(name), &options);
    let by_index = |prev_index| Delete { prev_index, ..Delete::default() };
    let by_value = |prev_value| Delete { prev_value: Some(prev_value), ..Delete::default() };
    // By index: it does not match, it is none, it matches.
    let failure = refusal(delete("foo", by_index(first + 100)), ETCD_API_COMPARE_FAILED);
    assert_eq!(said(&failure), (412, "Compare failed", format!("[{} != {first}]", first + 100).as_str()));
    let failure = refusal(space.client_with("prevIndex=bad_index").delete(&space.key("foo")), ETCD_API_INDEX_NAN);
    assert_eq!((failure.http_status, said(&failure).1), (400, "The given index in POST form is not a number"));
    let deleted = delete("foo", by_index(first)).expect("deleted");
    let told = (deleted.action.as_str(), node(&deleted).key.clone(), node(&deleted).modified_index);
    assert_eq!(told, ("compareAndDelete", space.key("foo"), first + 2));
    // By value: it does not match, it is empty, it matches.
    let failure = refusal(delete("foovalue", by_value("YYY")), ETCD_API_COMPARE_FAILED);
    assert_eq!(said(&failure), (412, "Compare failed", "[YYY != XXX]"));
    let empty = space.client_with("prevValue=").delete(&space.key("foovalue"));
    assert_eq!(said(&refusal(empty, ETCD_API_PREV_VALUE_REQUIRED)).2, r#""prevValue" cannot be empty"#);
    let deleted = delete("foovalue", by_value("XXX")).expect("deleted");
    let told = (deleted.action.as_str(), node(&deleted).key.clone(), node(&deleted).modified_index);
    assert_eq!(told, ("compareAndDelete", space.key("foovalue"), first + 3));
}

#[test]
fn v2_unique() {
    let space = Space::alone();
    let index = space.index();
    for (number, dir) in [(1, "foo"), (2, "foo"), (3, "bar")] {
        let created = space.client.create_in_order(&space.key(dir), "XXX", None).expect("created");
        let key = space.key(&format!("{dir}/{:020}", index + number));
        assert_eq!((created.action.as_str(), node(&created).value.as_str()), ("create", "XXX"));
        assert_eq!(node(&created).key, key, "the index is the name, in twenty digits");
    }
}

/// A file in two directories, gotten by itself, by its directory, and with all below.
fn got_in_three_ways(quorum: bool) {
    let space = Space::shared();
    let made = space.client.set(&space.key("foo/bar/zar"), "XXX").expect("set");
    let index = node(&made).modified_index;
    let get = |name: &str, recursive| {
        let response = space.client.get_with(None, &space.key(name), &Get { recursive, quorum, ..Get::default() });
        let response = response.expect("got");
        assert_eq!((response.action.as_str(), response.prev_node), ("get", None));
        response.node.expect("a node")
    };
    let indexed = |node: Node| Node { created_index: index, modified_index: index, ..node };
    let zar = indexed(Node { key: space.key("foo/bar/zar"), value: "XXX".into(), ..Node::default() });
    let bar = indexed(Node { key: space.key("foo/bar"), is_dir: true, ..Node::default() });
    let top = indexed(Node { key: space.key("foo"), is_dir: true, ..Node::default() });
    assert_eq!(get("foo/bar/zar", false), zar);
    assert_eq!(get("foo", false), Node { children: vec![bar.clone()], ..top.clone() });
    assert_eq!(get("foo", true), Node { children: vec![Node { children: vec![zar], ..bar }], ..top });
}

#[test]
fn v2_get() {
    got_in_three_ways(false);
}

#[test]
fn v2_quorum_get() {
    got_in_three_ways(true);
}

#[test]
fn v2_watch() {
    let space = Space::alone();
    let (event, set) = space.first_event("foo/bar", false, || space.client.set(&space.key("foo/bar"), "XXX"));
    assert_eq!((event.action.as_str(), event.node), ("set", set.expect("set").node));
}

#[test]
fn v2_watch_with_index() {
    // Two sets; the watch waits for the second one.
    let space = Space::alone();
    let index = space.index();
    let watcher = space.watch_after(index + 1, "foo/bar", false);
    assert_eq!(watcher.next_within(50).expect_err("nothing yet").status, ETCD_ERR_DEADLINE_EXCEEDED);
    space.client.set(&space.key("foo/bar"), "XXX").expect("set");
    assert_eq!(watcher.next_within(50).expect_err("too early").status, ETCD_ERR_DEADLINE_EXCEEDED);
    space.client.set(&space.key("foo/bar"), "XXX").expect("set");
    let event = next(&watcher);
    let told = (event.action.as_str(), node(&event).value.as_str(), node(&event).modified_index);
    assert_eq!(told, ("set", "XXX", index + 2));
}

#[test]
fn v2_watch_key_in_dir() {
    // A key without a TTL goes with its directory, and a watch of it is told so.
    let space = Space::shared();
    let dir = Set { dir: true, ttl_ms: Some(1000), ..Set::default() };
    space.client.set_with(None, &space.key("keyindir"), "", &dir).expect("a directory");
    let set = space.client.set(&space.key("keyindir/bar"), "XXX").expect("set");
    let event = next(&space.watch_after(set.index, "keyindir/bar", false));
    assert_eq!((event.action.as_str(), &node(&event).key), ("expire", &space.key("keyindir")));
}
