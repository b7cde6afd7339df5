//! Create, update and in-order keys.

use std::collections::BTreeSet;
use std::thread;

use etcd_test_harness::capi::options::{ETCD_PREV_EXIST, ETCD_PREV_NO_EXIST};
use etcd_test_harness::capi::response::{ETCD_ACTION_CREATE, ETCD_ACTION_UPDATE};
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Get, Set};

use crate::space::{Space, refusal};

#[test]
fn a_create_makes_a_key_once() {
    let space = Space::new();
    let created = space.client.create(&space.key("a"), "one").expect("created");
    let node = created.node.as_ref().expect("a node");
    assert_eq!((created.action.as_str(), created.action_number), ("create", ETCD_ACTION_CREATE));
    assert_eq!((node.value.as_str(), node.created_index), ("one", node.modified_index));
    assert_eq!(created.prev_node, None);
    let failure = refusal(space.client.create(&space.key("a"), "two"), ETCD_API_NODE_EXIST);
    assert_eq!((failure.http_status, failure.api_cause), (412, Some(space.key("a"))));
    space.assert_stored(&created);
}

#[test]
fn a_create_on_a_directory_is_refused() {
    let space = Space::new();
    space.oracle.set(&space.key("d/x"), "");
    refusal(space.client.create(&space.key("d"), "one"), ETCD_API_NODE_EXIST);
    assert!(space.stored(&space.key("d")).is_dir);
}

#[test]
fn a_create_cares_for_no_other_condition() {
    let space = Space::new();
    let options = Set {
        prev_exist: ETCD_PREV_NO_EXIST,
        prev_value: Some("other"),
        prev_index: 1,
        refresh: true,
        ..Set::default()
    };
    let options = Set { ttl_ms: Some(60_000), ..options };
    let created = space.client.set_with(None, &space.key("a"), "", &options).expect("created");
    assert_eq!(created.action, "create");
    space.assert_stored(&created);
}

#[test]
fn a_directory_can_be_created_only_once() {
    let space = Space::new();
    let options = Set { prev_exist: ETCD_PREV_NO_EXIST, dir: true, ttl_ms: Some(60_000), ..Set::default() };
    let created = space.client.set_with(None, &space.key("d"), "", &options).expect("created");
    let node = created.node.as_ref().expect("a node");
    assert!(node.is_dir && node.ttl == 60, "{node:?}");
    refusal(space.client.set_with(None, &space.key("d"), "", &options), ETCD_API_NODE_EXIST);
}

#[test]
fn a_create_through_a_file_is_refused() {
    let space = Space::new();
    space.oracle.set(&space.key("a"), "");
    refusal(space.client.create(&space.key("a/b"), ""), ETCD_API_NOT_DIR);
}

#[test]
fn an_update_changes_a_key_and_keeps_the_index_of_its_creation() {
    let space = Space::new();
    let created = space.client.create(&space.key("a"), "one").expect("created").node.expect("a node");
    let updated = space.client.update(&space.key("a"), "two").expect("updated");
    let node = updated.node.as_ref().expect("a node");
    assert_eq!((updated.action.as_str(), updated.action_number), ("update", ETCD_ACTION_UPDATE));
    assert_eq!((node.value.as_str(), node.created_index), ("two", created.created_index));
    assert!(node.modified_index > created.modified_index);
    assert_eq!(updated.prev_node, Some(created));
    space.assert_stored(&updated);
}

#[test]
fn an_update_of_a_missing_key_is_refused_and_makes_nothing() {
    let space = Space::new();
    space.oracle.set(&space.key("other"), "");
    let failure = refusal(space.client.update(&space.key("a"), "one"), ETCD_API_KEY_NOT_FOUND);
    assert_eq!((failure.http_status, failure.api_cause), (404, Some(space.key("a"))));
    space.assert_absent(&space.key("a"));
}

