//! Connections: kept, shared, found dead, and never the reason that a call fails.

use std::thread;

use etcd_client::capi::status::*;
use etcd_test_harness::{Client, Config, Context, Get};
use std::io::{Read, Write};

use etcd_test_support::tls_server::{ANSWER, answer_all, read_request};
use etcd_test_support::{Place, RawServer, Reply, ScriptedServer};

use crate::operations::{OPERATIONS, success};
use crate::tls_connections;

#[test]
fn one_thread_uses_one_connection() {
    let server = ScriptedServer::always(success());
    let client = Client::of(&server.endpoint());
    for operation in OPERATIONS {
        operation.run(&client).expect(operation.name);
    }
    assert_eq!(server.connections(), 1);
}

// Go re-sends on a fresh connection; naive lanes failed 200 of 200 here.
#[test]
fn a_connection_that_the_server_closed_while_it_rested_fails_no_call() {
    let server = ScriptedServer::always(success());
    let client = Client::of(&server.endpoint());
    for round in 0..4 {
        for operation in OPERATIONS {
            server.close_idle_connections();
            operation.run(&client).unwrap_or_else(|failure| panic!("round {round}, {}: {failure:?}", operation.name));
        }
    }
    assert_eq!(server.requests().len(), 4 * OPERATIONS.len(), "nothing was sent twice");
}

#[test]
fn a_connection_that_the_server_closes_with_its_answer_is_not_used_again() {
    for reply in [success().closing(), success().close_at(Place::End)] {
        let server = ScriptedServer::always(reply);
        let client = Client::of(&server.endpoint());
        for operation in OPERATIONS {
            operation.run(&client).unwrap_or_else(|failure| panic!("{}: {failure:?}", operation.name));
            server.wait_for_ended(server.connections());
        }
        assert_eq!(server.requests().len(), OPERATIONS.len());
    }
}

// The connection dies between the look and the answer: only what may be sent twice is sent again.
#[test]
fn a_reused_connection_that_breaks_is_tried_afresh_only_for_what_may_be_sent_twice() {
    for operation in OPERATIONS {
        let server = ScriptedServer::sequence_then(vec![success(), Reply::hang_up()], success());
        let client = Client::of(&server.endpoint());
        client.get("/warm").expect("a warm connection");
        let result = operation.run(&client);
        assert_eq!(result.is_ok(), operation.may_resend(), "{}: {result:?}", operation.name);
        let expected = if operation.may_resend() { 3 } else { 2 };
        assert_eq!(server.requests().len(), expected, "{}", operation.name);
        if let Err(failure) = result {
            assert_eq!((failure.status, failure.outcome), (ETCD_ERR_IO, ETCD_MAYBE_APPLIED), "{}", operation.name);
        }
    }
}

#[test]
fn a_truncated_answer_is_no_answer() {
    let truncated = [
        success().close_at(Place::MidBody),
        success().close_at(Place::MidHead),
        Reply::etcd(200, 1, "").unfinished_chunks(["{\"action\":"]).close_at(Place::End),
    ];
    for reply in truncated {
        for operation in OPERATIONS {
            let server = ScriptedServer::always(reply.clone());
            let failure = operation.run(&Client::of(&server.endpoint())).expect_err(operation.name);
            let expected = if operation.may_resend() { ETCD_ERR_CLUSTER } else { ETCD_ERR_IO };
            assert_eq!(
                (failure.status, failure.outcome),
                (expected, operation.outcome_when_unknown()),
                "{}",
                operation.name
            );
        }
    }
}

#[test]
fn every_cut_of_an_answer_is_noticed() {
    let body = r#"{"action":"get","node":{"key":"/k","value":"v"}}"#;
    let whole = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    for end in 0..whole.len() {
        let server = ScriptedServer::always(Reply::raw(whole.as_bytes()[..end].to_vec()).close_at(Place::End));
        let failure = Client::of(&server.endpoint()).create("/k", "v").expect_err("cut off");
        assert_eq!(
            (failure.status, failure.outcome),
            (ETCD_ERR_IO, ETCD_MAYBE_APPLIED),
            "after {end} bytes: {failure:?}"
        );
    }
}

#[test]
fn what_is_not_http_is_said_to_be_no_etcd() {
    for garbage in ["SSH-2.0-OpenSSH_9.2\r\n", "\x15\x01\x00\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n"] {
        let server = ScriptedServer::always(Reply::raw(garbage).close_at(Place::End));
        let failure = Client::of(&server.endpoint()).get("/k").expect_err("garbage");
        assert_eq!(
            (failure.status, failure.statuses()),
            (ETCD_ERR_CLUSTER, vec![ETCD_ERR_INVALID_RESPONSE]),
            "{garbage:?}"
        );
        assert!(failure.message.contains("is it an etcd client port?"), "{}", failure.message);
    }
}

#[test]
fn endless_headers_end() {
    let mut head = String::from("HTTP/1.1 200 OK\r\n");
    for number in 0..100_000 {
        head.push_str(&format!("X-Header-{number}: {}\r\n", "x".repeat(50)));
    }
    let server = ScriptedServer::always(Reply::raw(head));
    let failure = Client::of(&server.endpoint()).get("/k").expect_err("endless headers");
    assert_eq!(failure.statuses(), [ETCD_ERR_INVALID_RESPONSE], "{failure:?}");
}

