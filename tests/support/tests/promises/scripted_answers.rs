//! Correct answers: what they look like on the wire, and in which order a script gives them.

use etcd_test_support::{Oracle, Place, Reply, ScriptedServer};

use crate::wire::{End, GET, Wire};

const OK_A: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
const OK_B: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb";
const OK_C: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nc";

fn ok(body: &str) -> Reply {
    Reply::new(200).body(body)
}

#[test]
fn always_gives_the_same_reply_on_one_connection() {
    let server = ScriptedServer::always(ok("a"));
    Wire::to(&server).expect(OK_A).expect(OK_A).expect(OK_A);
    assert_eq!((server.connections(), server.requests().len()), (1, 3));
}

#[test]
fn a_sequence_repeats_its_last_reply() {
    let server = ScriptedServer::sequence(vec![ok("a"), ok("b")]);
    Wire::to(&server).expect(OK_A).expect(OK_B).expect(OK_B);
}

#[test]
fn a_sequence_goes_over_to_its_default() {
    let server = ScriptedServer::sequence_then(vec![ok("a"), ok("b")], ok("c"));
    Wire::to(&server).expect(OK_A);
    Wire::to(&server).expect(OK_B).expect(OK_C).expect(OK_C);
}

#[test]
fn a_function_sees_the_request_that_it_answers() {
    let server = ScriptedServer::by(|request| ok(request.path()));
    assert_eq!(Oracle::new(server.endpoint()).get("/somewhere?x=1").text(), "/somewhere");
}

#[test]
fn an_etcd_reply_has_the_headers_of_etcd() {
    let server = ScriptedServer::always(Reply::etcd(201, 7, r#"{"action":"set"}"#));
    let answer = Oracle::new(server.endpoint()).get("/v2/keys/foo");
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("X-Etcd-Index"), Some("7"));
    assert_eq!(answer.header("X-Etcd-Cluster-Id"), Some("cdf818194e3a8c32"));
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    assert_eq!(answer.json()["action"], "set");
}

#[test]
fn v2_off_is_what_go_says_for_an_unknown_path() {
    let server = ScriptedServer::always(Reply::v2_off());
    let answer = Oracle::new(server.endpoint()).get("/v2/keys/foo");
    assert_eq!((answer.status, answer.text()), (404, "404 page not found\n"));
    assert_eq!(answer.header("X-Content-Type-Options"), Some("nosniff"));
    assert_eq!(answer.header("Content-Type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn headers_keep_their_order_and_their_spelling() {
    let server = ScriptedServer::always(Reply::new(503).header("X-B", "1").header("x-a", "2").header("X-B", "3"));
    Wire::to(&server)
        .expect("HTTP/1.1 503 Service Unavailable\r\nX-B: 1\r\nx-a: 2\r\nX-B: 3\r\nContent-Length: 0\r\n\r\n");
}

#[test]
fn a_given_content_length_takes_the_place_of_the_right_one() {
    let server = ScriptedServer::always(ok("abc").header("content-length", "99").close_at(Place::End));
    let (answer, end) = Wire::to(&server).send(GET).read_to_end();
    assert_eq!((answer.as_str(), end), ("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nabc", End::Fin));
}

#[test]
fn an_answer_without_a_body_by_its_status_has_no_length() {
    let server = ScriptedServer::always(Reply::new(204));
    Wire::to(&server).expect("HTTP/1.1 204 No Content\r\n\r\n").expect("HTTP/1.1 204 No Content\r\n\r\n");
}

#[test]
fn the_answer_to_a_head_has_the_length_but_not_the_body() {
    let server = ScriptedServer::always(ok("abc"));
    let mut wire = Wire::to(&server);
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
    wire.send(b"HEAD / HTTP/1.1\r\n\r\n");
    assert_eq!(wire.read(head.len()), head);
    wire.expect("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
}

#[test]
fn chunks_arrive_as_they_were_given() {
    let server = ScriptedServer::always(Reply::new(200).chunks(["abc", "0123456789abcdef"]));
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    Wire::to(&server).expect(&format!("{head}3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"));
    assert_eq!(Oracle::new(server.endpoint()).get("/").text(), "abc0123456789abcdef");
}

#[test]
fn a_body_without_length_ends_with_the_connection() {
    let server = ScriptedServer::always(Reply::new(200).body_until_close("abc"));
    let (answer, end) = Wire::to(&server).send(GET).read_to_end();
    assert_eq!((answer.as_str(), end), ("HTTP/1.1 200 OK\r\n\r\nabc", End::Fin));
    assert_eq!(Oracle::new(server.endpoint()).get("/").text(), "abc");
}

#[test]
fn raw_bytes_are_sent_as_they_are() {
    let server = ScriptedServer::always(Reply::raw("HTTP/9 what\n\n\r"));
    Wire::to(&server).expect("HTTP/9 what\n\n\r").expect("HTTP/9 what\n\n\r");
}

#[test]
fn a_large_answer_arrives_whole() {
    let body = "0123456789".repeat(1_000_000);
    let server = ScriptedServer::always(ok(&body));
    assert!(Oracle::new(server.endpoint()).get("/").text() == body);
}
