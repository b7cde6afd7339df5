//! Why TLS failed, in words that say what to do.

use std::error::Error as StdError;
use std::io;

use rustls::{AlertDescription, Error as TlsError, InvalidMessage, PeerIncompatible};

use super::certificate_failure;
use super::settings::{Identity, TlsSettings};
use crate::core::endpoint::{Origin, Scheme};
use crate::core::error::Error;
use crate::core::exchange::Answer;
use crate::core::status::Status;

/// The TLS error inside an error of a socket.
pub fn of_io(error: &io::Error) -> Option<&TlsError> {
    error.get_ref()?.downcast_ref()
}

/// Whether the server says that it does not accept the client, or what the client sent to prove who it is. A server that
/// refuses the handshake never reads what follows it.
pub fn refuses_the_client(error: &TlsError) -> bool {
    use AlertDescription as Alert;
    matches!(
        error,
        TlsError::AlertReceived(
            Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::AccessDenied
                | Alert::CertificateRequired
        )
    )
}

/// The server has answered a plain request with a record of TLS.
#[derive(Debug)]
pub struct AnsweredInTls;

impl std::fmt::Display for AnsweredInTls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the server speaks TLS: use https://")
    }
}

impl StdError for AnsweredInTls {}

/// Go's HTTP server answers a plain request to its TLS port with this.
pub fn is_refusal_of_plain_text(answer: &Answer) -> bool {
    answer.http_status == 400 && answer.body.starts_with(b"Client sent an HTTP request to an HTTPS server")
}

/// A port that wants TLS was asked in plain text.
pub fn wants_tls(origin: &Origin) -> Error {
    let encrypted = if origin.scheme == Scheme::Unix { "unixs://" } else { "https://" };
    let origin = origin.to_string();
    Error::new(Status::Tls, format!("{origin}: the server speaks TLS: use {encrypted}")).at(&origin)
}

/// What TLS has to say about a connection that broke; None when it was not TLS that ended it.
pub fn broken(origin: &Origin, error: &(dyn StdError + 'static), settings: &TlsSettings) -> Option<Error> {
    let mut cause = Some(error);
    while let Some(current) = cause {
        let of_socket = current.downcast_ref::<io::Error>();
        if of_socket.and_then(io::Error::get_ref).is_some_and(|inner| inner.is::<AnsweredInTls>()) {
            return Some(wants_tls(origin));
        }
        let found = of_socket.and_then(of_io).or_else(|| current.downcast_ref());
        if let Some(found) = found {
            let origin_text = origin.to_string();
            let text = format!("{origin_text}: {}", reason(origin, found, settings));
            return Some(Error::new(Status::Tls, text).at(&origin_text));
        }
        cause = current.source();
    }
    None
}

/// Why the handshake failed. `answered` tells whether the server has sent anything.
pub(super) fn handshake_failure(origin: &Origin, error: &io::Error, answered: bool, settings: &TlsSettings) -> String {
    if let Some(error) = of_io(error) {
        return reason(origin, error, settings);
    }
    let plain = plain_scheme(origin);
    match (error.kind(), answered) {
        (io::ErrorKind::UnexpectedEof, false) => {
            format!("the server closed the connection at the first TLS message; it does not speak TLS: use {plain}")
        }
        (io::ErrorKind::UnexpectedEof, true) => {
            "the server closed the connection in the middle of the TLS handshake".into()
        }
        (_, false) => format!(
            "the connection broke at the first TLS message ({error}); if the server does not speak TLS, use {plain}"
        ),
        (_, true) => format!("the connection broke in the middle of the TLS handshake: {error}"),
    }
}

fn plain_scheme(origin: &Origin) -> &'static str {
    if origin.scheme == Scheme::Unixs { "unix://" } else { "http://" }
}

fn reason(origin: &Origin, error: &TlsError, settings: &TlsSettings) -> String {
    match error {
        TlsError::InvalidCertificate(why) => certificate_failure::in_words(why, settings),
        TlsError::AlertReceived(alert) => refusal(*alert, settings),
        TlsError::InvalidMessage(InvalidMessage::InvalidContentType) => {
            format!("the server does not speak TLS: use {}", plain_scheme(origin))
        }
        TlsError::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            "the server speaks only TLS versions older than 1.2, which are not safe any more".into()
        }
        TlsError::PeerIncompatible(why) => format!("the server offers no TLS that is spoken here: {why:?}"),
        other => format!("TLS failed: {other}"),
    }
}

/// What the server's alert means. Servers differ in what they send to a client without a certificate.
fn refusal(alert: AlertDescription, settings: &TlsSettings) -> String {
    use AlertDescription as Alert;
    let name = alert_name(alert);
    let Some(identity) = &settings.identity else {
        return match alert {
            Alert::CertificateRequired | Alert::BadCertificate | Alert::NoCertificate => format!(
                "the server demands a client certificate (alert {name}); give one with etcd_config_set_client_cert_files"
            ),
            Alert::HandshakeFailure | Alert::CertificateUnknown | Alert::AccessDenied => format!(
                "the server refused the handshake (alert {name}); it may demand a client certificate: give one with \
                 etcd_config_set_client_cert_files"
            ),
            _ => general_refusal(alert),
        };
    };
    let which = match identity {
        Identity::Files { chain, .. } => format!("the client certificate {}", chain.display()),
        Identity::Pem { .. } => "the client certificate".into(),
    };
    match alert {
        Alert::UnknownCA => {
            format!(
                "the server refused {which}: it is signed by an authority that the server does not know (alert {name})"
            )
        }
        Alert::BadCertificate => format!(
            "the server refused {which} (alert {name}): it is signed by an authority that the server does not trust, \
             has expired, or is not meant for clients"
        ),
        Alert::CertificateExpired => format!("the server refused {which}: it has expired (alert {name})"),
        Alert::CertificateRevoked => format!("the server refused {which}: it was revoked (alert {name})"),
        Alert::UnsupportedCertificate => {
            format!("the server refused {which}: it is of a kind that the server does not take (alert {name})")
        }
        Alert::CertificateUnknown | Alert::AccessDenied | Alert::CertificateRequired | Alert::NoCertificate => {
            format!("the server refused {which} (alert {name})")
        }
        _ => general_refusal(alert),
    }
}

fn general_refusal(alert: AlertDescription) -> String {
    use AlertDescription as Alert;
    let name = alert_name(alert);
    match alert {
        Alert::ProtocolVersion => format!("the server speaks neither TLS 1.2 nor TLS 1.3 (alert {name})"),
        Alert::UnrecognisedName => {
            format!(
                "the server does not know the name that it was asked for (alert {name}); set the right one with etcd_config_set_server_name"
            )
        }
        _ => format!("the server ended the TLS connection with the alert {name}"),
    }
}

/// The alert as RFC 8446 writes it.
fn alert_name(alert: AlertDescription) -> String {
    let mut name = String::new();
    let text = format!("{alert:?}").replace("CA", "Ca");
    for letter in text.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_are_named_as_in_the_standard() {
        assert_eq!(alert_name(AlertDescription::UnknownCA), "unknown_ca");
        assert_eq!(alert_name(AlertDescription::BadCertificate), "bad_certificate");
    }
}
