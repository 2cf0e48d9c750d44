//! What a server says that it can do, held against what it does: before TLS, over it, in the greeting and when asked.

use anyhow::Result;
use fidelity::Service;

use crate::facts::{Capabilities, Facts};
use crate::finding::Finding;
use crate::random;
use crate::talk::{Way, is_good};

/// The checks' names.
pub(crate) const AGREE: &str = "capabilities-agree";
pub(crate) const HELD: &str = "capabilities-held";
pub(crate) const STARTTLS: &str = "starttls";
pub(crate) const PIPELINING: &str = "pipelining";
pub(crate) const DISABLED: &str = "login-disabled";
pub(crate) const EXTENSIONS: &str = "smtp-extensions";

const WHO: &str = "nmap: imap-capabilities, pop3-capabilities, smtp-commands";

/// All of them.
pub(crate) fn check(facts: &Facts) -> Result<Vec<Finding>> {
    let place = facts.place.name();
    let mut findings =
        vec![agree(facts, &place), starttls(facts, &place), held(facts, &place)?, pipelining(facts, &place)?];
    match facts.place.service {
        Service::Imap => findings.push(disabled(facts, &place)?),
        Service::Pop3 => {}
        Service::Smtp | Service::Submission => findings.push(extensions(facts, &place)),
    }
    Ok(findings)
}

/// The greeting's list is the one that CAPABILITY gives.
fn agree(facts: &Facts, place: &str) -> Finding {
    let asked = &facts.capabilities;
    if asked.list.is_empty() && facts.place.service != Service::Smtp {
        return Finding::tell(AGREE, place, "it lists no capabilities at all").seen(&asked.answer).who(WHO);
    }
    let greeting = String::from_utf8_lossy(&facts.greeting.bytes).into_owned();
    let greeted = greeting.split_once("[CAPABILITY ").and_then(|(_, rest)| Some(rest.split_once(']')?.0));
    if let (Service::Imap, Some(greeted)) = (facts.place.service, greeted) {
        let greeted: Vec<&str> = greeted.split_ascii_whitespace().collect();
        if greeted != asked.list {
            return Finding::tell(AGREE, place, "the greeting lists other capabilities than CAPABILITY")
                .seen(format!("{greeting}{}", String::from_utf8_lossy(&asked.answer)))
                .real("the same words in the same order")
                .who(WHO)
                .mend("Honeypost: leave imap.banner unset, it hides the personality's own list");
        }
    }
    Finding::ok(AGREE, place, format!("{} capabilities, the same wherever they are listed", asked.list.len()))
}

/// STARTTLS is offered, works, and is gone afterwards.
fn starttls(facts: &Facts, place: &str) -> Finding {
    let offered = facts.capabilities.starttls();
    let listed = || facts.capabilities.answer.clone();
    match (&facts.upgraded, offered) {
        _ if facts.place.target.tls && offered => {
            Finding::tell(STARTTLS, place, "TLS is offered where there is TLS").seen(listed()).who(WHO)
        }
        _ if facts.place.target.tls => Finding::ok(STARTTLS, place, "not offered where TLS is"),
        (Ok(upgraded), true) if upgraded.starttls() => {
            Finding::tell(STARTTLS, place, "over TLS it is offered once more").seen(&upgraded.answer).who(WHO)
        }
        (Ok(upgraded), true) if upgraded.has("LOGINDISABLED") => {
            Finding::tell(STARTTLS, place, "over TLS logins are still disabled")
                .seen(&upgraded.answer)
                .who(WHO)
        }
        (Ok(_), true) => Finding::ok(STARTTLS, place, "offered, works, and is gone over TLS"),
        (Ok(_), false) => Finding::tell(STARTTLS, place, "TLS is taken though it is not offered")
            .seen(listed())
            .real("what works is listed")
            .who(WHO)
            .mend("Honeypost: a personality that lists it (dovecot-2.3, postfix-3.7)"),
        (Err(why), true) => Finding::tell(STARTTLS, place, "TLS is offered and does not work")
            .seen(why)
            .real("a handshake")
            .who("potsnitch, honeydet; Mailoney and qeeqbox are known by it")
            .mend("Honeypost: look at tls.cert and tls.key"),
        (Err(why), false) if facts.claim.debian => Finding::tell(STARTTLS, place, "no TLS is offered")
            .seen(why)
            .real("Debian's packages offer it out of the box")
            .who(WHO)
            .mend("Honeypost: a personality that has it (dovecot-2.3, postfix-3.7)"),
        (Err(_), false) => Finding::note(STARTTLS, place, "no TLS is offered, as few servers are left"),
    }
}

