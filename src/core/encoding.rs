//! Percent-encoding, byte for byte as Go's `net/url` does it.

use std::borrow::Cow;

use super::error::Result;
use super::memory;

const UPPER_HEX: &[u8; 16] = b"0123456789ABCDEF";

/// What `URL.EscapedPath` leaves as it is, besides letters and digits.
fn is_literal_in_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte)
}

/// What `url.QueryEscape` leaves as it is, besides letters and digits.
fn is_literal_in_query(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte)
}

fn push_percent(into: &mut String, byte: u8) {
    into.push('%');
    for nibble in [byte >> 4, byte & 15] {
        into.push(char::from(*UPPER_HEX.get(usize::from(nibble)).unwrap_or(&b'0')));
    }
}

/// Appends `text` as part of a URL path.
pub fn push_path(into: &mut String, text: &str) {
    for byte in text.bytes() {
        if is_literal_in_path(byte) { into.push(char::from(byte)) } else { push_percent(into, byte) }
    }
}

/// Appends `text` as a name or value of a query or form: space becomes `+`.
pub fn push_query(into: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b' ' => into.push('+'),
            literal if is_literal_in_query(literal) => into.push(char::from(literal)),
            other => push_percent(into, other),
        }
    }
}

/// `name=value&name=value`, the names sorted, as Go's `url.Values.Encode` gives it.
pub fn form<'a>(pairs: Vec<(&'a str, Cow<'a, str>)>) -> Result<String> {
    let unencoded: usize = pairs.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    // Only what is large is worth a look at each of its bytes before: it must not grow while it is written.
    let length = match unencoded.saturating_mul(3) > memory::LARGE {
        true => pairs.iter().map(|(name, value)| query_length(name) + query_length(value) + 2).sum(),
        false => unencoded,
    };
    let mut encoded = memory::text(length, "a request")?;
    push_form(&mut encoded, pairs);
    Ok(encoded)
}

/// As `form`, for what is known to be small.
pub fn push_form<'a>(into: &mut String, mut pairs: Vec<(&'a str, Cow<'a, str>)>) {
    pairs.sort_by(|left, right| left.0.cmp(right.0));
    for (name, value) in pairs {
        if !into.is_empty() {
            into.push('&');
        }
        push_query(into, name);
        into.push('=');
        push_query(into, &value);
    }
}

/// How long `push_query` makes a text.
pub fn query_length(text: &str) -> usize {
    text.bytes().map(|byte| if byte == b' ' || is_literal_in_query(byte) { 1 } else { 3 }).sum()
}

/// Decodes `name=value&...`; text that is not valid percent-encoding stays as it is.
pub fn parse_form(encoded: &str) -> Vec<(String, String)> {
    let pairs = encoded.split('&').filter(|pair| !pair.is_empty());
    let split = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    split.map(|(name, value)| (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))).collect()
}

/// Undoes percent-encoding; bytes that are not UTF-8 afterwards become U+FFFD.
pub fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let decoded = if first == b'%' { hex_pair(after) } else { None };
        bytes.push(decoded.unwrap_or(first));
        rest = if decoded.is_some() { after.get(2..).unwrap_or(&[]) } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(bytes.get(..2)?).ok()?;
    if text.starts_with('+') { None } else { u8::from_str_radix(text, 16).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_encoded_as_go_encodes_them() {
        let mut encoded = String::new();
        push_path(&mut encoded, "/a b?c#d%e&f+g;h=i:j@k,l$m!n'o(p)q*r~s[t]u\"v\\w\0x é");
        let expected = "/a%20b%3Fc%23d%25e&f+g;h=i:j@k,l$m%21n%27o%28p%29q%2Ar~s%5Bt%5Du%22v%5Cw%00x%20%C3%A9";
        assert_eq!(encoded, expected);
    }

    #[test]
    fn forms_are_sorted_and_encoded_as_go_encodes_them() {
        let pairs = vec![("value", Cow::from("bar+baz qux/é")), ("ttl", Cow::from("5"))];
        assert_eq!(form(pairs).expect("room"), "ttl=5&value=bar%2Bbaz+qux%2F%C3%A9");
    }

    #[test]
    fn a_large_form_has_its_length_from_the_start() {
        let value = "a b\u{1}é".repeat(memory::LARGE);
        let encoded = form(vec![("ttl", "5".into()), ("value", value.into())]).expect("room");
        assert_eq!(encoded.len(), "ttl=5&value=".len() + "a+b%01%C3%A9".len() * memory::LARGE);
        assert!(encoded.capacity() <= encoded.len() + 1);
    }

    #[test]
    fn decoding_undoes_encoding_and_keeps_what_is_not_encoded() {
        assert_eq!(decode("a%20b%2Fc%zz%4"), "a b/c%zz%4");
        assert_eq!(
            parse_form("x=1&y&z=a+b%2B"),
            [("x", "1"), ("y", ""), ("z", "a b+")].map(|(n, v)| (n.into(), v.into()))
        );
    }
}
