//! The unconditional set: of files, of directories, and where it is refused.

use etcd_test_harness::capi::options::{ETCD_PREV_EXIST, ETCD_PREV_NO_EXIST};
use etcd_test_harness::capi::response::{ETCD_ACTION_COMPARE_AND_SWAP, ETCD_ACTION_SET};
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Get, Set};

use crate::space::{Space, refusal};

const DIR: Set<'_> = Set {
    dir: true,
    prev_value: None,
    prev_index: 0,
    prev_exist: 0,
    ttl_ms: None,
    refresh: false,
    no_value_on_success: false,
    resend: None,
};

#[test]
fn a_set_makes_a_key_that_was_not_there() {
    let space = Space::new();
    let set = space.client.set(&space.key("a"), "one").expect("set");
    let node = set.node.as_ref().expect("a node");
    assert_eq!((set.action.as_str(), set.action_number), ("set", ETCD_ACTION_SET));
    assert_eq!((node.key.clone(), node.value.as_str(), node.is_dir), (space.key("a"), "one", false));
    assert_eq!((node.created_index, node.ttl, node.expiration), (node.modified_index, 0, None));
    assert_eq!(set.prev_node, None);
    assert!(set.index >= node.modified_index);
    space.assert_stored(&set);
}

#[test]
fn a_set_replaces_a_key_and_gives_what_was_there() {
    let space = Space::new();
    let first = space.client.set(&space.key("a"), "one").expect("first");
    let second = space.client.set(&space.key("a"), "two").expect("second");
    let node = second.node.as_ref().expect("a node");
    assert_eq!(second.prev_node, first.node);
    assert_eq!(node.value, "two");
    assert_eq!(node.created_index, node.modified_index, "a set makes the key anew");
    assert!(node.modified_index > first.node.expect("a node").modified_index);
    space.assert_stored(&second);
}

#[test]
fn a_set_makes_the_directories_that_are_missing() {
    let space = Space::new();
    let ttl = Set { ttl_ms: Some(60_000), ..Set::default() };
    space.client.set_with(None, &space.key("x/y/z"), "one", &ttl).expect("set");
    for dir in ["x", "x/y"] {
        let node = space.stored(&space.key(dir));
        assert!(node.is_dir);
        assert_eq!((node.ttl, node.expiration), (0, None), "only the key itself expires");
    }
    assert!(space.stored(&space.key("x/y/z")).ttl > 0);
}

#[test]
fn an_empty_value_is_a_value() {
    let space = Space::new();
    space.client.set(&space.key("a"), "one").expect("one");
    let set = space.client.set(&space.key("a"), "").expect("empty");
    assert_eq!(set.value(), "");
    assert_eq!(set.prev_node.expect("what was there").value, "one");
    assert_eq!(space.oracle.value(&space.key("a")).as_deref(), Some(""));
    assert_eq!(space.client.get(&space.key("a")).expect("got").value(), "");
}

#[test]
fn a_set_of_a_directory_makes_one_and_sends_no_value() {
    let space = Space::new();
    let made = space.client.set_with(None, &space.key("d"), "ignored", &DIR).expect("made");
    let node = made.node.as_ref().expect("a node");
    assert!(node.is_dir && node.value.is_empty());
    assert_eq!(made.prev_node, None);
    space.assert_stored(&made);
}

#[test]
fn a_set_of_a_directory_replaces_a_file() {
    let space = Space::new();
    let file = space.client.set(&space.key("a"), "one").expect("a file");
    let made = space.client.set_with(None, &space.key("a"), "", &DIR).expect("made");
    assert!(made.node.as_ref().expect("a node").is_dir);
    assert_eq!(made.prev_node, file.node);
    space.assert_stored(&made);
}

