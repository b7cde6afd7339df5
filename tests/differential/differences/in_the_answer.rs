//! Where our answers differ from Go's.

use crate::admin::Admin;
use crate::answer::{Answer, Class};
use crate::operation::Operation;

pub(super) struct InTheAnswer {
    pub(super) name: &'static str,
    /// Why ours is better.
    pub(super) reason: &'static str,
    /// Turns Go's answer into ours; false where there is nothing to turn.
    pub(super) as_ours: fn(&Operation, &mut Answer) -> bool,
}

pub(super) const IN_THE_ANSWER: [InTheAnswer; 4] = [
    InTheAnswer {
        name: "NUL in the text of an error",
        reason: "the texts of an error are C strings: U+FFFD stands for NUL",
        as_ours: |_, answer| {
            let Answer::Failure(failure) = answer else { return false };
            let shown = failure.cause.replace('\0', "\u{fffd}");
            std::mem::replace(&mut failure.cause, shown).contains('\0')
        },
    },
    InTheAnswer {
        name: "hidden keys in a watch of what is above them",
        reason: "a live watch never sees them, and the server's history gives them all the same",
        as_ours: |operation, answer| {
            let (Operation::Watch { key, .. }, Answer::Events(events)) = (operation, answer) else { return false };
            let all = events.len();
            events.retain(|event| {
                let below = event.node.as_ref().and_then(|node| node.key.strip_prefix(key.as_str()));
                !below.is_some_and(|below| below.contains("/_"))
            });
            events.len() < all
        },
    },
    InTheAnswer {
        name: "the roles of a user",
        reason: "Go gives an empty name for each of them before their names",
        as_ours: |operation, answer| {
            let (Some(Admin::UserGet { .. }), Answer::Texts(roles)) = (operation.admin(), answer) else { return false };
            let blanks = roles.len() / 2;
            assert!(roles[..blanks].iter().all(String::is_empty), "as many blanks as names: {roles:?}");
            roles.drain(..blanks).count() > 0
        },
    },
    InTheAnswer {
        name: "removing a member that is not there",
        reason: "Go drops the server's words and says 'unexpected status code 404'",
        as_ours: |operation, answer| {
            let (Some(Admin::MembersRemove { id }), Answer::Failure(failure)) = (operation.admin(), answer) else {
                return false;
            };
            if failure.class != Class::UnexpectedStatus {
                return false;
            }
            failure.class = Class::Members;
            failure.message = format!("No such member: {id}");
            true
        },
    },
];
