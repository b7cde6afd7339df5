//! Response and node: what a keys call gives back.

use std::ffi::{CString, c_char};
use std::ptr;
use std::sync::{Arc, OnceLock};

use super::border;
use crate::core::error::{Error, Result};
use crate::core::memory;
use crate::core::response::{Action, Node, Response};
use crate::core::response_json;
use crate::faults::{self, Place};
use crate::ffi::handle::{self, Handle, Object};
use crate::ffi::out;

/// The answer to a keys call. Immutable, so any number of threads may read it. Strings and nodes are borrowed from it, and
/// live until it and all its clones are freed.
pub struct etcd_response {
    _opaque: [u8; 0],
}

/// A key or directory of a response; borrowed, never freed by the caller. Every accessor accepts NULL.
pub struct etcd_node {
    _opaque: [u8; 0],
}

/// What happened to a key. ETCD_ACTION_UNKNOWN stands for a name that this version does not know; the name itself is
/// etcd_response_action_name.
pub type etcd_action = i32;

pub const ETCD_ACTION_UNKNOWN: etcd_action = 0;
pub const ETCD_ACTION_GET: etcd_action = 1;
pub const ETCD_ACTION_SET: etcd_action = 2;
pub const ETCD_ACTION_CREATE: etcd_action = 3;
pub const ETCD_ACTION_UPDATE: etcd_action = 4;
pub const ETCD_ACTION_DELETE: etcd_action = 5;
pub const ETCD_ACTION_COMPARE_AND_SWAP: etcd_action = 6;
pub const ETCD_ACTION_COMPARE_AND_DELETE: etcd_action = 7;
pub const ETCD_ACTION_EXPIRE: etcd_action = 8;
/// The library's own: the whole state, from a watcher that has lost its history (etcd_watcher_options_set_resync).
pub const ETCD_ACTION_RESYNC: etcd_action = 9;

/// A response with what C needs besides.
pub struct ResponseObject {
    response: Response,
    /// What C sees of each of the response's nodes: which one is meant, its place says.
    node: Object<NodeView>,
    prev_node: Object<NodeView>,
    children: Vec<Object<NodeView>>,
    json: OnceLock<CString>,
}

/// A node as C sees it: where all of its response is.
pub struct NodeView {
    object: *const ResponseObject,
}

// SAFETY: the pointers lead to the object that they are in, which is immutable and lives as long.
unsafe impl Send for ResponseObject {}
// SAFETY: as above.
unsafe impl Sync for ResponseObject {}

impl Handle for etcd_response {
    type Value = Arc<ResponseObject>;
    const TAG: u64 = 0x6572_6573_706f_6e73;
}

impl Handle for etcd_node {
    type Value = NodeView;
    const TAG: u64 = 0x656e_6f64_6531_3131;
}

impl ResponseObject {
    /// Gives the response back where there is no memory for its object.
    pub(super) fn new(response: Response) -> std::result::Result<Arc<ResponseObject>, (Error, Response)> {
        faults::here(Place::Give, response.node().map(|node| response.text(node.key)).unwrap_or_default());
        let count = response.nodes().len();
        let children = match memory::list(count, "the nodes of a response") {
            Ok(children) => children,
            Err(error) => return Err((error, response)),
        };
        let nowhere = || view(ptr::null());
        let (node, prev_node, json) = (nowhere(), nowhere(), OnceLock::new());
        let mut object = Arc::new(ResponseObject { response, node, prev_node, children, json });
        let pointer = Arc::as_ptr(&object);
        // Nobody else has it yet.
        if let Some(object) = Arc::get_mut(&mut object) {
            (object.node, object.prev_node) = (view(pointer), view(pointer));
            object.children.extend((0..count).map(|_| view(pointer)));
        }
        Ok(object)
    }

    fn node(&self) -> Option<*const etcd_node> {
        self.response.node().map(|_| handle::inside(&self.node))
    }

    fn prev_node(&self) -> Option<*const etcd_node> {
        self.response.prev_node().map(|_| handle::inside(&self.prev_node))
    }

