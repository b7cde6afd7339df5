//! Close: running calls end, later ones are refused, and nothing is left.

use std::ffi::{c_char, c_void};
use std::thread;
use std::time::{Duration, Instant};

use etcd_test_harness::capi::client::etcd_client_close;
use etcd_test_harness::capi::config::{ETCD_LOG_DEBUG, etcd_config_set_log};
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config};
use etcd_test_support::{Gate, Place, Reply, ScriptedServer};

use crate::raw::{self, told};

const BODY: &str = r#"{"action":"get","node":{"key":"/a","value":"one"}}"#;

#[test]
fn after_a_close_every_call_is_refused_and_nothing_is_sent() {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY));
    let client = Client::of(&server.endpoint());
    client.get("/a").expect("before the close");
    client.close(0).expect("closed");
    server.wait_for_ended(1);
    let failures = [
        client.get("/a").expect_err("closed"),
        client.set("/a", "x").expect_err("closed"),
        client.create("/a", "x").expect_err("closed"),
        client.update("/a", "x").expect_err("closed"),
        client.create_in_order("/a", "x", None).expect_err("closed"),
        client.delete("/a").expect_err("closed"),
        client.version().expect_err("closed"),
        client.set_endpoints(&[server.endpoint()]).expect_err("closed"),
    ];
    for (number, failure) in failures.iter().enumerate() {
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_CLOSED, ETCD_NOT_APPLIED), "{number}: {failure:?}");
        assert!(failure.message.contains("closed"), "{}", failure.message);
    }
    assert_eq!(client.endpoints(), [server.endpoint()]);
    assert_eq!((server.requests().len(), server.connections()), (1, 1));
}

#[test]
fn closing_twice_is_fine_from_many_threads_too() {
    let client = Client::of("http://127.0.0.1:1");
    client.close(0).expect("once");
    client.close(0).expect("twice");
    let other = Client::of("http://127.0.0.1:1");
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| other.close(0).expect("at the same time"));
        }
    });
}

#[test]
fn a_close_ends_the_running_calls_at_once_and_waits_for_them() {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY).stall_at(Place::Start));
    let client = Config::new(&[server.endpoint()]).request_timeout_ms(30_000).build();
    thread::scope(|scope| {
        let get = scope.spawn(|| client.get("/a").expect_err("closed"));
        let set = scope.spawn(|| client.set("/a", "x").expect_err("closed"));
        let create = scope.spawn(|| client.create("/a", "x").expect_err("closed"));
        server.wait_for_requests(3);
        let started = Instant::now();
        client.close(20_000).expect("closed");
        assert!(started.elapsed() < Duration::from_secs(1), "the close took {:?}", started.elapsed());
        server.wait_for_ended(3);
        for (call, outcome) in [(get, ETCD_NOT_APPLIED), (set, ETCD_MAYBE_APPLIED), (create, ETCD_MAYBE_APPLIED)] {
            let failure = call.join().expect("the call");
            assert_eq!((failure.status, failure.outcome), (ETCD_ERR_CLOSED, outcome), "{failure:?}");
        }
    });
}

/// A callback that hangs in the application's own code, and the moment at which it does.
struct Hang {
    entered: Gate,
    over: Gate,
}

unsafe extern "C" fn hang(user_data: *mut c_void, _level: i32, _message: *const c_char) {
    // SAFETY: the test passes a hang that lives longer than its client.
    let hang = unsafe { &*user_data.cast::<Hang>() };
    hang.entered.open();
    hang.over.wait();
}

#[test]
fn a_close_gives_up_waiting_when_its_time_is_over_and_can_be_called_again() {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY));
    let hanging = Hang { entered: Gate::new(), over: Gate::new() };
    let config = raw::config(&[&server.endpoint()]);
    let user_data = std::ptr::from_ref(&hanging).cast_mut().cast();
    // SAFETY: the configuration is alive; the hang outlives the client.
    let status = unsafe { etcd_config_set_log(config.get(), ETCD_LOG_DEBUG, Some(hang), user_data, None) };
    assert_eq!(status, ETCD_OK);
    let client = raw::client_of(&config);
    // SAFETY: the client is alive.
    let close = |ms| told(|error| unsafe { etcd_client_close(client.get(), ms, error) });
    thread::scope(|scope| {
        // No close can end a call that hangs there.
        let call = scope.spawn(|| raw::error(&client, "/a"));
        hanging.entered.wait();
        for ms in [1, 100] {
            let started = Instant::now();
            let told = close(ms);
            assert_eq!(told.status, ETCD_ERR_DEADLINE_EXCEEDED, "{told:?}");
            assert!(started.elapsed() >= Duration::from_millis(ms.unsigned_abs()), "it waited its time");
        }
        hanging.over.open();
        assert_eq!(close(0).status, ETCD_OK);
        call.join().expect("the call ends");
    });
}

#[test]
fn freeing_without_a_close_lets_running_calls_go_on_to_their_end() {
    let gate = Gate::new();
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY).wait_at(Place::Start, &gate));
    let client = raw::client(&[&server.endpoint()]);
    let pointer = client.get() as usize;
    let call = thread::spawn(move || {
        let client = pointer as *mut _;
        let mut response = std::ptr::null_mut();
        // SAFETY: the client is alive when the call begins; the response is freed.
        unsafe {
            use etcd_test_harness::capi::{keys::etcd_keys_get, response::etcd_response_free};
            let told = told(|error| {
                etcd_keys_get(client, std::ptr::null(), c"/a".as_ptr(), std::ptr::null(), &mut response, error)
            });
            etcd_response_free(response);
            told.status
        }
    });
    server.wait_for_requests(1);
    let started = Instant::now();
    drop(client);
    assert!(started.elapsed() < Duration::from_millis(500), "a free never waits");
    gate.open();
    assert_eq!(call.join().expect("the call"), ETCD_OK);
    server.wait_for_ended(1);
}
