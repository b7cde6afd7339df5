//! The TLS of one client: one configuration for all its connections, made when first needed and anew when a file changes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::client::ResolvesClientCert;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::files::{self, Stamp};
use super::settings::{Authorities, Identity, TlsSettings};
use super::verify::{AnyServer, KnownServer};
use super::{alerts, pem};
use crate::core::endpoint::{Address, Origin};
use crate::core::error::{Error, Result};
use crate::core::log::{Level, Log};
use crate::core::socket::Transport;
use crate::core::status::Status;

/// How often the files are looked at, at most.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

pub struct Tls {
    settings: TlsSettings,
    log: Log,
    state: Mutex<State>,
}

struct State {
    material: Material,
    stamps: Vec<Option<Stamp>>,
    looked: Instant,
    /// A new state of the files that could not be used, so that it is told once and not every second.
    refused: Option<Vec<Option<Stamp>>>,
    /// Shared by all connections, and with it the sessions that can be resumed.
    config: Option<Arc<ClientConfig>>,
}

/// What the files and texts hold.
struct Material {
    authorities: RootCertStore,
    /// The same, as they were given.
    given: Vec<CertificateDer<'static>>,
    identity: Option<Arc<CertifiedKey>>,
}

impl Tls {
    /// Reads the given files at once, so that a wrong one is known before the first call.
    pub fn new(settings: TlsSettings, log: Log) -> Result<Tls> {
        let stamps = files::stamps(settings.files());
        let material = read(&settings).map_err(|why| Error::new(Status::Tls, why))?;
        if settings.skip_verify {
            log.write(
                Level::Warn,
                "the certificates of the servers are not verified (etcd_config_set_insecure_skip_verify): whoever is \
                 on the way can read and change everything",
            );
        }
        let state = State { material, stamps, looked: Instant::now(), refused: None, config: None };
        Ok(Tls { settings, log, state: Mutex::new(state) })
    }

    pub fn settings(&self) -> &TlsSettings {
        &self.settings
    }

    /// Makes a connection to `origin` an encrypted one, or says why that cannot be.
    pub async fn connect(&self, origin: &Origin, mut transport: Transport) -> Result<Box<TlsStream<Transport>>> {
        let failed = |why: String| {
            let origin = origin.to_string();
            Error::new(Status::Tls, format!("cannot connect to {origin}: {why}")).at(&origin)
        };
        let name = self.name_of(origin).map_err(failed)?;
        let config = self.config().map_err(failed)?;
        transport.set_handshaking(true);
        match TlsConnector::from(config).connect(name, transport).into_fallible().await {
            Ok(mut stream) => {
                stream.get_mut().0.set_handshaking(false);
                Ok(Box::new(stream))
            }
            Err((error, transport)) => {
                Err(failed(alerts::handshake_failure(origin, &error, transport.received() > 0, &self.settings)))
            }
        }
    }

    /// The name that the server's certificate must have.
    fn name_of(&self, origin: &Origin) -> std::result::Result<ServerName<'static>, String> {
        if let Some(name) = &self.settings.server_name {
            return Ok(name.clone());
        }
        let host = match &origin.address {
            Address::Tcp { host, .. } => host.split_once('%').map_or(host.as_str(), |(address, _)| address),
            Address::Unix { .. } => "localhost",
        };
        ServerName::try_from(host.trim_end_matches('.').to_owned()).map_err(|_| {
            format!("'{host}' is no name that a certificate can have; set one with etcd_config_set_server_name")
        })
    }

    /// The configuration for a new connection.
    pub(super) fn config(&self) -> std::result::Result<Arc<ClientConfig>, String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.look_for_changes(&mut state);
        if let Some(config) = &state.config {
            return Ok(config.clone());
        }
        let config = Arc::new(self.build(&state.material)?);
        state.config = Some(config.clone());
        Ok(config)
    }

    /// A new file that cannot be used, perhaps because it is written at this moment, leaves the old one in use.
    fn look_for_changes(&self, state: &mut State) {
        if state.stamps.is_empty() || state.looked.elapsed() < BETWEEN_LOOKS {
            return;
        }
        state.looked = Instant::now();
        // Taken before the files are read: what changes meanwhile is seen the next time.
        let stamps = files::stamps(self.settings.files());
        if stamps == state.stamps {
            return;
        }
        match read(&self.settings) {
            Ok(material) => {
                state.material = material;
                state.stamps = stamps;
                state.refused = None;
                state.config = None;
                self.log.write(Level::Info, "the TLS certificates were read again because their files have changed");
            }
            Err(why) if state.refused.as_ref() != Some(&stamps) => {
                state.refused = Some(stamps);
                self.log.write(
                    Level::Warn,
                    &format!("the TLS certificates have changed, but the old ones stay in use: {why}"),
                );
            }
            Err(_) => {}
        }
    }

    fn build(&self, material: &Material) -> std::result::Result<ClientConfig, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone());
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        let builder = if self.settings.skip_verify {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyServer(provider)))
        } else {
            let known = KnownServer::new(self.roots(material)?, material.given.clone(), provider)?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(known))
        };
        let mut config = match &material.identity {
            Some(identity) => builder.with_client_cert_resolver(resolver(identity)),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn roots(&self, material: &Material) -> std::result::Result<RootCertStore, String> {
        let mut roots = material.authorities.clone();
        if self.settings.wants_system_roots() {
            let system = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(system.certs);
            if roots.is_empty() {
                let why = system.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
                return Err(format!(
                    "this system has no certificate authorities{why}; give the CA with etcd_config_add_ca_file"
                ));
            }
        }
        if roots.is_empty() {
            return Err("no authority is trusted: the system's are switched off, and no CA was given".into());
        }
        Ok(roots)
    }
}

fn resolver(identity: &Arc<CertifiedKey>) -> Arc<dyn ResolvesClientCert> {
    Arc::new(SingleCertAndKey::from(identity.clone()))
}

/// A configuration for a look at whether somebody speaks TLS at all: nothing is sent over what it makes.
pub(super) fn trusting_config() -> Option<ClientConfig> {
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().ok()?;
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyServer(provider)));
    Some(builder.with_no_client_auth())
}

fn read(settings: &TlsSettings) -> std::result::Result<Material, String> {
    let mut given = Vec::new();
    for source in &settings.authorities {
        let certificates = match source {
            Authorities::Pem(certificates) => certificates.to_vec(),
            Authorities::File(path) => {
                let found = pem::authorities(&files::read(path)?);
                found.map_err(|why| format!("the CA file {} {why}", path.display()))?
            }
        };
        given.extend(certificates);
    }
    let mut authorities = RootCertStore::empty();
    authorities.add_parsable_certificates(given.iter().cloned());
    let identity = settings.identity.as_ref().map(identity).transpose()?;
    Ok(Material { authorities, given, identity })
}

fn identity(identity: &Identity) -> std::result::Result<Arc<CertifiedKey>, String> {
    match identity {
        Identity::Pem { chain, key } => pem::certified_key(chain, key),
        Identity::Files { chain: chain_path, key: key_path } => {
            let chain = pem::certificates(&files::read(chain_path)?);
            let chain = chain.map_err(|why| format!("the client certificate {} {why}", chain_path.display()))?;
            let key = pem::private_key(&files::read(key_path)?);
            let key = key.map_err(|why| format!("the client key {}: {why}", key_path.display()))?;
            pem::certified_key(&chain, &key)
                .map_err(|why| format!("{} with {}: {why}", chain_path.display(), key_path.display()))
        }
    }
}
