//! The tests of `tests/e2e` whose etcds speak TLS with their clients, some of them with each other too.

use std::sync::{Arc, OnceLock};

use etcd_test_harness::{Client, Config};
use etcd_test_support::{EtcdServer, TlsFiles, free_port};

use crate::e2e::{Setup, put_get};

/// An etcd that serves clients over TLS, and their certificates.
struct Encrypted {
    etcd: EtcdServer,
    files: Arc<TlsFiles>,
}

impl Encrypted {
    /// Go's `configClientTLS`: the peers are not encrypted.
    fn for_clients() -> Encrypted {
        let files = TlsFiles::new();
        Encrypted { etcd: EtcdServer::builder().plain().tls(&files).start(), files }
    }

    /// Go's `configTLS`; tests share it.
    fn for_all() -> &'static Encrypted {
        static SHARED: OnceLock<Encrypted> = OnceLock::new();
        SHARED.get_or_init(|| {
            let files = TlsFiles::new();
            Encrypted { etcd: EtcdServer::builder().plain().tls(&files).peer_tls(&files).start(), files }
        })
    }

    /// Go's `configClientBoth`, and where it listens without encryption.
    fn for_clients_and_plain_ones() -> (Encrypted, String) {
        let (files, plain) = (TlsFiles::new(), format!("http://127.0.0.1:{}", free_port()));
        let etcd = EtcdServer::builder().plain().tls(&files).also_listening(&plain).start();
        (Encrypted { etcd, files }, plain)
    }

    fn client(&self) -> Client {
        Config::new(&[]).endpoints(&[self.etcd.endpoint()]).ca_file(&self.files.ca_path()).build()
    }

    fn setup(&self) -> Setup {
        Setup::with(self.client(), false)
    }
}

#[test]
fn ctl_v2_set_client_tls() {
    Encrypted::for_clients().setup().set();
}

#[test]
fn ctl_v2_set_tls() {
    Encrypted::for_all().setup().set();
}

#[test]
fn ctl_v2_mk_tls() {
    Encrypted::for_all().setup().mk();
}

#[test]
fn ctl_v2_rm_tls() {
    Encrypted::for_all().setup().rm();
}

#[test]
fn ctl_v2_ls_tls() {
    Encrypted::for_all().setup().ls();
}

#[test]
fn ctl_v2_watch_tls() {
    Encrypted::for_all().setup().watch();
}

// Go's `configAutoTLS` is about the peers.
#[test]
fn v2_curl_auto_tls() {
    let etcd = EtcdServer::builder().plain().peer_auto_tls().start();
    put_get(&Client::of(&etcd.endpoint()));
}

#[test]
fn v2_curl_all_tls() {
    put_get(&Encrypted::for_all().client());
}

#[test]
fn v2_curl_client_tls() {
    put_get(&Encrypted::for_clients().client());
}

#[test]
fn v2_curl_client_both() {
    let (encrypted, plain) = Encrypted::for_clients_and_plain_ones();
    put_get(&Client::of(&plain));
    assert_eq!(encrypted.client().get("/foo").expect("the same, encrypted").value(), "bar");
}

// Differs from Go: two of its five cases have HTTP on a port of its own, which is newer than the etcd of these tests
// (3.4.26 and 3.5.9 brought `--listen-client-http-urls`), and to a client of v2 a port as any other.
#[test]
fn connection_multiplexing() {
    let plain = EtcdServer::builder().plain().start();
    let (both, plain_of_both) = Encrypted::for_clients_and_plain_ones();
    let cases = [
        ("TLS", Encrypted::for_clients().client().set("a", "1").is_ok()),
        ("no TLS", Client::of(&plain.endpoint()).set("a", "1").is_ok()),
        ("both, TLS", both.client().set("a", "1").is_ok()),
        ("both, no TLS", Client::of(&plain_of_both).set("a", "1").is_ok()),
    ];
    assert!(cases.iter().all(|(_, is_set)| *is_set), "{cases:?}");
    // etcd tells HTTP/1 from gRPC by the first bytes of a connection; one that is used again is past that.
    for client in [both.client(), Client::of(&plain_of_both)] {
        for value in ["2", "3"] {
            client.set("a", value).expect("set");
            assert_eq!(client.get("a").expect("got").value(), value);
        }
    }
}
