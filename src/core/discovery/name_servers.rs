//! Which name servers are asked, how patiently, and for which names.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::core::error::{Error, Result};

const DNS_PORT: u16 = 53;

/// How lookups are made, as /etc/resolv.conf or the caller says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameServers {
    pub addresses: Vec<SocketAddr>,
    /// For each question to each server.
    pub timeout: Duration,
    /// How often each server is asked.
    pub attempts: u32,
    search: Vec<String>,
    /// A name with fewer dots is looked up in the domains of the search list first.
    ndots: usize,
}

impl NameServers {
    /// `127.0.0.1:5353`, `127.0.0.1`, `[::1]:53` or `::1`.
    pub fn at<'a>(servers: impl Iterator<Item = &'a str>) -> Result<NameServers> {
        let addresses = servers.map(parse_address).collect::<Result<Vec<_>>>()?;
        if addresses.is_empty() {
            return Err(Error::invalid_argument("name_servers", "is empty"));
        }
        Ok(NameServers { addresses, timeout: Duration::from_secs(2), attempts: 2, search: Vec::new(), ndots: 1 })
    }

    /// Those of /etc/resolv.conf, read anew by every call; as everywhere, this machine's own when it names none.
    #[cfg(unix)]
    pub fn of_the_system() -> Result<NameServers> {
        Ok(NameServers::parse(&std::fs::read("/etc/resolv.conf").unwrap_or_default()))
    }

    #[cfg(not(unix))]
    pub fn of_the_system() -> Result<NameServers> {
        let text = "the system's name servers are not known here; name them with etcd_discover_srv_at";
        Err(Error::new(crate::core::status::Status::Unsupported, text))
    }

    /// Lines that make no sense are passed over, as every resolver does.
    #[cfg(unix)]
    fn parse(text: &[u8]) -> NameServers {
        use std::net::{Ipv4Addr, SocketAddrV6};

        use resolv_conf::ScopedIp;

        let (config, _) = resolv_conf::Config::parse_with_errors(text);
        let address = |server: &ScopedIp| match server {
            ScopedIp::V4(ip) => SocketAddr::from((*ip, DNS_PORT)),
            // A scope is a number here or the name of an interface, which only the numbers of its addresses could replace.
            ScopedIp::V6(ip, scope) => {
                let scope = scope.as_ref().and_then(|scope| scope.parse().ok()).unwrap_or(0);
                SocketAddrV6::new(*ip, DNS_PORT, 0, scope).into()
            }
        };
        let mut addresses: Vec<SocketAddr> = config.nameservers.iter().map(address).collect();
        if addresses.is_empty() {
            addresses.push((Ipv4Addr::LOCALHOST, DNS_PORT).into());
        }
        NameServers {
            addresses,
            timeout: Duration::from_secs(config.timeout.clamp(1, 30).into()),
            attempts: config.attempts.clamp(1, 5),
            search: config.get_last_search_or_domain().cloned().collect(),
            ndots: usize::try_from(config.ndots).unwrap_or(1),
        }
    }

    /// The names to try for `name`, in order. A trailing dot says that the name is whole.
    pub fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(whole) = name.strip_suffix('.') {
            return vec![whole.to_owned()];
        }
        let searched = self.search.iter().map(|domain| domain.trim_matches('.')).filter(|domain| !domain.is_empty());
        let mut names: Vec<String> = searched.map(|domain| format!("{name}.{domain}")).collect();
        let position = if name.matches('.').count() >= self.ndots { 0 } else { names.len() };
        names.insert(position, name.to_owned());
        names
    }
}

fn parse_address(text: &str) -> Result<SocketAddr> {
    let bare = || text.parse::<IpAddr>().map(|address| SocketAddr::new(address, DNS_PORT));
    text.parse().or_else(|_| bare()).map_err(|_| {
        let why = format_args!("'{text}' is no address; write it as 127.0.0.1:53, 127.0.0.1 or [::1]:53");
        Error::invalid_argument("name_servers", why)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_leave_the_port_out() {
        let servers = NameServers::at(["127.0.0.1:5353", "10.0.0.1", "::1", "[::1]:54"].into_iter()).expect("valid");
        let shown: Vec<String> = servers.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["127.0.0.1:5353", "10.0.0.1:53", "[::1]:53", "[::1]:54"]);
        for bad in ["", "localhost", "1.2.3.4:x", "http://1.2.3.4"] {
            assert!(NameServers::at([bad].into_iter()).is_err(), "{bad}");
        }
        assert!(NameServers::at(std::iter::empty()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn the_system_says_which_servers_how_patiently_and_which_domains() {
        let text = b"# a comment\nnameserver 10.0.0.1\nnonsense\nnameserver fe80::1%3\nsearch a.example b.example\n\
            options ndots:5 timeout:3 attempts:4\n";
        let servers = NameServers::parse(text);
        let shown: Vec<String> = servers.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.0.0.1:53", "[fe80::1%3]:53"]);
        assert_eq!((servers.timeout, servers.attempts), (Duration::from_secs(3), 4));
        assert_eq!(servers.candidates("_x._tcp.c"), ["_x._tcp.c.a.example", "_x._tcp.c.b.example", "_x._tcp.c"]);
        assert_eq!(servers.candidates("_x._tcp.c."), ["_x._tcp.c"]);
        let defaults = NameServers::parse(b"");
        assert_eq!(defaults.addresses, ["127.0.0.1:53".parse().expect("an address")]);
        assert_eq!(defaults.candidates("_x._tcp.c"), ["_x._tcp.c"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_name_with_enough_dots_is_tried_as_it_is_first() {
        let servers = NameServers::parse(b"nameserver 10.0.0.1\nsearch a.example\n");
        assert_eq!(servers.candidates("_x._tcp.c.d"), ["_x._tcp.c.d", "_x._tcp.c.d.a.example"]);
    }
}
