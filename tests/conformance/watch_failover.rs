//! Watches on members that refuse, hang, reset and fall silent: the same position at the next one, and no spinning.

use std::time::{Duration, Instant};

use etcd_client::capi::status::*;
use etcd_test_harness::{Client, Config, Watch, Watcher};
use etcd_test_support::{
    Gate, HangingListener, Place, Reply, ReservedPort, ScriptedServer, Welcome, refused_endpoint, wait_until,
};

use crate::watching::*;

const SHORT_IDLE: i64 = 400;

fn good() -> ScriptedServer {
    ScriptedServer::by(|request| match request {
        request if is_check(request) => alive(30),
        request => stream(19, &[event(wait_index(request).max(20))]),
    })
}

#[test]
fn the_next_endpoint_is_asked_for_the_same_index() {
    let refused = refused_endpoint();
    let resets = [Reply::hang_up(), Reply::reset(), Reply::new(503), stream(19, &[event(20)]).reset_at(Place::MidBody)];
    let firsts: Vec<_> = resets.into_iter().map(ScriptedServer::always).collect();
    let mut endpoints: Vec<_> = firsts.iter().map(ScriptedServer::endpoint).collect();
    endpoints.push(refused.endpoint());
    for first in endpoints {
        let second = good();
        let client = starting_at_first(&[first.clone(), second.endpoint()]);
        assert_eq!(indexes(&watch(&client, &after(19)), 1), [20], "{first}");
        assert_eq!(wait_indexes(&second.requests()), [20]);
    }
}

#[test]
fn a_member_that_cannot_be_reached_or_does_not_answer_costs_the_idle_timeout() {
    let hanging = HangingListener::new();
    let silent = ScriptedServer::always(Reply::new(200).stall_at(Place::Start));
    let deaf = ScriptedServer::greeting(Welcome::NeverRead);
    let half = ScriptedServer::always(stream(19, &[]).stall_at(Place::MidHead));
    let opened = ScriptedServer::by(|request| match is_check(request) {
        true => alive(30).stall_at(Place::Start),
        false => stream(19, &[]),
    });
    let isolated = ScriptedServer::by(|request| match is_check(request) {
        true => refusal(500, 300, 0),
        false => stream(19, &[]),
    });
    let servers = [&silent, &deaf, &half, &opened, &isolated];
    let firsts = servers.iter().map(|server| server.endpoint()).chain([hanging.endpoint()]);
    std::thread::scope(|scope| {
        for first in firsts {
            scope.spawn(move || {
                let second = good();
                let client = starting_at_first(&[first.clone(), second.endpoint()]);
                let started = Instant::now();
                let watcher = watch(&client, &Watch { idle_timeout_ms: SHORT_IDLE, ..after(19) });
                assert_eq!(indexes(&watcher, 1), [20], "{first}");
                // Ample time for the history, and then as long as a member may be silent.
                assert!(started.elapsed() < Duration::from_millis(4000), "{first}: {:?}", started.elapsed());
                assert_eq!(wait_indexes(&second.requests())[0], 20);
            });
        }
    });
}

#[test]
fn a_member_that_falls_silent_after_events_is_left_without_loss() {
    let first = ScriptedServer::by(|request| match is_check(request) {
        true => alive(30).stall_at(Place::Start),
        false => stream(19, &[event(20), event(21)]),
    });
    let second = good();
    let client = starting_at_first(&[first.endpoint(), second.endpoint()]);
    let watcher = watch(&client, &Watch { idle_timeout_ms: SHORT_IDLE, ..after(19) });
    assert_eq!(indexes(&watcher, 3), [20, 21, 22]);
    assert_eq!(wait_indexes(&second.requests())[0], 22);
}

#[test]
fn without_an_idle_timeout_silence_is_trusted_as_in_go() {
    let server = ScriptedServer::always(stream(19, &[]));
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch { idle_timeout_ms: 0, ..after(19) });
    assert_eq!(watcher.next_within(1500).expect_err("silence").status, ETCD_ERR_DEADLINE_EXCEEDED);
    assert_eq!(server.requests().len(), 1, "nobody was asked whether he is alive");
}

