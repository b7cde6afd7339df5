//! JSON that serde_json reads into values of its own. It allocates them without asking, so that is asked before.

use serde::Deserialize;

use crate::core::error::Result;
use crate::core::memory;

/// The outer error is that of the memory, the inner one that of the text.
pub fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<serde_json::Result<T>> {
    if body.len() > memory::LARGE {
        memory::room(most(body), "what an answer says")?;
    }
    Ok(serde_json::from_slice(body))
}

/// More than the values of this text take. A map has nodes for eleven entries, a list room for four, a string its own
/// allocation; and what becomes of a text, such as a message, is copied some times.
fn most(body: &[u8]) -> usize {
    let of = |byte: &u8| match byte {
        b'{' => 800,
        b'[' => 200,
        b',' => 200,
        _ => 8,
    };
    body.iter().map(of).sum()
}