    /// What a handle to one of its nodes means.
    fn meant(&self, handle: *const etcd_node) -> Option<&Node> {
        if handle == handle::inside(&self.node) {
            return self.response.node();
        }
        if handle == handle::inside(&self.prev_node) {
            return self.response.prev_node();
        }
        self.response.nodes().get(handle::position(&self.children, handle)?)
    }
}

fn view(object: *const ResponseObject) -> Object<NodeView> {
    Object::borrowed::<etcd_node>(NodeView { object })
}

pub fn give(response: Response) -> Result<*mut etcd_response> {
    ResponseObject::new(response).map(give_object).map_err(|(error, _)| error)
}

pub(super) fn give_object(object: Arc<ResponseObject>) -> *mut etcd_response {
    handle::give(object)
}

/// # Safety
/// As for `handle::borrow`.
unsafe fn read<T>(response: *const etcd_response, otherwise: T, body: impl FnOnce(&ResponseObject) -> Option<T>) -> T {
    // SAFETY: the caller's promise.
    unsafe { handle::borrow(response) }.and_then(|object| body(object)).unwrap_or(otherwise)
}

/// # Safety
/// As for `handle::borrow`.
unsafe fn read_node<T>(node: *const etcd_node, otherwise: T, body: impl FnOnce(&ResponseObject, &Node) -> T) -> T {
    // SAFETY: the caller's promise.
    let Some(view) = (unsafe { handle::borrow(node) }) else { return otherwise };
    // SAFETY: the object lives as long as the nodes that are in it.
    let object = unsafe { &*view.object };
    object.meant(node).map_or(otherwise, |node| body(object, node))
}

/// # Safety
/// `len` is NULL or writable.
unsafe fn text(bytes_with_nul: &[u8], len: *mut usize) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { out::put(len, bytes_with_nul.len().saturating_sub(1)) };
    bytes_with_nul.as_ptr().cast()
}

/// The action's name in etcd's words: "get", "set", "compareAndSwap" and so on. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_response_action_name(response: *const etcd_response) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe { read(response, ptr::null(), |object| Some(object.response.action_with_nul().as_ptr().cast())) }
}

/// Whether the set went to more than one endpoint, or twice to one, so that another copy of it may still be carried out over
/// newer values: an endpoint froze or broke off with the request in hand, and another one answered. False for everything
/// else, and for NULL. Such sets can be ruled out: etcd_config_set_resend_sets, etcd_set_options_set_resend.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_response_was_resent(response: *const etcd_response) -> bool {
    // SAFETY: the C caller's promise.
    unsafe { read(response, false, |object| Some(object.response.was_resent())) }
}

/// The action as a constant; ETCD_ACTION_UNKNOWN for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_response_action(response: *const etcd_response) -> etcd_action {
    // SAFETY: the C caller's promise.
    unsafe { read(response, Action::Unknown as i32, |object| Some(object.response.action() as i32)) }
}

/// The index of etcd's store when it answered (X-Etcd-Index); a watch that must miss nothing starts after it. 0 = none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_response_index(response: *const etcd_response) -> u64 {
    // SAFETY: the C caller's promise.
    unsafe { read(response, 0, |object| Some(object.response.index())) }
}

/// The cluster's id, a number in hexadecimal (X-Etcd-Cluster-ID); "" where the server did not tell. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_response_cluster_id(response: *const etcd_response) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe { read(response, ptr::null(), |object| Some(object.response.cluster_id_with_nul().as_ptr().cast())) }
}

/// The key or directory that the call was about, as it is now. NULL = absent, as after a write with no_value_on_success.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_response_node(response: *const etcd_response) -> *const etcd_node {
    // SAFETY: the C caller's promise.
    unsafe { read(response, ptr::null(), ResponseObject::node) }
}

/// The key or directory as it was before a write. NULL = there was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_response_prev_node(response: *const etcd_response) -> *const etcd_node {
    // SAFETY: the C caller's promise.
    unsafe { read(response, ptr::null(), ResponseObject::prev_node) }
}

