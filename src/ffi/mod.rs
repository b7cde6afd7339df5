//! Every unsafe idiom of the C border, once: handles, strings, out-parameters, panics, user data, signals.
#![deny(clippy::undocumented_unsafe_blocks)]

pub mod handle;
pub mod out;
pub mod panics;
pub mod signals;
pub mod strings;
pub mod user_data;
