//! Gets: keys, directories, recursion, order, hidden keys, quorum.

use etcd_test_harness::Get;
use etcd_test_harness::capi::response::ETCD_ACTION_GET;
use etcd_test_harness::capi::status::*;

use crate::space::{Space, node_of, refusal};

const RECURSIVE: Get = Get { recursive: true, sort: false, quorum: false };
const SORTED: Get = Get { recursive: true, sort: true, quorum: false };

#[test]
fn a_get_gives_the_node_as_it_is_on_the_server() {
    let space = Space::new();
    space.oracle.set(&space.key("a"), "one");
    let before = space.oracle.index();
    let got = space.client.get(&space.key("a")).expect("the key");
    let after = space.oracle.index();
    assert_eq!((got.action.as_str(), got.action_number), ("get", ETCD_ACTION_GET));
    assert_eq!(got.value(), "one");
    assert_eq!(got.prev_node, None);
    space.assert_stored(&got);
    assert!((before..=after).contains(&got.index), "{} is not in {before}..={after}", got.index);
    assert_eq!(Some(got.cluster_id.as_str()), space.answer(space.dir()).header("x-etcd-cluster-id"));
}

#[test]
fn a_missing_key_is_refused_with_the_first_part_of_the_path_that_is_missing() {
    let space = Space::new();
    space.oracle.set(&space.key("a"), "");
    let before = space.oracle.index();
    let failure = refusal(space.client.get(&space.key("no/such/key")), ETCD_API_KEY_NOT_FOUND);
    let after = space.oracle.index();
    assert_eq!(failure.http_status, 404);
    assert_eq!(failure.api_message.as_deref(), Some("Key not found"));
    assert_eq!(failure.api_cause, Some(space.key("no")));
    assert!((before..=after).contains(&failure.api_index), "{failure:?}");
    assert_eq!(failure.endpoint, Some(crate::space::server().endpoint()));
}

#[test]
fn a_path_through_a_file_is_refused() {
    let space = Space::new();
    space.oracle.set(&space.key("file"), "");
    refusal(space.client.get(&space.key("file/below")), ETCD_API_NOT_DIR);
}

#[test]
fn a_directory_lists_its_children_and_not_what_is_below_them() {
    let space = Space::new();
    for name in ["a", "sub/x", "sub/y"] {
        space.oracle.set(&space.key(name), name);
    }
    let got = space.client.get_with(None, space.dir(), &Get { sort: true, ..Get::default() }).expect("the directory");
    let node = got.node.as_ref().expect("a node");
    assert!(node.is_dir && node.value.is_empty());
    assert_eq!(node.keys(), [space.dir().to_owned(), space.key("a"), space.key("sub")]);
    let stored = space.answer(&format!("{}?sorted=true", space.dir())).json();
    assert_eq!(*node, node_of(&stored["node"]));
}

#[test]
fn a_recursive_get_gives_everything_below() {
    let space = Space::new();
    let names = ["a", "sub/x", "sub/deep/y", "sub/deep/deeper/z"];
    for name in names {
        space.oracle.set(&space.key(name), name);
    }
    let got = space.client.get_with(None, space.dir(), &RECURSIVE).expect("the tree");
    let keys = got.node.expect("a node").keys();
    for name in names {
        assert!(keys.contains(&space.key(name)), "{name} in {keys:?}");
    }
    assert_eq!(keys.len(), 1 + 3 + names.len(), "the directories are in it too: {keys:?}");
}

#[test]
fn sorted_children_come_in_the_order_of_their_keys_at_every_level() {
    let space = Space::new();
    for name in ["m", "b", "Z", "a2", "a10", "k", "é", "0", "_hidden"] {
        space.oracle.set(&space.key(&format!("{name}/{name}1")), "");
        space.oracle.set(&space.key(&format!("{name}/{name}0")), "");
    }
    let got = space.client.get_with(None, space.dir(), &SORTED).expect("the tree");
    let mut expected = vec![space.dir().to_owned()];
    for name in ["0", "Z", "a10", "a2", "b", "k", "m", "é"] {
        expected.extend(["", "0", "1"].map(|end| match end {
            "" => space.key(name),
            end => space.key(&format!("{name}/{name}{end}")),
        }));
    }
    assert_eq!(got.node.expect("a node").keys(), expected);
}

#[test]
fn hidden_keys_are_left_out_of_every_listing_and_read_by_their_exact_path() {
    let space = Space::new();
    for name in ["seen", "_hidden", "sub/_hidden", "sub/seen", "_dir/child", "_dir/_both"] {
        space.oracle.set(&space.key(name), name);
    }
    let tree = space.client.get_with(None, space.dir(), &SORTED).expect("the tree").node.expect("a node");
    let seen = ["seen", "sub", "sub/seen"].map(|name| space.key(name));
    assert_eq!(tree.keys()[1..], seen);
    for name in ["_hidden", "sub/_hidden", "_dir/child", "_dir/_both"] {
        assert_eq!(space.client.get(&space.key(name)).expect(name).value(), name);
    }
    let hidden = space.client.get(&space.key("_dir")).expect("a hidden directory").node.expect("a node");
    assert_eq!(hidden.keys(), [space.key("_dir"), space.key("_dir/child")]);
}

#[test]
fn an_empty_directory_has_no_children() {
    let space = Space::new();
    space.oracle.request("PUT", &format!("/v2/keys{}?dir=true", space.key("empty")), &[]);
    let node = space.client.get(&space.key("empty")).expect("the directory").node.expect("a node");
    assert!(node.is_dir);
    assert_eq!(node.children, []);
}

#[test]
fn the_root_is_a_directory_without_key_and_indexes() {
    let space = Space::new();
    space.oracle.set(&space.key("a"), "");
    for root in ["", "/", "//", "/./", "a/.."] {
        let node = space.client.get(root).expect("the root").node.expect("a node");
        assert!(node.is_dir);
        assert_eq!((node.key.as_str(), node.created_index, node.modified_index), ("", 0, 0));
        assert!(node.children.iter().any(|child| child.key == space.dir()), "{root}: {:?}", node.keys());
    }
}

#[test]
fn a_slash_at_the_end_changes_nothing() {
    let space = Space::new();
    space.oracle.set(&space.key("a"), "one");
    assert_eq!(space.client.get(&space.key("a/")).expect("a file").value(), "one");
    let node = space.client.get(&format!("{}/", space.dir())).expect("a directory").node.expect("a node");
    assert_eq!(node.keys(), [space.dir().to_owned(), space.key("a")]);
}

#[test]
fn a_quorum_get_gives_what_a_plain_one_gives() {
    let space = Space::new();
    for name in ["a", "sub/x"] {
        space.oracle.set(&space.key(name), name);
    }
    let plain = space.client.get_with(None, space.dir(), &SORTED).expect("plain");
    let quorum = space.client.get_with(None, space.dir(), &Get { quorum: true, ..SORTED }).expect("with quorum");
    assert_eq!(plain.node, quorum.node);
    refusal(
        space.client.get_with(None, &space.key("none"), &Get { quorum: true, ..Get::default() }),
        ETCD_API_KEY_NOT_FOUND,
    );
}
