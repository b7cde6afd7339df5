//! The auth API of a real etcd: users, roles, grants, and what they may do with keys.

use etcd_test_harness::capi::auth_roles::{ETCD_READ, ETCD_READ_WRITE, ETCD_WRITE};
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Failure, Get};
use etcd_test_support::{EtcdServer, Oracle};

/// Without users.
fn start() -> EtcdServer {
    EtcdServer::builder().without_auth().start()
}

fn anybody(server: &EtcdServer) -> Client {
    Config::new(&[server.endpoint()]).anonymous().build()
}

fn user(server: &EtcdServer, name: &str, password: &str) -> Client {
    Config::new(&[server.endpoint()]).credentials(name, password).build()
}

/// Whether the server takes this password for the user, in the eyes of an independent client. Auth must be on.
fn is_password(server: &EtcdServer, name: &str, password: &str) -> bool {
    let answer = Oracle::new(server.endpoint()).as_user(name, password).get("/v2/keys/");
    assert!(matches!(answer.status, 200 | 401), "{answer:?}");
    answer.status == 200
}

fn assert_refused<T: std::fmt::Debug>(result: Result<T, Failure>, http_status: i32, words: &str) -> Failure {
    let failure = result.expect_err(words);
    assert_eq!((failure.status, failure.outcome), (ETCD_ERR_AUTH, ETCD_NOT_APPLIED), "{failure:?}");
    assert_eq!((failure.http_status, failure.api_message.as_deref()), (http_status, Some(words)), "{failure:?}");
    assert!(failure.message.contains(failure.endpoint.as_deref().expect("an endpoint")), "{}", failure.message);
    failure
}

fn assert_unauthorized<T: std::fmt::Debug>(result: Result<T, Failure>) {
    let failure = result.expect_err("unauthorized");
    assert_eq!((failure.status, failure.api_code), (ETCD_ERR_API, ETCD_API_UNAUTHORIZED), "{failure:?}");
    assert_eq!((failure.http_status, failure.outcome), (401, ETCD_NOT_APPLIED));
}

// etcd: AuthFlow of client_auth_test.go, and GetRoleUser, UserList, RoleList of ctl_v2_test.go.
#[test]
fn the_whole_life_of_users_and_roles() {
    let server = start();
    let client = anybody(&server);
    let auth = client.auth();
    assert_eq!(auth.user_list().expect("no users"), [""; 0]);
    assert_eq!(auth.role_list().expect("the built-in role"), ["root"]);

    auth.user_add("bob", "secret").expect("added");
    auth.user_add("a ?b<é>", "secret").expect("added");
    assert_eq!(auth.user_list().expect("users"), ["a ?b<é>", "bob"]);
    assert_eq!(auth.user_get("bob").expect("bob"), [""; 0]);

    auth.role_add("reader").expect("added");
    auth.role_add("writer").expect("added");
    assert_eq!(auth.role_list().expect("roles"), ["reader", "root", "writer"]);
    assert_refused(auth.role_add("reader"), 409, "auth: Role reader already exists.");
    assert_refused(auth.role_add("root"), 403, "auth: Cannot modify role root: is root role.");
    assert_refused(auth.role_remove("root"), 403, "auth: Cannot modify role root: is root role.");

    auth.role_grant("reader", &["/a/*", "/b"], ETCD_READ).expect("granted");
    auth.role_grant("reader", &["/c"], ETCD_READ_WRITE).expect("granted");
    auth.role_grant("writer", &["/w*"], ETCD_WRITE).expect("granted");
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(auth.role_get("reader").expect("reader"), (texts(&["/a/*", "/b", "/c"]), texts(&["/c"])));
    assert_eq!(auth.role_get("writer").expect("writer"), (texts(&[]), texts(&["/w*"])));
    assert_refused(
        auth.role_grant("reader", &["/new", "/b"], ETCD_READ),
        409,
        "auth: Granting duplicate read permission /b",
    );
    auth.role_revoke("reader", &["/c", "/not-granted"], ETCD_READ_WRITE).expect("revoked");
    assert_eq!(auth.role_get("reader").expect("all or nothing"), (texts(&["/a/*", "/b"]), texts(&[])));
    assert_refused(
        auth.role_revoke("reader", &["/c"], ETCD_READ),
        400,
        "auth: Role not updated. Use grant/revoke to update the role.",
    );

    auth.user_grant("bob", &["writer", "reader"]).expect("granted");
    assert_eq!(auth.user_get("bob").expect("no blanks before the names"), ["reader", "writer"]);
    assert_refused(auth.user_grant("bob", &["reader"]), 409, "auth: Granting duplicate role reader for user bob");
    auth.user_revoke("bob", &["writer"]).expect("revoked");
    assert_refused(auth.user_revoke("bob", &["writer"]), 409, "auth: Revoking ungranted role writer for user bob");
    assert_eq!(auth.user_get("bob").expect("bob"), ["reader"]);

    auth.role_remove("reader").expect("removed");
    let failure = assert_refused(auth.user_get("bob"), 404, "auth: Role reader does not exist.");
    assert!(failure.is_role_not_found && failure.message.contains("revoke"), "{}", failure.message);
    auth.user_revoke("bob", &["reader"]).expect("what the message says helps");
    assert_eq!(auth.user_get("bob").expect("bob"), [""; 0]);
    auth.user_remove("bob").expect("removed");
    assert_eq!(auth.user_list().expect("users"), ["a ?b<é>"]);
}

