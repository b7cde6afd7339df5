//! Too much of everything: answers without an end, and more calls and watches than connections may be open. Memory stays
//! bounded, and the error says what was too much.

use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use etcd_client::capi::config::*;
use etcd_client::capi::status::*;
use etcd_test_harness::{Client, Config, Context, Failure, Get, Watch};
use etcd_test_support::{Gate, Place, Reply, Request, ScriptedServer};

use crate::operations::success;

/// Of answers, in these tests.
const LIMIT: usize = 10_000;

fn limited(server: &ScriptedServer) -> Client {
    Config::new(&[server.endpoint()]).max_response_bytes(10_000).build()
}

/// An answer whose body has that many bytes.
fn body_of(bytes: usize) -> String {
    let frame = r#"{"action":"get","node":{"key":"/k","value":""}}"#.len();
    format!(r#"{{"action":"get","node":{{"key":"/k","value":"{}"}}}}"#, "x".repeat(bytes - frame))
}

fn in_chunks_of(size: usize, body: &str) -> Reply {
    Reply::etcd(200, 1, "").chunks(body.as_bytes().chunks(size))
}

/// A read that fails and a write that may have been applied.
fn fail(client: &Client) -> [Failure; 2] {
    let read = client.get("/k").expect_err("a read");
    let write = client.create("/k", "v").expect_err("a write");
    assert_eq!((read.outcome, write.outcome), (ETCD_NOT_APPLIED, ETCD_MAYBE_APPLIED), "{read:?} {write:?}");
    [read, write]
}

#[test]
fn a_limit_of_answers_that_can_be_none_is_refused() {
    let config = etcd_config_new();
    for (bytes, status) in [(0, ETCD_ERR_INVALID_ARGUMENT), (-1, ETCD_ERR_INVALID_ARGUMENT), (1, 0), (i64::MAX, 0)] {
        // SAFETY: the configuration is alive.
        assert_eq!(unsafe { etcd_config_set_max_response_bytes(config, bytes) }, status, "{bytes}");
    }
    // SAFETY: it is ours.
    unsafe { etcd_config_free(config) };
}

#[test]
fn an_answer_over_the_limit_is_refused_in_words_that_name_the_setter() {
    let over = body_of(LIMIT + 1);
    let announced = Reply::etcd(200, 1, &over[..1]).header("Content-Length", &over.len().to_string());
    let replies = [
        // Only its head has come, and nothing else will.
        announced.stall_at(Place::AfterHead),
        in_chunks_of(1000, &over),
        // It never ends.
        Reply::etcd(200, 1, "").unfinished_chunks(over.as_bytes().chunks(1000)).stall_at(Place::End),
        Reply::etcd(200, 1, "").body_until_close(over.clone()),
    ];
    for reply in replies {
        let server = ScriptedServer::always(reply);
        for failure in fail(&limited(&server)) {
            assert_eq!((failure.status, failure.http_status), (ETCD_ERR_TOO_LARGE, 200), "{failure:?}");
            assert!(failure.message.contains("10000 bytes"), "{}", failure.message);
            assert!(failure.message.contains("etcd_config_set_max_response_bytes"), "{}", failure.message);
        }
    }
    for reply in [Reply::etcd(200, 1, &body_of(LIMIT)), in_chunks_of(1000, &body_of(LIMIT))] {
        limited(&ScriptedServer::always(reply)).get("/k").expect("an answer at the limit");
    }
}

#[test]
fn an_event_over_the_limit_is_refused_and_never_whole_in_memory() {
    let stream = Reply::etcd(200, 1, "").unfinished_chunks(body_of(LIMIT * 2).as_bytes()[..LIMIT + 1000].chunks(1000));
    let server = ScriptedServer::always(stream.stall_at(Place::End));
    let failure = limited(&server).watch_key("/k").next().expect_err("too large");
    assert_eq!(failure.status, ETCD_ERR_TOO_LARGE, "{failure:?}");
    assert!(failure.message.contains("etcd_config_set_max_response_bytes"), "{}", failure.message);
}

/// Each of these endpoints is passed over by a read; a write ends there.
fn assert_no_http(reply: &Reply, word: &str) {
    let (endless, well) = (ScriptedServer::always(reply.clone()), ScriptedServer::always(success()));
    let [read, write] = fail(&Client::of(&endless.endpoint()));
    assert_eq!((read.status, read.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_INVALID_RESPONSE]), "{read:?}");
    assert_eq!(write.status, ETCD_ERR_INVALID_RESPONSE, "{write:?}");
    for failure in [read, write] {
        assert!(failure.message.contains(word) && failure.message.contains(&endless.endpoint()), "{}", failure.message);
    }
    let endpoints = [endless.endpoint(), well.endpoint()];
    let client = Client::starting_at_first(|| Config::new(&endpoints), &endpoints[0]);
    client.get("/k").expect("the other endpoint answers");
}

