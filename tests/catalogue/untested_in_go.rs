//! What the behaviour of clients depends on and Go never tests: section 5.5 of the catalogue.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::{null, null_mut};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use etcd_test_harness::capi::auth_roles::{ETCD_READ, ETCD_WRITE};
use etcd_test_harness::capi::config::{ETCD_LOG_DEBUG, etcd_config_set_log};
use etcd_test_harness::capi::error::{etcd_error, etcd_error_free, etcd_error_message};
use etcd_test_harness::capi::keys::etcd_keys_set;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Context, Delete, Get, Set, Watch, discover};
use etcd_test_support::{DnsReply, DnsServer, EtcdServer, Gate, Place, Reply, ScriptedServer, wait_until};

use crate::scripted::{Answer, accepted, client_of, counts, of_answer};
use crate::space::{Space, node, refusal};

type Call = fn(&Client) -> Answer;

/// A call of each kind that changes something.
const WRITES: [(&str, Call); 5] = [
    ("set", |client| client.set("/k", "v")),
    ("create", |client| client.create("/k", "v")),
    ("compare-and-swap", |client| client.set_with(None, "/k", "v", &Set { prev_index: 7, ..Set::default() })),
    ("create in order", |client| client.create_in_order("/k", "v", None)),
    ("delete", |client| client.delete("/k")),
];

#[test]
fn stale_keep_alive_connections_fail_no_write() {
    for (name, write) in WRITES {
        let server = ScriptedServer::always(accepted());
        let client = Client::of(&server.endpoint());
        client.get("/warm").expect("a connection that is kept");
        assert_eq!(server.close_idle_connections(), 1);
        write(&client).expect(name);
        assert_eq!(
            (server.requests().len(), server.connections()),
            (2, 2),
            "{name} went out once, on a new connection"
        );
    }
}

#[test]
fn gzip_is_neither_asked_for_nor_guessed() {
    // Differs from Go, which asks for it and unpacks it; etcd never packs a keys answer.
    let server = ScriptedServer::always(accepted().header("Content-Encoding", "gzip"));
    let failure = Client::of(&server.endpoint()).get("/k").expect_err("packed");
    assert_eq!(server.requests()[0].header("accept-encoding"), None);
    assert!(failure.status == ETCD_ERR_INVALID_RESPONSE && failure.message.contains("gzip"), "{}", failure.message);
}

#[test]
fn a_truncated_body_is_an_io_error_and_moves_a_read_on() {
    let cut = || accepted().close_at(Place::MidBody);
    let servers = [ScriptedServer::always(cut()), ScriptedServer::always(accepted())];
    let client = client_of(&servers[0].endpoint(), &servers[1].endpoint());
    assert_eq!(client.get("/k").expect("the second endpoint answers").value(), "bar");
    assert_eq!(counts(&servers), [1, 1]);
    for (name, write) in WRITES {
        let failure = of_answer(cut(), write).expect_err(name);
        assert_eq!((failure.statuses(), failure.outcome), (vec![ETCD_ERR_IO], ETCD_MAYBE_APPLIED), "{name}");
    }
}

#[test]
fn status_204_is_no_success_of_a_keys_call() {
    for (name, write) in WRITES {
        let failure = of_answer(Reply::new(204), write).expect_err(name);
        let told = (failure.status, failure.http_status, failure.outcome);
        assert_eq!(told, (ETCD_ERR_INVALID_RESPONSE, 204, ETCD_MAYBE_APPLIED), "{name}");
    }
}

#[test]
fn status_304_is_a_redirect_without_a_place() {
    let failure = of_answer(Reply::new(304), |client| client.get("/k")).expect_err("nowhere");
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_BAD_REDIRECT]));
    assert_eq!(failure.list[0].http_status, 304);
}

#[test]
fn a_relative_location_is_resolved() {
    // Differs from Go, which has no scheme for it. Go's own servers answer so to a path that is not clean.
    let server = ScriptedServer::sequence(vec![Reply::new(301).header("Location", "/v2/keys/k?x=1"), accepted()]);
    Client::of(&server.endpoint()).set("/k", "v").expect("followed");
    let targets: Vec<_> = server.requests().into_iter().map(|request| (request.method, request.target)).collect();
    assert_eq!(targets, [("PUT".into(), "/v2/keys/k".into()), ("PUT".into(), "/v2/keys/k?x=1".into())]);
}

