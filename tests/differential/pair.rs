//! The two clients with a server each, both of one history.

use etcd_test_harness::Client;
use etcd_test_support::waiting::wait_until;
use etcd_test_support::{EtcdServer, Oracle, RecordingProxy};
use serde_json::Value;

use crate::admin::{OWN_ID, OWN_PEER_URL};
use crate::answer::{Answer, Class};
use crate::differences::{Counts, Refused};
use crate::go_client::GoClient;
use crate::operation::Operation;
use crate::wire::Wire;

/// A server, and the look at what reaches it.
struct Side {
    etcd: EtcdServer,
    proxy: RecordingProxy,
    /// What no other server has, and what stands for it in a comparison.
    own: [(String, &'static str); 3],
}

pub(crate) struct Pair {
    ours: Side,
    gos: Side,
    client: Client,
    go: GoClient,
    pub(crate) counts: Counts,
}

impl Side {
    /// A fresh server that writes nothing by itself any more: the cluster's version is the last that it does.
    fn start() -> Side {
        let etcd = EtcdServer::start();
        let oracle = Oracle::new(etcd.endpoint());
        wait_until("etcd knows the version of its cluster", || {
            let version = oracle.get("/version").json();
            let minor = |name: &str| {
                version[name].as_str().and_then(|text| text.rsplit_once('.')).map(|(minor, _)| minor.to_owned())
            };
            minor("etcdserver").is_some() && minor("etcdserver") == minor("etcdcluster")
        });
        let member = oracle.get("/v2/members").json()["members"][0].clone();
        let text = |value: &Value| value.as_str().expect("a member's text").to_owned();
        let own = [
            (text(&member["id"]), OWN_ID),
            (text(&member["peerURLs"][0]), OWN_PEER_URL),
            (text(&member["clientURLs"][0]), "OWN-CLIENT-URL"),
        ];
        let proxy = RecordingProxy::to(etcd.port());
        Side { etcd, proxy, own }
    }

    fn wires(&self) -> Vec<Wire> {
        let mut wires: Vec<Wire> =
            self.proxy.take_requests().iter().map(|request| Wire::of(request, &self.proxy.endpoint())).collect();
        wires.iter_mut().for_each(|wire| wire.replace(&self.own));
        wires
    }

    /// The operation with the names of this server.
    fn named(&self, operation: &Operation) -> Operation {
        match operation {
            Operation::Admin(admin) => Operation::Admin(admin.at(&self.own[0].0, &self.own[1].0)),
            other => other.clone(),
        }
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
    pub(crate) fn start() -> Option<Pair> {
        let go = GoClient::start()?;
        let (ours, gos) = (Side::start(), Side::start());
        let client = Client::of(&ours.proxy.endpoint());
        let pair = Pair { ours, gos, client, go, counts: Counts::default() };
        pair.assert_same_stores("at the start");
        Some(pair)
    }

    /// Makes the call with both clients, and compares the answers and what reached the wire.
    pub(crate) fn compare(&mut self, operation: &Operation) -> Answer {
        if let Some(difference) = self.counts.our_refusal(operation) {
            return self.refused(operation, difference);
        }
        let [mut ours, mut go] = self.both(operation);
        ours.replace(&self.ours.own);
        go.replace(&self.gos.own);
        let expected = self.counts.our_wires(operation, self.gos.wires());
        assert_eq!(self.ours.wires(), expected, "ours and Go's on the wire: {operation:?}");
        self.assert_same_answers(operation, ours, go)
    }

    /// Has both clients watch the same history. Ours has a proxy of its own for it, because a watcher asks ahead: that it
    /// asks for what comes after the last event may reach the wire or not.
    pub(crate) fn compare_watches(&mut self, watch: &Operation) -> Answer {
        let proxy = RecordingProxy::to(self.ours.etcd.port());
        let ours = watch.run(&Client::of(&proxy.endpoint()));
        let go = self.go.ask(&[self.gos.proxy.endpoint()], watch);
        let expected = self.counts.our_wires(watch, self.gos.wires());
        // How often a stream is opened is a matter of time: only one request per event can be compared.
        if matches!(watch, Operation::Watch { stream: false, .. }) {
            let sent = proxy.take_requests();
            let sent: Vec<Wire> = sent.iter().map(|request| Wire::of(request, &proxy.endpoint())).collect();
            assert!(sent.len() <= expected.len() + 1, "asked ahead more than once: {watch:?}: {sent:#?}");
            assert_eq!(sent[..expected.len()], expected, "ours and Go's on the wire: {watch:?}");
        }
        self.assert_same_answers(watch, ours, go)
    }

    fn assert_same_answers(&mut self, operation: &Operation, mut ours: Answer, go: Answer) -> Answer {
        let mut expected = self.counts.our_answer(operation, go);
        ours.forget_cluster();
        expected.forget_cluster();
        if !matches!(operation, Operation::Get { sort: true, .. }) {
            ours.sort();
            expected.sort();
        }
        ours.settle_times(&expected);
        if let (Answer::Events(ours), Answer::Events(expected)) = (&ours, &expected) {
            // One by one, or nobody finds the one that differs.
            for (ours, expected) in ours.iter().zip(expected) {
                assert_eq!(ours, expected, "ours and Go's event: {operation:?}");
            }
        }
        assert_eq!(ours, expected, "ours and Go's answer: {operation:?}");
        ours
    }

    /// Makes the call with both clients, and neither compares nor keeps anything.
    pub(crate) fn ask_both(&mut self, operation: &Operation) -> [Answer; 2] {
        let answers = self.both(operation);
        for side in [&self.ours, &self.gos] {
            side.proxy.take_requests();
        }
        answers
    }

    fn both(&mut self, operation: &Operation) -> [Answer; 2] {
        let ours = self.ours.named(operation).run(&self.client);
        [ours, self.go.ask(&[self.gos.proxy.endpoint()], &self.gos.named(operation))]
    }

    pub(crate) fn assert_same_stores(&self, when: &str) {
        assert_eq!(self.ours.store(), self.gos.store(), "the stores of ours and Go's, {when}");
    }

    fn refused(&mut self, operation: &Operation, difference: &Refused) -> Answer {
        let difference = difference.name;
        let answer = operation.run(&self.client);
        assert_eq!(answer.class(), Some(Class::Refused), "{difference}: {operation:?} gave {answer:?}");
        assert_eq!(self.ours.wires(), [], "{difference}: sent for {operation:?}");
        answer
    }
}
