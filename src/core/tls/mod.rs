//! TLS: what is trusted, what is shown to the server, and what went wrong, in words.

pub mod alerts;
mod certificate_failure;
mod files;
mod handshake;
mod pem;
mod probe;
mod settings;
mod verify;

pub use handshake::Tls;
pub use probe::Probe;
pub use settings::TlsSettings;
