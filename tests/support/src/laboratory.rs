//! A fault laboratory: real etcd members on machines of their own, whose cables, disks, clocks and processes break.
//!
//! Each member has a network namespace and a disk, the client has a network namespace, and a bridge in one more
//! namespace joins them. None of these has a name: they are held by descriptors of this process alone, so the kernel
//! removes them when the laboratory is dropped and when the process dies in whatever way. The root namespace never
//! sees any of their devices or addresses.
//!
//! It needs root, `ip` and `nft`. Where one of them is missing, or the kernel refuses, the members run on loopback,
//! and the faults that need more answer with [`Skipped`], which is on stderr by then.
//!
//! A library that is used inside [`Laboratory::in_client_namespace`] is on the client's machine: its sockets belong to
//! the threads that call it, and to those that these start.
//!
//! A member has one fault of a kind at a time; only cuts and losses may overlap. The clock that a fault moves is the
//! wall clock of a member: a monotonic clock that jumps is no fault of real machines.

mod certificate;
mod clock;
mod delay_line;
mod disk;
mod fault;
mod host;
mod membership;
mod namespace;
mod network;
mod processes;
mod slow_disk;
mod traffic;
mod vdso;
mod wire;

use std::io::Write;
use std::process::Command;
use std::sync::Arc;

pub use fault::{Fault, Skipped};
pub(crate) use host::Host;
pub use network::Node;
pub(crate) use network::member_addresses;

use crate::etcd_builder::EtcdServerBuilder;
use crate::etcd_cluster::EtcdCluster;
use crate::etcd_server::EtcdServer;
use crate::oracle::Oracle;
use network::Network;

/// A member saves its state, which takes space on its disk, after so many writes; and a cluster lets a member go
/// without having been whole for 5 seconds.
const SETTINGS: [&str; 2] = ["--snapshot-count=500", "--strict-reconfig-check=false"];

/// Members of one cluster, a client's machine, and the network between them.
///
/// Every fault is made by a method that borrows the laboratory, so other threads go on with their calls meanwhile.
#[derive(Debug)]
pub struct Laboratory {
    cluster: EtcdCluster,
    /// The network, or why there is none.
    network: Result<Network, String>,
}

impl Laboratory {
    /// Starts `count` members that serve the v2 API, and waits until all are healthy.
    pub fn start(count: usize) -> Self {
        Self::start_with(count, EtcdServer::builder())
    }

    /// The same with the settings of a builder.
    pub fn start_with(count: usize, builder: EtcdServerBuilder) -> Self {
        let builder = builder.first_args(SETTINGS);
        match Network::with_hosts(count) {
            Ok((network, hosts)) => {
                let hosts: Vec<Option<Arc<Host>>> = hosts.into_iter().map(Some).collect();
                Self { cluster: EtcdCluster::start_on(&hosts, &builder), network: Ok(network) }
            }
            Err(why) => {
                // Unlike `eprintln!`, this is seen of a test that passes too.
                let _ = writeln!(std::io::stderr(), "The fault laboratory falls back to loopback: {why}");
                Self::on_loopback_with(count, builder, why)
            }
        }
    }

    /// What a machine without namespaces gets.
    pub fn on_loopback(count: usize) -> Self {
        Self::on_loopback_with(count, EtcdServer::builder().first_args(SETTINGS), "it was started on loopback".into())
    }

    fn on_loopback_with(count: usize, builder: EtcdServerBuilder, why: String) -> Self {
        Self { cluster: EtcdCluster::start_with(count, builder), network: Err(why) }
    }

    /// Why there are no namespaces, where there are none.
    pub fn without_namespaces(&self) -> Option<&str> {
        self.network.as_ref().err().map(String::as_str)
    }

    /// The members, which tell their leader and their health from their own machines.
    pub fn cluster(&self) -> &EtcdCluster {
        &self.cluster
    }

    /// One member.
    pub fn member(&self, number: usize) -> &EtcdServer {
        &self.cluster[number]
    }

    /// The client addresses of all members, dead ones too, in the order of their numbers.
    pub fn endpoints(&self) -> Vec<String> {
        self.cluster.endpoints()
    }

    /// Runs `work` on a thread of the client's machine; the threads that it starts are there too.
    pub fn in_client_namespace<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.network {
            Ok(network) => network.client().enter(work),
            Err(_) => work(),
        }
    }

    /// The command will run on the client's machine.
    pub fn confine_to_client(&self, command: &mut Command) {
        if let Ok(network) = &self.network {
            network.client().confine(command);
        }
    }

    /// A look at a member from the client's machine, with the faults of the network in its way.
    pub fn oracle(&self, number: usize) -> Oracle {
        // The thread that does its requests is started here, so it may be used from anywhere.
        self.in_client_namespace(|| self.member(number).oracle_from_here())
    }

    /// The network, for a fault that cannot be without.
    fn network(&self, fault: &str) -> Result<&Network, Skipped> {
        self.network.as_ref().map_err(|why| Skipped::because(fault, why))
    }
}
