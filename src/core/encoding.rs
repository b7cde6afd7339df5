//! Percent-encoding, byte for byte as Go's `net/url` does it.

use std::borrow::Cow;

use super::error::Result;
use super::few;
use super::memory;

const UPPER_HEX: &[u8; 16] = b"0123456789ABCDEF";

/// What `URL.EscapedPath` leaves as it is. Without branches, as below, so that many bytes are looked at at once.
#[inline(always)]
const fn is_literal_in_path(byte: u8) -> bool {
    let is_sign = (byte == b'$') | (byte == b'&') | (byte == b'+') | (byte == b',') | (byte == b'/');
    let is_mark = (byte == b':') | (byte == b';') | (byte == b'=') | (byte == b'@');
    is_literal_in_query(byte) | is_sign | is_mark
}

/// What `url.QueryEscape` leaves as it is.
#[inline(always)]
const fn is_literal_in_query(byte: u8) -> bool {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let is_digit = byte.wrapping_sub(b'0') < 10;
    is_letter | is_digit | (byte == b'-') | (byte == b'_') | (byte == b'.') | (byte == b'~')
}

/// The same for one byte at a time, which is quicker by a table.
type Table = [bool; 256];

static LITERAL_IN_PATH: Table = table(true);
static LITERAL_IN_QUERY: Table = table(false);

#[allow(clippy::indexing_slicing)] // While it is compiled.
const fn table(of_path: bool) -> Table {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = if of_path { is_literal_in_path(byte as u8) } else { is_literal_in_query(byte as u8) };
        byte += 1;
    }
    table
}

fn append_percent(into: &mut Vec<u8>, byte: u8) {
    let digit = |nibble: u8| *UPPER_HEX.get(usize::from(nibble)).unwrap_or(&b'0');
    into.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
}

/// Most texts are literal for the most part: they are looked at and copied in such blocks.
const BLOCK: usize = 16;

#[inline(always)]
fn append(into: &mut Vec<u8>, text: &[u8], is_literal: impl Fn(u8) -> bool, table: &Table, space: &[u8]) {
    let mut rest = text;
    while let Some((block, behind)) = rest.split_first_chunk::<BLOCK>() {
        match block.iter().fold(true, |all, byte| all & is_literal(*byte)) {
            true => into.extend_from_slice(block),
            false => append_one_by_one(into, block, table, space),
        }
        rest = behind;
    }
    append_one_by_one(into, rest, table, space);
}

fn append_one_by_one(into: &mut Vec<u8>, bytes: &[u8], table: &Table, space: &[u8]) {
    for byte in bytes {
        match byte {
            literal if table.get(usize::from(*literal)) == Some(&true) => into.push(*literal),
            b' ' => into.extend_from_slice(space),
            other => append_percent(into, *other),
        }
    }
}

/// Appends `text` as part of a URL path; what it makes of it is ASCII.
pub fn append_path(into: &mut Vec<u8>, text: &[u8]) {
    append(into, text, is_literal_in_path, &LITERAL_IN_PATH, b"%20");
}

/// Appends `text` as a name or value of a query or form: space becomes `+`. What it makes of it is ASCII.
pub fn append_query(into: &mut Vec<u8>, text: &[u8]) {
    append(into, text, is_literal_in_query, &LITERAL_IN_QUERY, b"+");
}

/// What was made of ASCII only.
pub fn ascii(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_default()
}

/// As `append_path`.
pub fn push_path(into: &mut String, text: &str) {
    let mut encoded = std::mem::take(into).into_bytes();
    append_path(&mut encoded, text.as_bytes());
    *into = ascii(encoded);
}

