//! Answers that go wrong at a chosen place.

use std::time::{Duration, Instant};

use etcd_test_support::{Gate, Place, Reply, ScriptedServer};

use crate::wire::{End, GET, Wire};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n";

fn answer() -> Reply {
    Reply::new(200).body("abcdef")
}

/// What one client gets on one connection, to its end.
fn outcome(reply: Reply) -> (String, End) {
    Wire::to(&ScriptedServer::always(reply)).send(GET).read_to_end()
}

#[test]
fn a_connection_closes_without_an_answer() {
    assert_eq!(outcome(Reply::hang_up()), (String::new(), End::Fin));
}

#[test]
fn a_connection_is_reset_without_an_answer() {
    assert_eq!(outcome(Reply::reset()), (String::new(), End::Reset));
}

#[test]
fn an_answer_is_cut_at_each_place() {
    let whole = format!("{HEAD}abcdef");
    let places = [
        (Place::Start, 0),
        (Place::MidHead, HEAD.len() / 2),
        (Place::AfterHead, HEAD.len()),
        (Place::MidBody, HEAD.len() + 3),
        (Place::AfterBytes(5), 5),
        (Place::End, whole.len()),
    ];
    for (place, count) in places {
        assert_eq!(outcome(answer().close_at(place)), (whole[..count].into(), End::Fin), "closed at {place:?}");
        assert_eq!(outcome(answer().reset_at(place)), (whole[..count].into(), End::Reset), "reset at {place:?}");
    }
}

#[test]
fn a_raw_answer_is_cut_too() {
    let raw = format!("{HEAD}abcdef");
    assert_eq!(outcome(Reply::raw(raw.as_str()).close_at(Place::MidBody)), (format!("{HEAD}abc"), End::Fin));
}

#[test]
fn an_announced_close_differs_by_its_header_only() {
    let announced = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nabcdef";
    assert_eq!(outcome(answer().closing()), (announced.into(), End::Fin));
    assert_eq!(outcome(answer().close_at(Place::End)), (format!("{HEAD}abcdef"), End::Fin));
}

#[test]
fn the_connection_closes_when_the_client_asks_for_it() {
    let server = ScriptedServer::always(answer());
    let (_, end) = Wire::to(&server).send(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").read_to_end();
    assert_eq!(end, End::Fin);
    let (_, end) = Wire::to(&server).send(b"GET / HTTP/1.0\r\n\r\n").read_to_end();
    assert_eq!(end, End::Fin);
}

#[test]
fn chunks_end_without_the_last_one() {
    let reply = Reply::new(200).unfinished_chunks(["abc"]).close_at(Place::End);
    let expected = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    assert_eq!(outcome(reply), (expected.into(), End::Fin));
}

#[test]
fn chunks_are_cut_between_two_of_them_and_inside_one() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let reply = Reply::new(200).chunks(["abc", "def"]);
    assert_eq!(outcome(reply.clone().close_at(Place::AfterChunks(0))), (head.into(), End::Fin));
    assert_eq!(outcome(reply.clone().close_at(Place::AfterChunks(1))), (format!("{head}3\r\nabc\r\n"), End::Fin));
    assert_eq!(outcome(reply.close_at(Place::AfterBytes(head.len() + 5))), (format!("{head}3\r\nab"), End::Fin));
}

#[test]
fn a_stall_ends_with_the_release_and_the_rest_of_the_answer_follows() {
    for (place, count) in [(Place::Start, 0), (Place::MidHead, HEAD.len() / 2), (Place::MidBody, HEAD.len() + 3)] {
        let server = ScriptedServer::always(answer().stall_at(place));
        let whole = format!("{HEAD}abcdef");
        let mut wire = Wire::to(&server);
        wire.send(GET);
        assert_eq!(wire.read(count), whole[..count], "before the stall at {place:?}");
        assert!(wire.is_silent(), "stalled at {place:?}");
        server.release();
        assert_eq!(wire.read(whole.len() - count), whole[count..], "after the stall at {place:?}");
        wire.expect(&whole);
    }
}

#[test]
fn a_stall_ends_with_the_server() {
    let server = ScriptedServer::always(answer().stall_at(Place::AfterHead));
    let mut wire = Wire::to(&server);
    wire.send(GET);
    assert_eq!(wire.read(HEAD.len()), HEAD);
    drop(server);
    assert_eq!(wire.read_to_end(), (String::new(), End::Fin));
}

#[test]
fn a_stall_ends_when_the_client_goes() {
    let server = ScriptedServer::always(answer().stall_at(Place::Start));
    Wire::to(&server).send(GET);
    server.wait_for_ended(1);
    assert_eq!((server.requests().len(), server.open_connections()), (1, 0));
}

#[test]
fn an_answer_waits_for_its_gates_in_turn() {
    let (first, second) = (Gate::new(), Gate::new());
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let reply = Reply::new(200).chunks(["a", "b"]);
    let reply = reply.wait_at(Place::AfterChunks(1), &second).wait_at(Place::AfterHead, &first);
    let server = ScriptedServer::always(reply);
    let mut wire = Wire::to(&server);
    wire.send(GET);
    assert_eq!(wire.read(head.len()), head);
    assert!(wire.is_silent());
    first.open();
    assert_eq!(wire.read(6), "1\r\na\r\n");
    assert!(wire.is_silent());
    second.open();
    assert_eq!(wire.read(11), "1\r\nb\r\n0\r\n\r\n");
}

#[test]
fn a_connection_is_closed_after_its_answer_once_the_gate_opens() {
    let gate = Gate::new();
    let server = ScriptedServer::always(answer().wait_at(Place::End, &gate).close_at(Place::End));
    let mut wire = Wire::to(&server);
    wire.expect(&format!("{HEAD}abcdef"));
    assert!(wire.is_silent());
    gate.open();
    assert_eq!(wire.read_to_end(), (String::new(), End::Fin));
}

#[test]
fn a_drip_takes_its_time_and_arrives_whole() {
    let pause = Duration::from_millis(5);
    let server = ScriptedServer::always(answer().drip(4, pause));
    let whole = format!("{HEAD}abcdef");
    let start = Instant::now();
    let mut wire = Wire::to(&server);
    wire.expect(&whole);
    let pieces = u32::try_from(whole.len().div_ceil(4)).unwrap();
    assert!(start.elapsed() >= pause * (pieces - 1), "{:?}", start.elapsed());
    wire.expect(&whole);
}

#[test]
fn dropping_the_server_ends_a_drip_and_an_answer_that_nobody_reads() {
    let drip = ScriptedServer::always(answer().drip(1, Duration::from_secs(3600)));
    let unread = ScriptedServer::always(Reply::new(200).body(vec![b'x'; 64 << 20]));
    let (mut first, mut second) = (Wire::to(&drip), Wire::to(&unread));
    first.send(GET);
    second.send(GET);
    assert_eq!((first.read(1), second.read(1)), ("H".into(), "H".into()));
    let start = Instant::now();
    drop((drip, unread));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}
