//! The members API of real clusters.

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Failure, Member};
use etcd_test_support::{EtcdCluster, Oracle, RefusedEndpoint, refused_endpoint, wait_for, wait_until};

fn member_of<'a>(members: &'a [Member], name: &str) -> &'a Member {
    members.iter().find(|member| member.name == name).unwrap_or_else(|| panic!("no {name} in {members:?}"))
}

/// A peer URL where no member will ever start.
fn nowhere() -> (RefusedEndpoint, String) {
    let endpoint = refused_endpoint();
    let url = endpoint.endpoint();
    (endpoint, url)
}

// etcd: ClusterOf1, ClusterOf3.
#[test]
fn the_list_and_the_leader_are_those_of_the_cluster() {
    for count in [1, 3] {
        let cluster = EtcdCluster::start(count);
        let client = Client::of_all(&cluster.endpoints());
        let members = client.members_list(None).expect("a list");
        assert_eq!(members.len(), count);
        for server in cluster.members() {
            let member = member_of(&members, server.name());
            assert_eq!(member.client_urls, [server.endpoint()]);
            assert_eq!(member.peer_urls.len(), 1);
        }
        let told = Oracle::new(cluster[0].endpoint()).get("/v2/members").json();
        let id = told["members"][0]["id"].as_str().expect("an id").to_owned();
        assert!(members.iter().any(|member| member.id == id));
        let leader = cluster[cluster.leader()].name().to_owned();
        assert_eq!(&client.members_leader(None).expect("a leader"), member_of(&members, &leader));
    }
}

// etcd: DoubleClusterSize, DecreaseClusterSize, RestartRemoved, Issue2904 and Issue3699 need new processes; here is what
// they ask of the client.
#[test]
fn a_member_is_added_updated_and_removed() {
    let cluster = EtcdCluster::start(3);
    let client = Client::of_all(&cluster.endpoints());
    let ((_first, first), (_second, second)) = (nowhere(), nowhere());
    let taken = member_of(&client.members_list(None).expect("a list"), cluster[0].name()).peer_urls[0].clone();
    let assert_conflict = |failure: Failure| {
        assert_eq!((failure.status, failure.http_status, failure.outcome), (ETCD_ERR_MEMBERS, 409, ETCD_NOT_APPLIED));
        assert_eq!(failure.api_message.as_deref(), Some("membership: peerURL exists"));
    };
    // etcd answers 500 to a change of members until the connections between them are five seconds old.
    let refusal = || client.members_add(None, &taken).err().filter(|failure| failure.http_status != 500);
    assert_conflict(wait_for("the cluster takes changes", refusal));
    let added = client.members_add(None, &first).expect("added");
    assert_eq!((&*added.name, added.client_urls.len(), &added.peer_urls), ("", 0, &vec![first.clone()]));
    let listed = |id: &str| {
        let members = client.members_list(None).expect("a list");
        members.into_iter().find(|member| member.id == id)
    };
    wait_until("the new member is listed", || listed(&added.id).as_ref() == Some(&added));

    client.members_update(None, &added.id, &[&second]).expect("updated");
    wait_until("its new URL is listed", || {
        listed(&added.id).is_some_and(|member| member.peer_urls == [second.as_str()])
    });
    assert_conflict(client.members_update(None, &added.id, &[&taken]).expect_err("taken"));

    client.members_remove(None, &added.id).expect("removed");
    wait_until("it is gone", || listed(&added.id).is_none());
    client.members_remove(None, &added.id).expect("410 is a success");
    for id in ["abc", "no-such-id", "leader"] {
        let results = [client.members_remove(None, id), client.members_update(None, id, &[&second])];
        for failure in results.map(|result| result.expect_err(id)) {
            assert_eq!((failure.status, failure.http_status), (ETCD_ERR_MEMBERS, 404), "{failure:?}");
            assert_eq!(failure.api_message, Some(format!("No such member: {id}")));
        }
    }
}

#[test]
fn a_leader_that_is_removed_is_followed_by_another() {
    let cluster = EtcdCluster::start(3);
    let survivors = cluster.followers();
    let client = Client::of_all(&survivors.iter().map(|&number| cluster[number].endpoint()).collect::<Vec<_>>());
    let leader = client.members_leader(None).expect("a leader");
    // The answer may get lost with the leader; that it is gone is what counts.
    wait_until("the leader is removed", || {
        let _ = client.members_remove(None, &leader.id);
        client.members_list(None).is_ok_and(|members| members.iter().all(|member| member.id != leader.id))
    });
    let next = wait_for("another leader", || client.members_leader(None).ok().filter(|next| next.id != leader.id));
    assert!(survivors.iter().any(|&number| cluster[number].name() == next.name), "{next:?}");
}

// etcd: RejectUnhealthyAdd, RejectUnhealthyRemove: their TODO asks for more than "has no leader".
#[test]
fn a_change_that_would_cost_the_quorum_is_not_made() {
    let cluster = EtcdCluster::start(3);
    let client = Client::of(&cluster[0].endpoint());
    let members = client.members_list(None).expect("a list");
    let (_port, url) = nowhere();
    cluster[2].kill();
    for result in [
        client.members_add(None, &url).map(drop),
        client.members_remove(None, &member_of(&members, cluster[1].name()).id),
    ] {
        let failure = result.expect_err("two of three are too few");
        assert!(failure.http_status >= 500 && failure.message.contains(&cluster[0].endpoint()), "{failure:?}");
    }
    assert_eq!(client.members_list(None).expect("a list").len(), 3);
}

#[test]
fn without_a_quorum_there_is_no_leader_and_the_error_says_so() {
    let cluster = EtcdCluster::start(3);
    let client = Client::of(&cluster[0].endpoint());
    cluster[1].kill();
    cluster[2].kill();
    let failure = wait_for("the leader is lost", || client.members_leader(None).err());
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_NO_LEADER]), "{failure:?}");
    assert!(failure.message.contains("has no leader"), "{}", failure.message);
    assert_eq!(client.members_list(None).expect("the list is known all the same").len(), 3);
}
