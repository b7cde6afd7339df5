//! More threads in calls at once than the client has lanes.

use std::thread;
use std::time::{Duration, Instant};

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Config, Context, Get};
use etcd_test_support::{EtcdServer, Gate, Oracle, Place, Reply, ScriptedServer};

const CROWD: usize = 100;
const BODY: &str = r#"{"action":"get","node":{"key":"/a","value":"one"}}"#;

#[test]
fn a_hundred_calls_on_a_server_that_hangs_all_return_when_they_are_cancelled() {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY).stall_at(Place::Start));
    let client = Config::new(&[server.endpoint()]).request_timeout_ms(30_000).build();
    let context = Context::new();
    thread::scope(|scope| {
        let get = || client.get_with(Some(&context), "/a", &Get::default()).expect_err("cancelled").status;
        let calls: Vec<_> = (0..CROWD).map(|_| scope.spawn(get)).collect();
        // Every one of them has reached the server: none waits for another to end.
        server.wait_for_requests(CROWD);
        let cancelled = Instant::now();
        context.cancel();
        let statuses: Vec<_> = calls.into_iter().map(|call| call.join().expect("the call")).collect();
        assert!(cancelled.elapsed() < Duration::from_secs(2), "it took {:?}", cancelled.elapsed());
        assert_eq!(statuses, [ETCD_ERR_CANCELED; CROWD]);
    });
    server.wait_for_ended(CROWD);
    client.close(20_000).expect("nothing is left to wait for");
}

#[test]
fn a_hundred_calls_on_a_server_that_hangs_all_return_when_the_client_is_closed() {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY).stall_at(Place::Start));
    let client = Config::new(&[server.endpoint()]).request_timeout_ms(30_000).build();
    thread::scope(|scope| {
        let calls: Vec<_> = (0..CROWD).map(|_| scope.spawn(|| client.get("/a").expect_err("closed").status)).collect();
        server.wait_for_requests(CROWD);
        client.close(20_000).expect("closed");
        let statuses: Vec<_> = calls.into_iter().map(|call| call.join().expect("the call")).collect();
        assert_eq!(statuses, [ETCD_ERR_CLOSED; CROWD]);
    });
    server.wait_for_ended(CROWD);
}

#[test]
fn a_hundred_calls_at_the_same_time_all_get_their_answer() {
    let gate = Gate::new();
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY).wait_at(Place::Start, &gate));
    let client = Config::new(&[server.endpoint()]).request_timeout_ms(30_000).build();
    thread::scope(|scope| {
        let calls: Vec<_> = (0..CROWD).map(|_| scope.spawn(|| client.get("/a").expect("an answer"))).collect();
        server.wait_for_requests(CROWD);
        gate.open();
        for call in calls {
            assert_eq!(call.join().expect("the call").value(), "one");
        }
    });
}

#[test]
fn a_hundred_threads_on_a_real_etcd_each_read_what_they_wrote() {
    let server = EtcdServer::start();
    let client = Config::new(&[server.endpoint()]).request_timeout_ms(30_000).build();
    thread::scope(|scope| {
        for number in 0..CROWD {
            let client = &client;
            scope.spawn(move || {
                let key = format!("/crowd/{number}");
                for round in 0..10 {
                    let value = format!("{number}-{round}");
                    client.set(&key, &value).expect("set");
                    assert_eq!(client.get(&key).expect("got").value(), value);
                }
            });
        }
    });
    let stored = Oracle::new(server.endpoint()).get("/v2/keys/crowd").json();
    assert_eq!(stored["node"]["nodes"].as_array().map(Vec::len), Some(CROWD));
}
