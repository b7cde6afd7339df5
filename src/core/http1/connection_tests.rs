//! The same bytes read by hyper and by us, at once and piece by piece: what comes out must be the same.

#![allow(clippy::disallowed_methods)]

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::*;
use crate::core::broken::broken_head;
use crate::core::endpoint::Endpoint;
use crate::core::exchange::Effect;
use crate::core::open_answer::OpenAnswer;
use crate::core::pool::Pool;
use crate::core::status::Status;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    Hyper,
    AtOnce,
    /// As a watch.
    PieceByPiece,
}

/// The status and the body, or which error it was; and whether the connection carries another request.
type Outcome = (std::result::Result<(u16, Vec<u8>), Status>, bool);

fn hop() -> Hop {
    let endpoint = Endpoint::parse("http://h:1").expect("valid");
    let (origin, host_header) = (endpoint.origin().clone(), endpoint.shared_host_header().clone());
    Hop { origin, host_header, target: "/".into(), credentials: None }
}

fn get() -> Request {
    let (path, query) = ("/".to_owned(), String::new());
    Request {
        method: http::Method::GET,
        path,
        query: query.into(),
        content_type: None,
        body: Bytes::new(),
        effect: Effect::Read,
    }
}

/// What an answer becomes that comes in these pieces, with the end of the connection behind it if `closes`.
fn read(pieces: &[&[u8]], closes: bool, reader: Reader) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
        let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
        let serving = tokio::spawn(async move {
            let mut request = [0; 1024];
            assert!(theirs.read(&mut request).await.expect("a request") > 0);
            for piece in pieces {
                // One that is in nobody's interest any more is not taken.
                let _ = theirs.write_all(&piece).await;
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
            }
            (!closes).then_some(theirs)
        });
        let outcome = match reader {
            Reader::Hyper => read_by_hyper(ours).await,
            Reader::AtOnce => read_by_us(ours, false).await,
            Reader::PieceByPiece => read_by_us(ours, true).await,
        };
        serving.await.expect("no panic");
        outcome
    })
}

async fn read_by_us(ours: UnixStream, lasts: bool) -> Outcome {
    let mut connection = Box::new(Connection::new(Stream::Plain(ours.into())));
    connection.prepare(&get(), &hop(), None).expect("a request");
    let head = match connection.send(true).await {
        Ok(head) => head,
        Err(broken) => return (Err(broken_head(&hop(), &broken).status()), false),
    };
    let (origin, pool) = (Arc::clone(&hop().origin), Pool::default());
    let mut open = OpenAnswer::new(head, connection, origin, lasts);
    let http_status = open.http_status;
    let mut body = Vec::new();
    if lasts {
        loop {
            match open.next_piece(&hop()).await {
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Ok(None) => break,
                Err(error) => return (Err(error.status()), false),
            }
        }
        open.give_back(&pool);
    } else {
        match open.complete(&pool, &hop(), 1 << 20).await {
            Ok(answer) => body.extend_from_slice(&answer.body),
            Err(error) => return (Err(error.status()), false),
        }
    }
    // What comes behind the answer is met by the look before the next request.
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
    let kept = pool.take(&hop().origin);
    (Ok((http_status, body)), kept.is_some_and(|mut connection| connection.socket.begin_request(true).is_ok()))
}

async fn read_by_hyper(ours: UnixStream) -> Outcome {
    let mut http = http1::Builder::new();
    http.max_header_size(crate::core::http1::MOST_HEAD_BYTES);
    let (mut sender, driver) = http.handshake(TokioIo::new(ours)).await.expect("a connection");
    let driving = tokio::spawn(driver);
    let status_of = |error: hyper::Error| {
        let mut causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
        let is_bad_framing = causes.any(|cause| {
            let kind = cause.downcast_ref().map(io::Error::kind);
            matches!(kind, Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput))
        });
        if error.is_parse() || is_bad_framing { Status::InvalidResponse } else { Status::Io }
    };
    let request = http::Request::builder().uri("/").header("host", "h").body(Empty::<Bytes>::new());
    let answer = match sender.send_request(request.expect("a request")).await {
        Ok(answer) => answer,
        Err(error) => return (Err(status_of(error)), false),
    };
    let http_status = answer.status().as_u16();
    let body = match answer.into_body().collect().await {
        Ok(body) => body.to_bytes().to_vec(),
        Err(error) => return (Err(status_of(error)), false),
    };
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
    let is_reusable = sender.is_ready();
    driving.abort();
    (Ok((http_status, body)), is_reusable)
}

/// `closes`: whether the server closes the connection behind it, or both in turn.
fn assert_same(answer: &[u8], closes: &[bool]) {
    for closes in closes.iter().copied() {
        for cut in 0..=answer.len() {
            let (first, second) = answer.split_at(cut);
            let by_hyper = read(&[first, second], closes, Reader::Hyper);
            for reader in [Reader::AtOnce, Reader::PieceByPiece] {
                let ours = read(&[first, second], closes, reader);
                // Of the reuse only where the server leaves the connection open: else it is a matter of time.
                let same = ours.0 == by_hyper.0 && (closes || ours.1 == by_hyper.1);
                let text = String::from_utf8_lossy(answer);
                assert!(
                    same,
                    "{text:?} cut at {cut}, closes: {closes}, {reader:?}: {ours:?}, and by hyper {by_hyper:?}"
                );
            }
        }
    }
}

