//! Memory that runs out in the sizes of a caller or of an answer: an error, a process that lives, a client that goes on.

use std::ptr::{null, null_mut};

use etcd_test_harness::capi::auth_users::etcd_auth_user_list;
use etcd_test_harness::capi::client::etcd_client;
use etcd_test_harness::capi::config_tls::etcd_config_add_ca_pem;
use etcd_test_harness::capi::keys::*;
use etcd_test_harness::capi::members::{etcd_members_free, etcd_members_list};
use etcd_test_harness::capi::monitoring::etcd_client_stats;
use etcd_test_harness::capi::options::*;
use etcd_test_harness::capi::response::*;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::capi::strings::*;
use etcd_test_harness::capi::watcher::*;
use etcd_test_support::{Reply, Request};

use crate::little_memory::{Got, MIB, got, in_little_memory, within};
use crate::raw::{self, Owned, told};

fn set(client: *mut etcd_client, value: &str) -> Got {
    let (value, len) = (value.as_ptr().cast(), value.len());
    // SAFETY: everything lives for the call.
    got(|error| unsafe { etcd_keys_set(client, null(), c"/k".as_ptr(), value, len, null(), null_mut(), error) })
}

const SMALL: &str = r#"{"action":"set","node":{"key":"/k","value":"v","modifiedIndex":7,"createdIndex":7}}"#;

fn small_answer(_: &Request) -> Reply {
    Reply::etcd(200, 7, SMALL)
}

#[test]
fn a_value_for_which_there_is_no_room_is_told_and_never_sent() {
    in_little_memory("memory::a_value_for_which_there_is_no_room_is_told_and_never_sent", small_answer, |endpoint| {
        let (plain, escaped) = ("v".repeat(100 * MIB), "\u{1}".repeat(30 * MIB));
        let client = raw::client(&[endpoint]);
        let options = Owned::new(etcd_set_options_new(), etcd_set_options_free);
        assert_eq!(set(client.get(), "v").status, ETCD_OK);
        let refused = Got { status: ETCD_ERR_NO_MEMORY, outcome: ETCD_NOT_APPLIED };
        within(48 * MIB, || {
            assert_eq!(set(client.get(), &plain), refused);
            // Its form is three times as long.
            assert_eq!(set(client.get(), &escaped), refused);
            let bytes = plain.as_ptr().cast();
            // SAFETY: everything lives for the calls.
            unsafe {
                let (key, null_out) = (c"/k".as_ptr(), null_mut());
                assert_eq!(
                    got(|e| etcd_keys_create_in_order(
                        client.get(),
                        null(),
                        key,
                        bytes,
                        plain.len(),
                        null(),
                        null_out,
                        e
                    )),
                    refused
                );
                let status = etcd_set_options_set_prev_value(options.get(), bytes, plain.len());
                assert_eq!(status, ETCD_ERR_NO_MEMORY);
            }
            assert_eq!(set(client.get(), "v").status, ETCD_OK, "the same client goes on");
        });
        assert_eq!(set(client.get(), &plain[..20 * MIB]).status, ETCD_OK);
        let told = within(48 * MIB, || {
            let bytes = plain.as_ptr().cast();
            // SAFETY: everything lives for the call.
            told(|error| unsafe {
                etcd_keys_set(client.get(), null(), c"/k".as_ptr(), bytes, plain.len(), null(), null_mut(), error)
            })
        });
        assert!(told.message.contains("104857") && told.message.contains("a request"), "{}", told.message);
    });
}