#[test]
fn an_update_sets_the_ttl_and_one_without_removes_it() {
    let space = Space::new();
    space.oracle.set(&space.key("a"), "one");
    let exists = Set { prev_exist: ETCD_PREV_EXIST, ..Set::default() };
    let with = Set { ttl_ms: Some(60_000), ..exists };
    let node = space.client.set_with(None, &space.key("a"), "two", &with).expect("with").node.expect("a node");
    assert_eq!(node.ttl, 60);
    assert_eq!(space.stored(&space.key("a")).expiration, node.expiration);
    let without = space.client.update(&space.key("a"), "three").expect("without");
    assert_eq!((without.prev_node.expect("what was there").ttl, without.node.expect("a node").ttl), (60, 0));
    assert_eq!(space.stored(&space.key("a")).expiration, None);
}

#[test]
fn an_update_gives_a_directory_a_ttl_and_no_value() {
    let space = Space::new();
    space.oracle.set(&space.key("d/x"), "");
    let ttl = Set { prev_exist: ETCD_PREV_EXIST, dir: true, ttl_ms: Some(60_000), ..Set::default() };
    let updated = space.client.set_with(None, &space.key("d"), "", &ttl).expect("updated");
    assert_eq!(updated.action, "update");
    let stored = space.stored(&space.key("d"));
    assert!(stored.is_dir && stored.ttl > 0, "{stored:?}");
    refusal(space.client.update(&space.key("d"), "one"), ETCD_API_NOT_FILE);
    assert!(space.stored(&space.key("d")).is_dir);
}

#[test]
fn in_order_keys_are_named_by_their_index_and_sort_by_creation() {
    let space = Space::new();
    let create = |number: i32| space.client.create_in_order(space.dir(), &number.to_string(), None).expect("created");
    let created: Vec<_> = (0..12).map(create).collect();
    for response in &created {
        let node = response.node.as_ref().expect("a node");
        assert_eq!(response.action, "create");
        assert_eq!(node.key, space.key(&format!("{:020}", node.created_index)));
        space.assert_stored(response);
    }
    let sorted = Get { sort: true, ..Get::default() };
    let listed = space.client.get_with(None, space.dir(), &sorted).expect("the directory").node.expect("a node");
    let values: Vec<_> = listed.children.iter().map(|child| child.value.clone()).collect();
    assert_eq!(values, (0..12).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn in_order_keys_of_many_threads_are_each_made_exactly_once() {
    let space = Space::new();
    let keys: BTreeSet<String> = thread::scope(|scope| {
        let create = |thread: i32| {
            let space = &space;
            move || -> Vec<String> {
                let value = |number: i32| format!("{thread}-{number}");
                let create = |number| space.client.create_in_order(space.dir(), &value(number), None).expect("created");
                (0..10).map(create).map(|response| response.node.expect("a node").key).collect()
            }
        };
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(create(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("the thread")).collect()
    });
    let stored = space.stored(space.dir());
    assert_eq!(keys.len(), 80);
    assert_eq!(stored.children.iter().map(|child| child.key.clone()).collect::<BTreeSet<_>>(), keys);
    let values: BTreeSet<_> = stored.children.into_iter().map(|child| child.value).collect();
    assert_eq!(values.len(), 80, "no value twice, none missing");
}

#[test]
fn in_order_keys_can_be_made_in_the_root_and_in_a_directory_that_is_missing() {
    let space = Space::new();
    let in_root = space.client.create_in_order("/", "one", None).expect("in the root");
    let key = in_root.node.as_ref().expect("a node").key.clone();
    assert_eq!(key.len(), "/".len() + 20, "{key}");
    space.assert_stored(&in_root);
    space.oracle.delete(&key);
    let deep = space.client.create_in_order(&space.key("x/y/"), "two", None).expect("in a missing directory");
    assert!(deep.node.as_ref().expect("a node").key.starts_with(&space.key("x/y/")));
    space.assert_stored(&deep);
}

#[test]
fn in_order_keys_cannot_be_made_below_a_file() {
    let space = Space::new();
    space.oracle.set(&space.key("a"), "one");
    refusal(space.client.create_in_order(&space.key("a"), "two", None), ETCD_API_NOT_DIR);
    assert_eq!(space.oracle.value(&space.key("a")).as_deref(), Some("one"));
}
