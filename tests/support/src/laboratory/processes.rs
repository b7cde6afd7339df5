//! What happens to a member's process, and to the leadership.

use serde_json::json;

use super::{Fault, Laboratory};
use crate::waiting::wait_until;

impl Laboratory {
    /// Kills a member with SIGKILL; the end starts it again with the same data.
    pub fn kill(&self, number: usize) -> Fault<'_> {
        let member = self.member(number);
        member.kill();
        Fault::new(format!("member {number} is dead"), || member.start_again())
    }

    /// Freezes a member with SIGSTOP until the end: connections are accepted, and no byte ever comes back.
    pub fn freeze(&self, number: usize) -> Fault<'_> {
        let member = self.member(number);
        member.stop_process();
        Fault::new(format!("member {number} is frozen"), || member.continue_process())
    }

    /// Kills each member and starts it again, one after another, each when the one before is healthy.
    pub fn rolling_restart(&self) {
        for member in self.cluster().members() {
            member.restart();
        }
        self.cluster().wait_healthy();
    }

    /// Makes another member the leader, and returns its number: the leader hands over, or is frozen for an election.
    pub fn change_leader(&self) -> usize {
        let old = self.cluster().leader();
        if self.hand_over(old) {
            wait_until("another member leads", || self.cluster().leader() != old);
        } else {
            let frozen = self.freeze(old);
            self.cluster().leader();
            frozen.end();
        }
        self.cluster().wait_healthy();
        self.cluster().leader()
    }

    /// Asks the leader to hand over to another member; etcd before 3.4 cannot.
    fn hand_over(&self, leader: usize) -> bool {
        let followers = self.cluster().followers();
        // The next in turn, so that each gets to lead.
        let next = followers.iter().find(|number| **number > leader).or(followers.first());
        let Some(&follower) = next else { return false };
        let target = u64::from_str_radix(&self.member_id(follower), 16).expect("an id of 64 bits");
        // The gateway writes 64 bits as strings.
        let order = json!({ "targetID": target.to_string() });
        let oracle = self.member(leader).oracle();
        oracle.request_json("POST", "/v3/maintenance/transfer-leadership", &order).status == 200
    }

    /// What the cluster calls a member, in hexadecimal digits.
    pub(super) fn member_id(&self, number: usize) -> String {
        let member = self.member(number);
        let list = self.running_oracle(number).get("/v2/members").json();
        let list = list["members"].as_array().expect("the members").iter();
        let mut known = list.filter(|known| known["name"] == member.name());
        let known = known.next().unwrap_or_else(|| panic!("the cluster does not know {}", member.name()));
        known["id"].as_str().expect("an id").to_owned()
    }

    /// A look at a running member, another one than that if there is another.
    pub(super) fn running_oracle(&self, number: usize) -> crate::Oracle {
        let members = self.cluster().members();
        let order = (number + 1..members.len()).chain(0..=number);
        let mut running = order.map(|number| &members[number]).filter(|member| member.is_running());
        running.next().expect("a member that runs").oracle()
    }
}