#[test]
fn credentials_do_not_follow_a_redirect_to_another_host() {
    // Differs from Go, which sends them to whomever the Location names.
    let stranger = ScriptedServer::always(accepted());
    let server = ScriptedServer::always(Reply::new(307).header("Location", &format!("{}/x", stranger.endpoint())));
    let client = Config::new(&[server.endpoint()]).credentials("user", "secret").build();
    client.set("/k", "v").expect("followed");
    assert!(server.requests()[0].header("authorization").is_some());
    assert_eq!(stranger.requests()[0].header("authorization"), None);
}

#[test]
fn the_header_timeout_does_not_end_a_slow_body() {
    let gate = Gate::new();
    let server = ScriptedServer::always(accepted().wait_at(Place::MidBody, &gate));
    let client = Config::new(&[server.endpoint()]).header_timeout_ms(50).build();
    thread::scope(|scope| {
        let call = scope.spawn(|| client.get("/k"));
        server.wait_for_requests(1);
        let until = Instant::now() + Duration::from_millis(250);
        wait_until("five header timeouts have passed", || Instant::now() >= until);
        gate.open();
        assert_eq!(call.join().expect("it returns").expect("the slow body counts").value(), "bar");
    });
}

#[test]
fn two_json_documents_are_not_an_answer() {
    for rest in [r#"{"action":"get"}"#, " x", "]"] {
        let reply = Reply::json(200, &format!(r#"{{"action":"get","node":{{"key":"/k"}}}}{rest}"#));
        let failure = of_answer(reply, |client| client.get("/k")).expect_err(rest);
        assert_eq!(failure.status, ETCD_ERR_INVALID_RESPONSE);
    }
}

#[test]
fn an_error_without_fields_is_not_an_error_of_etcd() {
    // Differs from Go, which makes an etcd error with code 0 of it.
    let failure = of_answer(Reply::json(404, "{}"), |client| client.get("/k")).expect_err("refused");
    assert_eq!((failure.status, failure.api_code, failure.http_status), (ETCD_ERR_INVALID_RESPONSE, 0, 404));
}

#[test]
fn a_huge_index_is_read_and_one_that_is_too_huge_is_refused() {
    let read = |index: &str| {
        let body = format!(r#"{{"action":"get","node":{{"key":"/k","modifiedIndex":{index}}}}}"#);
        of_answer(Reply::json(200, &body).header("X-Etcd-Index", index), |client| client.get("/k"))
    };
    let response = read("18446744073709551615").expect("the largest");
    assert_eq!((response.index, node(&response).modified_index), (u64::MAX, u64::MAX));
    assert_eq!(read("18446744073709551616").expect_err("too huge").status, ETCD_ERR_INVALID_RESPONSE);
}

#[test]
fn a_ttl_of_500_ms_is_one_second() {
    // Differs from Go, which sends 0: the key is gone at once.
    let space = Space::shared();
    let half = Set { ttl_ms: Some(500), ..Set::default() };
    let set = space.client.set_with(None, &space.key("foo"), "bar", &half).expect("set");
    assert_eq!(node(&set).ttl, 1);
    assert_eq!(space.client.get(&space.key("foo")).expect("it is there").value(), "bar");
}

#[test]
fn dots_in_keys_stay_below_the_keys() {
    // Differs from Go, where "../members" asks for the members.
    let space = Space::shared();
    space.client.set(&space.key("a"), "v").expect("set");
    for name in ["./a", "b/../a", "b/./../a", "/a", "//a"] {
        assert_eq!(space.client.get(&space.key(name)).expect(name).value(), "v", "{name}");
    }
    for key in ["..", "../members", "/a/../../members", "/../keys/a"] {
        let failure = space.client.get(key).expect_err(key);
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_INVALID_ARGUMENT, ETCD_NOT_APPLIED), "{key}");
    }
}

#[test]
fn a_value_that_is_not_utf_8_is_refused_with_its_place() {
    // Differs from Go: the server would keep U+FFFD in the place of each such byte.
    let server = ScriptedServer::always(accepted());
    let client = Client::of(&server.endpoint());
    for (value, place) in [(&b"ab\xffc"[..], "2"), (b"\xc3", "0"), (b"\xed\xa0\x80", "0")] {
        let mut error: *mut etcd_error = null_mut();
        // SAFETY: everything lives for the call; the error is read and freed once.
        unsafe {
            let (value, len) = (value.as_ptr().cast(), value.len());
            let key = c"/k".as_ptr();
            let status = etcd_keys_set(client.raw(), null(), key, value, len, null(), null_mut(), &mut error);
            let message = CStr::from_ptr(etcd_error_message(error)).to_str().expect("UTF-8").to_owned();
            assert!(status == ETCD_ERR_INVALID_ARGUMENT && message.contains(place), "{message}");
            etcd_error_free(error);
        }
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_previous_value_beyond_4_kb_is_compared_on_a_fresh_connection() {
    // Differs from Go, which puts it into the URL: etcd resets the connection.
    let space = Space::shared();
    let (key, large) = (space.key("foo"), "x&é ".repeat(3000));
    space.client.set(&key, &large).expect("set");
    let fresh = || Client::of(space.endpoint());
    let swap = |value: &str| fresh().set_with(None, &key, "new", &Set { prev_value: Some(value), ..Set::default() });
    refusal(swap(&format!("{large}y")), ETCD_API_COMPARE_FAILED);
    // A DELETE has it in its URL only: it is refused before anything is sent, never made unconditional.
    let options = Delete { prev_value: Some(&large), ..Delete::default() };
    let failure = fresh().delete_with(None, &key, &options).expect_err("too long");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_INVALID_ARGUMENT, ETCD_NOT_APPLIED));
    assert_eq!(swap(&large).expect("swapped").action, "compareAndSwap");
    assert_eq!(space.oracle.value(&key).as_deref(), Some("new"));
}

type Lines = Mutex<Vec<String>>;

unsafe extern "C" fn keep(lines: *mut c_void, _level: i32, message: *const c_char) {
    // SAFETY: the user data are the lines, and the message is a C string.
    let (lines, message) = unsafe { (&*lines.cast::<Lines>(), CStr::from_ptr(message)) };
    lines.lock().expect("the lines").push(message.to_str().expect("UTF-8").to_owned());
}

unsafe extern "C" fn release(lines: *mut c_void) {
    // SAFETY: the counterpart of `into_raw`, called once.
    drop(unsafe { Arc::from_raw(lines.cast_const().cast::<Lines>()) });
}

#[test]
fn curl_debug_output_has_every_attempt_and_no_password() {
    let first = ScriptedServer::always(Reply::hang_up());
    let second = ScriptedServer::always(accepted());
    let lines: Arc<Lines> = Arc::default();
    let config = || {
        let kept = Arc::into_raw(Arc::clone(&lines)).cast_mut().cast();
        let config = Config::new(&[first.endpoint(), second.endpoint()]).credentials("user", "secret");
        // SAFETY: the configuration is alive, and the lines live until they are released.
        config.change(|config| unsafe { etcd_config_set_log(config, ETCD_LOG_DEBUG, Some(keep), kept, Some(release)) })
    };
    let client = Client::starting_at_first(config, &first.endpoint());
    client.set("/foo", "bar").expect("the second endpoint answers");
    let told: Vec<_> = lines.lock().expect("the lines").clone();
    let curls: Vec<_> = told.iter().filter(|line| line.starts_with("curl -X PUT")).collect();
    assert_eq!(curls.len(), 2, "{told:?}");
    for (line, server) in curls.iter().zip([&first, &second]) {
        assert!(line.contains(&format!("{}/v2/keys/foo", server.endpoint())) && line.contains("value=bar"), "{line}");
    }
    assert!(told.iter().all(|line| !line.contains("secret") && !line.contains("dXNlcjpzZWNyZXQ")), "{told:?}");
}

#[test]
fn one_client_serves_many_threads() {
    const THREADS: usize = 16;
    const ROUNDS: usize = 25;
    let space = Space::shared();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let space = &space;
            scope.spawn(move || {
                let key = space.key(&format!("own-{thread}"));
                for round in 0..ROUNDS {
                    let value = format!("{thread}-{round}");
                    space.client.set(&key, &value).expect("set");
                    let quorum = Get { quorum: true, ..Get::default() };
                    assert_eq!(space.client.get_with(None, &key, &quorum).expect("got").value(), value);
                }
            });
        }
    });
    let listed = space.client.get(space.dir()).expect("got");
    assert_eq!(node(&listed).children.len(), THREADS);
}

