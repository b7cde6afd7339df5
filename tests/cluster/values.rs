//! Values of every kind come back byte for byte: awkward characters, long ones, and the limit.

use etcd_test_harness::Set;
use etcd_test_harness::capi::status::*;

use crate::space::{Space, refusal};

/// Values for which forms, JSON or C have some use of their own.
const AWKWARD: &[&str] = &[
    "",
    " ",
    "  a  b  ",
    "+",
    "a+b",
    "%",
    "%41",
    "%2B",
    "%zz",
    "a&b",
    "a=b&value=c",
    "a;b",
    "<>&",
    "</script>",
    "\"",
    "\\",
    "\\u0041",
    "\\\"",
    "'",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "a\0b",
    "\0\0",
    "\u{1}\u{2}\u{1f}\u{7f}",
    "\u{80}",
    "é",
    "e\u{301}",
    "日本語",
    "\u{2028}",
    "\u{2029}",
    "\u{feff}",
    "\u{fffd}",
    "\u{1f980}",
    "\u{10ffff}",
    "{\"a\":[1]}",
    "null",
    "true",
    "0",
    "-",
    "value=",
    "&ttl=1",
    "ttl=1&value=x",
    "#",
    "?",
    "/",
    "..",
    "a/../b",
    "~`!@#$%^&*()_+-=[]{}|;':,./<>?",
];

#[test]
fn every_awkward_value_comes_back_as_it_was() {
    let space = Space::new();
    for value in AWKWARD {
        let set = space.client.set(&space.key("a"), value).expect("set");
        assert_eq!(set.value(), *value);
        assert_eq!(space.oracle.value(&space.key("a")).as_deref(), Some(*value));
        assert_eq!(space.client.get(&space.key("a")).expect("got").value(), *value);
        assert_eq!(space.stored(&space.key("a")).expiration, None, "{value:?} sets no TTL");
    }
}

#[test]
fn every_call_that_writes_takes_every_awkward_value() {
    let space = Space::new();
    for (number, value) in AWKWARD.iter().enumerate() {
        let key = space.key(&number.to_string());
        space.client.create(&key, value).expect("created");
        assert_eq!(space.oracle.value(&key).as_deref(), Some(*value));
        space.client.update(&key, &format!("{value}{value}x")).expect("updated");
        assert_eq!(space.oracle.value(&key), Some(format!("{value}{value}x")));
        let in_order = space.client.create_in_order(&space.key("queue"), value, None).expect("created in order");
        assert_eq!(space.oracle.value(&in_order.node.expect("a node").key).as_deref(), Some(*value));
    }
}

#[test]
fn every_awkward_value_can_be_compared_with() {
    let space = Space::new();
    for value in AWKWARD.iter().filter(|value| !value.is_empty()) {
        space.oracle.set(&space.key("a"), value);
        let swap = Set { prev_value: Some(value), ..Set::default() };
        let swapped = space.client.set_with(None, &space.key("a"), "new", &swap);
        assert_eq!(swapped.expect("the value matches").prev_node.expect("what was there").value, *value);
        let failure = refusal(space.client.set_with(None, &space.key("a"), "newer", &swap), ETCD_API_COMPARE_FAILED);
        if !value.contains('\0') {
            assert_eq!(failure.api_cause, Some(format!("[{value} != new]")));
        }
        space.oracle.set(&space.key("b"), value);
        let delete = etcd_test_harness::Delete { prev_value: Some(value), ..Default::default() };
        space.client.delete_with(None, &space.key("b"), &delete).expect("the value matches");
        space.assert_absent(&space.key("b"));
    }
}

#[test]
fn bytes_that_are_no_text_on_the_server_come_back_as_etcd_gives_them() {
    let space = Space::new();
    let key = space.key("a");
    space.oracle.request("PUT", &format!("/v2/keys{key}?value=a%FFb"), &[("ttl", "")]);
    assert_eq!(space.oracle.value(&key).as_deref(), Some("a\u{fffd}b"), "etcd itself replaces them");
    assert_eq!(space.client.get(&key).expect("got").value(), "a\u{fffd}b");
}

#[test]
fn a_value_of_a_megabyte_comes_back_as_it_was() {
    let space = Space::new();
    let value: String = (0..100_000).map(|number| format!("{number:x} é+\u{1f980}")).collect();
    let value = &value[..value.char_indices().map(|(at, _)| at).take_while(|at| *at <= 1 << 20).last().expect("long")];
    let set = space.client.set(&space.key("a"), value).expect("set");
    assert!(set.value() == value, "the answer has the value");
    assert!(space.oracle.value(&space.key("a")).as_deref() == Some(value), "the server has the value");
    assert!(space.client.get(&space.key("a")).expect("got").value() == value, "a get gives the value");
}

/// A form with `value=` in front may have 10 MiB.
const LARGEST_VALUE: usize = (10 << 20) - "value=".len();

#[test]
fn a_value_of_ten_mebibytes_is_taken_and_one_byte_more_is_refused() {
    let space = Space::new();
    let (largest, larger) = ("v".repeat(LARGEST_VALUE), "v".repeat(LARGEST_VALUE + 1));
    let quiet = Set { no_value_on_success: true, ..Set::default() };
    space.client.set_with(None, &space.key("a"), &largest, &quiet).expect("the largest");
    let failure = refusal(space.client.set_with(None, &space.key("a"), &larger, &quiet), ETCD_API_INVALID_FORM);
    assert_eq!((failure.http_status, failure.api_cause.as_deref()), (400, Some("http: POST too large")));
    assert!(failure.message.contains("10 MiB"), "{}", failure.message);
    let got = space.client.get(&space.key("a")).expect("got");
    assert!(got.value() == largest, "the old value is still there");
    refusal(space.client.create(&space.key("b"), &larger), ETCD_API_INVALID_FORM);
    space.assert_absent(&space.key("b"));
    space.client.delete(&space.key("a")).expect("deleted");
}

#[test]
fn a_thousand_children_come_in_one_answer() {
    let space = Space::new();
    let count = 1000;
    for number in 0..count {
        space.client.set(&space.key(&format!("{number:04}")), &"x".repeat(number)).expect("set");
    }
    let sorted = etcd_test_harness::Get { sort: true, ..Default::default() };
    let node = space.client.get_with(None, space.dir(), &sorted).expect("the directory").node.expect("a node");
    assert_eq!(node.children.len(), count);
    for (number, child) in node.children.iter().enumerate() {
        assert_eq!((child.key.clone(), child.value.len()), (space.key(&format!("{number:04}")), number));
    }
}
