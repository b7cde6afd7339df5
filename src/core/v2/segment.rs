//! Names and ids as the last segment of a URL path, out of which they cannot climb.

use crate::core::encoding;
use crate::core::error::{Error, Result};

/// Longer request targets are reset by a plain etcd, which sniffs the protocol in the first 4096 bytes.
const LONGEST: usize = 3800;

/// `collection` and `name` as one encoded path. etcd decodes `%2F` before it splits the path, so that no name with a slash
/// can be said; `.` and `..` are cleaned away by every server in between.
pub fn path(argument: &str, collection: &str, name: &str) -> Result<String> {
    if name.is_empty() {
        return Err(Error::invalid_argument(argument, "is empty"));
    }
    if name.len() > LONGEST {
        return Err(too_long(argument, name.len()));
    }
    if name.contains('/') || matches!(name, "." | "..") {
        let why = format_args!("'{name}' cannot be said in a URL: etcd takes it for a path; use one without '/'");
        return Err(Error::invalid_argument(argument, why));
    }
    let mut path = format!("{collection}/");
    encoding::push_path(&mut path, name);
    if path.len() > LONGEST { Err(too_long(argument, path.len())) } else { Ok(path) }
}

fn too_long(argument: &str, bytes: usize) -> Error {
    Error::invalid_argument(argument, format_args!("has {bytes} bytes as a URL path; etcd takes about {LONGEST}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_encoded_segment() {
        for (name, expected) in
            [("bob", "/c/bob"), ("a b?c#d%2F", "/c/a%20b%3Fc%23d%252F"), ("...", "/c/..."), ("é:@", "/c/%C3%A9:@")]
        {
            assert_eq!(path("user", "/c", name).expect(name), expected);
        }
    }

    #[test]
    fn no_name_leaves_its_collection() {
        for name in ["", "/", ".", "..", "../x", "a/b", "/a", "a/", "a/../../x"] {
            let error = path("user", "/c", name).expect_err(name);
            assert!(error.message().starts_with("user: "), "{error}");
        }
        assert!(path("user", "/c", &"x".repeat(5000)).is_err());
    }
}