#[test]
fn a_context_is_cancelled_from_another_thread() {
    const CALLS: usize = 8;
    let server = ScriptedServer::always(accepted().stall_at(Place::Start));
    let (client, context) = (Client::of(&server.endpoint()), Context::new());
    thread::scope(|scope| {
        let call = || client.get_with(Some(&context), "/k", &Get::default()).expect_err("cancelled").status;
        let calls: Vec<_> = (0..CALLS).map(|_| scope.spawn(call)).collect();
        server.wait_for_requests(CALLS);
        let cancelled = Instant::now();
        context.cancel();
        for call in calls {
            assert_eq!(call.join().expect("it returns"), ETCD_ERR_CANCELED);
        }
        assert!(cancelled.elapsed() < Duration::from_secs(5), "{:?}", cancelled.elapsed());
    });
    server.wait_for_ended(CALLS);
}

const EVENT: &str = r#"{"action":"set","node":{"key":"/k","value":"v","modifiedIndex":11,"createdIndex":11}}"#;

/// As Go watches: one request for each event.
const AS_GO: Watch = Watch { after_index: 10, recursive: false, resync: false, stream: false, idle_timeout_ms: 0 };

fn watching(body: &str) -> Reply {
    Reply::etcd(200, 10, body)
}

#[test]
fn a_watch_is_not_bound_by_the_header_timeout() {
    for (stream, place) in [(false, Place::Start), (true, Place::AfterHead)] {
        let gate = Gate::new();
        let server = ScriptedServer::always(watching(EVENT).wait_at(place, &gate));
        let client = Config::new(&[server.endpoint()]).header_timeout_ms(50).request_timeout_ms(100).build();
        let watcher = client.watch("/k", &Watch { stream, ..AS_GO }).expect("a watcher");
        assert_eq!(watcher.next_within(300).expect_err("nothing yet").status, ETCD_ERR_DEADLINE_EXCEEDED);
        gate.open();
        assert_eq!(watcher.next_within(20_000).expect("an event").value(), "v");
        assert_eq!(server.requests()[0].query().contains("stream"), stream);
    }
}

