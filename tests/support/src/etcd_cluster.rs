//! A real cluster of a test's own, whose members can be killed, frozen and started again one by one.

use std::ops::Index;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::etcd_builder::{EtcdServerBuilder, START_ATTEMPTS};
use crate::etcd_server::{EtcdServer, StartFailure};
use crate::laboratory::Host;
use crate::waiting::wait_for;

/// Short timers, so that an election takes about a second.
const TIMERS: [&str; 2] = ["--heartbeat-interval=50", "--election-timeout=500"];

/// Some members on loopback that form one cluster; `cluster[0]` is the first member.
#[derive(Debug)]
pub struct EtcdCluster {
    members: Vec<EtcdServer>,
    /// What members that come later are started with.
    builder: EtcdServerBuilder,
    next_number: usize,
}

impl EtcdCluster {
    /// Starts `count` members that serve the v2 API, and waits until all are healthy.
    pub fn start(count: usize) -> Self {
        Self::start_with(count, EtcdServer::builder())
    }

    /// Starts `count` members that share the builder's settings; its name, with a number, names the members.
    pub fn start_with(count: usize, builder: EtcdServerBuilder) -> Self {
        Self::start_on(&vec![None; count], &builder)
    }

    /// The same with one member on each of these machines.
    pub(crate) fn start_on(hosts: &[Option<Arc<Host>>], builder: &EtcdServerBuilder) -> Self {
        for _ in 0..START_ATTEMPTS {
            let cluster = Self::launch(hosts, builder);
            match cluster.members.iter().try_for_each(EtcdServer::try_wait_healthy) {
                Ok(()) => {
                    cluster.members[0].switch_auth_on();
                    return cluster;
                }
                Err(StartFailure::PortTaken) => (),
                Err(StartFailure::Other(why)) => panic!("{why}"),
            }
        }
        panic!("each of {START_ATTEMPTS} starts of the cluster found a port taken");
    }

    /// The members, in the order of their numbers.
    pub fn members(&self) -> &[EtcdServer] {
        &self.members
    }

    /// The client addresses of all members, dead ones too, in the order of their numbers.
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(EtcdServer::endpoint).collect()
    }

    /// Waits until each member that is neither dead nor frozen is healthy, which takes a majority of running members.
    pub fn wait_healthy(&self) {
        for member in self.running() {
            member.wait_healthy();
        }
    }

    /// The number of the leader, as soon as all running members agree on one that runs.
    ///
    /// A member's own word is not enough: a leader that lost the others still calls itself one for seconds, and the
    /// others name a dead leader until they have elected the next. A majority must run.
    pub fn leader(&self) -> usize {
        wait_for("all running members agree on a running leader", || {
            let mut names = self.running().map(leader_according_to);
            let name = names.next().expect("a cluster without a running member has no leader")?;
            if names.any(|other| other.as_ref() != Some(&name)) {
                return None;
            }
            self.members.iter().position(|member| member.name() == name && member.is_running())
        })
    }

    /// The numbers of the running members that are not the leader.
    pub fn followers(&self) -> Vec<usize> {
        let leader = self.leader();
        (0..self.members.len()).filter(|&number| number != leader && self.members[number].is_running()).collect()
    }

    /// Adds one more member to the running cluster, and waits until it is healthy.
    pub fn join(&self, name: &str) -> EtcdServer {
        self.join_on(None, name)
    }

    /// The same on a machine of a laboratory.
    pub(crate) fn join_on(&self, host: Option<Arc<Host>>, name: &str) -> EtcdServer {
        let builder = EtcdServer::builder().on(host).name(name);
        let builder = builder.first_args(TIMERS).first_args(["--initial-cluster-state=existing"]);
        let (client, peer) = (builder.reserve_port(), builder.reserve_port());
        let body = json!({ "peerURLs": [peer.endpoint()] });
        let answer = self.members[0].oracle().request_json("POST", "/v2/members", &body);
        assert_eq!(answer.status, 201, "the cluster refused a member: {answer:?}");
        let list = self.members[0].ask("/v2/members").expect("the members");
        let known = list["members"].as_array().expect("a list").iter();
        let peers: Vec<String> = known
            .map(|member| {
                // One that was added and has not started has no name yet.
                let own = member["name"].as_str().filter(|name| !name.is_empty()).unwrap_or(name);
                format!("{own}={}", member["peerURLs"][0].as_str().expect("a peer URL"))
            })
            .collect();
        let server = EtcdServer::launch(&builder, client, peer, &peers.join(","));
        server.wait_healthy();
        server
    }

    /// Takes one more member in: `admit` makes the cluster expect it at its peer URL, then it starts.
    pub fn grow(&mut self, admit: impl FnOnce(&str)) {
        let (client, peer) = (self.builder.reserve_port(), self.builder.reserve_port());
        let name = format!("{}-{}", self.builder.base_name(), self.next_number);
        self.next_number += 1;
        admit(&self.builder.peer_url(&peer));
        let known = self.members.iter().map(|member| format!("{}={}", member.name(), member.peer_url()));
        let cluster: Vec<_> = known.chain([format!("{name}={}", self.builder.peer_url(&peer))]).collect();
        let builder = self.builder.clone().name(name).first_args(["--initial-cluster-state=existing"]);
        let member = EtcdServer::launch(&builder, client, peer, &cluster.join(","));
        member.wait_healthy();
        self.members.push(member);
    }

    /// Lets a member go, which the cluster has been told to forget.
    pub fn shrink(&mut self, number: usize) -> EtcdServer {
        self.members.remove(number)
    }

    fn running(&self) -> impl Iterator<Item = &EtcdServer> {
        self.members.iter().filter(|member| member.is_running())
    }

    fn launch(hosts: &[Option<Arc<Host>>], builder: &EtcdServerBuilder) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let token = format!("--initial-cluster-token=test-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let builder = builder.clone().first_args(TIMERS).first_args([token]);
        let builders = hosts
            .iter()
            .enumerate()
            .map(|(number, host)| builder.clone().name(format!("{}-{number}", builder.base_name())).on(host.clone()));
        let plan: Vec<_> = builders
            .map(|builder| {
                let (client, peer) = (builder.reserve_port(), builder.reserve_port());
                (builder, client, peer)
            })
            .collect();
        let peers = plan.iter().map(|(own, _, peer)| format!("{}={}", own.base_name(), own.peer_url(peer)));
        let initial_cluster = peers.collect::<Vec<_>>().join(",");
        let members = plan
            .into_iter()
            .map(|(own, client, peer)| EtcdServer::launch(&own, client, peer, &initial_cluster))
            .collect();
        Self { members, builder, next_number: hosts.len() }
    }
}

impl Index<usize> for EtcdCluster {
    type Output = EtcdServer;

    fn index(&self, number: usize) -> &EtcdServer {
        &self.members[number]
    }
}

/// The name of the member that `member` takes for the leader.
fn leader_according_to(member: &EtcdServer) -> Option<String> {
    let leader = member.ask("/v2/members/leader")?;
    leader["name"].as_str().map(String::from)
}
