//! Reads that must not be old: through the quorum by default, or never from a member that is known to be cut off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use etcd_client::capi::status::*;
use etcd_test_harness::{Client, Config, Get};
use etcd_test_support::{ScriptedServer, wait_for};

use crate::operations::{success, timed_out};

/// A member that answers plain reads, and reads through the quorum only while it is not cut off.
fn member() -> (ScriptedServer, Arc<AtomicBool>) {
    let is_cut_off = Arc::new(AtomicBool::new(false));
    let cut_off = is_cut_off.clone();
    let server = ScriptedServer::by(move |request| {
        let through_the_quorum = request.query().contains("quorum=true");
        if through_the_quorum && cut_off.load(Ordering::Relaxed) { timed_out() } else { success() }
    });
    (server, is_cut_off)
}

#[test]
fn gets_that_do_not_say_otherwise_read_through_the_quorum_where_the_client_says_so() {
    let server = ScriptedServer::always(success());
    let client = Config::new(&[server.endpoint()]).quorum_reads(true).build();
    client.get("/k").expect("an answer");
    // SAFETY: everything lives for the calls.
    unsafe {
        use etcd_client::capi::{keys::*, options::*};
        let options = etcd_get_options_new();
        for on in [0, 1] {
            assert_eq!(etcd_get_options_set_quorum(options, on), 0);
            let (response, error) = (std::ptr::null_mut(), std::ptr::null_mut());
            assert_eq!(etcd_keys_get(client.raw(), std::ptr::null(), c"/k".as_ptr(), options, response, error), 0);
        }
        etcd_get_options_free(options);
    }
    Client::of(&server.endpoint()).get("/k").expect("an answer");
    let quorum: Vec<_> = server.requests().iter().map(|request| request.query().contains("quorum=true")).collect();
    assert_eq!(quorum, [true, false, true, false]);
}

#[test]
fn a_member_that_is_cut_off_is_not_believed() {
    let (member, is_cut_off) = member();
    let client = Config::new(&[member.endpoint()]).refuse_isolated(true).build();
    client.get("/k").expect("it is not cut off");
    is_cut_off.store(true, Ordering::Relaxed);
    let failure = wait_for("the end of its last proof", || client.get("/k").err());
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_NO_LEADER]), "{failure:?}");
    assert!(failure.message.contains("cannot show that it belongs to the majority"), "{failure:?}");
    let quorum = client.get_with(None, "/k", &Get { quorum: true, ..Get::default() }).expect_err("no quorum");
    assert_eq!(quorum.list[0].http_status, 500);
    is_cut_off.store(false, Ordering::Relaxed);
    wait_for("an answer of the member that is back", || client.get("/k").ok());
}

#[test]
fn one_get_in_three_seconds_asks_for_a_proof() {
    let (member, _) = member();
    let client = Config::new(&[member.endpoint()]).refuse_isolated(true).build();
    (0..100).for_each(|_| drop(client.get("/k").expect("it is not cut off")));
    let proofs = member.requests().iter().filter(|request| request.query().contains("quorum=true")).count();
    assert_eq!((proofs, member.requests().len()), (1, 101));
}

#[test]
fn another_member_is_asked_instead_of_one_that_is_cut_off() {
    let (member, is_cut_off) = member();
    let other = ScriptedServer::always(success().header("X-Etcd-Index", "8"));
    let endpoints = [member.endpoint(), other.endpoint()];
    let client = Client::starting_at_first(|| Config::new(&endpoints).refuse_isolated(true), &endpoints[0]);
    client.get("/k").expect("the first");
    is_cut_off.store(true, Ordering::Relaxed);
    wait_for("a get at the other one", || {
        client.get("/k").expect("somebody can be believed");
        other.requests().iter().any(|request| request.query().contains("quorum=false")).then_some(())
    });
}

// A call goes there when the first one fails, and must not be the first to find out.
#[test]
fn a_member_that_was_cut_off_while_another_one_answered_is_not_believed() {
    let ((first, _), (second, is_cut_off)) = (member(), member());
    is_cut_off.store(true, Ordering::Relaxed);
    let endpoints = [first.endpoint(), second.endpoint()];
    let client = Client::starting_at_first(|| Config::new(&endpoints).refuse_isolated(true), &endpoints[0]);
    client.get("/k").expect("the first");
    drop(first);
    let failure = client.get("/k").expect_err("nobody can be believed");
    assert_eq!(failure.statuses(), [ETCD_ERR_CONNECT, ETCD_ERR_NO_LEADER], "{failure:?}");
    assert!(second.requests().iter().all(|request| request.query().contains("quorum=true")));
}

#[test]
fn without_the_setting_a_member_that_is_cut_off_answers_with_what_it_has_as_in_go() {
    let (member, is_cut_off) = member();
    is_cut_off.store(true, Ordering::Relaxed);
    let client = Client::of(&member.endpoint());
    let quorum = Get { quorum: true, ..Get::default() };
    assert_eq!(client.get_with(None, "/k", &quorum).expect_err("no quorum").statuses(), [ETCD_ERR_HTTP_STATUS]);
    assert_eq!(client.get("/k").expect("from what it has").value(), "v");
}

#[test]
fn a_client_that_meets_no_trouble_asks_for_nothing() {
    let server = ScriptedServer::always(success());
    let client = Client::of(&server.endpoint());
    (0..20).for_each(|_| drop(client.get("/k").expect("an answer")));
    assert_eq!(server.requests().len(), 20);
}
