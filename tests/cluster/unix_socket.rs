//! Endpoints that are Unix sockets.

use std::process::Command;

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config};
use etcd_test_support::{EtcdServer, Oracle, PrivateDir, ReservedPort, child_process, wait_until};

use crate::space::refusal;

/// An etcd that listens on a Unix socket, and on a TCP port for the oracle.
struct UnixEtcd {
    process: std::process::Child,
    dir: PrivateDir,
    client: ReservedPort,
    _peer: ReservedPort,
}

impl UnixEtcd {
    /// etcd takes `unix://host:port`, and makes a socket of the name `host:port` in its working directory.
    const SOCKET: &str = "localhost:1";

    fn start() -> UnixEtcd {
        let (dir, client, peer) = (PrivateDir::in_memory(), ReservedPort::new(), ReservedPort::new());
        let binary = std::env::var_os("ETCD_BINARY").unwrap_or_else(|| "etcd".into());
        let mut command = Command::new(binary);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ETCD_")) {
            command.env_remove(name);
        }
        let (client_url, peer_url) = (client.endpoint(), peer.endpoint());
        command.args(["--name=n0", "--data-dir=data", "--enable-v2=true", "--log-output=stderr"]);
        command.arg(format!("--listen-client-urls=unix://{},{client_url}", Self::SOCKET));
        command.arg(format!("--advertise-client-urls={client_url}"));
        command.arg(format!("--listen-peer-urls={peer_url}"));
        command.arg(format!("--initial-advertise-peer-urls={peer_url}"));
        command.arg(format!("--initial-cluster=n0={peer_url}"));
        let log = std::fs::File::create(dir.path().join("log")).expect("a log");
        command.current_dir(dir.path()).stdout(log.try_clone().expect("the log")).stderr(log);
        let process = child_process::spawn_for_life(command).expect("start etcd");
        UnixEtcd { process, dir, client, _peer: peer }
    }

    fn socket(&self) -> String {
        format!("unix://{}", self.dir.path().join(Self::SOCKET).display())
    }
}

impl Drop for UnixEtcd {
    fn drop(&mut self) {
        self.process.kill().expect("kill etcd");
        self.process.wait().expect("collect etcd");
    }
}

#[test]
fn keys_are_set_and_read_over_a_unix_socket() {
    let etcd = UnixEtcd::start();
    let client = Client::of(&etcd.socket());
    let mut last = String::new();
    wait_until("etcd answers on its socket", || match client.version() {
        Ok(_) => true,
        Err(failure) => {
            last = failure.message;
            false
        }
    });
    assert_eq!(client.endpoints(), [etcd.socket()]);
    let oracle = Oracle::new(etcd.client.endpoint());
    for number in 0..20 {
        let value = number.to_string();
        client.set("/a", &value).expect("set");
        assert_eq!(oracle.value("/a"), Some(value.clone()));
        assert_eq!(client.get("/a").expect("got").value(), value);
    }
    let large = "é".repeat(500_000);
    client.set("/large", &large).expect("set");
    assert!(client.get("/large").expect("got").value() == large);
    let failure = refusal(client.get("/none"), ETCD_API_KEY_NOT_FOUND);
    assert_eq!(failure.endpoint, Some(etcd.socket()));
}

#[test]
fn a_socket_that_is_not_there_is_a_connection_that_cannot_be_made() {
    let dir = PrivateDir::on_disk();
    let gone = format!("unix://{}", dir.path().join("gone").display());
    let failure = Client::of(&gone).create("/a", "one").expect_err("nobody listens");
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_CONNECT]), "{failure:?}");
    assert_eq!(failure.outcome, ETCD_NOT_APPLIED);
    assert!(failure.message.contains(&gone), "{}", failure.message);

    let there = EtcdServer::start();
    let both = || Config::new(&[gone.clone(), there.endpoint()]);
    Client::starting_at_first(both, &gone).create("/a", "one").expect("the other endpoint answers");
    assert_eq!(Oracle::new(there.endpoint()).value("/a").as_deref(), Some("one"));
}
