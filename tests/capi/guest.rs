//! A good guest in its process: no thread without need, nothing left behind, at home in a foreign runtime.

use std::ffi::{c_char, c_void};
use std::ptr::{null, null_mut};
use std::sync::Mutex;
use std::thread;

use etcd_test_harness::capi::client::*;
use etcd_test_harness::capi::config::*;
use etcd_test_harness::capi::context::*;
use etcd_test_harness::capi::keys::*;
use etcd_test_harness::capi::options::*;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::capi::strings::*;
use etcd_test_harness::{Client, Config, Context, Get};
use etcd_test_support::{EtcdServer, Reply, ScriptedServer, refused_endpoint, wait_until};

use crate::alone::{allocated, descriptors, in_a_process_of_its_own, threads};
use crate::raw::{self, Owned, c, told};

const BODY: &str = r#"{"action":"get","node":{"key":"/a","value":"one"}}"#;

type Threads = Vec<(String, String)>;

unsafe extern "C" fn note_threads(user_data: *mut c_void, _level: i32, _message: *const c_char) {
    // SAFETY: the test passes a mutex that outlives its client.
    let seen = unsafe { &*user_data.cast::<Mutex<Vec<Threads>>>() };
    seen.lock().expect("what was seen").push(threads());
}

#[test]
fn blocking_calls_to_numeric_addresses_start_no_thread() {
    in_a_process_of_its_own("guest::blocking_calls_to_numeric_addresses_start_no_thread", || {
        let (server, nobody) = (EtcdServer::start(), refused_endpoint());
        let seen = Mutex::new(Vec::<Threads>::new());
        let before = threads();
        let config = raw::config(&[&server.endpoint(), &nobody.endpoint()]);
        let user_data = std::ptr::from_ref(&seen).cast_mut().cast();
        // SAFETY: the configuration is alive; what was seen outlives the client.
        unsafe { etcd_config_set_log(config.get(), ETCD_LOG_DEBUG, Some(note_threads), user_data, None) };
        let client = raw::client_of(&config);
        let mut set = 0;
        for _ in 0..20 {
            // SAFETY: everything lives for the call.
            set += unsafe {
                etcd_keys_set(client.get(), null(), c"/a".as_ptr(), c"x".as_ptr(), 1, null(), null_mut(), null_mut())
            };
            drop(raw::response(&client, "/a"));
            drop(raw::error(&client, "/none"));
        }
        assert_eq!(set, ETCD_OK);
        let seen_inside = seen.lock().expect("what was seen").clone();
        assert!(seen_inside.len() >= 60, "looked at during every call");
        assert!(seen_inside.iter().all(|during| *during == before), "{before:?} became {:?}", seen_inside.last());
        assert_eq!(threads(), before);
        // SAFETY: the client is alive.
        assert_eq!(told(|error| unsafe { etcd_client_close(client.get(), 0, error) }).status, ETCD_OK);
        assert_eq!(threads(), before);
    });
}

#[test]
fn a_foreign_runtime_needs_no_thread_and_that_of_a_watch_ends_with_the_close() {
    in_a_process_of_its_own("guest::a_foreign_runtime_needs_no_thread_and_that_of_a_watch_ends_with_the_close", || {
        let server = ScriptedServer::always(Reply::etcd(200, 1, BODY));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let client = Client::of(&server.endpoint());
        let ours = || threads().into_iter().filter(|(_, name)| name == "etcd-client").count();
        runtime.block_on(async { client.get("/a").expect("an answer") });
        assert_eq!(ours(), 0);
        let watcher = client.watch_key("/a");
        watcher.next().expect_err("no event of a watch");
        assert_eq!(ours(), 1);
        client.close(0).expect("closed");
        // The kernel takes a moment to clear away a thread that has ended.
        wait_until("the thread is gone", || ours() == 0);
        drop((watcher, client));
    });
}

#[test]
fn every_blocking_call_works_inside_a_foreign_runtime() {
    let server = EtcdServer::start();
    let client = Client::of(&server.endpoint());
    client.set("/outside", "one").expect("a lane is there when the runtime begins");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        client.set("/inside", "two").expect("set");
        assert_eq!(client.get("/inside").expect("got").value(), "two");
        client.create("/created", "three").expect("created");
        client.delete("/created").expect("deleted");
        client.version().expect("the version");
        let ended = Context::with_timeout_ms(0);
        let failure = client.get_with(Some(&ended), "/inside", &Get::default()).expect_err("the deadline");
        assert_eq!(failure.status, ETCD_ERR_DEADLINE_EXCEEDED);
        let other = Client::of(&server.endpoint());
        other.get("/outside").expect("got");
        // A client can be freed and closed there too, with the lanes that it used outside.
        drop(other);
        client.close(0).expect("closed");
        drop(client);
    });
}

#[test]
fn a_call_inside_a_foreign_runtime_can_be_cancelled_from_another_thread() {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY).stall_at(etcd_test_support::Place::Start));
    let client = Config::new(&[server.endpoint()]).request_timeout_ms(30_000).build();
    let context = Context::new();
    thread::scope(|scope| {
        let call = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(async { client.get_with(Some(&context), "/a", &Get::default()).expect_err("cancelled") })
        });
        server.wait_for_requests(1);
        context.cancel();
        assert_eq!(call.join().expect("the call").status, ETCD_ERR_CANCELED);
    });
}

