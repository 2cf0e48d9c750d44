//! TLS: the handshake's fingerprint, what is done with octets behind STARTTLS and with plain text on a port that begins
//! with TLS.

use std::time::Duration;

use anyhow::Result;
use fidelity::Service;
use jarm::StartTls;

use crate::channel;
use crate::facts::Facts;
use crate::finding::Finding;
use crate::talk::{HURRIED, Way};

/// The checks' names.
pub(crate) const JARM: &str = "jarm";
pub(crate) const INJECTION: &str = "starttls-injection";
pub(crate) const PLAIN: &str = "plain-text-on-tls";

/// Recorded with Debian 12's packages (docs/tls.md).
const DOVECOT: &str = "07d3fd1ad21d21d00042d43d0000005aa9877b7a5d6a671d1e56af48dc9ce6";
const POSTFIX: &str = "07d19d1ad21d21d07c42d43d000000f50d155305214cf247147c43c0f1a823";

/// All of them.
pub(crate) fn check(facts: &Facts, quick: bool) -> Result<Vec<Finding>> {
    let place = facts.place.name();
    Ok(vec![fingerprint(facts, &place, quick), injection(facts, &place), plain_text(facts, &place)?])
}

/// JARM: ten odd hellos, and what comes back.
fn fingerprint(facts: &Facts, place: &str, quick: bool) -> Finding {
    let service = facts.place.service;
    let start = match service {
        _ if facts.place.target.tls => None,
        _ if facts.upgraded.is_err() => return Finding::not_checked(JARM, place, "there is no TLS"),
        Service::Imap => Some(StartTls::Imap),
        Service::Pop3 => Some(StartTls::Pop3),
        Service::Smtp | Service::Submission => Some(StartTls::Smtp),
    };
    if quick {
        return Finding::not_checked(JARM, place, "it takes ten connections (--quick)");
    }
    if !facts.claim.is_recorded() {
        return Finding::not_checked(JARM, place, format!("that of {} is not known here", facts.claim));
    }
    let taken = match jarm::take(&facts.place.target.address(), start) {
        Ok(taken) => taken,
        Err(error) => return Finding::not_checked(JARM, place, format!("it cannot be taken: {error:#}")),
    };
    let known = if facts.place.is_smtp() { POSTFIX } else { DOVECOT };
    if taken == known {
        return Finding::ok(JARM, place, format!("that of {}", facts.claim.recording()));
    }
    let text = format!("the JARM is not that of {}", facts.claim.recording());
    let different = if facts.claim.debian { Finding::tell } else { Finding::note };
    different(JARM, place, text)
        .seen(taken)
        .real(known)
        .who("Shodan and Censys list it for every port")
        .mend("Honeypost imitates it; a proxy in front that ends TLS, or tls.cert of another kind (ECDSA), changes it")
}

/// What comes in one piece with STARTTLS was sent in the clear, and must not be obeyed over TLS (CVE-2011-0411).
fn injection(facts: &Facts, place: &str) -> Finding {
    if facts.upgraded.is_err() {
        return Finding::not_checked(INJECTION, place, "there is no STARTTLS");
    }
    let command: &[u8] = match facts.place.service {
        Service::Imap => b"x NOOP\r\n",
        _ => b"NOOP\r\n",
    };
    let talk = facts.place.open(Way::AsIs).and_then(|talk| talk.upgrade(command));
    // Dovecot ends it: what came is no hello.
    let Ok(mut talk) = talk else {
        return Finding::ok(INJECTION, place, "a command behind STARTTLS ends the session");
    };
    let silence = fidelity::Exchange::octets(b"", Duration::from_millis(700));
    match talk.play(&silence) {
        Ok(answer) if !answer.bytes.is_empty() => Finding::tell(
            INJECTION,
            place,
            "a command that came in the clear behind STARTTLS is obeyed over TLS",
        )
        .seen(answer.bytes)
        .real("Postfix throws it away, Dovecot ends the session")
        .who("nmap, nessus and testssl.sh: STARTTLS injection (CVE-2011-0411)")
        .mend("forget what came before the handshake"),
        _ => Finding::ok(INJECTION, place, "a command behind STARTTLS is thrown away"),
    }
}

/// Dovecot and Postfix do not answer plain text in plain text.
fn plain_text(facts: &Facts, place: &str) -> Result<Finding> {
    if !facts.place.target.tls {
        return Ok(Finding::not_checked(PLAIN, place, "the port begins in the clear"));
    }
    let (stream, _) = channel::connect(&facts.place.addresses)?;
    let mut player =
        fidelity::Player::new(facts.place.service, channel::Line::Plain(stream), HURRIED).at_most(1 << 16);
    let answer =
        player.exchange(&fidelity::Exchange::octets(b"GET / HTTP/1.0\r\n\r\n", Duration::from_secs(2)))?;
    let dovecot = !facts.place.is_smtp() && facts.claim.is_recorded();
    let text = answer
        .bytes
        .iter()
        .take_while(|octet| octet.is_ascii_graphic() || octet.is_ascii_whitespace())
        .count();
    if text >= 4 || (dovecot && !answer.bytes.is_empty()) {
        let finding = Finding::tell(PLAIN, place, "plain text is answered where TLS should begin");
        return Ok(finding
            .seen(&answer.bytes)
            .real("Dovecot closes without an octet")
            .who("nmap -sV: GetRequest"));
    }
    Ok(Finding::ok(PLAIN, place, "plain text is answered as by a server that waits for TLS"))
}
