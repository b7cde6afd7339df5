//! A panic inside the library, wherever it strikes: an error with its place, a client that refuses, a process that lives.

use std::ffi::{c_char, c_void};
use std::ptr::{null, null_mut};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use etcd_test_harness::capi::config::{ETCD_LOG_DEBUG, ETCD_LOG_ERROR, etcd_config_set_log};
use etcd_test_harness::capi::keys::etcd_keys_get;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::faults::{Place, panic_once};
use etcd_test_harness::{Client, Config, Failure, Watch};
use etcd_test_support::{Reply, ScriptedServer, stage, wait_until};

use crate::alone::{in_a_process_of_its_own, threads};
use crate::raw::{self, told};

/// Answers every keys request as if its key were there.
fn server() -> ScriptedServer {
    ScriptedServer::by(|request| {
        let key = request.target.split('?').next().unwrap_or_default().trim_start_matches("/v2/keys");
        Reply::etcd(
            200,
            30,
            &format!(r#"{{"action":"get","node":{{"key":"{key}","value":"one","modifiedIndex":31}}}}"#),
        )
    })
}

fn is_panic_at(file: &str, failure: &Failure) {
    assert_eq!(failure.status, ETCD_ERR_PANIC, "{failure:?}");
    let (message, place) = (&failure.message, failure.message.split_once(&format!("{file}:")));
    assert!(place.is_some_and(|(_, line)| line.starts_with(|first: char| first.is_ascii_digit())), "{message}");
    assert!(message.contains("a fault that a test asked for"), "{message}");
}

/// Every call is refused with the panic and sends nothing; another client does not know of it; close and free work.
fn is_struck(client: Client, server: &ScriptedServer, file: &str) {
    let sent = server.requests().len();
    for failure in [
        client.get("/later").expect_err("refused"),
        client.set("/later", "x").expect_err("refused"),
        client.version().expect_err("refused"),
        client.watch("/later", &Watch::default()).map(drop).expect_err("refused"),
    ] {
        is_panic_at(file, &failure);
        assert_eq!(failure.outcome, ETCD_NOT_APPLIED, "{failure:?}");
    }
    assert_eq!(server.requests().len(), sent, "a struck client sends nothing");
    Client::of(&server.endpoint()).get("/other").expect("another client is as good as before");
    client.close(5_000).expect("closed");
}

/// `place` strikes a get and a set of a client, each called by `run`.
fn strikes_calls(place: Place, file: &str, name: &str, run: impl Fn(&dyn Fn())) {
    let server = server();
    for outcome in [ETCD_NOT_APPLIED, ETCD_MAYBE_APPLIED] {
        let (client, key) = (Client::of(&server.endpoint()), format!("/{name}/{outcome}"));
        run(&|| {
            client.get("/before").expect("got");
            panic_once(place, &key);
            let struck = if outcome == ETCD_NOT_APPLIED { client.get(&key) } else { client.set(&key, "x") };
            let failure = struck.expect_err("a panic");
            is_panic_at(file, &failure);
            assert_eq!(failure.outcome, outcome, "{failure:?}");
        });
        is_struck(client, &server, file);
    }
}

fn directly(call: &dyn Fn()) {
    call();
}

/// Where calls run on the internal runtime.
fn in_a_foreign_runtime(call: &dyn Fn()) {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async { call() });
}

#[test]
fn in_a_call_on_the_callers_lane() {
    strikes_calls(Place::Call, "src/core/call.rs", "lane", directly);
}

#[test]
fn in_a_call_on_the_internal_runtime() {
    strikes_calls(Place::Call, "src/core/call.rs", "internal", in_a_foreign_runtime);
}

#[test]
fn while_an_answer_is_read() {
    strikes_calls(Place::Decode, "src/core/v2/keys_answer.rs", "decode", directly);
    strikes_calls(Place::Decode, "src/core/v2/keys_answer.rs", "decode-inside", in_a_foreign_runtime);
}

#[test]
fn while_the_response_is_made_for_c() {
    strikes_calls(Place::Give, "src/capi/response.rs", "give", directly);
}

