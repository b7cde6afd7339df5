//! The header lines of an answer, as they came.

use bytes::Bytes;

/// Looked through anew for each question: few are asked, of few lines.
#[derive(Debug, Clone, Default)]
pub struct Headers(Bytes);

impl Headers {
    /// Of a head that was found to be one.
    pub fn new(head: Bytes) -> Headers {
        Headers(head)
    }

    /// The value in the first line of this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.lines().find_map(|line| value_if(line, name))
    }

    /// The same where it is plain text: visible ASCII, as every value that etcd sends.
    pub fn text(&self, name: &str) -> Option<&str> {
        let value = self.get(name)?;
        let is_plain = value.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
        if is_plain { std::str::from_utf8(value).ok() } else { None }
    }

    /// No more than the first lines of these names, in memory of their own.
    pub fn only(&self, names: &[&str]) -> Headers {
        let wanted = names.iter().filter_map(|name| self.lines().find(|line| value_if(line, name).is_some()));
        let lines = wanted.flat_map(|line| [line, b"\n".as_slice()]);
        Headers(lines.collect::<Vec<_>>().concat().into())
    }

    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'\n')
    }
}

/// What stands behind `NAME:`, if the line begins so.
fn value_if<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (before, rest) = line.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    before.eq_ignore_ascii_case(name.as_bytes()).then(|| value.trim_ascii())
}

#[cfg(test)]
impl<'a> FromIterator<(&'a str, &'a str)> for Headers {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Headers {
        let lines: String = pairs.into_iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        Headers(lines.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers() -> Headers {
        let head =
            b"HTTP/1.1 200 X-Etcd-Index: 1\r\nx-ETCD-index:\t 42 \r\nX-Etcd-Index: 43\nEmpty:\r\nOdd: \xff\r\n\r\n";
        Headers::new(Bytes::from_static(head))
    }

    #[test]
    fn a_name_is_found_however_it_is_written_and_the_first_line_counts() {
        assert_eq!(headers().get("X-Etcd-Index"), Some(&b"42"[..]));
        assert_eq!(headers().get("empty"), Some(&b""[..]));
        for absent in ["x-etcd", "x-etcd-index-x", "etcd-index", ""] {
            assert_eq!(headers().get(absent), None, "{absent}");
        }
    }

    #[test]
    fn only_plain_text_is_given_as_text() {
        assert_eq!(headers().text("x-etcd-index"), Some("42"));
        assert_eq!((headers().get("odd"), headers().text("odd")), (Some(&b"\xff"[..]), None));
    }

    #[test]
    fn what_is_wanted_can_be_kept_without_the_rest() {
        let kept = headers().only(&["odd", "absent", "x-etcd-index"]);
        assert_eq!((kept.get("x-etcd-index"), kept.get("odd")), (Some(&b"42"[..]), Some(&b"\xff"[..])));
        assert_eq!((kept.get("empty"), kept.lines().count()), (None, 3));
    }
}
