//! Where our requests differ from Go's.

use crate::admin::Admin;
use crate::operation::Operation;
use crate::wire::Wire;

pub(super) struct OnTheWire {
    pub(super) name: &'static str,
    /// Why ours is better.
    pub(super) reason: &'static str,
    /// Turns Go's requests into ours; false where there is nothing to turn.
    pub(super) as_ours: fn(&Operation, &mut Vec<Wire>) -> bool,
}

pub(super) const ON_THE_WIRE: [OnTheWire; 6] = [
    OnTheWire {
        name: "the user is looked for before it is added",
        reason: "the server's PUT, which is all that Go sends, overwrites the password of a user that exists",
        as_ours: |operation, wires| {
            let (Some(Admin::UserAdd { .. }), [put]) = (operation.admin(), &wires[..]) else { return false };
            let mut look = Wire { method: "GET".into(), body: String::new(), ..put.clone() };
            look.remove_header("content-type");
            look.remove_header("content-length");
            wires.insert(0, look);
            true
        },
    },
    OnTheWire {
        name: "a change of a password that cannot make a user",
        reason: "Go sends what adds a user, and a missing one is made: granting and revoking one role changes nothing else",
        as_ours: |operation, wires| {
            let (Some(Admin::UserChangePassword { .. }), [put]) = (operation.admin(), &mut wires[..]) else {
                return false;
            };
            let Some(body) = put.body.strip_suffix(r#","roles":null}"#) else { return false };
            let role = r#"["libetcd_client-no-such-role"]"#;
            put.set_body(format!(r#"{body},"roles":null,"grant":{role},"revoke":{role}}}"#));
            true
        },
    },
    OnTheWire {
        name: "User-Agent",
        reason: "a client says who it is",
        as_ours: |_, wires| {
            each(wires, |wire| {
                let agent = wire.header("user-agent").filter(|agent| *agent == "Go-http-client/1.1");
                agent.map(|agent| *agent = concat!("libetcd_client/", env!("CARGO_PKG_VERSION")).into()).is_some()
            })
        },
    },
    OnTheWire {
        name: "Accept-Encoding",
        reason: "etcd does not compress, so nothing is asked for",
        as_ours: |_, wires| {
            each(wires, |wire| wire.remove_header("accept-encoding").is_some_and(|value| value == "gzip"))
        },
    },
    OnTheWire {
        name: "prevValue of a set in the form body",
        reason: "etcd resets plain connections with more than 4 KB of URL",
        as_ours: |_, wires| each(wires, move_prev_value),
    },
    OnTheWire {
        name: "TTL rounded up",
        reason: "a key must not live shorter than asked, and Go's ttl=0 expires it at once",
        as_ours: |operation, wires| {
            let Some(ms) = operation.ttl_ms().filter(|ms| ms % 1000 != 0) else { return false };
            let (go, ours) = (format!("ttl={}", ms / 1000), format!("ttl={}", ms / 1000 + 1));
            each(wires, |wire| {
                let mut form = wire.form();
                let Some(ttl) = form.iter_mut().find(|pair| **pair == go) else { return false };
                ttl.clone_from(&ours);
                wire.set_body(form.join("&"));
                true
            })
        },
    },
];

/// Whether any was changed.
fn each(wires: &mut [Wire], change: impl Fn(&mut Wire) -> bool) -> bool {
    wires.iter_mut().filter_map(|wire| change(wire).then_some(())).count() > 0
}

fn move_prev_value(wire: &mut Wire) -> bool {
    if wire.method != "PUT" {
        return false;
    }
    let Some(position) = wire.query.iter().position(|pair| pair.starts_with("prevValue=")) else { return false };
    // Both are encoded alike, and sorted.
    let mut form = wire.form();
    form.push(wire.query.remove(position));
    form.sort();
    wire.set_body(form.join("&"));
    true
}
