//! What is refused: etcd's errors, servers that fail, servers that are not etcd, and servers without the v2 API.

use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Context, Failure};
use etcd_test_support::{Place, Reply, ScriptedServer, refused_endpoint};

use crate::wire::accepted;

/// What a get, a set, a create and a delete make of the same answer.
fn all_refused(reply: &Reply) -> [Failure; 4] {
    let server = ScriptedServer::always(reply.clone());
    let client = Client::of(&server.endpoint());
    let results = [client.get("/foo"), client.set("/foo", "x"), client.create("/foo", "x"), client.delete("/foo")];
    results.map(|result| result.expect_err("refused"))
}

fn outcomes(failures: &[Failure; 4]) -> [i32; 4] {
    failures.each_ref().map(|failure| failure.outcome)
}

const NOTHING_HAPPENED: [i32; 4] = [ETCD_NOT_APPLIED; 4];
const WRITES_MAY_HAVE: [i32; 4] = [ETCD_NOT_APPLIED, ETCD_MAYBE_APPLIED, ETCD_MAYBE_APPLIED, ETCD_MAYBE_APPLIED];

#[test]
fn unmarshal_failed_keys_response_keeps_every_field() {
    let body = r#"{"errorCode":100,"message":"Key not found","cause":"/foo","index":18}"#;
    let server = ScriptedServer::always(Reply::etcd(404, 18, body));
    let failure = Client::of(&server.endpoint()).get("/foo").expect_err("refused");
    assert_eq!((failure.status, failure.http_status, failure.outcome), (ETCD_ERR_API, 404, ETCD_NOT_APPLIED));
    assert_eq!((failure.api_code, failure.api_index), (ETCD_API_KEY_NOT_FOUND, 18));
    assert_eq!(failure.api_message.as_deref(), Some("Key not found"));
    assert_eq!(failure.api_cause.as_deref(), Some("/foo"));
    assert_eq!(failure.endpoint, Some(server.endpoint()));
    assert!(failure.message.starts_with("100: Key not found (/foo) [18]"), "{}", failure.message);
    assert_eq!((failure.detail, failure.list), (failure.message, Vec::new()));
}