/// `name=value&name=value` of those that have a value, as Go's `url.Values.Encode` gives it. The names need no encoding, and
/// are given in their order, in which Go puts them.
pub fn form(pairs: &[(&'static str, Option<&str>)]) -> Result<Vec<u8>> {
    debug_assert!(pairs.is_sorted_by_key(|(name, _)| name));
    let given = || pairs.iter().filter_map(|(name, value)| value.map(|value| (*name, value)));
    // Just as long as it gets: it neither grows while it is written nor keeps what it does not need.
    let lengths = given().map(|(name, value)| name.len() + query_length(value) + 2);
    let length = lengths.sum::<usize>().saturating_sub(1);
    let mut encoded = memory::list(length, "a request")?;
    for (name, value) in given() {
        if !encoded.is_empty() {
            encoded.push(b'&');
        }
        encoded.extend_from_slice(name.as_bytes());
        encoded.push(b'=');
        append_query(&mut encoded, value.as_bytes());
    }
    Ok(encoded)
}

/// As `form`, for pairs in any order that are known to be small.
pub fn push_form<'a>(into: &mut String, mut pairs: Vec<(&'a str, Cow<'a, str>)>) {
    few::sort_few(&mut pairs, |left, right| left.0 < right.0);
    let mut encoded = std::mem::take(into).into_bytes();
    for (name, value) in pairs {
        if !encoded.is_empty() {
            encoded.push(b'&');
        }
        append_query(&mut encoded, name.as_bytes());
        encoded.push(b'=');
        append_query(&mut encoded, value.as_bytes());
    }
    *into = ascii(encoded);
}

/// How long `append_query` makes a text.
pub fn query_length(text: &str) -> usize {
    let (mut rest, mut kept) = (text.as_bytes(), 0);
    while let Some((block, behind)) = rest.split_first_chunk::<BLOCK>() {
        let is_kept = |byte: u8| u8::from(is_literal_in_query(byte) | (byte == b' '));
        kept += usize::from(block.iter().fold(0, |count, byte| count + is_kept(*byte)));
        rest = behind;
    }
    kept +=
        rest.iter().filter(|byte| **byte == b' ' || LITERAL_IN_QUERY.get(usize::from(**byte)) == Some(&true)).count();
    kept + (text.len() - kept) * 3
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
    fn forms_are_encoded_as_go_encodes_them() {
        let pairs = [("refresh", None), ("ttl", Some("5")), ("value", Some("bar+baz qux/é"))];
        assert_eq!(ascii(form(&pairs).expect("room")), "ttl=5&value=bar%2Bbaz+qux%2F%C3%A9");
        assert!(form(&[("value", None)]).expect("room").is_empty());
    }

    #[test]
    fn pairs_in_any_order_are_sorted() {
        let mut encoded = String::new();
        push_form(&mut encoded, vec![("b", "1 2".into()), ("a&", "é".into())]);
        assert_eq!(encoded, "a%26=%C3%A9&b=1+2");
    }

    #[test]
    fn a_form_has_its_length_from_the_start() {
        for repeated in [0, 1, 3, 30, 52, memory::LARGE] {
            let value = "a b\u{1}é".repeat(repeated);
            let encoded = form(&[("ttl", Some("5")), ("value", Some(&value))]).expect("room");
            assert_eq!(encoded.len(), "ttl=5&value=".len() + "a+b%01%C3%A9".len() * repeated);
            assert_eq!(encoded.capacity(), encoded.len());
        }
    }

    #[test]
    fn every_byte_is_encoded_the_same_wherever_it_stands() {
        for character in (0..=0x7f_u8).map(char::from) {
            let literal_in_query = character.is_ascii_alphanumeric() || "-_.~".contains(character);
            let literal_in_path = literal_in_query || "$&+,/:;=@".contains(character);
            let percent = format!("%{:02X}", u32::from(character));
            let in_path = if literal_in_path { character.to_string() } else { percent.clone() };
            let in_query = match character {
                ' ' => "+".to_owned(),
                _ if literal_in_query => character.to_string(),
                _ => percent,
            };
            for position in 0..40 {
                let text = |middle: &str| format!("{}{middle}{}", "x".repeat(position), "y".repeat(40 - position));
                let plain = text(&character.to_string());
                let (mut path, mut query) = (Vec::new(), Vec::new());
                append_path(&mut path, plain.as_bytes());
                append_query(&mut query, plain.as_bytes());
                assert_eq!(query_length(&plain), query.len());
                assert_eq!((ascii(path), ascii(query)), (text(&in_path), text(&in_query)), "{character:?}");
            }
        }
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
