use ::etcd_client::capi::response::*;

use crate::text;

/// A response, copied out of its object, which is freed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub action: String,
    pub action_number: i32,
    pub index: u64,
    pub cluster_id: String,
    pub node: Option<Node>,
    pub prev_node: Option<Node>,
    pub json: String,
    pub was_resent: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    pub key: String,
    pub value: String,
    pub is_dir: bool,
    pub created_index: u64,
    pub modified_index: u64,
    pub ttl: i64,
    pub expiration: Option<(i64, i32)>,
    pub children: Vec<Node>,
}

impl Response {
    pub(crate) fn take(response: *mut etcd_response) -> Response {
        assert!(!response.is_null(), "success without a response");
        // SAFETY: the response is ours, alive until the free, and not used after it.
        unsafe {
            let copy = Response {
                action: text(etcd_response_action_name(response)).expect("an action"),
                action_number: etcd_response_action(response),
                index: etcd_response_index(response),
                cluster_id: text(etcd_response_cluster_id(response)).expect("a cluster id"),
                node: Node::read(etcd_response_node(response)),
                prev_node: Node::read(etcd_response_prev_node(response)),
                json: text(etcd_response_json(response, std::ptr::null_mut())).expect("JSON"),
                was_resent: etcd_response_was_resent(response),
            };
            etcd_response_free(response);
            copy
        }
    }

    /// The value of the node.
    pub fn value(&self) -> &str {
        &self.node.as_ref().expect("a node").value
    }
}

impl Node {
    fn read(node: *const etcd_node) -> Option<Node> {
        if node.is_null() {
            return None;
        }
        let bytes = |read: unsafe extern "C" fn(*const etcd_node, *mut usize) -> *const std::ffi::c_char| {
            let mut len = 0;
            // SAFETY: the node is alive, and the library says how many bytes there are.
            let bytes = unsafe { std::slice::from_raw_parts(read(node, &mut len).cast::<u8>(), len + 1) };
            assert_eq!(bytes[len], 0, "text ends with a NUL");
            String::from_utf8(bytes[..len].to_vec()).expect("UTF-8")
        };
        let (mut seconds, mut nanoseconds) = (0, 0);
        // SAFETY: the node is alive, the out-parameters are ours.
        unsafe {
            Some(Node {
                key: bytes(etcd_node_key),
                value: bytes(etcd_node_value),
                is_dir: etcd_node_is_dir(node),
                created_index: etcd_node_created_index(node),
                modified_index: etcd_node_modified_index(node),
                ttl: etcd_node_ttl(node),
                expiration: etcd_node_expiration(node, &mut seconds, &mut nanoseconds)
                    .then_some((seconds, nanoseconds)),
                children: (0..etcd_node_child_count(node))
                    .filter_map(|index| Node::read(etcd_node_child(node, index)))
                    .collect(),
            })
        }
    }

    /// The keys of this node and everything below it, in the response's order.
    pub fn keys(&self) -> Vec<String> {
        let below = self.children.iter().flat_map(Node::keys);
        std::iter::once(self.key.clone()).chain(below).collect()
    }
}
