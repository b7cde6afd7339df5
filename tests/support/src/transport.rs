//! `ETCD_TEST_TRANSPORT=tls` runs the same tests over TLS with client certificates and Basic auth.

use std::io::Write;
use std::sync::{Arc, OnceLock};

use crate::certificates::TlsFiles;
use crate::etcd_builder::EtcdServerBuilder;

/// The user that all tests are then.
pub const USER: &str = "root";
pub const PASSWORD: &str = "a secret: word";

/// The certificates that all servers and clients of this process share; None when the tests run in plain text.
pub fn encrypted() -> Option<&'static Arc<TlsFiles>> {
    static FILES: OnceLock<Option<Arc<TlsFiles>>> = OnceLock::new();
    let files = FILES.get_or_init(|| match std::env::var("ETCD_TEST_TRANSPORT").as_deref() {
        Err(_) | Ok("" | "plain") => None,
        Ok("tls") => Some(TlsFiles::new()),
        Ok(other) => panic!("ETCD_TEST_TRANSPORT is '{other}'; it can be 'plain' or 'tls'"),
    });
    files.as_ref()
}

/// How the URLs of servers begin.
pub fn scheme() -> &'static str {
    if encrypted().is_some() { "https" } else { "http" }
}

/// The variables with which the programs of examples-c connect to these servers.
pub fn environment(endpoints: &[String]) -> Vec<(&'static str, String)> {
    let mut variables = vec![("ETCD_ENDPOINTS", endpoints.join(","))];
    if let Some(files) = encrypted() {
        let (certificate, key) = files.client_paths();
        variables.extend([("ETCD_CA_FILE", files.ca_path()), ("ETCD_CERT_FILE", certificate), ("ETCD_KEY_FILE", key)]);
        variables.extend([("ETCD_USERNAME", USER.to_owned()), ("ETCD_PASSWORD", PASSWORD.to_owned())]);
    }
    variables
}

/// Says why a test makes no sense over TLS, and whether that is the case now.
pub fn skips_over_tls(why: &str) -> bool {
    let skips = encrypted().is_some();
    if skips {
        // Unlike `eprintln!`, this is seen of a test that passes too.
        let _ = writeln!(std::io::stderr(), "SKIPPED over TLS: {why}");
    }
    skips
}

pub(crate) fn apply(builder: EtcdServerBuilder) -> EtcdServerBuilder {
    match encrypted() {
        Some(files) => builder.client_cert_auth(files).auth(USER, PASSWORD),
        None => builder,
    }
}
