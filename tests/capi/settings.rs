//! Numbers, constants and URLs that make no sense.

use std::ptr::{null, null_mut};

use etcd_test_harness::capi::client::*;
use etcd_test_harness::capi::config::*;
use etcd_test_harness::capi::options::*;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::capi::strings::*;
use etcd_test_harness::{Client, Config};

use crate::raw::{self, Owned, c, text, told};

/// URLs of endpoints that cannot work.
const MALFORMED: &[&str] = &[
    "",
    " ",
    "127.0.0.1:2379",
    "localhost",
    "localhost:2379",
    ":",
    "://",
    "//h:1",
    "http",
    "http:",
    "http:/h:1",
    "http://",
    "http:///path",
    "http://:2379",
    "http://h:",
    "http://h:port",
    "http://h:0",
    "http://h:65536",
    "http://h:-1",
    "http://h:99999999999",
    "http://h:1:2",
    "http://[::1",
    "http://::1:2379",
    "http://[::g]:1",
    "http://a b:1",
    "http://h:1/a b",
    "http://h\n:1",
    "http://h:1\r\nX: y",
    "http://%zz:1",
    "ftp://h:1",
    "tcp://h:1",
    "file:///x",
    "unix://",
    "unixs://",
    "javascript:1",
    ",",
    "http://a:1,",
    ",http://a:1",
    "http://a:1,,http://b:1",
    "http://a:1,nonsense",
];

#[test]
fn urls_that_cannot_work_are_refused_and_none_of_a_list_is_added() {
    let good = "http://good:1";
    let config = raw::config(&[good]);
    // SAFETY: the configuration is alive, the string lives for the call.
    let status = |url: &str| unsafe { etcd_config_add_endpoint(config.get(), c(url).as_ptr()) };
    let taken: Vec<_> = MALFORMED.iter().filter(|url| status(url) != ETCD_ERR_INVALID_ARGUMENT).collect();
    assert!(taken.is_empty(), "these were taken: {taken:?}");
    let client = raw::client_of(&config);
    let mut list = null_mut();
    // SAFETY: the client is alive.
    assert_eq!(unsafe { etcd_client_endpoints(client.get(), &mut list, null_mut()) }, ETCD_OK);
    let list = Owned::new(list, etcd_strings_free);
    // SAFETY: the list is alive.
    unsafe {
        assert_eq!(etcd_strings_len(list.get()), 1);
        assert_eq!(text(etcd_strings_get(list.get(), 0)).as_deref(), Some(good));
        assert!(etcd_strings_get(list.get(), 1).is_null());
    }
}

#[test]
fn a_list_of_endpoints_is_replaced_as_a_whole_or_not_at_all() {
    let good = "http://good:1".to_owned();
    let client = Client::of(&good);
    for url in ["", "127.0.0.1:2379", "http://", "http://h:port", "ftp://h:1", ",", "http://a:1,"] {
        let failure = client.set_endpoints(&["http://other:1".to_owned(), url.to_owned()]).expect_err(url);
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_INVALID_ARGUMENT, ETCD_NOT_APPLIED), "{url:?}");
        assert_eq!(client.endpoints(), std::slice::from_ref(&good));
    }
    assert_eq!(client.set_endpoints(&[]).expect_err("empty").status, ETCD_ERR_NO_ENDPOINTS);
    assert_eq!(client.endpoints(), [good]);
    client.set_endpoints(&["http://other:1, unix:///s, https://h:1, unixs:///s".to_owned()]).expect("a good list");
    let mut endpoints = client.endpoints();
    endpoints.sort();
    assert_eq!(endpoints, ["http://other:1", "https://h:1", "unix:///s", "unixs:///s"]);
}

#[test]
fn a_refused_url_is_named_by_its_argument() {
    let client = Client::of("http://good:1");
    let failure = client.set_endpoints(&["http://user:secret@h:port".to_owned()]).expect_err("a bad port");
    assert!(failure.message.contains("h:port") && !failure.message.contains("secret"), "{}", failure.message);
    assert!(failure.message.starts_with("endpoints: "), "{}", failure.message);
}

#[test]
fn what_this_version_lacks_is_refused_when_the_client_is_made() {
    // SAFETY: the configuration is alive.
    let v3 = Config::new(&[]).change(|config| unsafe { etcd_config_set_protocol(config, ETCD_PROTOCOL_V3) });
    assert_eq!(v3.client().err().expect("no v3 yet").status, ETCD_ERR_UNSUPPORTED);
}

