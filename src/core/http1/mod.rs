//! HTTP/1.1 as a client speaks it: a request goes out, the head of its answer comes, and then the body. What is accepted and
//! what is refused is what hyper, which was here before, accepts and refuses; heads are taken apart by hyper's own parser.

pub mod chunks;
pub mod connection;
pub mod framing;
pub mod head;
pub mod headers;
pub mod request;

use std::io;

/// etcd's heads have a few hundred bytes in ten lines. The same goes for the trailers of a chunked body.
pub const MOST_HEAD_BYTES: usize = 64 << 10;

pub const MOST_HEADERS: usize = 100;

/// Why no answer came.
#[derive(Debug)]
pub enum Broken {
    /// What came is no HTTP.
    Senseless(&'static str),
    /// Its head has no end, or none that is near.
    EndlessHead,
    Socket(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        Broken::Socket(error)
    }
}
