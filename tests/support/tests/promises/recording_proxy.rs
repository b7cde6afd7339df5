use std::io::{Read, Write};
use std::net::TcpStream;

use etcd_test_support::{Place, RecordingProxy, Reply, ScriptedServer};

const PUT: &[u8] = b"PUT /v2/keys/a?x=1 HTTP/1.1\r\nHost: etcd\r\nContent-Length: 7\r\n\r\nvalue=v";

fn connect(proxy: &RecordingProxy) -> TcpStream {
    let address = proxy.endpoint().trim_start_matches("http://").to_owned();
    TcpStream::connect(address).expect("connect to the proxy")
}

#[test]
fn requests_and_answers_pass_byte_for_byte_and_the_request_is_kept() {
    let server = ScriptedServer::always(Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    let proxy = RecordingProxy::to(server.address().port());
    let mut stream = connect(&proxy);
    for connection_use in 1..3 {
        // In two pieces, so that a request is put together.
        stream.write_all(&PUT[..50]).unwrap();
        stream.write_all(&PUT[50..]).unwrap();
        let mut answer = [0; 40];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        assert_eq!(server.requests().len(), connection_use);
        let kept = proxy.take_requests();
        assert_eq!(kept.iter().map(|request| request.raw.as_slice()).collect::<Vec<_>>(), [PUT]);
        assert_eq!((kept[0].method.as_str(), kept[0].path(), kept[0].text()), ("PUT", "/v2/keys/a", "value=v"));
    }
    assert_eq!(server.connections(), 1);
    assert_eq!(server.requests()[0].raw, PUT);
}

#[test]
fn the_end_of_a_connection_passes_too() {
    let server = ScriptedServer::always(Reply::json(200, "{}").close_at(Place::MidBody));
    let proxy = RecordingProxy::to(server.address().port());
    let mut stream = connect(&proxy);
    stream.write_all(PUT).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.ends_with(b"\r\n\r\n{"), "{answer:?}");
}

#[test]
fn without_a_server_a_connection_is_closed() {
    let port = etcd_test_support::refused_endpoint();
    let port = port.endpoint().rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
    let proxy = RecordingProxy::to(port);
    assert_eq!(connect(&proxy).read(&mut [0]).unwrap_or(0), 0);
}
