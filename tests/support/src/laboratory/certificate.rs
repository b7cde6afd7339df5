//! A certificate that is swapped under a running server.

use std::fs;

use super::{Fault, Laboratory};
use crate::certificates::{Identity, TlsFiles};

impl Laboratory {
    /// Puts another certificate and its key in the place of that of the servers; etcd reads it for the next connection
    /// on. The end puts the old one back.
    pub fn swap_certificate<'lab>(&'lab self, files: &'lab TlsFiles, identity: &Identity) -> Fault<'lab> {
        let (certificate, key) = files.server_paths();
        let old = [&certificate, &key].map(|path| fs::read_to_string(path).expect("read what is there"));
        let write = move |certificate: &str, key: &str| {
            files.write("server.pem", certificate);
            files.write("server.key", key);
        };
        write(&identity.certificate, &identity.key);
        Fault::new("the servers show another certificate".into(), move || write(&old[0], &old[1]))
    }
}
