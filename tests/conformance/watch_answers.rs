//! Every answer that a watch can get, sensible or not: nothing is lost, nothing comes twice, nothing spins.

use std::time::{Duration, Instant};

use etcd_client::capi::response::ETCD_ACTION_RESYNC;
use etcd_client::capi::status::*;
use etcd_test_harness::{Client, Watch};
use etcd_test_support::{Place, Reply, ScriptedServer, wait_until};

use crate::watching::*;

#[test]
fn events_are_found_wherever_the_pieces_of_the_body_end() {
    let body = format!("{} \r\n\n{}{}", event(31).trim(), event_of("/k", "}{\\\"][", 33).trim(), event(34));
    for size in 1..=body.len() {
        let pieces: Vec<Vec<u8>> = body.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
        let server = ScriptedServer::always(head(30).unfinished_chunks(pieces));
        let client = Client::of(&server.endpoint());
        assert_eq!(indexes(&watch(&client, &Watch::default()), 3), [31, 33, 34], "pieces of {size} bytes");
    }
}

#[test]
fn two_events_in_one_answer_are_both_delivered_in_one_event_mode_too() {
    let server = ScriptedServer::sequence_then(
        vec![Reply::etcd(200, 30, &format!("{}{}", event(31), event(32)))],
        stream(32, &[]),
    );
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch { stream: false, ..Watch::default() });
    assert_eq!(indexes(&watcher, 2), [31, 32]);
    server.wait_for_requests(2);
    assert_eq!(wait_indexes(&server.requests()), [0, 33]);
}

#[test]
fn a_body_that_is_cut_anywhere_loses_nothing_and_delivers_nothing_twice() {
    const THREADS: usize = 16;
    let length = event(31).len() + event(32).len();
    std::thread::scope(|scope| {
        for first in 0..THREADS {
            scope.spawn(move || {
                let cuts = (first..length).step_by(THREADS);
                cuts.for_each(|cut| [true, false].iter().for_each(|stream| cut_after(cut, *stream)));
            });
        }
    });
}

/// The connection breaks once, after so many bytes of the body; then every index has its event.
fn cut_after(cut: usize, is_stream: bool) {
    let body = format!("{}{}", event(31), event(32));
    let cut_off = Reply::etcd(200, 30, "").header("Content-Length", "9999").body(body.as_bytes()[..cut].to_vec());
    let mut replies = vec![cut_off.close_at(Place::End)].into_iter();
    let server = ScriptedServer::by(move |request| {
        replies.next().unwrap_or_else(|| match wait_index(request) {
            index @ 31..=33 => one(index),
            _ => stream(33, &[]),
        })
    });
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch { stream: is_stream, ..Watch::default() });
    let mut seen = Vec::new();
    while seen.len() < 3 {
        // Where the only endpoint broke before anything had come, this is told once.
        match watcher.next_within(PATIENCE_MS) {
            Ok(event) => seen.push(event.node.expect("a node").modified_index),
            Err(failure) => assert_eq!(failure.status, ETCD_ERR_CLUSTER, "{failure:?}"),
        }
    }
    assert_eq!(seen, [31, 32, 33], "cut after {cut} bytes, stream: {is_stream}");
    let again = wait_indexes(&server.requests())[1];
    assert!((31..=33).contains(&again), "cut after {cut} bytes: resumed at {again}");
}

// Old servers and proxies end a watch after minutes with an empty body; Go asks again at once, for ever.
#[test]
fn an_empty_body_is_asked_for_again_and_not_in_a_hot_loop() {
    for stream in [true, false] {
        let server = ScriptedServer::always(Reply::etcd(200, 30, ""));
        let client = Client::of(&server.endpoint());
        let watcher = watch(&client, &Watch { stream, ..Watch::default() });
        let failure = watcher.next_within(1500).expect_err("nothing comes");
        assert_eq!(failure.status, ETCD_ERR_DEADLINE_EXCEEDED, "{failure:?}");
        let asked = server.requests().len();
        assert!((3..=12).contains(&asked), "{asked} requests in 1.5 seconds");
        let at = wait_indexes(&server.requests());
        assert!(at[1..].iter().all(|index| *index == 31 || (stream && *index == 0)), "{at:?}");
    }
}

