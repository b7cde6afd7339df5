//! `integration/cluster_test.go` and `integration/member_test.go`: clusters that grow, shrink, fail and come back.

use std::sync::atomic::{AtomicUsize, Ordering};

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Context, Failure, Watch};
use etcd_test_support::waiting::wait_for;
use etcd_test_support::{EtcdCluster, EtcdServer, EtcdServerBuilder, wait_until};
use serde_json::json;

use crate::space::{Space, node};
use crate::watching::next;

/// A key that no other test has.
fn fresh_key() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("/foo{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A key that the first member takes is seen at every member.
fn must_progress<'a>(members: impl IntoIterator<Item = &'a EtcdServer>) {
    let members: Vec<_> = members.into_iter().collect();
    let first = Client::of(&members[0].endpoint());
    let (key, index) = wait_for("the cluster takes a key", || {
        // Another key each time: a create that failed may have happened.
        let key = fresh_key();
        let created = first.create(&key, "bar").ok()?;
        Some((key, node(&created).modified_index))
    });
    for member in members {
        assert_eq!(created_at(member, &key, index), "bar", "{}", member.name());
    }
}

/// The value with which a member saw the key made at that index.
fn created_at(member: &EtcdServer, key: &str, index: u64) -> String {
    let watch = Watch { after_index: index - 1, ..Watch::default() };
    let watcher = Client::of(&member.endpoint()).watch(key, &watch).expect("a watcher");
    let event = next(&watcher);
    assert_eq!((event.action.as_str(), node(&event).modified_index), ("create", index));
    event.value().to_owned()
}

/// The id of a member, as another one tells it.
fn id_of(client: &Client, name: &str) -> String {
    let members = client.members_list(None).expect("the members");
    members.into_iter().find(|member| member.name == name).unwrap_or_else(|| panic!("{name} is a member")).id
}

/// Whether a failure is one that passes: no leader, or a cluster that finds itself unhealthy.
fn passes(failure: &Failure) -> bool {
    failure.http_status >= 500 || failure.list.iter().any(|entry| entry.http_status >= 500)
}

/// Adds a member through the last one that is there, as often as it takes.
fn grow(cluster: &mut EtcdCluster) {
    let client = Client::of_all(&cluster.endpoints());
    cluster.grow(|peer_url| {
        wait_until("the cluster takes a member in", || match client.members_add(None, peer_url) {
            Ok(added) => added.peer_urls == [peer_url],
            // A first attempt that was said to fail did it.
            Err(failure) if failure.http_status == 409 => true,
            Err(failure) => {
                assert!(passes(&failure), "{failure:?}");
                false
            }
        });
    });
}

/// Removes a member by the word of the others, as often as it takes.
fn remove(cluster: &mut EtcdCluster, number: usize) {
    let (name, endpoint) = (cluster[number].name().to_owned(), cluster[number].endpoint());
    let others: Vec<_> = cluster.endpoints().into_iter().filter(|other| *other != endpoint).collect();
    let client = Client::of_all(&others);
    let id = wait_for("somebody knows the members", || {
        client.members_list(None).ok().map(|members| members.into_iter().find(|member| member.name == name))
    });
    let id = id.expect("a member").id;
    wait_until("the cluster lets the member go", || match client.members_remove(None, &id) {
        Ok(()) => true,
        Err(failure) => {
            assert!(passes(&failure), "{failure:?}");
            false
        }
    });
    // It would end itself after some seconds.
    drop(cluster.shrink(number));
    for member in cluster.members() {
        let client = Client::of(&member.endpoint());
        wait_until("each member knows that it is gone", || {
            client.members_list(None).is_ok_and(|members| members.iter().all(|member| member.id != id))
        });
    }
    cluster.leader();
}

/// A cluster that takes changes of its members at any time, as those of Go's tests do.
fn pliable(size: usize) -> EtcdCluster {
    EtcdCluster::start_with(size, pliable_member())
}

fn pliable_member() -> EtcdServerBuilder {
    EtcdServer::builder().extra_args(["--strict-reconfig-check=false"])
}

#[test]
fn cluster_of1() {
    let cluster = EtcdCluster::start(1);
    must_progress(cluster.members());
}

#[test]
fn cluster_of3() {
    let cluster = EtcdCluster::start(3);
    must_progress(cluster.members());
}

#[test]
fn tls_cluster_of3() {
    let cluster = EtcdCluster::start_with(3, EtcdServer::builder().peer_auto_tls());
    assert!(cluster[0].peer_url().starts_with("https://"));
    must_progress(cluster.members());
}

