//! `etcdserver/api/v2store/store_test.go` and `store_ttl_test.go` without their watches: what the store does, index by
//! index, on a real etcd that only one test uses at a time.

use etcd_test_harness::capi::options::{ETCD_PREV_EXIST, ETCD_PREV_NO_EXIST};
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Delete, Failure, Get, Node, Response, Set};
use etcd_test_support::{EtcdServer, wait_until};

use crate::scripted::Answer;
use crate::space::{Space, node, prev_node, refusal};

const NONE: Set<'_> = Set {
    prev_value: None,
    prev_index: 0,
    prev_exist: 0,
    ttl_ms: None,
    refresh: false,
    dir: false,
    no_value_on_success: false,
    resend: None,
};
const DIR: Set<'_> = Set { dir: true, ..NONE };
const NEW_DIR: Set<'_> = Set { prev_exist: ETCD_PREV_NO_EXIST, ..DIR };

impl Space {
    fn set_as(&self, name: &str, value: &str, options: Set<'_>) -> Answer {
        self.client.set_with(None, &self.key(name), value, &options)
    }

    fn create(&self, name: &str, value: &str) -> u64 {
        node(&self.client.create(&self.key(name), value).expect("created")).modified_index
    }

    fn create_dir(&self, name: &str) {
        self.set_as(name, "", NEW_DIR).expect("a new directory");
    }

    /// The key's value and the store's index.
    fn value_and_index(&self, name: &str) -> (String, u64) {
        let response = self.client.get(&self.key(name)).expect("got");
        (node(&response).value.clone(), response.index)
    }
}

/// A file that is permanent, written for the first time at that index.
fn file(key: String, value: &str, index: u64) -> Node {
    Node { key, value: value.into(), created_index: index, modified_index: index, ..Node::default() }
}

/// The answer's action, the store's index, and the node.
fn told(response: &Response) -> (&str, u64, &Node) {
    (response.action.as_str(), response.index, node(response))
}

fn message(failure: &Failure) -> &str {
    failure.api_message.as_deref().unwrap_or_default()
}

#[test]
fn store_get_value() {
    let space = Space::alone();
    let index = space.create("foo", "bar");
    let got = space.client.get(&space.key("foo")).expect("got");
    assert_eq!(told(&got), ("get", index, &file(space.key("foo"), "bar", index)));
}

#[test]
fn store_get_sorted() {
    let space = Space::alone();
    space.create_dir("foo");
    space.create("foo/x", "0");
    space.create("foo/z", "0");
    space.create_dir("foo/y");
    space.create("foo/y/a", "0");
    let last = space.create("foo/y/b", "0");
    let sorted = Get { recursive: true, sort: true, ..Get::default() };
    let got = space.client.get_with(None, &space.key("foo"), &sorted).expect("got");
    assert_eq!(got.index, last);
    let names = ["foo", "foo/x", "foo/y", "foo/y/a", "foo/y/b", "foo/z"].map(|name| space.key(name));
    assert_eq!(node(&got).keys(), names);
}

#[test]
fn set() {
    let space = Space::alone();
    let index = space.index();
    let mut before = None;
    for (number, value) in [(1, ""), (2, "bar"), (3, "baz")] {
        let set = space.client.set(&space.key("foo"), value).expect("set");
        let now = file(space.key("foo"), value, index + number);
        assert_eq!((told(&set), set.prev_node.as_ref()), (("set", index + number, &now), before.as_ref()));
        before = Some(now);
    }
    let deep = space.client.set(&space.key("a/b/c/d"), "efg").expect("set");
    assert_eq!(told(&deep), ("set", index + 4, &file(space.key("a/b/c/d"), "efg", index + 4)));
    let dir = space.set_as("dir", "", DIR).expect("a directory");
    let made = Node { is_dir: true, ..file(space.key("dir"), "", index + 5) };
    assert_eq!(told(&dir), ("set", index + 5, &made));
}

#[test]
fn store_create_value() {
    let space = Space::alone();
    let index = space.index();
    for (number, name, value) in [(1, "foo", "bar"), (2, "empty", "")] {
        let created = space.client.create(&space.key(name), value).expect("created");
        assert_eq!(told(&created), ("create", index + number, &file(space.key(name), value, index + number)));
        assert_eq!(created.prev_node, None);
    }
}

#[test]
fn store_create_directory() {
    let space = Space::alone();
    let index = space.index();
    let created = space.set_as("foo", "", NEW_DIR).expect("created");
    let made = Node { is_dir: true, ..file(space.key("foo"), "", index + 1) };
    assert_eq!(told(&created), ("create", index + 1, &made));
}

