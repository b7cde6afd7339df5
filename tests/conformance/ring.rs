//! The pinned ring: who is asked, in which order, and who is asked first next time.

use etcd_client::capi::status::*;
use etcd_test_harness::{Client, Config};
use etcd_test_support::{EtcdServer, Oracle, Place, Reply, ScriptedServer, Welcome, refused_endpoint};

use crate::operations::{OPERATIONS, success, timed_out};

/// A client that starts at the first of two servers.
fn client_of(first: &str, second: &str) -> Client {
    let endpoints = [first.to_owned(), second.to_owned()];
    Client::starting_at_first(|| Config::new(&endpoints), first)
}

fn counts(servers: [&ScriptedServer; 2]) -> [usize; 2] {
    servers.map(|server| server.requests().len())
}

// TestHTTPClusterClientDo: the first good answer wins.
#[test]
fn the_first_endpoint_that_answers_is_the_only_one_asked() {
    let servers = [ScriptedServer::always(success()), ScriptedServer::always(success())];
    let client = client_of(&servers[0].endpoint(), &servers[1].endpoint());
    for _ in 0..3 {
        client.get("/k").expect("an answer");
    }
    assert_eq!(counts([&servers[0], &servers[1]]), [3, 0]);
}

// TestHTTPClusterClientDo: an error moves the call to the second endpoint, and the pin with it.
#[test]
fn the_endpoint_that_answered_is_pinned() {
    for failing in [Reply::hang_up(), Reply::new(502), Reply::reset()] {
        let servers = [ScriptedServer::always(failing), ScriptedServer::always(success())];
        let client = client_of(&servers[0].endpoint(), &servers[1].endpoint());
        client.get("/k").expect("the second answers");
        client.get("/k").expect("the second answers");
        assert_eq!(counts([&servers[0], &servers[1]]), [1, 2]);
    }
}

// A 4xx is an answer: it ends the walk and keeps the pin.
#[test]
fn a_refusal_pins_the_endpoint_that_refused() {
    let missing = Reply::etcd(404, 5, r#"{"errorCode":100,"message":"Key not found","cause":"/k","index":5}"#);
    let servers = [ScriptedServer::always(missing), ScriptedServer::always(success())];
    let client = client_of(&servers[0].endpoint(), &servers[1].endpoint());
    for _ in 0..2 {
        assert_eq!(client.get("/k").expect_err("refused").api_code, ETCD_API_KEY_NOT_FOUND);
    }
    assert_eq!(counts([&servers[0], &servers[1]]), [2, 0]);
}

// TestHTTPClusterClientDo: all fail, and the error lists both.
#[test]
fn when_nobody_answers_the_error_lists_what_happened_at_each() {
    let refused = refused_endpoint();
    let server = ScriptedServer::always(Reply::new(502).body("bad gateway"));
    let client = client_of(&refused.endpoint(), &server.endpoint());
    let failure = client.get("/k").expect_err("nobody answers");
    assert_eq!(failure.status, ETCD_ERR_CLUSTER);
    assert_eq!(failure.statuses(), [ETCD_ERR_CONNECT, ETCD_ERR_HTTP_STATUS]);
    assert_eq!(failure.list[0].endpoint, Some(refused.endpoint()));
    assert!(failure.list[0].message.contains("refused"), "{failure:?}");
    assert_eq!((failure.list[1].endpoint.clone(), failure.list[1].http_status), (Some(server.endpoint()), 502));
    assert!(failure.list[1].message.contains("[HTTP 502 Bad Gateway]: 'bad gateway'"), "{failure:?}");
    let lines: Vec<_> = failure.detail.lines().collect();
    assert!(
        lines.len() == 2 && lines[0].starts_with("error #0: ") && lines[1].starts_with("error #1: "),
        "{failure:?}"
    );
    for endpoint in [refused.endpoint(), server.endpoint()] {
        assert!(failure.message.contains(&endpoint), "{failure:?}");
    }
}

// Go leaves the pin on the bad endpoint; here a whole failed round moves it.
#[test]
fn a_failed_round_moves_the_pin() {
    let servers = [ScriptedServer::always(Reply::new(502)), ScriptedServer::always(Reply::new(502))];
    let client = client_of(&servers[0].endpoint(), &servers[1].endpoint());
    let order = |failure: etcd_test_harness::Failure| {
        failure.list.iter().filter_map(|entry| entry.endpoint.clone()).collect::<Vec<_>>()
    };
    let first = order(client.get("/k").expect_err("502"));
    let second = order(client.get("/k").expect_err("502"));
    assert_eq!(first, [servers[0].endpoint(), servers[1].endpoint()]);
    assert_eq!(second, [servers[1].endpoint(), servers[0].endpoint()]);
}

// TestHTTPClusterClientDo: a one-shot 502 is returned as it is, and the pin advances.
#[test]
fn a_one_shot_write_that_fails_moves_the_pin_and_is_not_repeated() {
    let servers = [ScriptedServer::always(Reply::new(502)), ScriptedServer::always(success())];
    let client = client_of(&servers[0].endpoint(), &servers[1].endpoint());
    let failure = client.create("/k", "v").expect_err("502");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_HTTP_STATUS, ETCD_MAYBE_APPLIED));
    assert!(failure.message.contains("returns server error [HTTP 502 Bad Gateway]"), "{}", failure.message);
    assert_eq!(counts([&servers[0], &servers[1]]), [1, 0]);
    client.create("/k", "v").expect("the next call starts at the second endpoint");
    assert_eq!(counts([&servers[0], &servers[1]]), [1, 1]);
}

