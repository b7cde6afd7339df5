//! Real etcds that serve clients over TLS: what connects, what is refused, and in what words.

use std::sync::Arc;

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Failure, Watch};
use etcd_test_support::certificates::{LOCAL_NAMES, keys};
use etcd_test_support::{Authority, EtcdCluster, EtcdServer, TlsFiles};

fn trusting(endpoint: &str, files: &TlsFiles) -> Config {
    Config::new(&[]).endpoints(&[endpoint.into()]).ca_file(&files.ca_path())
}

fn tls_etcd() -> (EtcdServer, Arc<TlsFiles>) {
    let files = TlsFiles::new();
    (EtcdServer::builder().plain().tls(&files).start(), files)
}

fn demanding_etcd() -> (EtcdServer, Arc<TlsFiles>) {
    let files = TlsFiles::new();
    (EtcdServer::builder().plain().client_cert_auth(&files).start(), files)
}

/// The only endpoint's failure, which must be one of TLS that left nothing behind.
pub(crate) fn tls_failure<T: std::fmt::Debug>(result: Result<T, Failure>) -> String {
    let failure = result.expect_err("TLS refuses");
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_TLS]), "{failure:?}");
    assert_eq!(failure.outcome, ETCD_NOT_APPLIED, "{failure:?}");
    assert!(!failure.message.contains('\n'), "{failure:?}");
    failure.message
}

#[test]
fn keys_are_set_and_read_over_tls() {
    let (etcd, files) = tls_etcd();
    let client = trusting(&etcd.endpoint(), &files).build();
    client.set("/a", "one").expect("set");
    assert_eq!(client.get("/a").expect("got").value(), "one");
    assert_eq!(etcd.oracle().value("/a").as_deref(), Some("one"));
    let large = "é".repeat(500_000);
    client.set("/large", &large).expect("set");
    assert!(client.get("/large").expect("got").value() == large);
    let long = format!("/{}", "a".repeat(8000));
    client.set(&long, "one").expect("the limit of 4096 bytes is one of plain connections");
    client.delete(&long).expect("deleted");
}

#[test]
fn localhost_and_a_pem_text_do_as_well() {
    let (etcd, files) = tls_etcd();
    let endpoint = format!("https://localhost:{}", etcd.port());
    let client = Config::new(&[]).endpoints(std::slice::from_ref(&endpoint)).ca_pem(files.authority().pem()).build();
    client.set("/a", "one").expect("set");
    assert_eq!(client.endpoints(), [endpoint]);
}

#[test]
fn an_unknown_authority_is_named_as_such() {
    let (etcd, _) = tls_etcd();
    let other = TlsFiles::new();
    let message = tls_failure(trusting(&etcd.endpoint(), &other).build().create("/a", "one"));
    assert!(message.contains("signed by an unknown authority"), "{message}");
    // The system does not know it either.
    let message = tls_failure(Config::new(&[]).endpoints(&[etcd.endpoint()]).build().create("/a", "one"));
    assert!(message.contains("etcd_config_add_ca_file"), "{message}");
    assert_eq!(etcd.oracle().value("/a"), None);
}

#[test]
fn a_wrong_host_name_is_told_with_the_names_that_would_be_right() {
    let authority = Authority::new("names");
    let (server, client) = (authority.server(&["etcd.example.com", "10.1.2.3"]), authority.client("c"));
    let files = TlsFiles::of(authority, server, client);
    let etcd = EtcdServer::builder().plain().tls(&files).start();
    let message = tls_failure(trusting(&etcd.endpoint(), &files).build().create("/a", "one"));
    for part in ["is not for '127.0.0.1'", "'etcd.example.com', '10.1.2.3'", "etcd_config_set_server_name"] {
        assert!(message.contains(part), "{message}");
    }
    for name in ["etcd.example.com", "10.1.2.3"] {
        trusting(&etcd.endpoint(), &files).server_name(name).build().set("/a", "one").expect(name);
    }
    let message = tls_failure(trusting(&etcd.endpoint(), &files).server_name("other.example.com").build().get("/a"));
    assert!(message.contains("is not for 'other.example.com'"), "{message}");
}

#[test]
fn skip_verify_takes_any_certificate() {
    let (etcd, _) = tls_etcd();
    let client = Config::new(&[]).endpoints(&[etcd.endpoint()]).insecure_skip_verify().build();
    client.set("/a", "one").expect("set");
    assert_eq!(client.get("/a").expect("got").value(), "one");
}

#[test]
fn a_missing_client_certificate_is_demanded_in_words() {
    let (etcd, files) = demanding_etcd();
    for _ in 0..5 {
        let message = tls_failure(trusting(&etcd.endpoint(), &files).build().create("/a", "one"));
        assert!(message.contains("the server demands a client certificate"), "{message}");
    }
}

#[test]
fn a_client_certificate_of_another_authority_is_refused_in_words() {
    let (etcd, files) = demanding_etcd();
    let stranger = Authority::new("another").client("stranger");
    for _ in 0..5 {
        let config = trusting(&etcd.endpoint(), &files).client_cert_pem(&stranger.certificate, &stranger.key);
        let message = tls_failure(config.build().create("/a", "one"));
        assert!(message.contains("the server refused the client certificate"), "{message}");
    }
}

