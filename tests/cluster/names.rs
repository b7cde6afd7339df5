//! Keys of every kind: awkward characters, dots and slashes, and long ones.

use std::collections::BTreeMap;

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Get};
use etcd_test_support::transport::skips_over_tls;

use crate::space::{Space, server};

const TREE: Get = Get { recursive: true, sort: true, quorum: false };

/// Names for which HTTP, URLs, forms, JSON or C have some use of their own.
const AWKWARD: &[&str] = &[
    " ",
    "a b",
    " a",
    "a ",
    "+",
    "a+b",
    "%",
    "%41",
    "%2F",
    "%2f",
    "%2e%2e",
    "%00",
    "%zz",
    "%%",
    "?",
    "?x=1",
    "#",
    "#x",
    "&",
    "a&b=c",
    "=",
    ";",
    "a;b",
    ":",
    "@",
    ",",
    "$",
    "!",
    "'",
    "\"",
    "(",
    ")",
    "*",
    "[",
    "]",
    "{",
    "}",
    "|",
    "\\",
    "^",
    "`",
    "~",
    "<",
    ">",
    "-",
    ".a",
    "a.",
    "...",
    "..a",
    "a..",
    "....",
    "a_b",
    "value=x",
    "http:",
    "\t",
    "\r\n",
    "\u{1}",
    "\u{7f}",
    "\u{80}",
    "é",
    "e\u{301}",
    "ß",
    "日本語",
    "\u{2028}",
    "\u{feff}",
    "\u{fffd}",
    "\u{1f980}",
    "\u{10ffff}",
    "Ω≈ç√",
    "עברית",
];

#[test]
fn every_awkward_name_makes_its_own_key_and_comes_back_as_it_was() {
    let space = Space::new();
    for (number, name) in AWKWARD.iter().enumerate() {
        let (key, value) = (space.key(name), number.to_string());
        let set = space.client.set(&key, &value).unwrap_or_else(|failure| panic!("{name:?}: {failure:?}"));
        assert_eq!(set.node.as_ref().expect("a node").key, key);
        assert_eq!(set.prev_node, None, "{name:?} is a key of its own");
        assert_eq!(space.oracle.value(&key), Some(value.clone()), "{name:?}");
        assert_eq!(space.client.get(&key).expect(name).value(), value);
    }
    let listed = space.client.get_with(None, space.dir(), &TREE).expect("the directory").node.expect("a node");
    let listed: BTreeMap<_, _> = listed.children.into_iter().map(|child| (child.key, child.value)).collect();
    let expected = AWKWARD.iter().enumerate().map(|(number, name)| (space.key(name), number.to_string()));
    assert_eq!(listed, expected.collect());
    for name in AWKWARD {
        space.client.delete(&space.key(name)).unwrap_or_else(|failure| panic!("{name:?}: {failure:?}"));
    }
    assert_eq!(space.stored(space.dir()).children, []);
}

#[test]
fn every_character_of_ascii_can_stand_in_a_key() {
    let space = Space::new();
    for byte in (1..128_u8).filter(|byte| *byte != b'/') {
        let name = format!("k{}k", char::from(byte));
        let key = space.key(&name);
        let created = space.client.create(&key, &name).unwrap_or_else(|failure| panic!("{name:?}: {failure:?}"));
        assert_eq!(created.node.expect("a node").key, key);
        assert_eq!(space.oracle.value(&key), Some(name));
    }
    assert_eq!(space.stored(space.dir()).children.len(), 126);
}

#[test]
fn awkward_names_work_as_directories_too() {
    let space = Space::new();
    for name in AWKWARD {
        let created = space.client.create_in_order(&space.key(name), name, None).expect(name);
        let key = created.node.expect("a node").key;
        assert!(key.starts_with(&space.key(&format!("{name}/"))), "{key:?}");
        assert_eq!(space.oracle.value(&key).as_deref(), Some(*name));
    }
}

#[test]
fn dots_and_slashes_are_resolved_inside_the_key() {
    let space = Space::new();
    let forms = ["a/b/c", "/a/b/c", "//a///b//c", "a/./b/./c", "a/x/../b/c", "x/y/../../a/b/c", "a/b/c/", "./a/b/c/."];
    for (number, form) in forms.iter().enumerate() {
        let value = number.to_string();
        let set = space.client.set(&format!("{}/{form}", space.dir()), &value).expect(form);
        assert_eq!(set.node.expect("a node").key, space.key("a/b/c"));
        assert_eq!(space.oracle.value(&space.key("a/b/c")), Some(value));
    }
    let without_slash = space.dir().trim_start_matches('/');
    assert_eq!(space.client.get(&format!("{without_slash}/a/b/c")).expect("without the slash").value(), "7");
}