#[test]
fn an_empty_body_after_a_while_is_followed_by_the_event() {
    for stream in [true, false] {
        let server = ScriptedServer::by(|request| match wait_index(request) {
            20 => Reply::etcd(200, 19, ""),
            _ => crate::watching::stream(19, &[event(20)]),
        });
        let client = Client::of(&server.endpoint());
        let options = Watch { stream, ..after(19) };
        let watcher = watch(&client, &options);
        if stream {
            assert_eq!(indexes(&watcher, 1), [20]);
        } else {
            watcher.next_within(200).expect_err("the same index again, as in Go");
            assert!(wait_indexes(&server.requests()).iter().all(|index| *index == 20));
        }
    }
}

#[test]
fn what_is_no_event_is_told_and_the_position_stays() {
    let cases = [
        "null\n",
        "[]\n",
        "{}\n",
        "7\n",
        "garbage\n",
        "<html></html>\n",
        "{\"action\":\"set\"}\n",
        "{\"action\":\"set\",\"node\":null}\n",
        "{\"action\":\"set\",\"node\":{\"key\":\"/k\"}}\n",
        "{\"node\":{\"key\":\"/k\",\"modifiedIndex\":21}}\n",
        "{\"action\":\"set\",\"node\":{\"key\":\"/k\",\"modifiedIndex\":\"21\"}}\n",
        "{\"action\":\"set\",\"node\":{\"key\":\"/k\",\"modifiedIndex\":-1}}\n",
        "{\"action\":\"set\",\"node\":{\"key\":\"\u{1}\",\"modifiedIndex\":21}}\n",
        "}\n",
    ];
    for (body, is_stream) in cases.iter().flat_map(|body| [(body, true), (body, false)]) {
        let bad = if is_stream { head(30).unfinished_chunks([*body]) } else { Reply::etcd(200, 30, body) };
        let server = ScriptedServer::sequence_then(vec![bad], stream(19, &[event(20)]));
        let client = Client::of(&server.endpoint());
        let watcher = watch(&client, &Watch { stream: is_stream, ..after(19) });
        let failure = fails(&watcher);
        assert_eq!(failure.status, ETCD_ERR_INVALID_RESPONSE, "{body}: {failure:?}");
        assert!(failure.message.contains(&server.endpoint()), "it says who: {failure:?}");
        assert_eq!(indexes(&watcher, 1), [20], "{body}: the watch goes on");
        assert_eq!(wait_indexes(&server.requests()), [20, 20], "{body}");
    }
}

#[test]
fn bad_heads_are_told_and_the_watch_goes_on() {
    let cases: Vec<(Reply, i32, i32)> = vec![
        (stream(30, &[event(20)]).header("Content-Encoding", "gzip"), ETCD_ERR_INVALID_RESPONSE, 200),
        (Reply::new(200).header("X-Etcd-Index", "many").unfinished_chunks([event(20)]), ETCD_ERR_INVALID_RESPONSE, 0),
        (Reply::new(204), ETCD_ERR_INVALID_RESPONSE, 204),
        // HTTPWatcherNextFail: 418 with an empty body, 404 with an error of etcd.
        (Reply::new(418), ETCD_ERR_INVALID_RESPONSE, 418),
        (refusal(404, 100, 30), ETCD_ERR_API, 404),
        (refusal(401, 110, 0), ETCD_ERR_API, 401),
        (refusal(400, 401, 5000), ETCD_ERR_API, 400),
        (Reply::new(500).body("broken"), ETCD_ERR_CLUSTER, 0),
        (Reply::new(503), ETCD_ERR_CLUSTER, 0),
        (refusal(500, 300, 0), ETCD_ERR_CLUSTER, 0),
        (Reply::raw("no HTTP at all\r\n\r\n").close_at(Place::End), ETCD_ERR_CLUSTER, 0),
        (Reply::hang_up(), ETCD_ERR_CLUSTER, 0),
    ];
    for (bad, status, http_status) in cases {
        let shown = format!("{bad:?}");
        let server = ScriptedServer::sequence_then(vec![bad], stream(19, &[event(20)]));
        let client = Client::of(&server.endpoint());
        let watcher = watch(&client, &after(19));
        let failure = fails(&watcher);
        assert_eq!((failure.status, failure.http_status), (status, http_status), "{shown}: {failure:?}");
        assert_eq!(indexes(&watcher, 1), [20], "{shown}");
        assert_eq!(wait_indexes(&server.requests()), [20, 20], "{shown}");
    }
}

