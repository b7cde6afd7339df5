//! JSON as Go's `encoding/json` writes it, byte for byte.

use crate::core::error::Result;
use crate::core::memory;

/// Appends `text` as a JSON string. Go escapes `<`, `>`, `&` and the two line separators besides what JSON asks for.
pub fn push_string(into: &mut String, text: &str) {
    into.push('"');
    for character in text.chars() {
        match character {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            '\n' => into.push_str("\\n"),
            '\r' => into.push_str("\\r"),
            '\t' => into.push_str("\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..'\u{20}' => {
                into.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => into.push(other),
        }
    }
    into.push('"');
}

pub fn string(text: &str) -> Result<String> {
    let mut json = memory::text(longest(text), "a request")?;
    push_string(&mut json, text);
    Ok(json)
}

pub fn list<'a>(texts: impl IntoIterator<Item = &'a str> + Clone) -> Result<String> {
    let length = texts.clone().into_iter().map(|text| longest(text) + 1).sum::<usize>() + 2;
    let mut json = memory::text(length, "a request")?;
    json.push('[');
    for text in texts {
        if json.len() > 1 {
            json.push(',');
        }
        push_string(&mut json, text);
    }
    json.push(']');
    Ok(json)
}

/// At least as many bytes as the text has as a JSON string.
fn longest(text: &str) -> usize {
    let of = |byte: u8| match byte {
        // Six for each that is escaped; the two separators that are have three of these.
        0x80.. => 2,
        b'"' | b'\\' | b'<' | b'>' | b'&' | ..b' ' => 6,
        _ => 1,
    };
    text.bytes().map(of).sum::<usize>() + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_go_escapes_them() {
        let text = "a\"b\\c\nd\re\tf\0g\u{1f}h<i>j&k\u{2028}l\u{2029}m\u{7f}é/";
        let json = "\"a\\\"b\\\\c\\nd\\re\\tf\\u0000g\\u001fh\\u003ci\\u003ej\\u0026k\\u2028l\\u2029m\u{7f}é/\"";
        let written = string(text).expect("room");
        assert_eq!(written, json);
        assert!(written.len() <= longest(text), "the room was enough");
        assert_eq!(serde_json::from_str::<String>(json).expect("JSON"), text);
    }

    #[test]
    fn lists_have_no_blanks() {
        assert_eq!(list([]).expect("room"), "[]");
        assert_eq!(list(["a", "b&"]).expect("room"), r#"["a","b\u0026"]"#);
    }
}