/// What a capability allows to say before a login.
const IMAP: [(&str, &str); 4] = [
    ("ID", "t ID NIL"),
    ("ENABLE", "t ENABLE CONDSTORE"),
    ("AUTH=PLAIN", "t AUTHENTICATE PLAIN"),
    ("AUTH=LOGIN", "t AUTHENTICATE LOGIN"),
];
const SMTP: [(&str, &str); 5] = [
    ("VRFY", "VRFY audit"),
    ("ETRN", "ETRN audit.invalid"),
    ("HELP", "HELP"),
    ("ENHANCEDSTATUSCODES", "RSET"),
    // Postfix closes behind this one.
    ("CHUNKING", "BDAT x"),
];

/// Each listed capability that can be tried without a login does something.
fn held(facts: &Facts, place: &str) -> Result<Finding> {
    let listed = facts.capabilities_there();
    let refused = match facts.place.service {
        Service::Imap => refused_imap(facts, listed)?,
        Service::Pop3 => refused_pop3(facts, listed)?,
        Service::Smtp | Service::Submission => refused_smtp(facts, listed)?,
    };
    if refused.is_empty() {
        return Ok(Finding::ok(HELD, place, "what is listed can be had"));
    }
    let words: Vec<&str> = refused.iter().map(|(word, _)| word.as_str()).collect();
    let seen: Vec<String> =
        refused.iter().map(|(word, answer)| format!("{word}: {}", answer.trim_end())).collect();
    Ok(Finding::tell(HELD, place, format!("listed, and unknown when it is asked for: {}", words.join(" ")))
        .seen(seen.join("\n"))
        .real("what is listed works")
        .who(WHO)
        .mend("Honeypost: a personality that has what it lists (dovecot-2.3, postfix-3.7)"))
}

type Refused = Vec<(String, String)>;

fn refused_imap(facts: &Facts, listed: &Capabilities) -> Result<Refused> {
    let mut refused = Vec::new();
    let mut note = |word: &str, answer: &[u8]| {
        refused.push((word.to_owned(), String::from_utf8_lossy(answer).into_owned()));
    };
    for (word, line) in IMAP.iter().filter(|(word, _)| listed.has(word)) {
        // Few wrong commands are let pass on one connection.
        let mut talk = facts.place.open(facts.way())?;
        let answer = talk.say(line)?;
        if !(is_good(Service::Imap, &answer.bytes) || answer.bytes.starts_with(b"+")) {
            note(word, &answer.bytes);
        }
    }
    if listed.has("LITERAL+") {
        let mut talk = facts.place.open(facts.way())?;
        let answer = talk.say_all(&["t ID {3+}", "NIL"])?;
        // Whatever becomes of the command: its literal is no command of its own, and nobody asks for it.
        if answer.bytes.starts_with(b"+") || answer.bytes.windows(8).any(|part| part == b"NIL BAD ") {
            note("LITERAL+", &answer.bytes);
        }
    }
    Ok(refused)
}

fn refused_pop3(facts: &Facts, listed: &Capabilities) -> Result<Refused> {
    let mut refused = Vec::new();
    let mechanisms: Vec<String> =
        listed.parameter("SASL").unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect();
    for mechanism in mechanisms {
        let mut talk = facts.place.open(facts.way())?;
        let answer = talk.say(&format!("AUTH {mechanism}"))?;
        if !answer.bytes.starts_with(b"+") {
            refused.push((format!("SASL {mechanism}"), String::from_utf8_lossy(&answer.bytes).into_owned()));
        }
    }
    if listed.has("USER") {
        let answer = facts.place.open(facts.way())?.say("USER audit")?;
        if !answer.bytes.starts_with(b"+OK") {
            refused.push(("USER".to_owned(), String::from_utf8_lossy(&answer.bytes).into_owned()));
        }
    }
    Ok(refused)
}

fn refused_smtp(facts: &Facts, listed: &Capabilities) -> Result<Refused> {
    let mut refused = Vec::new();
    let mut talk = facts.place.open(facts.way())?;
    talk.say("EHLO audit.invalid")?;
    for (word, line) in SMTP.iter().filter(|(word, _)| listed.has(word)) {
        let answer = talk.say(line)?;
        let text = String::from_utf8_lossy(&answer.bytes).into_owned();
        if !smtp_has(word, &text) {
            refused.push(((*word).to_owned(), text));
        }
    }
    let mechanisms: Vec<String> =
        listed.parameter("AUTH").unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect();
    for mechanism in mechanisms.iter().filter(|name| ["PLAIN", "LOGIN", "CRAM-MD5"].contains(&name.as_str()))
    {
        let mut talk = facts.place.open(facts.way())?;
        talk.say("EHLO audit.invalid")?;
        let answer = talk.say(&format!("AUTH {mechanism}"))?;
        if !answer.bytes.starts_with(b"334") {
            refused.push((format!("AUTH {mechanism}"), String::from_utf8_lossy(&answer.bytes).into_owned()));
        }
    }
    Ok(refused)
}

