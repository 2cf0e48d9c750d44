//! Behind the login: capabilities, the mailbox's numbers, and bait that everybody knows. Nothing is changed there.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use anyhow::Result;
use fidelity::Service;
use jiff::Timestamp;
use regex::bytes::Regex;

use crate::Login;
use crate::checks::{logins, transcripts};
use crate::claim::Product;
use crate::facts::{Capabilities, Facts};
use crate::finding::Finding;
use crate::pattern::{group, groups, pattern};
use crate::random;
use crate::talk::{Talk, is_good};

/// The checks' names.
pub(crate) const LOGIN: &str = "login";
pub(crate) const CAPABILITIES: &str = "capabilities-login";
pub(crate) const NUMBERS: &str = "mailbox-numbers";
pub(crate) const MAILBOXES: &str = "mailboxes";
pub(crate) const SEARCH: &str = "search";
pub(crate) const BAIT: &str = "known-bait";

/// UIDVALIDITY that a honeypot has on every installation.
const CONSTANTS: [(u64, &str); 1] = [(1_712_345_678, "DECNET")];
/// Secrets out of documentation, in mail that is given away everywhere.
const SECRETS: [&str; 3] = [
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY",
];

/// What a capability allows to say in an examined mailbox. None of it changes anything.
const TRIED: [(&str, &str); 13] = [
    ("ID", "ID NIL"),
    ("NAMESPACE", "NAMESPACE"),
    ("ENABLE", "ENABLE CONDSTORE"),
    ("CONDSTORE", "SEARCH MODSEQ 1"),
    ("ESEARCH", "SEARCH RETURN (COUNT) ALL"),
    ("WITHIN", "SEARCH YOUNGER 1"),
    ("SORT", "SORT (DATE) UTF-8 ALL"),
    ("THREAD=REFERENCES", "THREAD REFERENCES UTF-8 ALL"),
    ("LIST-EXTENDED", "LIST () \"\" (\"INBOX\")"),
    ("LIST-STATUS", "LIST \"\" \"INBOX\" RETURN (STATUS (MESSAGES))"),
    ("SPECIAL-USE", "LIST (SPECIAL-USE) \"\" \"*\""),
    ("STATUS=SIZE", "STATUS INBOX (SIZE)"),
    ("QUOTA", "GETQUOTAROOT INBOX"),
];

static UIDVALIDITY: LazyLock<Regex> = LazyLock::new(|| pattern(r"UIDVALIDITY (\d{1,20})"));
static LISTED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?m)^\* LIST \([^)\r\n]*\) (?:"[^"\r\n]*"|NIL) (\S[^\r\n]*)\r?$"#));

/// All of them, with a login that is good.
pub(crate) fn check(facts: &Facts, login: Option<&Login>) -> Result<Vec<Finding>> {
    let place = facts.place.name();
    if facts.place.is_smtp() {
        return Ok(Vec::new());
    }
    let Some(login) = login else {
        return Ok(vec![Finding::not_checked(
            LOGIN,
            &place,
            "everything behind the login (--login USER:PASSWORD)",
        )]);
    };
    if let Some(why) = logins::impossible(facts) {
        return Ok(vec![Finding::not_checked(LOGIN, &place, why)]);
    }
    let (talk, answer) = logins::log_in(facts, login)?;
    if !is_good(facts.place.service, &answer.bytes) {
        return Ok(vec![
            Finding::not_checked(LOGIN, &place, "the login that was given is refused").seen(answer.bytes),
        ]);
    }
    let mut findings = match facts.place.service {
        Service::Imap => imap(facts, talk, &answer.bytes, &place)?,
        _ => pop3(talk, &place, facts.claim.product)?,
    };
    findings.push(transcripts::behind_login(facts, login)?);
    Ok(findings)
}

