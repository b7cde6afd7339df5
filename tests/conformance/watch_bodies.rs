//! The body of a watch as HTTP carries it: chunks, a length or the end of the connection, and everything that is none of them.

use std::time::Duration;

use etcd_client::capi::status::*;
use etcd_test_harness::{Client, Watch};
use etcd_test_support::{Place, Reply, ScriptedServer};

use crate::watching::*;

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nX-Etcd-Index: 30\r\nTransfer-Encoding: chunked\r\n\r\n";

fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

/// A first answer, and then a quiet stream.
fn answering_once(reply: Reply) -> ScriptedServer {
    ScriptedServer::sequence_then(vec![reply], stream(31, &[]))
}

#[test]
fn an_event_is_found_however_its_body_is_framed() {
    let event = event(31);
    let spread: String = event.chars().map(|character| chunk(&character.to_string())).collect();
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
    let answers = [
        format!("{CHUNKED}{}", chunk(&event)),
        format!("{CHUNKED}{spread}"),
        format!("{CHUNKED}{:X} ;name=\"value\"\r\n{event}\r\n", event.len()),
        format!("{CHUNKED}{}0\r\nTrailer: x\r\n\r\n", chunk(&event)),
        format!("{interim}{CHUNKED}{}", chunk(&event)),
        format!("HTTP/1.1 200 OK\r\nX-Etcd-Index: 30\r\nContent-Length: 9999\r\n\r\n{event}"),
        format!("HTTP/1.1 200 OK\r\nX-Etcd-Index: 30\r\n\r\n{event}"),
        format!("HTTP/1.0 200 OK\r\nX-Etcd-Index: 30\r\n\r\n{event}"),
    ];
    for answer in answers {
        for size in [1, 7, answer.len()] {
            let reply = Reply::raw(answer.clone()).stall_at(Place::End).drip(size, Duration::from_micros(1));
            let server = answering_once(reply);
            let client = Client::of(&server.endpoint());
            assert_eq!(next(&watch(&client, &Watch::default())).value(), "v31", "{answer:?} in pieces of {size} bytes");
        }
    }
}

#[test]
fn a_body_that_makes_no_sense_is_left_and_told() {
    let bodies = [
        ("nonsense\r\n".to_owned(), "chunk size"),
        ("\r\n".to_owned(), "chunk size"),
        ("fffffffffffffffff\r\n{".to_owned(), "chunk size"),
        ("1\r\n{}".to_owned(), "chunk body CR"),
        (format!("1;{}", "x".repeat(1 << 20)), "extensions over limit"),
        (format!("1\r\n\n\r\n0\r\nX-Trailer: {}", "x".repeat(1 << 20)), "trailers"),
        ("1\r\n\n\r\n0\r\nno trailer\r\n\r\n".to_owned(), "header"),
    ];
    for (body, word) in bodies {
        let server = ScriptedServer::always(Reply::raw(format!("{CHUNKED}{body}")).stall_at(Place::End));
        let client = Client::of(&server.endpoint());
        let failure = fails(&watch(&client, &Watch::default()));
        assert_eq!(failure.status, ETCD_ERR_CLUSTER, "{word}: {failure:?}");
        assert_eq!(failure.list.first().map(|first| first.status), Some(ETCD_ERR_INVALID_RESPONSE), "{failure:?}");
        assert!(failure.message.contains("not answer in HTTP") && failure.message.contains(word), "{failure:?}");
    }
}

#[test]
fn a_chunk_of_the_largest_size_is_read_as_it_comes() {
    let body = format!("ffffffffffffffff\r\n{}{}", event(31), event(32));
    let server = ScriptedServer::always(Reply::raw(format!("{CHUNKED}{body}")).stall_at(Place::End));
    let client = Client::of(&server.endpoint());
    assert_eq!(indexes(&watch(&client, &Watch::default()), 2), [31, 32]);
}

#[test]
fn a_body_that_is_cut_off_is_not_taken_for_its_end() {
    for body in [format!("{}5\r\nab", chunk(&event(31))), chunk(&event(31)), format!("{}0\r\n", chunk(&event(31)))] {
        let cut_off = Reply::raw(format!("{CHUNKED}{body}")).close_at(Place::End);
        let server = ScriptedServer::sequence_then(vec![cut_off], stream(31, &[event(32)]));
        let client = Client::of(&server.endpoint());
        let watcher = watch(&client, &Watch::default());
        assert_eq!(indexes(&watcher, 2), [31, 32], "{body:?}");
        assert_eq!(server.connections(), 2, "{body:?}");
    }
}

#[test]
fn the_connection_of_a_watch_that_has_ended_cleanly_carries_the_next_request_and_no_other_does() {
    let event = event(31);
    let clean = format!("{}0\r\nTrailer: x\r\n\r\n", chunk(&event));
    let length = event.len();
    let answers = [
        (format!("{CHUNKED}{clean}"), 1),
        (format!("HTTP/1.1 200 OK\r\nX-Etcd-Index: 30\r\nContent-Length: {length}\r\n\r\n{event}"), 1),
        (format!("{CHUNKED}{clean}HTTP/1.1 200 OK\r\n"), 2),
        (format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{}{clean}", CHUNKED.split_at(17).1), 2),
        (format!("HTTP/1.0 200 OK\r\nX-Etcd-Index: 30\r\nContent-Length: {length}\r\n\r\n{event}"), 2),
    ];
    for (answer, connections) in answers {
        for stream in [true, false] {
            let server = answering_once(Reply::raw(answer.clone()));
            let client = Client::of(&server.endpoint());
            let watcher = watch(&client, &Watch { stream, idle_timeout_ms: 0, ..Watch::default() });
            assert_eq!(next(&watcher).value(), "v31", "{answer:?}");
            server.wait_for_requests(2);
            assert_eq!(server.connections(), connections, "{answer:?}, stream: {stream}");
        }
    }
}

// A stream that brings an event from the history is left there, and what is behind it is read by other requests.
#[test]
fn the_connection_of_a_watch_that_was_left_in_the_middle_of_its_body_carries_nothing_more() {
    let answer = format!("{CHUNKED}{}", chunk(&event(25)));
    let server = ScriptedServer::by(move |request| match wait_index(request) {
        21 => Reply::raw(answer.clone()).stall_at(Place::End),
        0 => stream(30, &[event(31)]),
        index @ 26..=30 => one(index),
        index => panic!("nobody asks for {index}"),
    });
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch { idle_timeout_ms: 0, ..after(20) });
    assert_eq!(indexes(&watcher, 7), [25, 26, 27, 28, 29, 30, 31]);
    server.wait_for_ended(1);
}

#[test]
fn the_body_of_a_refusal_is_read_to_its_end_and_its_connection_is_used_again() {
    let server = ScriptedServer::sequence_then(vec![refusal(400, 401, 2000)], stream(30, &[event(31)]));
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch { idle_timeout_ms: 0, ..Watch::default() });
    let failure = fails(&watcher);
    assert_eq!((failure.status, failure.api_code), (ETCD_ERR_API, 401), "{failure:?}");
    assert_eq!(next(&watcher).value(), "v31");
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_head_of_a_watch_without_an_end_is_no_answer() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(200_000);
    for head in [interim, format!("HTTP/1.1 200 OK\r\nX-Endless: {}", "x".repeat(1 << 20))] {
        let server = ScriptedServer::always(Reply::raw(head).stall_at(Place::End));
        let failure = fails(&watch(&Client::of(&server.endpoint()), &Watch::default()));
        assert!(failure.message.contains("65536 bytes"), "{failure:?}");
    }
}