/// A cluster whose members find each other by a directory on another etcd, which this client has prepared.
fn using_discovery(size: usize, builder: EtcdServerBuilder) {
    let space = Space::shared();
    space.client.create(&space.key("_config/size"), &size.to_string()).expect("created");
    let url = format!("--discovery={}/v2/keys{}", space.endpoint(), space.dir());
    let cluster = EtcdCluster::start_with(size, builder.extra_args(["--initial-cluster=".into(), url]));
    must_progress(cluster.members());
    // Each member has left its name and place there.
    let listed = space.client.get(space.dir()).expect("got");
    let mut found: Vec<_> = node(&listed).children.iter().map(|child| child.value.clone()).collect();
    let mut expected: Vec<_> =
        cluster.members().iter().map(|member| format!("{}={}", member.name(), member.peer_url())).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn cluster_of1_using_discovery() {
    using_discovery(1, EtcdServer::builder());
}

#[test]
fn cluster_of3_using_discovery() {
    using_discovery(3, EtcdServer::builder());
}

#[test]
fn tls_cluster_of3_using_discovery() {
    using_discovery(3, EtcdServer::builder().peer_auto_tls());
}

fn double(mut cluster: EtcdCluster) {
    for _ in 0..cluster.members().len() {
        grow(&mut cluster);
    }
    let client = Client::of_all(&cluster.endpoints());
    assert_eq!(client.members_list(None).expect("listed").len(), cluster.members().len());
    must_progress(cluster.members());
}

#[test]
fn double_cluster_size_of1() {
    double(pliable(1));
}

#[test]
fn double_cluster_size_of3() {
    double(pliable(3));
}

#[test]
fn double_tls_cluster_size_of3() {
    double(EtcdCluster::start_with(3, pliable_member().peer_auto_tls()));
}

fn decrease(size: usize) {
    let mut cluster = pliable(size);
    while cluster.members().len() > 1 {
        let last = cluster.members().len() - 1;
        remove(&mut cluster, last);
    }
    assert_eq!(Client::of_all(&cluster.endpoints()).members_list(None).expect("listed").len(), 1);
    must_progress(cluster.members());
}

#[test]
fn decrease_cluster_size_of3() {
    decrease(3);
}

#[test]
fn decrease_cluster_size_of5() {
    decrease(5);
}

#[test]
fn force_new_cluster() {
    let cluster = EtcdCluster::start(3);
    let client = Client::of(&cluster[0].endpoint());
    let created = node(&client.create("/foo", "bar").expect("created")).modified_index;
    // The member itself has it before it stands alone, and knows from what came later that the others have it too.
    assert_eq!(created_at(&cluster[0], "/foo", created), "bar");
    for value in ["1", "2"] {
        client.set("/later", value).expect("set");
    }
    for member in cluster.members() {
        member.kill();
    }
    cluster[0].start_again_with(&["--force-new-cluster"]);
    cluster[0].wait_healthy();
    assert_eq!(created_at(&cluster[0], "/foo", created), "bar", "the old data are there, the event too");
    assert_eq!(client.members_list(None).expect("listed").len(), 1);
    must_progress([&cluster[0]]);
}

#[test]
fn add_member_after_cluster_full_rotation() {
    let mut cluster = pliable(3);
    for _ in 0..3 {
        remove(&mut cluster, 0);
        grow(&mut cluster);
    }
    grow(&mut cluster);
    must_progress(cluster.members());
}

#[test]
fn issue2681() {
    // A member is removed, and another comes at once.
    let mut cluster = pliable(5);
    remove(&mut cluster, 4);
    grow(&mut cluster);
    must_progress(cluster.members());
}

/// As before, but after a snapshot.
fn replace_after_a_snapshot(size: usize) {
    let mut cluster = EtcdCluster::start_with(size, pliable_member().extra_args(["--snapshot-count=10"]));
    let client = Client::of_all(&cluster.endpoints());
    for value in 0..20 {
        client.set("/forces/a/snapshot", &value.to_string()).expect("set");
    }
    must_progress(cluster.members());
    remove(&mut cluster, size - 1);
    grow(&mut cluster);
    must_progress(cluster.members());
}

#[test]
fn issue2746() {
    replace_after_a_snapshot(5);
}

#[test]
fn issue2746_with_three() {
    replace_after_a_snapshot(3);
}

#[test]
fn issue2904() {
    // The removal waits in the log of the leader until the member that it is about comes back to agree.
    let mut cluster = pliable(1);
    grow(&mut cluster);
    let client = Client::of(&cluster[0].endpoint());
    let id = id_of(&client, cluster[1].name());
    cluster[1].kill();
    let failure = client.members_remove(Some(&Context::with_timeout_ms(1000)), &id).expect_err("nobody agrees");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_DEADLINE_EXCEEDED, ETCD_MAYBE_APPLIED));
    cluster[1].start_again();
    wait_until("the removed member ends", || cluster[1].has_ended());
    wait_until("one member is left", || client.members_list(None).is_ok_and(|members| members.len() == 1));
    must_progress([&cluster[0]]);
}

