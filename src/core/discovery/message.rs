//! DNS messages: the one question that is asked here, and its answers.

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};

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

/// The question for the SRV records of `name`.
pub(super) fn query(id: u16, name: &str) -> Result<Vec<u8>, String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.split('.').any(|label| label.is_empty() || label.len() > 63) || name.len() > 253 {
        return Err("is no domain name: a part is empty or longer than 63 bytes, or the whole longer than 253".into());
    }
    let name = Name::new(name).map_err(|error| format!("is no domain name: {error}"))?;
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    packet.questions.push(Question::new(name, QTYPE::TYPE(TYPE::SRV), QCLASS::CLASS(CLASS::IN), false));
    packet.build_bytes_vec().map_err(|error| format!("cannot be asked for: {error}"))
}

/// None for what is no answer to the question with that id: it may come from anybody, so it is not worth an error.
pub(super) fn reply(bytes: &[u8], id: u16, name: &str) -> Option<Reply> {
    let truncated = is_truncated_answer(bytes, id);
    let Ok(packet) = Packet::parse(bytes) else {
        // A truncated answer may end anywhere.
        return truncated.then_some(Reply::Truncated);
    };
    let answers_the_question = packet.id() == id
        && packet.has_flags(PacketFlag::RESPONSE)
        && packet.questions.first().is_some_and(|question| is_same_name(&question.qname, name));
    if !answers_the_question {
        return None;
    }
    if truncated {
        return Some(Reply::Truncated);
    }
    Some(match packet.rcode() {
        RCODE::NoError => match records(&packet) {
            records if records.is_empty() => Reply::NoSuchName,
            records => Reply::Records(records),
        },
        RCODE::NameError => Reply::NoSuchName,
        RCODE::ServerFailure => Reply::Failed("the server failed (SERVFAIL)".into()),
        RCODE::Refused => Reply::Failed("the server refused (REFUSED)".into()),
        other => Reply::Failed(format!("the server answered {other:?}")),
    })
}

/// Read from the header alone: id, the bit for an answer, the bit for truncation.
fn is_truncated_answer(bytes: &[u8], id: u16) -> bool {
    match bytes {
        [high, low, flags, ..] => u16::from_be_bytes([*high, *low]) == id && flags & 0x82 == 0x82,
        _ => false,
    }
}

fn is_same_name(answered: &Name<'_>, asked: &str) -> bool {
    answered.to_string().eq_ignore_ascii_case(asked.trim_end_matches('.'))
}

fn records(packet: &Packet<'_>) -> Vec<Record> {
    let answers = packet.answers.iter().filter(|answer| answer.class == CLASS::IN);
    let records = answers.filter_map(|answer| match &answer.rdata {
        RData::SRV(srv) => {
            Some(Record { priority: srv.priority, weight: srv.weight, port: srv.port, target: srv.target.to_string() })
        }
        _ => None,
    });
    records.collect()
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn no_bytes_of_an_answer_make_it_panic() {
        let whole = answer(7, "a.example").build_bytes_vec().expect("a message");
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
