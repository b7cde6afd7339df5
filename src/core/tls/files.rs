//! Files of certificates and keys: read with a limit, and looked at for changes.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Far more than any bundle of certificates; a path to something endless must not eat the memory.
const LARGEST: u64 = super::pem::LARGEST as u64;

pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text));
    read.map_err(|error| format!("cannot read {shown}: {error}"))?;
    if text.len() as u64 > LARGEST { Err(format!("{shown} is larger than {LARGEST} bytes")) } else { Ok(text) }
}

/// What a file looked like: another time, size or place on the disk means another content. Links are followed, so a
/// link that is turned to another file counts too, as Kubernetes does it with its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    size: u64,
    place: (u64, u64),
}

/// The stamps of all files; None for one that is not there.
pub(super) fn stamps<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Vec<Option<Stamp>> {
    paths.map(|path| fs::metadata(path).ok().map(|metadata| stamp(&metadata))).collect()
}

fn stamp(metadata: &fs::Metadata) -> Stamp {
    Stamp { modified: metadata.modified().ok(), size: metadata.len(), place: place(metadata) }
}

#[cfg(unix)]
fn place(metadata: &fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn place(_metadata: &fs::Metadata) -> (u64, u64) {
    (0, 0)
}