/// Whether an answer is one of a server that has the capability: RFC 5321 section 4.2.4 has codes for what is unknown.
fn smtp_has(word: &str, answer: &str) -> bool {
    let unknown = answer.starts_with("500") || answer.starts_with("502");
    match word {
        "ENHANCEDSTATUSCODES" => answer.starts_with("250 2.") || answer.starts_with("530"),
        // It is answered so for its parameter's sake.
        "ETRN" => !answer.starts_with("502"),
        _ => !unknown,
    }
}

/// Commands that come together are answered one by one.
fn pipelining(facts: &Facts, place: &str) -> Result<Finding> {
    let mut talk = facts.place.open(Way::AsIs)?;
    let (lines, answers): (&[&str], usize) = match facts.place.service {
        Service::Imap => (&["p1 NOOP", "p2 CAPABILITY", "p3 NOOP"], 3),
        Service::Pop3 if !facts.capabilities.has("PIPELINING") => {
            return Ok(Finding::not_checked(PIPELINING, place, "PIPELINING is not listed"));
        }
        Service::Pop3 => (&["USER a", "USER b", "USER c"], 3),
        Service::Smtp | Service::Submission => {
            talk.say("EHLO audit.invalid")?;
            if !facts.capabilities.has("PIPELINING") {
                return Ok(Finding::not_checked(PIPELINING, place, "PIPELINING is not listed"));
            }
            (&["RSET", "RSET", "NOOP"], 3)
        }
    };
    let answer = talk.say_all(lines)?;
    let text = String::from_utf8_lossy(&answer.bytes).into_owned();
    let came = text.lines().filter(|line| !line.starts_with('*')).count();
    if came == answers {
        return Ok(Finding::ok(PIPELINING, place, "three commands in one piece get three answers"));
    }
    Ok(Finding::tell(PIPELINING, place, format!("three commands in one piece get {came} answers"))
        .seen(text)
        .real("one each, in order")
        .who("Mailoney is known by it; every mail client sends so")
        .mend("cut what arrives into lines"))
}

/// A server that says LOGINDISABLED tries no login before TLS.
fn disabled(facts: &Facts, place: &str) -> Result<Finding> {
    if !facts.capabilities.has("LOGINDISABLED") {
        return Ok(Finding::ok(DISABLED, place, "logins are not said to be disabled"));
    }
    let (user, password) = (random::word(), random::word());
    let answer = facts.place.open(Way::AsIs)?.log_in(&format!("t LOGIN {user} {password}"))?;
    let tried = answer.bytes.windows(22).any(|part| part == b"[AUTHENTICATIONFAILED]");
    if !tried && !is_good(Service::Imap, &answer.bytes) {
        return Ok(Finding::ok(DISABLED, place, "logins are said to be disabled, and are"));
    }
    Ok(Finding::tell(DISABLED, place, "logins are said to be disabled, and are tried all the same")
        .seen(answer.bytes)
        .real("Dovecot: `NO [PRIVACYREQUIRED]`, at once")
        .who(WHO)
        .mend("Honeypost: tls.plaintext-auth"))
}

/// potsnitch counts five extensions; a server that lacks four of them is suspect to it.
fn extensions(facts: &Facts, place: &str) -> Finding {
    let common = ["AUTH", "STARTTLS", "SIZE", "PIPELINING", "8BITMIME"];
    let missing: Vec<&str> = common.into_iter().filter(|name| !facts.capabilities.has(name)).collect();
    if missing.len() < 4 {
        return Finding::ok(EXTENSIONS, place, "the usual extensions are there");
    }
    Finding::tell(EXTENSIONS, place, format!("it lacks what nearly every server has: {}", missing.join(" ")))
        .seen(&facts.capabilities.answer)
        .real("Postfix lists ten and more")
        .who("potsnitch: smtp_limited_extensions")
        .mend("Honeypost: personality = \"postfix-3.7\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_commands_are_not_had() {
        for (word, answer, had) in [
            ("VRFY", "252 2.0.0 audit", true),
            ("VRFY", "502 5.5.1 Error: command not implemented", false),
            ("ETRN", "459 <audit.invalid>: service unavailable", true),
            ("ETRN", "500 Syntax: ETRN domain", true),
            ("ETRN", "502 5.5.2 Error: command not recognized", false),
            ("CHUNKING", "521 5.5.4 Syntax: BDAT count [LAST]", true),
            ("CHUNKING", "500 5.5.2 Error: command not recognized", false),
            ("ENHANCEDSTATUSCODES", "250 2.0.0 Ok", true),
            ("ENHANCEDSTATUSCODES", "250 Ok", false),
        ] {
            assert_eq!(smtp_has(word, answer), had, "{word}: {answer}");
        }
    }
}
