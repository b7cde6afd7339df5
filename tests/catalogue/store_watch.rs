//! The watches of `etcdserver/api/v2store/*_test.go` on a real etcd, and its history of events.
//!
//! That something is not seen is told by what is seen next: a sentinel that is written behind it.

use etcd_test_harness::capi::options::ETCD_PREV_EXIST;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Delete, Response, Set, Watcher};

use crate::space::{Space, node, prev_node};
use crate::watching::next;

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

impl Space {
    fn put(&self, name: &str, value: &str, options: Set<'_>) -> u64 {
        self.client.set_with(None, &self.key(name), value, &options).expect("written").index
    }

    fn make(&self, name: &str, value: &str) -> u64 {
        self.client.create(&self.key(name), value).expect("created").index
    }

    fn change(&self, name: &str, value: &str) -> u64 {
        self.client.update(&self.key(name), value).expect("updated").index
    }

    fn remove(&self, name: &str) -> u64 {
        self.client.delete(&self.key(name)).expect("deleted").index
    }
}

/// Action, key and index of an event; the index of a response out of the history is the store's.
fn told(event: &Response) -> (&str, String, u64) {
    (event.action.as_str(), node(event).key.clone(), node(event).modified_index)
}

/// What a watch from now on sees of one change.
fn sees(
    action: &str,
    watched: &str,
    recursive: bool,
    changed: &str,
    before: Option<&str>,
    write: impl Fn(&Space) -> u64,
) {
    let space = Space::alone();
    let started = before.map_or_else(|| space.index(), |value| space.make(changed, value));
    let (event, written) = space.first_event(watched, recursive, || write(&space));
    assert_eq!(written, started + 1);
    assert_eq!(told(&event), (action, space.key(changed), written));
}

#[test]
fn store_watch_create() {
    sees("create", "foo", false, "foo", None, |space| space.make("foo", "bar"));
}

#[test]
fn store_watch_recursive_create() {
    sees("create", "foo", true, "foo/bar", None, |space| space.make("foo/bar", "baz"));
}

#[test]
fn store_watch_update() {
    sees("update", "foo", false, "foo", Some("bar"), |space| space.change("foo", "baz"));
}

#[test]
fn store_watch_recursive_update() {
    sees("update", "foo", true, "foo/bar", Some("baz"), |space| space.change("foo/bar", "baz"));
}

#[test]
fn store_watch_delete() {
    sees("delete", "foo", false, "foo", Some("bar"), |space| space.remove("foo"));
}

#[test]
fn store_watch_recursive_delete() {
    sees("delete", "foo", true, "foo/bar", Some("baz"), |space| space.remove("foo/bar"));
}

#[test]
fn store_watch_compare_and_swap() {
    let swap = Set { prev_value: Some("bar"), ..NONE };
    sees("compareAndSwap", "foo", false, "foo", Some("bar"), |space| space.put("foo", "baz", swap));
}

#[test]
fn store_watch_recursive_compare_and_swap() {
    let swap = Set { prev_value: Some("baz"), ..NONE };
    sees("compareAndSwap", "foo", true, "foo/bar", Some("baz"), |space| space.put("foo/bar", "bat", swap));
}

#[test]
fn store_watch_stream() {
    let space = Space::alone();
    let watcher = space.watch_after(space.index(), "foo", false);
    let created = space.make("foo", "bar");
    let event = next(&watcher);
    assert_eq!((told(&event), event.value()), (("create", space.key("foo"), created), "bar"));
    let updated = space.change("foo", "baz");
    let event = next(&watcher);
    assert_eq!((told(&event), event.value()), (("update", space.key("foo"), updated), "baz"));
    assert_eq!(watcher.next_within(100).expect_err("nothing more").status, ETCD_ERR_DEADLINE_EXCEEDED);
}

#[test]
fn store_watch_create_with_hidden_key() {
    sees("create", "_foo", false, "_foo", None, |space| space.make("_foo", "bar"));
}

#[test]
fn store_watch_update_with_hidden_key() {
    sees("update", "_foo", false, "_foo", Some("bar"), |space| space.change("_foo", "baz"));
}

#[test]
fn store_watch_delete_with_hidden_key() {
    sees("delete", "_foo", false, "_foo", Some("bar"), |space| space.remove("_foo"));
}

#[test]
fn store_watch_recursive_create_deeper_than_hidden_key() {
    sees("create", "_foo/bar", true, "_foo/bar/baz", None, |space| space.make("_foo/bar/baz", "baz"));
}

/// A recursive watch that does not see what is done to hidden keys, neither live nor in the history.
fn does_not_see(before: impl Fn(&Space) -> u64, write: impl Fn(&Space) -> u64) {
    let space = Space::alone();
    before(&space);
    let started = space.index();
    let (event, sentinel) = space.first_event("foo", true, || {
        write(&space);
        space.put("foo/sentinel", "", NONE)
    });
    assert_eq!(told(&event), ("set", space.key("foo/sentinel"), sentinel));
    // Differs from Go: etcd's history would have given them.
    let event = next(&space.watch_after(started, "foo", true));
    assert_eq!(told(&event), ("set", space.key("foo/sentinel"), sentinel));
}