#[test]
fn store_create_fails_if_exists() {
    let space = Space::alone();
    let index = space.index();
    space.create_dir("foo");
    let failure = refusal(space.set_as("foo", "", NEW_DIR), ETCD_API_NODE_EXIST);
    assert_eq!((message(&failure), failure.api_index), ("Key already exists", index + 1));
    assert_eq!(failure.api_cause, Some(space.key("foo")));
}

#[test]
fn store_update_value() {
    let space = Space::alone();
    let created = space.create("foo", "bar");
    let mut before = file(space.key("foo"), "bar", created);
    for (number, value) in [(1, "baz"), (2, "")] {
        let updated = space.client.update(&space.key("foo"), value).expect("updated");
        let now = Node { value: value.into(), modified_index: created + number, ..before.clone() };
        assert_eq!((told(&updated), prev_node(&updated)), (("update", created + number, &now), &before));
        assert_eq!(space.value_and_index("foo"), (value.to_owned(), created + number));
        before = now;
    }
}

#[test]
fn store_update_fails_if_directory() {
    let space = Space::alone();
    space.create_dir("foo");
    let failure = refusal(space.client.update(&space.key("foo"), "baz"), ETCD_API_NOT_FILE);
    assert_eq!((message(&failure), failure.api_cause.clone()), ("Not a file", Some(space.key("foo"))));
}

#[test]
fn store_delete_value() {
    let space = Space::alone();
    let created = space.create("foo", "bar");
    let deleted = space.client.delete(&space.key("foo")).expect("deleted");
    assert_eq!((deleted.action.as_str(), deleted.index), ("delete", created + 1));
    assert_eq!(deleted.prev_node, Some(file(space.key("foo"), "bar", created)));
}

#[test]
fn store_delete_directory() {
    let space = Space::alone();
    let index = space.index();
    let (dir, recursive) = (Delete { dir: true, ..Delete::default() }, Delete { recursive: true, ..Delete::default() });
    let delete = |options: &Delete<'_>| space.client.delete_with(None, &space.key("foo"), options);
    // An empty one goes with the word for directories.
    space.create_dir("foo");
    let deleted = delete(&dir).expect("deleted");
    assert_eq!((deleted.action.as_str(), deleted.index), ("delete", index + 2));
    assert_eq!((&prev_node(&deleted).key, prev_node(&deleted).is_dir), (&space.key("foo"), true));
    // One that is not empty goes only with everything below, and that needs no other word.
    space.create_dir("foo/bar");
    refusal(delete(&dir), ETCD_API_DIR_NOT_EMPTY);
    assert_eq!(delete(&recursive).expect("deleted").action, "delete");
    refusal(space.client.get(&space.key("foo/bar")), ETCD_API_KEY_NOT_FOUND);
}

#[test]
fn store_delete_directory_fails_if_non_recursive_and_dir() {
    let space = Space::alone();
    space.create_dir("foo");
    assert_eq!(message(&refusal(space.client.delete(&space.key("foo")), ETCD_API_NOT_FILE)), "Not a file");
}

#[test]
fn root_rd_only() {
    let space = Space::alone();
    let index = space.index();
    let all = Delete { dir: true, recursive: true, ..Delete::default() };
    let write = |options: Set<'_>| space.client.set_with(None, "/", "", &options);
    refusal(write(DIR), ETCD_API_ROOT_READ_ONLY);
    refusal(space.client.delete_with(None, "/", &all), ETCD_API_ROOT_READ_ONLY);
    refusal(write(NEW_DIR), ETCD_API_ROOT_READ_ONLY);
    refusal(write(Set { prev_exist: ETCD_PREV_EXIST, ..NONE }), ETCD_API_ROOT_READ_ONLY);
    refusal(write(Set { prev_index: index, ..NONE }), ETCD_API_ROOT_READ_ONLY);
    assert_eq!(space.index(), index);
}

fn compare_and_delete(space: &Space, options: Delete<'_>) -> Answer {
    space.client.delete_with(None, &space.key("foo"), &options)
}

/// A comparison that holds: the key goes, and the answer has what it was.
fn deletes(options: impl Fn(u64) -> Delete<'static>) {
    let space = Space::alone();
    let created = space.create("foo", "bar");
    let deleted = compare_and_delete(&space, options(created)).expect("deleted");
    assert_eq!((deleted.action.as_str(), deleted.index), ("compareAndDelete", created + 1));
    assert_eq!(node(&deleted).key, space.key("foo"));
    assert_eq!(deleted.prev_node, Some(file(space.key("foo"), "bar", created)));
    assert_eq!(space.oracle.value(&space.key("foo")), None);
}

/// A comparison that fails: nothing has changed, the index neither.
fn does_not_delete(options: Delete<'_>) {
    let space = Space::alone();
    let created = space.create("foo", "bar");
    let failure = refusal(compare_and_delete(&space, options), ETCD_API_COMPARE_FAILED);
    assert_eq!(message(&failure), "Compare failed");
    assert_eq!(space.value_and_index("foo"), ("bar".into(), created));
}

