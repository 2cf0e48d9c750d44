//! The certificate's form, and what an operator is told of a bad one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use tempfile::TempDir;

use super::{Source, Tls, made};
use crate::tls::Certificate;

/// Its two files, and a source that reads them as the operator's.
fn files() -> (TempDir, Source) {
    let folder = tempfile::tempdir().expect("a folder");
    Certificate::open(made(&folder)).expect("made");
    let file = |name: &str| folder.path().join("tls").join(name);
    let source = Source::Files { cert: file("cert.pem"), key: file("key.pem") };
    (folder, source)
}

fn replace(path: &Path, content: &[u8]) {
    let unfinished = path.with_extension("new");
    fs::write(&unfinished, content).expect("writable");
    fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o600)).expect("mine");
    fs::rename(unfinished, path).expect("writable");
}

fn error(source: &Source) -> String {
    let error = Certificate::open(source.clone()).expect_err("unusable").to_string();
    assert!(!error.contains('\n'), "{error}");
    error
}

/// Field by field what `make-ssl-cert generate-default-snakeoil` of ssl-cert 1.1.2 makes.
#[test]
fn it_looks_like_debians() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = made(&folder);
    let Source::Made { installation, .. } = &source else { unreachable!() };
    let started = installation.moment.as_second();
    let certificate = Certificate::open(source.clone()).expect("made");
    let x509 = certificate.identity().certificate();
    let text = String::from_utf8(x509.to_text().expect("text")).expect("text");
    for line in [
        "Version: 3 (0x2)",
        "Signature Algorithm: sha256WithRSAEncryption",
        "Public-Key: (2048 bit)",
        "Exponent: 65537 (0x10001)",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let extensions = text.split_once("X509v3 extensions:").expect("extensions").1;
    let names: Vec<&str> = extensions.lines().filter(|line| line.contains("X509v3")).map(str::trim).collect();
    assert_eq!(
        names,
        ["X509v3 Basic Constraints:", "X509v3 Subject Alternative Name:", "X509v3 Subject Key Identifier:"]
    );
    assert!(extensions.contains("CA:FALSE") && extensions.contains("DNS:mail.example.com"), "{text}");
    for name in [x509.subject_name(), x509.issuer_name()] {
        // One set of one pair: the common name, as UTF8String (tag 12).
        let der = name.to_der().expect("a name");
        assert_eq!(
            der,
            [&b"\x30\x1b\x31\x19\x30\x17\x06\x03\x55\x04\x03\x0c\x10"[..], b"mail.example.com"].concat()
        );
    }
    assert!(x509.serial_number().to_bn().expect("a number").num_bits() > 100);
    let lifetime = x509.not_before().diff(x509.not_after()).expect("times");
    assert_eq!((lifetime.days, lifetime.secs), (3650, 0));
    let start = openssl::asn1::Asn1Time::from_unix(started).expect("a time");
    let before = x509.not_before().diff(&start).expect("times");
    assert!((12..=183).contains(&before.days), "{}", before.days);

    // Kept: the same at the next start.
    let again = Certificate::open(source).expect("kept");
    assert_eq!(again.identity().certificate().to_der().unwrap(), x509.to_der().unwrap());
    for name in ["cert.pem", "key.pem"] {
        let mode = fs::metadata(folder.path().join("tls").join(name)).expect("kept").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert!(
        fs::read_to_string(folder.path().join("tls/key.pem"))
            .expect("PEM")
            .starts_with("-----BEGIN PRIVATE KEY-----")
    );
}

#[test]
fn no_two_have_anything_in_common() {
    let own = |_| {
        let (_folder, source) = files();
        let certificate = Certificate::open(source).expect("readable");
        let x509 = certificate.identity().certificate().clone();
        let key = x509.public_key().expect("a key").public_key_to_der().expect("a key");
        (key, x509.serial_number().to_bn().expect("a number").to_vec(), x509.not_before().to_string())
    };
    let [one, other] = [0, 1].map(own);
    assert!(one.0 != other.0 && one.1 != other.1 && one.2 != other.2, "{} {}", one.2, other.2);
}

#[test]
fn a_long_name_is_shortened_as_debian_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let long = format!("mail.{}.example.com", "a".repeat(60));
    let Source::Made { data_dir, installation, .. } = made(&folder) else { unreachable!() };
    let certificate =
        Certificate::open(Source::Made { data_dir, name: long.clone(), installation }).expect("made");
    let text =
        String::from_utf8(certificate.identity().certificate().to_text().expect("text")).expect("text");
    assert!(text.contains("Subject: CN=mail\n") || text.contains("Subject: CN = mail\n"), "{text}");
    assert!(text.contains(&format!("DNS:{long}")));
}

