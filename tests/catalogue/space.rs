//! Real etcds for the tests of this binary, and a directory on them for each test.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, TryLockError};

use etcd_test_harness::capi::status::{ETCD_ERR_API, ETCD_NOT_APPLIED};
use etcd_test_harness::{Client, Config, Failure, Node, Response};
use etcd_test_support::waiting::wait_for;
use etcd_test_support::{EtcdServer, Oracle};

/// A client, an independent look at the same server, and a directory that no other test uses.
pub(crate) struct Space {
    pub(crate) client: Client,
    pub(crate) oracle: Oracle,
    endpoint: String,
    dir: String,
    /// Held by the one test that is alone on its server.
    _alone: Option<MutexGuard<'static, ()>>,
}

/// The server that tests share; it ends with the process.
fn shared_server() -> &'static EtcdServer {
    static SERVER: OnceLock<EtcdServer> = OnceLock::new();
    SERVER.get_or_init(EtcdServer::start)
}

/// A server that tests have one after another, so that its index tells what they did.
struct Exclusive {
    server: OnceLock<EtcdServer>,
    taken: Mutex<()>,
}

/// More than there are tests at a time on most machines, so that hardly one waits for another; started when needed.
static EXCLUSIVE: [Exclusive; 4] = [const { Exclusive { server: OnceLock::new(), taken: Mutex::new(()) } }; 4];

impl Exclusive {
    fn take(&'static self) -> Option<MutexGuard<'static, ()>> {
        match self.taken.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl Space {
    /// On a server that other tests use at the same time: what is compared must not depend on the store's index.
    pub(crate) fn shared() -> Space {
        Space::on(shared_server(), None)
    }

    /// On a server that no other test uses meanwhile: each write is the next index. Leave nothing there that expires.
    pub(crate) fn alone() -> Space {
        let free = || EXCLUSIVE.iter().find_map(|exclusive| Some((exclusive, exclusive.take()?)));
        let (exclusive, taken) = wait_for("a server that nobody else uses", free);
        Space::on(exclusive.server.get_or_init(EtcdServer::start), Some(taken))
    }

    fn on(server: &EtcdServer, alone: Option<MutexGuard<'static, ()>>) -> Space {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let endpoint = server.endpoint();
        let dir = format!("/test-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Space { client: Client::of(&endpoint), oracle: Oracle::new(endpoint.clone()), endpoint, dir, _alone: alone }
    }

    /// A client whose every keys request carries this query too: the way to parameters that no option sets.
    pub(crate) fn client_with(&self, query: &str) -> Client {
        Config::new(&[format!("{}/?{query}", self.endpoint)]).build()
    }

    /// A key in the test's own directory.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.dir)
    }

    /// The test's own directory; it exists once something is in it.
    pub(crate) fn dir(&self) -> &str {
        &self.dir
    }

    /// The server.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The store's index now.
    pub(crate) fn index(&self) -> u64 {
        self.oracle.index()
    }
}

/// The response's node.
pub(crate) fn node(response: &Response) -> &Node {
    response.node.as_ref().expect("a node")
}

/// The node that was there before.
pub(crate) fn prev_node(response: &Response) -> &Node {
    response.prev_node.as_ref().expect("a previous node")
}

/// Etcd's refusal with that code, which leaves everything as it was.
pub(crate) fn refusal(result: Result<Response, Failure>, code: i32) -> Failure {
    let failure = result.expect_err("a refusal");
    let told = (failure.status, failure.api_code, failure.outcome);
    assert_eq!(told, (ETCD_ERR_API, code, ETCD_NOT_APPLIED), "{failure:?}");
    failure
}
