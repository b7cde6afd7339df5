//! `etcdserver/api/v2error/error_test.go`, `v2http/http_test.go` and `v2http/httptypes/errors_test.go`: every error that
//! a server can send, as this client reads it.

use etcd_test_harness::capi::status::*;
use etcd_test_support::Reply;

use crate::scripted::{indexed, of_answer};

/// Code, HTTP status and message of all errors of the v2 API.
const ERRORS: [(i32, u16, &str); 32] = [
    (100, 404, "Key not found"),
    (101, 412, "Compare failed"),
    (102, 403, "Not a file"),
    (103, 400, "Reached the max number of peers in the cluster"),
    (104, 400, "Not a directory"),
    (105, 412, "Key already exists"),
    (106, 400, "The prefix of given key is a keyword in etcd"),
    (107, 400, "Root is read only"),
    (108, 403, "Directory not empty"),
    (109, 400, "Peer address has existed"),
    (110, 401, "The request requires user authentication"),
    (200, 400, "Value is Required in POST form"),
    (201, 400, "PrevValue is Required in POST form"),
    (202, 400, "The given TTL in POST form is not a number"),
    (203, 400, "The given index in POST form is not a number"),
    (204, 400, "Value or TTL is required in POST form"),
    (205, 400, "The given timeout in POST form is not a number"),
    (206, 400, "Name is required in POST form"),
    (207, 400, "Index or value is required"),
    (208, 400, "Index and value cannot both be specified"),
    (209, 400, "Invalid field"),
    (210, 400, "Invalid POST form"),
    (211, 400, "Value provided on refresh"),
    (212, 400, "A TTL must be provided on refresh"),
    (300, 500, "Raft Internal Error"),
    (301, 500, "During Leader Election"),
    (400, 400, "watcher is cleared due to etcd recovery"),
    (401, 400, "The event in requested index is outdated and cleared"),
    (402, 400, "Standby Internal Error"),
    (403, 400, "Invalid active size"),
    (404, 400, "Standby remove delay"),
    (500, 400, "Client Internal Error"),
];

#[test]
fn error_write_to() {
    for (code, http_status, message) in ERRORS {
        let body = format!("{{\"errorCode\":{code},\"message\":\"{message}\",\"index\":1}}\n");
        let failure = of_answer(indexed(http_status, "1", &body), |client| client.get("/foo")).expect_err(message);
        // The endpoint's own failure, which a 500 only is a part of.
        let told = if http_status == 500 { failure.list.first().expect("the cause") } else { &failure };
        let status = match code {
            300 => ETCD_ERR_HTTP_STATUS,
            301 => ETCD_ERR_NO_LEADER,
            _ => ETCD_ERR_API,
        };
        assert_eq!((told.status, told.http_status), (status, i32::from(http_status)), "{failure:?}");
        assert_eq!((told.api_code, told.api_index), (code, 1));
        assert_eq!((told.api_message.as_deref(), told.api_cause.as_deref()), (Some(message), None));
        assert!(told.message.contains(&format!("{code}: {message} [1]")), "{}", told.message);
    }
}

#[test]
fn write_error() {
    // No error at all is no answer at all.
    let nothing = of_answer(Reply::new(200), |client| client.get("/foo")).expect_err("nothing");
    assert_eq!((nothing.status, nothing.api_code), (ETCD_ERR_EMPTY_BODY, 0));
    for (code, http_status, index) in [(100, 404, 123), (101, 412, 456)] {
        let body = format!(r#"{{"errorCode":{code},"message":"m","cause":"/foo/bar","index":{index}}}"#);
        let reply = Reply::etcd(http_status, index, &body);
        let failure = of_answer(reply, |client| client.get("/foo/bar")).expect_err("an error");
        assert_eq!((failure.api_code, failure.http_status), (code, i32::from(http_status)));
        assert_eq!((failure.api_index, failure.api_cause.as_deref()), (index, Some("/foo/bar")));
    }
    let reply = Reply::json(500, r#"{"message":"Internal Server Error"}"#);
    let failure = of_answer(reply, |client| client.get("/foo")).expect_err("an error");
    let cause = failure.list.first().expect("the cause");
    assert_eq!((cause.status, cause.http_status, cause.api_code), (ETCD_ERR_HTTP_STATUS, 500, 0));
    assert!(cause.message.contains("Internal Server Error"), "{}", cause.message);
}

#[test]
fn allow_method() {
    // No call sends a method that etcd does not allow; what stands between may refuse one all the same.
    for allowed in ["GET,POST,PUT", "GET,POST", ""] {
        let reply = Reply::new(405).header("Allow", allowed).header("Content-Type", "text/plain; charset=utf-8");
        let failure = of_answer(reply.body("Method Not Allowed\n"), |client| client.get("/foo")).expect_err("refused");
        assert_eq!((failure.status, failure.http_status), (ETCD_ERR_INVALID_RESPONSE, 405));
        assert!(failure.message.contains("Method Not Allowed"), "{}", failure.message);
    }
}