#[test]
fn store_watch_recursive_create_with_hidden_key() {
    let write = |space: &Space| {
        space.make("foo/_bar", "baz");
        space.put("foo/_baz", "", Set { dir: true, ..NONE });
        space.make("foo/_baz/quux", "quux")
    };
    does_not_see(Space::index, write);
}

#[test]
fn store_watch_recursive_update_with_hidden_key() {
    let before = |space: &Space| space.make("foo/_bar", "baz");
    does_not_see(before, |space| space.change("foo/_bar", "baz"));
}

#[test]
fn store_watch_recursive_delete_with_hidden_key() {
    let before = |space: &Space| space.make("foo/_bar", "baz");
    does_not_see(before, |space| space.remove("foo/_bar"));
}

#[test]
fn store_watch_slow_consumer() {
    // A stream that falls a hundred events behind is closed by the server; the reader sees every one all the same.
    let space = Space::alone();
    let (_, first) = space.first_event("foo", true, || space.put("foo", "0", NONE));
    let watcher = space.watch_after(first, "foo", true);
    for value in 1..=300 {
        space.put("foo", &value.to_string(), NONE);
    }
    let seen: Vec<_> = (1..=300).map(|_| next(&watcher).value().to_owned()).collect();
    let written: Vec<_> = (1..=300).map(|value| value.to_string()).collect();
    assert_eq!(seen, written);
}

fn ttl(ms: i64) -> Set<'static> {
    Set { ttl_ms: Some(ms), ..NONE }
}

/// Action and key of the next event, and the value that was there before.
fn next_told(watcher: &Watcher) -> (String, String, String) {
    let event = next(watcher);
    (event.action.clone(), node(&event).key.clone(), prev_node(&event).value.clone())
}

fn expired(space: &Space, name: &str, before: &str) -> (String, String, String) {
    ("expire".into(), space.key(name), before.into())
}

#[test]
fn store_watch_expire() {
    let space = Space::shared();
    space.put("foo", "bar", ttl(1000));
    space.put("foofoo", "barbarbar", ttl(1000));
    let last = space.put("foodir", "", Set { dir: true, ..ttl(1000) });
    let watcher = space.watch_after(last, "", true);
    assert_eq!(next_told(&watcher), expired(&space, "foo", "bar"));
    assert_eq!(next_told(&watcher), expired(&space, "foofoo", "barbarbar"));
    let event = next(&watcher);
    assert_eq!((event.action.as_str(), &node(&event).key), ("expire", &space.key("foodir")));
    assert!(node(&event).is_dir);
}

#[test]
fn store_watch_expire_refresh() {
    let space = Space::shared();
    space.put("foo", "bar", ttl(1000));
    let last = space.put("foofoo", "barbarbar", ttl(60_000));
    let watcher = space.watch_after(last, "", true);
    assert_eq!(next_told(&watcher), expired(&space, "foo", "bar"));
    // A refresh is no event.
    let refreshed = space.put("foofoo", "", Set { refresh: true, prev_exist: ETCD_PREV_EXIST, ..ttl(1000) });
    for watcher in [watcher, space.watch_after(refreshed - 1, "", true)] {
        assert_eq!(next_told(&watcher), expired(&space, "foofoo", "barbarbar"));
    }
}

#[test]
fn store_watch_expire_empty_refresh() {
    let space = Space::shared();
    let created = space.put("foo", "bar", ttl(60_000));
    space.put("foo", "", Set { refresh: true, prev_exist: ETCD_PREV_EXIST, ..ttl(1000) });
    // The refresh is skipped, and the value was kept by it.
    let watcher = space.watch_after(created, "", true);
    assert_eq!(next_told(&watcher), expired(&space, "foo", "bar"));
}

#[test]
fn store_watch_no_refresh() {
    let space = Space::shared();
    let created = space.put("foo", "bar", ttl(60_000));
    space.put("foo", "", Set { prev_exist: ETCD_PREV_EXIST, ..ttl(60_000) });
    let watcher = space.watch_after(created, "", true);
    assert_eq!(next_told(&watcher), ("update".into(), space.key("foo"), "bar".into()));
}

#[test]
fn store_watch_expire_with_hidden_key() {
    let space = Space::shared();
    space.put("_foo", "bar", ttl(1000));
    let last = space.put("foofoo", "barbarbar", ttl(2000));
    let watcher = space.watch_after(last, "", true);
    assert_eq!(next_told(&watcher), expired(&space, "foofoo", "barbarbar"));
    assert_eq!(space.oracle.value(&space.key("_foo")), None, "the hidden one had gone before");
}

