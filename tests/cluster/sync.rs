//! Sync, health and statistics of real clusters.

use std::time::{Duration, Instant};

use etcd_test_harness::capi::config::ETCD_SELECT_LEADER;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config};
use etcd_test_support::{EtcdCluster, EtcdServer, transport, wait_until};

use crate::faults::cluster;

fn sorted(mut list: Vec<String>) -> Vec<String> {
    list.sort();
    list
}

#[test]
fn one_member_is_enough_to_find_the_others() {
    let guard = cluster();
    let cluster = guard.as_ref().expect("a cluster");
    let client = Client::of(&cluster[1].endpoint());
    client.sync().expect("a sync");
    assert_eq!(sorted(client.endpoints()), sorted(cluster.endpoints()));
    client.set("/synced", "yes").expect("a set");
    cluster[1].kill();
    assert_eq!(client.get("/synced").expect("another member answers").value(), "yes");
    cluster[1].restart();
}

#[test]
fn leader_mode_follows_the_leader_over_an_election() {
    let guard = cluster();
    let cluster = guard.as_ref().expect("a cluster");
    let client = Config::new(&cluster.endpoints()).selection_mode(ETCD_SELECT_LEADER).build();
    let asked_first = || {
        // What calls start at shows in the member that answers about itself.
        let stats = client.stats("self").expect("the statistics");
        let name = stats.split(r#""name":""#).nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
        name.expect("a name")
    };
    let first = cluster.leader();
    client.sync().expect("a sync");
    assert_eq!(asked_first(), cluster[first].name());
    cluster[first].kill();
    let second = cluster.leader();
    assert_ne!(first, second);
    wait_until("a sync finds the new leader", || client.sync().is_ok());
    assert_eq!(asked_first(), cluster[second].name());
    cluster[first].restart();
}

#[test]
fn the_background_sync_survives_a_dead_cluster_and_finds_it_again() {
    let guard = cluster();
    let cluster = guard.as_ref().expect("a cluster");
    let client = Config::new(&[cluster[0].endpoint()]).request_timeout_ms(2000).build();
    client.start_auto_sync(100).expect("started");
    wait_until("the members are found", || client.endpoints().len() == 3);
    cluster.members().iter().for_each(EtcdServer::kill);
    let failure = client.get("/k").expect_err("nobody there");
    assert_eq!(failure.status, ETCD_ERR_CLUSTER);
    client.set_endpoints(&[cluster[2].endpoint()]).expect("set");
    cluster.members().iter().for_each(EtcdServer::start_again);
    wait_until("the members are found again", || client.endpoints().len() == 3);
    cluster.wait_healthy();
    client.set("/k", "v").expect("a set");
    client.close(5000).expect("closed");
}

#[test]
fn advertised_urls_out_of_reach_leave_the_configured_one_working() {
    let nowhere = format!("{}://10.255.255.1:2379", transport::scheme());
    let server = EtcdServer::builder().extra_args([format!("--advertise-client-urls={nowhere}")]).start();
    let client = Client::of(&server.endpoint());
    client.sync().expect("a sync");
    assert_eq!(client.endpoints(), [nowhere, server.endpoint()]);
    for _ in 0..3 {
        let started = Instant::now();
        client.set("/k", "v").expect("the configured endpoint answers");
        assert!(started.elapsed() < Duration::from_millis(1000), "{:?}", started.elapsed());
        client.sync().expect("a sync");
    }
}

#[test]
fn health_is_what_each_member_says() {
    let guard = cluster();
    let cluster = guard.as_ref().expect("a cluster");
    let client = Client::of_all(&cluster.endpoints());
    for member in cluster.members() {
        assert_eq!(client.health(Some(&member.endpoint())), Ok(true));
    }
    assert_eq!(client.health(None), Ok(true));
    cluster[0].kill();
    let failure = client.health(Some(&cluster[0].endpoint())).expect_err("a dead member");
    assert_eq!(failure.status, ETCD_ERR_CONNECT, "{failure:?}");
    cluster[1].kill();
    // Alone, the third has no majority.
    wait_until("the last member says so", || client.health(Some(&cluster[2].endpoint())) == Ok(false));
    cluster[0].start_again();
    cluster[1].start_again();
    cluster.wait_healthy();
}

#[test]
fn statistics_of_all_kinds_are_found_wherever_the_call_starts() {
    let guard = cluster();
    let cluster = guard.as_ref().expect("a cluster");
    for member in cluster.members() {
        let client = Client::starting_at_first(|| Config::new(&cluster.endpoints()), &member.endpoint());
        assert!(client.stats("self").expect("self").contains(&format!(r#""name":"{}""#, member.name())));
        assert!(client.stats("store").expect("store").contains(r#""getsSuccess""#));
        assert!(client.stats("leader").expect("leader").contains(r#""followers""#));
    }
    let follower = cluster.followers()[0];
    let failure = Client::of(&cluster[follower].endpoint()).stats("leader").expect_err("the leader is no endpoint");
    assert_eq!(failure.status, ETCD_ERR_NO_LEADER_ENDPOINT);
    assert!(failure.message.contains(&cluster[cluster.leader()].endpoint()), "{}", failure.message);
}

#[test]
fn a_member_that_joins_later_is_found_by_the_next_sync() {
    let cluster = EtcdCluster::start(1);
    let client = Client::of(&cluster[0].endpoint());
    client.sync().expect("a sync");
    assert_eq!(client.endpoints(), cluster.endpoints());
    let joined = cluster.join("late");
    client.sync().expect("a sync");
    assert_eq!(sorted(client.endpoints()), sorted(vec![cluster[0].endpoint(), joined.endpoint()]));
}
