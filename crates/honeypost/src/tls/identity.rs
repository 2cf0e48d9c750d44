//! A certificate with its key, read from PEM files and checked. Not here: who made them (`snakeoil.rs`), and when they are
//! read again (`certificate.rs`).

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bait::persona::Installation;
use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::SslContextBuilder;
use openssl::x509::X509;
use zeroize::Zeroizing;

/// More than any chain or key.
const FILE_LIMIT: u64 = 1 << 20;

/// Where the certificate comes from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// The operator's own files, in PEM; the certificate's may hold a chain.
    Files {
        /// The certificate, then those that lead to its root.
        cert: PathBuf,
        /// Its key, not encrypted.
        key: PathBuf,
    },
    /// Made at the first start and kept in `DATA_DIR/tls`.
    Made {
        /// The data directory.
        data_dir: PathBuf,
        /// The host that it is for.
        name: String,
        /// Whose it is: its moment and its seed say when the certificate was made.
        installation: Installation,
    },
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    /// A file cannot be read.
    #[error("{}: cannot read the {what}: {cause}; give a PEM file that this user may read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Certificate or key.
        what: &'static str,
        /// What came of it.
        cause: io::Error,
    },
    /// Others can read the key.
    #[error("{}: the key may be read by others (mode {mode:04o}); chmod 600 it", path.display())]
    Exposed {
        /// The key's file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file is not what it should be.
    #[error("{}: {what}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the remedy.
        what: String,
    },
    /// The key belongs to another certificate.
    #[error("{}: this key is not the one of the certificate in {}; give the two that were made together", key.display(), cert.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// None could be made.
    #[error("{}: cannot make a certificate: {cause}; give one of your own, or make the data directory writable", path.display())]
    Make {
        /// Where it should have been put.
        path: PathBuf,
        /// What came of it.
        cause: io::Error,
    },
}

impl CertificateError {
    /// OpenSSL refuses a certificate that could be read.
    pub(crate) fn unusable(source: &Source, cause: &ErrorStack) -> Self {
        let what = format!(
            "OpenSSL does not take this certificate: {}; use RSA of 2048 bits or more, or ECDSA",
            reasons(cause)
        );
        Self::Unusable { path: source.cert(), what }
    }
}

impl Source {
    /// The certificate's file.
    pub(crate) fn cert(&self) -> PathBuf {
        match self {
            Self::Files { cert, .. } => cert.clone(),
            Self::Made { data_dir, .. } => data_dir.join("tls/cert.pem"),
        }
    }

    /// The key's file.
    pub(crate) fn key(&self) -> PathBuf {
        match self {
            Self::Files { key, .. } => key.clone(),
            Self::Made { data_dir, .. } => data_dir.join("tls/key.pem"),
        }
    }
}

/// A certificate, what leads from it to its root, and its key.
pub(crate) struct Identity {
    chain: Vec<X509>,
    /// OpenSSL's; it overwrites the memory when the last context is gone.
    key: PKey<Private>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.debug_struct("Identity").field("chain", &self.chain.len()).finish_non_exhaustive()
    }
}

impl Identity {
    /// Reads and checks both files. An expired certificate is used, with a warning: real servers do so all the time.
    pub(crate) fn read(cert: &Path, key: &Path) -> Result<Self, CertificateError> {
        let unusable = |path: &Path, what: &str| CertificateError::Unusable {
            path: path.to_owned(),
            what: what.to_owned(),
        };
        let pem = read(cert, "certificate", |_| Ok(()))?;
        let chain = X509::stack_from_pem(&pem)
            .ok()
            .filter(|chain| !chain.is_empty())
            .ok_or_else(|| unusable(cert, "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"))?;
        let secret = read(key, "key", |mode| {
            // The last six bits are those of the group and of the others.
            if mode.trailing_zeros() >= 6 {
                Ok(())
            } else {
                Err(CertificateError::Exposed { path: key.to_owned(), mode })
            }
        })?;
        // Without a callback OpenSSL asks on the terminal for the password of an encrypted key.
        let mut encrypted = false;
        let parsed = PKey::private_key_from_pem_callback(&secret, |_| {
            encrypted = true;
            Err(ErrorStack::get())
        });
        let key_is = match parsed {
            Ok(parsed) => parsed,
            Err(_) if encrypted => {
                return Err(unusable(
                    key,
                    "the key is encrypted; decrypt it with `openssl pkey -in FILE -out NEW`",
                ));
            }
            Err(_) => return Err(unusable(key, "holds no private key in PEM (-----BEGIN PRIVATE KEY-----)")),
        };
        let identity = Self { chain, key: key_is };
        if !identity.belongs_together() {
            return Err(CertificateError::Mismatch { cert: cert.to_owned(), key: key.to_owned() });
        }
        if let Some(what) = identity.out_of_date() {
            tracing::warn!("{}: the certificate {what}; it is used all the same", cert.display());
        }
        Ok(identity)
    }

    /// Puts both into a context.
    pub(crate) fn install(&self, context: &mut SslContextBuilder) -> Result<(), ErrorStack> {
        let mut chain = self.chain.iter();
        if let Some(own) = chain.next() {
            context.set_certificate(own)?;
        }
        for link in chain {
            context.add_extra_chain_cert(link.clone())?;
        }
        context.set_private_key(&self.key)?;
        context.check_private_key()
    }

    /// The certificate itself.
    #[cfg(test)]
    pub(crate) fn certificate(&self) -> &X509 {
        self.chain.first().expect("never empty")
    }

    fn belongs_together(&self) -> bool {
        let public = self.chain.first().and_then(|own| own.public_key().ok());
        public.is_some_and(|public| public.public_eq(&self.key))
    }

    fn out_of_date(&self) -> Option<&'static str> {
        let (own, now) = (self.chain.first()?, Asn1Time::days_from_now(0).ok()?);
        if own.not_after() < now {
            Some("has expired")
        } else if own.not_before() > now {
            Some("is not valid yet")
        } else {
            None
        }
    }
}

/// A whole file, which leaves nothing in memory behind.
fn read(
    path: &Path,
    what: &'static str,
    check: impl FnOnce(u32) -> Result<(), CertificateError>,
) -> Result<Zeroizing<Vec<u8>>, CertificateError> {
    let failed = |cause| CertificateError::Read { path: path.to_owned(), what, cause };
    // Others may block for ever: a pipe whose other end nobody has.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is no regular file")));
    }
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    check(about.mode() & 0o7777)?;
    if about.len() > FILE_LIMIT {
        return Err(failed(io::Error::other("the file is larger than 1 MiB")));
    }
    // Of the right size from the start: a vector that grows leaves copies behind.
    let size = usize::try_from(about.len()).unwrap_or(0);
    let mut content = Zeroizing::new(Vec::with_capacity(size + 1));
    file.take(FILE_LIMIT).read_to_end(&mut content).map_err(failed)?;
    Ok(content)
}

/// OpenSSL's reasons in one line.
pub(crate) fn reasons(errors: &ErrorStack) -> String {
    let all: Vec<&str> = errors.errors().iter().filter_map(openssl::error::Error::reason).collect();
    all.join(", ")
}
