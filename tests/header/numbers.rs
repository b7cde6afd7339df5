//! The numbers in the header are those of the library and of Cargo.toml, and do not change.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs;

use etcd_client::capi::{status, version};
use etcd_client::core::status::Status;
use etcd_test_support::stage::include_dir;

fn constants() -> BTreeMap<String, String> {
    let header = fs::read_to_string(include_dir().join("etcd_client.h")).expect("the header");
    let defines = header.lines().filter_map(|line| line.strip_prefix("#define "));
    defines.filter_map(|line| line.split_once(' ')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn every_status_has_the_same_number_and_name_in_the_header_and_in_the_library() {
    let constants = constants();
    for status in Status::ALL {
        let name = status.name().to_str().expect("UTF-8");
        assert_eq!(constants.get(name), Some(&status.number().to_string()), "{name}");
        // SAFETY: static strings.
        let told = unsafe { CStr::from_ptr(status::etcd_status_name(status.number())) };
        assert_eq!(told, status.name());
    }
    let in_header = constants.keys().filter(|name| name.starts_with("ETCD_ERR_") || *name == "ETCD_OK").count();
    assert_eq!(in_header, Status::ALL.len());
}

#[test]
fn the_numbers_of_the_contract_do_not_change() {
    let constants = constants();
    let contract = [
        ("ETCD_OK", 0),
        ("ETCD_ERR_INVALID_ARGUMENT", 1),
        ("ETCD_ERR_CLOSED", 2),
        ("ETCD_ERR_WOULD_DEADLOCK", 3),
        ("ETCD_ERR_FORKED", 4),
        ("ETCD_ERR_BUSY", 5),
        ("ETCD_ERR_ALREADY_TAKEN", 6),
        ("ETCD_ERR_NOT_READY", 7),
        ("ETCD_ERR_UNSUPPORTED", 8),
        ("ETCD_ERR_CANCELED", 100),
        ("ETCD_ERR_DEADLINE_EXCEEDED", 101),
        ("ETCD_ERR_CLUSTER", 200),
        ("ETCD_ERR_NO_ENDPOINTS", 201),
        ("ETCD_ERR_NO_LEADER_ENDPOINT", 202),
        ("ETCD_ERR_API_NOT_SERVED", 203),
        ("ETCD_ERR_CONNECT", 300),
        ("ETCD_ERR_DNS", 301),
        ("ETCD_ERR_TLS", 302),
        ("ETCD_ERR_IO", 303),
        ("ETCD_ERR_TIMEOUT", 304),
        ("ETCD_ERR_HTTP_STATUS", 305),
        ("ETCD_ERR_NO_LEADER", 306),
        ("ETCD_ERR_TOO_MANY_REDIRECTS", 307),
        ("ETCD_ERR_BAD_REDIRECT", 308),
        ("ETCD_ERR_API", 400),
        ("ETCD_ERR_AUTH", 401),
        ("ETCD_ERR_MEMBERS", 402),
        ("ETCD_ERR_INVALID_RESPONSE", 403),
        ("ETCD_ERR_EMPTY_BODY", 404),
        ("ETCD_ERR_TOO_LARGE", 405),
        ("ETCD_ERR_NO_MEMORY", 900),
        ("ETCD_ERR_PANIC", 901),
        ("ETCD_ERR_INTERNAL", 902),
        ("ETCD_API_KEY_NOT_FOUND", 100),
        ("ETCD_API_COMPARE_FAILED", 101),
        ("ETCD_SELECT_RANDOM", 0),
        ("ETCD_SELECT_LEADER", 1),
        ("ETCD_PREV_IGNORE", 0),
        ("ETCD_PREV_EXIST", 1),
        ("ETCD_PREV_NO_EXIST", 2),
        ("ETCD_NOT_APPLIED", 0),
        ("ETCD_MAYBE_APPLIED", 1),
        ("ETCD_APPLIED", 2),
        ("ETCD_LOG_ERROR", 1),
        ("ETCD_LOG_WARN", 2),
        ("ETCD_LOG_INFO", 3),
        ("ETCD_LOG_DEBUG", 4),
        ("ETCD_PROTOCOL_AUTO", 0),
        ("ETCD_PROTOCOL_V2", 2),
        ("ETCD_PROTOCOL_V3", 3),
        ("ETCD_ACTION_UNKNOWN", 0),
    ];
    for (name, number) in contract {
        assert_eq!(constants.get(name), Some(&number.to_string()), "{name}");
    }
}

#[test]
fn the_version_is_that_of_cargo_toml() {
    let constants = constants();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(constants.get("ETCD_CLIENT_VERSION"), Some(&format!("\"{version}\"")));
    let parts: Vec<u32> = version.split('.').map(|part| part.parse().expect("a number")).collect();
    for (name, part) in ["MAJOR", "MINOR", "PATCH"].iter().zip(&parts) {
        assert_eq!(constants.get(&format!("ETCD_CLIENT_VERSION_{name}")), Some(&part.to_string()));
    }
    assert_eq!(version::etcd_version_number(), parts[0] << 16 | parts[1] << 8 | parts[2]);
    // SAFETY: static strings.
    let (told, info) = unsafe { (CStr::from_ptr(version::etcd_version()), CStr::from_ptr(version::etcd_build_info())) };
    assert_eq!(told.to_str(), Ok(version));
    assert!(info.to_str().expect("UTF-8").contains(version));
}
