//! The recorded sessions of the server that the target claims to be, played, and compared octet for octet.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use fidelity::{Answer, Exchange, Service, answer_text, normal};
use regex::bytes::Regex;

use crate::Login;
use crate::facts::Facts;
use crate::finding::Finding;
use crate::pattern::pattern;
use crate::sessions::{self, Session, When};
use crate::talk::Way;

/// The check's name.
pub(crate) const CHECK: &str = "transcripts";
/// The one of the answers' times.
pub(crate) const TIMES: &str = "answer-times";
/// The one behind the login.
pub(crate) const BEHIND: &str = "transcripts-login";
/// Sessions under way at a time with one target.
const AT_A_TIME: usize = 4;
/// So many differences are shown; the others are counted.
const SHOWN: usize = 4;
/// An answer that the real server keeps back for so long, and that comes in less than half of it, comes too early.
const KEPT_BACK: Duration = Duration::from_millis(900);

/// What one pass of sessions gave.
#[derive(Debug, Default)]
struct Compared {
    exchanges: usize,
    different: Vec<Difference>,
    early: Vec<Difference>,
}

#[derive(Debug)]
struct Difference {
    said: String,
    seen: String,
    real: String,
}

/// Plays those before the login.
pub(crate) fn check(facts: &Facts, quick: bool) -> Result<Vec<Finding>> {
    let place = facts.place.name();
    if !facts.claim.is_recorded() {
        let why = format!("it claims to be {}; only Dovecot and Postfix were recorded", facts.claim);
        return Ok(vec![Finding::not_checked(CHECK, &place, &why), Finding::not_checked(TIMES, &place, why)]);
    }
    let sessions = sessions::of(facts.place.service, |when| {
        when == When::Always || (when == When::Unhurried && !quick)
    })?;
    let compared = play(facts, &sessions, None)?;
    let mut findings = vec![told(CHECK, facts, &place, &compared)];
    findings.push(match compared.early.as_slice() {
        [] if quick => {
            Finding::not_checked(TIMES, &place, "the sessions with waits in them are slow (--quick)")
        }
        [] => Finding::ok(TIMES, &place, "what the real server keeps back is kept back here, too"),
        early => Finding::tell(
            TIMES,
            &place,
            format!("{} answers come at once that the real server keeps back", early.len()),
        )
        .seen(listed(early, |one| &one.seen))
        .real(listed(early, |one| &one.real))
        .who("Bitter Harvest (WOOT 2018): behaviour under errors")
        .mend(mend(facts)),
    });
    Ok(findings)
}

/// Plays those behind the login.
pub(crate) fn behind_login(facts: &Facts, login: &Login) -> Result<Finding> {
    let place = facts.place.name();
    if !facts.claim.is_recorded() {
        return Ok(Finding::not_checked(BEHIND, &place, format!("nothing was recorded of {}", facts.claim)));
    }
    let sessions = sessions::of(facts.place.service, |when| when == When::LoggedIn)?;
    let compared = play(facts, &sessions, Some(login))?;
    Ok(told(BEHIND, facts, &place, &compared))
}

fn told(check: &'static str, facts: &Facts, place: &str, compared: &Compared) -> Finding {
    let (all, different) = (compared.exchanges, compared.different.as_slice());
    let recording = facts.claim.recording();
    if different.is_empty() {
        return Finding::ok(check, place, format!("{all} answers, all as {recording} gives them"));
    }
    Finding::tell(check, place, format!("{} of {all} answers are not those of {recording}", different.len()))
        .seen(listed(different, |one| &one.seen))
        .real(listed(different, |one| &one.real))
        .who("Bitter Harvest (WOOT 2018); Gotta catch 'em all (arXiv 2109.10652)")
        .mend(mend(facts))
}

fn mend(facts: &Facts) -> String {
    let personality = facts.place.service.personality();
    format!(
        "Honeypost: personality = \"{personality}\" and no banner of your own; of a real server: another version, or \
         settings that Debian's packages do not have"
    )
}

fn listed(differences: &[Difference], text: impl Fn(&Difference) -> &String) -> String {
    let mut lines: Vec<String> =
        differences.iter().take(SHOWN).map(|one| format!("{}\n{}", one.said, text(one).trim_end())).collect();
    if differences.len() > SHOWN {
        lines.push(format!("and {} more", differences.len() - SHOWN));
    }
    lines.join("\n")
}

