//! Who is trusted, who is not, and what is said about it.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::sync::Arc;

use etcd_test_harness::capi::config::*;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Failure};
use etcd_test_support::certificates::LOCAL_NAMES;
use etcd_test_support::tls_server::{ANSWER, answer_all, read_request};
use etcd_test_support::{Authority, PrivateDir, RawServer, TlsFiles};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::log::Journal;
use crate::tls_connections::{server, trusting};

fn refusal<T: std::fmt::Debug>(result: Result<T, Failure>) -> String {
    let failure = result.expect_err("TLS refuses");
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_TLS]), "{failure:?}");
    assert_eq!(failure.outcome, ETCD_NOT_APPLIED, "{failure:?}");
    failure.message
}

fn answering(config: ServerConfig) -> RawServer {
    RawServer::tls(config, |_, mut stream| answer_all(&mut stream))
}

#[test]
fn one_of_several_authorities_is_enough_and_a_file_may_hold_several() {
    let (authority, server) = server(|_, mut stream| answer_all(&mut stream));
    let others = [Authority::new("one"), Authority::new("two")];
    let all = format!("{}{}{}", others[0].pem(), authority.pem(), others[1].pem());
    Config::new(&[]).endpoints(&[server.https()]).ca_pem(&all).build().get("/foo").expect("in one text");
    let config = Config::new(&[]).endpoints(&[server.https()]).ca_pem(others[0].pem()).ca_pem(authority.pem());
    config.build().get("/foo").expect("in two texts");
    let only_others = Config::new(&[]).endpoints(&[server.https()]).ca_pem(others[0].pem()).ca_pem(others[1].pem());
    let message = refusal(only_others.build().create("/foo", "bar"));
    assert!(message.contains("signed by an unknown authority"), "{message}");
}

#[test]
fn an_intermediate_authority_is_followed_to_the_root() {
    let root = Authority::new("root");
    let intermediate = root.intermediate("intermediate");
    let mut identity = intermediate.server(&LOCAL_NAMES);
    identity.certificate.push_str(intermediate.pem());
    let server = answering(identity.server_config(None));
    trusting(&root, &server).build().get("/foo").expect("trusted");
}

// Go takes it too; the verifier under rustls does not.
#[test]
fn a_servers_own_certificate_can_be_the_authority_that_is_given() {
    use etcd_test_support::certificates::year;
    let trusting = |identity: &etcd_test_support::Identity, server: &RawServer| {
        Config::new(&[]).endpoints(&[server.https()]).ca_pem(&identity.certificate).build()
    };
    for change in [|_: &mut _| (), Authority::may_sign] {
        let identity = Authority::self_signed(&LOCAL_NAMES, change);
        let server = answering(identity.server_config(None));
        trusting(&identity, &server).get("/foo").expect("trusted");
        let other = Authority::self_signed(&LOCAL_NAMES, change);
        let message = refusal(trusting(&other, &server).create("/foo", "bar"));
        assert!(message.contains("the server's certificate"), "{message}");
    }
    let named = Authority::self_signed(&["other.example.com"], Authority::may_sign);
    let server = answering(named.server_config(None));
    let message = refusal(trusting(&named, &server).create("/foo", "bar"));
    assert!(message.contains("is not for '127.0.0.1': it is for 'other.example.com'"), "{message}");
    let expired = Authority::self_signed(&LOCAL_NAMES, |params| {
        Authority::may_sign(params);
        (params.not_before, params.not_after) = (year(2001), year(2002));
    });
    let server = answering(expired.server_config(None));
    let message = refusal(trusting(&expired, &server).create("/foo", "bar"));
    assert!(message.contains("expired on 2002-01-01"), "{message}");
}

#[test]
fn a_certificate_that_is_not_for_servers_is_refused() {
    let authority = Authority::new("tests");
    let identity = authority.server_with(&LOCAL_NAMES, |params| {
        params.extended_key_usages.remove(0);
    });
    let server = answering(identity.server_config(None));
    let message = refusal(trusting(&authority, &server).build().create("/foo", "bar"));
    assert!(message.contains("is not meant for servers"), "{message}");
}