/// The whole response as one JSON text: etcd's own names (action, node, prevNode), with index and clusterID added. For
/// languages in which a call per field is dear. `len`, which may be NULL, receives its length in bytes. Borrowed from the
/// response; made at the first call. NULL for NULL, and for lack of memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_response_json(response: *const etcd_response, len: *mut usize) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe { out::put(len, 0) };
    border::infallible(ptr::null(), || {
        let body = |object: &ResponseObject| {
            if object.json.get().is_none() {
                // JSON has no NUL inside. Where two threads make it at once, the first one counts.
                let _ = object.json.set(CString::new(response_json::json(&object.response)?).unwrap_or_default());
            }
            let json = object.json.get()?;
            // SAFETY: the C caller's promise.
            Some(unsafe { text(json.as_bytes_with_nul(), len) })
        };
        // SAFETY: the C caller's promise.
        unsafe { read(response, ptr::null(), body) }
    })
}

/// Another handle of the same response, to be freed on its own. Costs no copy. NULL for NULL. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_response_clone(response: *const etcd_response) -> *mut etcd_response {
    // SAFETY: the C caller's promise.
    let object = unsafe { handle::borrow(response) };
    border::infallible(ptr::null_mut(), || object.map_or(ptr::null_mut(), |object| handle::give(Arc::clone(object))))
}

/// Frees a response with its nodes and strings; NULL is fine; any thread; needs no client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_response_free(response: *mut etcd_response) {
    // SAFETY: the caller owns the object.
    unsafe { border::free(response) }
}

/// The key with its whole path, "" for the root. `len`, which may be NULL, receives its length in bytes; a key can hold a NUL.
/// NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_node_key(node: *const etcd_node, len: *mut usize) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe {
        out::put(len, 0);
        read_node(node, ptr::null(), |object, node| text(object.response.text_with_nul(node.key), len))
    }
}

/// The value, "" for a directory and for a deleted key. `len`, which may be NULL, receives its length in bytes; a value can hold
/// a NUL, and is followed by one. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_node_value(node: *const etcd_node, len: *mut usize) -> *const c_char {
    // SAFETY: the C caller's promise.
    unsafe {
        out::put(len, 0);
        read_node(node, ptr::null(), |object, node| text(object.response.text_with_nul(node.value), len))
    }
}

/// Whether the node is a directory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_node_is_dir(node: *const etcd_node) -> bool {
    // SAFETY: the C caller's promise.
    unsafe { read_node(node, false, |_, node| node.is_dir) }
}

/// The index at which the node was created; 0 = unknown, as for the root.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_node_created_index(node: *const etcd_node) -> u64 {
    // SAFETY: the C caller's promise.
    unsafe { read_node(node, 0, |_, node| node.created_index) }
}

/// The index of the node's last change: what prev_index compares with.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_node_modified_index(node: *const etcd_node) -> u64 {
    // SAFETY: the C caller's promise.
    unsafe { read_node(node, 0, |_, node| node.modified_index) }
}

/// The seconds that the node has left, rounded up by the server; 0 = no TTL. Can be negative for a node that is overdue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_node_ttl(node: *const etcd_node) -> i64 {
    // SAFETY: the C caller's promise.
    unsafe { read_node(node, 0, |object, node| object.response.ttl(node)) }
}

/// When the node expires, by the server's clock: seconds since 1970 and nanoseconds. Each may be NULL. False, with both set
/// to 0, when it has no TTL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_node_expiration(
    node: *const etcd_node,
    unix_seconds: *mut i64,
    nanoseconds: *mut i32,
) -> bool {
    // SAFETY: the C caller's promise.
    let expiration = unsafe { read_node(node, None, |object, node| object.response.expiration(node)) };
    // SAFETY: the C caller's promise.
    unsafe {
        out::put(unix_seconds, expiration.map_or(0, |expiration| expiration.unix_seconds));
        out::put(nanoseconds, expiration.map_or(0, |expiration| expiration.nanoseconds));
    }
    expiration.is_some()
}

/// How many children a directory has in this response.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_node_child_count(node: *const etcd_node) -> usize {
    // SAFETY: the C caller's promise.
    unsafe { read_node(node, 0, |object, node| object.response.children(node).len()) }
}

