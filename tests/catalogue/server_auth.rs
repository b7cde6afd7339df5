//! `etcdserver/api/v2http/client_auth_test.go`: users, roles, and what they open.

use etcd_test_harness::capi::auth_roles::ETCD_READ_WRITE;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Failure, Get};
use etcd_test_support::{EtcdServer, Reply, ScriptedServer};

use crate::scripted::of_answer;

const NOBODY: &str = r#"{"message":"auth: User alice does not exist."}"#;
const ALICE: &str = r#"{"user":"alice","roles":["alicerole","guest"]}"#;
const MANAGER: &str = r#"{"role":"manager","permissions":{"kv":{"read":null,"write":null}}}"#;
const INSUFFICIENT: &str = r#"{"message":"Insufficient credentials"}"#;

/// What the call says when the first look finds no user and the change is answered like this.
fn after_a_look<T>(reply: Reply, call: impl FnOnce(&Client) -> T) -> T {
    let server = ScriptedServer::by(move |request| match request.method.as_str() {
        "GET" => Reply::json(404, NOBODY),
        _ => reply.clone(),
    });
    call(&Client::of(&server.endpoint()))
}

#[test]
fn auth_flow() {
    let add = |client: &Client| client.auth().user_add("alice", "goodpassword");
    // 1. JSON that the server cannot read, and 2. a user who may not do it.
    let words = r#"{"message":"Invalid JSON in request body."}"#;
    let failure = after_a_look(Reply::json(400, words), add).expect_err("refused");
    assert_eq!((failure.status, failure.http_status), (ETCD_ERR_AUTH, 400));
    let failure = after_a_look(Reply::json(401, INSUFFICIENT), add).expect_err("refused");
    assert_eq!((failure.status, failure.http_status), (ETCD_ERR_AUTH, 401));
    assert_eq!(failure.api_message.as_deref(), Some("Insufficient credentials"));
    // 3. The users, and 4. one of them. Differs from Go, which puts an empty name before each role.
    let users = r#"{"users":[{"user":"alice","roles":[{"role":"alicerole","permissions":{"kv":{"read":null,"write":null}}},{"role":"guest","permissions":{"kv":{"read":null,"write":null}}}]},{"user":"bob","roles":[{"role":"guest","permissions":{"kv":{"read":null,"write":null}}}]},{"user":"root","roles":[{"role":"root","permissions":{"kv":{"read":null,"write":null}}}]}]}"#;
    let listed = of_answer(Reply::json(200, users), |client| client.auth().user_list());
    assert_eq!(listed.expect("three"), ["alice", "bob", "root"]);
    let alice = r#"{"user":"alice","roles":[{"role":"alicerole","permissions":{"kv":{"read":null,"write":null}}}]}"#;
    let roles = of_answer(Reply::json(200, alice), |client| client.auth().user_get("alice"));
    assert_eq!(roles.expect("one"), ["alicerole"]);
    // 5. Created, 6. removed, 7. changed and 8. granted.
    after_a_look(Reply::json(201, r#"{"user":"alice","roles":null}"#), add).expect("created");
    of_answer(Reply::new(200), |client| client.auth().user_remove("alice")).expect("removed");
    let change = |client: &Client| client.auth().user_change_password("alice", "goodpassword");
    of_answer(Reply::json(200, ALICE), change).expect("changed");
    of_answer(Reply::json(200, ALICE), |client| client.auth().user_grant("alice", &["alicerole"])).expect("granted");
    // 9. A user who is not there, in the words of this test.
    let missing = Reply::json(404, r#"{"message":"auth: User alice doesn't exist."}"#);
    let failure = of_answer(missing, |client| client.auth().user_get("alice")).expect_err("nobody");
    assert!(failure.is_user_not_found && failure.status == ETCD_ERR_AUTH, "{failure:?}");
    // 10. A role, 11. removed, 12. created and 13. revoked.
    let read = of_answer(Reply::json(200, MANAGER), |client| client.auth().role_get("manager"));
    assert_eq!(read.expect("read"), (vec![], vec![]));
    of_answer(Reply::new(200), |client| client.auth().role_remove("manager")).expect("removed");
    let created = r#"{"role":"manager","permissions":{"kv":{"read":[],"write":[]}}}"#;
    of_answer(Reply::json(201, created), |client| client.auth().role_add("manager")).expect("created");
    let revoke = |client: &Client| client.auth().role_revoke("manager", &["foo"], 0);
    of_answer(Reply::json(200, MANAGER), revoke).expect("revoked");
    // 14. The roles.
    let roles = r#"{"roles":[{"role":"awesome","permissions":{"kv":{"read":null,"write":null}}},{"role":"guest","permissions":{"kv":{"read":null,"write":null}}},{"role":"root","permissions":{"kv":{"read":null,"write":null}}}]}"#;
    let listed = of_answer(Reply::json(200, roles), |client| client.auth().role_list());
    assert_eq!(listed.expect("three"), ["awesome", "guest", "root"]);
    // 15. On or off, 16. on, 17. off by root, 18. not by another.
    assert!(of_answer(Reply::json(200, r#"{"enabled":true}"#), |client| client.auth().status()).expect("on"));
    of_answer(Reply::new(200), |client| client.auth().enable()).expect("enabled");
    let server = ScriptedServer::by(|request| match request.header("authorization") {
        Some("Basic cm9vdDpnb29k") => Reply::new(200), // root:good
        _ => Reply::json(401, INSUFFICIENT),
    });
    let disable =
        |password: &str| Config::new(&[server.endpoint()]).credentials("root", password).build().auth().disable();
    disable("good").expect("disabled");
    let failure = disable("bad").expect_err("refused");
    assert_eq!((failure.status, failure.http_status), (ETCD_ERR_AUTH, 401));
}

#[test]
fn get_user_granted_with_nonexisting_role() {
    let etcd = EtcdServer::start();
    let client = Client::of(&etcd.endpoint());
    let auth = client.auth();
    auth.user_add("root", "good").expect("added");
    auth.role_add("foo").expect("added");
    auth.user_grant("root", &["foo"]).expect("granted");
    auth.role_remove("foo").expect("removed");
    // The server leaves out what it does not find.
    assert_eq!(auth.user_list().expect("listed"), ["root"]);
    let users =
        r#"{"users":[{"user":"root","roles":[{"role":"root","permissions":{"kv":{"read":null,"write":null}}}]}]}"#;
    let listed = of_answer(Reply::json(200, users), |client| client.auth().user_list());
    assert_eq!(listed.expect("listed"), ["root"]);
}

/// An etcd with auth, where root's password is "good".
struct Guarded {
    etcd: EtcdServer,
    root: Client,
}

impl Guarded {
    fn start() -> Guarded {
        let etcd = EtcdServer::start();
        Client::of(&etcd.endpoint()).auth().user_add("root", "good").expect("added");
        let root = Config::new(&[etcd.endpoint()]).credentials("root", "good").build();
        for key in ["/foo", "/bar"] {
            root.set(key, "").expect("set");
        }
        root.auth().enable().expect("enabled");
        // Whoever gives no name is a guest, who may do everything at first.
        root.auth().role_revoke("guest", &["/*"], ETCD_READ_WRITE).expect("revoked");
        Guarded { etcd, root }
    }

    fn role(&self, role: &str, prefix: Option<&str>) {
        self.root.auth().role_add(role).expect("added");
        if let Some(prefix) = prefix {
            self.root.auth().role_grant(role, &[prefix], ETCD_READ_WRITE).expect("granted");
        }
    }

    fn user(&self, user: &str, roles: &[&str]) {
        self.root.auth().user_add(user, "good").expect("added");
        self.root.auth().user_grant(user, roles).expect("granted");
    }

    fn anybody(&self) -> Client {
        Client::of(&self.etcd.endpoint())
    }

    fn client(&self, user: &str, password: &str) -> Client {
        Config::new(&[self.etcd.endpoint()]).credentials(user, password).build()
    }
}

/// Whether the client is root, and whether it may have the key, and all below it.
fn access(client: &Client, key: &str) -> [bool; 3] {
    let may = |recursive| match client.get_with(None, key, &Get { recursive, ..Get::default() }) {
        Ok(_) => true,
        Err(failure) => {
            assert_eq!((failure.status, failure.api_code), (ETCD_ERR_API, ETCD_API_UNAUTHORIZED), "{failure:?}");
            false
        }
    };
    let is_root = match client.auth().user_list() {
        Ok(_) => true,
        Err(failure) => {
            assert_eq!((failure.status, failure.http_status), (ETCD_ERR_AUTH, 401), "{failure:?}");
            false
        }
    };
    [is_root, may(false), may(true)]
}

#[test]
fn prefix_access() {
    let guarded = Guarded::start();
    guarded.role("exact", Some("/foo"));
    guarded.role("prefix", Some("/foo*"));
    guarded.role("nothing", None);
    guarded.user("exact", &["exact"]);
    guarded.user("prefix", &["prefix"]);
    guarded.user("several", &["nothing", "exact"]);
    let cases = [
        ("root", access(&guarded.root, "/foo"), [true, true, true]),
        ("a key", access(&guarded.client("exact", "good"), "/foo"), [false, true, false]),
        ("a prefix", access(&guarded.client("prefix", "good"), "/foo"), [false, true, true]),
        ("a bad password", access(&guarded.client("prefix", "bad"), "/foo"), [false, false, false]),
        ("nobody", access(&guarded.client("nobody", "good"), "/foo"), [false, false, false]),
        ("several roles", access(&guarded.client("several", "good"), "/foo"), [false, true, false]),
        ("a guest without rights", access(&guarded.anybody(), "/foo"), [false, false, false]),
    ];
    for (name, found, expected) in cases {
        assert_eq!(found, expected, "{name}");
    }
    guarded.root.auth().role_grant("guest", &["/foo*"], ETCD_READ_WRITE).expect("granted");
    assert_eq!(access(&guarded.anybody(), "/foo"), [false, true, true], "a guest");
    assert_eq!(access(&guarded.anybody(), "/bar"), [false, false, false], "a guest elsewhere");
    // An Authorization header that is not well formed is one that no client sends.
}

#[test]
fn user_from_basic_auth() {
    let guarded = Guarded::start();
    guarded.role("all", Some("/foo"));
    guarded.user("user", &["all"]);
    let cases = [
        ("valid", guarded.client("user", "good"), true),
        ("bad password", guarded.client("user", "badpass"), false),
        ("no password", guarded.client("user", ""), false),
        ("missing user", guarded.client("missing", "badpass"), false),
        ("no name at all", guarded.anybody(), false),
    ];
    for (name, client, is_known) in cases {
        let answer: Result<_, Failure> = client.get("/foo");
        assert_eq!(answer.is_ok(), is_known, "{name}");
        if let Err(failure) = answer {
            assert_eq!((failure.api_code, failure.http_status), (ETCD_API_UNAUTHORIZED, 401), "{name}");
        }
    }
}
