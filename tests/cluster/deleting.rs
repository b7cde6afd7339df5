//! Deletions of files and directories.

use etcd_test_harness::Delete;
use etcd_test_harness::capi::response::ETCD_ACTION_DELETE;
use etcd_test_harness::capi::status::*;

use crate::space::{Space, refusal};

const EMPTY_DIR: Delete<'_> = Delete { dir: true, prev_value: None, prev_index: 0, recursive: false };
const RECURSIVE: Delete<'_> = Delete { recursive: true, prev_value: None, prev_index: 0, dir: false };

#[test]
fn a_deletion_removes_a_file_and_gives_what_it_was() {
    let space = Space::new();
    for name in ["a", "b"] {
        space.oracle.set(&space.key(name), name);
    }
    let before = space.stored(&space.key("a"));
    let deleted = space.client.delete(&space.key("a")).expect("deleted");
    assert_eq!((deleted.action.as_str(), deleted.action_number), ("delete", ETCD_ACTION_DELETE));
    let node = deleted.node.expect("a node");
    assert_eq!((node.key, node.value.as_str(), node.is_dir), (space.key("a"), "", false));
    assert_eq!(node.created_index, before.created_index);
    assert!(node.modified_index > before.modified_index);
    assert_eq!(deleted.prev_node, Some(before));
    space.assert_absent(&space.key("a"));
    assert_eq!(space.oracle.value(&space.key("b")).as_deref(), Some("b"), "nothing else is gone");
}

#[test]
fn a_deletion_of_a_missing_key_is_refused() {
    let space = Space::new();
    space.oracle.set(&space.key("other"), "");
    for options in [Delete::default(), EMPTY_DIR, RECURSIVE] {
        let failure = refusal(space.client.delete_with(None, &space.key("a"), &options), ETCD_API_KEY_NOT_FOUND);
        assert_eq!(failure.api_cause, Some(space.key("a")));
    }
}

#[test]
fn a_directory_is_deleted_only_on_request() {
    let space = Space::new();
    space.oracle.request("PUT", &format!("/v2/keys{}?dir=true", space.key("d")), &[]);
    let failure = refusal(space.client.delete(&space.key("d")), ETCD_API_NOT_FILE);
    assert_eq!((failure.http_status, failure.api_cause), (403, Some(space.key("d"))));
    assert!(space.stored(&space.key("d")).is_dir);
    let deleted = space.client.delete_with(None, &space.key("d"), &EMPTY_DIR).expect("deleted");
    assert!(deleted.node.expect("a node").is_dir && deleted.prev_node.expect("what was there").is_dir);
    space.assert_absent(&space.key("d"));
}

#[test]
fn a_directory_with_children_is_deleted_only_with_all_of_them() {
    let space = Space::new();
    for name in ["d/a", "d/sub/b", "d/_hidden", "dd"] {
        space.oracle.set(&space.key(name), "");
    }
    refusal(space.client.delete(&space.key("d")), ETCD_API_NOT_FILE);
    let failure = refusal(space.client.delete_with(None, &space.key("d"), &EMPTY_DIR), ETCD_API_DIR_NOT_EMPTY);
    assert_eq!((failure.http_status, failure.api_cause), (403, Some(space.key("d"))));
    assert_eq!(space.stored(&space.key("d")).children.len(), 2);
    let deleted = space.client.delete_with(None, &space.key("d"), &RECURSIVE).expect("deleted");
    let before = deleted.prev_node.expect("what was there");
    assert!(before.is_dir && before.children.is_empty(), "the children are not in the answer");
    space.assert_absent(&space.key("d"));
    assert_eq!(space.stored(space.dir()).keys(), [space.dir().to_owned(), space.key("dd")]);
}

#[test]
fn the_flags_for_directories_do_no_harm_to_files() {
    let space = Space::new();
    for options in [EMPTY_DIR, RECURSIVE] {
        space.oracle.set(&space.key("a"), "one");
        let deleted = space.client.delete_with(None, &space.key("a"), &options).expect("deleted");
        assert_eq!(deleted.prev_node.expect("what was there").value, "one");
        space.assert_absent(&space.key("a"));
    }
}

#[test]
fn what_was_deleted_can_be_created_again() {
    let space = Space::new();
    for _ in 0..3 {
        let created = space.client.create(&space.key("a"), "one").expect("created");
        space.assert_stored(&created);
        space.client.delete(&space.key("a")).expect("deleted");
    }
    refusal(space.client.get(&space.key("a")), ETCD_API_KEY_NOT_FOUND);
}