fn imap(facts: &Facts, mut talk: Talk, answer: &[u8], place: &str) -> Result<Vec<Finding>> {
    let greeted = String::from_utf8_lossy(answer).into_owned();
    let after = Capabilities::ask(Service::Imap, &mut talk)?;
    let listing = talk.say("m1 LIST \"\" \"*\"")?;
    let root = talk.say("m2 LIST \"\" \"\"")?;
    let nowhere = talk.say(&format!("m3 EXAMINE {}", random::word()))?;
    let inbox = talk.say("m4 EXAMINE inbox")?;
    let found = talk.say(&format!("m5 SEARCH TEXT {}", random::word()))?;
    let bodies = talk.say("m6 FETCH 1:25 (BODY.PEEK[])")?;
    let mut unknown = Vec::new();
    let listed: Vec<_> = TRIED.iter().filter(|(word, _)| after.has(word)).collect();
    for (word, line) in listed {
        let answer = talk.say(&format!("m {line}"))?;
        if String::from_utf8_lossy(&answer.bytes).lines().any(|line| line.starts_with("m BAD")) {
            unknown.push(format!("{word}: {}", String::from_utf8_lossy(&answer.bytes).trim_end()));
        }
    }
    let names = groups(&LISTED, &listing.bytes);
    let mut validities = Vec::new();
    for name in names.iter().take(4) {
        let status = talk.say(&format!("m7 STATUS {name} (UIDVALIDITY)"))?;
        validities.extend(validity(&String::from_utf8_lossy(&status.bytes)));
    }
    let inbox = String::from_utf8_lossy(&inbox.bytes).into_owned();
    Ok(vec![
        capabilities(facts, place, &greeted, &after, &unknown),
        numbers(place, &inbox, &validities, facts.claim.product, Timestamp::now().as_second()),
        mailboxes(place, &root.bytes, is_good(Service::Imap, &nowhere.bytes), &nowhere.bytes),
        search(place, &found.bytes),
        bait(place, &bodies.bytes),
    ])
}

fn capabilities(
    facts: &Facts,
    place: &str,
    greeted: &str,
    after: &Capabilities,
    unknown: &[String],
) -> Finding {
    let only_before =
        |word: &&String| !(word.starts_with("AUTH=") || *word == "STARTTLS" || *word == "LOGINDISABLED");
    let before = facts.capabilities_there().list.iter().filter(only_before);
    let lost: Vec<&str> = before.filter(|word| !after.list.contains(word)).map(String::as_str).collect();
    let tell = |text: String, seen: String| {
        Finding::tell(CAPABILITIES, place, text)
            .seen(seen)
            .real("Dovecot lists all of those again, and thirty more, and has them")
            .who("DECNET is known by it")
            .mend("Honeypost: personality = \"dovecot-2.3\"")
    };
    if !lost.is_empty() {
        let seen = format!("{greeted}{}", String::from_utf8_lossy(&after.answer));
        return tell(format!("capabilities are lost by logging in: {}", lost.join(" ")), seen);
    }
    if !unknown.is_empty() {
        return tell(
            "capabilities are listed, and unknown when they are asked for".to_owned(),
            unknown.join("\n"),
        );
    }
    Finding::ok(
        CAPABILITIES,
        place,
        format!("{} capabilities, and those that were tried are there", after.list.len()),
    )
}

fn validity(text: &str) -> Option<u64> {
    group(&UIDVALIDITY, text.as_bytes())?.parse().ok()
}

fn numbers(place: &str, inbox: &str, others: &[u64], product: Option<Product>, now: i64) -> Finding {
    let Some(number) = validity(inbox) else {
        return Finding::tell(NUMBERS, place, "INBOX has no UIDVALIDITY")
            .seen(inbox)
            .real("RFC 3501 section 6.3.1");
    };
    let tell = |text: String| {
        Finding::tell(NUMBERS, place, text)
            .seen(format!("UIDVALIDITY {number}; of other mailboxes {others:?}"))
            .real("the time at which the mailbox was made, another one for each")
            .mend("Honeypost: it differs by installation; give each its own data directory")
    };
    if let Some((_, whose)) = CONSTANTS.iter().find(|(constant, _)| *constant == number) {
        return tell(format!("UIDVALIDITY is the one that {whose} has everywhere"))
            .who(format!("{whose}'s source"));
    }
    let dovecot = product == Some(Product::Dovecot);
    if dovecot && i64::try_from(number).is_ok_and(|number| number > now + 86_400 || number < 1_000_000_000) {
        return tell("UIDVALIDITY is no time of the past, as Dovecot's is".to_owned())
            .who("constants: Gotta catch 'em all");
    }
    let different: BTreeSet<u64> = others.iter().copied().collect();
    if dovecot && others.len() > 1 && different.len() == 1 {
        return tell("UIDVALIDITY is the same in all mailboxes".to_owned())
            .who("constants: Gotta catch 'em all");
    }
    Finding::ok(NUMBERS, place, "UIDVALIDITY is believable")
}

fn mailboxes(place: &str, root: &[u8], nowhere_opens: bool, nowhere: &[u8]) -> Finding {
    let tell = |text: &str, seen: &[u8]| {
        Finding::tell(MAILBOXES, place, text)
            .seen(seen)
            .who("DECNET is known by it")
            .mend("Honeypost: any personality")
    };
    if nowhere_opens {
        return tell("a mailbox that was made up this moment can be opened", nowhere)
            .real("`NO`: it does not exist");
    }
    let lines = String::from_utf8_lossy(root).lines().filter(|line| line.starts_with("* LIST")).count();
    if lines > 1 {
        return tell("`LIST \"\" \"\"` lists mailboxes instead of the separator", root)
            .real("one line: RFC 3501 section 6.3.8");
    }
    Finding::ok(MAILBOXES, place, "only those exist that are listed")
}