#[test]
fn issue3699() {
    let mut cluster = pliable(3);
    cluster[0].kill();
    cluster.leader();
    grow(&mut cluster);
    // The new member leads, so the one that was away hears of the change from it.
    let leader = &cluster[cluster.leader()];
    let id = id_of(&Client::of(&leader.endpoint()), cluster[3].name());
    let target = u64::from_str_radix(&id, 16).expect("an id").to_string();
    let oracle = etcd_test_support::Oracle::new(leader.endpoint());
    if leader.name() != cluster[3].name() {
        let moved = oracle.request_json("POST", "/v3/maintenance/transfer-leadership", &json!({ "targetID": target }));
        assert_eq!(moved.status, 200, "{moved:?}");
    }
    wait_until("the new member leads", || cluster.leader() == 3);
    cluster[0].restart();
    Client::of(&cluster[0].endpoint()).set("/foo", "bar").expect("the member takes part");
}

/// The cluster's "no" to a change of its members.
fn assert_unhealthy(failure: &Failure) {
    // Differs from Go, which says "has no leader" here, as its own test complains. The server gives no reason.
    let told = (failure.status, failure.http_status, failure.outcome);
    assert_eq!(told, (ETCD_ERR_HTTP_STATUS, 500, ETCD_MAYBE_APPLIED), "{failure:?}");
    assert!(failure.message.contains("returns server error"), "{}", failure.message);
}

#[test]
fn reject_unhealthy_add() {
    let cluster = EtcdCluster::start(3);
    cluster[0].kill();
    cluster.leader();
    let peer_url = "http://127.0.0.1:1";
    for member in &cluster.members()[1..] {
        assert_unhealthy(&Client::of(&member.endpoint()).members_add(None, peer_url).expect_err("unhealthy"));
    }
    cluster[0].restart();
    // Healthy means: connected for five seconds.
    let client = Client::of(&cluster[1].endpoint());
    wait_until("the cluster takes a member in", || client.members_add(None, peer_url).is_ok());
}

#[test]
fn reject_unhealthy_remove() {
    let cluster = EtcdCluster::start(5);
    let client = Client::of(&cluster[2].endpoint());
    let ids: Vec<_> = cluster.members().iter().map(|member| id_of(&client, member.name())).collect();
    cluster[0].kill();
    cluster[1].kill();
    cluster.leader();
    // Three of five are up: without one of them there were two of four, which is no majority.
    assert_unhealthy(&client.members_remove(None, &ids[2]).expect_err("it would break the cluster"));
    // One of those that are down may go, as soon as it is missed.
    wait_until("the cluster lets a dead member go", || client.members_remove(None, &ids[0]).is_ok());
    // And one that is up may go as soon as the cluster can do without it.
    cluster[1].restart();
    wait_until("the cluster lets an active member go", || client.members_remove(None, &ids[4]).is_ok());
    assert_eq!(client.members_list(None).expect("listed").len(), 3);
}

#[test]
fn restart_removed() {
    let mut cluster = EtcdCluster::start(1);
    grow(&mut cluster);
    let id = id_of(&Client::of(&cluster[1].endpoint()), cluster[0].name());
    let client = Client::of(&cluster[1].endpoint());
    wait_until("the first member is removed", || client.members_remove(None, &id).is_ok());
    wait_until("it ends", || cluster[0].has_ended());
    cluster[0].start_again();
    wait_until("it ends again", || cluster[0].has_ended());
    must_progress([&cluster[1]]);
}

#[test]
fn pause_member() {
    let cluster = EtcdCluster::start(5);
    for paused in 0..5 {
        cluster[paused].stop_process();
        cluster.leader();
        must_progress(cluster.members().iter().filter(|member| member.is_running()));
        cluster[paused].continue_process();
    }
    cluster.leader();
    must_progress(cluster.members());
}

#[test]
fn restart_member() {
    let cluster = EtcdCluster::start(3);
    for stopped in 0..3 {
        cluster[stopped].kill();
        cluster.leader();
        must_progress(cluster.members().iter().filter(|member| member.is_running()));
        cluster[stopped].restart();
    }
    cluster.leader();
    must_progress(cluster.members());
}

#[test]
fn snapshot_and_restart_member() {
    let etcd = EtcdServer::builder().extra_args(["--snapshot-count=100"]).start();
    let client = Client::of(&etcd.endpoint());
    let key = |number: usize| format!("/foo{number}");
    let created: Vec<_> = (0..120).map(|number| client.create(&key(number), "bar").expect("created").node).collect();
    etcd.restart();
    for (number, node) in created.into_iter().enumerate() {
        assert_eq!(client.get(&key(number)).expect("got").node, node);
    }
}
