//! Redirects: followed as they came, with method and body, but never with credentials for strangers.

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Failure};
use etcd_test_support::{Reply, Request, ScriptedServer, refused_endpoint};

use crate::wire::accepted;

const BASIC: &str = "Basic dXNlcjpwYXNz"; // user:pass

fn redirect(http_status: u16, location: &str) -> Reply {
    Reply::new(http_status).header("Location", location)
}

/// A server that redirects to itself so many times, then accepts.
fn redirecting(times: usize) -> ScriptedServer {
    ScriptedServer::sequence_then(vec![redirect(307, "/again"); times], accepted())
}

/// A server that sends everything elsewhere.
fn sending_to(location: &str) -> ScriptedServer {
    ScriptedServer::always(redirect(307, location))
}

/// The failure of the only endpoint, which sent nothing that could have been carried out.
fn only(failure: &Failure, status: i32, http_status: i32) -> Failure {
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![status]), "{failure:?}");
    assert_eq!((failure.outcome, failure.list[0].http_status), (ETCD_NOT_APPLIED, http_status), "{failure:?}");
    failure.list[0].clone()
}

fn authorizations(server: &ScriptedServer) -> Vec<Option<String>> {
    server.requests().iter().map(|request| request.header("authorization").map(str::to_owned)).collect()
}

#[test]
fn redirected_http_action_keeps_everything_but_the_url() {
    for http_status in [301, 302, 303, 307, 308] {
        let target = ScriptedServer::always(accepted());
        let server = ScriptedServer::always(redirect(http_status, &format!("{}/pfx?x=1", target.endpoint())));
        let client = Client::of(&server.endpoint());
        client.get("/foo").expect("followed");
        client.set("/foo", "a b").expect("followed");
        client.create("/foo", "bar").expect("followed");
        client.create_in_order("/foo", "bar", Some(5000)).expect("followed");
        client.delete("/foo").expect("followed");
        let (sent, followed) = (server.requests(), target.requests());
        assert_eq!((sent.len(), followed.len()), (5, 5), "{http_status}");
        for (sent, followed) in sent.iter().zip(&followed) {
            let kept = |request: &Request| {
                let content_type = request.header("content-type").map(str::to_owned);
                (request.method.clone(), request.body.clone(), content_type)
            };
            assert_eq!(kept(followed), kept(sent), "{http_status}");
            // Exactly what the Location says: the query is not added again.
            assert_eq!(followed.target, "/pfx?x=1");
        }
    }
}

#[test]
fn redirected_http_action_has_the_host_header_of_where_it_goes() {
    let target = ScriptedServer::always(accepted());
    let server = sending_to(&format!("http://localhost:{}/x", target.address().port()));
    Client::of(&server.endpoint()).get("/foo").expect("followed");
    // In Go it stays that of the first endpoint.
    assert_eq!(server.requests()[0].header("host"), Some(server.address().to_string().as_str()));
    assert_eq!(target.requests()[0].header("host"), Some(format!("localhost:{}", target.address().port()).as_str()));
}

#[test]
fn redirect_following_http_client_passes_errors_on() {
    let server = ScriptedServer::sequence(vec![redirect(307, "/again"), Reply::hang_up()]);
    let failure = Client::of(&server.endpoint()).get("/foo").expect_err("broken");
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_IO]));
}

#[test]
fn redirect_following_http_client_follows_none_some_and_as_many_as_allowed() {
    for (redirects, max) in [(0, 10), (0, 0), (1, 10), (3, 5), (5, 5), (10, 10)] {
        let server = redirecting(redirects);
        let client = Config::new(&[server.endpoint()]).max_redirects(max).build();
        client.create("/foo", "bar").expect("followed");
        assert_eq!(server.requests().len(), redirects + 1);
    }
}

#[test]
fn redirect_following_http_client_stops_at_too_many() {
    for max in [0, 1, 5] {
        let server = redirecting(6);
        let client = Config::new(&[server.endpoint()]).max_redirects(max).build();
        only(&client.create("/foo", "bar").expect_err("too many"), ETCD_ERR_TOO_MANY_REDIRECTS, 307);
        assert_eq!(server.requests().len(), max as usize + 1);
    }
}