#[test]
fn client_certificates_of_every_kind_and_form_are_accepted() {
    let (etcd, files) = demanding_etcd();
    let kinds = [
        (keys::RSA_PKCS8, vec![keys::RSA_PKCS1, keys::RSA_PKCS8]),
        (keys::P256_PKCS8, vec![keys::P256_SEC1, keys::P256_PKCS8]),
        (keys::P384_PKCS8, vec![keys::P384_SEC1, keys::P384_PKCS8]),
    ];
    for (position, (signing, forms)) in kinds.into_iter().enumerate() {
        let certificate = files.authority().client_with("kind", signing, |_| ()).certificate;
        let certificate_path = files.write(&format!("{position}.pem"), &certificate);
        for (form, key) in forms.into_iter().enumerate() {
            let key_path = files.write(&format!("{position}-{form}.key"), key);
            let from_files = trusting(&etcd.endpoint(), &files).client_cert_files(&certificate_path, Some(&key_path));
            from_files.build().set("/a", "one").expect("accepted");
            let from_text = trusting(&etcd.endpoint(), &files).client_cert_pem(&certificate, key);
            from_text.build().set("/a", "one").expect("accepted");
        }
    }
    let both = files.write("both.pem", &format!("{}{}", files.client().certificate, files.client().key));
    let config = trusting(&etcd.endpoint(), &files).client_cert_files(&both, None);
    config.build().set("/a", "one").expect("certificate and key in one file");
}

#[test]
fn a_cluster_with_client_certificates_and_a_password_is_used_as_any_other() {
    let files = TlsFiles::new();
    let builder = EtcdServer::builder().plain().client_cert_auth(&files).auth("root", "pass:word");
    let cluster = EtcdCluster::start_with(3, builder);
    let (certificate, key) = files.client_paths();
    let config = |password: &str| {
        let config = Config::new(&[]).endpoints(&cluster.endpoints()).ca_file(&files.ca_path());
        config.client_cert_files(&certificate, Some(&key)).credentials("root", password)
    };
    let client = config("pass:word").build();
    client.set("/a", "one").expect("set");
    assert_eq!(cluster[1].oracle().value_by_quorum("/a").as_deref(), Some("one"));
    cluster[0].kill();
    client.set("/a", "two").expect("the others answer");
    assert_eq!(cluster[1].oracle().value_by_quorum("/a").as_deref(), Some("two"));
    // The watch begins with its first `next`; the index says from where.
    let after_index = client.get("/a").expect("got").index;
    let watcher = client.watch("/watched", &Watch { after_index, ..Watch::default() }).expect("a watcher");
    for value in ["one", "two", "three"] {
        client.set("/watched", value).expect("set");
    }
    for value in ["one", "two", "three"] {
        assert_eq!(watcher.next_within(30_000).expect("an event").value(), value);
    }
    let failure = config("wrong").build().set("/a", "three").expect_err("another password");
    assert_eq!((failure.status, failure.api_code), (ETCD_ERR_API, 110), "{failure:?}");
}

#[test]
fn an_ipv6_endpoint_works_in_plain_text_and_over_tls() {
    let files = TlsFiles::new();
    for encrypted in [false, true] {
        let port = etcd_test_support::free_port();
        let scheme = if encrypted { "https" } else { "http" };
        let url = format!("{scheme}://[::1]:{port}");
        let builder = EtcdServer::builder().plain();
        let builder = if encrypted { builder.tls(&files) } else { builder };
        let etcd = builder.also_listening(&url).start();
        let client = trusting(&url, &files).build();
        client.set("/a", "one").expect("set");
        assert_eq!((etcd.oracle().value("/a").as_deref(), client.endpoints()), (Some("one"), vec![url]));
    }
}

#[test]
fn plain_text_to_a_tls_port_is_told_to_use_https() {
    let (etcd, _) = tls_etcd();
    let plain = etcd.endpoint().replace("https://", "http://");
    for _ in 0..2 {
        let failure = Client::of(&plain).get("/a").expect_err("nobody answers");
        assert_eq!(failure.statuses(), [ETCD_ERR_TLS], "{failure:?}");
        assert!(failure.message.contains("the server speaks TLS: use https://"), "{failure:?}");
    }
}

#[test]
fn tls_to_a_plain_port_is_told_to_use_http() {
    let etcd = EtcdServer::builder().plain().start();
    let encrypted = etcd.endpoint().replace("http://", "https://");
    let message = tls_failure(trusting(&encrypted, &TlsFiles::new()).build().create("/a", "one"));
    // etcd answers, or closes the connection, whichever comes first.
    assert!(message.contains("does not speak TLS") && message.contains("use http://"), "{message}");
    assert_eq!(etcd.oracle().value("/a"), None, "it never falls back to plain text");
}

#[test]
fn an_expired_client_certificate_is_refused_in_words() {
    let (etcd, files) = demanding_etcd();
    let expired = files.authority().client_with("late", keys::P256_PKCS8, |params| {
        params.not_before = etcd_test_support::certificates::year(2001);
        params.not_after = etcd_test_support::certificates::year(2002);
    });
    let config = trusting(&etcd.endpoint(), &files).client_cert_pem(&expired.certificate, &expired.key);
    let message = tls_failure(config.build().create("/a", "one"));
    assert!(message.contains("the server refused the client certificate"), "{message}");
}

#[test]
fn an_expired_server_certificate_is_told_with_its_date() {
    use etcd_test_support::certificates::year;
    for (from, to, part) in [(2001, 2002, "expired on 2002-01-01"), (2190, 2191, "is not valid before 2190-01-01")] {
        let authority = Authority::new("dates");
        let server = authority.server_with(&LOCAL_NAMES, |params| {
            (params.not_before, params.not_after) = (year(from), year(to));
        });
        let client = authority.client("c");
        let files = TlsFiles::of(authority, server, client);
        let etcd = EtcdServer::builder().plain().tls(&files).start();
        let message = tls_failure(trusting(&etcd.endpoint(), &files).build().create("/a", "one"));
        assert!(message.contains(part) && message.contains("the local clock says"), "{message}");
    }
}