/// Plays sessions, a few at a time: most of their time is waiting.
fn play(facts: &Facts, sessions: &[Session], login: Option<&Login>) -> Result<Compared> {
    let next = AtomicUsize::new(0);
    let results: Mutex<BTreeMap<usize, Result<Compared>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(session) = sessions.get(number) else { return };
                    let compared = one(facts, session, login);
                    results.lock().unwrap_or_else(PoisonError::into_inner).insert(number, compared);
                }
            });
        }
    });
    let mut all = Compared::default();
    for compared in results.into_inner().unwrap_or_else(PoisonError::into_inner).into_values() {
        let Compared { exchanges, different, early } = compared?;
        all.exchanges += exchanges;
        all.different.extend(different);
        all.early.extend(early);
    }
    Ok(all)
}

/// Plays one session, up to where it ends, or is not answered any more.
fn one(facts: &Facts, session: &Session, login: Option<&Login>) -> Result<Compared> {
    let Session { name, script } = session;
    let service = facts.place.service;
    let way = facts.way();
    let mut compared = Compared::default();
    // What asks for TLS is answered otherwise where there is TLS.
    let secure = way == Way::Upgraded || facts.place.target.tls;
    if secure && script.exchanges.iter().any(|exchange| exchange.said().contains("STARTTLS")) {
        return Ok(compared);
    }
    let mut talk = facts.place.open(way)?;
    let own = normal::own_name(service, std::slice::from_ref(&talk.greeting));
    let recorded = script.exchanges.first().and_then(|first| first.answer.clone());
    let recorded = recorded.and_then(|greeting| normal::own_name(service, &[greeting]));
    for (number, exchange) in script.exchanges.iter().enumerate() {
        let Some(expected) = &exchange.answer else { break };
        let given = match number {
            0 => talk.greeting.clone(),
            // What was sent and not answered shows in the answer of the exchange before.
            _ if talk.closed() => break,
            _ => talk.play(&with_login(exchange, login))?,
        };
        compared.exchanges += 1;
        let said = format!("{name}: {}", shown(exchange));
        let equal = comparable(service, &expected.bytes, recorded.as_deref())
            == comparable(service, &given.bytes, own.as_deref());
        if !equal || expected.closed != given.closed {
            compared.different.push(Difference { said, seen: text(&given), real: text(expected) });
        } else if expected.after >= KEPT_BACK && given.after < expected.after / 2 && number > 0 {
            let time = |answer: &Answer| format!("after {:.1} s", answer.after.as_secs_f64());
            compared.early.push(Difference { said, seen: time(&given), real: time(expected) });
        }
        // What it does not answer, it does not answer: the rest would be waited for in vain.
        if given.bytes.is_empty() && !given.closed && !expected.bytes.is_empty() {
            break;
        }
    }
    Ok(compared)
}

/// The recorded sessions log in as `admin`.
fn with_login(exchange: &Exchange, login: Option<&Login>) -> Exchange {
    let mut exchange = exchange.clone();
    let Some(Login { user, password }) = login else { return exchange };
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let said = String::from_utf8_lossy(&exchange.payload).into_owned();
    let said = said
        .replace("LOGIN admin admin", &format!("LOGIN {} {}", quoted(user), quoted(password)))
        .replace("USER admin", &format!("USER {user}"))
        .replace("PASS admin", &format!("PASS {password}"));
    exchange.last = said.trim_end_matches("\r\n").rsplit("\r\n").next().unwrap_or_default().into();
    exchange.payload = said.into_bytes();
    exchange
}

fn shown(exchange: &Exchange) -> String {
    exchange.said().chars().take(100).collect()
}

fn text(answer: &Answer) -> String {
    let shown = answer_text(answer, "  ");
    match shown.char_indices().nth(600) {
        Some((end, _)) => format!("{} ...", shown.get(..end).unwrap_or_default()),
        None => shown,
    }
}

