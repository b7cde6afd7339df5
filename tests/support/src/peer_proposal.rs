//! Writes into the store what no API of etcd lets anybody write: a proposal to the cluster, as members forward them to
//! their leader.

use serde_json::json;

use crate::plain_http;

/// The lowest that bcrypt knows. etcd makes its own hashes of v2 users with 10, and `--bcrypt-cost` is for the v3 API;
/// but a password is checked at the cost of the hash that is stored.
const CHEAPEST: u32 = 4;

/// Proposes the root user of the v2 API with a hash that costs a server a millisecond per request, not a tenth of a
/// second. A proposal may get lost on its way to the leader.
pub(crate) fn root_user(peer_url: &str, cluster_id: &str, password: &str) {
    let hash = bcrypt::hash(password, CHEAPEST).expect("hash the password");
    let user = json!({ "user": "root", "password": hash, "roles": ["root"] });
    // `/2` is what `/v2/auth` calls its part of the store, as `/1` is that of `/v2/keys`.
    let put = [field(2, b"PUT"), field(3, b"/2/users/root"), field(4, user.to_string().as_bytes())].concat();
    propose(peer_url, cluster_id, &put);
}

/// Posts an `etcdserverpb.Request` in a `raftpb.Message`.
fn propose(peer_url: &str, cluster_id: &str, request: &[u8]) {
    const MSG_PROP: [u8; 2] = [1 << 3, 2];
    let entry = field(4, &field(2, request));
    let message = [&MSG_PROP[..], &field(7, &entry)].concat();
    let headers = format!(
        "X-Etcd-Cluster-ID: {cluster_id}\r\nX-Server-Version: 3.4.0\r\nX-Min-Cluster-Version: 3.0.0\r\n\
         Content-Type: application/protobuf\r\n"
    );
    let status = plain_http::post(peer_url, "/raft", &headers, &message);
    assert_eq!(status, Some(204), "etcd takes no proposal at {peer_url}");
}

/// A field of protobuf whose value has a length.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = value.len();
    while length >= 0x80 {
        bytes.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).expect("seven bits"));
    bytes.extend_from_slice(value);
    bytes
}
