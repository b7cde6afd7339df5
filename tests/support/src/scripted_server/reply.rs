//! What a scripted server does in answer to one request.

use std::time::Duration;

use crate::gate::Gate;

/// The answer to one request, and where and how it goes wrong.
///
/// A reply without faults is a correct answer on a connection that is kept alive. Each fault happens at a [`Place`] of
/// the answer; those at the same place happen in the order in which they were added.
#[derive(Clone, Debug)]
pub struct Reply {
    content: Content,
    faults: Vec<(Place, Fault)>,
    drip: Option<(usize, Duration)>,
}

/// A place in the bytes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before the first byte.
    Start,
    /// In the middle of the status line and the headers.
    MidHead,
    /// After the empty line that ends the headers.
    AfterHead,
    /// In the middle of the body.
    MidBody,
    /// After that many chunks of a chunked body.
    AfterChunks(usize),
    /// After that many bytes of the answer.
    AfterBytes(usize),
    /// After the last byte.
    End,
}

#[derive(Clone, Debug)]
enum Content {
    Raw(Vec<u8>),
    Composed { status: u16, headers: Vec<(String, String)>, body: Body },
}

#[derive(Clone, Debug)]
enum Body {
    /// With its right Content-Length unless a header of that name was given.
    Sized(Vec<u8>),
    /// Without Content-Length: it ends where the connection does.
    UntilClose(Vec<u8>),
    Chunked {
        chunks: Vec<Vec<u8>>,
        terminated: bool,
    },
}

/// What happens at a place.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Nothing more until the server is released or dropped.
    Stall,
    /// Nothing more until the gate opens.
    Wait(Gate),
    /// The connection is closed with a FIN.
    Close,
    /// The connection is reset.
    Reset,
}

/// A reply as bytes, with its faults sorted by the number of bytes after which they happen.
pub(crate) struct Plan {
    pub(crate) bytes: Vec<u8>,
    pub(crate) faults: Vec<(usize, Fault)>,
    /// The size of the pieces, and the pause after each.
    pub(crate) drip: Option<(usize, Duration)>,
}

impl Reply {
    /// An answer with that status and an empty body.
    pub fn new(status: u16) -> Self {
        Self::of(Content::Composed { status, headers: Vec::new(), body: Body::Sized(Vec::new()) })
    }

    /// An answer with a JSON body and its Content-Type.
    pub fn json(status: u16, body: &str) -> Self {
        Self::new(status).header("Content-Type", "application/json").body(body)
    }

    /// An answer as etcd gives it, with the headers that every v2 answer has.
    pub fn etcd(status: u16, index: u64, body: &str) -> Self {
        Self::json(status, body)
            .header("X-Etcd-Cluster-Id", "cdf818194e3a8c32")
            .header("X-Etcd-Index", &index.to_string())
    }

    /// The answer of an etcd that does not serve the v2 API, or of another Go program: no such path.
    pub fn v2_off() -> Self {
        Self::new(404)
            .header("Content-Type", "text/plain; charset=utf-8")
            .header("X-Content-Type-Options", "nosniff")
            .body("404 page not found\n")
    }