#[test]
fn whoever_is_missing_is_not_found() {
    let server = start();
    let client = anybody(&server);
    let auth = client.auth();
    let users = [
        auth.user_get("bob").map(drop),
        auth.user_remove("bob"),
        auth.user_change_password("bob", "x"),
        auth.user_grant("bob", &["root"]),
        auth.user_revoke("bob", &["root"]),
    ];
    for failure in users.map(|result| result.expect_err("missing")) {
        assert!(failure.is_user_not_found && !failure.is_role_not_found, "{failure:?}");
        assert_eq!((failure.status, failure.http_status), (ETCD_ERR_AUTH, 404));
    }
    let roles = [
        auth.role_get("r").map(drop),
        auth.role_remove("r"),
        auth.role_grant("r", &["/a"], ETCD_READ),
        auth.role_revoke("r", &["/a"], ETCD_READ),
    ];
    for failure in roles.map(|result| result.expect_err("missing")) {
        assert!(failure.is_role_not_found && !failure.is_user_not_found, "{failure:?}");
        assert_eq!((failure.status, failure.http_status), (ETCD_ERR_AUTH, 404));
    }
}

#[test]
fn a_missing_user_is_not_made_by_a_password_change() {
    let server = start();
    let client = anybody(&server);
    client.auth().user_change_password("bob", "x").expect_err("missing");
    assert_eq!(client.auth().user_list().expect("users"), [""; 0]);
}

#[test]
fn an_existing_user_keeps_its_password_and_a_change_replaces_it() {
    let server = start();
    let client = anybody(&server);
    client.auth().user_add("root", "toor").expect("added");
    client.auth().user_add("bob", "first").expect("added");
    client.auth().role_add("some").expect("added");
    client.auth().user_grant("bob", &["some", "gone"]).expect("granted");
    // Otherwise nobody needs a right password to read.
    client.auth().role_grant("some", &["*"], ETCD_READ).expect("granted");
    client.auth().enable().expect("enabled");
    let root = user(&server, "root", "toor");
    assert_refused(root.auth().user_add("bob", "second"), 409, "auth: User bob already exists.");
    assert!(is_password(&server, "bob", "first") && !is_password(&server, "bob", "second"));
    root.auth().user_change_password("bob", "third").expect("changed");
    assert!(is_password(&server, "bob", "third") && !is_password(&server, "bob", "first"));
    root.auth().user_revoke("bob", &["gone"]).expect("the roles are as they were");
    assert_eq!(root.auth().user_get("bob").expect("bob"), ["some"]);
    root.auth().user_change_password("root", "new").expect("changed");
    assert_refused(root.auth().user_list(), 401, "Insufficient credentials");
    assert_eq!(user(&server, "root", "new").auth().user_get("root").expect("root"), ["root"]);
}

