//! Who may be written to: strangers, anybody at home, and what VRFY tells. No message is sent.

use anyhow::Result;

use crate::facts::Facts;
use crate::finding::Finding;
use crate::random;
use crate::talk::{Talk, is_good};

/// The checks' names.
pub(crate) const RELAY: &str = "open-relay";
pub(crate) const ANYBODY: &str = "any-recipient";
pub(crate) const VRFY: &str = "any-vrfy";

/// All of them.
pub(crate) fn check(facts: &Facts) -> Result<Vec<Finding>> {
    let place = facts.place.name();
    if !facts.place.is_smtp() {
        return Ok(Vec::new());
    }
    let mut talk = facts.place.open(facts.way())?;
    talk.say("EHLO audit.invalid")?;
    let findings = vec![relay(facts, &mut talk, &place)?, anybody(facts, &mut talk, &place)?];
    let mut talk = facts.place.open(facts.way())?;
    talk.say("EHLO audit.invalid")?;
    let vrfy = vrfy(facts, &mut talk, &place)?;
    Ok(findings.into_iter().chain([vrfy]).collect())
}

/// Says MAIL and RCPT, and forgets them again; whether both were taken, and what was said.
fn taken(facts: &Facts, talk: &mut Talk, recipient: &str) -> Result<(bool, String)> {
    let service = facts.place.service;
    let sender = talk.say(&format!("MAIL FROM:<{}@example.net>", random::word()))?;
    let answer = talk.say(&format!("RCPT TO:<{recipient}>"))?;
    talk.say("RSET")?;
    let said = [sender.bytes.as_slice(), answer.bytes.as_slice()].concat();
    let taken = is_good(service, &sender.bytes) && is_good(service, &answer.bytes);
    Ok((taken, String::from_utf8_lossy(&said).into_owned()))
}

fn relay(facts: &Facts, talk: &mut Talk, place: &str) -> Result<Finding> {
    let stranger = format!("{}@example.org", random::word());
    let (taken, said) = taken(facts, talk, &stranger)?;
    if !taken {
        return Ok(Finding::ok(RELAY, place, "mail for strangers is refused"));
    }
    Ok(Finding::tell(RELAY, place, "it takes mail from strangers for strangers")
        .seen(said)
        .real("Postfix: `454 4.7.1 <...>: Relay access denied`")
        .who("potsnitch: smtp_open_relay (for it that is proof); nmap: smtp-open-relay")
        .mend("Honeypost: smtp.open-relay = false; a relay that is open to all is bait for spammers, and known to be"))
}

fn anybody(facts: &Facts, talk: &mut Talk, place: &str) -> Result<Finding> {
    let Some(host) = facts.host_name() else {
        return Ok(Finding::not_checked(ANYBODY, place, "the server does not tell its name"));
    };
    let (first, said) = taken(facts, talk, &format!("{}@{host}", random::word()))?;
    if !first {
        return Ok(Finding::ok(ANYBODY, place, "somebody who does not exist gets no mail"));
    }
    let finding = if facts.claim.debian { Finding::tell } else { Finding::note };
    Ok(finding(ANYBODY, place, "somebody who does not exist at this host is a good recipient")
        .seen(said)
        .real("Debian's Postfix: `550 5.1.1 <...>: Recipient address rejected: User unknown in local recipient table`")
        .who("mail honeypots that take everything (SHIVA, Mailoney) are known by it")
        .mend("take mail for those only who exist"))
}

fn vrfy(facts: &Facts, talk: &mut Talk, place: &str) -> Result<Finding> {
    let words = ["admin".to_owned(), "root".to_owned(), random::word(), random::word()];
    let mut said = String::new();
    let mut good = 0;
    for word in &words {
        let answer = talk.say(&format!("VRFY {word}"))?;
        let text = String::from_utf8_lossy(&answer.bytes).into_owned();
        good += usize::from(text.starts_with("250") || text.starts_with("252"));
        said.push_str(&text);
    }
    if good < words.len() {
        return Ok(Finding::ok(VRFY, place, "VRFY does not vouch for everybody"));
    }
    let finding = if facts.claim.debian { Finding::tell } else { Finding::note };
    Ok(finding(VRFY, place, "VRFY vouches for everybody, and for names made up this moment")
        .seen(said)
        .real("Debian's Postfix: `550 5.1.1` for who does not exist; Exim and Sendmail answer 252 to all")
        .who("potsnitch: smtp_vrfy_accept_all")
        .mend("Honeypost: personality = \"postfix-3.7\""))
}
