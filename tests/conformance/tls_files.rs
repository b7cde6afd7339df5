//! Certificates in files and texts: what is refused at once, and what happens when the files change.

use std::fs;
use std::os::unix::fs::symlink;

use etcd_test_harness::Config;
use etcd_test_harness::capi::config::*;
use etcd_test_harness::capi::config_tls::*;
use etcd_test_harness::capi::status::*;
use etcd_test_support::certificates::{LOCAL_NAMES, keys};
use etcd_test_support::tls_server::{ANSWER, answer_all, read_request};
use etcd_test_support::{Authority, RawServer, TlsFiles, wait_until};

use crate::log::Journal;

/// Why a client cannot be made.
fn refused(config: Config) -> String {
    let failure = config.client().err().expect("refused");
    assert_eq!(failure.status, ETCD_ERR_TLS, "{failure:?}");
    assert!(!failure.message.contains('\n'), "{failure:?}");
    failure.message
}

#[test]
fn a_ca_file_that_cannot_be_used_is_refused_when_the_client_is_made() {
    let files = TlsFiles::new();
    let cut = files.authority().pem().replace("-----END CERTIFICATE-----", "");
    let broken = files.authority().pem().replace("MII", "M?I");
    let cases = [
        ("key-only.pem", files.client().key.as_str(), "holds no certificate"),
        ("empty.pem", "", "holds no certificate"),
        ("cut.pem", &cut, "is it cut off?"),
        ("broken.pem", &broken, "is not valid PEM"),
        ("der.pem", "\x30\x01\x02", "is DER and not PEM"),
        ("nonsense.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "number 1 cannot be used"),
    ];
    for (name, content, words) in cases {
        let path = files.write(name, content);
        let message = refused(Config::new(&[]).ca_file(&path));
        assert!(message.contains(&path) && message.contains(words), "{message}");
    }
    for path in ["/no/such/file.pem", "/dev/zero", "/tmp"] {
        let message = refused(Config::new(&[]).ca_file(path));
        assert!(message.contains(path), "{message}");
    }
}

#[test]
fn a_client_certificate_that_cannot_be_used_is_refused_when_the_client_is_made() {
    let files = TlsFiles::new();
    let (certificate, key) = files.client_paths();
    let cases = [
        ("pkcs1", keys::RSA_ENCRYPTED_PKCS1, "is encrypted"),
        ("pkcs8", keys::RSA_ENCRYPTED_PKCS8, "is encrypted"),
        ("other", keys::P256_SEC1, "is not that of the certificate"),
        ("none", files.authority().pem(), "holds no private key"),
        ("nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "of a kind that cannot be used"),
    ];
    for (name, content, words) in cases {
        let path = files.write(name, content);
        let message = refused(Config::new(&[]).client_cert_files(&certificate, Some(&path)));
        assert!(message.contains(&path) && message.contains(words), "{message}");
    }
    let message = refused(Config::new(&[]).client_cert_files(&key, Some(&key)));
    assert!(message.contains("holds no certificate"), "{message}");
    let message = refused(Config::new(&[]).client_cert_files(&certificate, None));
    assert!(message.contains("holds no private key"), "{message}");
    Config::new(&[]).client_cert_files(&certificate, Some(&key)).build();
}

#[test]
fn texts_that_cannot_be_used_are_refused_at_once() {
    let files = TlsFiles::new();
    let (ca, good) = (files.authority().pem(), files.client());
    let pem = |config, text: &str| {
        // SAFETY: the configuration is alive, the text lives for the call.
        unsafe { etcd_config_add_ca_pem(config, text.as_ptr().cast(), text.len()) }
    };
    let both = |config, certificate: &str, key: &str| {
        let (certificate, key) = (certificate.as_bytes(), key.as_bytes());
        let (cert, cert_len, key, key_len) = (certificate.as_ptr(), certificate.len(), key.as_ptr(), key.len());
        // SAFETY: the configuration is alive, the texts live for the call.
        unsafe { etcd_config_set_client_cert_pem(config, cert.cast(), cert_len, key.cast(), key_len) }
    };
    let check = |config| {
        for text in ["", "nonsense", &good.key] {
            assert_eq!(pem(config, text), ETCD_ERR_INVALID_ARGUMENT, "{text}");
        }
        assert_eq!(pem(config, ca), ETCD_OK);
        for key in [keys::P256_SEC1, keys::RSA_ENCRYPTED_PKCS8, "", ca] {
            assert_eq!(both(config, &good.certificate, key), ETCD_ERR_INVALID_ARGUMENT, "{key}");
        }
        assert_eq!(both(config, &good.certificate, &good.key), ETCD_OK);
        // SAFETY: the configuration is alive, the strings are literals.
        unsafe {
            assert_eq!(etcd_config_set_server_name(config, c"not a name".as_ptr()), ETCD_ERR_INVALID_ARGUMENT);
            assert_eq!(etcd_config_set_server_name(config, c"".as_ptr()), ETCD_OK);
            assert_eq!(etcd_config_add_ca_file(config, c"".as_ptr()), ETCD_ERR_INVALID_ARGUMENT);
            let (null, path) = (std::ptr::null(), c"/key".as_ptr());
            assert_eq!(etcd_config_set_client_cert_files(config, null, path), ETCD_ERR_INVALID_ARGUMENT);
            assert_eq!(etcd_config_set_client_cert_files(config, null, null), ETCD_OK);
        }
        0
    };
    Config::new(&[]).change(check).build();
}

/// Answers one request per connection, so that each call makes a connection of its own.
fn closing(authority: &Authority, clients: Option<&Authority>) -> RawServer {
    let config = authority.server(&LOCAL_NAMES).server_config(clients);
    RawServer::tls(config, |_, mut stream| {
        use std::io::Write;
        if read_request(&mut stream).is_some() {
            let _ = stream.write_all(&ANSWER.replace("200 OK\r\n", "200 OK\r\nConnection: close\r\n").into_bytes());
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    })
}

#[test]
fn a_ca_file_that_changes_is_read_again_and_a_broken_one_changes_nothing() {
    let files = TlsFiles::new();
    let next = Authority::new("the next authority");
    let (old, new) = (closing(files.authority(), None), closing(&next, None));
    let journal = Journal::new();
    let config = || Config::new(&[]).endpoints(&[old.https()]).ca_file(&files.ca_path());
    let client = journal.on(config(), ETCD_LOG_INFO).build();
    client.get("/foo").expect("the old authority");

    // Half of the new one, as somebody writes it at this moment.
    files.write("ca.pem", &next.pem()[..next.pem().len() / 2]);
    let warned = || journal.lines().iter().filter(|line| line.1.contains("the old ones stay in use")).count();
    wait_until("the half file is noticed", || {
        client.get("/foo").expect("the old authority is still trusted");
        warned() == 1
    });
    std::thread::sleep(std::time::Duration::from_millis(1100));
    client.get("/foo").expect("the old authority is still trusted");
    assert_eq!(warned(), 1, "told once: {:?}", journal.lines());

    files.write("ca.pem", next.pem());
    client.set_endpoints(&[new.https()]).expect("replaced");
    wait_until("the new file is read", || client.get("/foo").is_ok());
    client.set_endpoints(&[old.https()]).expect("replaced");
    let failure = client.get("/foo").expect_err("the old authority is not trusted any more");
    assert_eq!(failure.statuses(), [ETCD_ERR_TLS], "{failure:?}");
}

#[test]
fn connections_that_are_open_survive_a_change_of_the_files() {
    let files = TlsFiles::new();
    let config = files.server().server_config(None);
    let server = RawServer::tls(config, |_, mut stream| answer_all(&mut stream));
    let client = Config::new(&[]).endpoints(&[server.https()]).ca_file(&files.ca_path()).build();
    client.get("/foo").expect("answered");
    files.write("ca.pem", Authority::new("other").pem());
    std::thread::sleep(std::time::Duration::from_millis(1100));
    client.create("/foo", "bar").expect("over the same connection");
    assert_eq!(server.connections(), 1);
}

// Kubernetes keeps a secret in a directory with a date, and turns one link to it.
#[test]
fn a_client_certificate_behind_a_link_that_is_turned_is_read_again() {
    let files = TlsFiles::new();
    let other = Authority::new("the next authority");
    let next = other.client("next");
    let directory = files.directory();
    for (name, identity) in [("1", files.client()), ("2", &next)] {
        fs::create_dir(directory.join(name)).expect("a directory");
        files.write(&format!("{name}/tls.crt"), &identity.certificate);
        files.write(&format!("{name}/tls.key"), &identity.key);
    }
    symlink("1", directory.join("data")).expect("a link");
    for name in ["tls.crt", "tls.key"] {
        symlink(format!("data/{name}"), directory.join(name)).expect("a link");
    }
    let path = |name: &str| directory.join(name).display().to_string();
    let old = closing(files.authority(), Some(files.authority()));
    let new = closing(files.authority(), Some(&other));
    let config = Config::new(&[]).endpoints(&[old.https()]).ca_file(&files.ca_path());
    let client = config.client_cert_files(&path("tls.crt"), Some(&path("tls.key"))).build();
    client.get("/foo").expect("the first certificate");

    symlink("2", directory.join("turned")).expect("a link");
    fs::rename(directory.join("turned"), directory.join("data")).expect("turn the link");
    client.set_endpoints(&[new.https()]).expect("replaced");
    wait_until("the second certificate is shown", || client.get("/foo").is_ok());
}

#[test]
fn authorities_of_the_system_are_where_ssl_cert_file_says() {
    let files = TlsFiles::new();
    let server = closing(files.authority(), None);
    let run = |variables: &[(&str, &str)]| {
        let mut command = std::process::Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "tls_files::with_the_systems_authorities", "--ignored"]);
        command.env("CONFORMANCE_TLS_SERVER", server.https());
        let output = command.envs(variables.iter().copied()).output().expect("start it");
        output.status.success()
    };
    assert!(!run(&[]), "nobody trusts an authority of a test");
    assert!(run(&[("SSL_CERT_FILE", &files.ca_path())]));
    assert!(run(&[("SSL_CERT_FILE", &files.ca_path()), ("CONFORMANCE_TLS_BOTH", "1")]));
    assert!(!run(&[("SSL_CERT_FILE", &files.ca_path()), ("CONFORMANCE_TLS_OTHER", "1")]), "only the given one counts");
}

#[test]
#[ignore = "run by the test before, in a process of its own"]
fn with_the_systems_authorities() {
    let Ok(server) = std::env::var("CONFORMANCE_TLS_SERVER") else { return };
    let config = Config::new(&[]).endpoints(&[server]);
    let other = Authority::new("other");
    let config = match (std::env::var_os("CONFORMANCE_TLS_BOTH"), std::env::var_os("CONFORMANCE_TLS_OTHER")) {
        (Some(_), _) => config.ca_pem(other.pem()).system_roots(true),
        (_, Some(_)) => config.ca_pem(other.pem()),
        _ => config,
    };
    config.build().get("/foo").expect("trusted");
}
