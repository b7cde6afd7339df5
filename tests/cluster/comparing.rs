//! Compare-and-swap and compare-and-delete, by value and by index.

use etcd_test_harness::capi::response::{ETCD_ACTION_COMPARE_AND_DELETE, ETCD_ACTION_COMPARE_AND_SWAP};
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Delete, Node, Set};
use etcd_test_support::transport::skips_over_tls;

use crate::space::{Space, refusal};

fn file(space: &Space, value: &str) -> Node {
    space.oracle.set(&space.key("a"), value);
    space.stored(&space.key("a"))
}

#[test]
fn a_swap_happens_when_the_value_the_index_or_both_match() {
    let space = Space::new();
    let cases: [fn(&Node) -> Set<'_>; 3] = [
        |node| Set { prev_value: Some(&node.value), ..Set::default() },
        |node| Set { prev_index: node.modified_index, ..Set::default() },
        |node| Set { prev_value: Some(&node.value), prev_index: node.modified_index, ..Set::default() },
    ];
    let created = file(&space, "0");
    let mut before = created.clone();
    for (number, options) in cases.into_iter().enumerate() {
        let value = (number + 1).to_string();
        let swapped = space.client.set_with(None, &space.key("a"), &value, &options(&before)).expect("swapped");
        assert_eq!((swapped.action.as_str(), swapped.action_number), ("compareAndSwap", ETCD_ACTION_COMPARE_AND_SWAP));
        assert_eq!(swapped.prev_node.as_ref(), Some(&before));
        space.assert_stored(&swapped);
        before = swapped.node.expect("a node");
        assert_eq!((before.value.as_str(), before.created_index), (value.as_str(), created.created_index));
    }
}

#[test]
fn a_swap_that_does_not_match_says_what_it_wanted_and_what_there_is() {
    let space = Space::new();
    let node = file(&space, "one");
    let index = node.modified_index;
    let cases = [
        (Set { prev_value: Some("two"), ..Set::default() }, "[two != one]".to_owned()),
        (Set { prev_index: 1, ..Set::default() }, format!("[1 != {index}]")),
        (Set { prev_value: Some("one"), prev_index: 1, ..Set::default() }, format!("[1 != {index}]")),
        (Set { prev_value: Some("two"), prev_index: index, ..Set::default() }, "[two != one]".to_owned()),
        (Set { prev_value: Some("two"), prev_index: 1, ..Set::default() }, format!("[two != one] [1 != {index}]")),
    ];
    for (options, cause) in cases {
        let failure = refusal(space.client.set_with(None, &space.key("a"), "new", &options), ETCD_API_COMPARE_FAILED);
        assert_eq!((failure.http_status, failure.api_message.as_deref()), (412, Some("Compare failed")));
        assert_eq!(failure.api_cause.as_deref(), Some(cause.as_str()), "{options:?}");
        assert!(failure.message.contains(&cause), "{}", failure.message);
        assert_eq!(space.stored(&space.key("a")), node, "nothing has changed");
    }
}

#[test]
fn a_swap_of_a_missing_key_or_a_directory_is_refused() {
    let space = Space::new();
    space.oracle.set(&space.key("d/x"), "");
    let by_value = Set { prev_value: Some("one"), ..Set::default() };
    let by_index = Set { prev_index: 1, ..Set::default() };
    for options in [by_value, by_index] {
        refusal(space.client.set_with(None, &space.key("none"), "", &options), ETCD_API_KEY_NOT_FOUND);
        refusal(space.client.set_with(None, &space.key("d"), "", &options), ETCD_API_NOT_FILE);
    }
    space.assert_absent(&space.key("none"));
}

#[test]
fn a_swap_without_a_ttl_removes_it() {
    let space = Space::new();
    let ttl = Set { ttl_ms: Some(60_000), ..Set::default() };
    space.client.set_with(None, &space.key("a"), "one", &ttl).expect("set");
    let keeping = Set { prev_value: Some("one"), ttl_ms: Some(90_000), ..Set::default() };
    let swapped = space.client.set_with(None, &space.key("a"), "two", &keeping).expect("swapped").node.expect("a node");
    assert_eq!(swapped.ttl, 90);
    let removing = Set { prev_value: Some("two"), ..Set::default() };
    let swapped = space.client.set_with(None, &space.key("a"), "three", &removing).expect("swapped");
    assert_eq!(swapped.node.as_ref().expect("a node").expiration, None);
    space.assert_stored(&swapped);
}

#[test]
fn a_value_of_100_kb_can_be_compared_with() {
    let space = Space::new();
    let long = "a+b &=%é".repeat(100_000 / 9);
    file(&space, &long);
    let wrong = format!("{long}!");
    let options = Set { prev_value: Some(&wrong), ..Set::default() };
    let failure = refusal(space.client.set_with(None, &space.key("a"), "new", &options), ETCD_API_COMPARE_FAILED);
    assert_eq!(failure.api_cause, Some(format!("[{wrong} != {long}]")));
    let options = Set { prev_value: Some(&long), ..Set::default() };
    let swapped = space.client.set_with(None, &space.key("a"), "new", &options).expect("swapped");
    assert_eq!(swapped.prev_node.as_ref().expect("what was there").value, long);
    space.assert_stored(&swapped);
}

