//! Members that go and members that come.

use serde_json::json;

use super::{Fault, Laboratory};
use crate::etcd_server::EtcdServer;
use crate::waiting::wait_until;

impl Laboratory {
    /// Makes the cluster forget a member, and kills its process, which would end by itself within seconds; at the end
    /// it comes back without its data, as a new member of the same address. A member that needs a snapshot first may
    /// take 6 seconds to become healthy, after which etcd repeats what got lost at its start.
    pub fn remove_member(&self, number: usize) -> Fault<'_> {
        let member = self.member(number);
        self.delete_member(number, &self.member_id(number));
        member.kill();
        Fault::new(format!("member {number} is removed"), move || {
            let body = json!({ "peerURLs": [member.peer_url()] });
            // Two members of one address that were added in the same second have the same id, which etcd refuses.
            wait_until("the cluster takes the member back", || {
                self.running_oracle(number).request_json("POST", "/v2/members", &body).status == 201
            });
            member.forget_data();
            member.start_again_with(&["--initial-cluster-state=existing"]);
            member.wait_healthy();
        })
    }

    /// Adds a member on a machine of its own, and waits until it is healthy. It is no part of [`Laboratory::cluster`]:
    /// before it is dropped, [`Laboratory::dismiss`] it.
    pub fn add_member(&self, name: &str) -> EtcdServer {
        let host = self.network.as_ref().ok().map(|network| network.add_host().expect("one more machine"));
        self.cluster().join_on(host, name)
    }

    /// Makes the cluster forget a member that was added, and kills its process.
    pub fn dismiss(&self, added: &EtcdServer) {
        let list = self.running_oracle(0).get("/v2/members").json();
        let mut members = list["members"].as_array().expect("the members").iter();
        let id = members.find(|known| known["name"] == added.name()).expect("a member")["id"].clone();
        self.delete_member(0, id.as_str().expect("an id"));
        added.kill();
    }

    /// Asks another member than `number` to forget one.
    fn delete_member(&self, number: usize, id: &str) {
        let answer = self.running_oracle(number).request("DELETE", &format!("/v2/members/{id}"), &[]);
        assert_eq!(answer.status, 204, "the cluster keeps a member: {answer:?}");
    }
}