#[test]
fn one_watch_that_waits_long_for_a_member_does_not_hold_up_another_that_does_not() {
    let first = ScriptedServer::by(|request| match is_check(request) {
        true => alive(30).stall_at(Place::Start),
        false => stream(19, &[]),
    });
    let second = good();
    let client = starting_at_first(&[first.endpoint(), second.endpoint()]);
    let patient = watch(&client, &Watch { idle_timeout_ms: 60_000, ..after(19) });
    let impatient = watch(&client, &Watch { idle_timeout_ms: SHORT_IDLE, ..after(19) });
    patient.next_within(100).expect_err("silence");
    wait_until("the patient one asks", || first.requests().iter().any(is_check));
    let started = Instant::now();
    assert_eq!(indexes(&impatient, 1), [20]);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn when_all_are_down_the_reader_is_told_and_when_one_is_back_the_same_watch_goes_on() {
    let gate = Gate::new();
    let is_up = gate.clone();
    let server = ScriptedServer::by(move |request| match is_up.is_open() {
        true => stream(25, &[event(wait_index(request))]),
        false => Reply::new(500),
    });
    let refused = refused_endpoint();
    let client = starting_at_first(&[server.endpoint(), refused.endpoint()]);
    let watcher = watch(&client, &after(19));
    for _ in 0..3 {
        let failure = fails(&watcher);
        assert_eq!(failure.status, ETCD_ERR_CLUSTER, "{failure:?}");
        let mut statuses = failure.statuses();
        statuses.sort_unstable();
        let mut expected = [ETCD_ERR_CONNECT, ETCD_ERR_HTTP_STATUS];
        expected.sort_unstable();
        assert_eq!(statuses, expected);
        for endpoint in [server.endpoint(), refused.endpoint()] {
            assert!(failure.message.contains(&endpoint), "{failure:?}");
        }
    }
    gate.open();
    let until = Instant::now() + Duration::from_secs(10);
    let event = loop {
        match watcher.next_within(PATIENCE_MS) {
            Ok(event) => break event,
            Err(failure) => assert!(failure.status == ETCD_ERR_CLUSTER && Instant::now() < until, "{failure:?}"),
        }
    };
    assert_eq!(event.index, 25);
    assert!(wait_indexes(&server.requests()).iter().all(|index| *index == 20 || *index == 0 || *index == 21));
}

#[test]
fn errors_do_not_pile_up_while_nobody_reads() {
    let gate = Gate::new();
    let is_up = gate.clone();
    let server = ScriptedServer::by(move |request| match is_up.is_open() {
        true if is_check(request) => alive(19),
        true => stream(19, &[event(wait_index(request))]),
        false => Reply::new(500),
    });
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &after(19));
    assert_eq!(fails(&watcher).status, ETCD_ERR_CLUSTER);
    server.wait_for_requests(5);
    gate.open();
    let up = server.requests().len();
    server.wait_for_requests(up + 1);
    assert_eq!(indexes(&watcher, 1), [20], "what was wrong while nobody waited is of no interest");
}

/// How often a failing server is asked in a second and a half, by a reader of that kind.
fn asked_by(reader: &fn(&Watcher), reply: Reply) -> usize {
    let server = ScriptedServer::always(reply);
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &after(19));
    watcher.next_within(500).expect_err("it fails");
    reader(&watcher);
    server.requests().len()
}

