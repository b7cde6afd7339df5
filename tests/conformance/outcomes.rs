//! Whether a write happened: told by the error object alone, and never wrongly.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use etcd_client::capi::status::*;
use etcd_test_harness::{Client, Config, Context, Set};
use etcd_test_support::{Place, Reply, ScriptedServer, refused_endpoint};

use crate::operations::{OPERATIONS, success, timed_out};

#[test]
fn nothing_sent_is_not_applied() {
    let refused = refused_endpoint();
    for operation in OPERATIONS {
        let failure = operation.run(&Client::of(&refused.endpoint())).expect_err(operation.name);
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_CLUSTER, ETCD_NOT_APPLIED), "{}", operation.name);
        assert_eq!(failure.statuses(), [ETCD_ERR_CONNECT], "{}", operation.name);
    }
}

#[test]
fn what_etcd_refused_is_not_applied() {
    let refusal =
        Reply::etcd(412, 9, r#"{"errorCode":101,"message":"Compare failed","cause":"[one != two]","index":9}"#);
    for operation in OPERATIONS {
        let server = ScriptedServer::always(refusal.clone());
        let failure = operation.run(&Client::of(&server.endpoint())).expect_err(operation.name);
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_API, ETCD_NOT_APPLIED), "{}", operation.name);
    }
}

// A set that may have been applied at the first endpoint stays so, whatever the second one says of its own try.
#[test]
fn a_later_refusal_does_not_talk_an_earlier_attempt_away() {
    let refusal = Reply::etcd(400, 9, r#"{"errorCode":104,"message":"Not a directory","cause":"/k","index":9}"#);
    let servers = [ScriptedServer::always(Reply::hang_up()), ScriptedServer::always(refusal)];
    let endpoints = [servers[0].endpoint(), servers[1].endpoint()];
    let client = Client::starting_at_first(|| Config::new(&endpoints), &endpoints[0]);
    let failure = client.set("/k/x", "v").expect_err("refused");
    assert_eq!(
        (failure.status, failure.api_code, failure.outcome),
        (ETCD_ERR_API, ETCD_API_NOT_DIR, ETCD_MAYBE_APPLIED)
    );
    assert_eq!(failure.statuses(), [ETCD_ERR_IO]);
}

#[test]
fn a_set_that_failed_everywhere_may_have_been_applied_where_it_was_sent() {
    let refused = refused_endpoint();
    let server = ScriptedServer::always(Reply::hang_up());
    let failure = Client::of_all(&[refused.endpoint(), server.endpoint()]).set("/k", "v").expect_err("nobody answers");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_CLUSTER, ETCD_MAYBE_APPLIED));
    let outcome_at = |endpoint: String| {
        failure.list.iter().find(|entry| entry.endpoint.as_ref() == Some(&endpoint)).map(|entry| entry.outcome)
    };
    assert_eq!(outcome_at(refused.endpoint()), Some(ETCD_NOT_APPLIED));
    assert_eq!(outcome_at(server.endpoint()), Some(ETCD_MAYBE_APPLIED));
}

// The set goes out over a kept connection that breaks, and the second try finds the server gone: nothing was sent by the
// second try, and the first may have been carried out all the same.
#[test]
fn a_second_try_that_sent_nothing_does_not_talk_the_first_away() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        read_request(&mut stream);
        let body = r#"{"action":"get","node":{"key":"/k","value":"v"}}"#;
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).expect("an answer");
        read_request(&mut stream);
        // The listener first, so that the second try is refused.
        drop(listener);
    });
    let client = Client::of(&endpoint);
    client.get("/k").expect("an answer");
    let failure = client.set("/k", "v").expect_err("the server is gone");
    server.join().expect("the server ends");
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_CONNECT]));
    assert_eq!((failure.outcome, failure.list[0].outcome), (ETCD_MAYBE_APPLIED, ETCD_MAYBE_APPLIED));
}

/// Reads up to the end of a request whose body, if it has one, comes in the same piece.
fn read_request(stream: &mut TcpStream) {
    let mut received = Vec::new();
    let mut piece = [0; 1024];
    while !received.windows(4).any(|window| window == b"\r\n\r\n") {
        let count = stream.read(&mut piece).expect("a request");
        received.extend_from_slice(&piece[..count]);
    }
}

#[test]
fn a_one_shot_write_lists_the_endpoints_that_it_never_reached_too() {
    let refused = refused_endpoint();
    let server = ScriptedServer::always(timed_out());
    let endpoints = [refused.endpoint(), server.endpoint()];
    let client = Client::starting_at_first(|| Config::new(&endpoints), &endpoints[0]);
    let failure = client.create_in_order("/queue", "job", None).expect_err("unsure");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_HTTP_STATUS, ETCD_MAYBE_APPLIED));
    assert_eq!(failure.statuses(), [ETCD_ERR_CONNECT, ETCD_ERR_HTTP_STATUS]);
}

#[test]
fn a_success_that_cannot_be_read_may_have_been_applied() {
    for (reply, status) in
        [(Reply::json(200, "<html>"), ETCD_ERR_INVALID_RESPONSE), (Reply::new(201), ETCD_ERR_EMPTY_BODY)]
    {
        for operation in OPERATIONS {
            let server = ScriptedServer::always(reply.clone());
            let failure = operation.run(&Client::of(&server.endpoint())).expect_err(operation.name);
            assert_eq!(
                (failure.status, failure.outcome),
                (status, operation.outcome_when_unknown()),
                "{}",
                operation.name
            );
        }
    }
}

