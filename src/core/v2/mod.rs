//! The etcd v2 API over HTTP/1.1: wire forms, and what its answers mean.

pub mod api_code;
pub mod failure;
pub mod keys_answer;
pub mod keys_request;
pub mod not_served;
pub mod version;
pub mod watch_event;
pub mod watch_request;