#[test]
fn store_compare_and_delete_prev_value() {
    deletes(|_| Delete { prev_value: Some("bar"), ..Delete::default() });
}

#[test]
fn store_compare_and_delete_prev_value_fails_if_not_match() {
    does_not_delete(Delete { prev_value: Some("baz"), ..Delete::default() });
}

#[test]
fn store_compare_and_delete_prev_index() {
    deletes(|created| Delete { prev_index: created, ..Delete::default() });
}

#[test]
fn store_compare_and_delete_prev_index_fails_if_not_match() {
    does_not_delete(Delete { prev_index: 1, ..Delete::default() });
}

#[test]
fn store_compare_and_delete_directory_fail() {
    let space = Space::alone();
    space.create_dir("foo");
    let index = space.index();
    refusal(compare_and_delete(&space, Delete { prev_index: index, ..Delete::default() }), ETCD_API_NOT_FILE);
}

/// A comparison that holds: the value is another, and the answer has what it was.
fn swaps(options: impl Fn(u64) -> Set<'static>) {
    let space = Space::alone();
    let created = space.create("foo", "bar");
    let before = file(space.key("foo"), "bar", created);
    let swapped = space.set_as("foo", "baz", options(created)).expect("swapped");
    let now = Node { value: "baz".into(), modified_index: created + 1, ..before.clone() };
    assert_eq!((told(&swapped), prev_node(&swapped)), (("compareAndSwap", created + 1, &now), &before));
    assert_eq!(space.value_and_index("foo"), ("baz".into(), created + 1));
}

/// A comparison that fails: nothing has changed, the index neither.
fn does_not_swap(options: Set<'_>) {
    let space = Space::alone();
    let created = space.create("foo", "bar");
    assert_eq!(message(&refusal(space.set_as("foo", "baz", options), ETCD_API_COMPARE_FAILED)), "Compare failed");
    assert_eq!(space.value_and_index("foo"), ("bar".into(), created));
}

#[test]
fn store_compare_and_swap_prev_value() {
    swaps(|_| Set { prev_value: Some("bar"), ..NONE });
}

#[test]
fn store_compare_and_swap_prev_value_fails_if_not_match() {
    does_not_swap(Set { prev_value: Some("wrong_value"), ..NONE });
}

#[test]
fn store_compare_and_swap_prev_index() {
    swaps(|created| Set { prev_index: created, ..NONE });
}

#[test]
fn store_compare_and_swap_prev_index_fails_if_not_match() {
    does_not_swap(Set { prev_index: 1, ..NONE });
}

fn expiring(ms: i64) -> Set<'static> {
    Set { ttl_ms: Some(ms), ..NONE }
}

fn wait_for_the_end_of(space: &Space, name: &str) {
    let path = format!("/v2/keys{}", space.key(name));
    wait_until("the node expires", || space.oracle.get(&path).status == 404);
}

#[test]
fn min_expire_time() {
    // To the store, an end before the year 2000 is none: a TTL that overflows its clock made a key that stays. Differs
    // from Go, which sends such a TTL: it is refused before anything is sent.
    use etcd_test_harness::capi::options::*;
    let options = etcd_set_options_new();
    // SAFETY: the options are made here and freed at the end.
    unsafe {
        assert_eq!(etcd_set_options_set_ttl_ms(options, i64::MAX), ETCD_ERR_INVALID_ARGUMENT);
        etcd_set_options_free(options);
    }
    let space = Space::shared();
    let query = format!("ttl={}", i64::MAX / 1_000_000_000 + 1);
    let set = space.client_with(&query).set(&space.key("foo"), "Y").expect("the server takes it");
    assert_eq!((node(&set).ttl, node(&set).expiration), (0, None), "it is permanent");
}

#[test]
fn store_get_directory() {
    let space = Space::shared();
    space.create_dir("foo");
    space.create("foo/bar", "X");
    space.create("foo/_hidden", "*");
    space.create_dir("foo/baz");
    space.create("foo/baz/bat", "Y");
    space.create("foo/baz/_hidden", "*");
    space.set_as("foo/baz/ttl", "Y", Set { prev_exist: ETCD_PREV_NO_EXIST, ..expiring(300_000) }).expect("created");
    let recursive = Get { recursive: true, ..Get::default() };
    let got = space.client.get_with(None, &space.key("foo"), &recursive).expect("got");
    let foo = node(&got);
    assert_eq!((got.action.as_str(), &foo.key, foo.children.len()), ("get", &space.key("foo"), 2));
    let child = |of: &Node, name: &str| {
        let found = of.children.iter().find(|child| child.key == space.key(name));
        found.unwrap_or_else(|| panic!("{name} is listed")).clone()
    };
    assert_eq!((child(foo, "foo/bar").value.as_str(), child(foo, "foo/bar").is_dir), ("X", false));
    let baz = child(foo, "foo/baz");
    assert_eq!((baz.is_dir, baz.children.len()), (true, 2));
    assert_eq!((child(&baz, "foo/baz/bat").value.as_str(), child(&baz, "foo/baz/bat").ttl), ("Y", 0));
    let ttl = child(&baz, "foo/baz/ttl");
    assert_eq!((ttl.value.as_str(), ttl.is_dir), ("Y", false));
    assert!((1..=300).contains(&ttl.ttl), "{}", ttl.ttl);
}