/// A child, borrowed from the response; in the server's order, or sorted by key where the get asked for it. NULL past the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_node_child(node: *const etcd_node, index: usize) -> *const etcd_node {
    let child = |object: &ResponseObject, node: &Node| {
        let position = object.response.children(node).nth(index)?;
        handle::element(&object.children, position)
    };
    // SAFETY: the C caller's promise.
    unsafe { read_node(node, None, child) }.unwrap_or(ptr::null())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::response::Builder;
    use crate::ffi::strings;

    /// A directory with two children, of which the second one has one itself, as it was and as it is.
    fn response() -> Response {
        let mut builder = Builder::with_text_capacity(0).expect("room");
        let named = |builder: &mut Builder, key: &str| {
            let key = builder.add_text(key.as_bytes()).expect("room");
            Node { key, ..Node::default() }
        };
        let begin = builder.begin_children();
        let first = named(&mut builder, "/a/1");
        builder.add_child(first).expect("room");
        let mut second = named(&mut builder, "/a/2");
        let begin_below = builder.begin_children();
        let leaf = named(&mut builder, "/a/2/x");
        builder.add_child(leaf).expect("room");
        second.children = builder.end_children(begin_below).expect("room");
        second.lifetime = builder.add_lifetime(7, None).expect("room");
        builder.add_child(second).expect("room");
        let mut node = named(&mut builder, "/a");
        node.children = builder.end_children(begin).expect("room");
        builder.set_node(node);
        let prev_node = named(&mut builder, "/before");
        builder.set_prev_node(prev_node);
        builder.finish(1, b"id").expect("room")
    }

    /// # Safety
    /// The node is NULL or of a response that is not freed.
    unsafe fn key<'a>(node: *const etcd_node) -> &'a str {
        // SAFETY: the caller's promise.
        unsafe { strings::text("key", etcd_node_key(node, ptr::null_mut())) }.expect("a key")
    }

    #[test]
    fn every_node_is_found_from_its_handle() {
        let response = give(response()).expect("room");
        // SAFETY: the response is freed at the end.
        unsafe {
            let (node, prev_node) = (etcd_response_node(response), etcd_response_prev_node(response));
            assert_eq!((key(node), key(prev_node)), ("/a", "/before"));
            assert_eq!((etcd_node_child_count(node), etcd_node_child_count(prev_node)), (2, 0));
            let (first, second) = (etcd_node_child(node, 0), etcd_node_child(node, 1));
            assert_eq!((key(first), key(second)), ("/a/1", "/a/2"));
            assert_eq!((etcd_node_ttl(first), etcd_node_ttl(second)), (0, 7));
            assert_eq!(key(etcd_node_child(second, 0)), "/a/2/x");
            for absent in [(node, 2), (node, usize::MAX), (first, 0), (prev_node, 0), (ptr::null(), 0)] {
                assert!(etcd_node_child(absent.0, absent.1).is_null());
            }
            etcd_response_free(response);
        }
    }

    #[test]
    fn nodes_live_as_long_as_the_last_clone() {
        let response = give(response()).expect("room");
        // SAFETY: each handle is freed once, and the node is read before the last of them is.
        unsafe {
            let clone = etcd_response_clone(response);
            let child = etcd_node_child(etcd_response_node(response), 1);
            assert_eq!(etcd_response_node(response), etcd_response_node(clone));
            etcd_response_free(response);
            assert_eq!(key(child), "/a/2");
            etcd_response_free(clone);
        }
    }

    #[test]
    fn a_response_without_nodes_has_none() {
        let nothing = Response::resync_of_nothing(1, b"id").expect("room");
        let response = give(nothing).expect("room");
        // SAFETY: the response is freed at the end.
        unsafe {
            assert!(etcd_response_node(response).is_null() && etcd_response_prev_node(response).is_null());
            assert_eq!(strings::text("id", etcd_response_cluster_id(response)).expect("an id"), "id");
            etcd_response_free(response);
        }
    }
}
