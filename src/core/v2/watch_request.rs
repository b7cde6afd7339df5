//! Watch requests: Go's three parameters, and `stream` where one request is to bring many events.

use bytes::Bytes;
use http::Method;

use crate::core::encoding;
use crate::core::error::Result;
use crate::core::exchange::{Effect, Request};
use crate::core::keys::path;

/// Everything of a request but the index.
#[derive(Debug, Clone)]
pub struct Watched {
    path: String,
    recursive: bool,
}

impl Watched {
    pub fn new(prefix: &str, key: &str, recursive: bool) -> Result<Watched> {
        Ok(Watched { path: path::encoded("key", prefix, key)?, recursive })
    }

    /// From `wait_index` on; 0 means from now on.
    pub fn request(&self, wait_index: u64, stream: bool) -> Request {
        let stream = if stream { "&stream=true" } else { "" };
        let query = format!("recursive={}{stream}&wait=true&waitIndex={wait_index}", self.recursive);
        Request {
            method: Method::GET,
            path: self.path.clone(),
            query: query.into(),
            content_type: None,
            body: Bytes::new(),
            effect: Effect::Read,
        }
    }

    /// The watched key as the server names it; None where the prefix in front of the keys is not etcd's own.
    pub fn key(&self) -> Option<String> {
        let encoded = self.path.strip_prefix("/v2/keys")?;
        Some(encoding::decode(encoded.trim_end_matches('/')))
    }

    pub fn is_recursive(&self) -> bool {
        self.recursive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_always_sends_gos_three_parameters() {
        let request = Watched::new("/v2/keys", "/foo bar", true).expect("valid").request(12, false);
        assert_eq!(request.path, "/v2/keys/foo%20bar");
        assert_eq!(request.query, "recursive=true&wait=true&waitIndex=12");
    }

    #[test]
    fn a_stream_is_asked_for_in_sorted_order() {
        let request = Watched::new("/v2/keys", "/foo", false).expect("valid").request(0, true);
        assert_eq!(request.query, "recursive=false&stream=true&wait=true&waitIndex=0");
    }
}