fn search(place: &str, found: &[u8]) -> Finding {
    let text = String::from_utf8_lossy(found).into_owned();
    let finds =
        text.lines().any(|line| line.strip_prefix("* SEARCH").is_some_and(|rest| !rest.trim().is_empty()));
    if finds {
        return Finding::tell(SEARCH, place, "SEARCH finds a word that was made up this moment")
            .seen(text)
            .real("nothing")
            .who("DECNET is known by it")
            .mend("Honeypost: any personality");
    }
    Finding::ok(SEARCH, place, "SEARCH finds nothing where there is nothing")
}

fn bait(place: &str, bodies: &[u8]) -> Finding {
    let text = String::from_utf8_lossy(bodies);
    let known: Vec<&str> = SECRETS.into_iter().filter(|secret| text.contains(secret)).collect();
    if known.is_empty() {
        return Finding::ok(BAIT, place, "no secret in the first 25 messages is one of documentation");
    }
    Finding::tell(BAIT, place, "the mail holds a key that is in everybody's documentation")
        .seen(known.join("\n"))
        .real("keys that look like nobody else's")
        .who("DECNET is known by it; programs that look for keys leave these out")
        .mend("put other bait in: personas/README.md")
}

fn pop3(mut talk: Talk, place: &str, product: Option<Product>) -> Result<Vec<Finding>> {
    let answer = talk.say("UIDL")?;
    let text = String::from_utf8_lossy(&answer.bytes).into_owned();
    let ids: Vec<&str> =
        text.lines().skip(1).filter_map(|line| line.trim_end().split_once(' ').map(|(_, id)| id)).collect();
    let known = ids.iter().any(|id| id.starts_with("msg-"));
    // `pop3_uidl_format` of Debian: UID and UIDVALIDITY, eight hexadecimal digits each.
    let odd = product == Some(Product::Dovecot)
        && ids.iter().any(|id| id.len() != 16 || !id.bytes().all(|octet| octet.is_ascii_hexdigit()));
    if known || odd {
        let finding = Finding::tell(NUMBERS, place, "the messages' ids are not of Dovecot's form").seen(text);
        let finding =
            finding.real("`1 0000000364d3d4bb`: UID and UIDVALIDITY").who("DECNET is known by `msg-1`");
        return Ok(vec![
            finding.mend("Honeypost: any personality; of Dovecot: pop3_uidl_format is not the default"),
        ]);
    }
    Ok(vec![Finding::ok(NUMBERS, place, "the messages' ids are believable")])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Verdict;

    #[test]
    fn what_is_behind_the_login_is_judged() {
        let dovecot = Some(Product::Dovecot);
        let number = |text: &str, others: &[u64]| numbers("x", text, others, dovecot, 1_800_000_000).verdict;
        assert_eq!(
            number("* OK [UIDVALIDITY 1687250123] UIDs valid\r\n", &[1_687_250_123, 1_687_250_124]),
            Verdict::Ok
        );
        for (text, others) in [
            ("* OK [UIDVALIDITY 1712345678] x\r\n", &[][..]),
            ("* OK [UIDVALIDITY 1] x\r\n", &[]),
            ("* OK [UIDVALIDITY 4000000000] x\r\n", &[]),
            ("* OK [UIDVALIDITY 1687250123] x\r\n", &[5, 5]),
            ("a OK done\r\n", &[]),
        ] {
            assert_eq!(number(text, others), Verdict::Tell, "{text}");
        }
        assert_eq!(search("x", b"* SEARCH\r\nm5 OK\r\n").verdict, Verdict::Ok);
        assert_eq!(search("x", b"* SEARCH 1 2\r\nm5 OK\r\n").verdict, Verdict::Tell);
        assert_eq!(mailboxes("x", b"* LIST (\\Noselect) \".\" \"\"\r\n", false, b"").verdict, Verdict::Ok);
        assert_eq!(
            mailboxes("x", b"* LIST () \"/\" \"a\"\r\n* LIST () \"/\" \"b\"\r\n", false, b"").verdict,
            Verdict::Tell
        );
        assert_eq!(mailboxes("x", b"", true, b"").verdict, Verdict::Tell);
        assert_eq!(bait("x", b"key AKIAIOSFODNN7EXAMPLE").verdict, Verdict::Tell);
        let listing = "* LIST (\\HasNoChildren) \".\" INBOX\r\n* LIST () \".\" \"New Folder\"\r\n";
        assert_eq!(groups(&LISTED, listing.as_bytes()), ["INBOX", "\"New Folder\""]);
    }
}
