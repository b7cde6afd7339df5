//! The two clients with a server each, both of one history.

use etcd_test_harness::Client;
use etcd_test_support::waiting::wait_until;
use etcd_test_support::{EtcdServer, Oracle, RecordingProxy};
use serde_json::Value;

use crate::answer::{Answer, Class};
use crate::differences::{self, ON_THE_WIRE, REFUSED};
use crate::go_client::GoClient;
use crate::operation::Operation;
use crate::wire::Wire;

/// A server, and the look at what reaches it.
struct Side {
    etcd: EtcdServer,
    proxy: RecordingProxy,
}

pub struct Pair {
    ours: Side,
    gos: Side,
    client: Client,
    go: GoClient,
    pub seen_on_the_wire: [usize; ON_THE_WIRE.len()],
    pub seen_refused: [usize; REFUSED.len()],
}

impl Side {
    /// A fresh server that writes nothing by itself any more: the cluster's version is the last that it does.
    fn start() -> Side {
        let etcd = EtcdServer::start();
        let oracle = Oracle::new(etcd.endpoint());
        wait_until("etcd knows the version of its cluster", || {
            let version = oracle.get("/version").json();
            let minor = |name: &str| version[name].as_str().and_then(|text| text.rsplit_once('.')).map(|(minor, _)| minor.to_owned());
            minor("etcdserver").is_some() && minor("etcdserver") == minor("etcdcluster")
        });
        let proxy = RecordingProxy::to(etcd.port());
        Side { etcd, proxy }
    }

    fn wires(&self) -> Vec<Wire> {
        self.proxy.take_requests().iter().map(|request| Wire::of(request, &self.proxy.endpoint())).collect()
    }

    /// All that the server shows of its store, but for the times.
    fn store(&self) -> Value {
        let mut listing = Oracle::new(self.etcd.endpoint()).get("/v2/keys/?recursive=true&sorted=true").json();
        without_times(&mut listing);
        listing
    }
}

fn without_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| name != "expiration" && name != "ttl");
            fields.values_mut().for_each(without_times);
        }
        Value::Array(values) => values.iter_mut().for_each(without_times),
        _ => (),
    }
}

impl Pair {
    /// None where Go is missing.
    pub fn start() -> Option<Pair> {
        let go = GoClient::start()?;
        let (ours, gos) = (Side::start(), Side::start());
        let client = Client::of(&ours.proxy.endpoint());
        let (seen_on_the_wire, seen_refused) = ([0; ON_THE_WIRE.len()], [0; REFUSED.len()]);
        let pair = Pair { ours, gos, client, go, seen_on_the_wire, seen_refused };
        pair.assert_same_stores("at the start");
        Some(pair)
    }

    /// Makes the call with both clients, and compares the answers and what reached the wire.
    pub fn compare(&mut self, operation: &Operation) -> Answer {
        if let Some(difference) = differences::refused(operation) {
            self.seen_refused[difference] += 1;
            return self.refused(operation, REFUSED[difference].name);
        }
        let mut ours = operation.run(&self.client);
        let go = self.go.ask(&[self.gos.proxy.endpoint()], operation);
        let expected: Vec<Wire> = self.gos.wires().into_iter().map(|wire| self.as_ours(operation, wire)).collect();
        assert_eq!(self.ours.wires(), expected, "ours and Go's on the wire: {operation:?}");
        ours.settle_times(&go);
        assert_eq!(ours, go, "ours and Go's answer: {operation:?}");
        ours
    }

    pub fn assert_same_stores(&self, when: &str) {
        assert_eq!(self.ours.store(), self.gos.store(), "the stores of ours and Go's, {when}");
    }

    fn as_ours(&mut self, operation: &Operation, wire: Wire) -> Wire {
        differences::as_ours(operation, wire, &mut self.seen_on_the_wire)
    }

    fn refused(&mut self, operation: &Operation, difference: &str) -> Answer {
        let answer = operation.run(&self.client);
        assert_eq!(answer.class(), Some(Class::Refused), "{difference}: {operation:?} gave {answer:?}");
        assert_eq!(self.ours.wires(), [], "{difference}: sent for {operation:?}");
        answer
    }
}
