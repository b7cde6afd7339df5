//! JSON as Go's `encoding/json` writes it, byte for byte.

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

pub fn string(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    push_string(&mut json, text);
    json
}

pub fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut json = String::from("[");
    for text in texts {
        if json.len() > 1 {
            json.push(',');
        }
        push_string(&mut json, text);
    }
    json.push(']');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_go_escapes_them() {
        let text = "a\"b\\c\nd\re\tf\0g\u{1f}h<i>j&k\u{2028}l\u{2029}m\u{7f}é/";
        let json = "\"a\\\"b\\\\c\\nd\\re\\tf\\u0000g\\u001fh\\u003ci\\u003ej\\u0026k\\u2028l\\u2029m\u{7f}é/\"";
        assert_eq!(string(text), json);
        assert_eq!(serde_json::from_str::<String>(json).expect("JSON"), text);
    }

    #[test]
    fn lists_have_no_blanks() {
        assert_eq!(list([]), "[]");
        assert_eq!(list(["a", "b&"]), r#"["a","b\u0026"]"#);
    }
}
