//! The log hook. Nothing is ever written to stdout or stderr, and no message holds credentials.

use std::sync::Arc;

use super::connector::Connector;
use super::endpoint::Address;
use super::exchange::{Hop, Request};
use super::v2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error = 1,
    Warn = 2,
    Info = 3,
    Debug = 4,
}

impl Level {
    pub fn from_number(number: i32) -> Option<Level> {
        [Level::Error, Level::Warn, Level::Info, Level::Debug].into_iter().find(|level| *level as i32 == number)
    }
}

pub type Sink = Arc<dyn Fn(Level, &str) + Send + Sync>;

/// Where messages go, if anywhere.
#[derive(Clone, Default)]
pub struct Log(Option<(Level, Sink)>);

impl Log {
    pub fn new(level: Level, sink: Sink) -> Log {
        Log(Some((level, sink)))
    }

    /// Ask before building a message that costs something.
    pub fn is_enabled(&self, level: Level) -> bool {
        self.0.as_ref().is_some_and(|(most, _)| level <= *most)
    }

    pub fn write(&self, level: Level, message: &str) {
        if let Some((most, sink)) = &self.0
            && level <= *most
        {
            sink(level, message);
        }
    }
}

/// The request as a cURL command that can be pasted into a shell. Credentials are left out: add `-u`.
pub fn curl(request: &Request, hop: &Hop, connector: &Connector) -> String {
    let mut line = format!("curl -X {}", request.method);
    match &hop.origin.address {
        Address::Tcp { .. } => line.push_str(&format!(" {}", quoted(&hop.url()))),
        Address::Unix { path } => {
            let scheme = if hop.origin.scheme.is_encrypted() { "https" } else { "http" };
            line.push_str(&format!(
                " --unix-socket {} {}",
                quoted(path),
                quoted(&format!("{scheme}://localhost{}", hop.target))
            ));
        }
    }
    line.push_str(&connector.curl_options(&hop.origin, quoted));
    if let Some(content_type) = request.content_type {
        line.push_str(&format!(" -H {}", quoted(&format!("Content-Type: {content_type}"))));
    }
    if !request.body.is_empty() {
        line.push_str(&format!(" --data-binary {}", quoted(&shown_body(request))));
    }
    line
}

/// The body, without the password that a request about a user carries. A shell takes no longer argument than its beginning.
fn shown_body(request: &Request) -> String {
    const LONGEST: usize = 64 << 10;
    let beginning = request.body.get(..LONGEST).unwrap_or(&request.body);
    let body = String::from_utf8_lossy(beginning);
    let shown = match request.path.starts_with(v2::auth_request::USERS) {
        true => without_password(&body),
        false => body.into_owned(),
    };
    match request.body.len() {
        bytes if bytes > LONGEST => format!("{shown}... ({bytes} bytes)"),
        _ => shown,
    }
}

/// A quote inside a JSON string has a backslash before it, so no name can be taken for the field.
fn without_password(json: &str) -> String {
    const FIELD: &str = r#""password":""#;
    let Some((before, after)) = json.split_once(FIELD) else { return json.to_owned() };
    let mut is_escaped = false;
    let end = after.find(|character| {
        let ends = character == '"' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        ends
    });
    let rest = end.and_then(|end| after.get(end..)).unwrap_or_default();
    format!("{before}{FIELD}PASSWORD{rest}")
}

/// Single quotes keep a shell from reading anything into the text.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_survives_a_quote() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn a_password_is_not_shown_however_it_is_written() {
        for password in ["secret", r#"se\"cret"#, r"secret\\", ""] {
            let body = format!(r#"{{"user":"\"password\":\"bob","password":"{password}","roles":null}}"#);
            let shown = r#"{"user":"\"password\":\"bob","password":"PASSWORD","roles":null}"#;
            assert_eq!(without_password(&body), shown, "{password}");
        }
        assert_eq!(without_password(r#"{"role":"r"}"#), r#"{"role":"r"}"#);
    }

    #[test]
    fn only_enabled_levels_are_written() {
        let written = Arc::new(std::sync::Mutex::new(Vec::new()));
        let sink = written.clone();
        let log = Log::new(
            Level::Warn,
            Arc::new(move |level, text: &str| sink.lock().expect("lock").push((level, text.to_owned()))),
        );
        log.write(Level::Info, "quiet");
        log.write(Level::Error, "loud");
        assert_eq!(*written.lock().expect("lock"), [(Level::Error, "loud".to_owned())]);
    }
}