#[test]
fn a_head_without_an_end_is_no_answer() {
    let status = "HTTP/1.1 200 OK\r\n";
    let mut lines = String::from(status);
    (0..101).for_each(|number| write!(lines, "X-Header-{number}: x\r\n").expect("written"));
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(200_000);
    let heads = [
        (format!("{status}X-Endless: {}", "x".repeat(1 << 20)), "65536 bytes"),
        (format!("{status}X-Long: {}\r\n\r\n", "x".repeat(70_000)), "65536 bytes"),
        (lines + "\r\n", "100 headers"),
        (interim, "65536 bytes"),
        ("x".repeat(1 << 20), "not answer in HTTP"),
    ];
    for (head, word) in heads {
        assert_no_http(&Reply::raw(head).stall_at(Place::End), word);
    }
}

#[test]
fn a_head_within_the_limits_is_read() {
    let reply = (0..80).fold(success(), |reply, number| reply.header(&format!("X-{number}"), &"x".repeat(700)));
    Client::of(&ScriptedServer::always(reply).endpoint()).get("/k").expect("an answer");
}

#[test]
fn chunks_with_endless_extensions_or_trailers_are_no_answer() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let many = "X-Trailer: x\r\n".repeat(10_000);
    let bodies = [
        (format!("1;{}", "x".repeat(1 << 20)), "extensions over limit"),
        ("1;x\r\n{\r\n".repeat(100_000), "extensions over limit"),
        (format!("1\r\n{{\r\n0\r\nX-Trailer: {}", "x".repeat(1 << 20)), "trailers"),
        (format!("1\r\n{{\r\n0\r\n{many}"), "trailers"),
        ("fffffffffffffffff\r\n{".into(), "chunk size"),
        ("nonsense\r\n".into(), "chunk size"),
    ];
    for (body, word) in bodies {
        assert_no_http(&Reply::raw(format!("{head}{body}")).stall_at(Place::End), word);
    }
}

// Each byte comes in time, and the answer never does.
#[test]
fn a_body_that_trickles_ends_with_the_deadline() {
    let sized = Reply::etcd(200, 1, &body_of(100_000));
    for reply in [sized, in_chunks_of(1, &body_of(100_000))] {
        let server = ScriptedServer::always(reply.drip(1, Duration::from_millis(1)));
        let client = Client::of(&server.endpoint());
        let within = |ms| Context::with_timeout_ms(ms);
        let started = Instant::now();
        let read = client.get_with(Some(&within(300)), "/k", &Get::default()).expect_err("late");
        let write = client.create_with(Some(&within(300)), "/k", "v").expect_err("late");
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        assert_eq!((read.status, read.outcome), (ETCD_ERR_DEADLINE_EXCEEDED, ETCD_NOT_APPLIED));
        assert_eq!((write.status, write.outcome), (ETCD_ERR_DEADLINE_EXCEEDED, ETCD_MAYBE_APPLIED));
    }
}

/// How long this thread has had a processor.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writes.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) }, 0);
    Duration::new(time.tv_sec.try_into().expect("positive"), time.tv_nsec.try_into().expect("positive"))
}

// The calling thread reads its answer itself, so its own time tells what that costs, however busy the machine is.
#[test]
fn a_body_in_tiny_chunks_takes_time_in_proportion() {
    let cost = |bytes: usize| {
        let server = ScriptedServer::always(in_chunks_of(1, &body_of(bytes)));
        let client = Client::of(&server.endpoint());
        let before = processor_time();
        assert_eq!(client.get("/k").expect("an answer").value().len() + 47, bytes);
        processor_time() - before
    };
    let (small, large) = (cost(50_000), cost(400_000));
    assert!(large < small * 24, "8 times as much took {large:?} in place of {small:?}");
}

// 64 lanes, and as many places on the internal runtime: whoever comes later waits, and gets its turn.
#[test]
fn more_calls_than_places_wait_for_one() {
    let server = ScriptedServer::always(success().stall_at(Place::Start));
    let client = Config::new(&[server.endpoint()]).build();
    let context = Context::new();
    thread::scope(|scope| {
        let call = || client.get_with(Some(&context), "/k", &Get::default()).map(drop);
        let calls: Vec<_> = (0..200).map(|_| scope.spawn(call)).collect();
        server.wait_for_requests(128);
        server.release();
        calls.into_iter().for_each(|call| call.join().expect("it returns").expect("an answer"));
    });
    assert_eq!(server.requests().len(), 200);
    assert!(server.connections() <= 128, "{} connections", server.connections());
}

