//! The catalogue of the Go client's own tests, and the cases that its behaviour depends on and that it never tests,
//! against a server that answers by script. Comments name the Go test where there is one.

// C strings are read as C reads them.
#![allow(clippy::disallowed_methods)]

mod administration;
mod auth;
mod auto_sync;
mod broken_connections;
mod connections;
mod contexts;
mod credentials;
mod discovery;
mod health;
mod isolation;
mod log;
mod member_checks;
mod members;
mod operations;
mod outcomes;
mod overload;
mod overtaking;
mod proxies;
mod redirects;
mod refusals;
mod responses;
mod ring;
mod stats;
mod sync;
mod tls_connections;
mod tls_files;
mod tls_peers;
mod tls_proxies;
mod watch_answers;
mod watch_bodies;
mod watch_failover;
mod watch_interruptions;
mod watch_wire;
mod watching;
mod wire;
