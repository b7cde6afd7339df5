//! An endpoint that keeps a call waiting: another one is asked as well, whoever answers first counts, and the slow one is
//! not waited for by later calls.

use std::thread;
use std::time::{Duration, Instant};

use etcd_client::capi::status::*;
use etcd_test_harness::{Client, Config, Context, Failure, Get, Response, Set};
use etcd_test_support::{Gate, HangingListener, Place, Reply, Request, ScriptedServer, refused_endpoint, wait_until};

use crate::operations::{OPERATIONS, success};

fn silent() -> ScriptedServer {
    ScriptedServer::always(success().stall_at(Place::Start))
}

/// Whether the library itself asks if the member can be trusted.
fn is_check(request: &Request) -> bool {
    request.path().ends_with("/_etcd_client_is_this_member_alive")
}

/// The requests of calls.
fn asked(server: &ScriptedServer) -> usize {
    server.requests().iter().filter(|request| !is_check(request)).count()
}

fn checks(server: &ScriptedServer) -> usize {
    server.requests().iter().filter(|request| is_check(request)).count()
}

fn version() -> Reply {
    Reply::json(200, r#"{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}"#)
}

fn not_there() -> Reply {
    Reply::etcd(404, 7, r#"{"errorCode":100,"message":"Key not found","cause":"/","index":7}"#)
}

fn client_of(endpoints: &[String]) -> Client {
    Client::starting_at_first(|| Config::new(endpoints), &endpoints[0])
}

/// A client that asks the endpoints in this order.
fn in_order(endpoints: &[String]) -> Client {
    loop {
        let client = Client::of_all(endpoints);
        if client.endpoints() == endpoints {
            return client;
        }
    }
}

fn get(client: &Client, ms: i64) -> Result<Response, Failure> {
    client.get_with(Some(&Context::with_timeout_ms(ms)), "/k", &Get::default())
}

fn set(client: &Client, ms: i64, resend: Option<bool>) -> Result<Response, Failure> {
    client.set_with(Some(&Context::with_timeout_ms(ms)), "/k", "v", &Set { resend, ..Set::default() })
}

#[test]
fn the_answer_of_an_endpoint_that_was_overtaken_still_counts() {
    let gate = Gate::new();
    let slow = ScriptedServer::always(success().wait_at(Place::Start, &gate));
    let other = silent();
    let client = client_of(&[slow.endpoint(), other.endpoint()]);
    thread::scope(|scope| {
        let call = scope.spawn(|| get(&client, 10_000));
        other.wait_for_requests(1);
        gate.open();
        assert_eq!(call.join().expect("it returns").expect("the slow answer").value(), "v");
    });
    other.wait_for_ended(1);
    get(&client, 10_000).expect("the endpoint that answered is pinned");
    assert_eq!((asked(&slow), asked(&other)), (2, 1));
}

// etcd loses a request without a word when the leader dies that it was handed to.
#[test]
fn a_request_that_the_only_endpoint_has_lost_is_sent_again() {
    let mut requests = 0;
    let server = ScriptedServer::by(move |_| {
        requests += 1;
        if requests == 1 { success().stall_at(Place::Start) } else { success() }
    });
    let client = Client::of(&server.endpoint());
    let started = Instant::now();
    assert!(!get(&client, 1000).expect("the second answer").was_resent, "a read leaves nothing behind");
    assert!(started.elapsed() >= Duration::from_millis(450), "half of the deadline");
    assert_eq!(asked(&server), 2);
}

fn large(len: usize) -> Reply {
    Reply::etcd(
        200,
        7,
        &format!("{{\"action\":\"get\",\"node\":{{\"key\":\"/k\",\"value\":\"{}\"}}}}", "v".repeat(len)),
    )
}

#[test]
fn a_large_answer_that_is_on_its_way_is_not_asked_for_again() {
    let sending = ScriptedServer::always(large(4 << 20).drip(128 << 10, Duration::from_millis(100)));
    let other = ScriptedServer::always(success());
    let client = client_of(&[sending.endpoint(), other.endpoint()]);
    let answer = get(&client, 6000).expect("the large answer");
    assert_eq!((answer.value().len(), asked(&other)), (4 << 20, 0));
}

#[test]
fn what_came_for_earlier_calls_does_not_count() {
    let mut requests = 0;
    let freezing = ScriptedServer::by(move |_| {
        requests += 1;
        if requests == 1 { large(1 << 20) } else { success().stall_at(Place::Start) }
    });
    let other = ScriptedServer::always(success());
    let client = client_of(&[freezing.endpoint(), other.endpoint()]);
    get(&client, 10_000).expect("a large answer");
    let started = Instant::now();
    get(&client, 3000).expect("the other's answer, over a connection that was used before");
    assert!(started.elapsed() < Duration::from_millis(1900), "one share: {:?}", started.elapsed());
}

#[test]
fn an_answer_that_trickles_is_overtaken() {
    let trickling = ScriptedServer::always(large(4 << 20).drip(100, Duration::from_millis(10)));
    let other = ScriptedServer::always(success());
    let client = client_of(&[trickling.endpoint(), other.endpoint()]);
    assert_eq!(get(&client, 3000).expect("the other's answer").value(), "v");
}

#[test]
fn a_short_deadline_is_not_cut_into_pieces_that_are_too_short_for_anybody() {
    let server = silent();
    let failure = get(&Client::of(&server.endpoint()), 400).expect_err("silent");
    assert_eq!((failure.status, failure.list.len()), (ETCD_ERR_DEADLINE_EXCEEDED, 1));
    assert_eq!(asked(&server), 1);
}

#[test]
fn whoever_was_overtaken_is_listed_once_by_its_endpoint() {
    let servers = [silent(), silent()];
    let endpoints = servers.each_ref().map(ScriptedServer::endpoint);
    let failure = get(&client_of(&endpoints), 1200).expect_err("both are silent");
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_DEADLINE_EXCEEDED, vec![ETCD_ERR_TIMEOUT; 2]));
    let listed: Vec<_> = failure.list.iter().filter_map(|entry| entry.endpoint.clone()).collect();
    assert_eq!(listed, endpoints);
}

