//! A write that a member gave up on may be carried out later, even after a newer one.

use std::thread;
use std::time::Instant;

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Failure, Set};
use etcd_test_support::{EtcdCluster, Oracle};

use crate::faults::cluster;

/// How many writes a member has received, by its own count.
fn writes_received(cluster: &EtcdCluster, member: usize) -> u64 {
    let metrics = Oracle::new(cluster[member].endpoint()).get("/metrics");
    let lines = metrics.text().lines().filter(|line| line.starts_with("etcd_http_received_total{"));
    let writes = lines.filter(|line| !line.contains("\"GET\"") && !line.contains("\"QGET\""));
    writes.map(|line| line.rsplit(' ').next().and_then(|count| count.parse::<u64>().ok()).expect("a count")).sum()
}

fn assert_undecided(failure: &Failure, endpoint: &str) {
    let told = (failure.status, failure.http_status, failure.api_code, failure.outcome);
    assert_eq!(told, (ETCD_ERR_HTTP_STATUS, 500, ETCD_API_RAFT_INTERNAL, ETCD_MAYBE_APPLIED), "{failure:?}");
    assert_eq!(failure.api_message.as_deref(), Some("Raft Internal Error"));
    assert!(failure.api_cause.as_deref().is_some_and(|cause| cause.contains("timed out")), "{failure:?}");
    assert_eq!(failure.endpoint.as_deref(), Some(endpoint));
    assert_eq!(failure.statuses(), [ETCD_ERR_HTTP_STATUS], "one endpoint was asked, once");
}

#[test]
fn a_write_on_which_the_cluster_could_not_decide_is_reported_as_such_and_never_sent_again() {
    let guard = cluster();
    let cluster = guard.as_ref().expect("a cluster");
    let (leader, followers) = (cluster.leader(), cluster.followers());
    let endpoint = cluster[followers[0]].endpoint();
    // etcd gives up after five seconds and two election timeouts; each of two endpoints has more than that.
    let endpoints: Vec<_> = followers.iter().map(|follower| cluster[*follower].endpoint()).collect();
    let patient = || Config::new(&endpoints).request_timeout_ms(15_000);
    let clients: &Vec<Client> = &(0..3).map(|_| Client::starting_at_first(patient, &endpoint)).collect();
    let received = || followers.iter().map(|follower| writes_received(cluster, *follower)).sum::<u64>();
    let before = received();

    cluster[leader].stop_process();
    let started = Instant::now();
    let results = thread::scope(|scope| {
        let once = Set { resend: Some(false), ..Set::default() };
        let set = scope.spawn(move || clients[0].set_with(None, "/late", "old", &once));
        let create = scope.spawn(|| clients[1].create("/late-created", "one"));
        let in_order = scope.spawn(|| clients[2].create_in_order("/late-queue", "one", None));
        [set, create, in_order].map(|call| call.join().expect("the thread"))
    });
    for result in results {
        assert_undecided(&result.expect_err("the cluster could not decide"), &endpoint);
    }
    assert!(started.elapsed().as_secs() >= 5, "etcd itself gave up, after {:?}", started.elapsed());
    assert_eq!(received() - before, 3, "each write reached the cluster once");

    // A newer write is acknowledged; what was undecided may come after it all the same, so MAYBE is the truth.
    clients[0].set("/late", "new").expect("the others have a new leader");
    cluster[leader].continue_process();
    cluster.wait_healthy();
    let oracle = Oracle::new(cluster[leader].endpoint());
    assert!(["old", "new"].map(String::from).map(Some).contains(&oracle.value_by_quorum("/late")));
    assert!([None, Some("one".to_owned())].contains(&oracle.value_by_quorum("/late-created")));
    let queue = oracle.get("/v2/keys/late-queue?quorum=true");
    let entries = queue.json()["node"]["nodes"].as_array().map_or(0, Vec::len);
    assert!(entries <= 1, "{}", queue.text());
}
