//! A certificate as Debian's `make-ssl-cert generate-default-snakeoil` leaves it on every machine: for the host's name,
//! signed by itself, of RSA 2048, for ten years from the day of installation.
//!
//! Key, serial number and day are this installation's alone: two decoys have nothing in common but the form, and that they
//! share with all of Debian.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use bait::persona::Installation;
use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName, SubjectKeyIdentifier};
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const DAY: i64 = 86_400;
/// `make-ssl-cert`'s default, in days.
const LIFETIME: i64 = 3650;
/// A common name cannot be longer (`ub-common-name`, RFC 5280 appendix A.1).
const COMMON_NAME: usize = 64;

/// Makes `cert.pem` and `key.pem` in this folder, unless there is a certificate already.
pub(super) fn keep(folder: &Path, name: &str, installation: &Installation) -> io::Result<()> {
    if folder.join("cert.pem").exists() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let (certificate, key) = make(name, installed(installation))?;
    let secret = Zeroizing::new(key.private_key_to_pem_pkcs8()?);
    // The key first: a certificate without one is never there, whenever the machine stops.
    write(folder, "key.pem", &secret)?;
    write(folder, "cert.pem", &certificate.to_pem()?)
}

/// When this host's system was installed, it seems: twelve days to half a year before the first start, at any time of
/// the day. In seconds since 1970.
fn installed(installation: &Installation) -> i64 {
    let digest = Sha256::new().chain_update(installation.seed).chain_update(b"certificate").finalize();
    let number = digest.first_chunk().map_or(0, |octets| u64::from_be_bytes(*octets));
    let before = number % (170 * DAY.unsigned_abs()) + 12 * DAY.unsigned_abs();
    installation.moment.as_second().saturating_sub(before.cast_signed())
}

/// Valid from a moment on, in seconds since 1970.
fn make(name: &str, from: i64) -> Result<(X509, PKey<Private>), ErrorStack> {
    let key = PKey::from_rsa(Rsa::generate(2048)?)?;
    // As make-ssl-cert does with a name that is too long: the host's without its domain.
    let common = if name.len() <= COMMON_NAME { name } else { name.split('.').next().unwrap_or_default() };
    let common: String = common.chars().take(COMMON_NAME).collect();
    let mut subject = X509NameBuilder::new()?;
    subject.append_entry_by_text("CN", &common)?;
    let subject = subject.build();
    let mut serial = BigNum::new()?;
    serial.rand(159, MsbOption::MAYBE_ZERO, false)?;

    let mut certificate = X509Builder::new()?;
    certificate.set_version(2)?;
    certificate.set_serial_number(serial.to_asn1_integer()?.as_ref())?;
    certificate.set_subject_name(&subject)?;
    certificate.set_issuer_name(&subject)?;
    certificate.set_not_before(Asn1Time::from_unix(from)?.as_ref())?;
    certificate.set_not_after(Asn1Time::from_unix(from + LIFETIME * DAY)?.as_ref())?;
    certificate.set_pubkey(&key)?;
    // In this order, none of them critical.
    certificate.append_extension(BasicConstraints::new().build()?)?;
    let context = certificate.x509v3_context(None, None);
    let alternative = SubjectAlternativeName::new().dns(name).build(&context)?;
    certificate.append_extension(alternative)?;
    let identifier = SubjectKeyIdentifier::new().build(&certificate.x509v3_context(None, None))?;
    certificate.append_extension(identifier)?;
    certificate.sign(&key, MessageDigest::sha256())?;
    Ok((certificate.build(), key))
}

/// There whole or not at all.
fn write(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let unfinished = folder.join(format!("{name}.new"));
    let mut file =
        OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&unfinished, folder.join(name))?;
    File::open(folder)?.sync_all()
}
