//! Watches on the wire: what is asked, with which headers, over which connections, and for how long.

use std::time::{Duration, Instant};

use etcd_client::capi::status::*;
use etcd_test_harness::{Client, Config, Watch};
use etcd_test_support::{Gate, Place, Reply, ScriptedServer, wait_until};

use crate::watching::*;

// HTTPKeysAPIWatcherAction: no options, recursive, AfterIndex 19.
#[test]
fn a_watch_sends_what_go_sends_and_stream_where_one_request_is_to_bring_many_events() {
    let cases = [
        (Watch::default(), "recursive=false&stream=true&wait=true&waitIndex=0"),
        (Watch { recursive: true, ..Watch::default() }, "recursive=true&stream=true&wait=true&waitIndex=0"),
        (after(19), "recursive=false&stream=true&wait=true&waitIndex=20"),
        (Watch { stream: false, ..Watch::default() }, "recursive=false&wait=true&waitIndex=0"),
        (Watch { stream: false, recursive: true, ..after(19) }, "recursive=true&wait=true&waitIndex=20"),
        (after(u64::MAX), "recursive=false&stream=true&wait=true&waitIndex=0"),
    ];
    for (options, query) in cases {
        let server = ScriptedServer::always(stream(30, &[event(31)]));
        let client = Client::of(&server.endpoint());
        assert_eq!(next(&watch(&client, &options)).value(), "v31");
        let request = &server.requests()[0];
        assert_eq!((request.method.as_str(), request.path(), request.query()), ("GET", "/v2/keys/k", query));
        assert!(request.body.is_empty() && request.header("content-length").is_none(), "{request:?}");
    }
}

#[test]
fn a_watcher_makes_no_traffic_before_it_is_read() {
    let server = ScriptedServer::always(alive(30));
    let client = Client::of(&server.endpoint());
    let watchers: Vec<_> = (0..10).map(|_| watch(&client, &Watch::default())).collect();
    assert_eq!(watchers[3].stop(0), ETCD_OK);
    drop(watchers);
    client.get("/other").expect_err("no such key");
    assert_eq!((server.connections(), wait_indexes(&server.requests()).len()), (1, 0));
}

#[test]
fn credentials_keys_prefix_and_the_path_of_the_endpoint_are_used_by_watch_history_and_check() {
    let server = ScriptedServer::by(|request| match request {
        request if !is_watch(request) => alive(30),
        request if wait_index(request) == 11 => stream(20, &[event(12)]),
        request if wait_index(request) == 0 => stream(20, &[]),
        _ => head(20).unfinished_chunks(Vec::<String>::new()),
    });
    let endpoint = format!("{}/sub", server.endpoint());
    let make = Config::new(&[endpoint]).credentials("root", "pass word").keys_prefix("/other/keys");
    let client = make.build();
    let watcher = client.watch("/a b", &Watch { idle_timeout_ms: 1000, ..after(10) }).expect("a watcher");
    assert_eq!(next(&watcher).value(), "v12");
    wait_until("the member is asked", || server.requests().iter().any(|request| !is_watch(request)));
    let requests = server.requests();
    assert!(requests.iter().any(|request| wait_index(request) == 13 && !request.query().contains("stream")));
    for request in requests {
        assert_eq!(request.header("authorization"), Some("Basic cm9vdDpwYXNzIHdvcmQ="), "{request:?}");
        let expected = if is_watch(&request) { "/sub/other/keys/a%20b" } else { "/sub/other/keys/_etcd_client_is" };
        assert!(request.path().starts_with(expected), "{request:?}");
    }
}

// HTTPWatcherNextWaitAction: the next waitIndex is the event's modifiedIndex + 1, whatever the header says.
#[test]
fn one_event_mode_asks_for_the_index_behind_the_last_event_over_one_connection() {
    let server = ScriptedServer::by(|request| match wait_index(request) {
        20 => Reply::etcd(200, 99, &event(42)),
        43 => Reply::etcd(200, 60, &event(43)),
        44 => head(60).chunks([event(50)]),
        _ => head(50).unfinished_chunks(Vec::<String>::new()),
    });
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch { stream: false, ..after(19) });
    assert_eq!(indexes(&watcher, 3), [42, 43, 50]);
    server.wait_for_requests(4);
    assert_eq!(wait_indexes(&server.requests()), [20, 43, 44, 51]);
    assert_eq!(server.connections(), 1, "the connection is used again");
}

#[test]
fn the_index_of_an_event_is_its_own_where_the_header_is_older() {
    let server = ScriptedServer::always(stream(30, &[event(31), event(35)]));
    let client = Client::of(&server.endpoint());
    let watcher = watch(&client, &Watch::default());
    assert_eq!((next(&watcher).index, next(&watcher).index), (31, 35));
    let server = ScriptedServer::always(Reply::etcd(200, 99, &event(42)));
    let client = Client::of(&server.endpoint());
    assert_eq!(next(&watch(&client, &Watch { stream: false, ..after(19) })).index, 99, "as in Go");
}

#[test]
fn neither_header_timeout_nor_request_timeout_ends_a_watch() {
    for place in [Place::Start, Place::AfterHead] {
        let gate = Gate::new();
        let reply = stream(30, &[event(31)]).wait_at(place, &gate);
        let server = ScriptedServer::by(move |request| if is_check(request) { alive(30) } else { reply.clone() });
        let make = Config::new(&[server.endpoint()]).header_timeout_ms(100).request_timeout_ms(150);
        let (client, started) = (make.build(), Instant::now());
        let watcher = watch(&client, &Watch::default());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| watcher.next());
            wait_until("both timeouts have passed", || started.elapsed() > Duration::from_millis(600));
            gate.open();
            assert_eq!(waiting.join().expect("no panic").expect("an event").value(), "v31", "{place:?}");
        });
        assert_eq!(wait_indexes(&server.requests()), [0], "{place:?}: asked once");
    }
}

#[test]
fn a_watch_follows_redirects_and_takes_its_credentials_only_to_a_configured_endpoint() {
    let target = ScriptedServer::always(stream(30, &[event(31)]));
    let to = target.endpoint();
    let first =
        ScriptedServer::by(move |request| Reply::new(307).header("Location", &format!("{to}{}", request.target)));
    for is_configured in [false, true] {
        let endpoints = if is_configured { vec![first.endpoint(), target.endpoint()] } else { vec![first.endpoint()] };
        let make = || Config::new(&endpoints).credentials("u", "p");
        let client = Client::starting_at_first(make, &first.endpoint());
        assert_eq!(next(&watch(&client, &after(19))).value(), "v31");
        let request = target.requests().pop().expect("a request");
        assert_eq!(request.query(), "recursive=false&stream=true&wait=true&waitIndex=20");
        assert_eq!(request.header("authorization").is_some(), is_configured);
    }
}
