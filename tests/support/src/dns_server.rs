//! A name server inside the test process that answers SRV questions by a script, over UDP and TCP on the same port.
//!
//! It writes its messages byte by byte and shares no code with what it tests.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

const SRV: u16 = 33;
const IN: u16 = 1;

/// An SRV record: priority, weight, port, target (`"."` is the root).
pub type SrvRecord = (u16, u16, u16, &'static str);

/// What is done with a question.
#[derive(Clone, Debug)]
pub enum DnsReply {
    Records(Vec<SrvRecord>),
    /// Truncated over UDP, whole over TCP.
    OnlyByTcp(Vec<SrvRecord>),
    NoSuchName,
    /// An answer with this code: 2 is SERVFAIL, 5 is REFUSED.
    Code(u8),
    Silence,
    /// These bytes, with the question's id in front if they ask for it.
    Bytes(Vec<u8>),
    /// Garbage, an answer with another id and one to another question first, then the records.
    NoiseBefore(Vec<SrvRecord>),
}

type Script = dyn Fn(&str) -> DnsReply + Send + Sync;

/// A name server on 127.0.0.1; dropping it ends its threads.
pub struct DnsServer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    questions: Arc<Mutex<Vec<String>>>,
    threads: Vec<JoinHandle<()>>,
}

impl DnsServer {
    /// Asks the function what to answer to the question for a name, in lower case and without the last dot.
    pub fn by(script: impl Fn(&str) -> DnsReply + Send + Sync + 'static) -> Self {
        let bound = (0..100).find_map(|_| {
            let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
            Some((UdpSocket::bind(tcp.local_addr().ok()?).ok()?, tcp))
        });
        let (udp, tcp) = bound.expect("a port that is free for UDP and TCP");
        Self::on(udp, tcp, script)
    }

    /// The same on port 53, which takes a network namespace of one's own.
    pub fn on_port_53(script: impl Fn(&str) -> DnsReply + Send + Sync + 'static) -> Self {
        let address = (Ipv4Addr::LOCALHOST, 53);
        let udp = UdpSocket::bind(address).expect("UDP port 53 of 127.0.0.1");
        Self::on(udp, TcpListener::bind(address).expect("TCP port 53 of 127.0.0.1"), script)
    }

    fn on(udp: UdpSocket, tcp: TcpListener, script: impl Fn(&str) -> DnsReply + Send + Sync + 'static) -> Self {
        let address = udp.local_addr().expect("the server's address");
        let (stop, questions) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let script: Arc<Script> = Arc::new(script);
        let by_udp = {
            let (stop, questions, script) = (stop.clone(), questions.clone(), script.clone());
            thread::spawn(move || serve_udp(&udp, &stop, &questions, &script))
        };
        let by_tcp = {
            let stop = stop.clone();
            thread::spawn(move || serve_tcp(&tcp, &stop, &script))
        };
        Self { address, stop, questions, threads: vec![by_udp, by_tcp] }
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The names that were asked for over UDP, in order.
    pub fn questions(&self) -> Vec<String> {
        self.questions.lock().expect("the questions").clone()
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes both threads.
        let _ = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.send_to(b"", self.address));
        let _ = TcpStream::connect(self.address);
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "a thread of the name server panicked");
        }
    }
}

fn serve_udp(socket: &UdpSocket, stop: &AtomicBool, questions: &Mutex<Vec<String>>, script: &Arc<Script>) {
    let mut buffer = [0; 4096];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let query = &buffer[..length];
        let name = name_of(query);
        questions.lock().expect("the questions").push(name.clone());
        let answers: Vec<Vec<u8>> = match script(&name) {
            DnsReply::Records(records) => vec![message(query, 0, false, &records)],
            DnsReply::OnlyByTcp(_) => vec![message(query, 0, true, &[])],
            DnsReply::NoSuchName => vec![message(query, 3, false, &[])],
            DnsReply::Code(code) => vec![message(query, code, false, &[])],
            DnsReply::Silence => Vec::new(),
            DnsReply::Bytes(bytes) => vec![bytes],
            DnsReply::NoiseBefore(records) => noise_and(query, &records),
        };
        for answer in answers {
            let _ = socket.send_to(&answer, from);
        }
    }
}

fn noise_and(query: &[u8], records: &[SrvRecord]) -> Vec<Vec<u8>> {
    let forged = [(9, 9, 9, "forged.example")];
    let mut other_id = message(query, 0, false, &forged);
    other_id[0] ^= 0xff;
    let mut other_name = message(query, 0, false, &forged);
    other_name[13] ^= 1;
    vec![b"garbage".to_vec(), other_id, other_name, query.to_vec(), message(query, 0, false, records)]
}

fn serve_tcp(listener: &TcpListener, stop: &AtomicBool, script: &Arc<Script>) {
    loop {
        let Ok((mut stream, _)) = listener.accept() else { continue };
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let mut length = [0; 2];
        if stream.read_exact(&mut length).is_err() {
            continue;
        }
        let mut query = vec![0; u16::from_be_bytes(length).into()];
        if stream.read_exact(&mut query).is_err() {
            continue;
        }
        if let DnsReply::OnlyByTcp(records) = script(&name_of(&query)) {
            let answer = message(&query, 0, false, &records);
            let length = u16::try_from(answer.len()).expect("a short answer");
            let _ = stream.write_all(&[&length.to_be_bytes()[..], &answer].concat());
        }
    }
}

/// The name in the question.
fn name_of(query: &[u8]) -> String {
    let mut labels = Vec::new();
    let mut rest = &query[12..];
    while rest[0] != 0 {
        let end = 1 + usize::from(rest[0]);
        labels.push(String::from_utf8_lossy(&rest[1..end]).to_lowercase());
        rest = &rest[end..];
    }
    labels.join(".")
}

/// An answer to the query: its id and question, and the records, whose owner points back to the question.
fn message(query: &[u8], code: u8, truncated: bool, records: &[SrvRecord]) -> Vec<u8> {
    let question_end = 12 + query[12..].iter().position(|byte| *byte == 0).expect("the end of the name") + 5;
    let count = u16::try_from(records.len()).expect("few records");
    let mut bytes = query[..2].to_vec();
    bytes.extend([0x81 | if truncated { 2 } else { 0 }, 0x80 | code]);
    bytes.extend([0, 1]);
    bytes.extend(count.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(&query[12..question_end]);
    for (priority, weight, port, target) in records {
        let mut data = Vec::new();
        [priority, weight, port].into_iter().for_each(|number| data.extend(number.to_be_bytes()));
        for label in target.split('.').filter(|label| !label.is_empty()) {
            data.push(u8::try_from(label.len()).expect("a short label"));
            data.extend(label.as_bytes());
        }
        data.push(0);
        bytes.extend([0xc0, 12]);
        bytes.extend(SRV.to_be_bytes());
        bytes.extend(IN.to_be_bytes());
        bytes.extend(60_u32.to_be_bytes());
        bytes.extend(u16::try_from(data.len()).expect("a short record").to_be_bytes());
        bytes.extend(data);
    }
    bytes
}
