//! Why the server's certificate was not accepted.

use rustls::CertificateError;
use rustls::pki_types::{ServerName, UnixTime};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::settings::TlsSettings;

pub(super) fn in_words(error: &CertificateError, settings: &TlsSettings) -> String {
    match error {
        CertificateError::UnknownIssuer => unknown_authority(settings),
        CertificateError::BadSignature => {
            format!("{}, or it was forged: its signature is wrong", unknown_authority(settings))
        }
        CertificateError::ExpiredContext { time, not_after } => {
            format!("the server's certificate expired on {}; the local clock says {}", date(*not_after), date(*time))
        }
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "the server's certificate is not valid before {}; the local clock says {}",
            date(*not_before),
            date(*time)
        ),
        CertificateError::NotValidForNameContext { expected, presented } => wrong_name(expected, presented),
        CertificateError::InvalidPurposeContext { .. } => {
            "the server's certificate is not meant for servers (its extended key usage says so)".into()
        }
        CertificateError::Other(cause) if cause.to_string().contains("CaUsedAsEndEntity") => {
            "the server's certificate is one for signing others; if it is the right one, give it itself with \
             etcd_config_add_ca_file"
                .into()
        }
        other => format!("the server's certificate is not acceptable: {other}"),
    }
}

fn unknown_authority(settings: &TlsSettings) -> String {
    let trusted = match (settings.authorities.is_empty(), settings.wants_system_roots()) {
        (true, _) => "trusted are the authorities of this system; give the CA with etcd_config_add_ca_file",
        (false, true) => "trusted are the CA that was given and the authorities of this system",
        (false, false) => "only the CA given with etcd_config_add_ca_file or etcd_config_add_ca_pem is trusted",
    };
    format!("the server's certificate is signed by an unknown authority ({trusted})")
}

fn wrong_name(expected: &ServerName<'_>, presented: &[String]) -> String {
    let names: Vec<_> = presented.iter().map(|name| format!("'{}'", bare(name))).collect();
    let has = if names.is_empty() { "no name at all".into() } else { names.join(", ") };
    let expected = expected.to_str();
    format!(
        "the server's certificate is not for '{expected}': it is for {has}; if that is the right server, say its name \
         with etcd_config_set_server_name"
    )
}

/// The verifier writes names as `DnsName("a")` and `IpAddress(1.2.3.4)`.
fn bare(name: &str) -> &str {
    let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inside.trim_matches('"')
}

fn date(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let date = OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|date| date.format(&Rfc3339).ok());
    date.unwrap_or_else(|| format!("{seconds} s after 1970"))
}