/// Settings that every operator may change, and that say nothing: mechanisms and TLS, sizes, the mark of the distribution.
static SETTINGS: LazyLock<Vec<(Regex, &'static [u8])>> = LazyLock::new(|| {
    let table: &[(&str, &'static [u8])] = &[
        (r" (?:AUTH=[A-Z0-9-]+|LOGINDISABLED|STARTTLS)\b", b""),
        (r"(?m)^(?:STLS|USER|SASL[^\r\n]*)\r\n", b""),
        // POP3's AUTH lists them, one a line.
        (
            r"(?m)^(?:PLAIN|LOGIN|EXTERNAL|ANONYMOUS|GSSAPI|NTLM|XOAUTH2|OAUTHBEARER|(?:CRAM|DIGEST|SCRAM)-[A-Z0-9-]+)\r\n",
            b"",
        ),
        (r"(?m)^(250[ -]SIZE) \d+", b"$1 N"),
        (r"(?m)^250-(?:STARTTLS|AUTH[ =][^\r\n]*)\r\n", b""),
        (r"(ESMTP Postfix|Dovecot) \([^()\r\n]*\)", b"$1"),
    ];
    table.iter().map(|(text, stands_for)| (pattern(text), *stands_for)).collect()
});

/// An answer as it is compared.
fn comparable(service: Service, bytes: &[u8], own_name: Option<&[u8]>) -> Vec<u8> {
    let mut text = normal::answer(service, bytes, own_name);
    for (pattern, stands_for) in SETTINGS.iter() {
        text = pattern.replace_all(&text, *stands_for).into_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_say_nothing_and_words_do() {
        let same = |service, one: &str, other: &str| {
            comparable(service, one.as_bytes(), Some(b"a.example"))
                == comparable(service, other.as_bytes(), Some(b"b.example"))
        };
        let greeting = |list: &str, mark: &str| {
            format!("* OK [CAPABILITY IMAP4rev1 ID {list}] Dovecot{mark} ready.\r\n")
        };
        let recorded = greeting("LITERAL+ STARTTLS AUTH=PLAIN", " (Debian)");
        assert!(same(Service::Imap, &recorded, &greeting("LITERAL+ STARTTLS LOGINDISABLED", " (Debian)")));
        assert!(same(Service::Imap, &recorded, &greeting("LITERAL+ AUTH=PLAIN AUTH=LOGIN", " (Ubuntu)")));
        assert!(same(Service::Imap, &recorded, &greeting("LITERAL+", "")));
        assert!(!same(Service::Imap, &recorded, &greeting("IDLE LITERAL+ STARTTLS AUTH=PLAIN", " (Debian)")));
        assert!(same(Service::Pop3, "+OK\r\nPLAIN\r\n.\r\n", "+OK\r\nPLAIN\r\nLOGIN\r\n.\r\n"));
        assert!(same(
            Service::Pop3,
            "+OK\r\nTOP\r\nUSER\r\nSASL PLAIN\r\n",
            "+OK\r\nTOP\r\nSTLS\r\nSASL\r\n"
        ));
        assert!(!same(Service::Pop3, "+OK\r\nTOP\r\nUIDL\r\n", "+OK\r\nUIDL\r\nTOP\r\n"));
        let listed = |name: &str, rest: &str| format!("250-{name}\r\n250-SIZE 1\r\n{rest}250 CHUNKING\r\n");
        let recorded = listed("a.example", "250-STARTTLS\r\n250-DSN\r\n");
        assert!(same(Service::Smtp, &recorded, &listed("b.example", "250-AUTH PLAIN\r\n250-DSN\r\n")));
        assert!(!same(Service::Smtp, &recorded, &listed("b.example", "250-XCLIENT\r\n250-DSN\r\n")));
    }

    #[test]
    fn the_login_goes_where_admin_logged_in() {
        let login = Login { user: "anna".into(), password: "a \"b\"".into() };
        let said = |line: &[u8]| with_login(&Exchange::command(line), Some(&login));
        assert_eq!(said(b"a LOGIN admin admin").payload, b"a LOGIN \"anna\" \"a \\\"b\\\"\"\r\n");
        assert_eq!(said(b"PASS admin").last, b"PASS a \"b\"");
        assert_eq!(said(b"a NOOP").payload, b"a NOOP\r\n");
    }
}