#[test]
fn a_set_that_went_to_two_endpoints_says_so() {
    let (slow, good) = (silent(), ScriptedServer::always(success()));
    let client = client_of(&[slow.endpoint(), good.endpoint()]);
    assert!(set(&client, 1500, None).expect("the second answers").was_resent);
    assert!(!set(&client, 1500, None).expect("only the second is asked").was_resent);
}

#[test]
fn a_set_that_must_not_be_sent_again_is_not_and_says_that_it_may_have_happened() {
    let never = |config: Config| config.resend_sets(false);
    for (configure, resend) in [(never as fn(Config) -> Config, None), (|config| config, Some(false))] {
        let (slow, good) = (silent(), ScriptedServer::always(success()));
        let endpoints = [slow.endpoint(), good.endpoint()];
        let client = Client::starting_at_first(|| configure(Config::new(&endpoints)), &endpoints[0]);
        let failure = set(&client, 600, resend).expect_err("the first is silent");
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_TIMEOUT, ETCD_MAYBE_APPLIED));
        let sets = |server: &ScriptedServer| server.requests().iter().filter(|request| request.method == "PUT").count();
        assert_eq!((sets(&slow), sets(&good)), (1, 0));
        set(&client, 1500, resend).expect("the second is pinned");
    }
}

#[test]
fn one_set_can_be_sent_again_where_the_others_must_not() {
    let (slow, good) = (silent(), ScriptedServer::always(success()));
    let endpoints = [slow.endpoint(), good.endpoint()];
    let client = Client::starting_at_first(|| Config::new(&endpoints).resend_sets(false), &endpoints[0]);
    assert!(set(&client, 1500, Some(true)).expect("the second answers").was_resent);
}

// A host that swallows packets: nothing was sent, so every operation goes on.
#[test]
fn what_must_not_be_sent_twice_goes_elsewhere_while_it_has_not_been_sent() {
    thread::scope(|scope| {
        for operation in OPERATIONS.iter().filter(|operation| !operation.may_resend() && operation.method != "POST") {
            scope.spawn(|| {
                let (hanging, good) = (HangingListener::new(), ScriptedServer::always(success()));
                let client = client_of(&[hanging.endpoint(), good.endpoint()]);
                let response = operation.run_with(&client, &Context::with_timeout_ms(4000)).expect(operation.name);
                assert!(!response.was_resent, "{}", operation.name);
                assert_eq!(asked(&good), 1, "{}", operation.name);
            });
        }
    });
}

#[test]
fn a_bad_endpoint_is_asked_after_all_good_ones_until_a_look_in_the_background_finds_it_good() {
    let gate = Gate::new();
    let frozen = gate.clone();
    let bad = ScriptedServer::by(move |request| {
        let reply = if is_check(request) { not_there() } else { success() };
        reply.wait_at(Place::Start, &frozen)
    });
    let flaky = ScriptedServer::sequence_then(vec![success(), Reply::new(502)], success());
    let good = ScriptedServer::always(success());
    let client = in_order(&[flaky.endpoint(), bad.endpoint(), good.endpoint()]);
    get(&client, 1500).expect("the first");
    get(&client, 3000).expect("the second is overtaken by the third");
    assert_eq!((asked(&flaky), asked(&bad), asked(&good)), (2, 1, 1));
    // A look goes on beside the calls.
    let call = || drop(get(&client, 3000).expect("the third"));
    wait_until("a look at the bad endpoint", || {
        call();
        checks(&bad) > 0
    });
    assert_eq!(asked(&bad), 1, "no call has asked it since");
    gate.open();
    let mut looks = (checks(&bad), Instant::now());
    wait_until("the endpoint is good again, and no longer looked at", || {
        call();
        if checks(&bad) != looks.0 {
            looks = (checks(&bad), Instant::now());
        }
        looks.1.elapsed() > Duration::from_millis(2500)
    });
    assert_eq!(checks(&good), 0, "a good endpoint is left in peace");
}

