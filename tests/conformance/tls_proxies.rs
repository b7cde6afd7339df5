//! Tunnels: a proxy on the way to an https endpoint is asked for one, and hears nothing of what goes through it.

use etcd_test_harness::Config;
use etcd_test_harness::capi::status::*;
use etcd_test_support::tls_server::answer_all;
use etcd_test_support::{Authority, ConnectProxy, RawServer};

/// A name that never resolves (RFC 6761).
const NAME: &str = "etcd.invalid";

fn server() -> (Authority, RawServer) {
    let authority = Authority::new("tests");
    let config = authority.server(&[NAME]).server_config(None);
    (authority, RawServer::tls(config, |_, mut stream| answer_all(&mut stream)))
}

fn config(authority: &Authority) -> Config {
    Config::new(&[]).endpoints(&[format!("https://{NAME}:2379")]).ca_pem(authority.pem())
}

#[test]
fn an_https_endpoint_is_reached_through_a_tunnel() {
    let (authority, server) = server();
    let proxy = ConnectProxy::to(server.address());
    let url = format!("http://pr%40xy:hush@{}", proxy.address());
    let client = config(&authority).proxy(Some(&url)).credentials("user", "pass").build();
    client.set("/keyname", "one").expect("through the tunnel");
    client.get("/keyname").expect("through the same tunnel");
    let heard = proxy.heard();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].starts_with("CONNECT etcd.invalid:2379 HTTP/1.1\r\nHost: etcd.invalid:2379\r\n"), "{heard:?}");
    assert!(heard[0].contains("\r\nProxy-Authorization: Basic cHJAeHk6aHVzaA==\r\n"), "{heard:?}");
    assert!(!heard[0].contains("dXNlcjpwYXNz"), "the endpoint's credentials are not the proxy's: {heard:?}");
    let carried = proxy.carried();
    assert_eq!(carried[..2], [22, 3]);
    assert!(!String::from_utf8_lossy(&carried).contains("keyname"));
}

#[test]
fn a_tunnel_that_is_refused_is_told_with_proxy_and_status() {
    let cases = [
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!", "refused the tunnel: HTTP 403 Forbidden"),
        ("HTTP/1.0 502 Bad Gateway\r\n\r\n", "refused the tunnel: HTTP 502 Bad Gateway"),
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "demands a user name and password (HTTP 407)"),
        ("SSH-2.0-x\r\n\r\n", "does not answer in HTTP"),
        ("", "broke: it closed without an answer"),
    ];
    for (answer, words) in cases {
        let proxy = ConnectProxy::answering(answer, None);
        let failure = config(&Authority::new("tests")).proxy(Some(&proxy.url())).build().create("/foo", "bar");
        let failure = failure.expect_err("refused");
        assert_eq!((failure.statuses(), failure.outcome), (vec![ETCD_ERR_CONNECT], ETCD_NOT_APPLIED), "{failure:?}");
        assert!(failure.message.contains(words) && failure.message.contains(&proxy.url()), "{failure:?}");
        assert!(failure.message.contains("https://etcd.invalid:2379"), "{failure:?}");
    }
}

#[test]
fn refused_credentials_of_a_proxy_are_not_shown() {
    let proxy = ConnectProxy::answering("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", None);
    let url = format!("http://user:hush@{}", proxy.address());
    let failure = config(&Authority::new("tests")).proxy(Some(&url)).build().get("/foo").expect_err("refused");
    assert!(failure.message.contains("refused its user name and password (HTTP 407)"), "{failure:?}");
    assert!(!format!("{failure:?}").contains("hush"), "{failure:?}");
}

#[test]
fn loopback_is_never_tunnelled() {
    let authority = Authority::new("tests");
    let config = authority.server(&["127.0.0.1"]).server_config(None);
    let server = RawServer::tls(config, |_, mut stream| answer_all(&mut stream));
    let proxy = ConnectProxy::to(server.address());
    let config = Config::new(&[]).endpoints(&[server.https()]).ca_pem(authority.pem());
    config.proxy(Some(&proxy.url())).build().get("/foo").expect("directly");
    assert_eq!(proxy.heard(), Vec::<String>::new());
}

#[test]
fn the_name_behind_a_tunnel_is_still_checked() {
    let authority = Authority::new("tests");
    let config = authority.server(&["other.invalid"]).server_config(None);
    let server = RawServer::tls(config, |_, mut stream| answer_all(&mut stream));
    let proxy = ConnectProxy::to(server.address());
    let failure = self::config(&authority).proxy(Some(&proxy.url())).build().get("/foo").expect_err("another name");
    assert_eq!(failure.statuses(), [ETCD_ERR_TLS], "{failure:?}");
    assert!(failure.message.contains("is not for 'etcd.invalid': it is for 'other.invalid'"), "{failure:?}");
}
