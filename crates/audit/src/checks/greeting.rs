//! The greeting: whether it has the form of the server that it names, ends its lines, and tells the time of day.

use std::sync::LazyLock;

use fidelity::{Answer, Service};
use jiff::Timestamp;
use regex::bytes::Regex;

use crate::claim::Product;
use crate::facts::Facts;
use crate::finding::Finding;
use crate::pattern::{group, pattern};

/// The checks' names.
pub(crate) const FORM: &str = "greeting-form";
pub(crate) const ENDS: &str = "line-ends";
pub(crate) const DATE: &str = "greeting-date";
pub(crate) const CHALLENGE: &str = "apop-challenge";

/// How much the clock of a real host may be wrong.
const CLOCK: i64 = 2 * 86_400;

static DATES: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"((?:[A-Z][a-z]{2}, +)?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4})"));
static APOP: LazyLock<Regex> = LazyLock::new(|| pattern(r"(<[^<>@\s]+@[^<>\s]+>)"));

/// All that can be told from greetings and capabilities as they came.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let place = facts.place.name();
    vec![
        form(facts, &place),
        ends(facts, &place),
        date(&place, &facts.greeting, facts.greetings.last(), Timestamp::now()),
        challenge(&place, &facts.greeting, &facts.greetings),
    ]
}

/// nmap's service detection tells servers by these forms.
fn form(facts: &Facts, place: &str) -> Finding {
    let Some(product) = facts.claim.product else {
        return Finding::not_checked(FORM, place, "the greeting names no server");
    };
    let (form, real) = match (facts.place.service, product) {
        (Service::Imap, Product::Dovecot) => (
            r"^\* OK \[CAPABILITY IMAP4rev1 [^\]]+\] .*\r\n$",
            "`* OK [CAPABILITY IMAP4rev1 ...] Dovecot (Debian) ready.`",
        ),
        (Service::Pop3, Product::Dovecot) => (
            r"^\+OK Dovecot(?: \([\w./-]+\))? ready\.(?: <[^<>@\s]+@[^<>\s]+>)?\r\n$",
            "`+OK Dovecot (Debian) ready.`",
        ),
        (Service::Smtp | Service::Submission, Product::Postfix) => {
            (r"^220[ -]\S+ ESMTP Postfix(?: \([^()\r\n]+\))*\r\n", "`220 HOST ESMTP Postfix (Debian/GNU)`")
        }
        (_, Product::Dovecot | Product::Postfix) => {
            let text = format!(
                "it says that it is {}, which does not speak {}",
                facts.claim,
                facts.place.service.name()
            );
            return Finding::tell(FORM, place, text)
                .seen(&facts.greeting.bytes)
                .who("nmap -sV")
                .mend("correct the banner");
        }
        (_, Product::Other(name)) => {
            let why = format!("the form of {name}'s greeting is not known here");
            return Finding::not_checked(FORM, place, why);
        }
    };
    if pattern(form).is_match(&facts.greeting.bytes) {
        return Finding::ok(FORM, place, format!("the greeting is one of {}", facts.claim));
    }
    Finding::tell(
        FORM,
        place,
        format!("it says that it is {}, in a form that one does not have", facts.claim),
    )
    .seen(&facts.greeting.bytes)
    .real(real)
    .who("nmap -sV; samples of real servers, as in Plum Island")
    .mend("Honeypost: leave imap.banner, pop3.banner and smtp.banner unset")
}

fn ends(facts: &Facts, place: &str) -> Finding {
    let all = [facts.greeting.bytes.as_slice(), facts.capabilities.answer.as_slice()].concat();
    let bare = all.split_inclusive(|octet| *octet == b'\n').find(|line| !line.ends_with(b"\r\n"));
    match bare {
        None => Finding::ok(ENDS, place, "lines end with CRLF"),
        Some(line) => Finding::tell(ENDS, place, "a line ends without CRLF")
            .seen(line)
            .real("every line of IMAP, POP3 and SMTP ends with CRLF")
            .who("Mailoney and Heralding are known by it")
            .mend("end each line with CR and LF"),
    }
}

/// Exim, Sendmail and Exchange greet with the time; one that stands still, or is far off, is made up.
fn date(place: &str, first: &Answer, last: Option<&Answer>, now: Timestamp) -> Finding {
    let of = |answer: &Answer| group(&DATES, &answer.bytes);
    let Some(date) = of(first) else {
        return Finding::ok(DATE, place, "the greeting tells no time, so none can be wrong");
    };
    let finding = |text: &str| {
        Finding::tell(DATE, place, text)
            .seen(&date)
            .who("Mailoney of T-Pot greets with the time of its own start")
            .mend("greet with the time of the day, or with none")
    };
    if last.and_then(of).as_ref() == Some(&date) {
        return finding("the time in the greeting stands still").real("it is that of the connection");
    }
    match jiff::fmt::rfc2822::parse(&date) {
        Ok(told) if told.timestamp().as_second().abs_diff(now.as_second()) > CLOCK.unsigned_abs() => {
            finding("the time in the greeting is days away from now")
        }
        _ => Finding::ok(DATE, place, "the time in the greeting goes on"),
    }
}

/// The challenge of APOP is new for every connection (RFC 1939 section 7).
fn challenge(place: &str, first: &Answer, others: &[Answer]) -> Finding {
    let of = |answer: &Answer| group(&APOP, &answer.bytes);
    let Some(challenge) = of(first) else {
        return Finding::ok(CHALLENGE, place, "there is no challenge, as without APOP");
    };
    if others.iter().any(|other| of(other).as_ref() == Some(&challenge)) {
        return Finding::tell(CHALLENGE, place, "the challenge is the same on every connection")
            .seen(challenge)
            .real("it is new for each: RFC 1939 section 7")
            .who("static answers: Gotta catch 'em all (arXiv 2109.10652)")
            .mend("make it anew for each connection, or leave it out, as Debian does");
    }
    Finding::ok(CHALLENGE, place, "the challenge is another one each time")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Verdict;

    fn answer(text: &str) -> Answer {
        Answer { bytes: text.into(), ..Answer::default() }
    }

    #[test]
    fn a_clock_that_stands_is_told() {
        let now: Timestamp = "2026-01-02T10:00:05Z".parse().unwrap();
        let exim =
            |time: &str| answer(&format!("220 a.example ESMTP Exim 4.97 Fri, 02 Jan 2026 {time} +0000\r\n"));
        let verdict = |first: &Answer, last: &Answer| date("x", first, Some(last), now).verdict;
        assert_eq!(verdict(&exim("10:00:00"), &exim("10:00:02")), Verdict::Ok);
        assert_eq!(verdict(&exim("10:00:00"), &exim("10:00:00")), Verdict::Tell);
        let old = |second: u8| {
            answer(&format!("220 a.example ESMTP Exim 4.97 Fri, 02 May 2025 10:00:0{second} +0000\r\n"))
        };
        assert_eq!(verdict(&old(1), &old(3)), Verdict::Tell);
        assert_eq!(
            verdict(&answer("220 a ESMTP Postfix\r\n"), &answer("220 a ESMTP Postfix\r\n")),
            Verdict::Ok
        );
    }

    #[test]
    fn a_challenge_that_stays_is_told() {
        let (one, other) = (answer("+OK <1.2@a.example>\r\n"), answer("+OK <1.3@a.example>\r\n"));
        assert_eq!(challenge("x", &one, &[other]).verdict, Verdict::Ok);
        assert_eq!(challenge("x", &one, std::slice::from_ref(&one)).verdict, Verdict::Tell);
    }
}