#[test]
fn auth_is_enabled_by_root_and_disabled_by_nobody_else() {
    let server = start();
    let client = anybody(&server);
    assert!(!client.auth().status().expect("off"));
    assert_refused(client.auth().disable(), 409, "auth: already disabled");
    let failure = assert_refused(client.auth().enable(), 409, "auth: No root user available, please create one");
    assert!(failure.message.contains("etcd_auth_user_add"), "{}", failure.message);
    client.auth().user_add("root", "toor").expect("added");
    client.auth().user_add("bob", "secret").expect("added");
    client.auth().enable().expect("enabled");
    assert!(client.auth().status().expect("the status needs no user"));

    let root = user(&server, "root", "toor");
    assert_refused(root.auth().enable(), 409, "auth: already enabled");
    assert_refused(root.auth().user_remove("root"), 403, "auth: Cannot delete root user while auth is enabled.");
    for other in [client, user(&server, "bob", "secret"), user(&server, "root", "wrong"), user(&server, "eve", "x")] {
        let auth = other.auth();
        let refused = [
            auth.enable(),
            auth.disable(),
            auth.user_add("eve", "x"),
            auth.user_change_password("bob", "x"),
            auth.user_remove("bob"),
            auth.user_get("bob").map(drop),
            auth.user_list().map(drop),
            auth.user_grant("bob", &["root"]),
            auth.user_revoke("bob", &["root"]),
            auth.role_add("r"),
            auth.role_remove("r"),
            auth.role_get("root").map(drop),
            auth.role_list().map(drop),
            auth.role_grant("r", &["/a"], ETCD_READ),
            auth.role_revoke("r", &["/a"], ETCD_READ),
        ];
        for result in refused {
            let failure = assert_refused(result, 401, "Insufficient credentials");
            assert!(failure.message.contains("the role root"), "{}", failure.message);
        }
        let members = [other.members_remove(None, "1"), other.members_update(None, "1", &["http://a:1"])];
        for failure in members.map(|result| result.expect_err("refused")) {
            assert_eq!((failure.status, failure.http_status), (ETCD_ERR_MEMBERS, 401), "{failure:?}");
        }
        assert_eq!(other.members_list(None).expect("needs no user").len(), 1);
    }
    root.auth().disable().expect("disabled");
    assert!(!root.auth().status().expect("off"));
    assert_eq!(root.auth().user_list().expect("users stay"), ["bob", "root"]);
}

// etcd: PrefixAccess of client_auth_test.go, and Issue5182 of v2_curl_test.go.
#[test]
fn users_and_guests_do_with_keys_what_their_roles_allow() {
    let server = start();
    let open = anybody(&server);
    let auth = open.auth();
    auth.user_add("root", "toor").expect("added");
    auth.user_add("bob", "secret").expect("added");
    auth.role_add("app").expect("added");
    auth.role_grant("app", &["/app/*"], ETCD_READ_WRITE).expect("granted");
    auth.role_grant("app", &["/config"], ETCD_READ).expect("granted");
    auth.user_grant("bob", &["app"]).expect("granted");
    open.set("/config", "one").expect("auth is off");
    auth.enable().expect("enabled");
    let (root, bob, wrong) =
        (user(&server, "root", "toor"), user(&server, "bob", "secret"), user(&server, "bob", "wrong"));

    open.set("/app/x", "guest").expect("guests may do everything at first");
    root.auth().role_revoke("guest", &["/*"], ETCD_READ_WRITE).expect("the guests' permissions");
    assert_unauthorized(open.get("/app/x"));
    assert_unauthorized(open.set("/app/x", "guest"));
    root.auth().role_grant("guest", &["/config"], ETCD_READ).expect("granted");
    assert_eq!(open.get("/config").expect("read").value(), "one");
    assert_unauthorized(open.set("/config", "guest"));

    bob.set("/app/x", "bob").expect("below its prefix");
    bob.create_in_order("/app/queue", "job", None).expect("below its prefix");
    assert_eq!(bob.get("/config").expect("read").value(), "one");
    bob.get_with(None, "/app/queue", &Get { recursive: true, ..Get::default() }).expect("recursive below a prefix");
    assert_unauthorized(bob.get_with(None, "/config", &Get { recursive: true, ..Get::default() }));
    assert_unauthorized(bob.set("/config", "bob"));
    assert_unauthorized(bob.get("/other"));
    assert_unauthorized(bob.delete("/config"));
    assert_unauthorized(wrong.get("/app/x"));
    assert_unauthorized(wrong.set("/app/x", "wrong"));
    root.set("/other", "root").expect("root may do everything");
    assert_eq!(root.get("/config").expect("read").value(), "one");
}