/// Everything that a program can do wrong, and some of what it can do right.
fn err_in_every_way(good: &str, bad: &str) {
    let config = raw::config(&[good]);
    let list = Owned::new(etcd_strings_new(), etcd_strings_free);
    let set = Owned::new(etcd_set_options_new(), etcd_set_options_free);
    let delete = Owned::new(etcd_delete_options_new(), etcd_delete_options_free);
    let (not_utf8, nonsense, long) = (c"\xff".as_ptr(), c("http://h:port"), c(&"k".repeat(70_000)));
    // SAFETY: everything is alive for its call; lengths that are impossible are refused unread.
    unsafe {
        assert_ne!(etcd_config_add_endpoint(config.get(), nonsense.as_ptr()), ETCD_OK);
        assert_ne!(etcd_config_set_credentials(config.get(), not_utf8, not_utf8), ETCD_OK);
        assert_ne!(etcd_config_set_keys_prefix(config.get(), c"..".as_ptr()), ETCD_OK);
        assert_ne!(etcd_config_set_proxy(config.get(), nonsense.as_ptr()), ETCD_OK);
        assert_eq!(etcd_strings_add(list.get(), nonsense.as_ptr()), ETCD_OK);
        assert_ne!(etcd_strings_add(list.get(), not_utf8), ETCD_OK);
        assert_eq!(etcd_set_options_set_prev_value(set.get(), c"one".as_ptr(), 3), ETCD_OK);
        assert_ne!(etcd_set_options_set_prev_value(set.get(), not_utf8, 1), ETCD_OK);
        let longer = "x".repeat(5000);
        assert_eq!(etcd_delete_options_set_prev_value(delete.get(), longer.as_ptr().cast(), longer.len()), ETCD_OK);
        let client = raw::client_of(&config);
        let parent = Owned::new(etcd_context_new(null()), etcd_context_free);
        let context = Owned::new(etcd_context_with_timeout_ms(parent.get(), 0), etcd_context_free);
        let key = c"/a".as_ptr();
        let failures = [
            told(|e| etcd_keys_get(client.get(), null(), null(), null(), null_mut(), e)),
            told(|e| etcd_keys_get(client.get(), null(), not_utf8, null(), null_mut(), e)),
            told(|e| etcd_keys_get(client.get(), null(), long.as_ptr(), null(), null_mut(), e)),
            told(|e| etcd_keys_get(client.get(), null(), c"..".as_ptr(), null(), null_mut(), e)),
            told(|e| etcd_keys_get(client.get(), client.get().cast(), key, null(), null_mut(), e)),
            told(|e| etcd_keys_get(client.get(), null(), key, set.get().cast(), null_mut(), e)),
            told(|e| etcd_keys_get(client.get(), context.get(), key, null(), null_mut(), e)),
            told(|e| etcd_keys_set(client.get(), null(), key, not_utf8, usize::MAX - 1, set.get(), null_mut(), e)),
            told(|e| etcd_keys_set(client.get(), null(), key, null(), usize::MAX, null(), null_mut(), e)),
            told(|e| etcd_keys_delete(client.get(), null(), key, delete.get(), null_mut(), e)),
            told(|e| etcd_client_set_endpoints(client.get(), list.get(), e)),
            told(|e| etcd_client_close(client.get(), -1, e)),
        ];
        assert!(failures.iter().all(|told| told.status != ETCD_OK), "{failures:?}");
        drop(raw::response(&client, "/a"));
        if good != bad {
            drop(raw::error(&raw::client(&[bad]), "/a"));
        }
        drop(client);
    }
}

#[test]
fn errors_and_calls_leave_no_descriptor_no_thread_and_no_memory_behind() {
    in_a_process_of_its_own("guest::errors_and_calls_leave_no_descriptor_no_thread_and_no_memory_behind", || {
        // A real server, in another process: what this process allocates is the library's.
        let (server, nobody) = (EtcdServer::start(), refused_endpoint());
        let (good, bad) = (server.endpoint(), nobody.endpoint());
        Client::of(&good).set("/a", "one").expect("set");
        (0..20).for_each(|_| err_in_every_way(&good, &bad));
        let before = (descriptors(), threads(), allocated());
        const ROUNDS: usize = 300;
        (0..ROUNDS).for_each(|_| err_in_every_way(&good, &bad));
        assert_eq!((descriptors(), threads()), (before.0, before.1));
        let more = allocated().saturating_sub(before.2);
        assert!(more < ROUNDS, "{more} bytes more after {ROUNDS} rounds");
    });
}

#[test]
fn a_closed_client_has_no_descriptor_left_and_a_freed_one_neither() {
    in_a_process_of_its_own("guest::a_closed_client_has_no_descriptor_left_and_a_freed_one_neither", || {
        let server = EtcdServer::start();
        let warm_up = Client::of(&server.endpoint());
        warm_up.set("/a", "one").expect("set");
        drop(warm_up);
        let before = descriptors();
        for close in [true, false] {
            let client = Client::of(&server.endpoint());
            thread::scope(|scope| {
                (0..100).for_each(|_| {
                    scope.spawn(|| client.get("/a").expect("got"));
                });
            });
            assert!(descriptors() > before, "connections are kept for the next calls");
            if close {
                client.close(0).expect("closed");
                assert_eq!(descriptors(), before);
            }
            drop(client);
            wait_until("every descriptor is closed", || descriptors() == before);
        }
    });
}
