//! Text and bytes that make no sense: NULL, not UTF-8, impossible lengths, keys that climb out.

use std::ffi::{CStr, c_char};
use std::ptr::{null, null_mut};

use etcd_test_harness::capi::client::*;
use etcd_test_harness::capi::config::*;
use etcd_test_harness::capi::error::etcd_error;
use etcd_test_harness::capi::keys::*;
use etcd_test_harness::capi::options::*;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::capi::strings::*;
use etcd_test_support::{Reply, ScriptedServer};

use crate::raw::{self, Owned, Told, c, told};

const STRLEN: usize = usize::MAX;
const NOT_UTF8: &CStr = c"ok\xffrest";
const NUL_INSIDE: [u8; 4] = [b'a', 0, b'b', 0];

type Client = *mut etcd_client;
type Error = *mut *mut etcd_error;

type Keyed = fn(Client, *const c_char, Error) -> i32;
type Valued = fn(Client, *const c_char, usize, Error) -> i32;

/// The calls that take a key, with the parameter's name.
// SAFETY of all the calls: the client is alive, the key is NULL or ends with a NUL.
const KEYED: &[(&str, Keyed)] = &[
    ("key", |client, key, e| unsafe { etcd_keys_get(client, null(), key, null(), null_mut(), e) }),
    ("key", |client, key, e| unsafe { etcd_keys_set(client, null(), key, null(), 0, null(), null_mut(), e) }),
    ("key", |client, key, e| unsafe { etcd_keys_create(client, null(), key, null(), 0, null_mut(), e) }),
    ("key", |client, key, e| unsafe { etcd_keys_update(client, null(), key, null(), 0, null_mut(), e) }),
    ("dir", |client, key, e| unsafe {
        etcd_keys_create_in_order(client, null(), key, null(), 0, null(), null_mut(), e)
    }),
    ("key", |client, key, e| unsafe { etcd_keys_delete(client, null(), key, null(), null_mut(), e) }),
];

/// The calls that take a value and its length.
// SAFETY of all the calls: the client is alive, the value is NULL or readable, but for lengths that are refused unread.
const VALUED: &[Valued] = &[
    |client, value, len, e| unsafe { etcd_keys_set(client, null(), c"/k".as_ptr(), value, len, null(), null_mut(), e) },
    |client, value, len, e| unsafe { etcd_keys_create(client, null(), c"/k".as_ptr(), value, len, null_mut(), e) },
    |client, value, len, e| unsafe { etcd_keys_update(client, null(), c"/k".as_ptr(), value, len, null_mut(), e) },
    |client, value, len, e| unsafe {
        etcd_keys_create_in_order(client, null(), c"/k".as_ptr(), value, len, null(), null_mut(), e)
    },
];

fn assert_refused(told: &Told, name: &str, part: &str) {
    assert_eq!((told.status, told.outcome), (ETCD_ERR_INVALID_ARGUMENT, ETCD_NOT_APPLIED), "{told:?}");
    assert!(told.message.starts_with(&format!("{name}: ")), "the message begins with {name}: {}", told.message);
    assert!(told.message.contains(part), "no '{part}' in: {}", told.message);
    assert!(!told.message.contains('\n') && told.message.len() < 500, "one line of bearable length: {}", told.message);
}