// TestV2NoRetryEOF: one connection each, and a failure.
#[test]
fn v2_no_retry_eof() {
    for operation in OPERATIONS.iter().filter(|operation| !operation.may_resend()) {
        let server = ScriptedServer::by(|_| Reply::hang_up());
        let failure = operation.run(&Client::of(&server.endpoint())).expect_err(operation.name);
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_IO, ETCD_MAYBE_APPLIED), "{}", operation.name);
        // The second connection only asks whether the port speaks TLS.
        assert_eq!((server.requests().len(), server.connections()), (1, 2), "{}", operation.name);
    }
}

// TestV2NoRetryNoLeader: exactly one request each, and the error says why.
#[test]
fn v2_no_retry_no_leader() {
    for operation in OPERATIONS.iter().filter(|operation| !operation.may_resend()) {
        let server = ScriptedServer::always(Reply::new(503));
        let failure = operation.run(&Client::of(&server.endpoint())).expect_err(operation.name);
        assert_eq!((failure.status, failure.http_status), (ETCD_ERR_NO_LEADER, 503), "{}", operation.name);
        assert!(failure.message.contains("no leader"), "{}", failure.message);
        assert_eq!(server.requests().len(), 1, "{}", operation.name);
    }
}

// TestV2RetryRefuse: an endpoint that cannot be reached first, a real etcd second.
#[test]
fn v2_retry_refuse() {
    let etcd = EtcdServer::start();
    let refused = refused_endpoint();
    let fresh = || client_of(&refused.endpoint(), &etcd.endpoint());
    fresh().set("/retry", "v").expect("a set goes on");
    fresh().create("/created", "v").expect("a create goes on: nothing was sent");
    fresh().delete("/retry").expect("a delete goes on: nothing was sent");
    let oracle = Oracle::new(etcd.endpoint());
    assert_eq!((oracle.value("/retry"), oracle.value("/created")), (None, Some("v".into())));
}

// Go gives one-shot calls up when an endpoint refuses the connection; here nothing was sent, so every call goes on.
#[test]
fn every_operation_goes_on_when_nothing_was_sent() {
    let refused = refused_endpoint();
    for operation in OPERATIONS {
        let server = ScriptedServer::always(success());
        operation.run(&client_of(&refused.endpoint(), &server.endpoint())).expect(operation.name);
        let requests = server.requests();
        assert_eq!((requests.len(), requests[0].method.as_str()), (1, operation.method), "{}", operation.name);
    }
}

#[test]
fn a_host_name_that_does_not_exist_is_not_the_end() {
    let server = ScriptedServer::always(success());
    let client = client_of("http://no-such-host.invalid:2379", &server.endpoint());
    client.create("/k", "v").expect("the second endpoint answers");
    let alone = Client::of("http://no-such-host.invalid:2379").create("/k", "v").expect_err("no such host");
    assert_eq!(
        (alone.status, alone.statuses(), alone.outcome),
        (ETCD_ERR_CLUSTER, vec![ETCD_ERR_DNS], ETCD_NOT_APPLIED)
    );
}

// What may have been acted on goes on only for reads and the plain set.
#[test]
fn only_reads_and_the_plain_set_go_on_when_the_outcome_is_unknown() {
    let failures: [fn() -> Reply; 4] = [Reply::hang_up, Reply::reset, || Reply::new(502), || Reply::new(500)];
    for fail in failures {
        for operation in OPERATIONS {
            let servers = [ScriptedServer::by(move |_| fail()), ScriptedServer::always(success())];
            let result = operation.run(&client_of(&servers[0].endpoint(), &servers[1].endpoint()));
            let expected = if operation.may_resend() { [1, 1] } else { [1, 0] };
            assert_eq!(counts([&servers[0], &servers[1]]), expected, "{}", operation.name);
            assert_eq!(result.is_ok(), operation.may_resend(), "{}", operation.name);
            if let Err(failure) = result {
                assert_eq!(failure.outcome, ETCD_MAYBE_APPLIED, "{}", operation.name);
                assert_eq!(failure.list.len(), 1, "{}: the list has the attempt", operation.name);
            }
        }
    }
}