#[test]
fn a_refusal_names_code_and_index() {
    let server = ScriptedServer::always(refusal(400, 401, 5000));
    let client = Client::of(&server.endpoint());
    let failure = fails(&watch(&client, &after(19)));
    assert_eq!((failure.api_code, failure.api_index), (ETCD_API_EVENT_INDEX_CLEARED, 5000));
    assert_eq!(failure.endpoint, Some(server.endpoint()));
}

#[test]
fn the_missing_api_is_told() {
    let server = ScriptedServer::always(Reply::v2_off());
    let client = Client::of(&server.endpoint());
    let failure = fails(&watch(&client, &Watch::default()));
    assert_eq!(failure.status, ETCD_ERR_API_NOT_SERVED, "{failure:?}");
}

#[test]
fn an_event_from_before_the_position_is_refused_and_gaps_are_fine() {
    let server = ScriptedServer::sequence_then(
        vec![stream(19, &[event(25), event(25)])],
        stream(19, &[event(900), event(u64::MAX)]),
    );
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &after(19));
    assert_eq!(indexes(&watcher, 1), [25]);
    assert_eq!(fails(&watcher).status, ETCD_ERR_INVALID_RESPONSE, "the same event twice");
    assert_eq!(indexes(&watcher, 2), [900, u64::MAX]);
    assert_eq!(wait_indexes(&server.requests())[..2], [20, 26]);
}

// etcd tells a stream of the very key that is removed about it twice.
#[test]
fn a_removal_that_a_stream_tells_twice_is_one_event() {
    for action in ["delete", "compareAndDelete", "expire"] {
        let removal =
            |index| event(index).replace("\"set\"", &format!("\"{action}\"")).replace("\"value\":\"v26\",", "");
        let events = [event(25), removal(26), removal(26), event(27), removal(28), removal(28), removal(30)];
        let server = ScriptedServer::always(stream(19, &events));
        let client = Client::of(&server.endpoint());
        let watcher = watch(&client, &after(24));
        assert_eq!(indexes(&watcher, 5), [25, 26, 27, 28, 30], "{action}");
        assert_eq!(wait_indexes(&server.requests()), [25], "{action}: in one request");
    }
}

#[test]
fn a_server_without_the_index_header_is_watched_all_the_same() {
    let bare = |events: &[String]| Reply::new(200).unfinished_chunks(events.to_vec());
    let server =
        ScriptedServer::sequence_then(vec![bare(&[event(20), event(25)]).reset_at(Place::End)], bare(&[event(26)]));
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch::default());
    assert_eq!(indexes(&watcher, 3), [20, 25, 26]);
    assert_eq!(wait_indexes(&server.requests()), [0, 26]);
}

#[test]
fn an_event_of_megabytes_is_delivered() {
    let server = ScriptedServer::always(stream(30, &[event_of("/k", &"x".repeat(3 << 20), 31), event(32)]));
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch::default());
    assert_eq!((next(&watcher).value().len(), next(&watcher).value()), (3 << 20, "v32"));
}

