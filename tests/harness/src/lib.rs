//! The C API for Rust tests: thin, owning wrappers. Every call goes through the exported functions, so that what
//! is tested is what C gets.

// The harness is C's side of the border, where raw pointers are read.
#![allow(clippy::disallowed_methods)]

mod auth;
mod calls;
mod client;
mod cluster;
mod error;
mod future;
mod members;
mod options;
mod response;
mod strings;
mod watcher;

pub use auth::Auth;
pub use client::{Client, Config, Context};
pub use cluster::discover;
pub use error::Failure;
pub use future::{Future, Queue, Told, take_response};
pub use members::Member;
pub use options::{Delete, Get, Set};
pub use response::{Node, Response};
pub use watcher::{Watch, Watcher};

pub use etcd_client::capi;
pub use etcd_client::faults;

use std::ffi::{CStr, CString, c_char};

/// A C string for an input.
pub(crate) fn c(text: &str) -> CString {
    CString::new(text).expect("text without NUL")
}

/// A borrowed C string as Rust text; None for NULL.
pub(crate) fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: the library hands out NUL-terminated strings that outlive this call.
    Some(unsafe { CStr::from_ptr(pointer) }.to_str().expect("UTF-8").to_owned())
}