#[test]
fn default_check_redirect_allows_ten_and_refuses_the_eleventh() {
    let server = redirecting(100);
    let failure = Client::of(&server.endpoint()).get("/foo").expect_err("too many");
    only(&failure, ETCD_ERR_TOO_MANY_REDIRECTS, 307);
    assert_eq!(server.requests().len(), 11);
}

#[test]
fn redirect_following_http_client_ends_endless_redirects_whatever_is_allowed() {
    let server = redirecting(1000);
    let client = Config::new(&[server.endpoint()]).max_redirects(i32::MAX).build();
    only(&client.get("/foo").expect_err("endless"), ETCD_ERR_TOO_MANY_REDIRECTS, 307);
    assert_eq!(server.requests().len(), 100);
}

#[test]
fn redirect_following_http_client_refuses_a_missing_location() {
    for http_status in [300, 301, 302, 303, 304, 305, 307, 308, 399] {
        let server = ScriptedServer::always(Reply::new(http_status));
        let client = Client::of(&server.endpoint());
        for failure in [client.get("/foo"), client.create("/foo", "bar")] {
            let failure = failure.expect_err("no Location");
            let entry = only(&failure, ETCD_ERR_BAD_REDIRECT, i32::from(http_status));
            assert!(entry.message.contains("Location"), "{}", entry.message);
        }
    }
}

#[test]
fn redirect_following_http_client_refuses_an_invalid_location() {
    for location in [":", "", "http://", "http://h:port/", "ftp://127.0.0.1/x", "unix:///tmp/etcd.sock", "mailto:x@y"] {
        let server = sending_to(location);
        let failure = Client::of(&server.endpoint()).set("/foo", "bar").expect_err(location);
        only(&failure, ETCD_ERR_BAD_REDIRECT, 307);
        assert_eq!(server.requests().len(), 1, "{location}");
    }
}

#[test]
fn a_location_need_not_be_utf_8_to_be_refused() {
    let server = ScriptedServer::always(Reply::raw(
        b"HTTP/1.1 307 x\r\nLocation: http://h/\xff\xfe\r\nContent-Length: 0\r\n\r\n".to_vec(),
    ));
    only(&Client::of(&server.endpoint()).get("/foo").expect_err("no text"), ETCD_ERR_BAD_REDIRECT, 307);
}

#[test]
fn a_relative_location_is_resolved() {
    // Go fails with "unsupported protocol scheme".
    let cases = [
        ("/v2/keys/bar?x=1", "/v2/keys/bar?x=1"),
        ("bar", "/v2/keys/dir/bar"),
        ("../bar/./baz?x=../y", "/v2/keys/bar/baz?x=../y"),
        ("../../../../bar", "/bar"),
        ("?x=1", "/v2/keys/dir/foo?x=1"),
        ("/bar#fragment", "/bar"),
    ];
    for (location, target) in cases {
        let server = ScriptedServer::sequence(vec![redirect(301, location), accepted()]);
        Client::of(&server.endpoint()).set("/dir/foo", "x").expect(location);
        assert_eq!(server.requests()[1].target, target, "{location}");
    }
    let target = ScriptedServer::always(accepted());
    let server = sending_to(&format!("//{}/x", target.address()));
    Client::of(&server.endpoint()).get("/foo").expect("the scheme is kept");
    assert_eq!(target.requests().len(), 1);
}

#[test]
fn credentials_stay_with_the_same_server() {
    let server = redirecting(2);
    Config::new(&[server.endpoint()]).credentials("user", "pass").build().get("/foo").expect("followed");
    assert_eq!(authorizations(&server), [Some(BASIC.into()), Some(BASIC.into()), Some(BASIC.into())]);
}

#[test]
fn credentials_never_go_to_a_stranger() {
    let stranger = ScriptedServer::always(accepted());
    // Neither those of the client, nor those that the Location itself invents.
    for userinfo in ["", "user:pass@"] {
        let server = sending_to(&format!("http://{userinfo}{}/x", stranger.address()));
        Config::new(&[server.endpoint()]).credentials("user", "pass").build().get("/foo").expect("followed");
        assert_eq!(authorizations(&server), [Some(BASIC.into())]);
    }
    // Another name of the same address is another host.
    let server = ScriptedServer::by(|request| match request.header("host") {
        Some(host) if host.starts_with("127") => {
            redirect(307, &format!("http://localhost:{}/x", host.rsplit(':').next().expect("a port")))
        }
        _ => accepted(),
    });
    Config::new(&[server.endpoint()]).credentials("user", "pass").build().get("/foo").expect("followed");
    assert_eq!(authorizations(&stranger), [None, None]);
    assert_eq!(authorizations(&server), [Some(BASIC.into()), None]);
}

