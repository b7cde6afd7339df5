//! TTL, expiration and refresh.

use std::time::{SystemTime, UNIX_EPOCH};

use etcd_test_harness::Set;
use etcd_test_harness::capi::options::ETCD_PREV_EXIST;
use etcd_test_harness::capi::status::*;
use etcd_test_support::wait_until;

use crate::space::{Space, refusal};

fn ttl(ms: i64) -> Set<'static> {
    Set { ttl_ms: Some(ms), ..Set::default() }
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    i64::try_from(now).expect("a time")
}

#[test]
fn a_ttl_is_told_in_seconds_and_as_the_time_of_the_end() {
    let space = Space::new();
    let before = now();
    let set = space.client.set_with(None, &space.key("a"), "one", &ttl(60_000)).expect("set");
    let node = set.node.expect("a node");
    assert_eq!(node.ttl, 60);
    let (seconds, nanoseconds) = node.expiration.expect("an expiration");
    assert!((before + 60..=now() + 61).contains(&seconds), "{seconds} is a minute from {before}");
    assert!((0..1_000_000_000).contains(&nanoseconds));
    let stored = space.stored(&space.key("a"));
    assert_eq!((stored.value.as_str(), stored.expiration), ("one", node.expiration));
    let got = space.client.get(&space.key("a")).expect("got").node.expect("a node");
    assert_eq!(got.expiration, node.expiration, "to the nanosecond");
}

#[test]
fn milliseconds_are_rounded_up_to_whole_seconds() {
    let space = Space::new();
    for (ms, seconds) in [(1, 1), (999, 1), (1000, 1), (1001, 2), (59_001, 60), (3_600_000, 3600)] {
        let node = space.client.set_with(None, &space.key("a"), "", &ttl(ms)).expect("set").node.expect("a node");
        assert_eq!(node.ttl, seconds, "{ms} ms");
    }
}

#[test]
fn a_key_with_a_ttl_of_a_few_milliseconds_is_there_and_then_expires() {
    let space = Space::new();
    space.client.set_with(None, &space.key("a"), "one", &ttl(5)).expect("set");
    assert_eq!(space.client.get(&space.key("a")).expect("it is there").value(), "one");
    wait_until("the key expires", || space.oracle.value(&space.key("a")).is_none());
    refusal(space.client.get(&space.key("a")), ETCD_API_KEY_NOT_FOUND);
}

#[test]
fn a_ttl_of_a_hundred_years_is_one_of_a_hundred_years() {
    let space = Space::new();
    let years = 3_155_760_000;
    let node = space.client.set_with(None, &space.key("a"), "", &ttl(years * 1000)).expect("set").node.expect("a node");
    assert_eq!(node.ttl, years);
    assert_eq!(space.stored(&space.key("a")).expiration, node.expiration);
}

/// etcd counts in nanoseconds and overflows after the year 2262: the key then stays for ever or ends at once.
#[test]
fn a_ttl_beyond_what_etcd_can_count_is_refused_and_the_longest_one_is_kept() {
    use etcd_test_harness::capi::options::*;
    let longest = 6_307_200_000_000;
    for ms in [longest + 1, 18_446_744_075_000, i64::MAX] {
        let options = etcd_set_options_new();
        // SAFETY: the options are made here and freed at the end.
        unsafe {
            assert_eq!(etcd_set_options_set_ttl_ms(options, ms), ETCD_ERR_INVALID_ARGUMENT, "{ms}");
            etcd_set_options_free(options);
        }
    }
    let space = Space::new();
    let node = space.client.set_with(None, &space.key("a"), "one", &ttl(longest)).expect("set").node.expect("a node");
    let ends = node.expiration.expect("an end").0;
    assert!(ends > now() + 6_000_000_000, "it ends at {ends}, and now is {}", now());
}

#[test]
fn a_set_without_a_ttl_removes_it_and_one_with_a_ttl_replaces_it() {
    let space = Space::new();
    space.client.set_with(None, &space.key("a"), "", &ttl(60_000)).expect("set");
    let replaced = space.client.set_with(None, &space.key("a"), "", &ttl(90_000)).expect("set").node.expect("a node");
    assert_eq!(replaced.ttl, 90);
    let removed = space.client.set(&space.key("a"), "").expect("set").node.expect("a node");
    assert_eq!((removed.ttl, removed.expiration), (0, None));
    assert_eq!(space.stored(&space.key("a")).expiration, None);
}

