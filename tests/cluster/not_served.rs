//! Servers on which the v2 API is switched off.

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Failure};
use etcd_test_support::{EtcdServer, Oracle};

use crate::space::{Space, server};

/// The error says which server it was, its version, and what to do.
fn assert_explains(failure: &Failure, endpoint: &str, version: &str) {
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_API_NOT_SERVED, ETCD_NOT_APPLIED), "{failure:?}");
    assert_eq!((failure.http_status, failure.endpoint.as_deref()), (404, Some(endpoint)));
    for part in [endpoint, version, "--enable-v2=true"] {
        assert!(failure.message.contains(part), "no {part} in: {}", failure.message);
    }
}

#[test]
fn every_call_says_that_v2_is_switched_off_and_how_to_switch_it_on() {
    let off = EtcdServer::builder().enable_v2(false).start();
    let endpoint = off.endpoint();
    let version = Oracle::new(&endpoint).get("/version").json()["etcdserver"].as_str().expect("a version").to_owned();
    let client = Client::of(&endpoint);
    let failures = [
        client.get("/a").expect_err("off"),
        client.set("/a", "one").expect_err("off"),
        client.create("/a", "one").expect_err("off"),
        client.update("/a", "one").expect_err("off"),
        client.create_in_order("/a", "one", None).expect_err("off"),
        client.delete("/a").expect_err("off"),
        client.members_list(None).expect_err("off"),
        client.members_remove(None, "1").expect_err("off"),
        client.auth().status().expect_err("off"),
        client.auth().user_add("bob", "secret").expect_err("off"),
        client.auth().role_remove("r").expect_err("off"),
    ];
    for failure in failures {
        assert_explains(&failure, &endpoint, &version);
    }
    let (server, cluster) = client.version().expect("the version is served all the same");
    assert_eq!((server, cluster.is_empty()), (version.clone(), false));

    let space = Space::new();
    let both = || Config::new(&[endpoint.clone(), self::server().endpoint()]);
    let client = Client::starting_at_first(both, &endpoint);
    client.create(&space.key("a"), "one").expect("the other endpoint serves it");
    assert_eq!(space.oracle.value(&space.key("a")).as_deref(), Some("one"));
}

#[test]
fn the_version_is_that_of_the_server_and_its_cluster() {
    let space = Space::new();
    let told = space.oracle.get("/version").json();
    let (server, cluster) = space.client.version().expect("the version");
    assert_eq!((told["etcdserver"].as_str(), told["etcdcluster"].as_str()), (Some(&*server), Some(&*cluster)));
}