#[test]
fn negative_numbers_and_unknown_constants_are_refused() {
    let config = raw::config(&[]);
    let config = config.get();
    for negative in [-1, -5000, i64::MIN] {
        // SAFETY: the configuration is alive.
        let statuses = unsafe {
            [
                etcd_config_set_request_timeout_ms(config, negative),
                etcd_config_set_header_timeout_ms(config, negative),
                etcd_config_set_connect_timeout_ms(config, negative),
            ]
        };
        assert_eq!(statuses, [ETCD_ERR_INVALID_ARGUMENT; 3], "{negative}");
    }
    let set = Owned::new(etcd_set_options_new(), etcd_set_options_free);
    for unknown in [-1, 4, 5, 99, i32::MAX, i32::MIN] {
        // SAFETY: configuration and options are alive.
        let statuses = unsafe {
            [
                etcd_config_set_selection_mode(config, unknown),
                etcd_config_set_protocol(config, unknown),
                etcd_config_set_log(config, if unknown == 4 { 0 } else { unknown }, None, null_mut(), None),
                etcd_set_options_set_prev_exist(set.get(), unknown),
            ]
        };
        assert_eq!(statuses, [ETCD_ERR_INVALID_ARGUMENT; 4], "{unknown}");
    }
    // SAFETY: the configuration is alive.
    unsafe {
        assert_eq!(etcd_config_set_protocol(config, 1), ETCD_ERR_INVALID_ARGUMENT, "there is no protocol 1");
        assert_eq!(etcd_config_set_max_redirects(config, -1), ETCD_ERR_INVALID_ARGUMENT);
        assert_eq!(etcd_config_set_max_redirects(config, i32::MAX), ETCD_OK);
    }
}

#[test]
fn times_as_long_as_the_type_holds_are_taken() {
    let config = raw::config(&[]);
    // SAFETY: the configuration is alive.
    unsafe {
        for ms in [0, 1, i64::MAX] {
            assert_eq!(etcd_config_set_request_timeout_ms(config.get(), ms), ETCD_OK);
            assert_eq!(etcd_config_set_header_timeout_ms(config.get(), ms), ETCD_OK);
            assert_eq!(etcd_config_set_connect_timeout_ms(config.get(), ms), ETCD_OK);
        }
    }
    let nobody = etcd_test_support::refused_endpoint();
    // SAFETY: the configuration is alive, the string lives for the call.
    unsafe { assert_eq!(etcd_config_add_endpoint(config.get(), c(&nobody.endpoint()).as_ptr()), ETCD_OK) };
    // SAFETY: the error is alive.
    let status =
        unsafe { etcd_test_harness::capi::error::etcd_error_status(raw::error(&raw::client_of(&config), "/a").get()) };
    assert_eq!(status, ETCD_ERR_CLUSTER, "and calls end as ever");
}

#[test]
fn a_ttl_must_be_positive() {
    let set = Owned::new(etcd_set_options_new(), etcd_set_options_free);
    let in_order = Owned::new(etcd_create_in_order_options_new(), etcd_create_in_order_options_free);
    for ms in [0, -1, -1000, i64::MIN] {
        // SAFETY: the options are alive.
        unsafe {
            assert_eq!(etcd_set_options_set_ttl_ms(set.get(), ms), ETCD_ERR_INVALID_ARGUMENT, "{ms}");
            assert_eq!(etcd_create_in_order_options_set_ttl_ms(in_order.get(), ms), ETCD_ERR_INVALID_ARGUMENT, "{ms}");
        }
    }
    // SAFETY: the options are alive.
    unsafe {
        assert_eq!(etcd_set_options_set_ttl_ms(set.get(), 1), ETCD_OK);
        assert_eq!(etcd_create_in_order_options_set_ttl_ms(in_order.get(), 1), ETCD_OK);
    }
}

#[test]
fn credentials_prefixes_and_proxies_that_cannot_work_are_refused() {
    let config = raw::config(&[]);
    let config = config.get();
    // SAFETY: the configuration is alive, the strings live for the calls.
    unsafe {
        assert_eq!(etcd_config_set_credentials(config, c"a:b".as_ptr(), c"x".as_ptr()), ETCD_ERR_INVALID_ARGUMENT);
        assert_eq!(etcd_config_set_credentials(config, null(), c"x".as_ptr()), ETCD_OK);
        assert_eq!(etcd_config_set_credentials(config, c"".as_ptr(), null()), ETCD_OK);
        for prefix in ["..", "/../x", "a/../..", &"p".repeat(70_000)] {
            assert_eq!(etcd_config_set_keys_prefix(config, c(prefix).as_ptr()), ETCD_ERR_INVALID_ARGUMENT, "{prefix}");
        }
        for url in
            ["", "proxy:3128", "https://proxy:3128", "socks5://proxy:1", "unix:///proxy", "http://", "http://p:port"]
        {
            assert_eq!(etcd_config_set_proxy(config, c(url).as_ptr()), ETCD_ERR_INVALID_ARGUMENT, "{url:?}");
        }
        assert_eq!(etcd_config_set_proxy(config, c"http://user:secret@proxy:3128".as_ptr()), ETCD_OK);
        assert_eq!(etcd_config_set_proxy(config, null()), ETCD_OK);
    }
}

#[test]
fn a_close_takes_no_negative_time() {
    let client = raw::client(&["http://127.0.0.1:1"]);
    for ms in [-1, i64::MIN] {
        // SAFETY: the client is alive.
        let told = told(|error| unsafe { etcd_client_close(client.get(), ms, error) });
        assert_eq!(told.status, ETCD_ERR_INVALID_ARGUMENT);
        assert!(told.message.starts_with("timeout_ms: "), "{}", told.message);
    }
    // SAFETY: the client is alive.
    let told = told(|error| unsafe { etcd_client_close(client.get(), i64::MAX, error) });
    assert_eq!(told.status, ETCD_OK, "the refused ones closed nothing: {told:?}");
}
