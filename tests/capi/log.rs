//! Log callbacks: what they get, what they may call, and when their user data is freed.

use std::ffi::{c_char, c_void};
use std::ptr::{null, null_mut};
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use etcd_test_harness::capi::client::*;
use etcd_test_harness::capi::config::*;
use etcd_test_harness::capi::keys::*;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::capi::strings::etcd_strings_free;
use etcd_test_support::{Reply, ScriptedServer, refused_endpoint};

use crate::raw::{self, Owned, c, text, told};

const BODY: &str = r#"{"action":"get","node":{"key":"/a","value":"one"}}"#;

/// What the callbacks of one test see.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<(i32, String)>>,
    dropped: AtomicUsize,
    /// A client to call from inside.
    client: AtomicPtr<etcd_client>,
    statuses: Mutex<Vec<(&'static str, i32)>>,
}

impl Log {
    fn pointer(&self) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    fn dropped(&self) -> usize {
        self.dropped.load(Ordering::Relaxed)
    }

    fn lines(&self) -> Vec<(i32, String)> {
        self.lines.lock().expect("the lines").clone()
    }
}

fn log_of<'a>(user_data: *mut c_void) -> &'a Log {
    // SAFETY: every test passes its own log, which outlives what it makes.
    unsafe { &*user_data.cast::<Log>() }
}

unsafe extern "C" fn write(user_data: *mut c_void, level: i32, message: *const c_char) {
    let log = log_of(user_data);
    assert_eq!(log.dropped(), 0, "a message after the user data was freed");
    log.lines.lock().expect("the lines").push((level, text(message).expect("a message")));
}

unsafe extern "C" fn count(user_data: *mut c_void) {
    log_of(user_data).dropped.fetch_add(1, Ordering::Relaxed);
}

/// Makes every call that could wait, from inside the callback.
unsafe extern "C" fn call_back(user_data: *mut c_void, _level: i32, _message: *const c_char) {
    let log = log_of(user_data);
    let client = log.client.load(Ordering::Relaxed);
    let (key, value) = (c"/a".as_ptr(), c"x".as_ptr());
    let (mut version, mut endpoints) = (null_mut(), null_mut());
    // SAFETY: the client is alive as long as it logs.
    let blocking = unsafe {
        [
            ("get", etcd_keys_get(client, null(), key, null(), null_mut(), null_mut())),
            ("set", etcd_keys_set(client, null(), key, value, 1, null(), null_mut(), null_mut())),
            ("create", etcd_keys_create(client, null(), key, value, 1, null_mut(), null_mut())),
            ("update", etcd_keys_update(client, null(), key, value, 1, null_mut(), null_mut())),
            (
                "create_in_order",
                etcd_keys_create_in_order(client, null(), key, value, 1, null(), null_mut(), null_mut()),
            ),
            ("delete", etcd_keys_delete(client, null(), key, null(), null_mut(), null_mut())),
            ("version", etcd_client_version(client, null(), &mut version, null_mut())),
            ("close", etcd_client_close(client, 1, null_mut())),
        ]
    };
    // SAFETY: as above; the list is freed.
    let harmless = unsafe {
        let status = etcd_client_endpoints(client, &mut endpoints, null_mut());
        etcd_strings_free(endpoints);
        status
    };
    let mut statuses = log.statuses.lock().expect("the statuses");
    statuses.extend(blocking);
    statuses.push(("endpoints", harmless));
}

fn config_with_log(endpoint: &str, log: &Log, level: i32, function: etcd_log_fn) -> Owned<etcd_config> {
    let config = raw::config(&[endpoint]);
    // SAFETY: the configuration is alive; the log outlives it.
    let status = unsafe { etcd_config_set_log(config.get(), level, function, log.pointer(), Some(count)) };
    assert_eq!(status, ETCD_OK);
    config
}

#[test]
fn calls_that_could_wait_are_refused_inside_a_callback_and_others_work() {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY));
    let log = Log::default();
    let config = config_with_log(&server.endpoint(), &log, ETCD_LOG_DEBUG, Some(call_back));
    let client = raw::client_of(&config);
    log.client.store(client.get(), Ordering::Relaxed);
    drop(raw::response(&client, "/a"));
    let statuses = log.statuses.lock().expect("the statuses").clone();
    assert!(statuses.len() >= 9, "the callback was called");
    for (call, status) in statuses {
        let expected = if call == "endpoints" { ETCD_OK } else { ETCD_ERR_WOULD_DEADLOCK };
        assert_eq!(status, expected, "{call} inside a callback");
    }
    assert_eq!(server.requests().len(), 1, "only the call outside was sent");
    drop(raw::response(&client, "/a"));
}