#[test]
fn skip_verify_warns_once_per_client_and_says_why() {
    let (_, server) = server(|_, mut stream| answer_all(&mut stream));
    let journal = Journal::new();
    let config = journal.on(Config::new(&[]).endpoints(&[server.https()]).insecure_skip_verify(), ETCD_LOG_WARN);
    let client = config.build();
    for _ in 0..3 {
        client.get("/foo").expect("trusted blindly");
    }
    let lines = journal.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].1.contains("are not verified (etcd_config_set_insecure_skip_verify)"), "{lines:?}");
}

// In TLS 1.3 the refusal comes where the answer should be; the server has read nothing, so the write may go elsewhere.
#[test]
fn a_write_refused_for_its_certificate_goes_to_the_next_endpoint() {
    let authority = Authority::new("tests");
    let identity = authority.server(&LOCAL_NAMES);
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let demanding = answering(identity.server_config_with(Some(&authority), &[version]));
        let open = answering(identity.server_config(None));
        let config = || Config::new(&[]).endpoints(&[demanding.https(), open.https()]).ca_pem(authority.pem());
        let client = Client::starting_at_first(config, &demanding.https());
        for _ in 0..5 {
            client.create("/foo", "bar").expect("the other endpoint takes it");
        }
        let only = Config::new(&[]).endpoints(&[demanding.https()]).ca_pem(authority.pem()).build();
        let message = refusal(only.create("/foo", "bar"));
        assert!(message.contains("the server demands a client certificate"), "{message}");
        let large = refusal(only.create("/foo", &"x".repeat(1 << 20)));
        assert!(large.contains("the server demands a client certificate"), "{large}");
    }
}

// An alert that comes later proves nothing: the server may have acted on the request before it.
#[test]
fn an_alert_after_session_tickets_says_nothing_about_the_request() {
    let (authority, server) = server(|_, mut stream| {
        if read_request(&mut stream).is_some() {
            // A record that no key fits: the client answers with an alert, and the call must not be sent again.
            let _ = stream.sock.write_all(&[23, 3, 3, 0, 32]);
            let _ = stream.sock.write_all(&[0; 32]);
            let _ = stream.sock.read(&mut [0; 100]);
        }
    });
    let failure = trusting(&authority, &server).build().create("/foo", "bar").expect_err("nonsense");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_TLS, ETCD_MAYBE_APPLIED), "{failure:?}");
}

#[test]
fn a_plain_request_that_is_answered_with_a_tls_alert_was_not_read() {
    let server = RawServer::start(|_, mut stream| {
        if read_request(&mut stream).is_some() {
            let _ = stream.write_all(&[21, 3, 1, 0, 2, 2, 70]);
            let _ = stream.shutdown(Shutdown::Write);
        }
    });
    let message = refusal(Client::of(&server.http()).create("/foo", "bar"));
    assert!(message.contains("the server speaks TLS: use https://"), "{message}");
}

#[test]
fn the_refusal_of_gos_http_server_is_understood() {
    let server = RawServer::start(|_, mut stream| {
        if read_request(&mut stream).is_some() {
            let _ =
                stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
        }
    });
    let message = refusal(Client::of(&server.http()).create("/foo", "bar"));
    assert!(message.contains("the server speaks TLS: use https://"), "{message}");
}

#[test]
fn https_to_a_server_of_plain_text_is_told_so_and_sends_nothing_in_plain_text() {
    for answer in ["HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request", ""] {
        let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
        let hears = heard.clone();
        let server = RawServer::start(move |_, mut stream| {
            let mut bytes = vec![0; 4096];
            let count = stream.read(&mut bytes).unwrap_or(0);
            hears.lock().expect("lock").extend_from_slice(&bytes[..count]);
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.shutdown(Shutdown::Write);
        });
        let config = Config::new(&[]).endpoints(&[server.https()]).credentials("user", "secret").system_roots(true);
        let message = refusal(config.ca_pem(Authority::new("a").pem()).build().create("/foo", "bar"));
        assert!(message.contains("does not speak TLS: use http://"), "{message}");
        assert_eq!(server.connections(), 1, "no second try");
        let heard = heard.lock().expect("lock");
        assert_eq!(heard[0], 22, "a TLS handshake");
        assert!(!String::from_utf8_lossy(&heard).contains("HTTP"));
    }
}

