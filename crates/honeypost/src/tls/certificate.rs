//! The certificate in use: read at the start, or made, and read again when its files change.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use super::identity::{CertificateError, Identity, Source};
use super::snakeoil;

/// What of a file changes when it is written or put in another's place: inode, size, time in nanoseconds.
type Stamp = Option<(u64, u64, i64, i64)>;

/// A certificate that can be read again.
#[derive(Debug)]
pub(crate) struct Certificate {
    source: Source,
    identity: Arc<Identity>,
    /// Of the certificate and the key, as last read.
    seen: [Stamp; 2],
}

impl Certificate {
    /// Reads it. Where none is given and none is kept, makes one.
    pub(crate) fn open(source: Source) -> Result<Self, CertificateError> {
        if let Source::Made { data_dir, name, installation } = &source {
            let folder = data_dir.join("tls");
            snakeoil::keep(&folder, name, installation)
                .map_err(|cause| CertificateError::Make { path: folder, cause })?;
        }
        let seen = stamps(&source);
        let identity = Arc::new(Identity::read(&source.cert(), &source.key())?);
        Ok(Self { source, identity, seen })
    }

    /// Where it comes from.
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// The certificate and its key.
    pub(crate) fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// Reads the files if they look changed. What cannot be used is told in a warning, once; the old one stays.
    pub(crate) fn reload_if_changed(&mut self) -> bool {
        stamps(&self.source) != self.seen && self.reload()
    }

    /// Reads the files. What cannot be used is told in a warning; the old one stays.
    pub(crate) fn reload(&mut self) -> bool {
        self.seen = stamps(&self.source);
        match Identity::read(&self.source.cert(), &self.source.key()) {
            Ok(identity) => {
                self.identity = Arc::new(identity);
                true
            }
            Err(error) => {
                tracing::warn!("{error}; the old certificate stays in use");
                false
            }
        }
    }
}

fn stamps(source: &Source) -> [Stamp; 2] {
    [stamp(&source.cert()), stamp(&source.key())]
}

fn stamp(path: &Path) -> Stamp {
    let about = fs::metadata(path).ok()?;
    Some((about.ino(), about.len(), about.mtime(), about.mtime_nsec()))
}
