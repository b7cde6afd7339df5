//! libetcd_client: the etcd client for native programs, behind the C API of `include/etcd_client.h`.
//!
//! Data flows one way: `capi` converts what C gives and asks `core`, `core` speaks to etcd, and the response comes
//! back the same way. `rt` holds what waits and wakes; `ffi` holds every unsafe idiom.

pub mod capi;
pub mod core;
pub mod ffi;
pub mod rt;
