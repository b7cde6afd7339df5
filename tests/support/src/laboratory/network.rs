//! The switch, and the cables from it to every machine.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::disk::Disk;
use super::host::Host;
use super::namespace::Namespace;

/// The bridge inside the switch.
pub(super) const BRIDGE: &str = "br0";

/// The network device of every machine.
pub(super) const DEVICE: &str = "eth0";

/// Machines that certificates are made for.
const MOST_MEMBERS: usize = 20;

/// A machine of the laboratory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// The one that clients run on.
    Client,
    /// That of the member with this number.
    Member(usize),
}

/// The namespaces of the switch and of the client, and the machines of the members.
#[derive(Debug)]
pub(super) struct Network {
    switch: Namespace,
    client: Namespace,
    /// Those of the first members, which stay.
    hosts: Vec<Arc<Host>>,
    /// How many machines there have been.
    plugged: Mutex<usize>,
    next_fault: AtomicUsize,
}

impl Network {
    /// A network with so many machines; the error says what this one lacks for it.
    pub(super) fn with_hosts(count: usize) -> Result<(Self, Vec<Arc<Host>>), String> {
        let namespace = || Namespace::new().map_err(|error| format!("no network namespace can be made: {error}"));
        let (switch, client) = (namespace()?, namespace()?);
        let bridge = ["link set lo up", &format!("link add {BRIDGE} type bridge"), &format!("link set {BRIDGE} up")];
        switch.ip(&bridge.map(String::from))?;
        switch.run("nft", &["-f", "-"], "add table bridge trial; delete table bridge trial")?;
        let mut network =
            Self { switch, client, hosts: Vec::new(), plugged: Mutex::new(0), next_fault: AtomicUsize::new(0) };
        network.plug(&network.client, "client", client_address())?;
        network.hosts = (0..count).map(|_| network.add_host()).collect::<Result<_, _>>()?;
        let hosts = network.hosts.clone();
        Ok((network, hosts))
    }

    /// One more machine.
    pub(super) fn add_host(&self) -> Result<Arc<Host>, String> {
        let mut plugged = self.plugged.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(*plugged < MOST_MEMBERS, "a laboratory has addresses for {MOST_MEMBERS} members");
        let namespace = Namespace::new().map_err(|error| format!("no network namespace can be made: {error}"))?;
        let disk = Disk::new().map_err(|error| format!("no disk in memory can be made: {error}"))?;
        let host = Host { namespace, address: member_address(*plugged), port: format!("m{plugged}"), disk };
        self.plug(&host.namespace, &host.port, host.address)?;
        *plugged += 1;
        Ok(Arc::new(host))
    }

    /// Joins a namespace to the switch, under an address.
    fn plug(&self, namespace: &Namespace, port: &str, address: Ipv4Addr) -> Result<(), String> {
        self.switch.ip(&[
            format!("link add {port} type veth peer name {DEVICE} netns {}", namespace.path()),
            format!("link set {port} master {BRIDGE}"),
            format!("link set {port} up"),
        ])?;
        namespace.ip(&[
            "link set lo up".into(),
            format!("address add {address}/24 dev {DEVICE}"),
            format!("link set {DEVICE} up"),
        ])
    }

    pub(super) fn client(&self) -> &Namespace {
        &self.client
    }

    pub(super) fn switch(&self) -> &Namespace {
        &self.switch
    }

    pub(super) fn host(&self, number: usize) -> &Host {
        &self.hosts[number]
    }

    pub(super) fn address_of(&self, node: Node) -> Ipv4Addr {
        match node {
            Node::Client => client_address(),
            Node::Member(number) => self.host(number).address,
        }
    }

    /// A number that no other fault of this network has.
    pub(super) fn fault_number(&self) -> usize {
        self.next_fault.fetch_add(1, Ordering::Relaxed)
    }
}

fn client_address() -> Ipv4Addr {
    Ipv4Addr::new(10, 203, 0, 254)
}

/// Each laboratory has these: nothing leads from one to another.
fn member_address(number: usize) -> Ipv4Addr {
    let last = u8::try_from(number + 1).expect("few members");
    Ipv4Addr::new(10, 203, 0, last)
}

/// The addresses that members of a laboratory can have.
pub(crate) fn member_addresses() -> Vec<String> {
    (0..MOST_MEMBERS).map(|number| member_address(number).to_string()).collect()
}
