//! Basic authentication: on every request to a configured endpoint, and in no text that a person might read.

use std::ffi::CString;

use etcd_test_harness::capi::config::{ETCD_LOG_DEBUG, etcd_config_set_credentials};
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Failure};
use etcd_test_support::{Reply, ScriptedServer, refused_endpoint};

use crate::log::Journal;
use crate::wire::accepted;

fn authorizations(server: &ScriptedServer) -> Vec<Option<String>> {
    server.requests().iter().map(|request| request.header("authorization").map(str::to_owned)).collect()
}

/// The header that a client of such a configuration sends.
fn sent(userinfo: &str, change: impl FnOnce(Config) -> Config) -> Option<String> {
    let server = ScriptedServer::always(accepted());
    let config = Config::new(&[format!("http://{userinfo}{}", server.address())]);
    change(config).build().get("/foo").expect("answered");
    authorizations(&server).remove(0)
}

#[test]
fn every_request_has_them() {
    let server = ScriptedServer::by(|request| match request.path() {
        "/version" => Reply::json(200, r#"{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}"#),
        _ => accepted(),
    });
    let client = Config::new(&[server.endpoint()]).credentials("user", "pass").build();
    client.get("/a").expect("answered");
    client.set("/a", "x").expect("answered");
    client.create("/a", "x").expect("answered");
    client.update("/a", "x").expect("answered");
    client.create_in_order("/a", "x", None).expect("answered");
    client.delete("/a").expect("answered");
    client.version().expect("answered");
    assert_eq!(authorizations(&server), vec![Some("Basic dXNlcjpwYXNz".to_owned()); 7]);
}

#[test]
fn they_are_encoded_as_they_are() {
    let cases = [
        ("user", "", "Basic dXNlcjo="),
        ("user", "pa:ss", "Basic dXNlcjpwYTpzcw=="),
        ("user", "p%40ss word", "Basic dXNlcjpwJTQwc3Mgd29yZA=="),
        ("é", "ü", "Basic w6k6w7w="),
    ];
    for (username, password, header) in cases {
        assert_eq!(sent("", |config| config.credentials(username, password)).as_deref(), Some(header));
    }
}

#[test]
fn without_a_user_name_there_are_none() {
    assert_eq!(sent("", |config| config), None);
    assert_eq!(sent("", |config| config.credentials("", "pass")), None);
    assert_eq!(sent("", |config| config.credentials("user", "pass").credentials("", "")), None);
    let nobody = |config: Config| {
        // SAFETY: the configuration is alive, and NULL means none.
        config.change(|config| unsafe { etcd_config_set_credentials(config, std::ptr::null(), std::ptr::null()) })
    };
    assert_eq!(sent("", |config| nobody(config.credentials("user", "pass"))), None);
}

#[test]
fn a_user_name_with_a_colon_is_refused() {
    let (username, password) = (CString::new("a:b").expect("text"), CString::new("c").expect("text"));
    let refuse = |config| {
        // SAFETY: the configuration is alive, the strings live for the call.
        let status = unsafe { etcd_config_set_credentials(config, username.as_ptr(), password.as_ptr()) };
        assert_eq!(status, ETCD_ERR_INVALID_ARGUMENT);
        0
    };
    drop(Config::new(&[]).change(refuse));
}

#[test]
fn an_endpoint_may_carry_its_own() {
    for (userinfo, header) in [
        ("user:pass@", "Basic dXNlcjpwYXNz"),
        ("user:@", "Basic dXNlcjo="),
        ("user@", "Basic dXNlcjo="),
        ("us%C3%A9r:p%40s%3As%2F@", "Basic dXPDqXI6cEBzOnMv"),
    ] {
        assert_eq!(sent(userinfo, |config| config).as_deref(), Some(header), "{userinfo}");
    }
}

#[test]
fn those_of_an_endpoint_go_to_it_alone() {
    let servers = [ScriptedServer::always(Reply::new(500)), ScriptedServer::always(Reply::new(500))];
    let client = Client::of_all(&[format!("http://user:pass@{}", servers[0].address()), servers[1].endpoint()]);
    client.get("/foo").expect_err("both fail");
    assert_eq!(authorizations(&servers[0]), [Some("Basic dXNlcjpwYXNz".to_owned())]);
    assert_eq!(authorizations(&servers[1]), [None]);
}

#[test]
fn those_of_the_configuration_go_before_those_of_an_endpoint() {
    let header = sent("other:secret@", |config| config.credentials("user", "pass"));
    assert_eq!(header.as_deref(), Some("Basic dXNlcjpwYXNz"));
}

#[test]
fn those_of_an_endpoint_that_is_set_later_are_sent_too() {
    let server = ScriptedServer::always(accepted());
    let client = Client::of("http://127.0.0.1:1");
    client.set_endpoints(&[format!("http://user:pass@{}", server.address())]).expect("set");
    client.get("/foo").expect("answered");
    assert_eq!(authorizations(&server), [Some("Basic dXNlcjpwYXNz".to_owned())]);
}

/// The secrets of these tests, plain, encoded, and as Basic has them ("user:hush", "zoe:quiet").
fn assert_silent(text: &str) {
    for secret in ["hush", "quiet", "zoe", "dXNlcjpodXNo", "em9lOnF1aWV0", "Basic"] {
        assert!(!text.contains(secret), "'{secret}' in: {text}");
    }
}

fn assert_says_nothing(failure: &Failure) {
    assert_silent(&format!("{failure:?}"));
}

#[test]
fn no_text_shows_them() {
    let failing = ScriptedServer::by(|request| match request.method.as_str() {
        "GET" => Reply::new(307).header("Location", "http://zoe:quiet@127.0.0.1:x/"),
        "DELETE" => Reply::new(307).header("Location", "http://zoe:quiet@127.0.0.1:1/"),
        "POST" => Reply::hang_up(),
        _ => Reply::new(500),
    });
    let refused = refused_endpoint();
    let journal = Journal::new();
    let endpoints = [failing.address(), refused.address()].map(|address| format!("http://zoe:quiet@{address}/pfx"));
    for global in [false, true] {
        let config = journal.on(Config::new(&endpoints), ETCD_LOG_DEBUG);
        let client = if global { config.credentials("user", "hush") } else { config }.build();
        let failures = [
            client.get("/a"),
            client.set("/a", "x"),
            client.create("/a", "x"),
            client.create_in_order("/a", "x", None),
            client.delete("/a"),
        ];
        for result in failures {
            assert_says_nothing(&result.expect_err("nobody answers"));
        }
        assert_silent(&client.endpoints().join(" "));
        client.set_endpoints(&endpoints).expect("set");
    }
    for (_, line) in journal.lines() {
        assert_silent(&line);
    }
    let sent: Vec<_> = authorizations(&failing).into_iter().flatten().collect();
    assert!(sent.iter().any(|header| header.contains("em9lOnF1aWV0")), "they were sent: {sent:?}");
}

#[test]
fn no_text_shows_those_of_an_endpoint_that_is_refused() {
    let client = Client::of("http://127.0.0.1:1");
    for endpoint in [
        "ftp://zoe:quiet@127.0.0.1:1",
        "zoe:quiet@127.0.0.1:1",
        "http://zoe:quiet@127.0.0.1:x",
        "http://zoe:quiet@",
        "http://zoe:quiet@quiet:x@127.0.0.1:x",
        "http://zoe:quiet/quiet@127.0.0.1:1",
    ] {
        assert_says_nothing(&client.set_endpoints(&[endpoint.into()]).expect_err(endpoint));
    }
    assert_eq!(client.endpoints(), ["http://127.0.0.1:1"]);
}

#[test]
fn no_text_shows_a_password_with_a_comma() {
    // A comma is allowed in a password (RFC 3986), but it also stands between two endpoints.
    let client = Client::of("http://127.0.0.1:1");
    if let Err(failure) = client.set_endpoints(&["http://zoe:quiet,hush@127.0.0.1:1".into()]) {
        assert_says_nothing(&failure);
    }
}