#[test]
fn store_update_value_ttl() {
    let space = Space::shared();
    space.create("foo", "bar");
    // Differs from Go: 500 ms are one second, never "at once".
    let update = Set { prev_exist: ETCD_PREV_EXIST, ..expiring(500) };
    assert_eq!(node(&space.set_as("foo", "baz", update).expect("updated")).ttl, 1);
    assert_eq!(space.value_and_index("foo").0, "baz");
    wait_for_the_end_of(&space, "foo");
    refusal(space.client.get(&space.key("foo")), ETCD_API_KEY_NOT_FOUND);
}

#[test]
fn store_update_dir_ttl() {
    let space = Space::shared();
    space.create_dir("foo");
    space.create("foo/bar", "baz");
    let update = Set { prev_exist: ETCD_PREV_EXIST, dir: true, ..expiring(1000) };
    assert!(node(&space.set_as("foo", "", update).expect("updated")).is_dir);
    assert_eq!(space.value_and_index("foo/bar").0, "baz");
    wait_for_the_end_of(&space, "foo");
    refusal(space.client.get(&space.key("foo/bar")), ETCD_API_KEY_NOT_FOUND);
}

#[test]
fn store_refresh() {
    let space = Space::shared();
    space.set_as("foo", "bar", expiring(60_000)).expect("set");
    space.set_as("bar", "", Set { dir: true, ..expiring(60_000) }).expect("a directory");
    let refresh = Set { refresh: true, ..expiring(90_000) };
    let cases = [
        ("by update", "foo", Set { prev_exist: ETCD_PREV_EXIST, ..refresh }),
        ("by set", "foo", refresh),
        ("of a directory", "bar", Set { prev_exist: ETCD_PREV_EXIST, ..refresh }),
        ("by comparison", "foo", Set { prev_value: Some("bar"), ..refresh }),
    ];
    for (what, name, options) in cases {
        let refreshed = space.set_as(name, "", options).expect(what);
        assert_eq!(node(&refreshed).ttl, 90, "{what}");
    }
    assert_eq!(space.oracle.value(&space.key("foo")).as_deref(), Some("bar"), "the value stays");
}

#[test]
fn store_recover_with_expiration() {
    let etcd = EtcdServer::start();
    let client = etcd_test_harness::Client::of(&etcd.endpoint());
    client.set_with(None, "/foo", "", &NEW_DIR).expect("a directory");
    client.create("/foo/x", "bar").expect("created");
    let created = client.set_with(None, "/foo/y", "baz", &expiring(1000)).expect("created").index;
    etcd.restart();
    let path = "/v2/keys/foo/y";
    let oracle = etcd_test_support::Oracle::new(etcd.endpoint());
    wait_until("what should expire does so after the restart", || oracle.get(path).status == 404);
    let left = client.get("/foo/x").expect("what should stay is there");
    assert_eq!(node(&left).value, "bar");
    // The expiry is a write too, and so is what a member tells of itself when it starts.
    assert!(left.index > created, "{}", left.index);
    refusal(client.get("/foo/y"), ETCD_API_KEY_NOT_FOUND);
}

#[test]
fn store_recover() {
    let etcd = EtcdServer::start();
    let client = etcd_test_harness::Client::of(&etcd.endpoint());
    client.set_with(None, "/foo", "", &NEW_DIR).expect("a directory");
    let created = client.create("/foo/x", "bar").expect("created").index;
    client.update("/foo/x", "barbar").expect("updated");
    client.create("/foo/y", "baz").expect("created");
    etcd.restart();
    let x = client.get("/foo/x").expect("got");
    assert_eq!((node(&x).created_index, node(&x).modified_index), (created, created + 1));
    assert_eq!(node(&x).value, "barbar");
    let y = client.get("/foo/y").expect("got");
    assert_eq!((node(&y).value.as_str(), node(&y).created_index), ("baz", created + 2));
    // A member that starts writes down what it is.
    assert!(y.index >= created + 2, "{}", y.index);
}