    /// These bytes and no others.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::of(Content::Raw(bytes.into()))
    }

    /// No answer: the connection is closed with a FIN.
    pub fn hang_up() -> Self {
        Self::raw("").close_at(Place::Start)
    }

    /// No answer: the connection is reset.
    pub fn reset() -> Self {
        Self::raw("").reset_at(Place::Start)
    }

    /// Adds a header; one named Content-Length takes the place of the right one.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.composed().0.push((name.into(), value.into()));
        self
    }

    /// The body, with its right Content-Length.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        *self.composed().1 = Body::Sized(body.into());
        self
    }

    /// The body without Content-Length: the end of the connection is the end of the body.
    pub fn body_until_close(mut self, body: impl Into<Vec<u8>>) -> Self {
        *self.composed().1 = Body::UntilClose(body.into());
        self.close_at(Place::End)
    }

    /// The body in these chunks.
    pub fn chunks<I: IntoIterator<Item: Into<Vec<u8>>>>(self, chunks: I) -> Self {
        self.chunked(chunks, true)
    }

    /// The body in these chunks without the last, empty one; on its own it leaves the client waiting for more.
    pub fn unfinished_chunks<I: IntoIterator<Item: Into<Vec<u8>>>>(self, chunks: I) -> Self {
        self.chunked(chunks, false)
    }

    /// Sends nothing from there on until [`super::ScriptedServer::release`], then the rest.
    pub fn stall_at(self, place: Place) -> Self {
        self.fault(place, Fault::Stall)
    }

    /// Sends nothing from there on until the gate opens, then the rest.
    pub fn wait_at(self, place: Place, gate: &Gate) -> Self {
        self.fault(place, Fault::Wait(gate.clone()))
    }

    /// Closes the connection there with a FIN. At the [`Place::End`] it is a close that no header announced.
    pub fn close_at(self, place: Place) -> Self {
        self.fault(place, Fault::Close)
    }

    /// Resets the connection there.
    pub fn reset_at(self, place: Place) -> Self {
        self.fault(place, Fault::Reset)
    }

    /// Closes the connection after the answer, and says so with `Connection: close`.
    pub fn closing(self) -> Self {
        self.header("Connection", "close").close_at(Place::End)
    }

    /// Sends the answer in pieces of that size, with a pause after each.
    pub fn drip(mut self, size: usize, pause: Duration) -> Self {
        assert!(size > 0, "a piece has at least one byte");
        self.drip = Some((size, pause));
        self
    }

    /// How many bytes the whole answer has.
    pub fn length(&self) -> usize {
        self.clone().plan(false).bytes.len()
    }

    /// The reply as bytes; the answer to a HEAD has no body.
    pub(crate) fn plan(self, to_head: bool) -> Plan {
        let (mut bytes, body, chunk_ends) = match self.content {
            Content::Raw(bytes) => {
                let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |end| end + 4);
                (bytes[..head].to_vec(), bytes[head..].to_vec(), Vec::new())
            }
            Content::Composed { status, headers, body } => {
                let head = compose_head(status, headers, &body);
                let (body, chunk_ends) = body.encode();
                (head, if to_head { Vec::new() } else { body }, chunk_ends)
            }
        };
        let head = bytes.len();
        bytes.extend_from_slice(&body);
        let offset = |place| match place {
            Place::Start => 0,
            Place::MidHead => head / 2,
            Place::AfterHead => head,
            Place::MidBody => head + body.len() / 2,
            Place::AfterChunks(0) => head,
            Place::AfterChunks(count) => head + chunk_ends.get(count - 1).expect("so many chunks"),
            Place::AfterBytes(count) if count > bytes.len() => panic!("the answer has only {} bytes", bytes.len()),
            Place::AfterBytes(count) => count,
            Place::End => bytes.len(),
        };
        let mut faults: Vec<_> = self.faults.into_iter().map(|(place, fault)| (offset(place), fault)).collect();
        faults.sort_by_key(|(offset, _)| *offset);
        Plan { bytes, faults, drip: self.drip }
    }

    fn of(content: Content) -> Self {
        Self { content, faults: Vec::new(), drip: None }
    }

    fn fault(mut self, place: Place, fault: Fault) -> Self {
        self.faults.push((place, fault));
        self
    }

    fn chunked<I: IntoIterator<Item: Into<Vec<u8>>>>(mut self, chunks: I, terminated: bool) -> Self {
        let chunks = chunks.into_iter().map(Into::into).collect();
        *self.composed().1 = Body::Chunked { chunks, terminated };
        self
    }

    fn composed(&mut self) -> (&mut Vec<(String, String)>, &mut Body) {
        match &mut self.content {
            Content::Composed { headers, body, .. } => (headers, body),
            Content::Raw(_) => panic!("raw bytes are sent as they are: put the header or the body into them"),
        }
    }
}

impl Body {
    /// The bytes on the wire, and after how many of them each chunk ends.
    fn encode(self) -> (Vec<u8>, Vec<usize>) {
        let (chunks, terminated) = match self {
            Self::Sized(body) | Self::UntilClose(body) => return (body, Vec::new()),
            Self::Chunked { chunks, terminated } => (chunks, terminated),
        };
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for chunk in chunks {
            assert!(!chunk.is_empty(), "an empty chunk would end the body");
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(&chunk);
            bytes.extend_from_slice(b"\r\n");
            ends.push(bytes.len());
        }
        if terminated {
            bytes.extend_from_slice(b"0\r\n\r\n");
        }
        (bytes, ends)
    }
}

/// The status line, the given headers in their order, the one that tells where the body ends, and an empty line.
fn compose_head(status: u16, mut headers: Vec<(String, String)>, body: &Body) -> Vec<u8> {
    let bodiless = status < 200 || status == 204 || status == 304;
    match body {
        Body::Sized(body) if body.is_empty() && bodiless => (),
        Body::Sized(_) if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) => (),
        Body::Sized(body) => headers.push(("Content-Length".into(), body.len().to_string())),
        Body::UntilClose(_) => (),
        Body::Chunked { .. } => headers.push(("Transfer-Encoding".into(), "chunked".into())),
    }
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {status} {}\r\n{headers}\r\n", reason(status)).into_bytes()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        412 => "Precondition Failed",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
