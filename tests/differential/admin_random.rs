//! Random calls that manage members, users and roles, with auth switched off.

use std::collections::BTreeSet;

use fastrand::Rng;

use crate::admin::{Admin, OWN_ID, OWN_PEER_URL};
use crate::answer::Answer;
use crate::operation::Operation;
use crate::pair::Pair;
use crate::run::Run;

/// Not root: with it, auth could be enabled.
const NAMES: [&str; 12] = ["ann", "bob", "x y", "ü日本", "<&>", "a%2Fb", "quo\"te", "", "..", "a/b", "+;?#", "guest"];
const PASSWORDS: [&str; 5] = ["secret", "", "<&>\u{2028}\"\\", "pass word", "ü"];
const PREFIXES: [&str; 7] = ["/a", "/a/*", "*", "/x y/*", "", "/<&>", "/ü"];
const URLS: [&str; 9] = [
    OWN_PEER_URL,
    "",
    "x",
    "http://127.0.0.1",
    "http://127.0.0.1:1/path",
    "ftp://127.0.0.1:1",
    " OWN-PEER-URL ",
    "http://[::1]",
    ":",
];
const IDS: [&str; 6] = ["1234abcd", "not-a-number", "", "..", "a/b", "x y"];

/// Every bcrypt of a password takes 50 ms or more, on both sides.
const CALLS: usize = 150;

struct Generator {
    random: Rng,
    users: BTreeSet<String>,
}

impl Generator {
    fn call(&mut self) -> Admin {
        let (user, role) = (self.pick(&NAMES), self.pick(&NAMES));
        match self.random.u8(..20) {
            0 => Admin::MembersList,
            1 => Admin::MembersLeader,
            // A URL that is there already, or bad: a new one would make a cluster of two that cannot elect a leader.
            2 => Admin::MembersAdd { peer_urls: vec![self.pick(&URLS)] },
            3 => Admin::MembersRemove { id: self.pick(&IDS) },
            4 => {
                Admin::MembersUpdate { id: self.pick(&[OWN_ID, OWN_ID, "1234abcd", "x"]), peer_urls: self.list(&URLS) }
            }
            5 => Admin::AuthEnable,
            6 => Admin::AuthDisable,
            // The two calls that differ on purpose where there is the user, or is not.
            7 | 8 if !self.users.contains(&user) => Admin::UserAdd { user, password: self.pick(&PASSWORDS) },
            7 | 8 => Admin::UserChangePassword { user, password: self.pick(&PASSWORDS) },
            9 => Admin::UserRemove { user },
            10 => Admin::UserGet { user },
            11 => Admin::UserList,
            12 => Admin::UserGrant { user, roles: self.list(&NAMES) },
            13 => Admin::UserRevoke { user, roles: self.list(&NAMES) },
            14 => Admin::RoleAdd { role },
            15 => Admin::RoleRemove { role },
            16 => Admin::RoleGet { role },
            17 => Admin::RoleList,
            18 => Admin::RoleGrant { role, prefixes: self.list(&PREFIXES), permission: self.random.i32(0..3) },
            _ => Admin::RoleRevoke { role, prefixes: self.list(&PREFIXES), permission: self.random.i32(0..3) },
        }
    }

    fn learn(&mut self, call: &Admin, answer: &Answer) {
        match call {
            _ if answer.class().is_some() => {}
            Admin::UserAdd { user, .. } => drop(self.users.insert(user.clone())),
            Admin::UserRemove { user } => drop(self.users.remove(user)),
            _ => {}
        }
    }

    fn pick(&mut self, from: &[&str]) -> String {
        (*self.random.choice(from).expect("a choice")).to_owned()
    }

    fn list(&mut self, from: &[&str]) -> Vec<String> {
        (0..self.random.usize(..3)).map(|_| self.pick(from)).collect()
    }
}

#[test]
fn random_calls_that_manage_have_the_same_answers_errors_and_requests() {
    let Some(mut pair) = Pair::start() else { return };
    let mut run = Run::new();
    let mut generator = Generator { random: Rng::with_seed(run.seed), users: BTreeSet::new() };
    for _ in 0..CALLS {
        let call = generator.call();
        let answer = run.compare(&mut pair, Operation::Admin(call.clone()));
        generator.learn(&call, &answer);
    }
    for call in [Admin::UserList, Admin::RoleList, Admin::MembersList] {
        run.compare(&mut pair, Operation::Admin(call));
    }
}
