//! The machines of the laboratory: their processes, disks, clocks and certificates, and members that come and go.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use etcd_test_support::{Authority, EtcdServer, Laboratory, Node, TlsFiles, wait_until};

use crate::laboratory::{ask, laboratory};

#[test]
fn a_dead_member_refuses_connections_and_a_frozen_one_never_answers() {
    let laboratory = laboratory();
    let dead = laboratory.kill(0);
    assert_eq!(ask(&laboratory, 0, "/v2/keys/").expect_err("dead").kind(), ErrorKind::ConnectionRefused);
    dead.end();
    laboratory.member(0).wait_healthy();
    let frozen = laboratory.freeze(1);
    assert_eq!(ask(&laboratory, 1, "/v2/keys/").expect_err("frozen").kind(), ErrorKind::WouldBlock);
    frozen.end();
    laboratory.cluster().wait_healthy();
    assert_eq!(ask(&laboratory, 1, "/v2/keys/").expect("it goes on").0, 200);
}

#[test]
fn a_fault_ends_with_the_test_that_panics() {
    let laboratory = laboratory();
    let failing = std::panic::AssertUnwindSafe(|| {
        let _frozen = laboratory.freeze(2);
        std::panic::resume_unwind(Box::new("a failing test"));
    });
    std::panic::catch_unwind(failing).expect_err("it panics");
    assert!(laboratory.member(2).is_running());
    laboratory.cluster().wait_healthy();
}

#[test]
fn a_slow_disk_delays_each_write() {
    const DELAY: Duration = Duration::from_millis(150);
    let laboratory = laboratory();
    let leader = laboratory.cluster().leader();
    let set = || {
        let started = Instant::now();
        laboratory.oracle(leader).set("/slow", "one");
        started.elapsed()
    };
    let Ok(slow) = laboratory.slow_disk(leader, DELAY) else { return };
    let took = set();
    assert!(took >= DELAY, "the leader has written in {took:?}");
    slow.end();
    wait_until("the disk is fast again", || set() < DELAY);
    laboratory.cluster().wait_healthy();
}

#[test]
fn a_member_with_a_full_disk_dies_of_its_next_snapshot_and_the_others_go_on() {
    let laboratory = laboratory();
    let full = laboratory.cluster().followers()[0];
    let Ok(disk) = laboratory.fill_disk(full) else { return };
    let writer = laboratory.oracle(laboratory.cluster().leader());
    wait_until("the member has no room", || {
        for number in 0..50 {
            writer.set("/full", &number.to_string());
        }
        laboratory.member(full).has_ended()
    });
    assert!(laboratory.member(full).log().contains("no space left on device"), "{}", laboratory.member(full).log());
    disk.end();
    laboratory.member(full).restart();
    let value = laboratory.oracle(full).value_by_quorum("/full");
    assert_eq!(value.as_deref(), Some("49"));
}

#[test]
fn a_clock_that_jumps_ahead_ends_the_time_to_live_of_keys() {
    let laboratory = laboratory();
    let leader = laboratory.cluster().leader();
    let oracle = laboratory.oracle(leader);
    oracle.request("PUT", "/v2/keys/mortal", &[("value", "one"), ("ttl", "1800")]);
    oracle.request("PUT", "/v2/keys/longer", &[("value", "one"), ("ttl", "7200")]);
    let Ok(jump) = laboratory.jump_clock(leader, 3600) else { return };
    wait_until("the key is gone an hour early", || oracle.value("/mortal").is_none());
    assert!(oracle.value("/longer").is_some());
    let ttl = || oracle.get("/v2/keys/longer").json()["node"]["ttl"].as_i64().expect("a time to live");
    assert!((3000..=3600).contains(&ttl()), "{}", ttl());
    jump.end();
    assert!((6600..=7200).contains(&ttl()), "{}", ttl());
    let Ok(back) = laboratory.jump_clock(leader, -3600) else { return };
    assert!((10200..=10800).contains(&ttl()), "{}", ttl());
    back.end();
    laboratory.cluster().wait_healthy();
}

#[test]
fn members_restart_one_after_another_and_hand_the_lead_over() {
    let laboratory = laboratory();
    let pids = || laboratory.cluster().members().iter().map(|member| member.pid().expect("alive")).collect::<Vec<_>>();
    let before = pids();
    laboratory.rolling_restart();
    assert!(before.iter().zip(pids()).all(|(old, new)| *old != new));
    let old = laboratory.cluster().leader();
    let new = laboratory.change_leader();
    assert_ne!(old, new);
    assert_eq!(laboratory.cluster().leader(), new);
}

#[test]
fn members_go_and_come() {
    let laboratory = laboratory();
    let count = || laboratory.oracle(1).get("/v2/members").json()["members"].as_array().expect("a list").len();
    laboratory.oracle(1).set("/kept", "by the others");
    let removed = laboratory.remove_member(0);
    assert_eq!((count(), laboratory.member(0).has_ended()), (2, true));
    laboratory.cluster().wait_healthy();
    removed.end();
    assert_eq!(count(), 3);
    assert_eq!(laboratory.oracle(0).value_by_quorum("/kept").as_deref(), Some("by the others"));
    let added = laboratory.add_member("newcomer");
    assert_eq!(count(), 4);
    assert_eq!(added.oracle().value_by_quorum("/kept").as_deref(), Some("by the others"));
    laboratory.dismiss(&added);
    assert_eq!((count(), added.has_ended()), (3, true));
    laboratory.cluster().wait_healthy();
}

#[test]
fn a_swapped_certificate_is_shown_to_new_connections() {
    let files = TlsFiles::new();
    let laboratory = Laboratory::start_with(1, EtcdServer::builder().without_auth().client_cert_auth(&files));
    let reaches = || laboratory.oracle(0).answers("/v2/keys/");
    assert!(reaches());
    let swapped = laboratory.swap_certificate(&files, &Authority::new("a stranger").server(&["localhost"]));
    assert!(!reaches(), "nobody trusts the stranger");
    swapped.end();
    assert!(reaches());
}

#[test]
fn on_loopback_the_faults_of_processes_are_there_and_the_others_say_that_they_are_skipped() {
    let laboratory = Laboratory::on_loopback(1);
    assert!(laboratory.without_namespaces().is_some());
    let skipped = [
        laboratory.cut_off(0),
        laboratory.cut_off_from_peers(0),
        laboratory.cut_one_way(Node::Client, Node::Member(0)),
        laboratory.lose_packets(0, 10),
        laboratory.delay(0, Duration::from_millis(1)),
        laboratory.limit_rate(0, 1000),
        laboratory.unplug(0),
        laboratory.fill_disk(0),
    ];
    for fault in skipped {
        let skipped = fault.expect_err("there are no namespaces");
        assert_eq!(skipped.to_string().split(' ').next(), Some("SKIPPED"));
        assert_eq!(skipped.reason(), "it was started on loopback");
    }
    laboratory.freeze(0).end();
    laboratory.kill(0).end();
    laboratory.member(0).wait_healthy();
    assert_eq!(laboratory.in_client_namespace(|| ask(&laboratory, 0, "/v2/keys/")).expect("it is here").0, 200);
}