#[test]
fn credentials_go_to_an_endpoint_that_is_configured() {
    let other = ScriptedServer::always(accepted());
    let server = sending_to(&format!("{}/x", other.endpoint()));
    let config = || Config::new(&[server.endpoint(), other.endpoint()]).credentials("user", "pass");
    Client::starting_at_first(config, &server.endpoint()).get("/foo").expect("followed");
    assert_eq!(authorizations(&other), [Some(BASIC.into())]);
}

#[test]
fn an_endpoint_that_is_redirected_to_gets_its_own_credentials() {
    let other = ScriptedServer::always(accepted());
    let server = sending_to(&format!("{}/x", other.endpoint()));
    let with = |userinfo: &str, server: &ScriptedServer| format!("http://{userinfo}@{}", server.address());
    let config = || Config::new(&[with("one:1", &server), with("user:pass", &other)]);
    Client::starting_at_first(config, &server.endpoint()).get("/foo").expect("followed");
    assert_eq!(authorizations(&server), [Some("Basic b25lOjE=".into())]);
    assert_eq!(authorizations(&other), [Some(BASIC.into())]);
}

#[test]
fn credentials_are_there_again_on_the_way_back() {
    let home = ScriptedServer::sequence(vec![Reply::new(500), accepted()]);
    let stranger = sending_to(&format!("{}/back", home.endpoint()));
    let away = format!("{}/away", stranger.endpoint());
    let start = ScriptedServer::always(redirect(307, &away));
    let config = || Config::new(&[start.endpoint(), home.endpoint()]).credentials("user", "pass");
    let client = Client::starting_at_first(config, &start.endpoint());
    // The first time home fails, and is asked again as the next endpoint.
    client.get("/foo").expect("answered");
    assert_eq!(authorizations(&stranger), [None]);
    assert_eq!(authorizations(&home), [Some(BASIC.into()), Some(BASIC.into())]);
    assert_eq!(home.requests()[0].target, "/back");
}

#[test]
fn the_pin_stays_on_the_endpoint_that_redirects() {
    let (target, other) = (ScriptedServer::always(accepted()), ScriptedServer::always(accepted()));
    let server = sending_to(&format!("{}/x", target.endpoint()));
    let config = || Config::new(&[server.endpoint(), other.endpoint()]);
    let client = Client::starting_at_first(config, &server.endpoint());
    for _ in 0..3 {
        client.create("/foo", "bar").expect("followed");
    }
    assert_eq!((server.requests().len(), target.requests().len(), other.requests().len()), (3, 3, 0));
}

#[test]
fn the_next_endpoint_is_asked_after_a_redirect_that_leads_nowhere() {
    let nowhere = refused_endpoint();
    let locations = ["/loop", ":", "https://127.0.0.1:1/x", &nowhere.endpoint()];
    for location in locations {
        let (server, other) = (sending_to(location), ScriptedServer::always(accepted()));
        let config = || Config::new(&[server.endpoint(), other.endpoint()]);
        let client = Client::starting_at_first(config, &server.endpoint());
        // A redirect says that the server did not carry out the request, so even a create goes on.
        client.create("/foo", "bar").expect(location);
        client.create("/foo", "bar").expect(location);
        let asked = if location == "/loop" { 11 } else { 1 };
        assert_eq!((server.requests().len(), other.requests().len()), (asked, 2), "{location}");
    }
}

#[test]
fn a_write_that_breaks_after_a_redirect_may_have_happened() {
    let target = ScriptedServer::always(Reply::hang_up());
    let server = sending_to(&format!("{}/x", target.endpoint()));
    let failure = Client::of(&server.endpoint()).create("/foo", "bar").expect_err("broken");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_IO, ETCD_MAYBE_APPLIED));
    assert_eq!((target.requests().len(), failure.endpoint), (1, Some(target.endpoint())));
}
