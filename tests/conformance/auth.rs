//! The auth API: answers and names. What holds for every call is in `administration`.

use etcd_test_harness::Client;
use etcd_test_harness::capi::auth_roles::{ETCD_READ, ETCD_READ_WRITE, ETCD_WRITE};
use etcd_test_harness::capi::status::*;
use etcd_test_support::{Reply, ScriptedServer};

const EXISTS: &str = "auth: User bob already exists.";

fn methods(server: &ScriptedServer) -> Vec<String> {
    server.requests().iter().map(|request| request.method.clone()).collect()
}

/// A server whose users API answers looks and puts in this way.
fn users(look: Reply, put: Reply) -> ScriptedServer {
    ScriptedServer::by(move |request| if request.method == "GET" { look.clone() } else { put.clone() })
}

fn missing() -> Reply {
    Reply::json(404, r#"{"message":"auth: User bob does not exist."}"#)
}

#[test]
fn adding_a_user_that_exists_sends_no_password() {
    for look in [
        Reply::json(200, r#"{"user":"bob"}"#),
        Reply::json(200, r#"{"user":"bob","roles":[{"role":"r"}]}"#),
        // A role of the user is gone: the user is not.
        Reply::json(404, r#"{"message":"auth: Role r does not exist."}"#),
    ] {
        let server = users(look, Reply::json(200, r#"{"user":"bob","roles":[]}"#));
        let failure = Client::of(&server.endpoint()).auth().user_add("bob", "new").expect_err("exists");
        assert_eq!((failure.status, failure.http_status, failure.outcome), (ETCD_ERR_AUTH, 409, ETCD_NOT_APPLIED));
        assert_eq!(failure.api_message.as_deref(), Some(EXISTS));
        assert_eq!(failure.endpoint, Some(server.endpoint()));
        assert!(failure.message.contains("etcd_auth_user_change_password"), "{}", failure.message);
        assert_eq!(methods(&server), ["GET"]);
    }
}

#[test]
fn a_look_that_fails_adds_nobody() {
    for look in [
        Reply::new(500),
        Reply::hang_up(),
        Reply::json(401, r#"{"message":"Insufficient credentials"}"#),
        Reply::json(404, "{}"),
        Reply::json(200, "<html>"),
        Reply::json(200, "{}"),
        Reply::json(404, r#"{"message":"Not found"}"#),
    ] {
        let server = users(look, Reply::json(201, r#"{"user":"bob","roles":null}"#));
        let failure = Client::of(&server.endpoint()).auth().user_add("bob", "new").expect_err("unknown");
        assert_eq!(failure.outcome, ETCD_NOT_APPLIED, "{failure:?}");
        assert_eq!(methods(&server), ["GET"]);
    }
}

#[test]
fn two_who_add_the_same_user_are_told() {
    let server = users(missing(), Reply::json(200, r#"{"user":"bob","roles":[]}"#));
    let failure = Client::of(&server.endpoint()).auth().user_add("bob", "new").expect_err("made meanwhile");
    assert_eq!((failure.status, failure.http_status, failure.outcome), (ETCD_ERR_AUTH, 200, ETCD_APPLIED));
    assert_eq!(failure.api_message.as_deref(), Some(EXISTS));
    assert!(failure.message.contains("replaced its password"), "{}", failure.message);
}

#[test]
fn a_missing_user_is_known_in_every_wording() {
    for words in ["auth: User bob does not exist.", "auth: User bob does not exist", "auth: User bob doesn't exist."] {
        let server = ScriptedServer::always(Reply::json(404, &format!(r#"{{"message":"{words}"}}"#)));
        let client = Client::of(&server.endpoint());
        let auth = client.auth();
        let failures = [
            auth.user_get("bob").map(drop),
            auth.user_remove("bob"),
            auth.user_change_password("bob", "x"),
            auth.user_grant("bob", &["r"]),
            auth.user_revoke("bob", &["r"]),
        ];
        for failure in failures.map(|result| result.expect_err("missing")) {
            assert!(failure.is_user_not_found && !failure.is_role_not_found, "{failure:?}");
            assert_eq!((failure.status, failure.outcome), (ETCD_ERR_AUTH, ETCD_NOT_APPLIED));
        }
    }
}

#[test]
fn roles_of_a_user_may_be_objects_names_or_missing() {
    for (body, roles) in [
        (r#"{"user":"bob"}"#, &[][..]),
        (r#"{"user":"bob","roles":null}"#, &[]),
        (r#"{"user":"bob","roles":["r1","r2"]}"#, &["r1", "r2"]),
        (
            r#"{"user":"bob","roles":[{"role":"r1","permissions":{"kv":{"read":[],"write":[]}}},{"role":"r2"}]}"#,
            &["r1", "r2"],
        ),
    ] {
        let server = ScriptedServer::always(Reply::json(200, body));
        assert_eq!(Client::of(&server.endpoint()).auth().user_get("bob").expect(body), roles, "{body}");
    }
    for body in ["{}", "[]", "null", r#"{"user":1}"#, r#"{"user":"bob","roles":{}}"#, r#"{"user":"bob","roles":[1]}"#] {
        let server = ScriptedServer::always(Reply::json(200, body));
        let failure = Client::of(&server.endpoint()).auth().user_get("bob").expect_err(body);
        assert_eq!(failure.status, ETCD_ERR_INVALID_RESPONSE, "{body}");
    }
}

#[test]
fn lists_may_be_of_objects_or_of_names() {
    let body = r#"{"users":[{"user":"a","roles":[{"role":"r"}]},"b"],"roles":["r",{"role":"root"}]}"#;
    let server = ScriptedServer::always(Reply::json(200, body));
    let client = Client::of(&server.endpoint());
    assert_eq!(client.auth().user_list().expect("users"), ["a", "b"]);
    assert_eq!(client.auth().role_list().expect("roles"), ["r", "root"]);
}

#[test]
fn a_role_has_prefixes_to_read_and_to_write() {
    for (kv, read, write) in [
        (r#"{"read":["/a","/b*"],"write":null}"#, &["/a", "/b*"][..], &[][..]),
        (r#"{"read":[],"write":["/c"]}"#, &[], &["/c"]),
        ("{}", &[], &[]),
    ] {
        let body = format!(r#"{{"role":"r","permissions":{{"kv":{kv}}}}}"#);
        let server = ScriptedServer::always(Reply::json(200, &body));
        let lists = Client::of(&server.endpoint()).auth().role_get("r").expect(kv);
        assert_eq!(
            (lists.0, lists.1),
            (read.iter().map(ToString::to_string).collect(), write.iter().map(ToString::to_string).collect())
        );
    }
    let server = ScriptedServer::always(Reply::json(200, r#"{"role":"r"}"#));
    let failure = Client::of(&server.endpoint()).auth().role_get("r").expect_err("no permissions");
    assert_eq!(failure.status, ETCD_ERR_INVALID_RESPONSE);
}

#[test]
fn the_status_is_what_the_server_says() {
    for (body, enabled) in
        [(r#"{"enabled":true}"#, Some(true)), (r#"{"enabled":false}"#, Some(false)), (r#"{"enabled":"no"}"#, None)]
    {
        let server = ScriptedServer::always(Reply::json(200, body));
        assert_eq!(Client::of(&server.endpoint()).auth().status().ok(), enabled, "{body}");
    }
}

#[test]
fn permissions_go_to_the_lists_that_they_name() {
    let server = ScriptedServer::always(Reply::json(200, r#"{"role":"r"}"#));
    let client = Client::of(&server.endpoint());
    for (permission, kv) in [
        (ETCD_READ, r#"{"read":["/a"],"write":null}"#),
        (ETCD_WRITE, r#"{"read":null,"write":["/a"]}"#),
        (ETCD_READ_WRITE, r#"{"read":["/a"],"write":["/a"]}"#),
    ] {
        client.auth().role_grant("r", &["/a"], permission).expect("granted");
        let body = server.requests().pop().expect("a request").text().to_owned();
        assert!(body.ends_with(&format!(r#","grant":{{"kv":{kv}}}}}"#)), "{body}");
    }
    for permission in [-1, 3, i32::MAX] {
        let failure = client.auth().role_grant("r", &["/a"], permission).expect_err("unknown");
        assert_eq!(failure.status, ETCD_ERR_INVALID_ARGUMENT);
        let failure = client.auth().role_revoke("r", &["/a"], permission).expect_err("unknown");
        assert!(failure.message.starts_with("permission: "), "{}", failure.message);
    }
}

#[test]
fn what_the_server_would_take_for_something_else_is_never_sent() {
    let server = ScriptedServer::always(Reply::new(500));
    let client = Client::of(&server.endpoint());
    let auth = client.auth();
    let refused = [
        ("roles", auth.user_grant("bob", &[])),
        ("roles", auth.user_grant("bob", &["r", ""])),
        ("roles", auth.user_revoke("bob", &[])),
        ("prefixes", auth.role_grant("r", &[], 0)),
        ("prefixes", auth.role_grant("r", &["/a", ""], 0)),
        ("prefixes", auth.role_revoke("r", &[], 0)),
        ("password", auth.user_add("bob", "")),
        ("password", auth.user_change_password("bob", "")),
    ];
    for (argument, result) in refused {
        let failure = result.expect_err(argument);
        assert_eq!((failure.status, failure.outcome), (ETCD_ERR_INVALID_ARGUMENT, ETCD_NOT_APPLIED));
        assert!(failure.message.starts_with(&format!("{argument}: ")), "{}", failure.message);
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn no_name_leaves_the_auth_api() {
    let server = ScriptedServer::always(Reply::new(200));
    let client = Client::of(&server.endpoint());
    let auth = client.auth();
    for name in ["", "/", "a/b", ".", "..", "../roles/r", "../../keys/a"] {
        let results = [
            auth.user_add(name, "p"),
            auth.user_change_password(name, "p"),
            auth.user_remove(name),
            auth.user_get(name).map(drop),
            auth.user_grant(name, &["r"]),
            auth.user_revoke(name, &["r"]),
            auth.role_add(name),
            auth.role_remove(name),
            auth.role_get(name).map(drop),
            auth.role_grant(name, &["/a"], 0),
            auth.role_revoke(name, &["/a"], 0),
        ];
        for failure in results.map(|result| result.expect_err(name)) {
            assert_eq!(failure.status, ETCD_ERR_INVALID_ARGUMENT, "{name}");
            assert!(failure.message.starts_with("user: ") || failure.message.starts_with("role: "));
        }
    }
    assert_eq!(server.connections(), 0);
    auth.user_remove("a b?c%2F<é>").expect("one segment");
    assert_eq!(server.requests()[0].target, "/v2/auth/users/a%20b%3Fc%252F%3C%C3%A9%3E");
}
