//! The certificate: its dates, its name, and the marks of honeypots that make one themselves.

use std::fmt::Write as _;

use anyhow::Result;
use fidelity::Service;
use openssl::asn1::{Asn1StringRef, Asn1Time};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::x509::{X509, X509NameRef};

use crate::facts::Facts;
use crate::finding::Finding;

/// The checks' names.
pub(crate) const CHECK: &str = "certificate";
pub(crate) const NAME: &str = "certificate-name";

/// Marks in subject or issuer, and whose they are.
const MARKS: [(&str, &str); 5] = [
    ("Nepenthes Development Team", "Dionaea"),
    ("dionaea.carnivore.it", "Dionaea"),
    ("none@example.org", "Honeygrove"),
    ("honeypot", "a honeypot by its own words"),
    ("T-Pot", "T-Pot"),
];
/// Fingerprints (SHA-1) begin with these.
const FINGERPRINTS: [(&str, &str); 1] = [("3C86075B", "Honeygrove")];
/// A self-signed certificate of Debian's is made for ten years; one that is a day old is seldom met.
const DAY: i32 = 1;

/// All of them.
pub(crate) fn check(facts: &Facts) -> Result<Vec<Finding>> {
    let place = facts.place.name();
    let Some(certificate) = &facts.certificate else {
        let left_out = |check| Finding::not_checked(check, &place, "there is no TLS");
        return Ok(vec![left_out(CHECK), left_out(NAME)]);
    };
    Ok(vec![form(&place, certificate, facts.place.service)?, name(&place, certificate, facts.host_name())?])
}

fn form(place: &str, certificate: &X509, service: Service) -> Result<Finding> {
    let seen = described(certificate)?;
    let tell = |text: String, who: &str, mend: &str| {
        Finding::tell(CHECK, place, text)
            .seen(&seen)
            .real("Debian's is made for the host: RSA 2048, SHA-256, ten years, a long random serial number")
            .who(who)
            .mend(mend)
    };
    let own = "give it one of its own: tls.cert and tls.key, or remove DATA_DIR/tls and start anew";
    for (mark, whose) in MARKS {
        if seen.to_ascii_lowercase().contains(&mark.to_ascii_lowercase()) {
            return Ok(tell(
                format!("the certificate is that of {whose}"),
                "Censys and Shodan: names in certificates",
                own,
            ));
        }
    }
    let fingerprint = fingerprint(certificate)?;
    if let Some((_, whose)) = FINGERPRINTS.iter().find(|(start, _)| fingerprint.starts_with(start)) {
        return Ok(tell(
            format!("the certificate is the one that {whose} is shipped with"),
            "its fingerprint",
            own,
        ));
    }
    let serial = certificate.serial_number().to_bn()?;
    let common = of(certificate.subject_name(), Nid::COMMONNAME).unwrap_or_default();
    if common == "*" && serial.num_bits() == 0 {
        return Ok(tell(
            "the certificate is for `*`, with serial number 0".into(),
            "Heralding's source, misc/common.py",
            own,
        ));
    }
    if serial.num_bits() < 8 {
        return Ok(tell(
            "the serial number is one that a program has counted".into(),
            "Gotta catch 'em all (arXiv 2109.10652)",
            own,
        ));
    }
    if certificate.signature_algorithm().object().nid() == Nid::SHA1WITHRSAENCRYPTION {
        return Ok(tell(
            "it is signed with SHA-1, which nothing does since 2016".into(),
            "Heralding is known by it",
            own,
        ));
    }
    let now = Asn1Time::days_from_now(0)?;
    if certificate.not_after() < now.as_ref() {
        let text = "it has expired".to_owned();
        return Ok(Finding::note(CHECK, place, text)
            .seen(&seen)
            .mend("renew it; real servers are late with it, too"));
    }
    if certificate.not_before() > now.as_ref() {
        return Ok(tell("it is not valid yet".into(), "every TLS client", own));
    }
    let age = certificate.not_before().diff(&now)?;
    let text = match (certificate.issuer_name().try_cmp(certificate.subject_name())?.is_eq(), age.days < DAY)
    {
        (true, true) => "signed by itself, as Debian's; it was made today, which is rare on a real host",
        (true, false) => "signed by itself, as Debian's, and older than a day",
        (false, _) => "issued by somebody else, and valid now",
    };
    Ok(Finding::ok(CHECK, place, format!("{text} ({})", service.name())).seen(seen))
}

