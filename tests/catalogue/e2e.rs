//! `tests/e2e/ctl_v2_test.go`, `v2_curl_test.go` and `cmux_test.go`: what Go's tests do with etcdctl and curl, done with
//! this client against etcd processes. Go asks three members where it reads by quorum, and one where it does not.

use std::sync::OnceLock;
use std::thread;

use etcd_test_harness::capi::auth_roles::ETCD_READ;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::{Client, Config, Delete, Get, Watch};
use etcd_test_support::{EtcdCluster, EtcdServer, TlsFiles, wait_until};

use crate::space::{Space, node, prev_node, refusal};
use crate::watching::next;

/// The etcds of a test, and a client of all of them.
pub(crate) struct Setup {
    client: Client,
    /// Names of keys begin with it: the etcds may be shared.
    prefix: String,
    read: Get,
}

impl Setup {
    fn of(endpoints: &[String], quorum: bool) -> Setup {
        Setup::with(Client::of_all(endpoints), quorum)
    }

    pub(crate) fn with(client: Client, quorum: bool) -> Setup {
        let prefix = Space::shared().dir().to_owned();
        Setup { client, prefix, read: Get { quorum, ..Get::default() } }
    }

    /// One etcd without encryption, which other tests use too.
    fn plain() -> Setup {
        Setup::of(&[Space::shared().endpoint().to_owned()], false)
    }

    /// Three members without encryption, and reads by quorum; other tests use them too.
    fn quorum() -> Setup {
        static CLUSTER: OnceLock<EtcdCluster> = OnceLock::new();
        Setup::of(&CLUSTER.get_or_init(|| EtcdCluster::start(3)).endpoints(), true)
    }

    fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    fn value(&self, name: &str) -> String {
        self.client.get_with(None, &self.key(name), &self.read).expect("got").value().to_owned()
    }

    pub(crate) fn set(&self) {
        self.client.set(&self.key("foo"), "bar").expect("set");
        assert_eq!(self.value("foo"), "bar");
    }

    pub(crate) fn mk(&self) {
        self.client.create(&self.key("foo"), "bar").expect("created");
        let failure = refusal(self.client.create(&self.key("foo"), "bar"), ETCD_API_NODE_EXIST);
        assert!(failure.message.starts_with("105: Key already exists"), "{}", failure.message);
        assert_eq!(self.value("foo"), "bar");
    }

    pub(crate) fn rm(&self) {
        self.client.set(&self.key("foo"), "bar").expect("set");
        let removed = self.client.delete_with(None, &self.key("foo"), &Delete::default()).expect("deleted");
        assert_eq!(prev_node(&removed).value, "bar");
        let failure = refusal(self.client.delete(&self.key("foo")), ETCD_API_KEY_NOT_FOUND);
        assert!(failure.message.starts_with("100: Key not found"), "{}", failure.message);
    }

    pub(crate) fn watch(&self) {
        let after_index = self.client.get("/").expect("got").index;
        let watcher = self.client.watch(&self.key("foo"), &Watch { after_index, ..Watch::default() });
        let watcher = watcher.expect("a watcher");
        thread::scope(|scope| {
            let event = scope.spawn(|| next(&watcher));
            self.client.set(&self.key("foo"), "bar").expect("set");
            assert_eq!(event.join().expect("no panic").value(), "bar");
        });
    }

    pub(crate) fn ls(&self) {
        self.client.set(&self.key("foo"), "bar").expect("set");
        for (dir, key) in [(&self.prefix, self.key("foo")), (&"/".to_owned(), self.prefix.clone())] {
            let listed = self.client.get_with(None, dir, &self.read).expect("listed");
            assert!(node(&listed).children.iter().any(|child| child.key == key), "{key} in {dir}");
        }
    }
}

#[test]
fn ctl_v2_set() {
    Setup::plain().set();
}

#[test]
fn ctl_v2_set_quorum() {
    Setup::quorum().set();
}

#[test]
fn ctl_v2_set_peer_tls() {
    let etcd = EtcdServer::builder().peer_tls(&TlsFiles::new()).start();
    Setup::of(&[etcd.endpoint()], false).set();
}

#[test]
fn ctl_v2_mk() {
    Setup::plain().mk();
}

#[test]
fn ctl_v2_mk_quorum() {
    Setup::quorum().mk();
}

#[test]
fn ctl_v2_rm() {
    Setup::quorum().rm();
}

