//! What the ports of one host have in common: its name, and its certificate.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::checks::certificate;
use crate::facts::Facts;
use crate::finding::Finding;

/// The checks' names.
pub(crate) const NAME: &str = "host-name";
pub(crate) const NAMES: &str = "host-names-agree";
pub(crate) const CERTIFICATES: &str = "certificates-agree";

/// Names that a host gets when nobody gives it one.
const DEFAULTS: [&str; 8] = [
    "localhost",
    "localhost.localdomain",
    "example.com",
    "mail.example.com",
    "mail.test.local",
    "mail.honeypot.local",
    "mailserver",
    "omega-decky",
];

/// All of them; one set for each host.
pub(crate) fn check(all: &[Facts]) -> Result<Vec<Finding>> {
    let mut hosts: BTreeMap<&str, Vec<&Facts>> = BTreeMap::new();
    for facts in all {
        hosts.entry(facts.place.target.host.as_str()).or_default().push(facts);
    }
    let mut findings = Vec::new();
    for (host, ports) in hosts {
        let names: BTreeSet<String> = ports.iter().filter_map(|facts| facts.host_name()).collect();
        let near = ports.iter().all(|facts| facts.place.is_near());
        findings.push(name(host, &names, near));
        findings.push(names_agree(host, &names));
        findings.push(certificates_agree(host, &ports)?);
    }
    Ok(findings)
}

fn name(host: &str, names: &BTreeSet<String>, near: bool) -> Finding {
    let Some(default) = names.iter().find(|name| DEFAULTS.contains(&name.to_ascii_lowercase().as_str()))
    else {
        if names.is_empty() {
            return Finding::not_checked(NAME, host, "no port tells the host's name");
        }
        return Finding::ok(NAME, host, "the host has a name of its own");
    };
    let finding = if near { Finding::note } else { Finding::tell };
    finding(NAME, host, "the host has a name that nobody gave it")
        .seen(default)
        .real("the name that its address has in the DNS")
        .who("potsnitch: smtp_default_hostname, smtp_honeypot_banner")
        .mend("Honeypost: node-name (NODE_NAME)")
}

fn names_agree(host: &str, names: &BTreeSet<String>) -> Finding {
    let shown = names.iter().cloned().collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => Finding::not_checked(NAMES, host, "no port tells the host's name"),
        1 => Finding::ok(NAMES, host, format!("it is {shown} wherever it is told")),
        _ => Finding::tell(NAMES, host, "the ports of one host tell different names")
            .seen(shown)
            .real("Postfix greets with `myhostname` on all of them")
            .who("Gotta catch 'em all (arXiv 2109.10652): ports together")
            .mend("Honeypost: node-name; leave the banners unset"),
    }
}

fn certificates_agree(host: &str, ports: &[&Facts]) -> Result<Finding> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut issued = false;
    for facts in ports {
        let Some(shown) = &facts.certificate else { continue };
        found.entry(certificate::fingerprint(shown)?).or_default().push(facts.place.name());
        issued |= shown.issuer_name().try_cmp(shown.subject_name())?.is_ne();
    }
    if found.len() < 2 {
        let one = found.values().next().map_or(0, Vec::len);
        return Ok(match one {
            0 | 1 => {
                Finding::not_checked(CERTIFICATES, host, "fewer than two of the ports have a certificate")
            }
            _ => Finding::ok(CERTIFICATES, host, format!("the same on {one} ports")),
        });
    }
    let seen: Vec<String> =
        found.iter().map(|(print, places)| format!("{print}: {}", places.join(", "))).collect();
    // Certificates that somebody issued are bought for a service; Debian's own is one for the host.
    let finding = if issued { Finding::note } else { Finding::tell };
    Ok(finding(CERTIFICATES, host, "the ports of one host have different certificates")
        .seen(seen.join("\n"))
        .real("Debian's packages share the host's own")
        .who("Censys: certificates by host")
        .mend(
            "Honeypost: one tls.cert for all; do not run one instance for each protocol with data of its own",
        ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Verdict;

    #[test]
    fn names_of_a_host() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(names_agree("x", &set(&["a.example.net"])).verdict, Verdict::Ok);
        assert_eq!(names_agree("x", &set(&["a.example.net", "b.example.net"])).verdict, Verdict::Tell);
        assert_eq!(name("x", &set(&["mail.example.com"]), true).verdict, Verdict::Note);
        assert_eq!(name("x", &set(&["mail.example.com"]), false).verdict, Verdict::Tell);
        assert_eq!(name("x", &set(&["mx1.example.net"]), false).verdict, Verdict::Ok);
        assert_eq!(name("x", &set(&[]), false).verdict, Verdict::NotChecked);
    }
}