#[test]
fn white_space_hides_no_event() {
    let pieces: Vec<String> = (0..64).map(|_| " \r\n\t".repeat(4096)).chain([event(31)]).collect();
    let server = ScriptedServer::always(head(30).unfinished_chunks(pieces));
    assert_eq!(next(&watch(&Client::of(&server.endpoint()), &Watch::default())).value(), "v31");
}

// The history holds 1000 events; with resync a watch that has fallen out of it gets the state, and goes on behind it.
#[test]
fn a_resync_gives_the_state_and_the_watch_goes_on_from_its_index() {
    let server = ScriptedServer::by(|request| match request {
        request if !is_watch(request) => {
            Reply::etcd(200, 5000, r#"{"action":"get","node":{"key":"/k","value":"state","modifiedIndex":4000}}"#)
        }
        request if wait_index(request) == 20 => refusal(400, 401, 4990),
        request if wait_index(request) == 5001 => stream(5001, &[event(5002)]),
        request => panic!("{request:?}"),
    });
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch { resync: true, ..after(19) });
    let state = next(&watcher);
    assert_eq!((state.action_number, state.index, state.value()), (ETCD_ACTION_RESYNC, 5000, "state"));
    assert_eq!(indexes(&watcher, 1), [5002]);
    let state = server.requests().into_iter().find(|request| !is_watch(request)).expect("a read");
    assert_eq!(state.query(), "quorum=true&recursive=false&sorted=true");
}

#[test]
fn resyncs_that_lead_nowhere_do_not_spin() {
    let server = ScriptedServer::by(|request| match is_watch(request) {
        true => refusal(400, 401, 4990),
        false => Reply::etcd(200, 5000, r#"{"action":"get","node":{"key":"/k","value":"s","modifiedIndex":4000}}"#),
    });
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch { resync: true, ..after(19) });
    let until = Instant::now() + Duration::from_millis(1500);
    while Instant::now() < until {
        watcher.next_within(100).ok();
    }
    let asked = server.requests().len();
    assert!(asked <= 30, "{asked} requests in 1.5 seconds");
}

#[test]
fn another_cluster_is_told_or_its_state_is_handed_over_and_its_watch_begins_there() {
    let other = |reply: Reply| reply.header("X-Etcd-Cluster-Id", "other");
    for resync in [false, true] {
        let mut opened = 0;
        let server = ScriptedServer::by(move |request| {
            if !is_watch(request) {
                let body = r#"{"action":"get","node":{"key":"/k","value":"state","modifiedIndex":3}}"#;
                return other(Reply::json(200, body).header("X-Etcd-Index", "5"));
            }
            opened += 1;
            match (opened, wait_index(request)) {
                (1, 20) => stream(19, &[event(20)]).reset_at(Place::End),
                (_, 21) => other(Reply::new(200).header("X-Etcd-Index", "5")).unfinished_chunks(Vec::<String>::new()),
                (_, 6) => other(Reply::new(200).header("X-Etcd-Index", "5")).unfinished_chunks([event(6)]),
                (_, index) => panic!("{index}"),
            }
        });
        let client = Client::of(&server.endpoint());
        let watcher = watch(&client, &Watch { resync, ..after(19) });
        assert_eq!(indexes(&watcher, 1), [20]);
        if resync {
            assert_eq!(next(&watcher).action_number, ETCD_ACTION_RESYNC);
            assert_eq!(indexes(&watcher, 1), [6], "the index of the new cluster counts");
        } else {
            let failure = fails(&watcher);
            assert_eq!(failure.status, ETCD_ERR_INVALID_RESPONSE);
            assert!(failure.message.contains("cluster other"), "{failure:?}");
        }
    }
}