// A write answered with 500/300 can commit later; reads may ask somebody else.
#[test]
fn a_write_that_etcd_itself_is_unsure_of_is_never_sent_again() {
    for operation in OPERATIONS {
        let servers = [ScriptedServer::always(timed_out()), ScriptedServer::always(success())];
        let client = client_of(&servers[0].endpoint(), &servers[1].endpoint());
        let result = operation.run(&client);
        if operation.method == "GET" {
            assert!(result.is_ok(), "{}", operation.name);
            assert_eq!(counts([&servers[0], &servers[1]]), [1, 1], "{}", operation.name);
            continue;
        }
        let failure = result.expect_err(operation.name);
        assert_eq!((failure.status, failure.http_status), (ETCD_ERR_HTTP_STATUS, 500), "{}", operation.name);
        assert_eq!(
            (failure.api_code, failure.outcome),
            (ETCD_API_RAFT_INTERNAL, ETCD_MAYBE_APPLIED),
            "{}",
            operation.name
        );
        assert_eq!(failure.api_cause.as_deref(), Some("etcdserver: request timed out"), "{}", operation.name);
        assert_eq!(counts([&servers[0], &servers[1]]), [1, 0], "{}", operation.name);
        client.get("/k").expect("the pin has moved on");
        assert_eq!(counts([&servers[0], &servers[1]]), [1, 1], "{}", operation.name);
    }
}

#[test]
fn each_endpoint_is_asked_once_per_call() {
    let servers = [ScriptedServer::greeting(Welcome::Close), ScriptedServer::greeting(Welcome::Reset)];
    let client = client_of(&servers[0].endpoint(), &servers[1].endpoint());
    client.get("/k").expect_err("nobody answers");
    // From now on it is known that they do not speak TLS.
    let before = servers.each_ref().map(ScriptedServer::connections);
    let failure = client.get("/k").expect_err("nobody answers");
    assert_eq!((failure.status, failure.list.len()), (ETCD_ERR_CLUSTER, 2));
    assert_eq!(servers.map(|server| server.connections()), before.map(|count| count + 1));
}

// TestHTTPClusterClientResetFail: an empty list and a bad URL are refused, and the old endpoints stay.
#[test]
fn endpoints_are_replaced_all_or_none() {
    let server = ScriptedServer::always(success());
    let client = Client::of(&server.endpoint());
    assert_eq!(client.set_endpoints(&[]).expect_err("empty").status, ETCD_ERR_NO_ENDPOINTS);
    for bad in [":", "127.0.0.1:2379", "ftp://h:1"] {
        let endpoints = ["http://127.0.0.1:1".to_owned(), bad.to_owned()];
        assert_eq!(client.set_endpoints(&endpoints).expect_err(bad).status, ETCD_ERR_INVALID_ARGUMENT);
    }
    assert_eq!(client.endpoints(), [server.endpoint()]);
    client.get("/k").expect("the old endpoint still answers");
    let other = ScriptedServer::always(success());
    client.set_endpoints(&[other.endpoint()]).expect("replaced");
    client.get("/k").expect("the new endpoint answers");
    assert_eq!(counts([&server, &other]), [1, 1]);
}

// TestHTTPClusterClientResetPinRandom, through the border: each of three endpoints comes first about as often.
#[test]
fn the_first_endpoint_is_chosen_evenly() {
    let endpoints = ["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"].map(String::from);
    let mut first = [0_i32; 3];
    for _ in 0..3000 {
        let chosen = Client::of_all(&endpoints).endpoints()[0].clone();
        first[endpoints.iter().position(|endpoint| *endpoint == chosen).expect("one of them")] += 1;
    }
    // 1000 expected, standard deviation 26: 7 sigma.
    assert!(first.iter().all(|count| (count - 1000).abs() < 185), "{first:?}");
}

// A caller looks the endpoint of an error up in its own list.
#[test]
fn every_error_names_the_endpoint_as_it_was_configured() {
    for reply in [Reply::hang_up(), Reply::new(502), Reply::json(200, "<html>"), success().stall_at(Place::Start)] {
        let server = ScriptedServer::always(reply);
        let endpoint = format!("{}/below/a/path", server.endpoint());
        let client = Config::new(std::slice::from_ref(&endpoint)).request_timeout_ms(100).build();
        let failure = client.create("/k", "v").expect_err("no good answer");
        assert_eq!(failure.endpoint, Some(endpoint.clone()), "{failure:?}");
        assert!(failure.list.iter().all(|entry| entry.endpoint.as_ref() == Some(&endpoint)), "{failure:?}");
    }
}
