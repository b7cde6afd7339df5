//! The client, in safe Rust: what to send, where, how often, and what the answer means.
#![forbid(unsafe_code)]

pub mod attempt;
pub mod auth;
pub mod auto_sync;
pub mod call;
pub mod client;
pub mod cluster;
pub mod config;
pub mod connection;
pub mod connector;
pub mod deadline;
pub mod discovery;
pub mod encoding;
pub mod endpoint;
pub mod error;
pub mod exchange;
pub mod keys;
pub mod log;
pub mod members;
pub mod monitoring;
pub mod open_answer;
pub mod peer_url;
pub mod pool;
pub mod proxy;
pub mod redirect;
pub mod response;
pub mod response_json;
pub mod ring;
pub mod socket;
pub mod status;
pub mod sync;
pub mod tls;
pub mod tunnel;
pub mod v2;
pub mod watch;