#[test]
fn a_call_passes_over_endpoints_that_are_known_to_be_bad() {
    let bad = silent();
    let flaky = ScriptedServer::sequence_then(vec![success(), Reply::new(502)], success());
    let good = ScriptedServer::always(success());
    let client = in_order(&[bad.endpoint(), flaky.endpoint(), good.endpoint()]);
    get(&client, 2000).expect("the second, after the first has had its share");
    let started = Instant::now();
    get(&client, 20_000).expect("the third, because the second fails");
    get(&client, 20_000).expect("the third is pinned");
    assert!(started.elapsed() < Duration::from_secs(3), "nobody waits for the first again");
    assert_eq!((asked(&bad), asked(&flaky), asked(&good)), (1, 2, 2));
}

#[test]
fn when_all_are_bad_every_one_is_still_tried() {
    let servers = [0, 1, 2].map(|_| {
        let mut requests = 0;
        ScriptedServer::by(move |_| {
            requests += 1;
            if requests == 1 { Reply::new(502) } else { success() }
        })
    });
    let client = in_order(&servers.each_ref().map(ScriptedServer::endpoint));
    assert_eq!(get(&client, 5000).expect_err("502").list.len(), 3);
    get(&client, 5000).expect("they have recovered, and a call finds out before a look does");
}

/// A context that neither ends nor can be cancelled.
fn without_end() -> Context {
    Context::new()
}

// Promise 2: no call hangs because a server is stopped.
#[test]
fn without_a_deadline_a_frozen_endpoint_is_given_up_and_a_slow_one_is_waited_for() {
    let gate = Gate::new();
    let patient = gate.clone();
    let slow = ScriptedServer::by(move |request| match request.path() {
        "/version" => version(),
        _ => success().wait_at(Place::Start, &patient),
    });
    let (frozen, other) = (silent(), ScriptedServer::always(success()));
    let write = |server: &ScriptedServer| {
        let client = client_of(&[server.endpoint(), other.endpoint()]);
        client.create_with(Some(&without_end()), "/k", "v")
    };
    thread::scope(|scope| {
        let waiting = scope.spawn(|| write(&slow));
        let read = scope.spawn(|| {
            Client::of(&frozen.endpoint()).get_with(Some(&without_end()), "/k", &Get::default()).expect_err("frozen")
        });
        let written = write(&frozen).expect_err("frozen");
        assert_eq!((written.status, written.outcome), (ETCD_ERR_TIMEOUT, ETCD_MAYBE_APPLIED), "{written:?}");
        assert!(written.message.contains("given up"), "{written:?}");
        let read = read.join().expect("it returns");
        assert_eq!((read.status, read.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_TIMEOUT]), "{read:?}");
        assert!(!waiting.is_finished());
        gate.open();
        waiting.join().expect("it returns").expect("the slow answer counts");
    });
    let writes = |server: &ScriptedServer| server.requests().iter().filter(|request| request.method == "PUT").count();
    assert_eq!([&slow, &frozen, &other].map(writes), [1, 1, 0], "nothing is sent twice");
}

// The deadline itself ends the wait for the last one, also when another one was asked before.
#[test]
fn a_write_that_must_not_be_sent_twice_waits_for_the_last_endpoint_until_the_deadline() {
    let (refused, frozen) = (refused_endpoint(), silent());
    let client = client_of(&[refused.endpoint(), frozen.endpoint()]);
    let failure = client.create_with(Some(&Context::with_timeout_ms(800)), "/k", "v").expect_err("frozen");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_DEADLINE_EXCEEDED, ETCD_MAYBE_APPLIED), "{failure:?}");
    assert_eq!(failure.statuses(), [ETCD_ERR_CONNECT, ETCD_ERR_TIMEOUT], "{failure:?}");
    assert!(frozen.requests().iter().all(|request| request.method == "PUT"), "nobody asks whether it is alive");
}

// A stopped member costs a call at most its fair share of the deadline.
#[test]
fn a_write_that_must_not_be_sent_twice_is_given_up_at_the_end_of_the_share_of_a_dead_endpoint() {
    let (frozen, other) = (silent(), ScriptedServer::always(success()));
    let client = client_of(&[frozen.endpoint(), other.endpoint()]);
    let create = || client.create_with(Some(&Context::with_timeout_ms(3000)), "/k", "v");
    let started = Instant::now();
    let failure = create().expect_err("frozen");
    let took = started.elapsed();
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_TIMEOUT, ETCD_MAYBE_APPLIED), "{failure:?}");
    assert!(took >= Duration::from_millis(1400) && took < Duration::from_millis(2500), "half of it: {took:?}");
    assert_eq!(asked(&other), 0);
    let started = Instant::now();
    create().expect("the other endpoint");
    assert!(started.elapsed() < Duration::from_millis(700), "later calls pay nothing");
}
