//! Keys as paths: what `.`, `..` and `//` mean, so that no key leaves its prefix.

use crate::core::encoding;
use crate::core::error::{Error, Result};

/// Longer request targets are carried by no HTTP library on either side.
pub const LONGEST: usize = 60_000;

/// `prefix` and `key` as one encoded URL path. Empty segments, `.` and `..` are resolved inside the key as
/// Go resolves them; a key that would climb out of the prefix is refused (in Go, "../members" reaches `/v2/members`).
pub fn encoded(argument: &str, prefix: &str, key: &str) -> Result<String> {
    // What is refused below anyway, before anything is made of it.
    if key.len() > LONGEST {
        let why = format_args!("has {} bytes; at most {LONGEST} can be sent", key.len());
        return Err(Error::invalid_argument(argument, why));
    }
    let mut path = Vec::with_capacity(prefix.len() + key.len() + 8);
    path.extend_from_slice(prefix.as_bytes());
    for segment in key.as_bytes().split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => leave_segment(&mut path, prefix.len()).ok_or_else(|| {
                Error::invalid_argument(argument, format_args!("'{}' climbs out of the keys with '..'", excerpt(key)))
            })?,
            name => {
                path.push(b'/');
                encoding::append_path(&mut path, name);
            }
        }
    }
    // Go keeps a trailing slash; etcd itself takes the key with and without it as the same.
    if key.ends_with('/') {
        path.push(b'/');
    }
    if path.len() > LONGEST {
        let why = format_args!("has {} bytes as a URL path; at most {LONGEST} can be sent", path.len());
        return Err(Error::invalid_argument(argument, why));
    }
    Ok(encoding::ascii(path))
}

/// The canonical form of a keys prefix, encoded: a leading slash, no trailing one.
pub fn encoded_prefix(prefix: &str) -> Result<String> {
    encoded("prefix", "", prefix.trim_end_matches('/'))
}

/// Takes the last segment back; None where there is none behind the prefix.
fn leave_segment(path: &mut Vec<u8>, prefix: usize) -> Option<()> {
    let slash = path.get(prefix..)?.iter().rposition(|byte| *byte == b'/')?;
    path.truncate(prefix + slash);
    Some(())
}

fn excerpt(key: &str) -> String {
    let mut shown: String = key.chars().take(80).collect();
    if shown.len() < key.len() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_paths_as_in_go() {
        let cases = [
            ("", "/v2/keys"),
            ("/", "/v2/keys/"),
            ("foo", "/v2/keys/foo"),
            ("/foo", "/v2/keys/foo"),
            ("foo/", "/v2/keys/foo/"),
            ("//a//./b/../c//", "/v2/keys/a/c/"),
            ("a b?c", "/v2/keys/a%20b%3Fc"),
            ("/%2e%2e/x", "/v2/keys/%252e%252e/x"),
            ("a/..", "/v2/keys"),
            ("a/../", "/v2/keys/"),
            ("./", "/v2/keys/"),
        ];
        for (key, path) in cases {
            assert_eq!(encoded("key", "/v2/keys", key).expect(key), path, "{key}");
        }
    }

    #[test]
    fn no_key_climbs_out_of_its_prefix() {
        for key in ["..", "../members", "/../x", "a/../../members", "a/b/../../../x"] {
            let error = encoded("key", "/v2/keys", key).expect_err(key);
            assert!(error.message().starts_with("key: '"), "{key}");
        }
    }

    #[test]
    fn prefixes_are_made_canonical() {
        for (prefix, expected) in [("", ""), ("/", ""), ("v2/keys", "/v2/keys"), ("//v2//keys/", "/v2/keys")] {
            assert_eq!(encoded_prefix(prefix).expect(prefix), expected);
        }
    }

    #[test]
    fn an_absurdly_long_key_is_refused() {
        assert!(encoded("key", "/v2/keys", &"x".repeat(70_000)).is_err());
    }
}
