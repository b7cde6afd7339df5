//! A real cluster: elected, and elected again without its leader.

use etcd_test_support::{EtcdCluster, EtcdServer, Oracle, wait_until};

#[test]
fn three_members_elect_a_leader_and_share_their_data() {
    let cluster = EtcdCluster::start(3);
    assert_eq!((cluster.members().len(), cluster.endpoints().len()), (3, 3));
    let leader = cluster.leader();
    assert_eq!(cluster.followers().len(), 2);
    assert!(!cluster.followers().contains(&leader));
    Oracle::new(cluster[leader].endpoint()).set("/foo", "bar");
    for endpoint in cluster.endpoints() {
        let oracle = Oracle::new(&endpoint);
        assert_eq!(oracle.value_by_quorum("/foo").as_deref(), Some("bar"));
        assert_eq!(oracle.get("/v2/members").json()["members"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn a_cluster_elects_another_leader_when_its_leader_is_killed_and_takes_it_back() {
    let cluster = EtcdCluster::start(3);
    let first = cluster.leader();
    cluster[first].kill();
    let second = cluster.leader();
    assert_ne!(first, second);
    cluster.wait_healthy();
    Oracle::new(cluster[second].endpoint()).set("/foo", "without the first");
    cluster[first].restart();
    cluster.wait_healthy();
    assert_eq!(Oracle::new(cluster[first].endpoint()).value_by_quorum("/foo").as_deref(), Some("without the first"));
}

#[test]
fn a_cluster_elects_another_leader_when_its_leader_is_frozen_and_takes_it_back() {
    let cluster = EtcdCluster::start(3);
    let first = cluster.leader();
    cluster[first].stop_process();
    let second = cluster.leader();
    assert_ne!(first, second);
    cluster[first].continue_process();
    cluster.wait_healthy();
    let third = cluster.leader();
    assert!(cluster[third].is_running());
}

#[test]
fn a_cluster_without_a_majority_is_unhealthy_until_a_member_comes_back() {
    let cluster = EtcdCluster::start(3);
    cluster[0].kill();
    cluster[1].kill();
    wait_until("the last member notices that it is alone", || !cluster[2].is_healthy());
    cluster[0].start_again();
    cluster.wait_healthy();
    assert!(cluster[0].is_healthy() && cluster[2].is_healthy());
}

#[test]
fn all_members_can_be_killed_and_started_again() {
    let cluster = EtcdCluster::start(3);
    Oracle::new(cluster[0].endpoint()).set("/foo", "kept");
    cluster.members().iter().for_each(EtcdServer::kill);
    cluster.members().iter().for_each(EtcdServer::start_again);
    cluster.wait_healthy();
    assert_eq!(Oracle::new(cluster[2].endpoint()).value_by_quorum("/foo").as_deref(), Some("kept"));
}

#[test]
fn a_cluster_has_the_settings_and_the_names_of_its_builder() {
    let builder = EtcdServer::builder().name("part").enable_v2(false).extra_args(["--election-timeout=600"]);
    let cluster = EtcdCluster::start_with(1, builder);
    assert_eq!(cluster[0].name(), "part-0");
    assert_eq!(Oracle::new(cluster[0].endpoint()).get("/v2/keys").status, 404);
}
