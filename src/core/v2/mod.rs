//! The etcd v2 API over HTTP/1.1: wire forms, and what its answers mean.

pub mod api_code;
pub mod auth_answer;
pub mod auth_request;
pub mod expiration;
pub mod failure;
pub mod health;
pub mod json;
pub mod json_text;
pub mod keys_answer;
pub mod keys_document;
pub mod keys_plain;
pub mod keys_request;
pub mod members_answer;
pub mod members_request;
pub mod not_served;
pub mod segment;
pub mod stats;
pub mod version;
pub mod watch_event;
pub mod watch_request;
