//! Config, TLS: whom the client trusts, and what it shows of itself.

use std::ffi::{c_char, c_int};

use super::config::{change, etcd_config};
use super::status::etcd_status;
use crate::core::config::Config;
use crate::ffi::strings;

/// Adds the certificate authorities in a PEM file to those that are trusted. Once an authority is given, the system's are not
/// trusted any more, unless etcd_config_set_system_roots says so. etcd_client_new reads the file, and reports ETCD_ERR_TLS when it
/// cannot. The client reads it again when it has changed, at a new connection and at most once a second; a file
/// that cannot be used then leaves the old one in use, with a warning in the log. A server's own self-signed certificate is
/// an authority too.
///
/// ETCD_ERR_INVALID_ARGUMENT: config or path is NULL, empty or not UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_add_ca_file(config: *mut etcd_config, path: *const c_char) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe { change(config, |config| config.tls.add_ca_file(strings::text("path", path)?)) }
}

/// As etcd_config_add_ca_file, with the PEM text itself, which is copied; len may be ETCD_STRLEN.
///
/// ETCD_ERR_INVALID_ARGUMENT: config or pem is NULL, or the text holds no certificate, or one that cannot be used, or has more than
/// 16 MiB. ETCD_ERR_NO_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_add_ca_pem(
    config: *mut etcd_config,
    pem: *const c_char,
    len: usize,
) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and bytes.
    unsafe { change(config, |config| config.tls.add_ca_pem(strings::bytes("pem", pem, len)?)) }
}

/// Whether the system's certificate authorities are trusted: 0 = no, anything else = yes; default: while no CA is given. They
/// are read at the first connection that needs them, and so are SSL_CERT_FILE and SSL_CERT_DIR, which say where else they are.
///
/// ETCD_ERR_INVALID_ARGUMENT: config is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_set_system_roots(config: *mut etcd_config, on: c_int) -> etcd_status {
    let body = |config: &mut Config| {
        config.tls.set_system_roots(on != 0);
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe { change(config, body) }
}

/// The certificate, with its intermediates, that is shown to servers which ask for one, and its private key, as PEM files. A NULL
/// key_path: the key is in cert_path too. Both NULL: none. Keys are RSA, ECDSA (P-256, P-384) or Ed25519, in PKCS#1, SEC1 or
/// PKCS#8, not encrypted. Read by etcd_client_new, and again when they have changed, as etcd_config_add_ca_file tells.
///
/// ETCD_ERR_INVALID_ARGUMENT: config is NULL, a path is empty or not UTF-8, or cert_path alone is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_set_client_cert_files(
    config: *mut etcd_config,
    cert_path: *const c_char,
    key_path: *const c_char,
) -> etcd_status {
    let body = |config: &mut Config| {
        // SAFETY: the C caller's promise for strings.
        let paths =
            unsafe { (strings::optional_text("cert_path", cert_path)?, strings::optional_text("key_path", key_path)?) };
        config.tls.set_client_cert_files(paths.0, paths.1)
    };
    // SAFETY: the C caller's promise.
    unsafe { change(config, body) }
}

/// As etcd_config_set_client_cert_files, with the PEM texts themselves, which are copied; both lengths may be ETCD_STRLEN. The texts
/// are never logged.
///
/// ETCD_ERR_INVALID_ARGUMENT: config, cert or key is NULL, one of the texts does not hold what it should, the key is
/// encrypted, of a kind that cannot be used, or not that of the certificate, or one of them has more than 16 MiB.
/// ETCD_ERR_NO_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_set_client_cert_pem(
    config: *mut etcd_config,
    cert: *const c_char,
    cert_len: usize,
    key: *const c_char,
    key_len: usize,
) -> etcd_status {
    let body = |config: &mut Config| {
        // SAFETY: the C caller's promise for bytes.
        let (cert, key) = unsafe { (strings::bytes("cert", cert, cert_len)?, strings::bytes("key", key, key_len)?) };
        config.tls.set_client_cert_pem(cert, key)
    };
    // SAFETY: the C caller's promise.
    unsafe { change(config, body) }
}

/// The DNS name or IP address that the servers' certificates must have, in place of the host of each endpoint; a DNS name is
/// sent to the server too (SNI). NULL or "" = the host of the endpoint, which for unixs is "localhost".
///
/// ETCD_ERR_INVALID_ARGUMENT: config is NULL, or name is neither a DNS name nor an IP address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_set_server_name(config: *mut etcd_config, name: *const c_char) -> etcd_status {
    // SAFETY: the C caller's promises for pointers and strings.
    unsafe { change(config, |config| config.tls.set_server_name(strings::optional_text("name", name)?)) }
}

/// Takes any certificate of any server, for tests: 0 = no (default), anything else = yes. Whoever is on the way can then read and
/// change everything, credentials too; each client warns of it in the log.
///
/// ETCD_ERR_INVALID_ARGUMENT: config is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_set_insecure_skip_verify(config: *mut etcd_config, on: c_int) -> etcd_status {
    let body = |config: &mut Config| {
        config.tls.set_insecure_skip_verify(on != 0);
        Ok(())
    };
    // SAFETY: the C caller's promise.
    unsafe { change(config, body) }
}