#[test]
fn a_directory_is_not_replaced() {
    let space = Space::new();
    let made = space.client.set_with(None, &space.key("d"), "", &DIR).expect("made");
    let by_dir = refusal(space.client.set_with(None, &space.key("d"), "", &DIR), ETCD_API_NOT_FILE);
    let by_file = refusal(space.client.set(&space.key("d"), "one"), ETCD_API_NOT_FILE);
    for failure in [by_dir, by_file] {
        assert_eq!((failure.http_status, failure.api_cause), (403, Some(space.key("d"))));
    }
    space.assert_stored(&made);
}

#[test]
fn a_set_through_a_file_is_refused() {
    let space = Space::new();
    let file = space.client.set(&space.key("a"), "one").expect("a file");
    let failure = refusal(space.client.set(&space.key("a/b"), "two"), ETCD_API_NOT_DIR);
    assert_eq!((failure.http_status, failure.api_cause), (400, Some(space.key("a"))));
    space.assert_stored(&file);
}

#[test]
fn the_root_is_read_only() {
    let space = Space::new();
    let client = &space.client;
    for root in ["/", "", "//", "x/.."] {
        refusal(client.set(root, "one"), ETCD_API_ROOT_READ_ONLY);
        refusal(client.set_with(None, root, "", &DIR), ETCD_API_ROOT_READ_ONLY);
        refusal(client.create(root, "one"), ETCD_API_ROOT_READ_ONLY);
        refusal(client.update(root, "one"), ETCD_API_ROOT_READ_ONLY);
        refusal(client.delete(root), ETCD_API_ROOT_READ_ONLY);
        let failure = refusal(
            client.delete_with(None, root, &etcd_test_harness::Delete { recursive: true, ..Default::default() }),
            ETCD_API_ROOT_READ_ONLY,
        );
        assert_eq!(failure.http_status, 400);
    }
}

#[test]
fn no_value_on_success_leaves_out_the_nodes_and_writes_all_the_same() {
    let space = Space::new();
    let quiet = Set { no_value_on_success: true, ..Set::default() };
    let cases = [
        ("set", Set { ..quiet }),
        ("update", Set { prev_exist: ETCD_PREV_EXIST, ..quiet }),
        ("compareAndSwap", Set { prev_value: Some("update"), ..quiet }),
    ];
    let created = Set { prev_exist: ETCD_PREV_NO_EXIST, ..quiet };
    let response = space.client.set_with(None, &space.key("a"), "create", &created).expect("create");
    assert_eq!((response.action.as_str(), &response.node, &response.prev_node), ("create", &None, &None));
    assert_eq!(space.oracle.value(&space.key("a")).as_deref(), Some("create"));
    for (action, options) in cases {
        let response = space.client.set_with(None, &space.key("a"), action, &options).expect(action);
        assert_eq!((response.action.as_str(), &response.node, &response.prev_node), (action, &None, &None));
        assert!(response.index > 0, "what else an answer tells is there");
        assert_eq!(space.oracle.value(&space.key("a")).as_deref(), Some(action));
    }
    refusal(space.client.set_with(None, &space.key("a"), "", &created), ETCD_API_NODE_EXIST);
}

#[test]
fn what_was_set_is_seen_by_the_next_get() {
    let space = Space::new();
    for number in 0..50 {
        let value = number.to_string();
        let set = space.client.set(&space.key("a"), &value).expect("set");
        let got = space.client.get_with(None, &space.key("a"), &Get::default()).expect("got");
        assert_eq!(got.node, set.node);
    }
}

#[test]
fn an_existing_key_with_a_value_to_compare_is_swapped() {
    let space = Space::new();
    space.oracle.set(&space.key("a"), "one");
    let options = Set { prev_exist: ETCD_PREV_EXIST, prev_value: Some("one"), ..Set::default() };
    let swapped = space.client.set_with(None, &space.key("a"), "two", &options).expect("swapped");
    assert_eq!(swapped.action_number, ETCD_ACTION_COMPARE_AND_SWAP);
    space.assert_stored(&swapped);
}