#[test]
fn a_watch_that_gets_empty_answers_asks_again_without_spinning() {
    // Differs from Go, which asks again at once, for ever.
    let started = Instant::now();
    let server =
        ScriptedServer::by(move |_| watching(if started.elapsed() < Duration::from_millis(500) { "" } else { EVENT }));
    let client = Client::of(&server.endpoint());
    let watcher = client.watch("/k", &AS_GO).expect("a watcher");
    assert_eq!(watcher.next_within(20_000).expect("an event").value(), "v");
    assert!((2..100).contains(&server.requests().len()), "{} requests", server.requests().len());
    let targets: Vec<_> = server.requests().into_iter().map(|request| request.target).collect();
    // Behind the event it is the next one that is waited for.
    assert!(targets.iter().all(|target| target.ends_with("=11") || target.ends_with("=12")), "{targets:?}");
}

#[test]
fn an_event_without_a_node_is_an_error_and_no_crash() {
    // Go dereferences what is not there.
    for body in [r#"{"action":"set"}"#, r#"{"action":"set","node":{}}"#, "{}", "null"] {
        let server = ScriptedServer::sequence(vec![watching(body), watching(EVENT)]);
        let client = Client::of(&server.endpoint());
        let watcher = client.watch("/k", &AS_GO).expect("a watcher");
        assert_eq!(watcher.next_within(20_000).expect_err(body).status, ETCD_ERR_INVALID_RESPONSE, "{body}");
        assert_eq!(watcher.next_within(20_000).expect("the watch goes on").value(), "v");
    }
}

#[test]
fn two_events_in_one_answer_are_both_delivered() {
    let both = format!("{EVENT}\n{}\n", EVENT.replace("11", "12"));
    let server = ScriptedServer::sequence(vec![watching(&both), watching("").stall_at(Place::Start)]);
    let client = Client::of(&server.endpoint());
    let watcher = client.watch("/k", &Watch { stream: true, ..AS_GO }).expect("a watcher");
    let indexes = [(); 2].map(|()| watcher.next_within(20_000).expect("an event").index);
    assert_eq!(indexes, [11, 12]);
}