#[test]
fn an_expiring_directory_takes_everything_below_with_it() {
    let space = Space::new();
    let dir = Set { dir: true, ..ttl(1000) };
    space.client.set_with(None, &space.key("d"), "", &dir).expect("set");
    space.client.set(&space.key("d/sub/a"), "one").expect("below");
    assert_eq!(space.oracle.value(&space.key("d/sub/a")).as_deref(), Some("one"));
    wait_until("the directory expires", || space.answer(&space.key("d")).status == 404);
    refusal(space.client.get(&space.key("d/sub/a")), ETCD_API_KEY_NOT_FOUND);
}

#[test]
fn an_in_order_key_can_expire() {
    let space = Space::new();
    let created = space.client.create_in_order(space.dir(), "one", Some(1500)).expect("created").node.expect("a node");
    assert_eq!((created.ttl, created.value.as_str()), (2, "one"));
    let lasting = space.client.create_in_order(space.dir(), "two", None).expect("created").node.expect("a node");
    wait_until("the key expires", || space.answer(&created.key).status == 404);
    assert_eq!(space.stored(space.dir()).children, [lasting]);
}

#[test]
fn a_refresh_renews_the_ttl_and_keeps_the_value() {
    let space = Space::new();
    let before = space.client.set_with(None, &space.key("a"), "one", &ttl(60_000)).expect("set").node.expect("a node");
    let refresh = Set { refresh: true, prev_exist: ETCD_PREV_EXIST, ..ttl(90_000) };
    let refreshed = space.client.set_with(None, &space.key("a"), "", &refresh).expect("refreshed");
    let node = refreshed.node.as_ref().expect("a node");
    assert_eq!((node.value.as_str(), node.ttl, node.created_index), ("one", 90, before.created_index));
    assert!(node.modified_index > before.modified_index);
    let stored = space.stored(&space.key("a"));
    assert_eq!((stored.value.as_str(), stored.expiration), ("one", node.expiration));
}

#[test]
fn a_refresh_by_a_plain_set_keeps_the_value_too() {
    let space = Space::new();
    space.client.set_with(None, &space.key("a"), "one", &ttl(60_000)).expect("set");
    let refresh = Set { refresh: true, ..ttl(90_000) };
    let node = space.client.set_with(None, &space.key("a"), "", &refresh).expect("refreshed").node.expect("a node");
    assert_eq!((node.value.as_str(), node.ttl, node.created_index), ("one", 90, node.modified_index));
    assert_eq!(space.oracle.value(&space.key("a")).as_deref(), Some("one"));
}

#[test]
fn a_refresh_notifies_no_watcher() {
    let space = Space::new();
    space.client.set_with(None, &space.key("a"), "one", &ttl(60_000)).expect("set");
    let refresh = Set { refresh: true, prev_exist: ETCD_PREV_EXIST, ..ttl(90_000) };
    let refreshed =
        space.client.set_with(None, &space.key("a"), "", &refresh).expect("refreshed").node.expect("a node");
    space.client.set(&space.key("a"), "two").expect("set");
    let watch = format!("{}?wait=true&waitIndex={}", space.key("a"), refreshed.modified_index);
    let event = space.answer(&watch).json();
    assert_eq!((event["action"].as_str(), event["node"]["value"].as_str()), (Some("set"), Some("two")));
}

#[test]
fn a_refresh_needs_a_key_a_ttl_and_no_value() {
    let space = Space::new();
    space.oracle.set(&space.key("a"), "one");
    let refresh = |ttl_ms| Set { refresh: true, ttl_ms, ..Set::default() };
    refusal(space.client.set_with(None, &space.key("a"), "two", &refresh(Some(1000))), ETCD_API_REFRESH_VALUE);
    refusal(space.client.set_with(None, &space.key("a"), "", &refresh(None)), ETCD_API_REFRESH_TTL_REQUIRED);
    refusal(space.client.set_with(None, &space.key("none"), "", &refresh(Some(1000))), ETCD_API_KEY_NOT_FOUND);
    let node = space.stored(&space.key("a"));
    assert_eq!((node.value.as_str(), node.expiration), ("one", None));
}