/// Of many nodes; with escapes, of one large value, or as etcd refuses, where the key asks for it.
fn large_answer(request: &Request) -> Reply {
    let repeated = |piece: &str, count: usize| format!("[{}{piece}]", format!("{piece},").repeat(count - 1));
    match request.path() {
        "/v2/keys/nodes" => {
            let nodes = repeated(r#"{"key":"/nodes/k","value":"v"}"#, 60_000);
            Reply::etcd(200, 7, &format!(r#"{{"action":"get","node":{{"key":"/nodes","dir":true,"nodes":{nodes}}}}}"#))
        }
        "/v2/keys/value" => {
            let value = "v\\n".repeat(2 * MIB);
            Reply::etcd(200, 7, &format!(r#"{{"action":"get","node":{{"key":"/value","value":"{value}"}}}}"#))
        }
        "/v2/keys/refused" => {
            let cause = "x".repeat(2 * MIB);
            Reply::etcd(
                412,
                7,
                &format!(r#"{{"errorCode":101,"message":"Compare failed","cause":"{cause}","index":7}}"#),
            )
        }
        "/v2/keys/watched" => {
            let value = "v".repeat(20 * MIB);
            let node = format!(r#"{{"key":"/watched","value":"{value}","modifiedIndex":8,"createdIndex":8}}"#);
            Reply::etcd(200, 7, &format!(r#"{{"action":"set","node":{node}}}"#))
        }
        "/v2/stats/self" => Reply::json(200, &repeated(r#""statistics""#, MIB / 4)),
        "/v2/auth/users" => {
            Reply::json(200, &format!(r#"{{"users":{}}}"#, repeated(r#"{"user":"u","roles":[]}"#, 6_000)))
        }
        "/v2/members" => {
            let member = r#"{"id":"1","name":"n","peerURLs":["http://h:1"],"clientURLs":["http://h:2"]}"#;
            Reply::json(200, &format!(r#"{{"members":{}}}"#, repeated(member, 3_000)))
        }
        _ => small_answer(request),
    }
}

/// How often the client is asked with a little more memory each time, until it has enough.
fn with_ever_more(what: &str, enough: i32, outcome: i32, mut call: impl FnMut() -> Got) {
    let (mut refused, mut given) = (0, 0);
    // Steps that fit no size of anything, so that every allocation is once the one that fails.
    for bytes in (2 * MIB..).step_by(MIB / 2 + 7_777).take_while(|bytes| *bytes < 400 * MIB) {
        match within(bytes, &mut call) {
            got if got.status == enough => given += 1,
            got => {
                assert_eq!(got, Got { status: ETCD_ERR_NO_MEMORY, outcome }, "{what} with {bytes} bytes");
                refused += 1;
            }
        }
        if given == 3 {
            break;
        }
    }
    assert!(refused > 3 && given == 3, "{what}: {refused} times refused, {given} times given");
}

#[test]
fn an_answer_for_which_there_is_no_room_is_told_wherever_it_ends() {
    in_little_memory(
        "memory::an_answer_for_which_there_is_no_room_is_told_wherever_it_ends",
        large_answer,
        |endpoint| {
            let config = raw::config(&[endpoint]);
            // SAFETY: the configuration is alive.
            let limit =
                unsafe { etcd_test_harness::capi::config::etcd_config_set_request_timeout_ms(config.get(), 60_000) };
            assert_eq!(limit, ETCD_OK);
            let client = raw::client_of(&config);
            let get = |key: &'static std::ffi::CStr| {
                let mut response = null_mut();
                // SAFETY: everything lives for the call; the response is freed.
                let got = got(|error| unsafe {
                    etcd_keys_get(client.get(), null(), key.as_ptr(), null(), &mut response, error)
                });
                // SAFETY: as above.
                unsafe { etcd_response_free(response) };
                got
            };
            assert_eq!(get(c"/k").status, ETCD_OK);
            with_ever_more("a directory", ETCD_OK, ETCD_NOT_APPLIED, || get(c"/nodes"));
            with_ever_more("a value with escapes", ETCD_OK, ETCD_NOT_APPLIED, || get(c"/value"));
            with_ever_more("a refusal", ETCD_ERR_API, ETCD_NOT_APPLIED, || get(c"/refused"));
            assert_eq!(get(c"/k").status, ETCD_OK, "the same client goes on");
            // SAFETY: everything lives for the calls; what they give is freed.
            unsafe {
                with_ever_more("a write", ETCD_OK, ETCD_MAYBE_APPLIED, || {
                    got(|e| {
                        let value = c"v".as_ptr();
                        etcd_keys_set(client.get(), null(), c"/value".as_ptr(), value, 1, null(), null_mut(), e)
                    })
                });
                with_ever_more("statistics", ETCD_OK, ETCD_NOT_APPLIED, || {
                    let (mut json, mut len) = (null_mut(), 0);
                    let got =
                        got(|e| etcd_client_stats(client.get(), null(), c"self".as_ptr(), &mut json, &mut len, e));
                    etcd_string_free(json);
                    got
                });
                with_ever_more("users", ETCD_OK, ETCD_NOT_APPLIED, || {
                    let mut users = null_mut();
                    let got = got(|e| etcd_auth_user_list(client.get(), null(), &mut users, e));
                    etcd_strings_free(users);
                    got
                });
                with_ever_more("members", ETCD_OK, ETCD_NOT_APPLIED, || {
                    let mut members = null_mut();
                    let got = got(|e| etcd_members_list(client.get(), null(), &mut members, e));
                    etcd_members_free(members);
                    got
                });
            }
            assert_eq!(set(client.get(), "v").status, ETCD_OK);
        },
    );
}

#[test]
fn an_event_for_which_there_is_no_room_is_told_to_the_reader() {
    in_little_memory("memory::an_event_for_which_there_is_no_room_is_told_to_the_reader", large_answer, |endpoint| {
        let client = raw::client(&[endpoint]);
        let mut watcher = null_mut();
        // SAFETY: everything lives for its call; what is given is freed.
        unsafe {
            let made = got(|error| etcd_watcher_new(client.get(), c"/watched".as_ptr(), null(), &mut watcher, error));
            assert_eq!(made.status, ETCD_OK);
            let watcher = Owned::new(watcher, etcd_watcher_free);
            let next = || {
                let mut response = null_mut();
                let got = got(|error| etcd_watcher_next(watcher.get(), null(), &mut response, error));
                etcd_response_free(response);
                got.status
            };
            assert_eq!(within(30 * MIB, next), ETCD_ERR_NO_MEMORY);
            assert_eq!(next(), ETCD_OK, "nothing is lost: with enough memory the same watch goes on");
        }
    });
}

#[test]
fn json_for_which_there_is_no_room_is_null() {
    in_little_memory("memory::json_for_which_there_is_no_room_is_null", large_answer, |endpoint| {
        let client = raw::client(&[endpoint]);
        let response = raw::response(&client, "/nodes");
        let mut len = 1;
        // SAFETY: the response is alive.
        let mut json = || unsafe { (etcd_response_json(response.get(), &mut len).is_null(), len) };
        assert_eq!(within(2 * MIB, &mut json), (true, 0));
        let (is_null, len) = json();
        assert!(!is_null && len > 60_000 * 20, "{len}");
    });
}

#[test]
fn a_list_of_strings_for_which_there_is_no_room_is_told() {
    in_little_memory("memory::a_list_of_strings_for_which_there_is_no_room_is_told", small_answer, |_| {
        let list = Owned::new(etcd_strings_new(), etcd_strings_free);
        let text = raw::c(&"s".repeat(60 << 10));
        let (status, len) = within(20 * MIB, || {
            // SAFETY: the list and the text are alive.
            unsafe {
                let status = (0..1000).map(|_| etcd_strings_add(list.get(), text.as_ptr())).find(|status| *status != 0);
                (status, etcd_strings_len(list.get()))
            }
        });
        assert_eq!(status, Some(ETCD_ERR_NO_MEMORY));
        assert!(len > 200, "{len} were taken before");
        // SAFETY: as above.
        assert_eq!(unsafe { etcd_strings_add(list.get(), text.as_ptr()) }, ETCD_OK);
    });
}

#[test]
fn certificates_for_which_there_is_no_room_are_told_and_too_large_ones_refused() {
    let name = "memory::certificates_for_which_there_is_no_room_are_told_and_too_large_ones_refused";
    in_little_memory(name, small_answer, |_| {
        let (config, text) = (raw::config(&[]), "x".repeat(16 * MIB + 1));
        // SAFETY: the configuration and the text are alive.
        let add = |bytes| unsafe { etcd_config_add_ca_pem(config.get(), text.as_ptr().cast(), bytes) };
        assert_eq!(within(20 * MIB, || add(8 * MIB)), ETCD_ERR_NO_MEMORY);
        assert_eq!(within(20 * MIB, || add(MIB)), ETCD_ERR_INVALID_ARGUMENT, "it is read, and is none");
        assert_eq!(within(20 * MIB, || add(16 * MIB + 1)), ETCD_ERR_INVALID_ARGUMENT, "before anything is made of it");
        assert_eq!(add(8 * MIB), ETCD_ERR_INVALID_ARGUMENT, "with enough memory it is read");
    });
}