#[test]
fn a_call_that_waits_for_a_place_can_be_cancelled_and_has_sent_nothing() {
    let server = ScriptedServer::always(success().stall_at(Place::Start));
    let client = Config::new(&[server.endpoint()]).build();
    let (busy, waiting) = (Context::new(), Context::new());
    let call = |context| client.get_with(Some(context), "/k", &Get::default()).expect_err("ended");
    thread::scope(|scope| {
        let calls: Vec<_> = (0..128).map(|_| scope.spawn(|| call(&busy))).collect();
        server.wait_for_requests(128);
        let late = client.create_with(Some(&Context::with_timeout_ms(50)), "/k", "v").expect_err("late");
        assert_eq!((late.status, late.outcome), (ETCD_ERR_DEADLINE_EXCEEDED, ETCD_NOT_APPLIED));
        let cancelled = scope.spawn(|| client.create_with(Some(&waiting), "/k", "v").expect_err("cancelled"));
        waiting.cancel();
        let cancelled = cancelled.join().expect("it returns");
        assert_eq!((cancelled.status, cancelled.outcome), (ETCD_ERR_CANCELED, ETCD_NOT_APPLIED));
        busy.cancel();
        assert!(calls.into_iter().all(|call| call.join().expect("it returns").status == ETCD_ERR_CANCELED));
    });
    assert_eq!(server.requests().len(), 128);
}

const WATCHES: usize = 100;
const LAST_INDEX: u64 = 40;

/// What a request asks the history for; None when it is no watch, or one from now on.
fn index_of(request: &Request) -> Option<u64> {
    let pairs = request.query_pairs();
    let index = pairs.iter().find(|(name, _)| name == "waitIndex").and_then(|(_, index)| index.parse().ok());
    index.filter(|index| *index > 0)
}

fn is_stream(request: &Request) -> bool {
    request.query().contains("stream=true")
}

fn is_history(request: &Request) -> bool {
    index_of(request).is_some() && !is_stream(request)
}

/// A store whose history ends at `LAST_INDEX`. The first answers from it wait for the gate.
fn store(gate: Gate) -> ScriptedServer {
    let held = AtomicUsize::new(0);
    ScriptedServer::by(move |request| {
        let Some(index) = index_of(request) else {
            if is_stream(request) {
                return Reply::etcd(200, LAST_INDEX, "").unfinished_chunks::<[&str; 0]>([]).stall_at(Place::End);
            }
            return Reply::etcd(
                404,
                LAST_INDEX,
                r#"{"errorCode":100,"message":"Key not found","cause":"/","index":40}"#,
            );
        };
        let event = format!(
            r#"{{"action":"set","node":{{"key":"/k","value":"v","modifiedIndex":{index},"createdIndex":{index}}}}}"#
        );
        let reply = Reply::etcd(200, LAST_INDEX, &event);
        if !is_history(request) {
            return reply;
        }
        if held.fetch_add(1, Ordering::Relaxed) < 64 { reply.wait_at(Place::Start, &gate) } else { reply }
    })
}

// Each of them reads up to 32 indexes at once.
#[test]
fn many_watches_that_catch_up_together_take_turns() {
    let gate = Gate::new();
    let server = store(gate.clone());
    let client = Client::of(&server.endpoint());
    let watch = Watch { after_index: 1, ..Watch::default() };
    thread::scope(|scope| {
        let follow = || {
            let watcher = client.watch("/k", &watch).expect("a watcher");
            for index in 2..=LAST_INDEX {
                let event = watcher.next_within(60_000).expect("an event");
                assert_eq!(event.node.expect("a node").modified_index, index);
            }
        };
        let watches: Vec<_> = (0..WATCHES).map(|_| scope.spawn(follow)).collect();
        let live = |request: &Request| is_stream(request) && index_of(request).is_none();
        // Who waits for its turn asks after a second whether the member is alive, and by then all others have asked too.
        let check = |request: &Request| !is_stream(request) && index_of(request).is_none();
        let mut requests: Vec<Request> = Vec::new();
        let count = |requests: &[Request], what: &dyn Fn(&Request) -> bool| requests.iter().filter(|r| what(r)).count();
        while count(&requests, &live) < WATCHES || count(&requests, &check) == 0 {
            requests = server.wait_for_requests(requests.len() + 1);
        }
        let at_once = count(&requests, &is_history);
        gate.open();
        watches.into_iter().for_each(|watch| watch.join().expect("all events"));
        assert_eq!(at_once, 64, "none of them had its answer");
    });
}

#[test]
fn a_deep_or_wide_answer_overflows_no_stack() {
    let get = |node: String| {
        let server = ScriptedServer::always(Reply::etcd(200, 1, &format!(r#"{{"action":"get","node":{node}}}"#)));
        Client::of(&server.endpoint()).get("/k").map(|response| response.node.expect("a node"))
    };
    let wide = format!(r#"{{"dir":true,"nodes":[{}]}}"#, vec!["{}"; 200_000].join(","));
    assert_eq!(get(wide).expect("a wide answer").children.len(), 200_000);
    let deep = |depth: usize| format!("{}{{}}{}", r#"{"dir":true,"nodes":["#.repeat(depth), "]}".repeat(depth));
    let refused = get(deep(100_000)).expect_err("deeper than any key");
    assert_eq!(refused.status, ETCD_ERR_INVALID_RESPONSE);
}
