//! The head of an answer: its status, its header lines, and what they say about the body and the connection behind it.

use std::mem::MaybeUninit;

use bytes::BytesMut;

use super::framing::{Announcement, Framing};
use super::headers::{Headers, Places};
use super::{Broken, MOST_HEAD_BYTES, MOST_HEADERS};

#[derive(Debug)]
pub struct Head {
    pub http_status: u16,
    pub headers: Headers,
    pub framing: Framing,
    /// Whether the server leaves the connection open (RFC 9112, 9.3).
    pub may_be_reused: bool,
}

/// What the bytes begin with.
enum Parsed {
    Incomplete,
    /// An interim head (1xx) of so many bytes, which another one follows.
    Interim(usize),
    Head {
        bytes: usize,
        http_status: u16,
        places: Places,
        framing: Framing,
        may_be_reused: bool,
    },
}

/// Takes the head from the front of what has come; None where it is not there yet.
pub fn take(incoming: &mut BytesMut) -> Result<Option<Head>, Broken> {
    loop {
        match parse(incoming)? {
            Parsed::Incomplete => return Ok(None),
            Parsed::Interim(bytes) => drop(incoming.split_to(bytes)),
            Parsed::Head { bytes, http_status, places, framing, may_be_reused } => {
                let headers = Headers::new(incoming.split_to(bytes).freeze(), places);
                return Ok(Some(Head { http_status, headers, framing, may_be_reused }));
            }
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Parsed, Broken> {
    let mut space = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let length = match config.parse_response_with_uninit_headers(&mut response, bytes, &mut space) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() > MOST_HEAD_BYTES => return Err(Broken::EndlessHead),
        Ok(httparse::Status::Partial) => return Ok(Parsed::Incomplete),
        Err(error) => return Err(no_head(error)),
    };
    if length > MOST_HEAD_BYTES {
        return Err(Broken::EndlessHead);
    }
    let (http_status, is_http_11) = (response.code.unwrap_or_default(), response.version == Some(1));
    if matches!(http_status, 100 | 102..=199) {
        return Ok(Parsed::Interim(length));
    }
    let (mut announcement, mut connection) = (Announcement::default(), ConnectionLines::default());
    let mut places = Places::default();
    for header in response.headers.iter() {
        // Nearly all of etcd's lines are told by the length of their names.
        match header.name.len() {
            14 if header.name.eq_ignore_ascii_case("content-length") => announcement.content_length(header.value),
            17 if header.name.eq_ignore_ascii_case("transfer-encoding") => announcement.transfer_encoding(header.value),
            10 if header.name.eq_ignore_ascii_case("connection") => connection.line(header.value),
            _ => places.line(bytes, header.name, header.value),
        }
    }
    if announcement.is_coded() && !is_http_11 {
        return Err(Broken::Senseless("unexpected transfer-encoding parsed"));
    }
    let framing = match http_status {
        // 101 as well: nobody asked for another protocol.
        101 | 204 | 304 => Framing::Length(0),
        _ => announcement.framing().ok_or(Broken::Senseless("invalid content-length parsed"))?,
    };
    let may_be_reused = http_status != 101 && !connection.closes && (is_http_11 || connection.is_kept);
    Ok(Parsed::Head { bytes: length, http_status, places, framing, may_be_reused })
}

fn no_head(error: httparse::Error) -> Broken {
    Broken::Senseless(match error {
        httparse::Error::TooManyHeaders => return Broken::EndlessHead,
        httparse::Error::Version => "invalid HTTP version parsed",
        httparse::Error::Status => "invalid HTTP status-code parsed",
        _ => "invalid HTTP header parsed",
    })
}

/// What the server says of the connection.
#[derive(Debug, Default)]
struct ConnectionLines {
    closes: bool,
    is_kept: bool,
}

impl ConnectionLines {
    fn line(&mut self, value: &[u8]) {
        for token in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            self.closes |= token.eq_ignore_ascii_case(b"close");
            self.is_kept |= token.eq_ignore_ascii_case(b"keep-alive");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::headers::Name;
    use super::*;

    fn taken(bytes: &str) -> Result<Option<Head>, Broken> {
        take(&mut BytesMut::from(bytes))
    }

    fn head(lines: &str) -> Head {
        taken(&format!("{lines}\r\n\r\n")).expect("sensible").expect("a head")
    }

    #[test]
    fn a_head_is_taken_and_what_is_behind_it_left() {
        let mut incoming =
            BytesMut::from("HTTP/1.1 100 Continue\r\n\r\n\r\nHTTP/1.1 201 Created\r\nX-Etcd-Index: 7\r\n\r\nbody");
        let head = take(&mut incoming).expect("sensible").expect("a head");
        assert_eq!((head.http_status, head.headers.get(Name::EtcdIndex)), (201, Some(&b"7"[..])));
        assert_eq!(&incoming[..], b"body");
    }

    #[test]
    fn a_head_that_is_not_there_yet_is_waited_for_but_not_for_ever() {
        assert!(taken("HTTP/1.1 200 OK\r\nA: b\r\n").expect("sensible so far").is_none());
        let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(MOST_HEAD_BYTES));
        assert!(matches!(taken(&endless), Err(Broken::EndlessHead)));
        assert!(matches!(taken(&format!("{endless}\r\n\r\n")), Err(Broken::EndlessHead)));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(MOST_HEADERS + 1));
        assert!(matches!(taken(&many), Err(Broken::EndlessHead)));
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for (bytes, why) in [
            ("nonsense\r\n\r\n", "version"),
            ("HTTP/1.1 xyz OK\r\n\r\n", "status-code"),
            ("HTTP/1.1 200 OK\r\n folded: x\r\n\r\n", "header"),
            ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "content-length"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n", "content-length"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "content-length"),
            ("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", "content-length"),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "transfer-encoding"),
        ] {
            let refused = taken(bytes);
            assert!(matches!(&refused, Err(Broken::Senseless(said)) if said.contains(why)), "{bytes}: {refused:?}");
        }
    }

    #[test]
    fn the_end_of_the_body_is_known_from_the_lines() {
        let framing = |lines: &str| head(lines).framing;
        assert!(matches!(framing("HTTP/1.1 200 OK\r\nContent-Length: 3"), Framing::Length(3)));
        assert!(matches!(framing("HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\nContent-Length: 3"), Framing::Length(3)));
        assert!(matches!(framing("HTTP/1.1 204 None\r\nContent-Length: 3"), Framing::Length(0)));
        assert!(matches!(framing("HTTP/1.1 200 OK"), Framing::UntilClose));
        let chunked = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\ntransfer-encoding: gzip, Chunked";
        assert!(matches!(framing(chunked), Framing::Chunked(_)));
        assert!(matches!(framing(&format!("{chunked}\r\nTransfer-Encoding: gzip")), Framing::UntilClose));
    }

    #[test]
    fn the_connection_stays_where_the_server_leaves_it_open() {
        for (lines, stays) in [
            ("HTTP/1.1 200 OK", true),
            ("HTTP/1.1 200 OK\r\nConnection: x, Close", false),
            ("HTTP/1.1 101 Switching", false),
            ("HTTP/1.0 200 OK", false),
            ("HTTP/1.0 200 OK\r\nconnection: Keep-Alive", true),
        ] {
            assert_eq!(head(lines).may_be_reused, stays, "{lines}");
        }
    }
}