/// The names in it are the host's.
fn name(place: &str, certificate: &X509, host: Option<String>) -> Result<Finding> {
    let Some(host) = host else {
        return Ok(Finding::not_checked(NAME, place, "the server does not tell its name"));
    };
    let names = names(certificate);
    if names.iter().any(|name| fits(name, &host)) {
        return Ok(Finding::ok(NAME, place, format!("it is for {host}")));
    }
    let finding = Finding::tell(NAME, place, format!("it is for another host than {host}"));
    Ok(finding
        .seen(described(certificate)?)
        .real("Debian makes it for the host's own name")
        .who("Gotta catch 'em all (arXiv 2109.10652): certificates")
        .mend("Honeypost: node-name (NODE_NAME) and the certificate must agree; remove DATA_DIR/tls for a new one"))
}

/// Common name and alternative names.
pub(crate) fn names(certificate: &X509) -> Vec<String> {
    let mut names: Vec<String> = of(certificate.subject_name(), Nid::COMMONNAME).into_iter().collect();
    for name in certificate.subject_alt_names().into_iter().flatten() {
        names.extend(name.dnsname().map(str::to_owned));
    }
    names
}

fn fits(name: &str, host: &str) -> bool {
    let (name, host) = (name.to_ascii_lowercase(), host.to_ascii_lowercase());
    name == host
        || name
            .strip_prefix("*.")
            .is_some_and(|domain| host.split_once('.').is_some_and(|(_, rest)| rest == domain))
        || host.split('.').next() == Some(name.as_str())
}

fn of(name: &X509NameRef, nid: Nid) -> Option<String> {
    let entry = name.entries_by_nid(nid).next()?;
    Some(text(entry.data()))
}

fn text(data: &Asn1StringRef) -> String {
    data.to_string().unwrap_or_default()
}

/// The certificate on a few lines.
fn described(certificate: &X509) -> Result<String> {
    let all = |name: &X509NameRef| {
        let parts = name.entries().map(|entry| {
            let value = text(entry.data());
            format!("{}={value}", entry.object().nid().short_name().unwrap_or("?"))
        });
        parts.collect::<Vec<_>>().join(", ")
    };
    let serial = certificate.serial_number().to_bn()?.to_hex_str()?.to_string();
    let mut text =
        format!("subject {}, issuer {}", all(certificate.subject_name()), all(certificate.issuer_name()));
    let _ = write!(text, "\nserial {serial}, {} to {}", certificate.not_before(), certificate.not_after());
    Ok(text)
}

/// SHA-1, in hexadecimal.
pub(crate) fn fingerprint(certificate: &X509) -> Result<String> {
    let digest = certificate.digest(MessageDigest::sha1())?;
    Ok(digest.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02X}");
        text
    }))
}

#[cfg(test)]
mod tests {
    use openssl::asn1::Asn1Integer;
    use openssl::bn::BigNum;
    use openssl::pkey::PKey;
    use openssl::rsa::Rsa;
    use openssl::x509::{X509Builder, X509NameBuilder};

    use super::*;
    use crate::finding::Verdict;

    fn made(common: &str, serial: &str, days: (u32, u32), digest: MessageDigest) -> X509 {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", common).unwrap();
        let name = name.build();
        let mut builder = X509Builder::new().unwrap();
        let serial: Asn1Integer = BigNum::from_hex_str(serial).unwrap().to_asn1_integer().unwrap();
        builder.set_serial_number(&serial).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(days.0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(days.1).unwrap()).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.sign(&key, digest).unwrap();
        builder.build()
    }

    #[test]
    fn marks_are_told_and_debians_form_is_not() {
        let serial = "3E4B875518D0ABDD967455A474EF060CCEE17C17";
        let sha256 = MessageDigest::sha256();
        let verdict = |certificate: &X509| form("x", certificate, Service::Imap).unwrap().verdict;
        assert_eq!(verdict(&made("mail.example.com", serial, (0, 3650), sha256)), Verdict::Ok);
        for (common, serial, days, digest) in [
            ("*", "00", (0, 365), MessageDigest::sha1()),
            ("mail.example.com", "01", (0, 365), sha256),
            ("mail.example.com", serial, (0, 365), MessageDigest::sha1()),
            ("mail.example.com", serial, (2, 365), sha256),
            ("Nepenthes Development Team", serial, (0, 365), sha256),
        ] {
            assert_eq!(verdict(&made(common, serial, days, digest)), Verdict::Tell, "{common} {serial}");
        }
        let certificate = made("mail.example.com", serial, (0, 3650), sha256);
        let named = |host: &str| name("x", &certificate, Some(host.to_owned())).unwrap().verdict;
        assert_eq!((named("MAIL.example.com"), named("mx.example.com")), (Verdict::Ok, Verdict::Tell));
    }

    #[test]
    fn names_fit() {
        assert!(fits("*.example.com", "mail.example.com") && fits("mail", "mail.example.com"));
        assert!(!fits("*.example.com", "example.com") && !fits("example.com", "mail.example.com"));
    }
}
