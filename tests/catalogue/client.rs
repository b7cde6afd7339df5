//! `client/client_test.go`: one request, the ring of endpoints, redirects.

use std::thread;
use std::time::{Duration, Instant};

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Context, Failure, Get};
use etcd_test_support::{Gate, Place, Reply, ScriptedServer, refused_endpoint};

use crate::scripted::{Answer, accepted, client_of, counts, of_answer};

/// Within this time a call that was cancelled has long come back, also on a busy machine.
const PROMPTLY: Duration = Duration::from_secs(5);

fn teapot() -> Reply {
    Reply::new(418).body("foo")
}

fn get_with(client: &Client, context: &Context) -> Answer {
    client.get_with(Some(context), "/k", &Get::default())
}

/// Cancels a get as soon as the server has its request, and returns the get's failure.
fn cancelled_at(server: &ScriptedServer, client: &Client) -> Failure {
    let (context, seen) = (Context::new(), server.requests().len());
    thread::scope(|scope| {
        let call = scope.spawn(|| get_with(client, &context));
        server.wait_for_requests(seen + 1);
        let cancelled = Instant::now();
        context.cancel();
        let failure = call.join().expect("it returns").expect_err("cancelled");
        assert!(cancelled.elapsed() < PROMPTLY, "{:?}", cancelled.elapsed());
        failure
    })
}

#[test]
fn simple_http_client_do_success() {
    // Any status and body reach the caller; through the keys API that is an error that shows both.
    let failure = of_answer(teapot(), |client| client.get("/k")).expect_err("no success of etcd's");
    assert_eq!((failure.status, failure.http_status), (ETCD_ERR_INVALID_RESPONSE, 418));
    assert!(failure.message.contains("HTTP 418") && failure.message.contains("'foo'"), "{}", failure.message);
}

#[test]
fn simple_http_client_do_error() {
    let refused = refused_endpoint();
    let failure = Client::of(&refused.endpoint()).get("/k").expect_err("refused");
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_CONNECT]));
    for broken in [Reply::hang_up(), Reply::reset()] {
        let failure = of_answer(broken, |client| client.get("/k")).expect_err("broken");
        assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_IO]));
    }
}

#[test]
fn simple_http_client_do_cancel_context() {
    let server = ScriptedServer::always(accepted().stall_at(Place::Start));
    let failure = cancelled_at(&server, &Client::of(&server.endpoint()));
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_CANCELED, ETCD_NOT_APPLIED));
    server.wait_for_ended(1);
}

#[test]
fn simple_http_client_do_cancel_context_response_body_closed() {
    // A context that is cancelled already. Differs from Go: the request is never sent, in Go it may be.
    let server = ScriptedServer::always(accepted());
    let (client, context) = (Client::of(&server.endpoint()), Context::new());
    context.cancel();
    assert_eq!(get_with(&client, &context).expect_err("cancelled").status, ETCD_ERR_CANCELED);
    assert_eq!(server.connections(), 0);
    // An answer that comes after the cancellation is nobody's: the next call gets its own.
    let gate = Gate::new();
    let late = Reply::json(200, r#"{"action":"get","node":{"key":"/k","value":"late"}}"#).wait_at(Place::Start, &gate);
    let server = ScriptedServer::sequence(vec![late, accepted()]);
    let client = Client::of(&server.endpoint());
    assert_eq!(cancelled_at(&server, &client).status, ETCD_ERR_CANCELED);
    gate.open();
    assert_eq!(client.get("/k").expect("its own answer").value(), "bar");
    server.wait_for_ended(1);
}

#[test]
fn simple_http_client_do_cancel_context_response_body_closed_with_blocking_body() {
    let server = ScriptedServer::always(accepted().stall_at(Place::MidBody));
    let failure = cancelled_at(&server, &Client::of(&server.endpoint()));
    // Differs from Go, which returns the bare context error: the list says where the call was.
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CANCELED, vec![ETCD_ERR_CANCELED]));
    assert_eq!(failure.endpoint, Some(server.endpoint()));
    server.wait_for_ended(1);
}

#[test]
fn simple_http_client_do_cancel_context_wait_for_round_trip() {
    // Nothing of a cancelled request goes on behind the caller's back: each connection is over, one after the other.
    let server = ScriptedServer::always(accepted().stall_at(Place::Start));
    let client = Client::of(&server.endpoint());
    for count in 1..=20 {
        assert_eq!(cancelled_at(&server, &client).status, ETCD_ERR_CANCELED);
        server.wait_for_ended(count);
        assert_eq!((server.connections(), server.open_connections()), (count, 0));
    }
    client.close(10_000).expect("nothing is left to wait for");
}

#[test]
fn simple_http_client_do_header_timeout() {
    let server = ScriptedServer::always(accepted().stall_at(Place::Start));
    let started = Instant::now();
    let failure = Config::new(&[server.endpoint()]).header_timeout_ms(1).build().get("/k").expect_err("no headers");
    assert!(started.elapsed() < PROMPTLY, "{:?}", started.elapsed());
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_TIMEOUT]));
    assert!(failure.message.contains("header timeout"), "{}", failure.message);
}

