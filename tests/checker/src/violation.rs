//! What a judge found, in words for the one who has to find the reason.

use std::fmt;

/// A promise that was broken, with what was seen around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The key, the directory, or the watcher.
    pub of: String,
    pub what: String,
    /// What was seen around it.
    pub around: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.of, self.what)?;
        self.around.iter().try_for_each(|line| write!(out, "\n  {line}"))
    }
}

/// All of them as one text, for the message of an assertion.
pub(crate) fn all_or_ok(violations: Vec<Violation>) -> Result<(), Vec<Violation>> {
    if violations.is_empty() { Ok(()) } else { Err(violations) }
}
