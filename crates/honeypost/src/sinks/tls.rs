//! Whom the sinks that go out over TLS trust: the system's certificate authorities, or those that the operator names.
//! There is no way to trust anybody.

use std::path::Path;

use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::X509;

use crate::config::{Config, ConfigError};

/// Whether the file that a key names holds certificates.
pub(super) fn check(config: &Config, key: &str, file: Option<&Path>) -> Result<(), ConfigError> {
    let Some(file) = file else { return Ok(()) };
    let expected = "the path of a PEM file with certificates";
    match authorities(file) {
        Ok(_) => Ok(()),
        Err(why) => Err(config.refuse(key, &why, expected)),
    }
}

/// The certificates in a PEM file, at least one.
pub(super) fn authorities(file: &Path) -> Result<Vec<X509>, String> {
    let text = std::fs::read(file).map_err(|error| format!("cannot be read: {error}"))?;
    match X509::stack_from_pem(&text) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err("holds no certificate in PEM".into()),
    }
}

/// What makes TLS connections. The certificate of whoever answers must be valid, for the name that was called.
pub(super) fn connector(authority: Option<&Path>) -> Result<SslConnector, String> {
    let wrong = |error: openssl::error::ErrorStack| error.to_string();
    let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(wrong)?;
    builder.set_verify(SslVerifyMode::PEER);
    builder.set_min_proto_version(Some(SslVersion::TLS1_2)).map_err(wrong)?;
    match authority {
        Some(file) => {
            // Not the system's beside them, which the builder has brought along.
            let mut store = openssl::x509::store::X509StoreBuilder::new().map_err(wrong)?;
            for certificate in authorities(file)? {
                store.add_cert(certificate).map_err(wrong)?;
            }
            builder.set_cert_store(store.build());
        }
        None => {
            let found = openssl_probe::probe();
            for folder in &found.cert_dir {
                builder.load_verify_locations(None, Some(folder)).map_err(wrong)?;
            }
            if let Some(file) = &found.cert_file {
                builder.load_verify_locations(Some(file), None).map_err(wrong)?;
            }
        }
    }
    Ok(builder.build())
}