#[test]
fn ctl_v2_ls() {
    Setup::plain().ls();
}

#[test]
fn ctl_v2_ls_quorum() {
    Setup::quorum().ls();
}

#[test]
fn ctl_v2_watch() {
    Setup::quorum().watch();
}

#[test]
fn ctl_v2_get_role_user() {
    let etcd = EtcdServer::start();
    let client = Client::of(&etcd.endpoint());
    let auth = client.auth();
    auth.role_add("foo").expect("added");
    auth.user_add("username", "password").expect("added");
    auth.user_grant("username", &["foo"]).expect("granted");
    assert_eq!(auth.user_get("username").expect("a user"), ["foo"]);
    let failure = auth.user_grant("username", &["foo"]).expect_err("granted already");
    assert_eq!((failure.status, failure.http_status), (ETCD_ERR_AUTH, 409));
    assert!(failure.message.contains("duplicate"), "{}", failure.message);
}

/// A user who was added is listed.
fn user_list(user: &str) {
    let etcd = EtcdServer::start();
    let client = Client::of(&etcd.endpoint());
    client.auth().user_add(user, "password").expect("added");
    assert_eq!(client.auth().user_list().expect("listed"), [user]);
}

#[test]
fn ctl_v2_user_list_username() {
    user_list("username");
}

#[test]
fn ctl_v2_user_list_root() {
    user_list("root");
}

#[test]
fn ctl_v2_role_list() {
    let etcd = EtcdServer::start();
    let client = Client::of(&etcd.endpoint());
    client.auth().role_add("foo").expect("added");
    let listed = client.auth().role_list().expect("listed");
    assert!(listed.contains(&"foo".to_owned()), "{listed:?}");
}

#[test]
fn ctl_v2_cluster_health() {
    let cluster = EtcdCluster::start(3);
    let client = Client::of_all(&cluster.endpoints());
    let health = || {
        let healthy = |endpoint: &String| client.health(Some(endpoint)).unwrap_or(false);
        cluster.endpoints().iter().map(healthy).collect::<Vec<_>>()
    };
    assert_eq!(health(), [true, true, true], "healthy");
    cluster[0].kill();
    cluster.leader();
    wait_until("the others are healthy without it", || health() == [false, true, true]);
    cluster[1].kill();
    wait_until("one of three is no cluster", || health() == [false, false, false]);
}

/// A set and a get, with all that they answer.
pub(crate) fn put_get(client: &Client) {
    let put = client.set("/foo", "bar").expect("set");
    assert_eq!((put.action.as_str(), node(&put).key.as_str(), node(&put).value.as_str()), ("set", "/foo", "bar"));
    let got = client.get("/foo").expect("got");
    assert_eq!((got.action.as_str(), got.node), ("get", put.node));
}

#[test]
fn v2_curl_no_tls() {
    let etcd = EtcdServer::start();
    put_get(&Client::of(&etcd.endpoint()));
}

#[test]
fn v2_curl_peer_tls() {
    let etcd = EtcdServer::builder().peer_tls(&TlsFiles::new()).start();
    put_get(&Client::of(&etcd.endpoint()));
}

#[test]
fn v2_curl_issue5182() {
    let etcd = EtcdServer::start();
    let anybody = Client::of(&etcd.endpoint());
    anybody.set("/foo", "bar").expect("set");
    let auth = anybody.auth();
    auth.user_add("foo", "pass").expect("added");
    auth.role_add("foo").expect("added");
    auth.role_grant("foo", &["/foo/*"], ETCD_READ).expect("granted");
    assert_eq!(auth.role_get("foo").expect("a role"), (vec!["/foo/*".to_owned()], vec![]));
    auth.user_grant("foo", &["foo"]).expect("granted");
    assert_eq!(auth.user_get("foo").expect("a user"), ["foo"]);
    auth.user_add("root", "a").expect("added");
    auth.enable().expect("enabled");
    let get =
        |user: &str, password: &str| Config::new(&[etcd.endpoint()]).credentials(user, password).build().get("/foo/");
    assert_eq!(get("root", "a").expect("root may").value(), "bar");
    assert_eq!(get("foo", "pass").expect("the user may").value(), "bar");
    let failure = refusal(get("foo", ""), ETCD_API_UNAUTHORIZED);
    assert_eq!(failure.api_message.as_deref(), Some("The request requires user authentication"));
}
