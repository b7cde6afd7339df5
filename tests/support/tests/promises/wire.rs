//! A client that shows each byte, and each way in which a connection can end.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use etcd_test_support::ScriptedServer;

pub const GET: &[u8] = b"GET /v2/keys/foo HTTP/1.1\r\nHost: etcd\r\n\r\n";

/// Time within which a server that does not stall has answered.
const CEILING: Duration = Duration::from_secs(20);

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    Fin,
    Reset,
}

pub struct Wire {
    pub stream: TcpStream,
}

impl Wire {
    pub fn to(server: &ScriptedServer) -> Self {
        let stream = TcpStream::connect(server.address()).expect("connect to the scripted server");
        stream.set_read_timeout(Some(CEILING)).unwrap();
        Self { stream }
    }

    pub fn send(&mut self, bytes: &[u8]) -> &mut Self {
        self.stream.write_all(bytes).expect("send to the scripted server");
        self
    }

    /// Reads exactly so many bytes.
    pub fn read(&mut self, count: usize) -> String {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).expect("read from the scripted server");
        String::from_utf8(bytes).unwrap()
    }

    /// Sends a GET, and reads an answer of which the text is known.
    pub fn expect(&mut self, answer: &str) -> &mut Self {
        self.send(GET);
        assert_eq!(self.read(answer.len()), answer);
        self
    }

    /// Reads to the end of the connection.
    pub fn read_to_end(&mut self) -> (String, End) {
        let mut bytes = Vec::new();
        let end = loop {
            let mut byte = [0];
            match self.stream.read(&mut byte) {
                Ok(0) => break End::Fin,
                Ok(_) => bytes.push(byte[0]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break End::Reset,
                Err(error) => panic!("neither a byte nor an end came: {error}"),
            }
        };
        (String::from_utf8(bytes).unwrap(), end)
    }

    /// Whether nothing at all comes for a moment; what has been sent before is there by then on loopback.
    pub fn is_silent(&mut self) -> bool {
        self.stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let outcome = self.stream.read(&mut [0]).map_err(|error| error.kind());
        self.stream.set_read_timeout(Some(CEILING)).unwrap();
        outcome == Err(ErrorKind::WouldBlock)
    }
}