#[test]
fn a_failing_member_is_not_asked_in_a_hot_loop_by_any_reader() {
    const TIME: Duration = Duration::from_millis(1500);
    let nobody = |_: &Watcher| std::thread::sleep(TIME);
    let eager = |watcher: &Watcher| drop(failures_for(watcher, TIME, 500));
    let polling = |watcher: &Watcher| {
        let until = Instant::now() + TIME;
        while Instant::now() < until {
            watcher.next_within(1).expect_err("it fails");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let slow_failure = || Reply::new(500).drip(10, Duration::from_millis(1));
    let readers: [fn(&Watcher); 3] = [nobody, eager, polling];
    let replies = [Reply::new(500), slow_failure(), Reply::hang_up(), refusal(401, 110, 0), Reply::etcd(200, 30, "")];
    std::thread::scope(|scope| {
        for (reply, (number, reader)) in
            replies.iter().flat_map(|reply| readers.iter().enumerate().map(move |r| (reply, r)))
        {
            scope.spawn(move || {
                let count = asked_by(reader, reply.clone());
                assert!(count <= 15, "{count} requests in {TIME:?} by reader {number}: {reply:?}");
            });
        }
    });
}

#[test]
fn a_watch_from_now_on_that_broke_before_its_first_event_resumes_where_it_began() {
    for is_stream in [true, false] {
        let mut opened = 0;
        let server = ScriptedServer::by(move |request| {
            if is_check(request) {
                return alive(44);
            }
            opened += 1;
            match (opened, wait_index(request)) {
                (1, 0) => stream(41, &[]).reset_at(Place::AfterHead),
                (2.., 0) => stream(44, &[event(45)]),
                (_, index) if index <= 44 => one(index),
                (_, 45) => stream(44, &[event(45)]),
                _ => stream(44, &[]),
            }
        });
        let client = Client::of(&server.endpoint());
        let watcher = watch(&client, &Watch { stream: is_stream, ..Watch::default() });
        assert_eq!(fails(&watcher).status, ETCD_ERR_CLUSTER, "the only endpoint broke");
        assert_eq!(indexes(&watcher, 4), [42, 43, 44, 45], "stream: {is_stream}");
        assert_eq!(wait_indexes(&server.requests())[..2], [0, 42]);
    }
}

#[test]
fn a_stream_that_the_server_ends_is_caught_up_with_on_the_same_member() {
    let mut opened = 0;
    let server = ScriptedServer::by(move |request| {
        opened += 1;
        match (opened, wait_index(request)) {
            (1, 0) => head(30).chunks([event(31), event(32)]),
            (_, 0) => stream(40, &[event(41), event(42)]),
            (_, index) if index <= 40 && !request.query().contains("stream") => one(index),
            (_, index) => panic!("{index}"),
        }
    });
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch::default());
    assert_eq!(indexes(&watcher, 12), (31..=42).collect::<Vec<_>>());
}

#[test]
fn a_member_that_lags_behind_brings_nothing_twice() {
    let first = ScriptedServer::always(head(30).chunks([event(31), event(32)]).close_at(Place::End));
    // It has not seen 31 and 32 yet when the stream begins.
    let second = ScriptedServer::by(|request| match wait_index(request) {
        0 => stream(30, &[event(31), event(32), event(33)]),
        index => stream(30, &[event(index)]),
    });
    let client = starting_at_first(&[first.endpoint(), second.endpoint()]);
    let watcher = watch(&client, &Watch::default());
    assert_eq!(indexes(&watcher, 2), [31, 32]);
    drop(first);
    let third = loop {
        match watcher.next_within(PATIENCE_MS) {
            Ok(event) => break event,
            Err(failure) => assert_eq!(failure.status, ETCD_ERR_CLUSTER, "{failure:?}"),
        }
    };
    assert_eq!(third.index, 33);
}

#[test]
fn a_hundred_quiet_watches_ask_their_member_as_often_as_one() {
    let server = ScriptedServer::by(|request| if is_check(request) { alive(30) } else { stream(30, &[]) });
    let client = Client::of(&server.endpoint());
    let watchers: Vec<_> = (0..100)
        .map(|_| watch(&client, &Watch { idle_timeout_ms: 2000, ..Watch::default() }))
        .inspect(|watcher| drop(watcher.next_within(5).expect_err("quiet")))
        .collect();
    server.wait_for_requests(100);
    let checks = || server.requests().iter().filter(|request| is_check(request)).count();
    let (before, started) = (checks(), Instant::now());
    wait_until("three idle timeouts have passed", || started.elapsed() > Duration::from_millis(6000));
    let asked = checks() - before;
    assert!((2..=9).contains(&asked), "{asked} questions in three idle timeouts");
    assert_eq!(wait_indexes(&server.requests()).len(), watchers.len(), "and nobody watches anew");
}

#[test]
fn new_endpoints_are_where_a_broken_watch_goes_on() {
    let old = ScriptedServer::always(stream(19, &[event(20)]));
    let new = good();
    let client = Config::new(&[old.endpoint()]).build();
    let watcher = watch(&client, &after(19));
    assert_eq!(indexes(&watcher, 1), [20]);
    client.set_endpoints(&[new.endpoint()]).expect("valid");
    drop(old);
    assert_eq!(indexes(&watcher, 1), [21]);
    let port = ReservedPort::new();
    client.set_endpoints(&[port.endpoint()]).expect("valid");
}

#[test]
fn a_failure_of_long_ago_is_forgotten_when_a_member_was_found_alive() {
    let is_alive = Gate::new();
    let member = |dies: Gate| {
        ScriptedServer::by(move |request| match is_check(request) {
            true if dies.is_open() => alive(19).stall_at(Place::Start),
            true => alive(19),
            false => stream(19, &[]),
        })
    };
    let dead = Gate::new();
    dead.open();
    let (first, second) = (member(dead), member(is_alive.clone()));
    let client = starting_at_first(&[first.endpoint(), second.endpoint()]);
    let watcher = watch(&client, &Watch { idle_timeout_ms: SHORT_IDLE, ..after(19) });
    watcher.next_within(4000).expect_err("quiet at the second");
    assert!(second.requests().iter().filter(|request| is_check(request)).count() >= 2);
    is_alive.open();
    let from = first.requests().len();
    let failure = fails(&watcher);
    assert_eq!(failure.statuses().len(), 2, "{failure:?}");
    assert!(first.requests().len() > from, "the first was asked again before it was called dead: {failure:?}");
}
