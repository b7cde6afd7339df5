//! How a silent member is judged: through the quorum, and by other means where the user or the server has none of that.

use std::time::{Duration, Instant};

use etcd_client::capi::status::*;
use etcd_test_harness::{Client, Config, Context, Get, Watch};
use etcd_test_support::{Place, Reply, Request, ScriptedServer};

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

// As a member does that is cut off from the others: it waits for them.
#[test]
fn plain_gets_of_a_member_that_cannot_show_its_majority_end_before_their_deadline_and_say_why() {
    let bad = ScriptedServer::by(|request| match request.query().contains("quorum=true") {
        true => alive(30).stall_at(Place::Start),
        false => Reply::etcd(200, 7, r#"{"action":"get","node":{"key":"/k","value":"old"}}"#),
    });
    let client = Config::new(&[bad.endpoint()]).refuse_isolated(true).request_timeout_ms(3000).build();
    for _ in 0..2 {
        let failure = client.get("/k").expect_err("it may be old");
        assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_NO_LEADER]), "{failure:?}");
        assert!(failure.message.contains("cannot show that it belongs to the majority"), "{failure:?}");
    }
    let plain = bad.requests().iter().filter(|request| request.query().contains("quorum=false")).count();
    assert_eq!(plain, 0, "what nobody may believe is not asked for");
}

// A proxy may keep a connection alive in the name of a member that has stopped.
#[test]
fn bytes_that_make_no_event_are_no_sign_of_life() {
    let lines = std::iter::repeat_n("\n".to_owned(), 1000);
    let half = event(21);
    let trickle: Vec<String> = half.chars().take(half.len() - 2).map(String::from).collect();
    let endings: [Vec<String>; 2] = [lines.collect(), trickle];
    for ending in endings {
        let (first, second) = (event(20), ending);
        let bad = ScriptedServer::by(move |request| match is_watch(request) {
            true => head(19)
                .unfinished_chunks([first.clone()].into_iter().chain(second.clone()))
                .drip(40, Duration::from_millis(100)),
            false => alive(30).stall_at(Place::Start),
        });
        let other = good();
        let client = starting_at_first(&[bad.endpoint(), other.endpoint()]);
        let watcher = watch(&client, &quiet_watch());
        assert_eq!(indexes(&watcher, 1), [20]);
        let started = Instant::now();
        assert_eq!(indexes(&watcher, 1), [21]);
        assert!(started.elapsed() < Duration::from_millis(4000), "{:?}", started.elapsed());
    }
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

// It is begun by a call that needs nothing of it, and stands still as soon as that has its answer.
#[test]
fn a_look_that_stands_still_between_calls_keeps_no_watch_from_its_questions() {
    let server = member(|request| match request.path() {
        "/v2/keys/slow" => alive(30).stall_at(Place::Start),
        _ => alive(30),
    });
    let client = Client::of(&server.endpoint());
    let context = Context::with_timeout_ms(300);
    client.get_with(Some(&context), "/slow", &Get::default()).expect_err("it is silent");
    std::thread::sleep(Duration::from_millis(700));
    let failure = client.get("/k").expect_err("an answer");
    assert_eq!(failure.api_code, 100, "{failure:?}");
    let watcher = watch(&client, &quiet_watch());
    let failure = watcher.next_within(4 * IDLE_MS).expect_err("no event");
    assert_eq!((failure.status, failure.list.len()), (ETCD_ERR_DEADLINE_EXCEEDED, 0), "{failure:?}");
    let targets: Vec<_> = server.requests().into_iter().map(|request| request.target).collect();
    let watches = server.requests().iter().filter(|request| is_watch(request)).count();
    assert_eq!(watches, 1, "one stream, which goes on: {targets:#?}");
}
