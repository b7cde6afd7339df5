//! The cable of a member: unplugged, or slow.

use super::network::DEVICE;
use super::{Fault, Laboratory, Skipped};

impl Laboratory {
    /// Unplugs a member's cable. The client's machine forgets at once on which port the member was, as it does within
    /// a minute by itself, so clients are told within seconds that the host is unreachable.
    pub fn unplug(&self, number: usize) -> Result<Fault<'_>, Skipped> {
        let network = self.network("an unplugged cable")?;
        let port = &network.host(number).port;
        let set = move |state: &str| {
            network.switch().ip(&[format!("link set {port} {state}")]).expect("change the state of a port");
        };
        set("down");
        network.client().ip(&[format!("neigh flush dev {DEVICE}")]).expect("forget where the members are");
        Ok(Fault::new(format!("the cable of member {number} is unplugged"), move || set("up")))
    }

    /// Lets no more than so many kilobits a second pass in each direction between a member and the switch.
    pub fn limit_rate(&self, number: usize, kilobits: u32) -> Result<Fault<'_>, Skipped> {
        let what = format!("the cable of member {number} passes {kilobits} kbit/s");
        let network = self.network(&what)?;
        let host = network.host(number);
        let ends = [(network.switch(), host.port.as_str()), (&host.namespace, DEVICE)];
        let rate = format!("rate {kilobits}kbit burst 4kb latency 2s");
        for (namespace, device) in ends {
            let line = format!("qdisc add dev {device} root tbf {rate}\n");
            if let Err(why) = namespace.run("tc", &["-batch", "-"], &line) {
                return Err(Skipped::because(&what, &why));
            }
        }
        Ok(Fault::new(what, move || {
            for (namespace, device) in ends {
                let line = format!("qdisc del dev {device} root\n");
                namespace.run("tc", &["-batch", "-"], &line).expect("lift the limit");
            }
        }))
    }
}
