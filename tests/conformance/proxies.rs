//! HTTP proxies: told whole URLs, shown their own credentials, and never on the way to this machine itself.

use std::process::Command;

use etcd_test_harness::capi::config::{ETCD_LOG_DEBUG, etcd_config_set_proxy};
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config};
use etcd_test_support::{Reply, ScriptedServer, refused_endpoint};

use crate::log::Journal;
use crate::wire::accepted;

/// A name that never resolves (RFC 6761).
const ETCD: &str = "http://etcd.invalid:2379";

fn through(proxy: &ScriptedServer) -> Config {
    Config::new(&[ETCD.into()]).proxy(Some(&proxy.endpoint()))
}

#[test]
fn a_proxy_is_told_the_whole_url_and_the_host_of_the_endpoint() {
    let proxy = ScriptedServer::always(accepted());
    let client = through(&proxy).build();
    client.get("/foo").expect("answered");
    client.create("/foo", "a b").expect("answered");
    client.delete("/foo").expect("answered");
    let targets: Vec<_> =
        proxy.requests().iter().map(|request| format!("{} {}", request.method, request.target)).collect();
    let expected = [
        format!("GET {ETCD}/v2/keys/foo?quorum=false&recursive=false&sorted=false"),
        format!("PUT {ETCD}/v2/keys/foo?prevExist=false"),
        format!("DELETE {ETCD}/v2/keys/foo"),
    ];
    assert_eq!(targets, expected);
    assert_eq!(proxy.requests()[1].text(), "value=a+b");
    for request in proxy.requests() {
        assert_eq!((request.header("host"), request.version.as_str()), (Some("etcd.invalid:2379"), "HTTP/1.1"));
        assert_eq!((request.header("proxy-authorization"), request.header("authorization")), (None, None));
    }
    assert_eq!(proxy.connections(), 1, "the connection to a proxy is kept");
}

#[test]
fn a_proxy_gets_the_credentials_of_its_url_and_the_endpoint_gets_its_own() {
    let proxy = ScriptedServer::always(accepted());
    let url = format!("http://pr%40xy:s%3Acret@{}", proxy.address());
    let client = Config::new(&[ETCD.into()]).proxy(Some(&url)).credentials("user", "pass").build();
    client.get("/foo").expect("answered");
    let request = proxy.requests().remove(0);
    assert_eq!(request.header("proxy-authorization"), Some("Basic cHJAeHk6czpjcmV0"));
    assert_eq!(request.header("authorization"), Some("Basic dXNlcjpwYXNz"));
}

#[test]
fn a_proxys_credentials_go_to_no_endpoint() {
    let (proxy, direct) = (ScriptedServer::always(accepted()), ScriptedServer::always(accepted()));
    let url = format!("http://proxy:secret@{}", proxy.address());
    Config::new(&[direct.endpoint()]).proxy(Some(&url)).build().get("/foo").expect("answered");
    assert_eq!(direct.requests()[0].header("proxy-authorization"), None);
}

#[test]
fn loopback_is_never_asked_through_a_proxy() {
    let (proxy, direct) = (ScriptedServer::always(accepted()), ScriptedServer::always(accepted()));
    let port = direct.address().port();
    for endpoint in
        [format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}"), format!("http://LOCALHOST:{port}")]
    {
        let client = Config::new(std::slice::from_ref(&endpoint)).proxy(Some(&proxy.endpoint())).build();
        client.get("/foo").expect(&endpoint);
    }
    assert_eq!((direct.requests().len(), proxy.connections()), (3, 0));
    assert!(direct.requests().iter().all(|request| request.path() == "/v2/keys/foo"));
}

#[test]
fn redirects_go_through_the_proxy_or_not_as_their_host_says() {
    let direct = ScriptedServer::always(accepted());
    let location = format!("{}/direct", direct.endpoint());
    let proxy = ScriptedServer::by(move |request| {
        let next = if request.target.starts_with(ETCD) { "http://other.invalid/next?x=1" } else { location.as_str() };
        Reply::new(307).header("Location", next)
    });
    through(&proxy).build().set("/foo", "bar").expect("followed");
    let (asked, reached) = (proxy.requests(), direct.requests());
    assert_eq!(
        (asked[1].target.as_str(), asked[1].header("host")),
        ("http://other.invalid/next?x=1", Some("other.invalid"))
    );
    assert_eq!((reached[0].target.as_str(), reached[0].text()), ("/direct", "value=bar"));
}