#[test]
fn an_operator_is_told_what_to_do() {
    let (_folder, source) = files();
    let (cert, key) = (source.cert(), source.key());
    let name = |path: &Path| path.display().to_string();
    let good = fs::read(&key).expect("a key");

    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).expect("mine");
    let told = error(&source);
    assert!(told.contains(&name(&key)) && told.contains("0640") && told.contains("chmod 600"), "{told}");

    let pair = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    replace(&key, &pair.private_key_to_pem_pkcs8().unwrap());
    let told = error(&source);
    assert!(
        told.contains(&name(&cert)) && told.contains(&name(&key)) && told.contains("not the one"),
        "{told}"
    );

    let cipher = openssl::symm::Cipher::aes_128_cbc();
    replace(&key, &pair.private_key_to_pem_pkcs8_passphrase(cipher, b"secret").unwrap());
    assert!(error(&source).contains("encrypted"), "{}", error(&source));

    replace(&key, b"nothing");
    assert!(error(&source).contains("no private key in PEM"), "{}", error(&source));

    fs::remove_file(&key).expect("there");
    let told = error(&source);
    assert!(told.contains(&name(&key)) && told.contains("cannot read the key"), "{told}");

    replace(&key, &good);
    replace(&cert, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert!(error(&source).contains("no certificate in PEM"), "{}", error(&source));
}

/// Dovecot's security level wants 112 bits; Postfix would take such a key.
#[test]
fn a_short_key_is_refused_with_openssls_reason() {
    let (_folder, source) = files();
    let pair = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
    let mut short = openssl::x509::X509::builder().unwrap();
    short.set_pubkey(&pair).unwrap();
    short.set_not_before(&openssl::asn1::Asn1Time::days_from_now(0).unwrap()).unwrap();
    short.set_not_after(&openssl::asn1::Asn1Time::days_from_now(9).unwrap()).unwrap();
    short.sign(&pair, openssl::hash::MessageDigest::sha256()).unwrap();
    replace(&source.cert(), &short.build().to_pem().unwrap());
    replace(&source.key(), &pair.private_key_to_pem_pkcs8().unwrap());
    let told = Tls::open(source).expect_err("too short").to_string();
    assert!(told.contains("ee key too small") && told.contains("2048"), "{told}");
}

#[test]
fn a_new_certificate_is_taken_and_a_bad_one_is_not() {
    let (_folder, source) = files();
    let (_other_folder, other) = files();
    let tls = Tls::open(source.clone()).expect("usable");
    let der = || tls.certificate.read().unwrap().identity().certificate().to_der().unwrap();
    let first = der();
    assert!(!tls.reload_if_changed(), "nothing has changed");

    replace(&source.cert(), &fs::read(other.cert()).unwrap());
    assert!(!tls.reload_if_changed(), "half of a new pair");
    assert_eq!(der(), first);
    replace(&source.key(), &fs::read(other.key()).unwrap());
    assert!(tls.reload_if_changed());
    assert_ne!(der(), first);
    assert!(!tls.reload_if_changed());

    fs::remove_file(source.key()).unwrap();
    assert!(!tls.reload_if_changed() && !tls.reload());
    assert_ne!(der(), first);
}