#[test]
fn whole_answers_are_read_alike() {
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    for answer in [
        format!("HTTP/1.1 200 OK\r\n{chunked}3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\n{chunked}3\r\nabc\r\n0\r\nTrailer: 1\r\nOther:\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\n{chunked}3\r\nabc\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\nConnection: x, Close\r\n{chunked}1\r\na\r\n0\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n{chunked}1\r\na\r\n0\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked \r\n\r\n1\r\na\r\n0\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd".to_owned(),
        "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
        "HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc".to_owned(),
        "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc".to_owned(),
        "\r\n\nHTTP/1.1 200 OK\nContent-Length: 3\n\nabc".to_owned(),
        format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n{chunked}0\r\n\r\n"),
        format!("HTTP/1.1 404 Not Found\r\n{chunked}3\r\nabc\r\n0\r\n\r\n"),
        "HTTP/1.1 307 Moved\r\nContent-Length: 3\r\n\r\nabc".to_owned(),
    ] {
        assert_same(answer.as_bytes(), &[true, false]);
    }
}

#[test]
fn answers_that_the_connection_ends_or_that_make_no_sense_are_read_alike() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in [
        "x\r\n",
        "\r\n",
        "1x\r\na",
        "1 2\r\na",
        "-1\r\n",
        "10000000000000000\r\n",
        "1;a\nb",
        "1\r\nab",
        "1\r\na\rb",
        "1\ra",
        "0\r\n\ra",
        "0\r\nA: b\rc",
        "3\r\nab",
        "3\r\nabc\r\n",
        "3",
        "0\r\n",
        "0\r\nA: b",
    ] {
        assert_same(format!("{head}{body}").as_bytes(), &[true]);
    }
    for answer in [
        // No nonsense: the end of the connection ends them.
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n1\r\na\r\n0\r\n\r\n",
        "HTTP/1.1 201 Created\r\n\r\nabc",
        "HTTP/1.0 200 OK\r\n\r\nabc",
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nab",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        "HTTP/1.1 200",
        "",
    ] {
        assert_same(answer.as_bytes(), &[true]);
    }
}

#[test]
fn no_trailer_is_no_http_either_way() {
    for trailer in ["no trailer", "a b: c", ": x"] {
        let answer = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n{trailer}\r\n\r\n");
        for reader in [Reader::AtOnce, Reader::PieceByPiece] {
            let status = read(&[answer.as_bytes()], true, reader).0.expect_err("a refusal");
            assert_eq!(status, Status::InvalidResponse, "{trailer:?}, {reader:?}");
        }
    }
}

#[test]
fn a_connection_whose_body_was_not_read_to_its_end_carries_nothing_more() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let is_kept = |body: &'static str| {
        runtime.block_on(async {
            let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
            let answer = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
            theirs.write_all(answer.as_bytes()).await.expect("written");
            let mut connection = Box::new(Connection::new(Stream::Plain(ours.into())));
            connection.prepare(&get(), &hop(), None).expect("a request");
            let head = connection.send(true).await.expect("a head");
            let mut open = OpenAnswer::new(head, connection, Arc::clone(&hop().origin), true);
            assert!(open.next_piece(&hop()).await.expect("a piece").is_some());
            let pool = Pool::default();
            // A second look finds the end, if there is one.
            let _ = tokio::time::timeout(std::time::Duration::from_millis(50), open.next_piece(&hop())).await;
            open.give_back(&pool);
            pool.take(&hop().origin).is_some()
        })
    };
    assert!(is_kept("1\r\na\r\n0\r\n\r\n"));
    for body in ["1\r\na\r\n", "2\r\na", "1\r\na\r\n0\r\n"] {
        assert!(!is_kept(body), "{body:?}");
    }
}

#[test]
fn what_is_announced_is_read_to_where_it_belongs() {
    let large = "x".repeat(300_000);
    let chunk = |data: &str| format!("{:x}\r\n{data}\r\n", data.len());
    for body in [
        format!("Content-Length: {}\r\n\r\n{large}", large.len()),
        format!("Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk(&large)),
        format!(
            "Transfer-Encoding: chunked\r\n\r\n{}{}{}0\r\n\r\n",
            chunk(&large[..100]),
            chunk(&large[..250_000]),
            chunk(&large[..49_900])
        ),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{body}");
        for cut in [answer.len(), 40, 200, 20_000, 250_200, answer.len() - 3] {
            let (first, second) = answer.as_bytes().split_at(cut);
            for reader in [Reader::AtOnce, Reader::PieceByPiece] {
                let read = read(&[first, second], false, reader);
                assert!(read == (Ok((200, large.clone().into_bytes())), true), "cut at {cut}, {reader:?}");
            }
        }
    }
}

/// A server that refuses a large request says so, and closes: what it said must not be lost over the write that fails.
#[test]
fn an_answer_that_comes_before_the_request_has_gone_out_is_heard() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let head = runtime.block_on(async {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
        let mut connection = Connection::new(Stream::Plain(ours.into()));
        let request = Request { body: vec![b'x'; 8 << 20].into(), method: http::Method::PUT, ..get() };
        connection.prepare(&request, &hop(), None).expect("a request");
        let refusing = tokio::spawn(async move {
            let _ = theirs.read(&mut [0; 1024]).await;
            theirs.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n").await
        });
        let head = connection.send(true).await;
        assert!(!connection.rest(), "the rest of the request would be taken for the next one");
        refusing.await.expect("no panic").expect("written");
        head
    });
    assert_eq!(head.expect("a head").http_status, 413);
}

