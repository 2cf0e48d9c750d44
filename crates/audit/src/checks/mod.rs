//! The checks, one subject a file, and the list of them.

pub(crate) mod capabilities;
pub(crate) mod certificate;
pub(crate) mod greeting;
pub(crate) mod hosts;
pub(crate) mod logins;
pub(crate) mod mailbox;
pub(crate) mod queue;
pub(crate) mod relay;
pub(crate) mod times;
pub(crate) mod tls;
pub(crate) mod transcripts;

use crate::rules;

/// A check, for the documentation.
#[derive(Debug)]
pub struct Check {
    /// Its name in reports.
    pub name: &'static str,
    /// What it looks at.
    pub about: &'static str,
    /// What it wants: nothing, or a word of the command line.
    pub wants: &'static str,
}

const fn check(name: &'static str, about: &'static str, wants: &'static str) -> Check {
    Check { name, about, wants }
}

/// All of them, in the order of reports.
pub const CHECKS: &[Check] = &[
    check(greeting::FORM, "the greeting has the form of the server that it names", ""),
    check(greeting::ENDS, "lines end with CRLF", ""),
    check(greeting::DATE, "a time in the greeting is the time of day, and goes on", ""),
    check(greeting::CHALLENGE, "the challenge of APOP is new each time", ""),
    check(rules::CHECK, "none of the known honeypots' own words and faults, listed below", ""),
    check(
        transcripts::CHECK,
        "recorded sessions of the real server, answer for answer",
        "more without --quick",
    ),
    check(transcripts::TIMES, "answers that the real server keeps back are kept back", "not with --quick"),
    check(capabilities::AGREE, "the greeting lists what CAPABILITY lists", ""),
    check(capabilities::STARTTLS, "STARTTLS is offered, works, and is gone over TLS", ""),
    check(capabilities::HELD, "what is listed before the login can be had", ""),
    check(capabilities::DISABLED, "a server that says LOGINDISABLED tries no login", ""),
    check(capabilities::PIPELINING, "commands in one piece are answered one by one", ""),
    check(capabilities::EXTENSIONS, "SMTP's usual extensions are there", ""),
    check(tls::JARM, "the fingerprint of the TLS server", "not with --quick"),
    check(tls::INJECTION, "a command behind STARTTLS is not obeyed over TLS", ""),
    check(tls::PLAIN, "plain text where TLS begins is answered as by the real server", ""),
    check(certificate::CHECK, "the certificate: marks of honeypots, serial number, dates, signature", ""),
    check(certificate::NAME, "the certificate is for the host", ""),
    check(times::BANNER, "the time from connection to greeting", ""),
    check(times::PIECES, "Dovecot acknowledges at once what comes in pieces", ""),
    check(relay::RELAY, "mail from strangers for strangers is refused (RCPT, no message)", ""),
    check(relay::ANYBODY, "somebody who does not exist gets no mail (RCPT, no message)", ""),
    check(relay::VRFY, "VRFY does not vouch for everybody", ""),
    check(logins::ANY, "logins that were made up are refused", "not with --quick"),
    check(logins::DELAY, "a wrong login is refused late", "not with --quick"),
    check(logins::GROWTH, "more of them are refused later", "not with --quick"),
    check(logins::GUESSED, "admin with the password `admin` (a note)", "not with --quick"),
    check(mailbox::LOGIN, "the login that was given is good", "--login"),
    check(mailbox::CAPABILITIES, "nothing is lost by logging in, and what is listed can be had", "--login"),
    check(mailbox::NUMBERS, "UIDVALIDITY and message ids are believable", "--login"),
    check(mailbox::MAILBOXES, "mailboxes that do not exist cannot be opened", "--login"),
    check(mailbox::SEARCH, "SEARCH finds nothing where there is nothing", "--login"),
    check(mailbox::BAIT, "the mail holds no secret out of documentation", "--login"),
    check(transcripts::BEHIND, "recorded sessions behind the login", "--login"),
    check(queue::CHECK, "queue ids are of Postfix's form, and new each time", "--send"),
    check(hosts::NAME, "the host has a name of its own", ""),
    check(hosts::NAMES, "all ports of a host tell the same name", ""),
    check(hosts::CERTIFICATES, "all ports of a host have the same certificate", ""),
];
