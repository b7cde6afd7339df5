//! Packets that the switch drops: cuts in both directions and in one, and loss.

use super::delay_line::NEAR;
use super::network::Network;
use super::{Fault, Laboratory, Node, Skipped};

impl Laboratory {
    /// Cuts a member off from everybody. Connections hang, and new ones are not answered.
    pub fn cut_off(&self, number: usize) -> Result<Fault<'_>, Skipped> {
        let what = format!("member {number} is cut off from everybody");
        self.drop_packets(what, |network| all_of(network, number))
    }

    /// Cuts a member off from the other members; clients still reach it, and it answers plain reads from what it has.
    pub fn cut_off_from_peers(&self, number: usize) -> Result<Fault<'_>, Skipped> {
        let what = format!("member {number} is cut off from its peers");
        self.drop_packets(what, |network| vec![to_peers(network, number), from_peers(network, number)])
    }

    /// The other members hear nothing of a member, which hears them.
    pub fn mute_to_peers(&self, number: usize) -> Result<Fault<'_>, Skipped> {
        let what = format!("member {number} is mute to its peers");
        self.drop_packets(what, |network| vec![to_peers(network, number)])
    }

    /// A member hears nothing of the other members, which hear it.
    pub fn deaf_to_peers(&self, number: usize) -> Result<Fault<'_>, Skipped> {
        let what = format!("member {number} is deaf to its peers");
        self.drop_packets(what, |network| vec![from_peers(network, number)])
    }

    /// Cuts two machines off from each other.
    pub fn cut_between(&self, one: Node, other: Node) -> Result<Fault<'_>, Skipped> {
        let what = format!("{one:?} and {other:?} are cut off from each other");
        self.drop_packets(what, |network| vec![way(network, one, other), way(network, other, one)])
    }

    /// Drops what one machine sends to another, and lets the other direction pass.
    pub fn cut_one_way(&self, from: Node, to: Node) -> Result<Fault<'_>, Skipped> {
        let what = format!("nothing gets from {from:?} to {to:?}");
        self.drop_packets(what, |network| vec![way(network, from, to)])
    }

    /// Drops so many percent of all packets from and to a member.
    pub fn lose_packets(&self, number: usize, percent: u8) -> Result<Fault<'_>, Skipped> {
        let what = format!("member {number} loses {percent} % of its packets");
        self.drop_packets(what, |network| {
            let all = all_of(network, number).into_iter();
            all.map(|packets| format!("{packets} numgen random mod 100 < {percent}")).collect()
        })
    }

    /// Drops the packets that nft's expressions match. Only IP is dropped: as behind a firewall, hosts go on to
    /// resolve each other's addresses, so nobody is told that a host is unreachable.
    fn drop_packets(&self, what: String, matches: impl FnOnce(&Network) -> Vec<String>) -> Result<Fault<'_>, Skipped> {
        let network = self.network(&what)?;
        let table = format!("bridge fault{}", network.fault_number());
        // A delay line has a bridge of its own, where each packet must not be dropped for a second time.
        let once = format!("iifname != \"{NEAR}*\" oifname != \"{NEAR}*\"");
        let rules = matches(network).into_iter().map(|packets| format!("{once} {packets} drop"));
        let chain = "type filter hook forward priority 0; policy accept;";
        let rules = rules.collect::<Vec<_>>().join("\n");
        let nft = |script: &str| network.switch().run("nft", &["-f", "-"], script);
        match nft(&format!("table {table} {{\nchain forward {{\n{chain}\n{rules}\n}}\n}}\n")) {
            Ok(()) => (),
            // The kernel lacks a part of nft.
            Err(why) if why.contains("not supported") => return Err(Skipped::because(&what, &why)),
            Err(why) => panic!("{what}: {why}"),
        }
        Ok(Fault::new(what, move || nft(&format!("delete table {table}\n")).expect("lift the switch's rules")))
    }
}

fn all_of(network: &Network, number: usize) -> Vec<String> {
    let address = network.address_of(Node::Member(number));
    vec![format!("ip saddr {address}"), format!("ip daddr {address}")]
}

fn way(network: &Network, from: Node, to: Node) -> String {
    format!("ip saddr {} ip daddr {}", network.address_of(from), network.address_of(to))
}

fn to_peers(network: &Network, number: usize) -> String {
    let (member, client) = (network.address_of(Node::Member(number)), network.address_of(Node::Client));
    format!("ip saddr {member} ip daddr != {client}")
}

fn from_peers(network: &Network, number: usize) -> String {
    let (member, client) = (network.address_of(Node::Member(number)), network.address_of(Node::Client));
    format!("ip saddr != {client} ip daddr {member}")
}
