//! One event of a watch, and whether a watch that was there when it happened would have got it.

use bytes::Bytes;

use super::keys_answer;
use super::watch_request::Watched;
use crate::core::error::{Error, Result};
use crate::core::exchange::Answer;
use crate::core::response::{Action, Node, Response};
use crate::core::status::Status;

/// The event in `document`, which came with the headers of `head`.
pub fn decode(document: Bytes, head: &Answer, endpoint: &str) -> Result<(Response, u64)> {
    let answer = Answer { http_status: head.http_status, headers: head.headers.clone(), body: document };
    let mut event = keys_answer::decode(&answer, endpoint, crate::core::exchange::Effect::Read)?;
    let index = event.node().map_or(0, |node| node.modified_index);
    if index == 0 {
        let text = format!("{endpoint} sent an event without a node or its index; the endpoint is probably not etcd");
        return Err(Error::new(Status::InvalidResponse, text).at(endpoint).with_http_status(answer.http_status));
    }
    // The header tells the store's index when the watch began, which an event of a stream has long left behind.
    event.raise_index(index);
    Ok((event, index))
}

/// History gives more than a watch at the time: keys hidden from it, and directories deleted that only begin like it.
pub fn is_meant_for(watched: &Watched, event: &Response) -> bool {
    let Some(watched_key) = watched.key() else { return true };
    let Some(node) = event.node() else { return true };
    let key = String::from_utf8_lossy(event.text(node.key));
    if let Some(below) = below(&watched_key, &key) {
        return below.is_empty() || (watched.is_recursive() && !below.contains("/_"));
    }
    // A directory above took the key with it.
    below(&key, &watched_key).is_some() && takes_all_with_it(event.action(), event, node)
}

fn takes_all_with_it(action: Action, event: &Response, node: &Node) -> bool {
    let was_dir = event.prev_node().is_some_and(|node| node.is_dir);
    matches!(action, Action::Delete | Action::Expire) && (node.is_dir || was_dir)
}

/// What follows `directory` in `key`: empty for the same key, `/...` for a key below it.
fn below<'a>(directory: &str, key: &'a str) -> Option<&'a str> {
    let rest = key.strip_prefix(directory)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::http1::headers::Headers;

    fn is_meant(watched: &str, recursive: bool, event: &str) -> bool {
        let head = Answer { http_status: 200, headers: Headers::default(), body: Bytes::new() };
        let (event, _) = decode(Bytes::copy_from_slice(event.as_bytes()), &head, "http://h").expect("an event");
        is_meant_for(&Watched::new("/v2/keys", watched, recursive).expect("valid"), &event)
    }

    fn set(key: &str) -> String {
        format!(r#"{{"action":"set","node":{{"key":"{key}","value":"v","modifiedIndex":7,"createdIndex":7}}}}"#)
    }

    fn delete_dir(key: &str) -> String {
        format!(
            r#"{{"action":"delete","node":{{"key":"{key}","dir":true,"modifiedIndex":7,"createdIndex":1}},"prevNode":{{"key":"{key}","dir":true,"modifiedIndex":1,"createdIndex":1}}}}"#
        )
    }

    #[test]
    fn a_watch_gets_its_key_and_a_recursive_one_everything_below() {
        assert!(is_meant("/a", false, &set("/a")));
        assert!(is_meant("/a/", true, &set("/a/b/c")));
        assert!(is_meant("/", true, &set("/a")));
        assert!(!is_meant("/a", false, &set("/a/b")));
        assert!(!is_meant("/a", true, &set("/ab")));
    }

    #[test]
    fn hidden_keys_below_are_not_seen_and_a_hidden_key_that_is_watched_is() {
        assert!(!is_meant("/", true, &set("/_secret")));
        assert!(!is_meant("/a", true, &set("/a/b/_h/c")));
        assert!(is_meant("/a/_h", true, &set("/a/_h/c")));
        assert!(is_meant("/_h", false, &set("/_h")));
    }

    #[test]
    fn a_deleted_directory_is_seen_below_it_and_not_beside_it() {
        assert!(is_meant("/a/b", false, &delete_dir("/a")));
        assert!(is_meant("/a/b", true, &delete_dir("/a")));
        assert!(!is_meant("/ab", true, &delete_dir("/a")), "etcd's history reports it all the same");
        assert!(!is_meant("/a/b", false, &set("/a")));
    }

    #[test]
    fn an_event_without_a_node_is_an_invalid_response() {
        let head = Answer { http_status: 200, headers: Headers::default(), body: Bytes::new() };
        for body in [r#"{"action":"set"}"#, r#"{"action":"set","node":{"key":"/a"}}"#, "{}", "null", "[]"] {
            let error = decode(Bytes::from_static(body.as_bytes()), &head, "http://h").expect_err(body);
            assert_eq!(error.status(), Status::InvalidResponse, "{body}");
        }
    }
}
