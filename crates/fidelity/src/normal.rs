//! What may differ between two runs, or between two servers of the same kind, and says nothing about them.

use std::sync::LazyLock;

use regex::bytes::{Captures, Regex};

use crate::Service;
use crate::script::Answer;

/// A pattern and what stands for it.
type Rule = (Regex, &'static [u8]);

fn rules(table: &[(&str, &'static str)]) -> Vec<Rule> {
    table.iter().map(|(pattern, stands_for)| (regex(pattern), stands_for.as_bytes())).collect()
}

/// Octets, not characters.
fn regex(pattern: &str) -> Regex {
    Regex::new(&format!("(?-u){pattern}")).expect("the pattern is written here")
}

static IMAP: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    rules(&[
        (r" \(\d+\.\d{3} \+ \d+\.\d{3}(?: \+ \d+\.\d{3})? secs\)", " (T + T secs)"),
        (r"UIDVALIDITY \d+", "UIDVALIDITY V"),
        (r"\b(APPENDUID|COPYUID) \d+", "$1 V"),
        (r"UIDNEXT \d+", "UIDNEXT U"),
        (r"(HIGHESTMODSEQ|MODSEQ) (\(?)\d+", "$1 ${2}M"),
        (r"MAILBOXID \([^)]*\)", "MAILBOXID (I)"),
        // A file that the server has made; those of the mail that there was say nothing of their size.
        (r"X-GUID \d+\.M\d+P\d+\.[^ ,)]+,S=", "X-GUID FILE,S="),
        // Whether something has arrived since, by the times of files.
        (r" \\(?:Un)?Marked\b", ""),
        (r"\(\\(?:Un)?Marked ?", "("),
    ])
});
static POP3: LazyLock<Vec<Rule>> = LazyLock::new(|| rules(&[(r"<[^<>@\s]+@[^<>\s]+>\r\n", "<APOP>\r\n")]));
static SMTP: LazyLock<Vec<Rule>> = LazyLock::new(|| rules(&[(r"(queued as )[0-9A-Za-z]{6,20}", "${1}QID")]));

/// Neighbouring lines of LIST: their order is that of a folder on the disk. The first STATUS among them may tell the
/// mod-sequence of the open mailbox.
static LISTING: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?:\* X?LIST [^\r\n]*\r\n(?:\* OK \[HIGHESTMODSEQ [^\r\n]*\r\n)?(?:\* (?:STATUS|NO) [^\r\n]*\r\n)?){2,}",
    )
});
static LISTED: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\* X?LIST [^\r\n]*\r\n(?:\* (?:STATUS|NO) [^\r\n]*\r\n)?"));
static MODSEQ: LazyLock<Regex> = LazyLock::new(|| regex(r"\* OK \[HIGHESTMODSEQ [^\r\n]*\r\n"));
/// The same of STATUS.
static STATUSES: LazyLock<Regex> = LazyLock::new(|| regex(&format!("(?:{STATUS}){{2,}}")));
static ONE_STATUS: LazyLock<Regex> = LazyLock::new(|| regex(STATUS));
/// One line, or two where the name is a literal.
const STATUS: &str = r"\* STATUS (?:\{\d+\}\r\n)?[^\r\n]*\r\n";
/// An INTERNALDATE; that of today is when the message arrived.
static DATE: LazyLock<Regex> =
    LazyLock::new(|| regex(r#""[ \d]?\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d [+-]\d{4}""#));

/// An answer without what changes from run to run; this is how it is recorded.
pub fn volatile(service: Service, bytes: &[u8]) -> Vec<u8> {
    let rules = match service {
        Service::Imap => &IMAP,
        Service::Pop3 => &POP3,
        Service::Smtp | Service::Submission => &SMTP,
    };
    let mut text = bytes.to_vec();
    for (pattern, stands_for) in rules.iter() {
        text = pattern.replace_all(&text, *stands_for).into_owned();
    }
    if service == Service::Imap {
        for (run, line) in [(&LISTING, &LISTED), (&STATUSES, &ONE_STATUS)] {
            text = run.replace_all(&text, |captures: &Captures<'_>| sorted(&captures[0], line)).into_owned();
        }
        text = DATE.replace_all(&text, |captures: &Captures<'_>| today(&captures[0])).into_owned();
    }
    text
}

/// An answer as it is compared: without the server's own name, too.
pub fn answer(service: Service, bytes: &[u8], own_name: Option<&[u8]>) -> Vec<u8> {
    let text = volatile(service, bytes);
    match own_name {
        Some(name) => {
            let name = regex::escape(&String::from_utf8_lossy(name));
            regex(&name).replace_all(&text, &b"HOST"[..]).into_owned()
        }
        None => text,
    }
}

/// The name that an SMTP server greets with.
pub fn own_name(service: Service, answers: &[Answer]) -> Option<Vec<u8>> {
    let greeting = &answers.first()?.bytes;
    let smtp = matches!(service, Service::Smtp | Service::Submission);
    let name = greeting.strip_prefix(b"220 ").filter(|_| smtp)?.split(u8::is_ascii_whitespace).next()?;
    (!name.is_empty()).then(|| name.to_vec())
}

fn sorted(listing: &[u8], line: &Regex) -> Vec<u8> {
    let told: Vec<&[u8]> = MODSEQ.find_iter(listing).map(|line| line.as_bytes()).collect();
    let listing = MODSEQ.replace_all(listing, &b""[..]);
    let mut lines: Vec<&[u8]> = line.find_iter(&listing).map(|line| line.as_bytes()).collect();
    lines.sort_unstable();
    [told.concat(), lines.concat()].concat()
}

fn today(date: &[u8]) -> Vec<u8> {
    let today = jiff::Timestamp::now().strftime("%d-%b-%Y").to_string();
    let day = date.get(1..12).unwrap_or_default();
    if day.trim_ascii_start() == today.trim_start_matches('0').as_bytes() || day == today.as_bytes() {
        b"\"TODAY\"".to_vec()
    } else {
        date.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_differ() {
        let normal = |service, text: &str| String::from_utf8(volatile(service, text.as_bytes())).unwrap();
        assert_eq!(
            normal(Service::Smtp, "250 2.0.0 Ok: queued as A837B9A0008\r\n"),
            "250 2.0.0 Ok: queued as QID\r\n"
        );
        assert_eq!(
            normal(Service::Imap, "a OK Done (0.001 + 0.000 secs).\r\n"),
            "a OK Done (T + T secs).\r\n"
        );
        assert_eq!(
            normal(
                Service::Imap,
                "* LIST (\\Marked) \".\" b\r\n* LIST () \".\" a\r\n* LIST (\\HasChildren \\UnMarked) \".\" c\r\n"
            ),
            "* LIST () \".\" a\r\n* LIST () \".\" b\r\n* LIST (\\HasChildren) \".\" c\r\n"
        );
        assert_eq!(
            normal(Service::Imap, "* STATUS {1}\r\nb (UNSEEN 1)\r\n* STATUS a (UNSEEN 2)\r\na OK\r\n"),
            "* STATUS a (UNSEEN 2)\r\n* STATUS {1}\r\nb (UNSEEN 1)\r\na OK\r\n"
        );
        assert_eq!(
            normal(
                Service::Imap,
                "* LIST () \".\" b\r\n* OK [HIGHESTMODSEQ 3] Highest\r\n* STATUS b ()\r\n* LIST () \".\" a\r\n* NO x\r\n"
            ),
            "* OK [HIGHESTMODSEQ M] Highest\r\n* LIST () \".\" a\r\n* NO x\r\n* LIST () \".\" b\r\n* STATUS b ()\r\n"
        );
        assert_eq!(normal(Service::Imap, "(X-GUID 1.M2P3.host,S=4,W=5)"), "(X-GUID FILE,S=4,W=5)");
        assert_eq!(normal(Service::Imap, "(X-GUID 1.M2P3.mail)"), "(X-GUID 1.M2P3.mail)");
        let now = jiff::Timestamp::now().strftime("\"%d-%b-%Y 10:00:00 +0000\"").to_string();
        assert_eq!(normal(Service::Imap, &now), "\"TODAY\"");
        assert_eq!(normal(Service::Imap, "\"04-Mar-2024 10:00:00 +0000\""), "\"04-Mar-2024 10:00:00 +0000\"");
        assert_eq!(normal(Service::Pop3, "+OK ready <1.2@host>\r\n"), "+OK ready <APOP>\r\n");
        assert_eq!(answer(Service::Smtp, b"421 a.b x aXb", Some(b"a.b")), b"421 HOST x aXb");
    }
}
