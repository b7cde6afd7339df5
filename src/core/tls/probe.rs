//! Whether a port that does not answer in plain HTTP speaks TLS. Some servers, etcd among them, close the connection
//! without a word, and the user would never learn that only the scheme is wrong.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::InvalidMessage;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::alerts;
use super::handshake::trusting_config;
use crate::core::endpoint::Origin;
use crate::core::socket::Transport;
use crate::rt::clock;

/// The look only improves a message; the call must not wait long for it.
const PATIENCE: Duration = Duration::from_millis(300);

/// Whom this client has asked already: once is enough.
#[derive(Default)]
pub struct Probe(Mutex<HashSet<Origin>>);

impl Probe {
    /// Begins a handshake that goes nowhere. False when it was asked before, and when the answer is not TLS.
    pub async fn speaks_tls<E>(&self, origin: &Origin, connect: impl Future<Output = Result<Transport, E>>) -> bool {
        if !self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(origin.clone()) {
            return false;
        }
        let speaks = clock::timeout(PATIENCE, handshake_begins(connect)).await.unwrap_or(false);
        if speaks {
            // The next call is to say it too.
            self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(origin);
        }
        speaks
    }
}

async fn handshake_begins<E>(connect: impl Future<Output = Result<Transport, E>>) -> bool {
    let (Some(config), Ok(name)) = (trusting_config(), ServerName::try_from("localhost")) else { return false };
    let Ok(transport) = connect.await else { return false };
    match TlsConnector::from(Arc::new(config)).connect(name, transport).await {
        Ok(_) => true,
        Err(error) => alerts::of_io(&error)
            .is_some_and(|error| !matches!(error, rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType))),
    }
}