#[test]
fn every_auth_call_works_on_a_real_server() {
    let etcd = EtcdServer::start();
    let anybody = Client::of(&etcd.endpoint());
    let auth = anybody.auth();
    assert!(!auth.status().expect("off at first"));
    auth.user_add("root", "good").expect("user_add");
    auth.user_add("alice", "one").expect("user_add");
    auth.role_add("reader").expect("role_add");
    auth.role_grant("reader", &["/a", "/b*"], ETCD_READ).expect("role_grant");
    auth.role_grant("reader", &["/c"], ETCD_WRITE).expect("role_grant");
    auth.role_revoke("reader", &["/a"], ETCD_READ).expect("role_revoke");
    assert_eq!(auth.role_get("reader").expect("role_get"), (vec!["/b*".to_owned()], vec!["/c".to_owned()]));
    auth.user_grant("alice", &["reader"]).expect("user_grant");
    auth.user_change_password("alice", "two").expect("user_change_password");
    auth.enable().expect("enable");
    let root = Config::new(&[etcd.endpoint()]).credentials("root", "good").build();
    let auth = root.auth();
    assert!(auth.status().expect("on"));
    assert_eq!(auth.user_list().expect("user_list"), ["alice", "root"]);
    let roles = auth.role_list().expect("role_list");
    assert!(roles.contains(&"reader".to_owned()) && roles.contains(&"root".to_owned()), "{roles:?}");
    root.set("/b", "seen").expect("set");
    let alice = |password: &str| Config::new(&[etcd.endpoint()]).credentials("alice", password).build().get("/b");
    assert_eq!(alice("two").expect("the new password counts").value(), "seen");
    refusal(alice("one"), ETCD_API_UNAUTHORIZED);
    auth.user_revoke("alice", &["reader"]).expect("user_revoke");
    assert_eq!(auth.user_get("alice").expect("user_get"), [""; 0]);
    auth.user_remove("alice").expect("user_remove");
    auth.role_remove("reader").expect("role_remove");
    auth.disable().expect("disable");
    assert!(!anybody.auth().status().expect("off"));
}

#[test]
fn adding_a_user_who_exists_keeps_the_password() {
    // Differs from Go, which reports success and has replaced it.
    let etcd = EtcdServer::start();
    let anybody = Client::of(&etcd.endpoint());
    anybody.auth().user_add("root", "first").expect("added");
    let failure = anybody.auth().user_add("root", "second").expect_err("exists");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_AUTH, ETCD_NOT_APPLIED));
    anybody.auth().enable().expect("enabled");
    Config::new(&[etcd.endpoint()]).credentials("root", "first").build().auth().disable().expect("the first counts");
}

#[test]
fn a_missing_user_is_not_made_by_a_password_change() {
    // Differs from Go, where the server makes the user and the client reports an error without words.
    let etcd = EtcdServer::start();
    let client = Client::of(&etcd.endpoint());
    let failure = client.auth().user_change_password("nobody", "secret").expect_err("missing");
    assert!(failure.status == ETCD_ERR_AUTH && failure.is_user_not_found, "{failure:?}");
    assert_eq!(client.auth().user_list().expect("listed"), [""; 0]);
}

#[test]
fn the_roles_of_a_user_have_no_empty_names() {
    // Differs from Go, which gives ["", "", "one", "two"].
    let etcd = EtcdServer::start();
    let client = Client::of(&etcd.endpoint());
    let auth = client.auth();
    for role in ["one", "two"] {
        auth.role_add(role).expect("added");
    }
    auth.user_add("alice", "secret").expect("added");
    auth.user_grant("alice", &["one", "two"]).expect("granted");
    assert_eq!(auth.user_get("alice").expect("a user"), ["one", "two"]);
}

#[test]
fn a_domain_is_discovered_and_used() {
    let etcd = ScriptedServer::always(accepted());
    let port = etcd.address().port();
    let names = DnsServer::by(move |name| match name {
        "_etcd-client._tcp.example.com" => DnsReply::Records(vec![(1, 0, port, "localhost")]),
        _ => DnsReply::NoSuchName,
    });
    let endpoints = discover(None, Some(&[names.address()]), "example.com", None).expect("endpoints");
    assert_eq!(endpoints, [format!("http://localhost:{port}")]);
    assert_eq!(Client::of_all(&endpoints).get("/k").expect("answered").value(), "bar");
}