#[test]
fn without_a_proxy_the_name_itself_is_looked_up() {
    let failure = Config::new(&[ETCD.into()]).proxy(None).build().create("/foo", "bar").expect_err("no such name");
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_DNS]));
    assert_eq!(failure.outcome, ETCD_NOT_APPLIED);
}

#[test]
fn a_proxy_that_refuses_connections_is_named_without_its_credentials() {
    let refused = refused_endpoint();
    let journal = Journal::new();
    let config = journal.on(Config::new(&[ETCD.into()]), ETCD_LOG_DEBUG);
    let client = config.proxy(Some(&format!("http://proxy:hush@{}", refused.address()))).build();
    let failure = client.create("/foo", "bar").expect_err("refused");
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_CONNECT]));
    assert_eq!(failure.outcome, ETCD_NOT_APPLIED);
    assert!(failure.message.contains(&refused.endpoint()), "{}", failure.message);
    let shown = format!("{failure:?} {:?}", journal.lines());
    for secret in ["hush", "cHJveHk6aHVzaA"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_proxy_that_fails_is_a_failing_endpoint() {
    let proxy = ScriptedServer::by(|request| match request.header("host") {
        Some("etcd.invalid:2379") => Reply::new(502),
        _ => accepted(),
    });
    let other = "http://other.invalid:2379";
    let config = || Config::new(&[ETCD.into(), other.into()]).proxy(Some(&proxy.endpoint()));
    let client = Client::starting_at_first(config, ETCD);
    client.set("/foo", "bar").expect("the other endpoint answers");
    let failure = through(&proxy).build().create("/foo", "bar").expect_err("502");
    assert_eq!((failure.status, failure.http_status, failure.outcome), (ETCD_ERR_HTTP_STATUS, 502, ETCD_MAYBE_APPLIED));
    assert_eq!(failure.endpoint.as_deref(), Some(ETCD));
}

#[test]
fn only_urls_of_http_proxies_are_taken() {
    for url in [c"https://proxy:1", c"socks5://proxy:1", c"proxy:1", c"", c"http://"] {
        let refuse = |config| {
            // SAFETY: the configuration is alive, the string lives for the call.
            assert_eq!(unsafe { etcd_config_set_proxy(config, url.as_ptr()) }, ETCD_ERR_INVALID_ARGUMENT, "{url:?}");
            0
        };
        drop(Config::new(&[]).change(refuse));
    }
}

/// Runs `in_this_environment` in a process of its own, where it reads a proxy from its environment.
fn child(variables: &[(&str, &str)], expectation: &str) {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
        command.env_remove(name);
    }
    command.args(["--exact", "proxies::in_this_environment", "--ignored"]).env(EXPECTATION, expectation);
    let output = command.envs(variables.iter().copied()).output().expect("start it");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("1 passed"), "{variables:?}: {text}");
}

const EXPECTATION: &str = "CONFORMANCE_PROXY_EXPECTATION";

#[test]
#[ignore = "run by the next test, in a process of its own"]
fn in_this_environment() {
    let result = match std::env::var(EXPECTATION).as_deref() {
        Ok("proxied") => return drop(Client::of(ETCD).get("/foo").expect("through the proxy")),
        Ok("direct") => Client::of(ETCD).get("/foo"),
        Ok("switched off") => Config::new(&[ETCD.into()]).proxy(None).build().get("/foo"),
        _ => return,
    };
    assert_eq!(result.expect_err("no such name").statuses(), [ETCD_ERR_DNS]);
}

#[test]
fn the_environment_says_which_proxy() {
    let proxy = ScriptedServer::always(accepted());
    let url = proxy.endpoint();
    child(&[("HTTP_PROXY", &url)], "proxied");
    child(&[("http_proxy", &url)], "proxied");
    child(&[("ALL_PROXY", &url)], "proxied");
    assert_eq!(proxy.requests().len(), 3);
    child(&[], "direct");
    child(&[("HTTP_PROXY", &url)], "switched off");
    child(&[("HTTP_PROXY", &url), ("NO_PROXY", "example.com,.invalid")], "direct");
    child(&[("http_proxy", &url), ("no_proxy", "etcd.invalid")], "direct");
    child(&[("http_proxy", &url), ("no_proxy", "*")], "direct");
    // Go as well: in a CGI program a header called Proxy sets it.
    child(&[("HTTP_PROXY", &url), ("REQUEST_METHOD", "GET")], "direct");
    assert_eq!(proxy.requests().len(), 3);
}