/// The same on a lane, where the server takes some of the request, and resets the connection since it does not take the rest.
#[cfg(target_os = "linux")]
#[test]
fn an_answer_is_heard_though_the_write_meets_the_reset_behind_it() {
    use std::io::{Read, Write};

    use crate::rt::driver::Driver;
    use crate::rt::lane_socket::LaneSocket;

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    const ROUNDS: usize = 300;
    let refusing = std::thread::spawn(move || {
        for round in 0..ROUNDS {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut taken = vec![0; 1 + round * 10_000];
            stream.read_exact(&mut taken).expect("a part of the request");
            stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n").expect("written");
        }
    });
    let mut driver = Driver::new().expect("a driver");
    let request = Request { body: vec![b'x'; 32 << 20].into(), method: http::Method::PUT, ..get() };
    let mut lost = Vec::new();
    for round in 0..ROUNDS {
        let sending = async {
            let socket = LaneSocket::connect_tcp(address).await.expect("connected");
            let mut connection = Connection::new(Stream::Plain(socket.into()));
            connection.prepare(&request, &hop(), None).expect("a request");
            connection.send(true).await.map(|head| head.http_status)
        };
        match driver.block_on(|| sending, &mut |_| {}) {
            Ok(http_status) => assert_eq!(http_status, 413),
            Err(broken) => lost.push((round, broken)),
        }
    }
    refusing.join().expect("no panic");
    assert!(lost.is_empty(), "{} of {ROUNDS} were lost: {:?}", lost.len(), lost.first());
}

/// An idle connection lasts for a minute, and there may be many.
#[test]
fn a_connection_that_rests_holds_nothing_of_its_last_request() {
    struct Owned(Arc<Vec<u8>>);
    impl AsRef<[u8]> for Owned {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    let value = Arc::new(vec![b'x'; 1 << 20]);
    let request = Request { body: Bytes::from_owner(Owned(value.clone())), method: http::Method::PUT, ..get() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut connection = runtime.block_on(async move {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
        let mut connection = Connection::new(Stream::Plain(ours.into()));
        connection.prepare(&request, &hop(), None).expect("a request");
        let serving = tokio::spawn(async move {
            theirs.read_exact(&mut vec![0; 1 << 20]).await.expect("a request");
            let answering = theirs.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            answering.map(|()| theirs).expect("written")
        });
        let mut taken = tokio::time::timeout(std::time::Duration::from_secs(5), connection.send(true)).await;
        assert_eq!(taken.as_mut().expect("in time").as_mut().expect("a head").http_status, 200);
        let theirs = serving.await.expect("no panic");
        let mut rest = vec![0; 4096];
        while !connection.rest() {
            let _ = theirs.try_read(&mut rest);
            let _ = tokio::time::timeout(std::time::Duration::from_millis(1), connection.read()).await;
        }
        connection
    });
    assert!(connection.rest());
    assert_eq!(Arc::strong_count(&value), 1);
}

/// It may wait in a future for long.
#[test]
fn an_answer_that_is_kept_takes_no_more_memory_than_it_needs() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let answer = runtime.block_on(async {
        let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
        let (pool, hop) = (Pool::default(), hop());
        let mut connection = Box::new(Connection::new(Stream::Plain(ours.into())));
        let mut kept = None;
        for length in [60_000, 10_000] {
            let body = "x".repeat(length);
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
            theirs.write_all(answer.as_bytes()).await.expect("written");
            connection.prepare(&get(), &hop, None).expect("a request");
            let head = connection.send(true).await.expect("a head");
            let open = OpenAnswer::new(head, connection, Arc::clone(&hop.origin), false);
            let answer = open.complete(&pool, &hop, 1 << 20).await.expect("an answer").detached();
            kept = (length == 10_000).then_some(answer);
            connection = pool.take(&hop.origin).expect("it rests");
            let _ = theirs.read(&mut [0; 1024]).await.expect("a request");
        }
        kept.expect("an answer")
    });
    let capacity = answer.body.try_into_mut().expect("nobody else has it").capacity();
    assert!(capacity <= 2 * 10_000, "{capacity} bytes for 10000");
}
