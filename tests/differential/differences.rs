//! The deliberate differences from the Go client: all of them, each with its reason, and each as narrow as it is.
//!
//! A difference on the wire turns Go's request into the one that ours must be; the comparison that follows then checks
//! the difference itself too. One that nothing needs any more must leave the table: a test counts them.

use crate::answer::Answer;
use crate::operation::Operation;
use crate::wire::Wire;

/// Where our requests differ from Go's.
pub(crate) struct OnTheWire {
    pub(crate) name: &'static str,
    /// Why ours is better.
    pub(crate) reason: &'static str,
    /// Turns Go's request into ours; false where there is nothing to turn.
    as_ours: fn(&Operation, &mut Wire) -> bool,
}

pub(crate) const ON_THE_WIRE: [OnTheWire; 4] = [
    OnTheWire {
        name: "User-Agent",
        reason: "a client says who it is",
        as_ours: |_, wire| {
            let Some(agent) = wire.header("user-agent").filter(|agent| *agent == "Go-http-client/1.1") else {
                return false;
            };
            *agent = concat!("libetcd_client/", env!("CARGO_PKG_VERSION")).into();
            true
        },
    },
    OnTheWire {
        name: "Accept-Encoding",
        reason: "etcd does not compress, so nothing is asked for",
        as_ours: |_, wire| wire.remove_header("accept-encoding").is_some_and(|value| value == "gzip"),
    },
    OnTheWire {
        name: "prevValue of a set in the form body",
        reason: "etcd resets plain connections with more than 4 KB of URL",
        as_ours: |_, wire| {
            if wire.method != "PUT" {
                return false;
            }
            let Some(position) = wire.query.iter().position(|pair| pair.starts_with("prevValue=")) else {
                return false;
            };
            // Both are encoded alike, and sorted.
            let mut form = wire.form();
            form.push(wire.query.remove(position));
            form.sort();
            wire.set_body(form.join("&"));
            true
        },
    },
    OnTheWire {
        name: "TTL rounded up",
        reason: "a key must not live shorter than asked, and Go's ttl=0 expires it at once",
        as_ours: |operation, wire| {
            let Some(ms) = operation.ttl_ms().filter(|ms| ms % 1000 != 0) else { return false };
            let (go, ours) = (format!("ttl={}", ms / 1000), format!("ttl={}", ms / 1000 + 1));
            let mut form = wire.form();
            let Some(ttl) = form.iter_mut().find(|pair| **pair == go) else { return false };
            *ttl = ours;
            wire.set_body(form.join("&"));
            true
        },
    },
];

/// Where our answers differ from Go's.
pub(crate) struct InTheAnswer {
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
    /// Turns Go's answer into ours; false where there is nothing to turn.
    as_ours: fn(&Operation, &mut Answer) -> bool,
}

pub(crate) const IN_THE_ANSWER: [InTheAnswer; 1] = [InTheAnswer {
    name: "NUL in the text of an error",
    reason: "the texts of an error are C strings: U+FFFD stands for NUL",
    as_ours: |_, answer| {
        let Answer::Failure(failure) = answer else { return false };
        let shown = failure.cause.replace('\0', "\u{fffd}");
        std::mem::replace(&mut failure.cause, shown).contains('\0')
    },
}];

/// Operations that ours refuses before anything is sent, and Go does not. Go is not asked for them, because the two
/// stores would not be the same any more.
pub(crate) struct Refused {
    pub(crate) name: &'static str,
    pub(crate) reason: &'static str,
    refuses: fn(&Operation) -> bool,
}

pub(crate) const REFUSED: [Refused; 2] = [
    Refused {
        name: "a key that climbs out of the keys",
        reason: "in Go, ../members reaches the members",
        refuses: |operation| climbs(operation.key()),
    },
    Refused {
        name: "a delete with a prevValue too long for the request line",
        reason: "etcd resets the connection; in the body it would be ignored, and the delete unconditional",
        refuses: |operation| {
            // The values of the random operations are either far shorter than the limit or longer.
            matches!(operation, Operation::Delete { prev_value: Some(value), .. } if value.len() > 4096)
        },
    },
];

/// How often each difference took part.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    on_the_wire: [usize; ON_THE_WIRE.len()],
    in_the_answer: [usize; IN_THE_ANSWER.len()],
    refused: [usize; REFUSED.len()],
}

impl Counts {
    /// What ours must have sent, when Go sent `wire`.
    pub(crate) fn our_wire(&mut self, operation: &Operation, mut wire: Wire) -> Wire {
        for (difference, count) in ON_THE_WIRE.iter().zip(&mut self.on_the_wire) {
            *count += usize::from((difference.as_ours)(operation, &mut wire));
        }
        wire
    }

    /// What ours must have answered, when Go answered `answer`.
    pub(crate) fn our_answer(&mut self, operation: &Operation, mut answer: Answer) -> Answer {
        for (difference, count) in IN_THE_ANSWER.iter().zip(&mut self.in_the_answer) {
            *count += usize::from((difference.as_ours)(operation, &mut answer));
        }
        answer
    }

    /// The difference by which ours must refuse the operation.
    pub(crate) fn our_refusal(&mut self, operation: &Operation) -> Option<&'static Refused> {
        let position = REFUSED.iter().position(|difference| (difference.refuses)(operation))?;
        self.refused[position] += 1;
        Some(&REFUSED[position])
    }

    /// The differences that never took part, each with its reason.
    pub(crate) fn unseen(&self) -> Vec<(&'static str, &'static str)> {
        let wire = ON_THE_WIRE.iter().map(|difference| (difference.name, difference.reason)).zip(self.on_the_wire);
        let answer =
            IN_THE_ANSWER.iter().map(|difference| (difference.name, difference.reason)).zip(self.in_the_answer);
        let refused = REFUSED.iter().map(|difference| (difference.name, difference.reason)).zip(self.refused);
        wire.chain(answer).chain(refused).filter(|(_, count)| *count == 0).map(|(difference, _)| difference).collect()
    }
}

fn climbs(key: &str) -> bool {
    let mut depth = 0_usize;
    key.split('/').any(|segment| {
        match segment {
            "" | "." => {}
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            _ => depth += 1,
        }
        false
    })
}
