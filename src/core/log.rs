//! The log hook. Nothing is ever written to stdout or stderr, and no message holds credentials.

use std::sync::Arc;

use super::connector::Connector;
use super::endpoint::Address;
use super::exchange::{Hop, Request};

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
        line.push_str(&format!(" --data-binary {}", quoted(&String::from_utf8_lossy(&request.body))));
    }
    line
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