#[test]
fn a_write_whose_answer_only_has_a_bad_header_was_applied() {
    let reply =
        Reply::json(201, r#"{"action":"create","node":{"key":"/k","value":"v"}}"#).header("X-Etcd-Index", "soon");
    let server = ScriptedServer::always(reply);
    let failure = Client::of(&server.endpoint()).create("/k", "v").expect_err("a bad header");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_INVALID_RESPONSE, ETCD_APPLIED));
}

// The request itself is cut off: the server has read only a part of it, and the deadline passes.
#[test]
fn a_request_that_went_out_in_part_may_have_been_applied() {
    let server = ScriptedServer::greeting(etcd_test_support::Welcome::NeverRead);
    let client = Client::of(&server.endpoint());
    let context = Context::with_timeout_ms(2000);
    let large = "x".repeat(9 << 20);
    let failure = client
        .set_with(Some(&context), "/k", &large, &Set { prev_index: 1, ..Set::default() })
        .expect_err("never read");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_DEADLINE_EXCEEDED, ETCD_MAYBE_APPLIED));
}

// The program's question: nobody answered, deadline, cancelled, refused, not etcd - and did my write happen?
#[test]
fn the_error_object_alone_tells_the_kinds_of_failure_apart() {
    let refused = refused_endpoint();
    let unreachable = Client::of(&refused.endpoint()).create("/k", "v").expect_err("nobody");
    let silent = ScriptedServer::always(success().stall_at(Place::Start));
    let late =
        Client::of(&silent.endpoint()).create_with(Some(&Context::with_timeout_ms(50)), "/k", "v").expect_err("late");
    let cancelled_context = Context::new();
    cancelled_context.cancel();
    let cancelled =
        Client::of(&silent.endpoint()).create_with(Some(&cancelled_context), "/k", "v").expect_err("cancelled");
    let refusing = ScriptedServer::always(Reply::etcd(
        412,
        9,
        r#"{"errorCode":101,"message":"Compare failed","cause":"[x != y]","index":9}"#,
    ));
    let compared = Client::of(&refusing.endpoint()).create("/k", "v").expect_err("refused");
    let web =
        ScriptedServer::always(Reply::new(404).header("Content-Type", "text/html").body("<html>nothing here</html>"));
    let stranger = Client::of(&web.endpoint()).create("/k", "v").expect_err("not etcd");
    let told = [&unreachable, &late, &cancelled, &compared, &stranger].map(|failure| (failure.status, failure.outcome));
    let expected = [
        (ETCD_ERR_CLUSTER, ETCD_NOT_APPLIED),
        (ETCD_ERR_DEADLINE_EXCEEDED, ETCD_MAYBE_APPLIED),
        (ETCD_ERR_CANCELED, ETCD_NOT_APPLIED),
        (ETCD_ERR_API, ETCD_NOT_APPLIED),
        (ETCD_ERR_INVALID_RESPONSE, ETCD_MAYBE_APPLIED),
    ];
    assert_eq!(told, expected);
    assert_eq!(compared.api_cause.as_deref(), Some("[x != y]"));
    assert!(stranger.message.contains("probably not etcd"), "{}", stranger.message);
}

// etcd gives this code with HTTP 500; a proxy may change that, and the code still says that nothing was decided.
#[test]
fn an_undecided_write_stays_undecided_whatever_http_status_it_comes_with() {
    let reply = Reply::etcd(400, 9, r#"{"errorCode":300,"message":"Raft Internal Error","index":9}"#);
    for operation in OPERATIONS {
        let server = ScriptedServer::always(reply.clone());
        let failure = operation.run(&Client::of(&server.endpoint())).expect_err(operation.name);
        let told = (failure.status, failure.api_code, failure.outcome);
        assert_eq!(
            told,
            (ETCD_ERR_API, ETCD_API_RAFT_INTERNAL, operation.outcome_when_unknown()),
            "{}",
            operation.name
        );
    }
}

// The first copy of a set goes out over a kept connection that breaks; whatever the second copy is told, the first may
// have been carried out.
#[test]
fn the_answer_to_a_second_copy_does_not_talk_the_first_away() {
    let refusal = Reply::etcd(400, 9, r#"{"errorCode":104,"message":"Not a directory","cause":"/k","index":9}"#);
    let refused = refused_endpoint();
    let elsewhere = Reply::new(307).header("Location", &format!("{}/v2/keys/k", refused.endpoint()));
    let cases = [(refusal, ETCD_ERR_API), (elsewhere, ETCD_ERR_CLUSTER), (Reply::v2_off(), ETCD_ERR_API_NOT_SERVED)];
    for (second, status) in cases {
        let server = ScriptedServer::sequence_then(vec![success(), Reply::hang_up()], second);
        let client = Client::of(&server.endpoint());
        client.get("/warm").expect("a warm connection");
        let failure = client.set("/k", "v").expect_err("the second copy fails");
        assert_eq!((failure.status, failure.outcome), (status, ETCD_MAYBE_APPLIED), "{failure:?}");
        assert!(server.requests().len() >= 3, "both copies were sent");
    }
}