/// A server of TLS over a Unix socket, for one connection after another.
fn unix_server(path: &str, config: ServerConfig) {
    let listener = UnixListener::bind(path).expect("listen");
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = ServerConnection::new(config.clone()).expect("a session");
            let mut stream = StreamOwned::new(session, stream);
            // Closes after each answer: the next write must notice.
            if read_request(&mut stream).is_some() {
                let _ = stream.write_all(ANSWER.as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
}

#[test]
fn tls_over_a_unix_socket_checks_for_localhost_or_the_name_that_is_set() {
    let (dir, authority) = (PrivateDir::on_disk(), Authority::new("tests"));
    let path = |name: &str| dir.path().join(name).display().to_string();
    unix_server(&path("local"), authority.server(&["localhost"]).server_config(None));
    unix_server(&path("named"), authority.server(&["etcd.example.com"]).server_config(None));
    let config = |name: &str| Config::new(&[]).endpoints(&[format!("unixs://{}", path(name))]).ca_pem(authority.pem());
    let client = config("local").build();
    for _ in 0..10 {
        client.create("/foo", "bar").expect("answered");
        std::thread::sleep(std::time::Duration::from_millis(3));
    }
    let message = refusal(config("named").build().create("/foo", "bar"));
    assert!(message.contains("is not for 'localhost': it is for 'etcd.example.com'"), "{message}");
    config("named").server_name("etcd.example.com").build().create("/foo", "bar").expect("answered");
}

#[test]
fn the_curl_line_of_an_https_endpoint_can_be_pasted_and_shows_no_key() {
    let files = TlsFiles::new();
    let server = answering(files.server().server_config(Some(files.authority())));
    let (certificate, key) = files.client_paths();
    let journal = Journal::new();
    let config = Config::new(&[]).endpoints(&[server.https()]).ca_file(&files.ca_path());
    let config = config.client_cert_files(&certificate, Some(&key)).credentials("user", "hush");
    journal.on(config, ETCD_LOG_DEBUG).build().get("/foo").expect("answered");
    let line = journal.lines().remove(0).1;
    let expected = format!(
        "curl -X GET '{}/v2/keys/foo?quorum=false&recursive=false&sorted=false' --cacert '{}' --cert '{certificate}' --key '{key}'",
        server.https(),
        files.ca_path()
    );
    assert_eq!(line, expected);
    let Ok(output) = Command::new("sh").arg("-c").arg(format!("{line} --silent --noproxy '*'")).output() else {
        return;
    };
    if output.status.code() != Some(127) {
        assert!(String::from_utf8_lossy(&output.stdout).contains("\"/foo\""), "{output:?}");
    }
}

#[test]
fn the_curl_line_says_k_for_skip_verify_and_nothing_of_texts_in_memory() {
    let files = TlsFiles::new();
    let server = answering(files.server().server_config(None));
    let journal = Journal::new();
    let config = Config::new(&[]).endpoints(&[server.https()]).insecure_skip_verify().ca_pem(files.authority().pem());
    let config = config.client_cert_pem(&files.client().certificate, &files.client().key);
    journal.on(config, ETCD_LOG_DEBUG).build().get("/foo").expect("answered");
    let line = journal.lines().pop().expect("a line").1;
    assert!(line.ends_with("sorted=false' -k"), "{line}");
}

#[test]
fn no_key_is_ever_shown() {
    let files = TlsFiles::new();
    let server = answering(files.server().server_config(Some(files.authority())));
    let stranger = Authority::new("other").client("stranger");
    let journal = Journal::new();
    let config = trusting(files.authority(), &server).client_cert_pem(&stranger.certificate, &stranger.key);
    let failure = journal.on(config, ETCD_LOG_DEBUG).build().create("/foo", "bar").expect_err("refused");
    let shown = format!("{failure:?} {:?}", journal.lines());
    let secret = stranger.key.lines().nth(1).expect("a line of the key");
    assert!(!shown.contains(secret) && !shown.contains("PRIVATE"), "{shown}");
    assert!(failure.message.contains("the server refused the client certificate"), "{failure:?}");
}
