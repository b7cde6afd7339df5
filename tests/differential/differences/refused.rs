//! Operations that ours refuses before anything is sent, and Go does not. Go is not asked for them, because the two
//! stores would not be the same any more.

use crate::admin::Admin;
use crate::operation::Operation;

pub(crate) struct Refused {
    pub(crate) name: &'static str,
    /// Why ours is better.
    pub(super) reason: &'static str,
    pub(super) refuses: fn(&Operation) -> bool,
}

pub(super) const REFUSED: [Refused; 6] = [
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
    Refused {
        name: "an id or a name that is empty or no single segment of a path",
        reason: "it asks for another thing than the one that was meant",
        refuses: |operation| {
            let name = operation.admin().and_then(Admin::segment);
            name.is_some_and(|name| name.is_empty() || name.contains('/') || matches!(name, "." | ".."))
        },
    },
    Refused {
        name: "an empty password",
        reason: "etcd has no users without a password",
        refuses: |operation| match operation.admin() {
            Some(Admin::UserAdd { password, .. } | Admin::UserChangePassword { password, .. }) => password.is_empty(),
            _ => false,
        },
    },
    Refused {
        name: "nothing to grant or revoke",
        reason: "the server takes it for something else: a role without prefixes is made anew",
        refuses: |operation| operation.admin().and_then(Admin::grants).is_some_and(<[String]>::is_empty),
    },
    Refused {
        name: "an empty role or prefix to grant",
        reason: "etcd could not answer for the user any more, or crash in each request that it checks",
        refuses: |operation| match operation.admin() {
            Some(Admin::UserGrant { roles: list, .. } | Admin::RoleGrant { prefixes: list, .. }) => {
                list.iter().any(String::is_empty)
            }
            _ => false,
        },
    },
];

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
