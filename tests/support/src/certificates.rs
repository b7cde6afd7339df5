//! Certificates made for one test: an authority, and what it signs, right or wrong in one point.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::laboratory;
use crate::private_dir::PrivateDir;

/// Private keys for tests, which everybody can read.
pub mod keys {
    pub const RSA_PKCS1: &str = include_str!("../keys/rsa.pkcs1.pem");
    pub const RSA_PKCS8: &str = include_str!("../keys/rsa.pkcs8.pem");
    pub const RSA_ENCRYPTED_PKCS1: &str = include_str!("../keys/rsa.encrypted.pkcs1.pem");
    pub const RSA_ENCRYPTED_PKCS8: &str = include_str!("../keys/rsa.encrypted.pkcs8.pem");
    pub const P256_SEC1: &str = include_str!("../keys/p256.sec1.pem");
    pub const P256_PKCS8: &str = include_str!("../keys/p256.pkcs8.pem");
    pub const P384_SEC1: &str = include_str!("../keys/p384.sec1.pem");
    pub const P384_PKCS8: &str = include_str!("../keys/p384.pkcs8.pem");
}

/// Names of a server on this machine.
pub const LOCAL_NAMES: [&str; 3] = ["127.0.0.1", "::1", "localhost"];

/// The first moment of a year.
pub fn year(year: i32) -> time::OffsetDateTime {
    rcgen::date_time_ymd(year, 1, 1)
}

/// A certificate authority of a test's own.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate with its private key, both as PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    /// A new one of that name, with a key of its own.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("signed").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its own certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A server's certificate for these names and addresses.
    pub fn server(&self, names: &[&str]) -> Identity {
        self.server_with(names, |_| ())
    }

    /// A server's certificate with something changed.
    pub fn server_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).into()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(DnType::CommonName, "a server");
        // etcd shows it to itself as a client too.
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        self.sign(&params, KeyPair::generate().expect("a key"))
    }

    /// A client's certificate for a new key.
    pub fn client(&self, name: &str) -> Identity {
        self.client_with(name, &KeyPair::generate().expect("a key").serialize_pem(), |_| ())
    }

    /// A client's certificate for a key in PKCS#8, with something changed.
    pub fn client_with(&self, name: &str, pkcs8: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        self.sign(&params, KeyPair::from_pem(pkcs8).expect("a key in PKCS#8"))
    }

    /// A certificate that a server signed itself, with something changed.
    pub fn self_signed(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).into()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(DnType::CommonName, "myself");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        Identity { certificate: params.self_signed(&key).expect("signed").pem(), key: key.serialize_pem() }
    }

    /// What `openssl req -x509` makes of itself: it may sign others.
    pub fn may_sign(params: &mut CertificateParams) {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }

    /// An authority that this one vouches for.
    pub fn intermediate(&self, name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.signed_by(&key, &self.issuer).expect("signed").pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    fn sign(&self, params: &CertificateParams, key: KeyPair) -> Identity {
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Identity {
    /// The configuration of a server that shows it, and that demands certificates of `clients` if there is one.
    pub fn server_config(&self, clients: Option<&Authority>) -> ServerConfig {
        self.server_config_with(clients, rustls::ALL_VERSIONS)
    }

    /// As `server_config`, for some versions of TLS.
    pub fn server_config_with(
        &self,
        clients: Option<&Authority>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone());
        let builder = builder.with_protocol_versions(versions).expect("versions");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(authority.pem())), provider);
                builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
            }
        };
        builder.with_single_cert(self.chain(), self.private_key()).expect("a server's certificate")
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(self.certificate.as_bytes()).map(|found| found.expect("PEM")).collect()
    }

    fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key")
    }
}

/// For a client that meets no TLS.
pub(crate) fn without_certificates() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    builder.expect("versions").with_root_certificates(RootCertStore::empty()).with_no_client_auth()
}

fn roots(pem: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.expect("PEM")).expect("an authority");
    }
    roots
}

/// All certificates of a TLS cluster and its clients, as files.
#[derive(Debug)]
pub struct TlsFiles {
    dir: PrivateDir,
    authority: Arc<Authority>,
    server: Identity,
    client: Identity,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Authority")
    }
}

impl TlsFiles {
    /// One authority for servers on this machine, or in a laboratory, and for clients.
    pub fn new() -> Arc<Self> {
        let authority = Authority::new("test authority");
        let machines = laboratory::member_addresses();
        let names: Vec<&str> = LOCAL_NAMES.into_iter().chain(machines.iter().map(String::as_str)).collect();
        let (server, client) = (authority.server(&names), authority.client("test client"));
        Self::of(authority, server, client)
    }

    /// Certificates made elsewhere.
    pub fn of(authority: Authority, server: Identity, client: Identity) -> Arc<Self> {
        let dir = PrivateDir::in_memory();
        let files = Self { dir, authority: Arc::new(authority), server, client };
        files.write("ca.pem", files.authority.pem());
        files.write("server.pem", &files.server.certificate);
        files.write("server.key", &files.server.key);
        files.write("client.pem", &files.client.certificate);
        files.write("client.key", &files.client.key);
        Arc::new(files)
    }

    /// A file in the directory, with that content from now on.
    pub fn write(&self, name: &str, content: &str) -> String {
        let path = self.dir.path().join(name);
        fs::write(&path, content).expect("write a file");
        path.display().to_string()
    }

    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    pub fn client(&self) -> &Identity {
        &self.client
    }

    pub fn server(&self) -> &Identity {
        &self.server
    }

    pub fn directory(&self) -> &Path {
        self.dir.path()
    }

    fn path(&self, name: &str) -> String {
        let path: PathBuf = self.dir.path().join(name);
        path.display().to_string()
    }

    pub fn ca_path(&self) -> String {
        self.path("ca.pem")
    }

    pub fn server_paths(&self) -> (String, String) {
        (self.path("server.pem"), self.path("server.key"))
    }

    pub fn client_paths(&self) -> (String, String) {
        (self.path("client.pem"), self.path("client.key"))
    }

    /// For an independent client: it trusts the authority and shows the client certificate.
    pub fn client_config(&self) -> ClientConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.expect("versions").with_root_certificates(roots(self.authority.pem()));
        builder.with_client_auth_cert(self.client.chain(), self.client.private_key()).expect("a client's certificate")
    }
}
