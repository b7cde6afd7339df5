//! How a silent member is judged: through the quorum, and by other means where the user or the server has none of that.

use std::time::{Duration, Instant};

use etcd_test_harness::{Client, Config, Watch};
use etcd_test_support::{Place, Reply, Request, ScriptedServer, wait_until};

use crate::watching::*;

const IDLE_MS: i64 = 600;

fn quiet_watch() -> Watch {
    Watch { idle_timeout_ms: IDLE_MS, ..after(19) }
}

/// A member whose watches are quiet, and that answers questions about itself in this way.
fn member(answer: impl Fn(&Request) -> Reply + Send + 'static) -> ScriptedServer {
    ScriptedServer::by(move |request| if is_watch(request) { stream(19, &[]) } else { answer(request) })
}

fn good() -> ScriptedServer {
    ScriptedServer::by(|request| match is_check(request) {
        true => alive(30),
        false => stream(19, &[event(wait_index(request).max(20))]),
    })
}

fn health(healthy: bool) -> Reply {
    Reply::json(if healthy { 200 } else { 503 }, &format!("{{\"health\":\"{healthy}\"}}"))
}

fn asked_for(server: &ScriptedServer, path: &str) -> bool {
    server.requests().iter().any(|request| request.path() == path)
}

/// Whether a quiet watch leaves this member for another one.
fn is_left(bad: &ScriptedServer) -> bool {
    let other = good();
    let client = starting_at_first(&[bad.endpoint(), other.endpoint()]);
    let watcher = watch(&client, &quiet_watch());
    watcher.next_within(4 * IDLE_MS).is_ok()
}

#[test]
fn a_user_who_may_not_read_judges_a_member_by_its_health() {
    for (reply, leaves) in [(health(true), false), (health(false), true)] {
        let bad = member(move |request| match request.path() {
            "/health" => reply.clone(),
            _ => refusal(401, 110, 0),
        });
        assert_eq!(is_left(&bad), leaves, "left: {leaves}");
        assert!(asked_for(&bad, "/health"));
    }
}

// etcd before 2.0, or a proxy that lets only the keys through.
#[test]
fn a_member_without_health_is_trusted_when_it_refuses_the_user() {
    let member = member(|request| match request.path() {
        "/health" => Reply::new(404),
        _ => refusal(401, 110, 0),
    });
    assert!(!is_left(&member));
}

#[test]
fn a_user_who_may_read_never_asks_for_health() {
    let member = member(|_| alive(30));
    assert!(!is_left(&member));
    assert!(!asked_for(&member, "/health"));
}

#[test]
fn a_member_that_answers_but_not_through_the_quorum_is_known_to_be_cut_off() {
    let bad = ScriptedServer::by(|request| match request {
        request if is_watch(request) => stream(19, &[]),
        request if request.query().contains("quorum=true") => alive(30).stall_at(Place::Start),
        _ => Reply::etcd(200, 7, r#"{"action":"get","node":{"key":"/k","value":"old"}}"#),
    });
    let client = Config::new(&[bad.endpoint()]).refuse_isolated(true).build();
    let watcher = watch(&client, &quiet_watch());
    let _ = watcher.next_within(2 * IDLE_MS);
    wait_until("its answers are not taken", || client.get("/k").is_err());
}

// The price of a quiet watch: a few requests a minute for each member, however many watches there are.
#[test]
fn with_the_default_limit_a_quiet_member_is_asked_less_than_ten_times_a_minute() {
    let server = member(|_| alive(30));
    let client = Client::of(&server.endpoint());
    let watchers: Vec<_> = (0..20).map(|_| watch(&client, &after(19))).collect();
    let started = Instant::now();
    std::thread::scope(|scope| {
        for watcher in &watchers {
            scope.spawn(|| watcher.next_within(16_000).expect_err("nothing happens"));
        }
    });
    let checks = server.requests().iter().filter(|request| is_check(request)).count();
    assert!(started.elapsed() >= Duration::from_secs(16));
    // The first looks come soon, to know that nothing of the history is missing; then one in 7 seconds.
    assert!((2..=5).contains(&checks), "{checks} in 16 seconds");
}
