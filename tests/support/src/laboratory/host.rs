//! A member's machine: its network namespace, its address, its end of the cable and its disk.

use std::net::Ipv4Addr;
use std::process::Command;

use super::disk::Disk;
use super::namespace::Namespace;

/// The machine of one member.
#[derive(Debug)]
pub(crate) struct Host {
    pub(super) namespace: Namespace,
    pub(super) address: Ipv4Addr,
    /// What the switch calls its end of the cable.
    pub(super) port: String,
    pub(super) disk: Disk,
}

impl Host {
    /// Runs `work` on a thread on this machine.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.namespace.enter(work)
    }

    /// The command will run on this machine.
    pub(crate) fn confine(&self, command: &mut Command) {
        self.namespace.confine(command);
    }

    /// Its address in the network.
    pub(crate) fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Its disk.
    pub(crate) fn disk(&self) -> &Disk {
        &self.disk
    }
}
