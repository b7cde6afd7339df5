//! Connections over TLS: kept, resumed, found dead, cut off, and never the reason that a write happens twice or not at all.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex};

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config};
use etcd_test_support::certificates::LOCAL_NAMES;
use etcd_test_support::tls_server::{ANSWER, TlsStream, answer_all, carry, read_request};
use etcd_test_support::{Authority, RawServer, wait_until};

/// An authority, and a server with its certificate.
pub(crate) fn server(behave: impl Fn(usize, TlsStream) + Send + Sync + 'static) -> (Authority, RawServer) {
    let authority = Authority::new("tests");
    let config = authority.server(&LOCAL_NAMES).server_config(None);
    (authority, RawServer::tls(config, behave))
}

pub(crate) fn client(authority: &Authority, server: &RawServer) -> Client {
    trusting(authority, server).build()
}

pub(crate) fn trusting(authority: &Authority, server: &RawServer) -> Config {
    Config::new(&[]).endpoints(&[server.https()]).ca_pem(authority.pem())
}

fn close(mut stream: TlsStream) {
    stream.conn.send_close_notify();
    let _ = stream.flush();
    let _ = stream.sock.shutdown(Shutdown::Both);
}

#[test]
fn one_thread_uses_one_connection_and_one_handshake() {
    let (authority, server) = server(|_, mut stream| answer_all(&mut stream));
    let client = client(&authority, &server);
    for _ in 0..20 {
        client.create("/foo", "bar").expect("answered");
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn sessions_are_resumed_by_every_thread_of_a_client() {
    let kinds = Arc::new(Mutex::new(Vec::new()));
    let seen = kinds.clone();
    let (authority, server) = server(move |_, mut stream| {
        if read_request(&mut stream).is_some() {
            seen.lock().expect("lock").push(stream.conn.handshake_kind().expect("a handshake"));
            let _ = stream.write_all(ANSWER.as_bytes());
            close(stream);
        }
    });
    let client = client(&authority, &server);
    for _ in 0..3 {
        std::thread::scope(|scope| scope.spawn(|| client.get("/foo").expect("answered")).join().map(drop))
            .expect("ran");
    }
    let kinds: Vec<_> = kinds.lock().expect("lock").iter().map(|kind| format!("{kind:?}")).collect();
    assert_eq!(kinds, ["Full", "Resumed", "Resumed"]);
}

// What naive clients do: the write goes out on a connection that the server has closed, and nobody knows what became of it.
#[test]
fn a_connection_that_the_server_closed_while_it_rested_fails_no_write() {
    for with_notify in [true, false] {
        let (authority, server) = server(move |_, mut stream| {
            if read_request(&mut stream).is_some() {
                let _ = stream.write_all(ANSWER.as_bytes());
                if with_notify {
                    close(stream);
                } else {
                    let _ = stream.sock.shutdown(Shutdown::Both);
                }
            }
        });
        let client = client(&authority, &server);
        for number in 1..=20 {
            client.create("/foo", "bar").expect("a fresh connection");
            assert_eq!(server.connections(), number);
            // Until the end has arrived.
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

#[test]
fn session_tickets_that_come_late_do_not_make_a_connection_dead() {
    let (authority, server) = server(|_, mut stream| {
        while read_request(&mut stream).is_some() {
            let _ = stream.write_all(ANSWER.as_bytes());
            let _ = stream.flush();
            // A message of TLS itself, after the answer: it asks the client to renew its keys.
            let _ = stream.conn.refresh_traffic_keys();
            let _ = stream.conn.complete_io(&mut stream.sock);
            let _ = stream.flush();
        }
    });
    let client = client(&authority, &server);
    for _ in 0..20 {
        client.create("/foo", "bar").expect("answered");
        std::thread::sleep(std::time::Duration::from_millis(3));
    }
    assert_eq!(server.connections(), 1, "it was not dead");
}

#[test]
fn an_end_without_close_notify_in_the_middle_of_an_answer_is_a_cut_answer() {
    for head in ["HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"] {
        let (authority, server) = server(move |_, mut stream| {
            if read_request(&mut stream).is_some() {
                let _ = write!(stream, "{head}{{\"action\":\"get\",\"node\":{{\"key\":\"/foo\",\"value\":\"b\"}}}}");
                let _ = stream.flush();
                let _ = stream.sock.shutdown(Shutdown::Both);
            }
        });
        let failure = client(&authority, &server).create("/foo", "bar").expect_err("cut off");
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_IO, ETCD_MAYBE_APPLIED), "{failure:?}");
        assert!(failure.message.contains("in the middle of the answer"), "{failure:?}");
    }
}

#[test]
fn a_handshake_that_is_cut_at_any_byte_sends_nothing() {
    // The server's part of a handshake takes about a thousand bytes.
    for length in [0, 1, 5, 6, 100, 500] {
        let authority = Authority::new("tests");
        let config = authority.server(&LOCAL_NAMES).server_config(None);
        let whole = RawServer::tls(config, |_, mut stream| answer_all(&mut stream));
        let target = whole.address();
        let cutter = RawServer::start(move |_, stream| {
            let upstream = std::net::TcpStream::connect(target).expect("the server");
            let (mut to, mut from) = (stream.try_clone().expect("clone"), upstream.try_clone().expect("clone"));
            let (mut heard, mut on) = (stream, upstream);
            let forward = std::thread::spawn(move || drop(std::io::copy(&mut heard, &mut on)));
            let mut answer = vec![0; length];
            let _ = from.read_exact(&mut answer);
            let _ = to.write_all(&answer);
            let _ = to.shutdown(Shutdown::Both);
            let _ = from.shutdown(Shutdown::Both);
            let _ = forward.join();
        });
        let failure = client(&authority, &cutter).create("/foo", "bar").expect_err("cut off");
        assert_eq!(failure.statuses(), [ETCD_ERR_TLS], "{length}: {failure:?}");
        assert_eq!(failure.outcome, ETCD_NOT_APPLIED, "{length}");
        let words = if length == 0 { "at the first TLS message" } else { "in the middle of the TLS handshake" };
        assert!(failure.message.contains(words), "{length}: {failure:?}");
    }
}

#[test]
fn a_server_that_never_answers_the_handshake_costs_no_more_than_the_deadline() {
    let silent = RawServer::start(|_, stream| etcd_test_support::tls_server::wait_for_close(&stream));
    let authority = Authority::new("tests");
    let client = trusting(&authority, &silent).connect_timeout_ms(200).build();
    let failure = client.create("/foo", "bar").expect_err("silence");
    assert_eq!((failure.statuses(), failure.outcome), (vec![ETCD_ERR_CONNECT], ETCD_NOT_APPLIED), "{failure:?}");
}

// SIGPIPE has its default action in a program that is not Rust's: tests/c/tls.c checks that too.
#[test]
fn a_server_that_closes_while_a_large_write_goes_out_fails_the_call_and_no_more() {
    let (authority, server) = server(|_, mut stream| {
        let mut some = [0; 1000];
        let _ = stream.read_exact(&mut some);
        drop(stream);
    });
    let large = "x".repeat(4 << 20);
    let failure = client(&authority, &server).create("/foo", &large).expect_err("closed");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_IO, ETCD_MAYBE_APPLIED), "{failure:?}");
}

#[test]
fn nothing_of_a_request_is_ever_seen_on_the_wire() {
    let (authority, server) = server(|_, mut stream| answer_all(&mut stream));
    let (target, kept) = (server.address(), Arc::new(Mutex::new(Vec::new())));
    let keeps = kept.clone();
    let tap = RawServer::start(move |_, stream| {
        carry(stream, std::net::TcpStream::connect(target).expect("the server"), &keeps);
    });
    let client = trusting(&authority, &tap).credentials("user", "secret").build();
    client.set("/keyname", "valuetext").expect("answered");
    drop(client);
    wait_until("something was carried", || !kept.lock().expect("lock").is_empty());
    let bytes = kept.lock().expect("lock").clone();
    assert_eq!(bytes[..2], [22, 3], "a TLS handshake");
    let text = String::from_utf8_lossy(&bytes);
    for word in ["HTTP", "PUT", "keyname", "valuetext", "Basic", "dXNlcjpzZWNyZXQ"] {
        assert!(!text.contains(word), "{word}");
    }
}

#[test]
fn a_redirect_may_lead_from_plain_text_to_tls_and_never_back() {
    use etcd_test_support::{Reply, ScriptedServer};
    let (authority, encrypted) = server(|_, mut stream| answer_all(&mut stream));
    let up = ScriptedServer::always(Reply::new(307).header("Location", &format!("{}/x", encrypted.https())));
    let config = Config::new(&[up.endpoint()]).ca_pem(authority.pem());
    config.build().set("/foo", "bar").expect("followed");
    assert_eq!(encrypted.connections(), 1);

    let plain = ScriptedServer::always(Reply::new(200));
    let location = plain.endpoint();
    let (authority, down) = server(move |_, mut stream| {
        if read_request(&mut stream).is_some() {
            let _ = write!(stream, "HTTP/1.1 307 No\r\nLocation: {location}/\r\nContent-Length: 0\r\n\r\n");
            close(stream);
        }
    });
    let failure = client(&authority, &down).create("/foo", "bar").expect_err("a downgrade");
    assert_eq!(failure.statuses(), [ETCD_ERR_BAD_REDIRECT], "{failure:?}");
    assert_eq!(plain.connections(), 0);
}
