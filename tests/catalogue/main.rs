//! The tests of the Go client, and those of the etcd v2 server that say what its API means, each under the name that
//! it has in Go. `README.md` beside this file is the table; a test of its own keeps the two together.
//!
//! The cases are Go's: what goes in and what comes out. Where this library differs on purpose, the test pins what this
//! library does, and a comment says "Differs from Go".

// C strings are read as C reads them.
#![allow(clippy::disallowed_methods)]

mod client;
mod cluster;
mod common_name;
mod discovery;
mod e2e;
mod e2e_tls;
mod integration;
mod keys;
mod members;
mod scripted;
mod server_auth;
mod server_errors;
mod server_http;
mod server_kv;
mod server_members;
mod server_parse;
mod server_stats;
mod space;
mod store;
mod store_watch;
mod sync;
mod table;
mod untested_in_go;
mod watcher;
mod watching;
