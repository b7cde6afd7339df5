//! The deliberate differences from the Go client: all of them, each with its reason, and each as narrow as it is.
//!
//! A difference on the wire turns Go's request into the one that ours must be; the comparison that follows then checks
//! the difference itself too. One that nothing needs any more must leave the table: a test counts them.

use crate::operation::Operation;
use crate::wire::Wire;

/// Where our requests differ from Go's.
pub struct OnTheWire {
    pub name: &'static str,
    /// Why ours is better.
    pub reason: &'static str,
    /// Turns Go's request into ours; false where there is nothing to turn.
    as_ours: fn(&Operation, &mut Wire) -> bool,
}

pub const ON_THE_WIRE: [OnTheWire; 4] = [
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

/// What ours must have sent, when Go sent `wire`; counts the differences that took part.
pub fn as_ours(operation: &Operation, mut wire: Wire, seen: &mut [usize; ON_THE_WIRE.len()]) -> Wire {
    for (difference, seen) in ON_THE_WIRE.iter().zip(seen) {
        *seen += usize::from((difference.as_ours)(operation, &mut wire));
    }
    wire
}

/// Operations that ours refuses before anything is sent, and Go does not. Go is not asked for them, because the two
/// stores would not be the same any more.
pub struct Refused {
    pub name: &'static str,
    pub reason: &'static str,
    refuses: fn(&Operation) -> bool,
}

pub const REFUSED: [Refused; 2] = [
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

/// The difference by which ours refuses the operation.
pub fn refused(operation: &Operation) -> Option<usize> {
    REFUSED.iter().position(|difference| (difference.refuses)(operation))
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
