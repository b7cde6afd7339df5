//! One etcd for all tests of this binary, and a directory on it for each of them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use etcd_test_harness::capi::status::{ETCD_ERR_API, ETCD_NOT_APPLIED};
use etcd_test_harness::{Client, Failure, Node, Response};
use etcd_test_support::{Answer, EtcdServer, Oracle};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A client, an independent look at the same server, and a directory that no other test uses.
pub(crate) struct Space {
    pub(crate) client: Client,
    pub(crate) oracle: Oracle,
    dir: String,
}

/// The server that the tests share; it ends with the process.
pub(crate) fn server() -> &'static EtcdServer {
    static SERVER: OnceLock<EtcdServer> = OnceLock::new();
    SERVER.get_or_init(EtcdServer::start)
}

impl Space {
    pub(crate) fn new() -> Space {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let endpoint = server().endpoint();
        let dir = format!("/test-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Space { client: Client::of(&endpoint), oracle: Oracle::new(endpoint), dir }
    }

    /// The test's own directory; it exists once something is in it.
    pub(crate) fn dir(&self) -> &str {
        &self.dir
    }

    /// A key in the test's own directory.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.dir)
    }

    /// What the server answers about a key of plain characters.
    pub(crate) fn answer(&self, key: &str) -> Answer {
        self.oracle.get(&format!("/v2/keys{key}"))
    }

    /// The node that is on the server.
    pub(crate) fn stored(&self, key: &str) -> Node {
        let answer = self.answer(key);
        assert_eq!(answer.status, 200, "{key} is on the server: {answer:?}");
        node_of(&answer.json()["node"])
    }

    /// Asserts that nothing is there.
    pub(crate) fn assert_absent(&self, key: &str) {
        let answer = self.answer(key);
        assert_eq!(
            (answer.status, answer.json()["errorCode"].as_i64()),
            (404, Some(100)),
            "{key} is not on the server"
        );
    }

    /// Asserts that the response's node is what is on the server.
    pub(crate) fn assert_stored(&self, response: &Response) {
        let node = response.node.as_ref().expect("a node");
        let stored = self.stored(&node.key);
        // The look comes a moment later, when the last second may have gone by.
        let ttl = if node.ttl == stored.ttl + 1 { node.ttl } else { stored.ttl };
        assert_eq!(*node, Node { ttl, ..stored });
    }
}

/// A node of an answer's JSON, as the harness gives nodes.
pub(crate) fn node_of(json: &Value) -> Node {
    let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    let index = |name: &str| json[name].as_u64().unwrap_or_default();
    Node {
        key: text("key"),
        value: text("value"),
        is_dir: json["dir"] == true,
        created_index: index("createdIndex"),
        modified_index: index("modifiedIndex"),
        ttl: json["ttl"].as_i64().unwrap_or_default(),
        expiration: json["expiration"].as_str().map(instant_of),
        children: json["nodes"].as_array().into_iter().flatten().map(node_of).collect(),
    }
}

fn instant_of(rfc3339: &str) -> (i64, i32) {
    let at = OffsetDateTime::parse(rfc3339, &Rfc3339).expect("a time in RFC 3339");
    (at.unix_timestamp(), i32::try_from(at.nanosecond()).expect("less than a second"))
}

/// Etcd's refusal with that code, which leaves everything as it was.
pub(crate) fn refusal(result: Result<Response, Failure>, code: i32) -> Failure {
    let failure = result.expect_err("a refusal");
    let told = (failure.status, failure.api_code, failure.outcome);
    assert_eq!(told, (ETCD_ERR_API, code, ETCD_NOT_APPLIED), "{failure:?}");
    failure
}
