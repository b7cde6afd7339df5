//! DNS messages: the one question that is asked here, and its answers.

/// An SRV record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    /// Without the trailing dot; empty when the service is decidedly not available (RFC 2782).
    pub target: String,
}

/// What an answer to the question says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Records(Vec<Record>),
    /// The name, or this type of it, does not exist: no other server knows better.
    NoSuchName,
    /// The server could not or would not answer.
    Failed(String),
    /// The answer did not fit; ask again over TCP.
    Truncated,
}

const HEADER: usize = 12;
const SRV: u16 = 33;
const INTERNET: u16 = 1;
/// In the flags: whether it is an answer, whether it was cut, whether the server is to ask others, and how it went.
const RESPONSE: u16 = 0x8000;
const TRUNCATION: u16 = 0x0200;
const RECURSION_DESIRED: u16 = 0x0100;
const CODE: u16 = 0x000f;

/// The question for the SRV records of `name`.
pub(super) fn query(id: u16, name: &str) -> Result<Vec<u8>, String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.split('.').any(|label| label.is_empty() || label.len() > 63) || name.len() > 253 {
        return Err("is no domain name: a part is empty or longer than 63 bytes, or the whole longer than 253".into());
    }
    if name.contains('\\') {
        return Err("is no domain name: there is a backslash in it".into());
    }
    let mut message: Vec<u8> = [id, RECURSION_DESIRED, 1, 0, 0, 0].into_iter().flat_map(u16::to_be_bytes).collect();
    for label in name.split('.') {
        message.extend(u8::try_from(label.len()));
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend([SRV, INTERNET].into_iter().flat_map(u16::to_be_bytes));
    Ok(message)
}

/// None for what is no answer to the question with that id: it may come from anybody, so it is not worth an error.
pub(super) fn reply(bytes: &[u8], id: u16, name: &str) -> Option<Reply> {
    let mut reader = Reader { message: bytes, at: 0 };
    let (answered, flags) = (reader.number()?, reader.number()?);
    if answered != id || flags & RESPONSE == 0 {
        return None;
    }
    let is_truncated = flags & TRUNCATION != 0;
    let Some(message) = message(reader) else {
        // A truncated answer may end anywhere.
        return is_truncated.then_some(Reply::Truncated);
    };
    if !message.question.eq_ignore_ascii_case(name.trim_end_matches('.')) {
        return None;
    }
    if is_truncated {
        return Some(Reply::Truncated);
    }
    Some(match flags & CODE {
        0 if message.records.is_empty() => Reply::NoSuchName,
        0 => Reply::Records(message.records),
        1 => Reply::Failed("the server did not understand the question (FORMERR)".into()),
        2 => Reply::Failed("the server failed (SERVFAIL)".into()),
        3 => Reply::NoSuchName,
        4 => Reply::Failed("the server does not answer such questions (NOTIMP)".into()),
        5 => Reply::Failed("the server refused (REFUSED)".into()),
        other => Reply::Failed(format!("the server answered with the code {other}")),
    })
}

struct Message {
    /// The name in the first question.
    question: String,
    records: Vec<Record>,
}

/// What is behind id and flags, but for the sections after the answers, which say nothing here.
fn message(mut reader: Reader<'_>) -> Option<Message> {
    let (questions, answers) = (reader.number()?, reader.number()?);
    reader.at = HEADER;
    let mut question = None;
    for _ in 0..questions {
        let name = reader.name()?;
        // Its type and its class.
        reader.skip(4)?;
        question.get_or_insert(name);
    }
    let mut records = Vec::new();
    for _ in 0..answers {
        // Of an alias, it is not the name in the question.
        reader.name()?;
        let (kind, class) = (reader.number()?, reader.number()?);
        // For how long it may be kept.
        reader.skip(4)?;
        let length = reader.number()?;
        let end = reader.at + usize::from(length);
        if (kind, class) == (SRV, INTERNET) {
            let (priority, weight, port) = (reader.number()?, reader.number()?, reader.number()?);
            records.push(Record { priority, weight, port, target: reader.name()? });
            if reader.at != end {
                return None;
            }
        } else {
            reader.skip(usize::from(length))?;
        }
    }
    Some(Message { question: question?, records })
}

struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn number(&mut self) -> Option<u16> {
        let bytes = self.message.get(self.at..)?.first_chunk()?;
        self.at += 2;
        Some(u16::from_be_bytes(*bytes))
    }

    fn skip(&mut self, length: usize) -> Option<()> {
        self.at += length;
        (self.at <= self.message.len()).then_some(())
    }

    /// A name with a dot between its labels; what is a dot inside of one, or a backslash, has a backslash in front.
    fn name(&mut self) -> Option<String> {
        let (mut name, mut length) = (String::new(), 1);
        let (mut at, mut end) = (self.at, None);
        loop {
            let size = usize::from(*self.message.get(at)?);
            match size {
                0 => break,
                // The length has an end, and with it whoever goes in a circle.
                1..64 => {
                    length += 1 + size;
                    let label = self.message.get(at + 1..=at + size).filter(|_| length <= 255)?;
                    if !name.is_empty() {
                        name.push('.');
                    }
                    for letter in String::from_utf8_lossy(label).chars() {
                        if matches!(letter, '.' | '\\') {
                            name.push('\\');
                        }
                        name.push(letter);
                    }
                    at += 1 + size;
                }
                // It goes on somewhere before: 14 bits say where.
                0xc0.. => {
                    let place = (size & 0x3f) << 8 | usize::from(*self.message.get(at + 1)?);
                    end = end.or(Some(at + 2));
                    at = Some(place).filter(|place| *place < at)?;
                }
                _ => return None,
            }
        }
        self.at = end.unwrap_or(at + 1);
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use simple_dns::rdata::{A, RData, SRV};
    use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, ResourceRecord, TYPE};

    use super::*;

    fn answer(id: u16, name: &str) -> Packet<'_> {
        let mut packet = Packet::new_reply(id);
        let question =
            Question::new(Name::new(name).expect("a name"), QTYPE::TYPE(TYPE::SRV), QCLASS::CLASS(CLASS::IN), false);
        packet.questions.push(question);
        packet
    }

    #[test]
    fn only_answers_to_the_question_count() {
        let bytes = |id, name| answer(id, name).build_bytes_vec().expect("a message");
        assert_eq!(reply(&bytes(7, "A.example"), 7, "a.EXAMPLE."), Some(Reply::NoSuchName));
        assert_eq!(reply(&bytes(8, "a.example"), 7, "a.example"), None);
        assert_eq!(reply(&bytes(7, "b.example"), 7, "a.example"), None);
        assert_eq!(reply(&query(7, "a.example").expect("a query"), 7, "a.example"), None, "the question itself");
        assert_eq!(reply(b"", 7, "a.example"), None);
        assert_eq!(reply(b"\0\x07garbage, and more of it", 7, "a.example"), None);
    }

    #[test]
    fn a_truncated_answer_is_known_wherever_it_ends() {
        let mut packet = answer(7, "a.example");
        packet.set_flags(PacketFlag::TRUNCATION);
        let bytes = packet.build_bytes_vec().expect("a message");
        assert_eq!(reply(&bytes, 7, "a.example"), Some(Reply::Truncated));
        assert_eq!(reply(&bytes[..20], 7, "a.example"), Some(Reply::Truncated));
    }

    /// Two records, and one of another type between them.
    fn full_answer(id: u16, name: &str) -> Packet<'_> {
        let mut packet = answer(id, name);
        let of = |data| ResourceRecord::new(Name::new(name).expect("a name"), CLASS::IN, 60, data);
        let srv = |priority, weight, port, target| RData::SRV(SRV { priority, weight, port, target });
        let target = |target| Name::new(target).expect("a name");
        packet.answers.push(of(srv(1, 2, 2379, target("one.a.example"))));
        packet.answers.push(of(RData::A(A { address: 7 })));
        packet.answers.push(of(srv(3, 0, 2380, target(r"t\.w\\o.a.example"))));
        packet
    }

    #[test]
    fn questions_are_those_of_another_library() {
        for name in ["a.example", "_etcd-client._tcp.example.com.", "x"] {
            let mut packet = Packet::new_query(515);
            packet.set_flags(PacketFlag::RECURSION_DESIRED);
            let asked = Name::new(name).expect("a name");
            packet.questions.push(Question::new(asked, QTYPE::TYPE(TYPE::SRV), QCLASS::CLASS(CLASS::IN), false));
            assert_eq!(query(515, name).expect("a query"), packet.build_bytes_vec().expect("a message"), "{name}");
        }
        for wrong in ["", ".", "a..example", &"x".repeat(64), &"x.".repeat(128), r"a\.example"] {
            assert!(query(7, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn records_are_read_with_and_without_references_to_what_was_before() {
        let packet = full_answer(7, "a.example");
        let record = |priority, weight, port, target: &str| Record { priority, weight, port, target: target.into() };
        let expected = vec![record(1, 2, 2379, "one.a.example"), record(3, 0, 2380, r"t\.w\\o.a.example")];
        for bytes in [packet.build_bytes_vec(), packet.build_bytes_vec_compressed()] {
            let bytes = bytes.expect("a message");
            assert_eq!(reply(&bytes, 7, "a.example"), Some(Reply::Records(expected.clone())));
            for end in 0..bytes.len() {
                assert_eq!(reply(&bytes[..end], 7, "a.example"), None, "cut at {end}");
            }
        }
    }

    #[test]
    fn what_the_server_says_of_itself_is_told() {
        let codes = [
            (RCODE::FormatError, "FORMERR"),
            (RCODE::ServerFailure, "SERVFAIL"),
            (RCODE::NotImplemented, "NOTIMP"),
            (RCODE::Refused, "REFUSED"),
            (RCODE::YXDOMAIN, "code 6"),
        ];
        for (code, expected) in codes {
            let mut packet = answer(7, "a.example");
            *packet.rcode_mut() = code;
            match reply(&packet.build_bytes_vec().expect("a message"), 7, "a.example") {
                Some(Reply::Failed(why)) => assert!(why.contains(expected), "{why}"),
                other => panic!("{other:?}"),
            }
        }
        let mut packet = answer(7, "a.example");
        *packet.rcode_mut() = RCODE::NameError;
        assert_eq!(reply(&packet.build_bytes_vec().expect("a message"), 7, "a.example"), Some(Reply::NoSuchName));
    }

    #[test]
    fn a_name_that_goes_in_a_circle_or_forward_is_no_name() {
        let read = |bytes: &[u8]| Reader { message: bytes, at: 2 }.name();
        assert_eq!(read(b"\x01x\xc0\x00\x00"), None, "a circle through what was before");
        assert_eq!(read(b"\x00_\xc0\x00"), Some(String::new()), "the root");
        assert_eq!(read(b"__\x01x\xc0\x02"), None, "a circle with a label");
        assert_eq!(read(b"__\xc0\x02"), None, "itself");
        assert_eq!(read(b"__\xc0\x04\x00"), None, "forward");
        assert_eq!(read(b"__\x01x\xc0"), None, "half of a reference");
        assert_eq!(read(b"__\x41x\x00"), None, "a kind of label that there is not");
        assert_eq!(Reader { message: b"\x01y\x00\x01x\xc0\x00", at: 3 }.name().as_deref(), Some("x.y"));
    }

    #[test]
    fn no_bytes_of_an_answer_make_it_panic() {
        let whole = full_answer(7, "a.example").build_bytes_vec_compressed().expect("a message");
        for end in 0..whole.len() {
            for byte in [0_u8, 1, 0x3f, 0xc0, 0xff] {
                let mut bytes = whole.clone();
                bytes[end] = byte;
                let _ = reply(&bytes, 7, "a.example");
                let _ = reply(&bytes[..end], 7, "a.example");
            }
        }
    }
}