#[test]
fn another_cluster_stays_another_one_when_its_state_cannot_be_read_at_once() {
    let other = |reply: Reply| reply.header("X-Etcd-Cluster-Id", "other");
    let (mut opened, mut asked) = (0, 0);
    let server = ScriptedServer::by(move |request| {
        if !is_watch(request) {
            asked += 1;
            let body = r#"{"action":"get","node":{"key":"/k","value":"state","modifiedIndex":3}}"#;
            return match asked {
                1 => other(refusal(401, 110, 0)),
                _ => other(Reply::json(200, body).header("X-Etcd-Index", "15")),
            };
        }
        opened += 1;
        match (opened, wait_index(request)) {
            (1, 20) => stream(19, &[event(20)]).reset_at(Place::End),
            (_, 21) => other(Reply::new(200).header("X-Etcd-Index", "15")).unfinished_chunks([event(21)]),
            (_, 16) => other(Reply::new(200).header("X-Etcd-Index", "15")).unfinished_chunks([event(16)]),
            (_, index) => panic!("{index}"),
        }
    });
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch { resync: true, ..after(19) });
    assert_eq!(indexes(&watcher, 1), [20]);
    assert_eq!(fails(&watcher).api_code, 110);
    assert_eq!(next(&watcher).action_number, ETCD_ACTION_RESYNC);
    assert_eq!(indexes(&watcher, 1), [16], "nothing of the new cluster is left out");
}

// Silence is not the same as nothing: only a head without an event behind it says that the history holds none.
#[test]
fn history_that_answers_late_is_waited_for() {
    for place in [Place::Start, Place::AfterHead] {
        let server = ScriptedServer::by(move |request| match request {
            request if is_check(request) => alive(30),
            request if wait_index(request) == 11 => stream(20, &[event(12)]),
            request if wait_index(request) == 0 => stream(20, &[]),
            request if wait_index(request) == 13 && place == Place::Start => one(15).stall_at(place),
            request if wait_index(request) <= 13 => one(15).drip(40, Duration::from_millis(150)),
            _ => head(20).unfinished_chunks(Vec::<String>::new()),
        });
        let client = Client::of(&server.endpoint());
        let watcher = watch(&client, &after(10));
        assert_eq!(indexes(&watcher, 1), [12]);
        if place == Place::Start {
            let started = Instant::now();
            wait_until("longer than the history takes", || started.elapsed() > Duration::from_millis(2500));
            server.release();
        }
        assert_eq!(indexes(&watcher, 1), [15], "{place:?}: what happened at 15 is lost");
    }
}

#[test]
fn a_stream_whose_event_from_the_history_comes_late_loses_nothing() {
    let server = ScriptedServer::by(|request| match request {
        request if is_check(request) => alive(30),
        request if wait_index(request) == 11 => stream(20, &[event(12)]).stall_at(Place::AfterHead),
        request if wait_index(request) == 0 => stream(20, &[event(21)]),
        request if wait_index(request) <= 14 => one(14),
        _ => head(20).unfinished_chunks(Vec::<String>::new()),
    });
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &after(10));
    let started = Instant::now();
    watcher.next_within(1800).expect_err("the member is alive, and silent");
    assert!(started.elapsed() > Duration::from_millis(1700));
    server.release();
    assert_eq!(indexes(&watcher, 3), [12, 14, 21]);
}

#[test]
fn a_quiet_watch_on_a_store_that_outruns_its_history_is_not_thrown_out_of_it() {
    let started = Instant::now();
    // 3000 events a second, of which it remembers 1000.
    let store = move || 1000 + u64::try_from(started.elapsed().as_millis() * 3).expect("a short test");
    let server = ScriptedServer::by(move |request| match request {
        request if is_check(request) => alive(store()),
        request if wait_index(request) > 0 && wait_index(request) + 1000 < store() => refusal(400, 401, store()),
        _ => stream(store(), &[]),
    });
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch { idle_timeout_ms: 1000, ..Watch::default() });
    let failure = watcher.next_within(4500).expect_err("it is quiet");
    assert_eq!(failure.status, ETCD_ERR_DEADLINE_EXCEEDED, "{failure:?}");
    assert!(server.requests().iter().filter(|request| is_check(request)).count() >= 3);
}
