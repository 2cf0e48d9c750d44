//! `check`: a sound corpus has no problem; every fault of a corpus is found and its file named.

mod support;

use bait::persona::{MailboxSummary, Problem, Severity, check};
use support::Files;

const FIRST: &str = "mailboxes/INBOX/01-key.eml";
const SECOND: &str = "mailboxes/INBOX/02-re-key.eml";

#[test]
fn a_sound_corpus_has_no_problem() {
    let report = check(&Files::small().load().unwrap());
    let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems, ["warning: persona.toml: the mailbox `R&D` is empty; put messages into its folder"]);
    assert!(report.is_sound());
    let inbox = &report.mailboxes[0];
    assert!(inbox.octets > 1000, "{inbox:?}");
    let expected = MailboxSummary { name: "INBOX".to_owned(), messages: 2, octets: inbox.octets, secrets: 3 };
    assert_eq!(*inbox, expected);
}

/// Replaces text in a file; the problem expected, if it is an error, and how it reads.
struct Case(&'static str, &'static str, &'static str, Severity, &'static str);

#[test]
fn every_fault_is_found() {
    use Severity::{Error, Warning};
    let long = Box::leak(format!("Fine. {}", "x".repeat(999)).into_boxed_str());
    for Case(file, from, to, severity, expected) in [
        Case(
            FIRST,
            "{{secret deploy-key}}",
            "no key",
            Warning,
            "the secret `deploy-key` stands in no message",
        ),
        Case(
            FIRST,
            "AAECAwQ=",
            "{{secret db-password}}",
            Error,
            "the secret `db-password` stands in encoded text",
        ),
        Case(FIRST, "AAECAwQ=", "AAECAwQ", Error, "has a base64 part that does not decode"),
        Case(FIRST, "8bit", "quoted-printable", Error, "quoted-printable part with an 8-bit line"),
        Case(FIRST, "8bit", "7bit", Error, "8-bit text in a part that says 7bit"),
        Case(FIRST, "8bit", "9bit", Error, "unknown Content-Transfer-Encoding `9bit`"),
        Case(FIRST, "--b-{{hex b-one 8}}--", "", Error, "does not close its multipart"),
        Case(FIRST, "; boundary=\"b-{{hex b-one 8}}\"", "", Error, "multipart without a boundary"),
        Case(FIRST, "=?UTF-8?Q?Schl=C3=BCssel?=", "Schlüssel", Error, "has a header that is not ASCII"),
        Case(FIRST, "\tfor <admin", "for <admin", Error, "has a header line that is no field (`for <admin"),
        Case(
            FIRST,
            "{{received +1s}}",
            "{{received +9s}}",
            Warning,
            "later than the hop above it or the arrival",
        ),
        Case(FIRST, "{{received +1s}}", "yesterday", Error, "Received ends with `yesterday`, no date"),
        Case(FIRST, "{{received +1s}}", "{{received +30d}}", Error, "lies after the installation's moment"),
        Case(FIRST, "{{date}}", "{{date -2d}}", Warning, "lies more than a day from the arrival"),
        Case(
            FIRST,
            "{{date}}",
            "Mon, 02 Nov 2026 09:12:44 -0500",
            Warning,
            "more than a day from the arrival",
        ),
        Case(FIRST, "{{date}}", "Tue, 02 Nov 2026 09:12:44 -0500", Error, "is no date of RFC 5322"),
        Case(
            FIRST,
            "-2 09",
            "0 19",
            Error,
            "answers mailboxes/INBOX/01-key.eml (In-Reply-To), which was sent later",
        ),
        Case(SECOND, "{{date}}", "{{date +2d}}", Error, "lies after the installation's moment"),
        Case(SECOND, "sent = \"0", "sent = \"-3", Error, "arrives before the message above it"),
        Case(SECOND, "{{digits m-two 9}}", "{{hex m-one 12}}", Error, "has the Message-ID <"),
        Case(SECOND, "<{{digits m-two 9}}@acme.example>", "none", Error, "that is not <left@right>"),
        Case(
            SECOND,
            "References: <{{hex m-one 12}}",
            "References: <lost",
            Warning,
            "References names <lost@acme.example>",
        ),
        Case(SECOND, "Subject: Re", "X-Subject: Re", Error, "has no Subject"),
        Case(SECOND, "From: Ben", "From: x@acme.example\nFrom: Ben", Error, "has 2 From fields"),
        Case(SECOND, "Fine.", long, Error, "has a line of 1005 octets"),
        Case(SECOND, "Fine.\n", "Fine.", Warning, "does not end with a line feed"),
        Case(SECOND, "\n\n> until", "\nUntil", Error, "has no empty line between header and body"),
    ] {
        let files = Files::small();
        files.edit(file, from, to);
        let report = check(&files.load().unwrap_or_else(|error| panic!("{from:?} -> {to:?}: {error}")));
        let found = report.problems.iter().find(|problem| problem.message.contains(expected));
        let found =
            found.unwrap_or_else(|| panic!("{from:?} -> {to:?}: not found among {:#?}", report.problems));
        assert_eq!(found.severity, severity, "{from:?} -> {to:?}");
        assert_eq!(report.is_sound(), !report.problems.iter().any(|problem| problem.severity == Error));
        assert!(!found.message.contains('\n'), "{found}");
    }
}

