//! What the configuration says about TLS.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use super::pem;
use crate::core::error::{Error, Result};
use crate::core::memory;

#[derive(Clone, Default)]
pub struct TlsSettings {
    pub(super) authorities: Vec<Authorities>,
    /// None means: while no authority is given.
    pub(super) system_roots: Option<bool>,
    pub(super) identity: Option<Identity>,
    pub(super) server_name: Option<ServerName<'static>>,
    pub(super) skip_verify: bool,
}

/// Certificates of authorities, read once or again whenever their file changes.
#[derive(Clone)]
pub(super) enum Authorities {
    File(PathBuf),
    Pem(Arc<[CertificateDer<'static>]>),
}

/// What the server is shown when it asks for a client certificate.
#[derive(Clone)]
pub(super) enum Identity {
    Files { chain: PathBuf, key: PathBuf },
    Pem { chain: Vec<CertificateDer<'static>>, key: Arc<PrivateKeyDer<'static>> },
}

impl TlsSettings {
    pub fn add_ca_file(&mut self, path: &str) -> Result<()> {
        self.authorities.push(Authorities::File(given_path("path", path)?));
        Ok(())
    }

    pub fn add_ca_pem(&mut self, text: &[u8]) -> Result<()> {
        refuse_too_large("pem", text)?;
        let certificates = pem::authorities(text).map_err(|why| Error::invalid_argument("pem", why))?;
        self.authorities.push(Authorities::Pem(certificates.into()));
        Ok(())
    }

    pub fn set_system_roots(&mut self, on: bool) {
        self.system_roots = Some(on);
    }

    /// Without a key's path, the key is in the certificate's file; without both, nothing is shown.
    pub fn set_client_cert_files(&mut self, chain: Option<&str>, key: Option<&str>) -> Result<()> {
        self.identity = match (chain, key) {
            (None, None) => None,
            (None, Some(_)) => return Err(Error::invalid_argument("cert_path", "is NULL, but key_path is not")),
            (Some(chain), key) => Some(Identity::Files {
                key: given_path("key_path", key.unwrap_or(chain))?,
                chain: given_path("cert_path", chain)?,
            }),
        };
        Ok(())
    }

    pub fn set_client_cert_pem(&mut self, chain: &[u8], key: &[u8]) -> Result<()> {
        refuse_too_large("cert", chain)?;
        refuse_too_large("key", key)?;
        let chain = pem::certificates(chain).map_err(|why| Error::invalid_argument("cert", why))?;
        let key = pem::private_key(key).map_err(|why| Error::invalid_argument("key", why))?;
        let (chain, key) = (chain, Arc::new(key));
        pem::certified_key(&chain, &key).map_err(|why| Error::invalid_argument("key", why))?;
        self.identity = Some(Identity::Pem { chain, key });
        Ok(())
    }

    pub fn set_server_name(&mut self, name: Option<&str>) -> Result<()> {
        let parse = |name: &str| {
            let invalid =
                |_| Error::invalid_argument("name", format_args!("'{name}' is neither a DNS name nor an IP address"));
            ServerName::try_from(name.to_owned()).map_err(invalid)
        };
        self.server_name = name.filter(|name| !name.is_empty()).map(parse).transpose()?;
        Ok(())
    }

    pub fn set_insecure_skip_verify(&mut self, skip: bool) {
        self.skip_verify = skip;
    }

    /// Whether the system's authorities are trusted, alone or together with those that were given.
    pub(super) fn wants_system_roots(&self) -> bool {
        !self.skip_verify && self.system_roots.unwrap_or(self.authorities.is_empty())
    }

    /// Every file that a connection depends on.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let authorities = self.authorities.iter().filter_map(|authorities| match authorities {
            Authorities::File(path) => Some(path),
            Authorities::Pem(_) => None,
        });
        let identity = match &self.identity {
            Some(Identity::Files { chain, key }) => vec![chain, key],
            _ => Vec::new(),
        };
        authorities.chain(identity)
    }

    /// The options with which cURL makes the same connection; what was not given as a file cannot be told to it.
    pub fn curl_options(&self, quoted: impl Fn(&str) -> String) -> String {
        let mut options = String::new();
        let mut add = |option: &str, path: &PathBuf| {
            options.push_str(&format!(" {option} {}", quoted(&path.to_string_lossy())));
        };
        if !self.skip_verify {
            let file = self.authorities.iter().find_map(|authorities| match authorities {
                Authorities::File(path) => Some(path),
                Authorities::Pem(_) => None,
            });
            if let Some(path) = file {
                add("--cacert", path);
            }
        }
        if let Some(Identity::Files { chain, key }) = &self.identity {
            add("--cert", chain);
            add("--key", key);
        }
        if self.skip_verify {
            options.push_str(" -k");
        }
        options
    }
}

/// What the libraries for PEM and certificates make of it, they allocate without asking.
fn refuse_too_large(argument: &str, text: &[u8]) -> Result<()> {
    if text.len() > pem::LARGEST {
        let why = format_args!("has {} bytes, which is more than the {} that are accepted", text.len(), pem::LARGEST);
        return Err(Error::invalid_argument(argument, why));
    }
    memory::room(text.len().saturating_mul(4), "certificates and keys")
}

fn given_path(argument: &str, path: &str) -> Result<PathBuf> {
    if path.is_empty() { Err(Error::invalid_argument(argument, "is empty")) } else { Ok(PathBuf::from(path)) }
}
