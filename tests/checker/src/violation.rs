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

/// All that a judge found, at least one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations(pub Vec<Violation>);

impl Violations {
    pub(crate) fn or_ok(violations: Vec<Violation>) -> Result<(), Violations> {
        if violations.is_empty() { Ok(()) } else { Err(Violations(violations)) }
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|violation| writeln!(out, "{violation}"))
    }
}