#[test]
fn a_secret_outside_its_slot_is_found_however_it_is_written() {
    for (from, to) in [
        ("Fine.", "Fine: -phunter2."),
        ("Fine.", "-----BEGIN KEY-----\nAAAA\n-----END KEY-----"),
        ("From: Ben <", "From: hunter2 <"),
        ("Subject: Re:", "Subject: =?UTF-8?Q?hun=74er2?="),
        ("Subject: Re:", "Subject: {{secret db-password}} =?UTF-8?B?aHVudGVyMg==?="),
        ("us-ascii\n", "us-ascii; name=hunter2.txt\n"),
        ("us-ascii\n", "us-ascii; name*=utf-8''hunte%722.txt\n"),
        ("us-ascii\n", "us-ascii; name*0=hunt; name*1=er2.txt\n"),
        ("us-ascii\n", "us-ascii; x={{secret db-password}}; name=\"hunt\\er2\"\n"),
        ("us-ascii\n", "us-ascii\nContent-Disposition: attachment; filename=\"=?utf-8?q?hunt=65r2?=\"\n"),
        ("us-ascii\n\n> until then", "us-ascii\nContent-Transfer-Encoding: quoted-printable\n\nhun=\nter=32"),
        ("us-ascii\n\n> until then\nFine.", "utf-8\nContent-Transfer-Encoding: base64\n\naHVu\ndGVyMg=="),
        (
            "us-ascii\n\n> until then\nFine.",
            "utf-16le\nContent-Transfer-Encoding: base64\n\naAB1AG4AdABlAHIAMgA=",
        ),
        (
            "text/plain; charset=us-ascii\n\n> until then",
            "message/rfc822\n\nSubject: =?UTF-8?Q?=68unter2?=\n\n> until then",
        ),
    ] {
        let files = Files::small();
        files.edit(SECOND, from, to);
        let report = check(&files.load().unwrap_or_else(|error| panic!("{to:?}: {error}")));
        let is_stray = |problem: &&Problem| problem.message.contains("` is written out");
        let strays: Vec<_> = report.problems.iter().filter(is_stray).collect();
        let [Problem { severity: Severity::Error, file, message }] = strays[..] else {
            panic!("{to:?}: {:#?}", report.problems);
        };
        assert!(file == SECOND && !message.contains('\n'), "{to:?}: {message}");
    }
}

#[test]
fn a_secret_that_may_stand_there_is_no_problem() {
    let report_of = |from: &str, to: &str| {
        let files = Files::small();
        files.edit(SECOND, from, to);
        check(&files.load().unwrap()).problems.iter().map(ToString::to_string).collect::<String>()
    };
    for (from, to) in [
        ("Subject: Re:", "Subject: {{secret db-password}}"),
        ("us-ascii\n", "us-ascii; name=\"{{secret db-password}}.txt\"\n"),
        ("us-ascii\n\n> until", "us-ascii\nContent-Transfer-Encoding: quoted-printable\n\nhunter=\n 2"),
    ] {
        assert!(!report_of(from, to).contains("written out"), "{to:?}");
    }
    let files = Files::small();
    // Too short to be told from other text; a part of another secret.
    files.edit("persona.toml", "hunter2", "until");
    assert!(
        !check(&files.load().unwrap()).problems.iter().any(|problem| problem.message.contains("written"))
    );
    files.edit("persona.toml", "until", "BEGIN KEY");
    assert!(
        !check(&files.load().unwrap()).problems.iter().any(|problem| problem.message.contains("written"))
    );
}

#[test]
fn a_corpus_that_cannot_be_rendered_is_a_problem() {
    let files = Files::small();
    files.edit(SECOND, "+++\nDate", "arrived = \"+9d\"\n+++\nDate");
    let report = check(&files.load().unwrap());
    assert!(!report.is_sound() && report.mailboxes.is_empty());
}
