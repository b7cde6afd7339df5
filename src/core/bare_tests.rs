//! The same bytes read with hyper and without it: what comes out must be the same.

use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::core::connection::Connection;
use crate::core::endpoint::Endpoint;
use crate::core::exchange::Hop;
use crate::core::open_answer::OpenAnswer;
use crate::core::pool::Pool;
use crate::core::sending::Sending;
use crate::core::socket::Stream;
use crate::core::status::Status;

/// The status and the body, or which error it was; and whether the connection carries another request.
type Outcome = (Result<(u16, Vec<u8>), (Status, String)>, bool);

fn hop() -> Hop {
    let endpoint = Endpoint::parse("http://h:1").expect("valid");
    let (origin, host_header) = (endpoint.origin().clone(), endpoint.host_header().to_owned());
    Hop { origin, host_header, target: "/".into(), credentials: None }
}

/// What an answer becomes that comes in these pieces, with the end of the connection behind it if `closes`.
fn read(pieces: &[&[u8]], closes: bool, without_hyper: bool) -> Outcome {
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
        let reading = async {
            let mut connection = Connection::open(Stream::Plain(ours.into())).await.expect("a connection");
            let request = http::Request::builder().uri("/").header("host", "h").body(Sending::new(Bytes::new()));
            let head = connection.send(Box::new(request.expect("a request")), true, without_hyper).await;
            let head = head.map_err(|error| (Status::Io, error.to_string()))?;
            let (origin, pool) = (Arc::clone(&hop().origin), Pool::default());
            let open = match without_hyper {
                true => OpenAnswer::for_long(head, connection, origin),
                false => OpenAnswer::new(head, connection, origin),
            };
            let answer = open.complete(&pool, &hop(), 1 << 20).await;
            let answer = answer.map_err(|error| (error.status(), error.message().to_owned()))?;
            Ok(((answer.http_status, answer.body.to_vec()), pool.take(&hop().origin).is_some()))
        };
        let read = reading.await;
        serving.await.expect("no panic");
        match read {
            Ok((answer, is_reusable)) => (Ok(answer), is_reusable),
            Err(error) => (Err(error), false),
        }
    })
}

/// `closes`: whether the server closes the connection behind it, or both in turn.
fn assert_same(answer: &[u8], closes: &[bool]) {
    for closes in closes.iter().copied() {
        for cut in 0..=answer.len() {
            let (first, second) = answer.split_at(cut);
            let with_hyper = read(&[first, second], closes, false);
            let without = read(&[first, second], closes, true);
            // Of the reuse only where the server leaves the connection open: else it is a matter of time.
            let same = without.0 == with_hyper.0 && (closes || without.1 == with_hyper.1);
            let text = String::from_utf8_lossy(answer);
            assert!(same, "{text:?} cut at {cut}, closes: {closes}: {without:?} and with hyper {with_hyper:?}");
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
        "ffffffffffffffff\r\na",
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
        for without_hyper in [true, false] {
            let (status, why) = read(&[answer.as_bytes()], true, without_hyper).0.expect_err("a refusal");
            assert_eq!(status, Status::InvalidResponse, "{trailer:?}: {why}");
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
            let mut connection = Connection::open(Stream::Plain(ours.into())).await.expect("a connection");
            let request = http::Request::builder().uri("/").header("host", "h").body(Sending::new(Bytes::new()));
            let head = connection.send(Box::new(request.expect("a request")), true, true).await.expect("a head");
            let mut open = OpenAnswer::for_long(head, connection, Arc::clone(&hop().origin));
            assert!(open.next_piece(&hop()).await.expect("a piece").is_some());
            let pool = Pool::default();
            // A second look finds the end, if there is one.
            let _ = tokio::time::timeout(std::time::Duration::from_millis(50), open.next_piece(&hop())).await;
            open.give_back(&pool).await;
            pool.take(&hop().origin).is_some()
        })
    };
    assert!(is_kept("1\r\na\r\n0\r\n\r\n"));
    for body in ["1\r\na\r\n", "2\r\na", "1\r\na\r\n0\r\n"] {
        assert!(!is_kept(body), "{body:?}");
    }
}