#[test]
fn http_cluster_client_do() {
    let broken = Reply::hang_up;
    // 1. The first good response ends the call. It is a refusal here; that counts as an answer too.
    let servers = [ScriptedServer::always(teapot()), ScriptedServer::always(broken())];
    let client = client_of(&servers[0].endpoint(), &servers[1].endpoint());
    assert_eq!(client.get("/k").expect_err("a teapot").http_status, 418);
    assert_eq!(counts(&servers), [1, 0]);
    // 2. After any error the second endpoint is asked, and it is pinned.
    let servers = [ScriptedServer::always(broken()), ScriptedServer::always(teapot())];
    let client = client_of(&servers[0].endpoint(), &servers[1].endpoint());
    for asked in [[1, 1], [1, 2]] {
        assert_eq!(client.get("/k").expect_err("a teapot").http_status, 418);
        assert_eq!(counts(&servers), asked);
    }
    // 3. A cancelled context ends the call, and the pin stays.
    let servers = [
        ScriptedServer::sequence(vec![accepted().stall_at(Place::Start), accepted()]),
        ScriptedServer::always(teapot()),
    ];
    let client = client_of(&servers[0].endpoint(), &servers[1].endpoint());
    assert_eq!(cancelled_at(&servers[0], &client).status, ETCD_ERR_CANCELED);
    assert_eq!(counts(&servers), [1, 0]);
    client.get("/k").expect("the first endpoint answers now");
    assert_eq!(counts(&servers), [2, 0]);
    // 4. No endpoints. Differs from Go: a client without any cannot be made, so they cannot be taken away either.
    assert_eq!(client.set_endpoints(&[]).expect_err("no endpoints").status, ETCD_ERR_NO_ENDPOINTS);
    // 5. Both endpoints fail: a cluster error with both causes.
    let servers = [ScriptedServer::always(broken()), ScriptedServer::always(broken())];
    let client = client_of(&servers[0].endpoint(), &servers[1].endpoint());
    let failure = client.get("/k").expect_err("both fail");
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_IO, ETCD_ERR_IO]));
    assert_eq!(counts(&servers), [1, 1]);
    // 6. An error of the 500s is as good as no answer.
    let servers = [ScriptedServer::always(Reply::new(502)), ScriptedServer::always(teapot())];
    let client = client_of(&servers[0].endpoint(), &servers[1].endpoint());
    for asked in [[1, 1], [1, 2]] {
        assert_eq!(client.get("/k").expect_err("a teapot").http_status, 418);
        assert_eq!(counts(&servers), asked);
    }
    // 7. A one-shot call fails with it, and the next call starts at the second endpoint. Differs from Go: the text has
    // the number too, and the error says that the write may have happened.
    let servers = [ScriptedServer::always(Reply::new(502)), ScriptedServer::always(teapot())];
    let client = client_of(&servers[0].endpoint(), &servers[1].endpoint());
    let failure = client.create("/k", "v").expect_err("502");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_HTTP_STATUS, ETCD_MAYBE_APPLIED));
    assert!(failure.message.contains("returns server error [HTTP 502 Bad Gateway]"), "{}", failure.message);
    assert_eq!(counts(&servers), [1, 0]);
    assert_eq!(client.create("/k", "v").expect_err("a teapot").http_status, 418);
    assert_eq!(counts(&servers), [1, 1]);
}

#[test]
fn http_cluster_client_do_deadline_exceed_context() {
    let server = ScriptedServer::always(accepted().stall_at(Place::Start));
    let started = Instant::now();
    let context = Context::with_timeout_ms(1);
    let failure = get_with(&Client::of(&server.endpoint()), &context).expect_err("too late");
    assert!(started.elapsed() < PROMPTLY, "{:?}", started.elapsed());
    assert_eq!((failure.status, context.status()), (ETCD_ERR_DEADLINE_EXCEEDED, ETCD_ERR_DEADLINE_EXCEEDED));
}

#[test]
fn http_cluster_client_do_canceled_context() {
    let server = ScriptedServer::always(accepted().stall_at(Place::Start));
    let context = Context::new();
    context.cancel();
    let failure = get_with(&Client::of(&server.endpoint()), &context).expect_err("cancelled");
    assert_eq!((failure.status, context.status()), (ETCD_ERR_CANCELED, ETCD_ERR_CANCELED));
}

fn redirect(location: &str) -> Reply {
    Reply::new(307).header("Location", location)
}

/// A server that redirects to itself so many times, and then answers.
fn redirecting(times: usize) -> ScriptedServer {
    ScriptedServer::sequence_then(vec![redirect("/again"); times], accepted())
}

fn followed(server: &ScriptedServer, max: i32) -> Answer {
    Config::new(&[server.endpoint()]).max_redirects(max).build().get("/k")
}