#[test]
fn no_key_leaves_the_keys_and_nothing_is_sent_for_one_that_tries() {
    let space = Space::new();
    let before = space.oracle.get("/v2/members").body;
    for key in ["..", "../members", "/../members", "a/../../members", "../../version", "x/../../keys"] {
        let failures = [
            space.client.get(key).expect_err(key),
            space.client.set(key, "x").expect_err(key),
            space.client.create_in_order(key, "x", None).expect_err(key),
            space.client.delete(key).expect_err(key),
        ];
        for failure in failures {
            assert_eq!((failure.status, failure.outcome), (ETCD_ERR_INVALID_ARGUMENT, ETCD_NOT_APPLIED), "{failure:?}");
        }
    }
    assert_eq!(space.oracle.get("/v2/members").body, before);
    // Percent-encoded dots are a name like any other.
    space.client.set(&space.key("%2e%2e"), "one").expect("a name");
    assert_eq!(space.oracle.value(&space.key("%2e%2e")).as_deref(), Some("one"));
}

#[test]
fn a_key_with_a_nul_is_listed_with_its_whole_length() {
    let space = Space::new();
    let key = space.key("a\0b");
    space.oracle.set(&key, "one");
    let children = space.client.get(space.dir()).expect("the directory").node.expect("a node").children;
    assert_eq!((children.len(), children[0].key.as_str(), children[0].value.as_str()), (1, key.as_str(), "one"));
}

/// The longest key whose `PUT TARGET HTTP/1.1` fits into the 4096 bytes that a plain etcd looks at.
fn longest_name(space: &Space) -> String {
    "k".repeat(4096 - "PUT  HTTP/1.1\r\n".len() - format!("/v2/keys{}", space.key("")).len())
}

#[test]
fn a_key_as_long_as_etcd_takes_it_works_on_a_fresh_connection() {
    let space = Space::new();
    let name = longest_name(&space);
    let set = space.client.set(&space.key(&name), "one").expect("set");
    assert_eq!(set.node.expect("a node").key, space.key(&name));
    let listed = space.stored(space.dir()).children;
    assert_eq!((listed.len(), &listed[0].key), (1, &space.key(&name)));
}

#[test]
fn a_longer_key_fails_on_a_fresh_connection_with_the_reason_and_works_on_a_used_one() {
    if skips_over_tls("the limit of 4096 bytes is one of plain connections") {
        return;
    }
    let space = Space::new();
    let key = space.key(&format!("{}x", longest_name(&space)));
    let failure = Client::of(&server().endpoint()).set(&key, "one").expect_err("etcd resets the connection");
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_IO]), "{failure:?}");
    assert!(failure.message.contains("4096 bytes"), "{}", failure.message);
    let one_shot = Client::of(&server().endpoint()).create(&key, "one").expect_err("etcd resets the connection");
    assert_eq!((one_shot.status, one_shot.outcome), (ETCD_ERR_IO, ETCD_MAYBE_APPLIED), "{one_shot:?}");
    space.client.set(&space.key("short"), "").expect("set");
    space.client.create(&key, "two").expect("on a connection that etcd knows");
    let listed = space.stored(space.dir()).children;
    assert!(listed.iter().any(|child| child.key == key && child.value == "two"), "{listed:?}");
}

#[test]
fn a_key_that_no_request_could_carry_is_refused() {
    let space = Space::new();
    let failure = space.client.set(&"k".repeat(60_001), "").expect_err("too long");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_INVALID_ARGUMENT, ETCD_NOT_APPLIED));
    assert!(failure.message.starts_with("key: "), "{}", failure.message);
    assert!(failure.message.len() < 1000, "the message does not repeat the key");
}

#[test]
fn another_prefix_and_a_path_of_the_endpoint_lead_elsewhere() {
    let space = Space::new();
    let config = || etcd_test_harness::Config::new(&[server().endpoint()]);
    let inside = config().keys_prefix(&format!("/v2/keys{}", space.dir())).build();
    let set = inside.set("/a", "one").expect("set");
    assert_eq!(set.node.expect("a node").key, space.key("a"));
    assert_eq!(space.oracle.value(&space.key("a")).as_deref(), Some("one"));
    assert_eq!(inside.get("../a").expect_err("no way out").status, ETCD_ERR_INVALID_ARGUMENT);
    let nowhere = config().keys_prefix("/no/such/api").build().get("/a").expect_err("no such path");
    assert_eq!(nowhere.http_status, 404, "{nowhere:?}");
}