#[test]
fn unmarshal_failed_keys_response_bad_json_is_no_etcd_error() {
    for body in
        [r#"{"er"#, "", "{}", "null", "[]", "404 page not here", r#"{"errorCode":"100"}"#, r#"{"message":"Not Found"}"#]
    {
        let failures = all_refused(&Reply::new(404).body(body));
        assert_eq!(outcomes(&failures), WRITES_MAY_HAVE, "{body}");
        for failure in failures {
            assert_eq!((failure.status, failure.http_status), (ETCD_ERR_INVALID_RESPONSE, 404), "{body}");
            assert_eq!((failure.api_code, failure.api_index), (0, 0), "{body}");
        }
    }
}

#[test]
fn every_code_is_passed_on_with_its_status_and_words() {
    // Code, HTTP status, message and cause; 103 to 109 and from 402 on are etcd 0.4's.
    let codes = [
        (ETCD_API_KEY_NOT_FOUND, 404, "Key not found", "/foo"),
        (ETCD_API_COMPARE_FAILED, 412, "Compare failed", "[one != two] [3 != 4]"),
        (ETCD_API_NOT_FILE, 403, "Not a file", "/foo"),
        (ETCD_API_NO_MORE_PEER, 400, "Reached the max number of peers in the cluster", ""),
        (ETCD_API_NOT_DIR, 400, "Not a directory", "/foo"),
        (ETCD_API_NODE_EXIST, 412, "Key already exists", "/foo"),
        (ETCD_API_KEY_IS_PRESERVED, 400, "The prefix of given key is a keyword in etcd", ""),
        (ETCD_API_ROOT_READ_ONLY, 400, "Root is read only", "/"),
        (ETCD_API_DIR_NOT_EMPTY, 403, "Directory not empty", "/foo"),
        (ETCD_API_EXISTING_PEER_ADDR, 400, "Peer address has existed", ""),
        (ETCD_API_UNAUTHORIZED, 401, "The request requires user authentication", "Insufficient credentials"),
        (ETCD_API_VALUE_REQUIRED, 400, "Value is Required in POST form", ""),
        (ETCD_API_PREV_VALUE_REQUIRED, 400, "PrevValue is Required in POST form", ""),
        (ETCD_API_TTL_NAN, 400, "The given TTL in POST form is not a number", "invalid value for \"ttl\""),
        (ETCD_API_INDEX_NAN, 400, "The given index in POST form is not a number", "invalid value for \"prevIndex\""),
        (ETCD_API_VALUE_OR_TTL_REQUIRED, 400, "Value or TTL is required in POST form", ""),
        (ETCD_API_TIMEOUT_NAN, 400, "The given timeout in POST form is not a number", ""),
        (ETCD_API_NAME_REQUIRED, 400, "Name is required in POST form", ""),
        (ETCD_API_INDEX_OR_VALUE_REQUIRED, 400, "Index or value is required", ""),
        (ETCD_API_INDEX_VALUE_MUTEX, 400, "Index and value cannot both be specified", ""),
        (ETCD_API_INVALID_FIELD, 400, "Invalid field", "invalid value for \"recursive\""),
        (ETCD_API_INVALID_FORM, 400, "Invalid POST form", "http: POST too large"),
        (ETCD_API_REFRESH_VALUE, 400, "Value provided on refresh", ""),
        (ETCD_API_REFRESH_TTL_REQUIRED, 400, "A TTL must be provided on refresh", ""),
        (ETCD_API_WATCHER_CLEARED, 400, "watcher is cleared due to etcd recovery", ""),
        (ETCD_API_EVENT_INDEX_CLEARED, 400, "The event in requested index is outdated and cleared", "[5/1]"),
        (ETCD_API_STANDBY_INTERNAL, 400, "Standby Internal Error", ""),
        (ETCD_API_INVALID_ACTIVE_SIZE, 400, "Invalid active size", ""),
        (ETCD_API_INVALID_REMOVE_DELAY, 400, "Standby remove delay", ""),
        (ETCD_API_CLIENT_INTERNAL, 400, "Client Internal Error", ""),
        // Unknown ones as well.
        (4711, 409, "From the future", "later"),
        (-1, 400, "Below zero", ""),
    ];
    for (code, http_status, message, cause) in codes {
        let cause = (!cause.is_empty()).then_some(cause);
        let mut body = serde_json::json!({"errorCode": code, "message": message, "index": 18});
        if let Some(cause) = cause {
            body["cause"] = cause.into();
        }
        let failures = all_refused(&Reply::etcd(http_status, 18, &format!("{body}\n")));
        // etcd refused, so nothing was written.
        assert_eq!(outcomes(&failures), NOTHING_HAPPENED, "{code}");
        for failure in failures {
            assert_eq!((failure.status, failure.http_status), (ETCD_ERR_API, i32::from(http_status)), "{code}");
            assert_eq!((failure.api_code, failure.api_index), (code, 18));
            assert_eq!(failure.api_message.as_deref(), Some(message));
            assert_eq!(failure.api_cause.as_deref().unwrap_or_default(), cause.unwrap_or_default());
        }
    }
}

#[test]
fn an_error_without_message_or_cause_has_none() {
    let [failure, ..] = all_refused(&Reply::json(400, r#"{"errorCode":107,"message":"Root is read only","index":1}"#));
    assert_eq!((failure.api_message.as_deref(), failure.api_cause), (Some("Root is read only"), None));
    let [failure, ..] = all_refused(&Reply::json(404, r#"{"errorCode":100}"#));
    assert_eq!((failure.status, failure.api_message, failure.api_cause), (ETCD_ERR_API, None, None));
}

#[test]
fn the_names_of_an_error_are_read_in_any_case() {
    let body = r#"{"ERRORCODE":105,"Message":"Key already exists","CAUSE":"/foo","Index":18446744073709551615}"#;
    let [_, _, failure, _] = all_refused(&Reply::json(412, body));
    assert_eq!((failure.status, failure.api_code, failure.api_index), (ETCD_ERR_API, ETCD_API_NODE_EXIST, u64::MAX));
    assert_eq!(
        (failure.api_message.as_deref(), failure.api_cause.as_deref()),
        (Some("Key already exists"), Some("/foo"))
    );
}

#[test]
fn a_message_is_one_line_whatever_the_server_says() {
    let body = r#"{"errorCode":101,"message":"Compare failed","cause":"[one\ntwo\r\n != three]","index":18}"#;
    for failure in all_refused(&Reply::json(412, body)) {
        assert_eq!(failure.api_cause.as_deref(), Some("[one\ntwo\r\n != three]"));
        assert!(!failure.message.contains(char::is_control), "{:?}", failure.message);
    }
}

#[test]
fn an_excerpt_of_a_body_is_one_line_too() {
    for http_status in [418, 500] {
        for failure in all_refused(&Reply::new(http_status).body("one\r\ntwo\u{7}\n\0three")) {
            assert!(!failure.message.contains(char::is_control), "{:?}", failure.message);
        }
    }
}

#[test]
fn http_keys_api_get_set_delete_error_for_a_broken_connection() {
    let server = ScriptedServer::always(Reply::hang_up());
    let client = Client::of(&server.endpoint());
    for (failure, outcome) in [
        (client.get("/foo").expect_err("broken"), ETCD_NOT_APPLIED),
        (client.set("/foo", "x").expect_err("broken"), ETCD_MAYBE_APPLIED),
    ] {
        assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_CLUSTER, vec![ETCD_ERR_IO]));
        assert_eq!((failure.outcome, failure.http_status), (outcome, 0));
    }
    let failure = client.delete("/foo").expect_err("broken");
    assert_eq!((failure.status, failure.statuses()), (ETCD_ERR_IO, vec![ETCD_ERR_IO]));
    assert_eq!(failure.outcome, ETCD_MAYBE_APPLIED);
}

#[test]
fn http_keys_api_get_set_delete_error_for_a_teapot() {
    let failures = all_refused(&Reply::new(418));
    assert_eq!(outcomes(&failures), WRITES_MAY_HAVE);
    for failure in failures {
        assert_eq!((failure.status, failure.http_status), (ETCD_ERR_INVALID_RESPONSE, 418));
        assert_eq!((failure.api_code, failure.api_message), (0, None));
    }
}

#[test]
fn http_keys_api_get_set_delete_error_for_a_500_with_an_etcd_error() {
    let cases = [
        (300, "Raft Internal Error", "etcdserver: request timed out", ETCD_ERR_HTTP_STATUS),
        (301, "During Leader Election", "", ETCD_ERR_NO_LEADER),
    ];
    for (code, message, cause, status) in cases {
        let body = serde_json::json!({"errorCode": code, "message": message, "cause": cause, "index": 0});
        let [get, set, create, delete] = all_refused(&Reply::json(500, &body.to_string()));
        assert_eq!((get.status, get.outcome), (ETCD_ERR_CLUSTER, ETCD_NOT_APPLIED));
        // Go calls both "has no leader" and forgets the rest.
        for failure in [get, set, create, delete] {
            let [entry] = &failure.list[..] else { panic!("one attempt: {failure:?}") };
            assert_eq!((entry.status, entry.http_status, entry.api_code), (status, 500, code));
            assert_eq!(entry.api_message.as_deref(), Some(message));
            assert_eq!(entry.api_cause.as_deref().unwrap_or_default(), cause);
            assert!(failure.message.contains(message), "{}", failure.message);
        }
    }
}

/// A server without the v2 API that tells its version, or not.
fn without_v2(version: Option<&'static str>) -> ScriptedServer {
    ScriptedServer::by(move |request| match version {
        Some(version) if request.path().ends_with("/version") => {
            Reply::json(200, &format!(r#"{{"etcdserver":"{version}","etcdcluster":"3.4.0"}}"#))
        }
        _ => Reply::v2_off(),
    })
}

#[test]
fn a_server_without_the_v2_api_is_named_with_its_version_and_the_remedy() {
    let cases = [
        (Some("3.4.23"), "(etcd 3.4.23)", "--enable-v2=true"),
        (Some("3.5.17"), "(etcd 3.5.17)", "--enable-v2=true"),
        (Some("3.6.0"), "(etcd 3.6.0)", "3.6 removed it"),
        (Some("4.0.0-rc.1"), "(etcd 4.0.0-rc.1)", "3.6 removed it"),
        (None, "v2 API is not served", "--enable-v2=true"),
    ];
    for (version, shown, remedy) in cases {
        let server = without_v2(version);
        let client = Client::of(&server.endpoint());
        let failures = [client.get("/a"), client.set("/a", "x"), client.create("/a", "x"), client.delete("/a")];
        for failure in failures.map(|result| result.expect_err("no v2")) {
            assert_eq!((failure.status, failure.outcome), (ETCD_ERR_API_NOT_SERVED, ETCD_NOT_APPLIED));
            assert_eq!((failure.http_status, failure.endpoint.clone()), (404, Some(server.endpoint())));
            for part in [shown, remedy, &server.endpoint()] {
                assert!(failure.message.contains(part), "no {part} in: {}", failure.message);
            }
        }
    }
}

#[test]
fn the_version_is_asked_below_the_endpoints_own_path() {
    let server = ScriptedServer::by(|request| match request.path() {
        "/etcd/version" => Reply::json(200, r#"{"etcdserver":"3.5.17","etcdcluster":"3.5.0"}"#),
        _ => Reply::v2_off(),
    });
    let failure = Client::of(&format!("{}/etcd", server.endpoint())).get("/a").expect_err("no v2");
    assert_eq!(failure.status, ETCD_ERR_API_NOT_SERVED);
    assert!(failure.message.contains("(etcd 3.5.17)"), "{}", failure.message);
}

/// A server without the v2 API that takes a request for its version and never answers it.
fn without_v2_and_silent() -> ScriptedServer {
    ScriptedServer::by(|request| match request.path() {
        "/version" => Reply::new(200).stall_at(Place::Start),
        _ => Reply::v2_off(),
    })
}

#[test]
fn a_version_that_is_not_told_in_time_changes_nothing() {
    let server = without_v2_and_silent();
    let client = Config::new(&[server.endpoint()]).header_timeout_ms(50).build();
    let failure = client.create("/a", "x").expect_err("no v2");
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_API_NOT_SERVED, ETCD_NOT_APPLIED), "{failure:?}");
}

#[test]
fn a_write_that_is_cut_off_while_the_version_is_asked_has_not_happened() {
    let server = without_v2_and_silent();
    let (client, context) = (Client::of(&server.endpoint()), Context::new());
    let failure = std::thread::scope(|scope| {
        let call = scope.spawn(|| client.create_with(Some(&context), "/a", "x").expect_err("cancelled"));
        assert_eq!(server.wait_for_requests(2)[1].path(), "/version");
        context.cancel();
        call.join().expect("the call")
    });
    // The server had answered that it knows no such path.
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_CANCELED, ETCD_NOT_APPLIED), "{failure:?}");
}

#[test]
fn an_endpoint_that_serves_v2_is_asked_after_one_that_does_not() {
    let (off, on) = (without_v2(Some("3.5.17")), ScriptedServer::always(accepted()));
    let client = Client::starting_at_first(|| Config::new(&[off.endpoint(), on.endpoint()]), &off.endpoint());
    client.create("/a", "x").expect("the second one serves it");
    client.create("/a", "x").expect("and is asked first from now on");
    assert_eq!((off.requests().iter().filter(|request| request.method == "PUT").count(), on.requests().len()), (1, 2));
}

#[test]
fn servers_that_do_not_answer_do_not_hide_that_v2_is_off_on_those_that_do() {
    let (off, refused) = (without_v2(Some("3.5.17")), refused_endpoint());
    let failure = Client::of_all(&[off.endpoint(), refused.endpoint()]).get("/a").expect_err("no v2");
    let mut statuses = failure.statuses();
    statuses.sort_unstable();
    assert_eq!(statuses, [ETCD_ERR_API_NOT_SERVED, ETCD_ERR_CONNECT]);
    assert_eq!(failure.status, ETCD_ERR_API_NOT_SERVED, "{}", failure.message);
}
