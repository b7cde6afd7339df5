//! Servers on which the v2 API is switched off (3.4, 3.5) or gone (3.6).

use crate::core::error::Error;
use crate::core::exchange::{Answer, Hop};
use crate::core::http1::headers::Name;
use crate::core::status::Status;

/// Go's HTTP server answers unknown paths with exactly this; etcd's own answers are JSON.
pub fn is_not_served(answer: &Answer) -> bool {
    let content_type = answer.headers.text(Name::ContentType).unwrap_or("");
    answer.http_status == 404
        && content_type.starts_with("text/plain")
        && answer.body.starts_with(b"404 page not found")
}

pub fn error(hop: &Hop, version: Option<&str>) -> Error {
    let origin = hop.origin.to_string();
    let shown = version.map(|version| format!(" (etcd {version})")).unwrap_or_default();
    let advice = match version.and_then(major_and_minor) {
        Some(version) if version >= (3, 6) => {
            "etcd 3.6 removed it; use a server up to 3.5, started with --enable-v2=true"
        }
        Some(version) if version >= (3, 4) => "it is switched off; start etcd with --enable-v2=true",
        _ => {
            "start etcd 3.4 or 3.5 with --enable-v2=true, and check that the endpoint is etcd and the keys prefix is right"
        }
    };
    Error::new(Status::ApiNotServed, format!("v2 API is not served by {origin}{shown}: {advice}"))
        .at(&origin)
        .with_http_status(404)
}

fn major_and_minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}
