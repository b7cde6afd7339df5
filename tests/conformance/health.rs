//! Health: what a member says about itself, and what is said of one that says nothing.

use etcd_client::capi::status::*;
use etcd_test_harness::{Client, Config};
use etcd_test_support::{Reply, ScriptedServer, refused_endpoint};

#[test]
fn both_words_of_every_version_are_understood() {
    let cases = [
        (Reply::json(200, r#"{"health":"true"}"#), true),
        (Reply::json(200, r#"{"health": true}"#), true),
        (Reply::json(200, r#"{"health":"true","reason":""}"#), true),
        (Reply::json(503, r#"{"health":"false"}"#), false),
        (Reply::json(503, r#"{"health":"false","reason":"RAFT NO LEADER"}"#), false),
        (Reply::json(503, r#"{"health": false}"#), false),
        (Reply::json(200, r#"{"health":"false"}"#), false),
    ];
    for (reply, healthy) in cases {
        let server = ScriptedServer::always(reply.clone());
        let client = Client::of(&server.endpoint());
        assert_eq!(client.health(Some(&server.endpoint())), Ok(healthy), "{reply:?}");
        assert_eq!(client.health(None), Ok(healthy), "{reply:?}");
        assert_eq!(server.requests()[0].target, "/health");
    }
}

#[test]
fn what_is_no_health_report_is_an_error() {
    let cases = [
        (Reply::v2_off(), ETCD_ERR_UNSUPPORTED),
        (Reply::json(404, "{}"), ETCD_ERR_UNSUPPORTED),
        (Reply::json(200, "OK"), ETCD_ERR_INVALID_RESPONSE),
        (Reply::json(200, r#"{"health":"fine"}"#), ETCD_ERR_INVALID_RESPONSE),
        (Reply::json(200, "{}"), ETCD_ERR_INVALID_RESPONSE),
        (Reply::json(403, r#"{"health":"true"}"#), ETCD_ERR_INVALID_RESPONSE),
        (Reply::new(500), ETCD_ERR_HTTP_STATUS),
        (Reply::hang_up(), ETCD_ERR_IO),
    ];
    for (reply, status) in cases {
        let server = ScriptedServer::always(reply);
        let failure = Client::of("http://127.0.0.1:1").health(Some(&server.endpoint())).expect_err("no report");
        assert_eq!((failure.status, failure.endpoint.clone()), (status, Some(server.endpoint())), "{failure:?}");
    }
}

#[test]
fn exactly_the_endpoint_that_is_named_is_asked() {
    let (good, refused) = (ScriptedServer::always(Reply::json(200, r#"{"health":"true"}"#)), refused_endpoint());
    let client = Client::of(&good.endpoint());
    let failure = client.health(Some(&refused.endpoint())).expect_err("nobody there");
    assert_eq!((failure.status, failure.endpoint.clone()), (ETCD_ERR_CONNECT, Some(refused.endpoint())), "{failure:?}");
    assert!(good.requests().is_empty());
    let failure = client.health(Some("nonsense")).expect_err("no URL");
    assert!(failure.status == ETCD_ERR_INVALID_ARGUMENT && failure.message.starts_with("endpoint: "), "{failure:?}");
    client.health(Some(&format!("{}/etcd/", good.endpoint()))).expect("an answer");
    assert_eq!(good.requests()[0].target, "/etcd/health");
}

#[test]
fn without_an_endpoint_the_first_that_answers_is_asked() {
    let (good, refused) = (ScriptedServer::always(Reply::json(200, r#"{"health":"true"}"#)), refused_endpoint());
    let client = Client::of_all(&[refused.endpoint(), good.endpoint()]);
    for _ in 0..3 {
        assert_eq!(client.health(None), Ok(true));
    }
    let nobody = Client::of(&refused.endpoint());
    assert_eq!(nobody.health(None).expect_err("nobody").status, ETCD_ERR_CLUSTER);
}

#[test]
fn only_the_clients_own_endpoints_get_its_password() {
    let servers = [(); 2].map(|()| ScriptedServer::always(Reply::json(200, r#"{"health":"true"}"#)));
    let client = Config::new(&[servers[0].endpoint()]).credentials("u", "p").build();
    for server in &servers {
        client.health(Some(&server.endpoint())).expect("an answer");
    }
    assert_eq!(servers[0].requests()[0].header("authorization"), Some("Basic dTpw"));
    assert_eq!(servers[1].requests()[0].header("authorization"), None);
}
