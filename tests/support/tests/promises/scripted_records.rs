//! What a scripted server keeps of the requests that it received.

use std::thread;

use etcd_test_support::{Oracle, Reply, ScriptedServer};

use crate::wire::{GET, Wire};

fn pair(name: &str, value: &str) -> (String, String) {
    (name.into(), value.into())
}

#[test]
fn a_request_is_recorded_byte_for_byte() {
    let server = ScriptedServer::always(Reply::new(200));
    let raw = b"PUT /v2/keys/a%20b?prevExist=false&x=%C3%A9+y HTTP/1.1\r\nHost: h\r\nx-ODD:  v \r\nX-odd: w\r\n\
        Content-Length: 13\r\n\r\nvalue=a%26b+c";
    let mut wire = Wire::to(&server);
    wire.send(raw);
    let request = server.wait_for_requests(1).remove(0);
    assert_eq!(request.raw, raw);
    assert_eq!((request.method.as_str(), request.version.as_str(), request.connection), ("PUT", "HTTP/1.1", 0));
    assert_eq!(request.target, "/v2/keys/a%20b?prevExist=false&x=%C3%A9+y");
    assert_eq!((request.path(), request.query()), ("/v2/keys/a%20b", "prevExist=false&x=%C3%A9+y"));
    assert_eq!(request.query_pairs(), [pair("prevExist", "false"), pair("x", "é y")]);
    let headers = [pair("Host", "h"), pair("x-ODD", "v"), pair("X-odd", "w"), pair("Content-Length", "13")];
    assert_eq!(request.headers, headers);
    assert_eq!(request.header("X-Odd"), Some("v"));
    assert_eq!(request.text(), "value=a%26b+c");
    assert_eq!(request.form(), [pair("value", "a&b c")]);
}

#[test]
fn a_chunked_request_is_put_together_and_kept_raw() {
    let server = ScriptedServer::always(Reply::new(200));
    let raw =
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n";
    Wire::to(&server).send(raw);
    let request = server.wait_for_requests(1).remove(0);
    assert_eq!((request.text(), &request.raw[..]), ("abc0123456789", &raw[..]));
}

#[test]
fn a_request_that_comes_in_pieces_is_one_request() {
    let server = ScriptedServer::always(Reply::new(204));
    let mut wire = Wire::to(&server);
    for byte in GET {
        wire.send(&[*byte]);
    }
    assert_eq!(wire.read("HTTP/1.1 204 No Content\r\n\r\n".len()), "HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(server.requests()[0].raw, GET);
}

#[test]
fn pipelined_requests_are_taken_apart() {
    let server = ScriptedServer::always(Reply::new(204));
    let mut wire = Wire::to(&server);
    wire.send(&[GET, GET].concat());
    let requests = server.wait_for_requests(2);
    assert!(requests.iter().all(|request| request.raw == GET && request.connection == 0));
}

#[test]
fn each_request_names_its_connection() {
    let server = ScriptedServer::always(Reply::new(204));
    let (mut first, mut second) = (Wire::to(&server), Wire::to(&server));
    server.wait_for_connections(2);
    second.send(GET);
    server.wait_for_requests(1);
    first.send(GET);
    let numbers: Vec<_> = server.wait_for_requests(2).iter().map(|request| request.connection).collect();
    assert_eq!(numbers, [1, 0]);
}

#[test]
fn requests_of_many_clients_at_once_are_all_recorded() {
    let server = ScriptedServer::always(Reply::json(200, "{}"));
    thread::scope(|scope| {
        for client in 0..8 {
            let oracle = Oracle::new(server.endpoint());
            scope.spawn(move || (0..5).for_each(|turn| drop(oracle.get(&format!("/{client}/{turn}")))));
        }
    });
    let mut targets: Vec<_> = server.requests().into_iter().map(|request| request.target).collect();
    targets.sort();
    targets.dedup();
    assert_eq!((targets.len(), server.connections()), (40, 40));
}

#[test]
fn what_never_became_a_request_is_kept_apart() {
    let server = ScriptedServer::always(Reply::new(204));
    Wire::to(&server).send(b"GET / HT");
    server.wait_for_ended(1);
    Wire::to(&server).send(b"nonsense\r\n\r\n");
    server.wait_for_ended(2);
    assert_eq!(server.unfinished(), [&b"GET / HT"[..], b"nonsense\r\n\r\n"]);
    assert!(server.requests().is_empty());
}