#[test]
fn an_answer_that_announces_more_than_the_limit_is_refused_unread() {
    let reply = Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n{").stall_at(Place::End);
    let servers = [ScriptedServer::always(reply.clone()), ScriptedServer::always(reply)];
    let failure = Client::of_all(&[servers[0].endpoint(), servers[1].endpoint()]).get("/k").expect_err("too large");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_TOO_LARGE, ETCD_NOT_APPLIED), "{failure:?}");
}

#[test]
fn answers_in_many_small_pieces_are_put_together() {
    let value = "x".repeat(20_000);
    let body = format!(r#"{{"action":"get","node":{{"key":"/k","value":"{value}"}}}}"#);
    let pieces: Vec<String> =
        body.as_bytes().chunks(777).map(|piece| String::from_utf8_lossy(piece).into_owned()).collect();
    for reply in
        [Reply::etcd(200, 1, &body).drip(4096, std::time::Duration::ZERO), Reply::etcd(200, 1, "").chunks(pieces)]
    {
        let server = ScriptedServer::always(reply);
        assert_eq!(Client::of(&server.endpoint()).get("/k").expect("an answer").value(), value);
    }
}

#[test]
fn sixteen_threads_share_a_client() {
    let server = ScriptedServer::by(|request| {
        let key = request.path().trim_start_matches("/v2/keys").to_owned();
        Reply::etcd(200, 1, &format!(r#"{{"action":"get","node":{{"key":"{key}","value":"{key}"}}}}"#))
    });
    let client = Client::of(&server.endpoint());
    thread::scope(|scope| {
        for number in 0..16 {
            let client = &client;
            scope.spawn(move || {
                for round in 0..15 {
                    let key = format!("/t{number}/{round}");
                    assert_eq!(client.get(&key).expect("an answer").value(), key, "each call gets its own answer");
                }
            });
        }
    });
    assert!(server.connections() <= 16, "{} connections", server.connections());
}

#[test]
fn more_calls_than_lanes_all_wait_and_all_come_back() {
    let server = ScriptedServer::always(success().stall_at(Place::Start));
    let client = Config::new(&[server.endpoint()]).build();
    let context = Context::new();
    thread::scope(|scope| {
        let calls: Vec<_> = (0..100)
            .map(|_| scope.spawn(|| client.get_with(Some(&context), "/k", &Get::default()).expect_err("cancelled")))
            .collect();
        server.wait_for_requests(100);
        context.cancel();
        assert!(calls.into_iter().all(|call| call.join().expect("it returns").status == ETCD_ERR_CANCELED));
    });
    server.wait_for_ended(100);
}

/// Answers the first request with a large body, and with another answer behind it.
fn answer_twice(stream: &mut (impl Read + Write)) {
    if read_request(stream).is_some() {
        let body = ANSWER.split_once("\r\n\r\n").expect("a body").1.replace("bar", &"x".repeat(70_000));
        let unasked = ANSWER.replace("bar", "not");
        let both = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}{unasked}", body.len());
        let _ = stream.write_all(both.as_bytes()).and_then(|()| stream.flush());
        answer_all(stream);
    }
}

// A large body is read to its end and no further, so that what comes behind it is not seen with it.
#[test]
fn an_answer_behind_a_large_one_is_not_taken_for_the_next_one() {
    let plain = RawServer::start(|_, mut stream| answer_twice(&mut stream));
    let (authority, encrypted) = tls_connections::server(|_, mut stream| answer_twice(&mut stream));
    for client in [Client::of(&plain.http()), tls_connections::client(&authority, &encrypted)] {
        for round in 0..20 {
            assert_eq!(client.get("/foo").expect("answered").value().len(), 70_000, "round {round}");
            assert_eq!(client.create("/foo", "bar").expect("answered").value().len(), 70_000, "a fresh one");
            assert_eq!(client.get("/foo").expect("answered").value().len(), 70_000, "round {round}");
        }
    }
}

// It takes some of the request, says no, and resets the connection since it does not take the rest.
#[test]
fn a_refusal_is_heard_though_the_rest_of_the_request_meets_a_reset() {
    fn refuse(number: usize, stream: &mut (impl Read + Write)) {
        if stream.read_exact(&mut vec![0; 10_000 * (number + 1)]).is_ok() {
            let body = r#"{"errorCode":413,"message":"too large","cause":"","index":0}"#;
            let head = format!("HTTP/1.1 413 Too Large\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all((head + body).as_bytes()).and_then(|()| stream.flush());
        }
    }
    let plain = RawServer::start(|number, mut stream| refuse(number, &mut stream));
    let (authority, encrypted) = tls_connections::server(|number, mut stream| refuse(number, &mut stream));
    let value = "x".repeat(4 << 20);
    for client in [Client::of(&plain.http()), tls_connections::client(&authority, &encrypted)] {
        for round in 0..50 {
            let failure = client.create("/foo", &value).expect_err("refused");
            assert_eq!((failure.http_status, failure.outcome), (413, ETCD_NOT_APPLIED), "round {round}: {failure:?}");
        }
    }
}