/// The failure of the only endpoint.
fn only(answer: Answer) -> (i32, String) {
    let failure = answer.expect_err("refused");
    assert_eq!((failure.status, failure.list.len()), (ETCD_ERR_CLUSTER, 1), "{failure:?}");
    (failure.list[0].status, failure.list[0].message.clone())
}

#[test]
fn redirected_http_action() {
    let target = ScriptedServer::always(accepted());
    let server = ScriptedServer::always(redirect(&format!("{}/pong", target.endpoint())));
    Client::of(&server.endpoint()).delete("/ping").expect("followed");
    let (asked, followed) = (server.requests().remove(0), target.requests().remove(0));
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("DELETE", "/v2/keys/ping"));
    assert_eq!((followed.method.as_str(), followed.target.as_str()), ("DELETE", "/pong"));
    // Differs from Go, which sends the Host of the first server to the second one.
    assert_eq!(followed.header("host"), Some(target.address().to_string().as_str()));
}

#[test]
fn redirect_following_http_client() {
    // 1. Errors come through.
    let server = ScriptedServer::always(Reply::hang_up());
    assert_eq!(only(followed(&server, 0)).0, ETCD_ERR_IO);
    // 2. Nothing to follow.
    let server = redirecting(0);
    followed(&server, 0).expect("answered");
    assert_eq!(server.requests().len(), 1);
    // 3. Fewer than the limit, and 4. exactly at it.
    for (times, max) in [(1, 2), (2, 2)] {
        let server = redirecting(times);
        followed(&server, max).expect("answered");
        assert_eq!(server.requests().len(), times + 1);
    }
    // 5. One too many.
    let server = redirecting(2);
    assert_eq!(only(followed(&server, 1)).0, ETCD_ERR_TOO_MANY_REDIRECTS);
    assert_eq!(server.requests().len(), 2);
    // 6. Without a Location, and 7. with an invalid one.
    let server = ScriptedServer::always(Reply::new(307));
    let (status, message) = only(followed(&server, 10));
    assert!(status == ETCD_ERR_BAD_REDIRECT && message.contains("Location"), "{message}");
    let server = ScriptedServer::always(redirect(":"));
    let (status, message) = only(followed(&server, 10));
    assert!(status == ETCD_ERR_BAD_REDIRECT && message.contains("':'"), "{message}");
    // 8. For ever, with every redirect allowed.
    let server = redirecting(1000);
    assert_eq!(only(followed(&server, i32::MAX)).0, ETCD_ERR_TOO_MANY_REDIRECTS);
    assert_eq!(server.requests().len(), 100);
}

#[test]
fn default_check_redirect() {
    for (times, is_allowed) in [(0, true), (5, true), (10, true), (11, false), (29, false)] {
        let server = redirecting(times);
        let answer = Client::of(&server.endpoint()).get("/k");
        assert_eq!(answer.is_ok(), is_allowed, "{times} redirects");
        assert_eq!(server.requests().len(), times.min(10) + 1);
        if !is_allowed {
            assert_eq!(only(answer).0, ETCD_ERR_TOO_MANY_REDIRECTS);
        }
    }
}

#[test]
fn http_cluster_client_get_version() {
    let server = ScriptedServer::always(Reply::json(200, r#"{"etcdserver":"2.3.2","etcdcluster":"2.3.0"}"#));
    let version = Client::of(&server.endpoint()).version().expect("a version");
    assert_eq!(version, ("2.3.2".to_owned(), "2.3.0".to_owned()));
    let request = server.requests().remove(0);
    assert_eq!((request.method.as_str(), request.path()), ("GET", "/version"));
}

#[test]
fn http_cluster_client_reset_fail() {
    let client = Client::of("http://127.0.0.1:1");
    // At least one endpoint, and only valid URLs.
    for (endpoints, status) in [(vec![], ETCD_ERR_NO_ENDPOINTS), (vec![":".to_owned()], ETCD_ERR_INVALID_ARGUMENT)] {
        assert_eq!(client.set_endpoints(&endpoints).expect_err("refused").status, status, "{endpoints:?}");
        assert_eq!(client.endpoints(), ["http://127.0.0.1:1"], "the old ones stay");
    }
}

#[test]
fn http_cluster_client_reset_pin_random() {
    // Go does 2000 rounds; with 4000 the five percent are 6.7 standard deviations, and chance fails 1 run in 10^10.
    const ROUNDS: u32 = 4000;
    let endpoints = [1, 2, 3].map(|port| format!("http://127.0.0.1:400{port}"));
    let client = Client::of("http://127.0.0.1:1");
    let mut first = [0_u32; 3];
    for _ in 0..ROUNDS {
        client.set_endpoints(&endpoints).expect("replaced");
        let pinned = client.endpoints().remove(0);
        first[endpoints.iter().position(|endpoint| *endpoint == pinned).expect("one of them")] += 1;
    }
    for count in first {
        let share = f64::from(count) / f64::from(ROUNDS);
        assert!((share - 1.0 / 3.0).abs() < 0.05, "{first:?}");
    }
}