#[test]
fn while_a_deep_tree_is_read_on_a_thread_of_its_own() {
    let (depth, key) = (200, "/deep-tree-that-panics");
    let (opening, closing) = (format!(r#"{{"key":"{key}","dir":true,"nodes":["#).repeat(depth), "]}".repeat(depth));
    let server = ScriptedServer::by(move |request| match request.target.contains(key) {
        true => Reply::etcd(200, 1, &format!(r#"{{"action":"get","node":{opening}{closing}}}"#)),
        false => Reply::etcd(200, 1, r#"{"action":"get","node":{"key":"/a"}}"#),
    });
    let client = Client::of(&server.endpoint());
    client.get(key).expect("a deep tree");
    panic_once(Place::DeepDecode, key);
    is_panic_at("src/core/v2/keys_document.rs", &client.get(key).expect_err("a panic"));
    is_struck(client, &server, "src/core/v2/keys_document.rs");
}

/// What a log callback was told.
#[derive(Default)]
struct Told(Mutex<Vec<(i32, String)>>);

impl Told {
    fn config(&self, server: &ScriptedServer, level: i32) -> Config {
        let told = std::ptr::from_ref(self).cast_mut().cast();
        // SAFETY: the configuration is alive; what was told outlives its client.
        let set = |config| unsafe { etcd_config_set_log(config, level, Some(note), told, None) };
        Config::new(&[server.endpoint()]).change(set)
    }

    fn has(&self, level: i32, words: &str) -> bool {
        let lines = self.0.lock().expect("lines");
        lines.iter().any(|(of, line)| *of == level && line.contains(words))
    }
}

unsafe extern "C" fn note(told: *mut c_void, level: i32, message: *const c_char) {
    // SAFETY: every test passes what outlives its client.
    let told = unsafe { &*told.cast::<Told>() };
    told.0.lock().expect("lines").push((level, raw::text(message).expect("a message")));
}

#[test]
fn while_the_log_callback_is_prepared() {
    let (server, told) = (server(), Told::default());
    let client = told.config(&server, ETCD_LOG_DEBUG).build();
    panic_once(Place::Log, "/logged-and-panics");
    let failure = client.create("/logged-and-panics", "x").expect_err("a panic");
    is_panic_at("src/capi/config.rs", &failure);
    assert_eq!(failure.outcome, ETCD_MAYBE_APPLIED);
    is_struck(client, &server, "src/capi/config.rs");
}

#[test]
fn in_the_task_behind_a_watcher_its_reader_is_told() {
    let (server, told) = (server(), Told::default());
    let client = told.config(&server, ETCD_LOG_ERROR).build();
    let watcher = client.watch_key("/watched-and-panics");
    panic_once(Place::Follower, "/watched-and-panics");
    let failure = watcher.next_within(20_000).expect_err("a panic");
    is_panic_at("src/core/watch/follower.rs", &failure);
    assert!(told.has(ETCD_LOG_ERROR, "src/core/watch/follower.rs"), "{:?}", told.0);
    is_panic_at("src/core/watch/follower.rs", &watcher.next_within(20_000).expect_err("again"));
    assert_eq!(watcher.stop(5_000), ETCD_OK);
    is_struck(client, &server, "src/core/watch/follower.rs");
}

#[test]
fn in_an_event_of_a_watcher_its_reader_is_told() {
    let server = server();
    let client = Client::of(&server.endpoint());
    let watcher = client.watch_key("/event-that-panics");
    panic_once(Place::Decode, "/event-that-panics");
    is_panic_at("src/core/v2/keys_answer.rs", &watcher.next_within(20_000).expect_err("a panic"));
    is_struck(client, &server, "src/core/v2/keys_answer.rs");
}

#[test]
fn while_a_watcher_reads_what_it_has_missed_its_reader_is_told() {
    let event = r#"{"action":"set","node":{"key":"/missed-and-panics","value":"one","modifiedIndex":31}}"#;
    // The first answer ends behind its event; meanwhile the store has gone on to index 40.
    let live = Reply::etcd(200, 40, "").unfinished_chunks(["\n"]).stall_at(etcd_test_support::Place::Start);
    let server = ScriptedServer::sequence(vec![Reply::etcd(200, 30, event), live, Reply::etcd(200, 40, event)]);
    let client = Client::of(&server.endpoint());
    let watcher =
        client.watch("/missed-and-panics", &Watch { after_index: 30, ..Watch::default() }).expect("a watcher");
    watcher.next_within(20_000).expect("the first event");
    // What it has missed is read behind the second answer, which waits until then.
    panic_once(Place::CatchUp, "/missed-and-panics");
    server.release();
    is_panic_at("src/core/watch/catch_up.rs", &watcher.next_within(20_000).expect_err("a panic"));
    is_struck(client, &server, "src/core/watch/catch_up.rs");
}

#[test]
fn in_the_background_auto_sync_the_log_and_the_next_caller_are_told() {
    let (server, told) = (server(), Told::default());
    let client = told.config(&server, ETCD_LOG_ERROR).build();
    panic_once(Place::AutoSync, &server.endpoint());
    client.start_auto_sync(60_000).expect("started");
    wait_until("the log is told", || told.has(ETCD_LOG_ERROR, "src/core/auto_sync.rs"));
    is_struck(client, &server, "src/core/auto_sync.rs");
}

#[test]
fn in_a_look_at_an_endpoint_the_log_and_the_next_caller_are_told() {
    let (server, told) = (ScriptedServer::always(Reply::new(503)), Told::default());
    let client = told.config(&server, ETCD_LOG_ERROR).request_timeout_ms(2_000).build();
    panic_once(Place::Look, &server.endpoint());
    wait_until("the log is told", || {
        client.get("/a").expect_err("nobody is good");
        told.has(ETCD_LOG_ERROR, "src/core/lookout.rs")
    });
    is_panic_at("src/core/lookout.rs", &client.get("/a").expect_err("refused"));
    client.close(5_000).expect("closed");
}

#[test]
fn in_a_lookup_of_a_host_nobody_is_left_waiting() {
    let client =
        Config::new(&["http://name-whose-lookup-panics.invalid:1".to_owned()]).request_timeout_ms(60_000).build();
    panic_once(Place::Lookup, "name-whose-lookup-panics");
    let failure = client.get("/a").expect_err("no address");
    assert!(failure.detail.contains("src/rt/resolver.rs:"), "{failure:?}");
}

#[test]
fn a_caller_who_wants_no_error_object_gets_the_status() {
    let server = server();
    let client = raw::client(&[&server.endpoint()]);
    panic_once(Place::Call, "/no-object-wanted");
    // SAFETY: the client is alive; every output may be NULL.
    let status =
        unsafe { etcd_keys_get(client.get(), null(), c"/no-object-wanted".as_ptr(), null(), null_mut(), null_mut()) };
    assert_eq!(status, ETCD_ERR_PANIC);
    // SAFETY: as above.
    let told = told(|error| unsafe { etcd_keys_get(client.get(), null(), c"/a".as_ptr(), null(), null_mut(), error) });
    assert_eq!(told.status, ETCD_ERR_PANIC);
}

#[test]
fn a_struck_client_leaves_no_thread_behind_whether_it_is_closed_or_only_freed() {
    in_a_process_of_its_own(
        "panics::a_struck_client_leaves_no_thread_behind_whether_it_is_closed_or_only_freed",
        || {
            let server = server();
            let ours = || threads().into_iter().filter(|(_, name)| name.starts_with("etcd-")).count();
            for close in [true, false] {
                let client = Client::of(&server.endpoint());
                let watcher = client.watch_key("/thread-of-the-struck");
                panic_once(Place::Follower, "/thread-of-the-struck");
                is_panic_at("follower.rs", &watcher.next_within(20_000).expect_err("a panic"));
                assert_eq!(ours(), 1);
                if close {
                    client.close(5_000).expect("closed");
                    wait_until("the thread is gone", || ours() == 0);
                }
                drop((watcher, client));
                wait_until("the thread is gone", || ours() == 0);
            }
        },
    );
}

#[test]
fn many_callers_of_a_client_that_is_struck_are_all_told_the_same() {
    let server = server();
    let client = Client::of(&server.endpoint());
    panic_once(Place::Call, "/one-of-many/3");
    let messages: Vec<String> = thread::scope(|scope| {
        let calls: Vec<_> = (0..8)
            .map(|number| {
                let client = &client;
                scope.spawn(move || {
                    loop {
                        if let Err(failure) = client.get(&format!("/one-of-many/{number}")) {
                            return failure.message;
                        }
                    }
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().expect("a call")).collect()
    });
    assert!(messages.iter().all(|message| *message == messages[0] && message.contains("call.rs:")), "{messages:?}");
}

/// Set in the process that shows what the tests of this file write.
const SHOWN: &str = "ETCD_CLIENT_TEST_PANICS_SHOWN";

#[test]
fn nothing_is_written_to_stderr() {
    if std::env::var_os(SHOWN).is_some() {
        return;
    }
    let program = std::env::current_exe().expect("the path of this program");
    let output = stage::run(program, &["panics::", "--nocapture"], &[(SHOWN, "1")], Duration::from_secs(120));
    let text = stage::text_of(&output);
    assert!(output.status.success() && output.stderr.is_empty(), "{text}");
    assert!(text.contains("16 passed"), "the tests of this file: {text}");
}