#[test]
fn each_level_is_logged_with_all_before_it() {
    let nobody = refused_endpoint();
    for level in [ETCD_LOG_ERROR, ETCD_LOG_WARN, ETCD_LOG_INFO, ETCD_LOG_DEBUG] {
        let log = Log::default();
        let config = config_with_log(&nobody.endpoint(), &log, level, Some(write));
        drop(raw::error(&raw::client_of(&config), "/a"));
        let lines = log.lines();
        assert!(lines.iter().all(|(of, line)| (1..=level).contains(of) && !line.contains('\n')), "{level}: {lines:?}");
        let has = |wanted: i32| lines.iter().any(|(of, _)| *of == wanted);
        assert_eq!(has(ETCD_LOG_WARN), level >= ETCD_LOG_WARN, "the endpoint that failed: {lines:?}");
        assert_eq!(has(ETCD_LOG_DEBUG), level >= ETCD_LOG_DEBUG, "the attempt: {lines:?}");
        drop(config);
        assert_eq!(log.dropped(), 1);
    }
}

#[test]
fn no_message_holds_credentials() {
    let server = ScriptedServer::always(Reply::json(401, r#"{"errorCode":110,"message":"no","cause":"x","index":0}"#));
    let log = Log::default();
    let endpoint = server.endpoint().replace("http://", "http://own:s3cret-own@");
    let config = config_with_log(&endpoint, &log, ETCD_LOG_DEBUG, Some(write));
    drop(raw::error(&raw::client_of(&config), "/a"));
    // SAFETY: the configuration is alive, the strings live for the call.
    unsafe { etcd_config_set_credentials(config.get(), c("alice").as_ptr(), c("s3cret-config").as_ptr()) };
    drop(raw::error(&raw::client_of(&config), "/a"));
    let sent: Vec<_> =
        server.requests().iter().map(|request| request.header("authorization").map(String::from)).collect();
    assert_eq!(sent.len(), 2);
    let lines = log.lines();
    assert!(lines.len() >= 2, "{lines:?}");
    for (_, line) in &lines {
        assert!(!line.contains("s3cret") && !line.contains("Basic "), "{line}");
        assert!(sent.iter().flatten().all(|header| !line.contains(header.trim_start_matches("Basic "))), "{line}");
    }
}

#[test]
fn user_data_is_freed_once_when_nothing_can_log_any_more() {
    let server = ScriptedServer::always(Reply::etcd(200, 1, BODY));
    let log = Log::default();
    let config = config_with_log(&server.endpoint(), &log, ETCD_LOG_DEBUG, Some(write));
    let (first, second) = (raw::client_of(&config), raw::client_of(&config));
    drop(config);
    drop(first);
    assert_eq!(log.dropped(), 0, "a client is left that can log");
    drop(raw::response(&second, "/a"));
    assert!(!log.lines().is_empty());
    // SAFETY: the client is alive.
    assert_eq!(told(|error| unsafe { etcd_client_close(second.get(), 0, error) }).status, ETCD_OK);
    drop(second);
    assert_eq!(log.dropped(), 1);
}

#[test]
fn user_data_is_freed_once_when_it_is_replaced_switched_off_or_never_used() {
    let (replaced, switched_off, unused, last) = (Log::default(), Log::default(), Log::default(), Log::default());
    let config = config_with_log("http://127.0.0.1:1", &replaced, ETCD_LOG_WARN, Some(write));
    // SAFETY: the configuration is alive; the logs outlive it.
    unsafe {
        let set = |function, log: &Log| {
            etcd_config_set_log(config.get(), ETCD_LOG_WARN, function, log.pointer(), Some(count))
        };
        assert_eq!(set(Some(write), &switched_off), ETCD_OK);
        assert_eq!((replaced.dropped(), switched_off.dropped()), (1, 0));
        assert_eq!(set(None, &unused), ETCD_OK);
        assert_eq!((switched_off.dropped(), unused.dropped()), (1, 1), "NULL switches off, and its data is not needed");
        assert_eq!(set(Some(write), &last), ETCD_OK);
    }
    drop(config);
    let counts = [&replaced, &switched_off, &unused, &last].map(Log::dropped);
    assert_eq!(counts, [1; 4]);
}

#[test]
fn user_data_is_freed_once_when_the_call_fails_and_the_old_log_stays() {
    let nobody = refused_endpoint();
    let (good, bad) = (Log::default(), Log::default());
    let config = config_with_log(&nobody.endpoint(), &good, ETCD_LOG_WARN, Some(write));
    let mut calls = 0;
    for level in [0, -1, 5, i32::MAX] {
        calls += 1;
        // SAFETY: the configuration is alive, or NULL; the log outlives it.
        let status = unsafe { etcd_config_set_log(config.get(), level, Some(write), bad.pointer(), Some(count)) };
        assert_eq!((status, bad.dropped()), (ETCD_ERR_INVALID_ARGUMENT, calls), "level {level}");
    }
    // SAFETY: as above.
    let status = unsafe { etcd_config_set_log(null_mut(), ETCD_LOG_WARN, Some(write), bad.pointer(), Some(count)) };
    assert_eq!((status, bad.dropped()), (ETCD_ERR_INVALID_ARGUMENT, calls + 1));
    drop(raw::error(&raw::client_of(&config), "/a"));
    assert!(!good.lines().is_empty() && good.dropped() == 0);
    drop(config);
    assert_eq!((good.dropped(), bad.dropped()), (1, calls + 1));
}
