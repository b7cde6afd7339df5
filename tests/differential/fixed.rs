//! Operations that are not left to chance, on real servers.

use etcd_test_support::waiting::wait_until;

use crate::admin::Admin;
use crate::answer::{Answer, Class};
use crate::operation::{Operation, PrevExist, SetOptions};
use crate::pair::Pair;

fn get(key: &str) -> Operation {
    Operation::Get { key: key.into(), recursive: true, sort: true, quorum: false }
}

fn set(key: &str, value: &str, options: SetOptions) -> Operation {
    Operation::Set { key: key.into(), value: value.into(), options }
}

fn delete(key: &str, prev_value: Option<String>) -> Operation {
    Operation::Delete { key: key.into(), prev_value, prev_index: 0, recursive: false, dir: false }
}

#[test]
fn each_listed_difference_shows() {
    let Some(mut pair) = Pair::start() else { return };
    let none = SetOptions::default;
    pair.compare(&set("/a", "one\0", none()));
    pair.compare(&set("/a", "two", SetOptions { prev_value: Some("wrong".into()), ..none() }));
    pair.compare(&set("/a", "three", SetOptions { ttl_ms: Some(1_000_001), ..none() }));
    pair.compare(&get("../members"));
    pair.compare(&delete("/a", Some("x".repeat(5000))));
    pair.compare(&set("/dir/_h", "v", none()));
    let last = pair.compare(&set("/dir/b", "v", none()));
    let until = last.response().expect("set").index;
    let (key, recursive, after_index, stream) = ("/dir".into(), true, until - 2, true);
    pair.compare_watches(&Operation::Watch { key, recursive, after_index, until, stream });
    let (user, password) = (|| "ann".to_owned(), || "secret".to_owned());
    for call in [
        Admin::UserAdd { user: user(), password: password() },
        Admin::UserChangePassword { user: user(), password: password() },
        Admin::UserAdd { user: "bob".into(), password: String::new() },
        Admin::RoleAdd { role: "r".into() },
        Admin::UserGrant { user: user(), roles: vec!["r".into()] },
        Admin::UserGrant { user: user(), roles: vec![] },
        Admin::UserGrant { user: user(), roles: vec![String::new()] },
        Admin::UserGet { user: user() },
        Admin::UserRemove { user: "a/b".into() },
        Admin::MembersRemove { id: "1234abcd".into() },
    ] {
        pair.compare(&Operation::Admin(call));
    }
    assert_eq!(pair.counts.unseen(), [], "listed, but no difference any more: name and reason");
}

#[test]
fn a_user_that_exists_keeps_its_password_and_a_missing_one_is_not_made() {
    let Some(mut pair) = Pair::start() else { return };
    let (user, password) = (|| "ann".to_owned(), || "secret".to_owned());
    let [ours, go] = pair.ask_both(&Operation::Admin(Admin::UserChangePassword { user: user(), password: password() }));
    // Go makes the user, and returns an error without a word.
    assert_eq!((ours.class(), go.class()), (Some(Class::Auth), Some(Class::Auth)), "{ours:?} {go:?}");
    let [ours, go] = pair.ask_both(&Operation::Admin(Admin::UserList));
    assert_eq!((ours, go), (Answer::Texts(vec![]), Answer::Texts(vec![user()])));

    let add = Operation::Admin(Admin::UserAdd { user: user(), password: password() });
    pair.ask_both(&add);
    let [ours, go] = pair.ask_both(&add);
    assert_eq!((ours.class(), go.class()), (Some(Class::Auth), None), "{ours:?} {go:?}");
}

#[test]
fn keys_that_expire_do_so_in_both_stores_alike() {
    let Some(mut pair) = Pair::start() else { return };
    let ttl = |prev_exist| SetOptions { ttl_ms: Some(1000), prev_exist, ..SetOptions::default() };
    pair.compare(&set("/short", "v", ttl(PrevExist::NoExist)));
    wait_for_the_end_of("/short", &mut pair);
    pair.compare(&set("/dir", "", SetOptions { dir: true, ..ttl(PrevExist::Ignore) }));
    pair.compare(&Operation::CreateInOrder { key: "/dir".into(), value: "v".into(), ttl_ms: None });
    wait_for_the_end_of("/dir", &mut pair);
    pair.compare(&Operation::CreateInOrder { key: "/queue".into(), value: "v".into(), ttl_ms: Some(1000) });
    wait_until("the queue is empty", || pair.ask_both(&get("/queue")).iter().all(is_childless));
    pair.compare(&get("/queue"));
    pair.compare(&set("/after", "v", SetOptions::default()));
    pair.assert_same_stores("after keys have expired");
}

fn wait_for_the_end_of(key: &str, pair: &mut Pair) {
    let is_gone = |answer: &Answer| answer.class() == Some(Class::Api);
    wait_until("the key has expired in both stores", || pair.ask_both(&get(key)).iter().all(is_gone));
    pair.compare(&get(key));
}

fn is_childless(answer: &Answer) -> bool {
    let node = answer.response().and_then(|response| response.node.as_ref());
    node.is_some_and(|node| node.nodes.is_empty())
}

#[test]
fn a_value_at_etcds_limit_is_taken_and_one_beyond_it_refused() {
    let Some(mut pair) = Pair::start() else { return };
    // Spelled out: ten MiB without "value=".
    let longest = "x".repeat(10 * 1024 * 1024 - "value=".len());
    for (value, class) in [(longest.clone(), None), (longest + "x", Some(Class::Api))] {
        // Without the value in the answer: what a failure would print is long enough.
        let options = SetOptions { no_value_on_success: true, ..SetOptions::default() };
        assert_eq!(pair.compare(&set("/long", &value, options)).class(), class);
    }
}
