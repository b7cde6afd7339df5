//! One connection of a scripted server, from its first byte to its last.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::endings::send_reset;
use super::record::{Phase, Record};
use super::reply::{Fault, Plan};
use super::request::{Parsed, Request};
use super::{Cut, Script, Welcome};
use crate::gate::{Gate, wait_for_any};

/// A connection; dropping it closes it and says so in the record.
pub(super) struct Connection {
    /// Gone only in `drop`.
    stream: Option<Arc<TcpStream>>,
    number: usize,
    record: Arc<Record>,
    /// Bytes that came and belong to no request yet.
    received: Vec<u8>,
}

/// The connection is to be closed, or the other side has closed it.
struct Over;

impl Connection {
    pub(super) fn new(stream: Arc<TcpStream>, number: usize, record: Arc<Record>) -> Self {
        Self { stream: Some(stream), number, record, received: Vec::new() }
    }

    /// Does with the connection what the script says, until it is over.
    pub(super) fn run(mut self, script: &Script) {
        match (script.welcome)(self.number) {
            Welcome::Serve => while self.serve_one(script).is_ok() {},
            Welcome::Close => self.end_and_discard(),
            Welcome::Reset => send_reset(self.stream()),
            // It ends with the server or with the client, so how it ends says nothing.
            Welcome::NeverRead => drop(self.hold(&[])),
        }
    }

    /// Reads one request and answers it; `Over` when no further request can follow.
    fn serve_one(&mut self, script: &Script) -> Result<(), Over> {
        if let Some(cut) = (script.cut)(self.record.with(|book| book.requests.len())) {
            return self.break_within_request(cut);
        }
        let request = self.read_request()?;
        let (to_head, close) = (request.method == "HEAD", request.wants_close());
        self.record.add_request(request.clone());
        let reply = {
            let mut answer = script.answer.lock().unwrap_or_else(PoisonError::into_inner);
            answer(&request)
        };
        self.send(&reply.plan(to_head))?;
        if close { Err(Over) } else { Ok(()) }
    }

    fn read_request(&mut self) -> Result<Request, Over> {
        loop {
            self.record.set_phase(self.number, if self.received.is_empty() { Phase::Idle } else { Phase::Busy });
            match Request::parse(&self.received, self.number) {
                Parsed::Whole(request) => {
                    self.received.drain(..request.raw.len());
                    return Ok(request);
                }
                Parsed::Nonsense => return Err(Over),
                Parsed::Part => self.receive()?,
            }
        }
    }

    /// Reads so much of a request and ends the connection. What has come whole is recorded as any other request.
    fn break_within_request(&mut self, cut: Cut) -> Result<(), Over> {
        while self.received.len() < cut.after {
            let mut buffer = vec![0; (cut.after - self.received.len()).min(64 * 1024)];
            let count = self.stream().read(&mut buffer).map_err(|_| Over)?;
            self.received.extend_from_slice(&buffer[..count]);
            if count == 0 || matches!(Request::parse(&self.received, self.number), Parsed::Nonsense) {
                return Err(Over);
            }
        }
        if let Parsed::Whole(request) = Request::parse(&self.received, self.number) {
            self.received.drain(..request.raw.len());
            self.record.add_request(request);
        }
        if cut.by_reset {
            send_reset(self.stream())
        } else {
            self.end_and_discard()
        }
        Err(Over)
    }

    fn receive(&mut self) -> Result<(), Over> {
        let mut buffer = [0; 16 * 1024];
        let count = self.stream().read(&mut buffer).map_err(|_| Over)?;
        self.received.extend_from_slice(&buffer[..count]);
        if count == 0 { Err(Over) } else { Ok(()) }
    }

    fn send(&self, plan: &Plan) -> Result<(), Over> {
        let mut sent = 0;
        for (offset, fault) in &plan.faults {
            self.send_bytes(&plan.bytes[sent..*offset], plan.drip)?;
            sent = *offset;
            match fault {
                Fault::Stall => self.hold(&[&self.record.stalls])?,
                Fault::Wait(gate) => self.hold(&[gate])?,
                Fault::Close => return Err(Over),
                Fault::Reset => {
                    send_reset(self.stream());
                    return Err(Over);
                }
            }
        }
        self.send_bytes(&plan.bytes[sent..], plan.drip)
    }

    fn send_bytes(&self, bytes: &[u8], drip: Option<(usize, Duration)>) -> Result<(), Over> {
        let Some((size, pause)) = drip else {
            return self.stream().write_all(bytes).map_err(|_| Over);
        };
        for piece in bytes.chunks(size) {
            self.stream().write_all(piece).map_err(|_| Over)?;
            self.wait_for(&[], Some(pause))?;
        }
        Ok(())
    }

    /// Waits for one of the gates, however long that takes.
    fn hold(&self, gates: &[&Gate]) -> Result<(), Over> {
        self.record.set_phase(self.number, Phase::Held);
        let outcome = self.wait_for(gates, None);
        self.record.set_phase(self.number, Phase::Busy);
        outcome
    }

    /// Waits for one of the gates or for the time to pass; `Over` when the server ends or the client goes first.
    ///
    /// A client that has closed its sending side counts as gone.
    fn wait_for(&self, gates: &[&Gate], limit: Option<Duration>) -> Result<(), Over> {
        let mut wanted = vec![(self.stream().as_fd(), libc::POLLRDHUP), (self.record.shutdown.as_fd(), 0)];
        wanted.extend(gates.iter().map(|gate| (gate.as_fd(), 0)));
        let reported = wait_for_any(&wanted, limit);
        let (ends, gates) = reported.split_at(2);
        let through = gates.iter().any(|event| *event != 0) || ends.iter().all(|event| *event == 0);
        if through { Ok(()) } else { Err(Over) }
    }

    /// Sends a FIN, but keeps reading: closing with unread bytes would make the kernel send a reset.
    fn end_and_discard(&mut self) {
        let _ = self.stream().shutdown(Shutdown::Write);
        while self.receive().is_ok() {
            self.received.clear();
        }
    }

    fn stream(&self) -> &TcpStream {
        self.stream.as_ref().expect("the stream goes only in drop")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !self.received.is_empty() {
            self.record.add_unfinished(std::mem::take(&mut self.received));
        }
        if let Some(stream) = self.stream.take() {
            self.record.end_connection(self.number, stream);
        }
    }
}
