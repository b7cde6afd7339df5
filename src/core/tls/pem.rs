//! Certificates and keys in PEM. What cannot be used is refused with a reason that says what to do.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Every certificate in the text; at least one.
/// Far more than any PEM has, and so much that what is made of it, by others, cannot exhaust the memory.
pub(super) const LARGEST: usize = 16 << 20;

pub(super) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let found = found.map_err(|error| format!("is not valid PEM: {}", in_words(&error)))?;
    match found.is_empty() {
        true if text.first() == Some(&0x30) => {
            Err("is DER and not PEM; convert it with openssl x509 -inform der".into())
        }
        true => Err("holds no certificate (no line '-----BEGIN CERTIFICATE-----')".into()),
        false => Ok(found),
    }
}

/// As `certificates`, and each can be trusted as an authority.
pub(super) fn authorities(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = certificates(text)?;
    let mut store = rustls::RootCertStore::empty();
    for (position, certificate) in found.iter().enumerate() {
        let unusable = |error| format!("its certificate number {} cannot be used: {error}", position + 1);
        store.add(certificate.clone()).map_err(unusable)?;
    }
    Ok(found)
}

/// The first private key in the text.
pub(super) fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    if is_encrypted(text) {
        return Err("the private key is encrypted, and there is nobody to ask for its password; \
                    decrypt it with openssl pkey and protect the file by its permissions"
            .into());
    }
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        PemError::NoItemsFound => "holds no private key (PKCS#1, SEC1 or PKCS#8 in PEM)".into(),
        error => format!("is not valid PEM: {}", in_words(&error)),
    })
}

fn is_encrypted(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    let old = text.lines().any(|line| line.starts_with("Proc-Type:") && line.contains("ENCRYPTED"));
    old || text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
}

/// The chain with its key, if the two belong together and can sign.
pub(super) fn certified_key(
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
) -> Result<Arc<CertifiedKey>, String> {
    let key = ring::sign::any_supported_type(key).map_err(|_| {
        "the private key is of a kind that cannot be used: RSA of 2048 to 8192 bits, ECDSA on P-256 or P-384, and \
         Ed25519 can"
            .to_owned()
    })?;
    let certified = CertifiedKey::new(chain.to_vec(), key);
    certified.keys_match().map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => "the private key is not that of the certificate".to_owned(),
        error => format!("the certificate cannot be used: {error}"),
    })?;
    Ok(Arc::new(certified))
}

fn in_words(error: &PemError) -> String {
    match error {
        PemError::MissingSectionEnd { end_marker } => {
            format!("the line '{}' is missing; is it cut off?", String::from_utf8_lossy(end_marker).trim())
        }
        PemError::IllegalSectionStart { .. } => "a line that begins a section is malformed".into(),
        PemError::Base64Decode(why) => format!("what should be base64 is not ({why})"),
        // What the text itself says is not shown: it may be a key.
        _ => "it cannot be read".into(),
    }
}
