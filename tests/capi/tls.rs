//! TLS as a good guest in its process: no signal, no thread, nothing loaded before it is needed.

use std::io::Read;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use etcd_test_harness::Config;
use etcd_test_harness::capi::status::*;
use etcd_test_support::certificates::LOCAL_NAMES;
use etcd_test_support::tls_server::answer_all;
use etcd_test_support::{Authority, PrivateDir, RawServer};
use rustls::{ServerConnection, StreamOwned};

use crate::alone::{in_a_process_of_its_own, threads};

#[test]
fn a_tls_connection_that_breaks_under_a_write_raises_no_sigpipe() {
    in_a_process_of_its_own("tls::a_tls_connection_that_breaks_under_a_write_raises_no_sigpipe", || {
        // As in a C program; Rust's own tests ignore it.
        // SAFETY: it only sets the signal's default action.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let authority = Authority::new("tests");
        let config = authority.server(&LOCAL_NAMES).server_config(None);
        let tcp = RawServer::tls(config.clone(), |_, mut stream| drop(stream.read_exact(&mut [0; 1000])));
        let dir = PrivateDir::on_disk();
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).expect("listen");
        std::thread::spawn(move || {
            let config = Arc::new(config);
            for stream in listener.incoming().flatten() {
                let session = ServerConnection::new(config.clone()).expect("a session");
                let _ = StreamOwned::new(session, stream).read_exact(&mut [0; 1000]);
            }
        });
        let large = "x".repeat(4 << 20);
        for endpoint in [tcp.https(), format!("unixs://{}", path.display())] {
            let client = Config::new(&[]).endpoints(&[endpoint]).ca_pem(authority.pem()).build();
            for _ in 0..10 {
                let failure = client.create("/a", &large).expect_err("closed");
                assert_eq!((failure.status, failure.outcome), (ETCD_ERR_IO, ETCD_MAYBE_APPLIED), "{failure:?}");
            }
        }
    });
}

#[test]
fn a_call_over_tls_starts_no_thread() {
    in_a_process_of_its_own("tls::a_call_over_tls_starts_no_thread", || {
        let authority = Authority::new("tests");
        let config = authority.server(&LOCAL_NAMES).server_config(None);
        let server = RawServer::tls(config, |_, mut stream| answer_all(&mut stream));
        let client = Config::new(&[]).endpoints(&[server.https()]).ca_pem(authority.pem()).build();
        client.get("/a").expect("answered");
        // The server has one for accepting and one for the connection, and both wait.
        let before = threads();
        for _ in 0..10 {
            client.create("/a", "b").expect("answered");
        }
        assert_eq!(threads(), before);
        assert!(before.iter().all(|(_, name)| !name.starts_with("etcd-")), "{before:?}");
    });
}