#[test]
fn a_deletion_happens_when_the_value_the_index_or_both_match() {
    let space = Space::new();
    let cases: [fn(&Node) -> Delete<'_>; 3] = [
        |node| Delete { prev_value: Some(&node.value), ..Delete::default() },
        |node| Delete { prev_index: node.modified_index, ..Delete::default() },
        |node| Delete { prev_value: Some(&node.value), prev_index: node.modified_index, ..Delete::default() },
    ];
    for options in cases {
        let before = file(&space, "a b&c=+%é");
        let deleted = space.client.delete_with(None, &space.key("a"), &options(&before)).expect("deleted");
        assert_eq!(
            (deleted.action.as_str(), deleted.action_number),
            ("compareAndDelete", ETCD_ACTION_COMPARE_AND_DELETE)
        );
        let node = deleted.node.expect("a node");
        assert_eq!((node.key, node.value.as_str(), node.created_index), (space.key("a"), "", before.created_index));
        assert!(node.modified_index > before.modified_index);
        assert_eq!(deleted.prev_node, Some(before));
        space.assert_absent(&space.key("a"));
    }
}

#[test]
fn a_deletion_that_does_not_match_leaves_the_key() {
    let space = Space::new();
    let node = file(&space, "one");
    let index = node.modified_index;
    let cases = [
        (Delete { prev_value: Some("two"), ..Delete::default() }, "[two != one]".to_owned()),
        (Delete { prev_index: 1, ..Delete::default() }, format!("[1 != {index}]")),
        (
            Delete { prev_value: Some("two"), prev_index: 1, ..Delete::default() },
            format!("[two != one] [1 != {index}]"),
        ),
        (
            Delete { prev_value: Some("two"), recursive: true, dir: true, ..Delete::default() },
            "[two != one]".to_owned(),
        ),
    ];
    for (options, cause) in cases {
        let failure = refusal(space.client.delete_with(None, &space.key("a"), &options), ETCD_API_COMPARE_FAILED);
        assert_eq!(failure.api_cause.as_deref(), Some(cause.as_str()), "{options:?}");
        assert_eq!(space.stored(&space.key("a")), node, "nothing has changed");
    }
}

#[test]
fn a_deletion_with_a_comparison_is_for_files_that_are_there() {
    let space = Space::new();
    space.oracle.set(&space.key("d/x"), "");
    for flags in [Delete::default(), Delete { recursive: true, dir: true, ..Delete::default() }] {
        let by_value = Delete { prev_value: Some("one"), ..flags };
        let by_index = Delete { prev_index: 1, ..flags };
        for options in [by_value, by_index] {
            refusal(space.client.delete_with(None, &space.key("none"), &options), ETCD_API_KEY_NOT_FOUND);
            refusal(space.client.delete_with(None, &space.key("d"), &options), ETCD_API_NOT_FILE);
        }
    }
    assert_eq!(space.oracle.value(&space.key("d/x")).as_deref(), Some(""));
}

/// `DELETE TARGET HTTP/1.1` and its line end fit into the 4096 bytes that a plain etcd looks at.
const LONGEST_TARGET: usize = 4096 - "DELETE  HTTP/1.1\r\n".len();

#[test]
fn a_deletion_compares_with_the_longest_value_that_etcd_takes() {
    let space = Space::new();
    let value = "x".repeat(LONGEST_TARGET - format!("/v2/keys{}?prevValue=", space.key("a")).len());
    file(&space, &value);
    let options = Delete { prev_value: Some(&value), ..Delete::default() };
    let deleted = space.client.delete_with(None, &space.key("a"), &options).expect("deleted");
    assert_eq!(deleted.action, "compareAndDelete");
    space.assert_absent(&space.key("a"));
}

#[test]
fn a_deletion_with_a_longer_value_is_refused_and_the_key_is_still_there() {
    if skips_over_tls("the limit of 4096 bytes is one of plain connections") {
        return;
    }
    let space = Space::new();
    let fits = LONGEST_TARGET - format!("/v2/keys{}?prevValue=", space.key("a")).len();
    // Encoded, the last one is three times as long.
    for value in ["x".repeat(fits + 1), "x".repeat(100_000), "é".repeat(fits / 6 + 1)] {
        let node = file(&space, &value);
        let options = Delete { prev_value: Some(&value), ..Delete::default() };
        let failure = space.client.delete_with(None, &space.key("a"), &options).expect_err("too long");
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_INVALID_ARGUMENT, ETCD_NOT_APPLIED));
        assert!(failure.message.starts_with("prev_value: too long"), "{}", failure.message);
        assert_eq!(space.stored(&space.key("a")), node);
    }
}
