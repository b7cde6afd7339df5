//! Every unsafe idiom of the C border, once: handles, strings, out-parameters, panics, user data, signals.
#![allow(clippy::disallowed_methods)]

pub mod counted;
pub mod handle;
pub mod out;
pub mod panics;
#[cfg(unix)]
pub mod poll;
pub mod process;
pub mod readiness;
pub mod signals;
pub mod strings;
pub mod user_data;