#[test]
fn is_hidden() {
    let cases = [("", "_foo", true), ("_foo", "_foo", false), ("_foo", "_foo/foo", false), ("_foo", "_foo/_foo", true)];
    for (watched, changed, is_hidden) in cases {
        let space = Space::alone();
        let started = space.index();
        let watcher = space.watch_after(started, watched, true);
        space.put(changed, "", NONE);
        if is_hidden {
            space.put(&format!("{watched}/sentinel"), "", NONE);
        }
        let hidden_by = if is_hidden { started + 2 } else { started + 1 };
        assert_eq!(told(&next(&watcher)).2, hidden_by, "{changed} for a watch of '{watched}'");
        space.oracle.delete(space.dir());
    }
    // A watch below is told of the end of what is above it, hidden or not.
    let space = Space::alone();
    let created = space.make("_foo/foo", "");
    let watcher = space.watch_after(created, "_foo/foo", true);
    let all = Delete { recursive: true, ..Delete::default() };
    space.client.delete_with(None, &space.key("_foo"), &all).expect("deleted");
    assert_eq!(told(&next(&watcher)), ("delete", space.key("_foo"), created + 1));
}

#[test]
fn watcher() {
    let space = Space::alone();
    let started = space.index();
    let [recursive, exact, prefix] =
        [("foo", true), ("foo", false), ("fo", true)].map(|(name, deep)| space.watch_after(started, name, deep));
    let below = space.put("foo/bar", "", NONE);
    // The event that was sent is the one that comes.
    assert_eq!(told(&next(&recursive)), ("set", space.key("foo/bar"), below));
    space.oracle.delete(&space.key("foo"));
    let itself = space.put("foo", "", NONE);
    // What was below is nothing to a watch that is not recursive; the end of the directory is.
    assert_eq!((next(&exact).action.as_str(), told(&next(&exact)).2), ("delete", itself));
    // "foo" begins with "fo", and is another key.
    let other = space.put("fo/bar", "", NONE);
    assert_eq!(told(&next(&prefix)), ("set", space.key("fo/bar"), other));
}

/// So many events are in the history of the whole store.
const HISTORY: u64 = 1000;

/// Writes until the history holds nothing but what is written here, and so many events more.
fn overwrite_history(space: &Space, more: u64) -> u64 {
    let first = space.put("foo", "", NONE);
    for value in 1..HISTORY + more {
        space.put("foo", &value.to_string(), NONE);
    }
    first
}

fn cleared(space: &Space, after_index: u64) {
    let failure = space.watch_after(after_index, "foo", false).next_within(20_000).expect_err("forgotten");
    let told = (failure.status, failure.http_status, failure.api_code, failure.api_index);
    assert_eq!(told, (ETCD_ERR_API, 400, ETCD_API_EVENT_INDEX_CLEARED, space.index()));
}

#[test]
fn event_queue() {
    // The oldest events make room for the newest ones.
    let space = Space::alone();
    let first = overwrite_history(&space, 100);
    cleared(&space, first - 1);
    cleared(&space, first + 98);
    let watcher = space.watch_after(first + 99, "foo", false);
    for index in first + 100..first + 110 {
        assert_eq!(told(&next(&watcher)), ("set", space.key("foo"), index));
    }
}

#[test]
fn event_index_history_cleared() {
    let space = Space::alone();
    let first = overwrite_history(&space, 1);
    cleared(&space, first - 1);
    let oldest = next(&space.watch_after(first, "foo", false));
    assert_eq!(told(&oldest).2, first + 1, "the next one is still there");
}

#[test]
fn full_event_queue() {
    // However often the history has gone round, the last event is in it.
    let space = Space::alone();
    let last = overwrite_history(&space, 0) + HISTORY - 1;
    for number in 1..=20 {
        space.put("foo", "", NONE);
        let event = next(&space.watch_after(last + number - 1, "foo", true));
        assert_eq!(told(&event).2, last + number);
    }
}

#[test]
fn scan_history() {
    let space = Space::alone();
    let started = space.index();
    let dir = Set { dir: true, ..NONE };
    for name in ["foo", "foo/bar", "foo/foo"] {
        space.put(name, "", dir);
    }
    space.make("foo/bar/bar", "");
    space.make("foo/foo/foo", "");
    let all = Delete { recursive: true, ..Delete::default() };
    space.client.delete_with(None, &space.key("foo"), &all).expect("deleted");
    for (name, recursive, from, found) in [
        ("foo", false, 1, 1),
        ("foo/bar", false, 1, 2),
        ("foo/bar", true, 3, 4),
        // The end of a directory is the end of what was in it.
        ("foo/foo/foo", false, 6, 6),
    ] {
        let event = next(&space.watch_after(started + from - 1, name, recursive));
        assert_eq!(told(&event).2, started + found, "{name} from {from}");
    }
    // Behind the last event there is none.
    let watcher = space.watch_after(started + 6, "foo/bar", true);
    assert_eq!(watcher.next_within(200).expect_err("nothing").status, ETCD_ERR_DEADLINE_EXCEEDED);
    let made = space.make("foo/bar/new", "");
    assert_eq!(told(&next(&watcher)).2, made);
}
