//! The exported functions, one file per section of the header, in the header's order. Bodies convert in,
//! ask `core`, and convert out; they decide nothing.
#![allow(non_camel_case_types)]
// The documentation is the header's: it is written for the C reader.
#![allow(clippy::missing_safety_doc)]

pub mod auth;
pub mod auth_async;
pub mod auth_roles;
pub mod auth_roles_async;
pub mod auth_users;
pub mod client;
pub mod client_async;
pub mod config;
pub mod config_consistency;
pub mod config_tls;
pub mod context;
pub mod discovery;
pub mod error;
pub mod future;
pub mod future_take;
pub mod keys;
pub mod keys_async;
pub mod members;
pub mod members_async;
pub mod monitoring;
pub mod options;
pub mod queue;
pub mod response;
pub mod status;
pub mod strings;
pub mod sync;
pub mod version;
pub mod watcher;
pub mod watcher_push;

mod border;
mod operations;
