//! The sync and auto-sync of `client/client_test.go`.

use std::sync::{Arc, Mutex};
use std::thread;

use etcd_test_harness::capi::config::ETCD_SELECT_LEADER;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Context};
use etcd_test_support::{Reply, Request, ScriptedServer, refused_endpoint, wait_until};
use serde_json::json;

use crate::scripted::accepted;

/// What the servers say of their cluster.
#[derive(Clone, Default)]
struct Told {
    /// The client URLs: node3's, both of node1, node2's.
    urls: Vec<String>,
    without_node3: bool,
    leader: String,
}

/// A server at each of the four URLs; they all say the same.
struct Members {
    servers: [ScriptedServer; 4],
    told: Arc<Mutex<Told>>,
}

impl Members {
    fn start() -> Members {
        let told = Arc::new(Mutex::new(Told::default()));
        let servers = [(); 4].map(|()| {
            let told = Arc::clone(&told);
            ScriptedServer::by(move |request| answer(&told.lock().expect("what is told"), request))
        });
        told.lock().expect("what is told").urls = servers.iter().map(ScriptedServer::endpoint).collect();
        Members { servers, told }
    }

    fn tell(&self, change: impl FnOnce(&mut Told)) {
        change(&mut self.told.lock().expect("what is told"));
    }

    fn urls(&self) -> Vec<String> {
        self.servers.iter().map(ScriptedServer::endpoint).collect()
    }

    /// The server that a call goes to.
    fn pinned(&self, client: &Client) -> String {
        let gets = |server: &ScriptedServer| {
            server.requests().iter().filter(|request| request.path().starts_with("/v2/keys")).count()
        };
        let before = self.servers.each_ref().map(gets);
        client.get("/foo").expect("answered");
        let asked = self.servers.iter().zip(before).find(|(server, before)| gets(server) > *before);
        asked.expect("one of the servers").0.endpoint()
    }
}

fn answer(told: &Told, request: &Request) -> Reply {
    let member = |id: &str, name: &str, urls: &[String]| json!({ "id": id, "name": name, "peerURLs": ["http://127.0.0.1:7001"], "clientURLs": urls });
    match request.path() {
        "/v2/members" => {
            let mut list = vec![member("42134f434382925", "node1", &told.urls[1..3])];
            list.push(member("94088180e21eb87b", "node2", &told.urls[3..]));
            if !told.without_node3 {
                list.insert(0, member("2745e2525fce8fe", "node3", &told.urls[..1]));
            }
            Reply::json(200, &json!({ "members": list }).to_string())
        }
        "/v2/members/leader" => {
            let leader = member("1", "leader", std::slice::from_ref(&told.leader));
            Reply::json(200, &leader.to_string())
        }
        _ => accepted(),
    }
}

fn sorted(mut urls: Vec<String>) -> Vec<String> {
    urls.sort();
    urls
}

#[test]
fn http_cluster_client_sync() {
    let members = Members::start();
    let client = Client::of(&members.urls()[1]);
    assert_eq!(client.endpoints(), members.urls()[1..2]);
    client.sync().expect("synced");
    assert_eq!(sorted(client.endpoints()), sorted(members.urls()));
    client.set_endpoints(&["http://127.0.0.1:4009".into()]).expect("replaced");
    assert_eq!(client.endpoints(), ["http://127.0.0.1:4009"]);
}

#[test]
fn http_cluster_client_sync_fail() {
    let refused = refused_endpoint();
    let client = Client::of(&refused.endpoint());
    let failure = client.sync().expect_err("nobody answers");
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_CONNECT]));
    assert_eq!(client.endpoints(), [refused.endpoint()]);
}

#[test]
fn http_cluster_client_auto_sync_cancel_context() {
    const HOUR_MS: i64 = 3_600_000;
    let members = Members::start();
    let client = Client::of(&members.urls()[1]);
    let cancelled = Context::new();
    cancelled.cancel();
    assert_eq!(client.auto_sync(Some(&cancelled), HOUR_MS).status, ETCD_ERR_CANCELED);
    // And one that is cancelled while it waits for the next sync.
    let context = Context::new();
    thread::scope(|scope| {
        let syncing = scope.spawn(|| client.auto_sync(Some(&context), HOUR_MS));
        wait_until("the first sync is done", || client.endpoints().len() == 4);
        context.cancel();
        assert_eq!(syncing.join().expect("it returns").status, ETCD_ERR_CANCELED);
    });
}

#[test]
fn http_cluster_client_auto_sync_fail() {
    let refused = refused_endpoint();
    let failure = Client::of(&refused.endpoint()).auto_sync(None, 3_600_000);
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_CONNECT]));
    assert!(failure.message.contains("etcd cluster is unavailable or misconfigured"), "{}", failure.message);
}

#[test]
fn http_cluster_client_sync_pin_endpoint() {
    let members = Members::start();
    let client = Client::of_all(&members.urls());
    let pinned = members.pinned(&client);
    for _ in 0..3 {
        client.sync().expect("synced");
        assert_eq!(members.pinned(&client), pinned, "the same members, the same pin");
    }
}

#[test]
fn http_cluster_client_sync_unpin_endpoint() {
    let members = Members::start();
    let client = Client::of_all(&members.urls());
    client.sync().expect("synced");
    let mut pins = Vec::new();
    // That chance pins the same one of three every time is less likely than 1 in 10^9.
    for round in 0..24 {
        let without_node3 = round % 2 == 0;
        members.tell(|told| told.without_node3 = without_node3);
        client.sync().expect("synced");
        let pinned = members.pinned(&client);
        assert!(!without_node3 || pinned != members.urls()[0], "node3 is no member now");
        // Differs from Go: what was configured stays as a last resort, behind the others.
        assert_eq!(sorted(client.endpoints()), sorted(members.urls()));
        pins.push(pinned);
    }
    assert!(pins.iter().any(|pin| *pin != pins[0]), "other members, another choice: {pins:?}");
}

#[test]
fn http_cluster_client_sync_pin_leader_endpoint() {
    let members = Members::start();
    let client = Config::new(&members.urls()).selection_mode(ETCD_SELECT_LEADER).build();
    for leader in [&members.urls()[0], &members.urls()[3]] {
        members.tell(|told| told.leader.clone_from(leader));
        client.sync().expect("synced");
        assert_eq!(members.pinned(&client), *leader);
    }
}
