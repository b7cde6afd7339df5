//! libetcd_client: the etcd client for native programs, behind the C API of `include/etcd_client.h`.
//!
//! Data flows one way: `capi` converts what C gives and asks `core`, `core` speaks to etcd, and the response comes
//! back the same way. `rt` holds what waits and wakes; `ffi` holds every unsafe idiom.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::undocumented_unsafe_blocks,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods
)]

pub mod capi;
pub mod core;
#[doc(hidden)]
pub mod faults;
pub mod ffi;
pub mod rt;

/// Where build.rs has put the header that it generated; a test compares it with the committed one.
#[doc(hidden)]
pub const GENERATED_HEADER: &str = env!("ETCD_GENERATED_HEADER");