/// A server that must not be asked, and its client.
fn unasked() -> (ScriptedServer, Owned<etcd_client>) {
    let server = ScriptedServer::always(Reply::etcd(200, 1, r#"{"action":"set","node":{"key":"/k","value":""}}"#));
    let client = raw::client(&[&server.endpoint()]);
    (server, client)
}

#[test]
fn a_key_that_cannot_be_is_refused_by_name_and_nothing_is_sent() {
    let (server, client) = unasked();
    let long = c(&"k".repeat(70_000));
    let encoded = c(&"é".repeat(15_000));
    let cases = [
        (null(), "is NULL"),
        (NOT_UTF8.as_ptr(), "byte 0xff at offset 2"),
        (c"\xed\xa0\x80".as_ptr(), "not UTF-8"),
        (c"..".as_ptr(), "climbs out"),
        (c"/../x".as_ptr(), "climbs out"),
        (c"../members".as_ptr(), "climbs out"),
        (c"a/../../members".as_ptr(), "climbs out"),
        (c"a/./..//../x".as_ptr(), "climbs out"),
        (long.as_ptr(), "65536"),
        (encoded.as_ptr(), "60000"),
    ];
    for (name, call) in KEYED {
        for (key, part) in cases {
            assert_refused(&told(|error| call(client.get(), key, error)), name, part);
        }
    }
    assert_eq!((server.connections(), server.requests().len()), (0, 0));
}

#[test]
fn a_value_that_cannot_be_is_refused_by_name_and_nothing_is_sent() {
    let (server, client) = unasked();
    let long_bad: Vec<u8> = [vec![b'x'; 100_000], vec![0xc3, 0x28]].concat();
    let bytes = |bytes: &'static [u8]| bytes.as_ptr().cast::<c_char>();
    let cases = [
        (null(), 1, "is NULL"),
        (null(), STRLEN, "is NULL"),
        (null(), isize::MAX as usize, "is NULL"),
        (bytes(b"x"), isize::MAX as usize + 1, "more than the"),
        (bytes(b"x"), STRLEN - 1, "more than the"),
        (NOT_UTF8.as_ptr(), STRLEN, "byte 0xff at offset 2"),
        (NOT_UTF8.as_ptr(), 3, "byte 0xff at offset 2"),
        (bytes(b"a\0b\x80"), 4, "byte 0x80 at offset 3"),
        (bytes(b"\xc3"), 1, "offset 0"),
        (bytes(b"\xf0\x9f\xa6"), 3, "offset 0"),
        (long_bad.as_ptr().cast(), long_bad.len(), "offset 100000"),
    ];
    for call in VALUED {
        for (value, len, part) in cases {
            assert_refused(&told(|error| call(client.get(), value, len, error)), "value", part);
        }
    }
    assert_eq!((server.connections(), server.requests().len()), (0, 0));
}

#[test]
fn a_value_is_taken_by_its_length_or_up_to_its_nul() {
    let (server, client) = unasked();
    let cases: &[(*const c_char, usize, &str)] = &[
        (null(), 0, "value="),
        (NOT_UTF8.as_ptr(), 0, "value="),
        (NOT_UTF8.as_ptr(), 2, "value=ok"),
        (c"abc".as_ptr(), STRLEN, "value=abc"),
        (c"abc".as_ptr(), 2, "value=ab"),
        (NUL_INSIDE.as_ptr().cast(), 4, "value=a%00b%00"),
        (NUL_INSIDE.as_ptr().cast(), STRLEN, "value=a"),
    ];
    for call in VALUED {
        for (value, len, form) in cases {
            let told = told(|error| call(client.get(), *value, *len, error));
            assert_eq!(told.status, ETCD_OK, "{told:?}");
            let request = server.requests().pop().expect("a request");
            assert_eq!(String::from_utf8(request.body).expect("a form"), *form);
        }
    }
}

#[test]
fn a_value_to_compare_with_must_be_text_and_not_empty() {
    let set = Owned::new(etcd_set_options_new(), etcd_set_options_free);
    let delete = Owned::new(etcd_delete_options_new(), etcd_delete_options_free);
    let one = c"one".as_ptr();
    let cases = [
        (one, 0),
        (c"".as_ptr(), STRLEN),
        (null(), 0),
        (null(), 1),
        (null(), STRLEN),
        (NOT_UTF8.as_ptr(), STRLEN),
        (one, isize::MAX as usize + 1),
        (one, STRLEN - 1),
    ];
    // SAFETY: the options are alive; the values are NULL or readable, but for lengths that are refused unread.
    unsafe {
        assert_eq!(etcd_set_options_set_prev_value(set.get(), one, STRLEN), ETCD_OK);
        assert_eq!(etcd_delete_options_set_prev_value(delete.get(), one, 3), ETCD_OK);
        for (value, len) in cases {
            assert_eq!(etcd_set_options_set_prev_value(set.get(), value, len), ETCD_ERR_INVALID_ARGUMENT, "{len}");
            assert_eq!(
                etcd_delete_options_set_prev_value(delete.get(), value, len),
                ETCD_ERR_INVALID_ARGUMENT,
                "{len}"
            );
        }
        // What was set before still holds: a refused comparison must not make the write unconditional.
        let (server, client) = unasked();
        let key = c"/k".as_ptr();
        assert_eq!(etcd_keys_set(client.get(), null(), key, one, 3, set.get(), null_mut(), null_mut()), ETCD_OK);
        assert_eq!(etcd_keys_delete(client.get(), null(), key, delete.get(), null_mut(), null_mut()), ETCD_OK);
        let requests = server.requests();
        assert_eq!(requests[0].body, b"prevValue=one&value=one");
        assert_eq!(requests[1].target, "/v2/keys/k?prevValue=one");
    }
}

#[test]
fn text_that_is_not_utf8_is_refused_everywhere() {
    let config = raw::config(&[]);
    let list = Owned::new(etcd_strings_new(), etcd_strings_free);
    let bad = NOT_UTF8.as_ptr();
    let good = c"user".as_ptr();
    // SAFETY: the objects are alive, the strings end with a NUL.
    let statuses = unsafe {
        [
            etcd_config_add_endpoint(config.get(), bad),
            etcd_config_set_credentials(config.get(), bad, good),
            etcd_config_set_credentials(config.get(), good, bad),
            etcd_config_set_keys_prefix(config.get(), bad),
            etcd_config_set_proxy(config.get(), bad),
            etcd_strings_add(list.get(), bad),
            etcd_strings_add(list.get(), null()),
        ]
    };
    assert_eq!(statuses, [ETCD_ERR_INVALID_ARGUMENT; 7]);
    // SAFETY: the list is alive.
    assert_eq!(unsafe { etcd_strings_len(list.get()) }, 0);
}

#[test]
fn out_parameters_that_are_needed_are_asked_for_by_name() {
    let (server, client) = unasked();
    // SAFETY: client and configuration are alive.
    let (new, endpoints, version) = unsafe {
        (
            told(|error| etcd_client_new(null(), null_mut(), error)),
            told(|error| etcd_client_endpoints(client.get(), null_mut(), error)),
            told(|error| etcd_client_version(client.get(), null(), null_mut(), error)),
        )
    };
    for (told, name) in [(new, "client"), (endpoints, "endpoints"), (version, "version")] {
        assert_refused(&told, name, "is NULL");
    }
    assert_eq!(server.connections(), 0);
}
