//! An event of a session in plain words, on one line, with everything an intruder wrote made harmless.

use event::Protocol;

use super::Subjects;
use crate::commands::evidence::Evidence;
use crate::commands::summary::fields::{
    Appended, Closed, Command, Login, Mail, Opened, Read, Search, Selected, Tls, Violation, of,
};
use crate::terminal::escape;

/// The line of one event.
pub(super) fn line(protocol: Protocol, name: &str, fields: &str, subjects: &Subjects) -> String {
    match name {
        "session.opened" => {
            format!("connects, and is answered as {}", escape(&of::<Opened<'_>>(fields).personality))
        }
        "session.closed" => {
            let closed: Closed = of(fields);
            format!("ends: {}", reason(&closed.reason))
        }
        "auth.succeeded" => format!("IS LET IN as {}", pair(&of(fields))),
        "auth.failed" => format!("is not let in as {}", pair(&of(fields))),
        "command.received" => command(protocol, &of(fields)),
        "mailbox.selected" => {
            let selected: Selected<'_> = of(fields);
            let how = if selected.read_only { " (to look only)" } else { "" };
            format!("opened the mailbox {}{how}", Evidence::from(&*selected.mailbox).word(&[' ']))
        }
        "message.read" => read(&of(fields), subjects),
        "search.run" => {
            let search: Search<'_> = of(fields);
            let criteria = Evidence::field(&search.criteria, search.criteria_b64.as_deref());
            let mailbox = Evidence::from(&*search.mailbox).word(&[' ']);
            format!("SEARCHED {mailbox}, found {}: {}", search.matches, criteria.shown())
        }
        "mail.envelope" => {
            let mail: Mail<'_> = of(fields);
            format!("{} mail {}", if mail.accepted { "may send" } else { "may not send" }, envelope(&mail))
        }
        "mail.received" => {
            let mail: Mail<'_> = of(fields);
            let files = match mail.attachments.len() {
                0 => String::new(),
                count => format!(", {count} attached files"),
            };
            let subject = Evidence::from(&*mail.subject).shown();
            format!("SENT mail {}, {} octets{files}: {subject}", envelope(&mail), mail.size)
        }
        "mailbox.appended" => {
            let left: Appended<'_> = of(fields);
            let mailbox = Evidence::from(&*left.mailbox).word(&[' ', ',']);
            let subject = Evidence::field(&left.subject, left.subject_b64.as_deref()).shown();
            format!("LEFT a message in {mailbox}, {} octets: {subject}", left.bytes)
        }
        "mail.refused" => {
            let mail: Mail<'_> = of(fields);
            format!("mail was not kept ({}): {}", escape(&mail.reason), envelope(&mail))
        }
        "tls.negotiated" => {
            let tls: Tls<'_> = of(fields);
            let sni = Evidence::field(&tls.sni, tls.sni_b64.as_deref()).word(&[' ', ',']);
            let to = if tls.sni.is_empty() { String::new() } else { format!(" to {sni}") };
            let who = if tls.ja4.is_empty() { String::new() } else { format!(", ja4 {}", escape(&tls.ja4)) };
            format!("is encrypted{to} from here on: {}, {}{who}", escape(&tls.version), escape(&tls.cipher))
        }
        "tls.failed" => {
            let tls: Tls<'_> = of(fields);
            let who = if tls.ja4.is_empty() { String::new() } else { format!(", ja4 {}", escape(&tls.ja4)) };
            let detail = Evidence::from(&*tls.detail).shown();
            format!("does not come to TLS ({}{who}): {detail}", escape(&tls.reason))
        }
        "protocol.violation" => {
            let violation: Violation<'_> = of(fields);
            format!(
                "BREAKS THE RULES ({}): {}",
                escape(&violation.what),
                Evidence::from(&*violation.line).shown()
            )
        }
        // An event of a newer Honeypost.
        _ => format!("{} {}", escape(name), Evidence::from(fields).shown()),
    }
}

/// Why a session ended.
pub(super) fn reason(word: &str) -> String {
    match word {
        "logout" => "it said goodbye".to_owned(),
        "peer" => "it hung up".to_owned(),
        "timeout" => "it was silent for too long".to_owned(),
        "violation" => "it was thrown out for breaking the rules".to_owned(),
        "limit" => "a limit of Honeypost's on connections".to_owned(),
        "shutdown" => "Honeypost was stopped".to_owned(),
        "error" => "the connection broke".to_owned(),
        other => escape(other).into_owned(),
    }
}

fn pair(login: &Login<'_>) -> String {
    let username = Evidence::field(&login.username, login.username_b64.as_deref());
    let password = Evidence::field(&login.password, login.password_b64.as_deref());
    format!("{} / {}", username.word(&[' ', '/']), password.word(&[' ', '/']))
}

fn read(read: &Read<'_>, subjects: &Subjects) -> String {
    let bait = if read.bait.is_empty() {
        String::new()
    } else {
        let ids: Vec<String> = read.bait.iter().map(|id| escape(id).into_owned()).collect();
        format!("  BAIT: {}", ids.join(", "))
    };
    let part = if read.section.is_empty() {
        String::new()
    } else {
        format!(", part {}", Evidence::from(&*read.section).word(&[' ', ',']))
    };
    let mailbox = Evidence::from(&*read.mailbox).word(&[' ']);
    let subject = subjects
        .subject(&read.mailbox, read.uid)
        .map(|subject| format!(" \"{}\"", escape(&subject).replace('"', "\\\"")))
        .unwrap_or_default();
    format!("READ message {} of {mailbox}{subject}{part}, {} octets{bait}", read.uid, read.bytes)
}

fn envelope(mail: &Mail<'_>) -> String {
    const SHOWN: usize = 5;
    let address = |address: &str| Evidence::from(address).word(&[' ', ',', '>']);
    let mut to: Vec<String> = mail.rcpt_to.iter().take(SHOWN).map(|to| address(to)).collect();
    if mail.rcpt_to.len() > SHOWN {
        to.push(format!("{} more", mail.rcpt_to.len() - SHOWN));
    }
    let from = Evidence::field(&mail.mail_from, mail.mail_from_b64.as_deref()).word(&[' ', ',', '>']);
    if to.is_empty() { format!("from {from}") } else { format!("from {from} to {}", to.join(", ")) }
}

fn command(protocol: Protocol, command: &Command<'_>) -> String {
    let verb = command.verb.to_ascii_uppercase();
    let line = Evidence::field(&command.line, command.line_b64.as_deref()).shown();
    let answer = match (protocol, command.status.as_ref()) {
        (_, "") => "no answer".to_owned(),
        (_, status @ ("OK" | "+OK")) => format!("{status}, done"),
        (_, status @ ("NO" | "-ERR")) => format!("{status}, refused"),
        (_, status @ "BAD") => format!("{status}, not understood"),
        (_, status @ "+") => format!("{status}, go on"),
        (_, status @ "BYE") => format!("{status}, goodbye"),
        (Protocol::Smtp, status) => match status.as_bytes().first() {
            Some(b'2') => format!("{status}, done"),
            Some(b'3') => format!("{status}, go on"),
            Some(b'4') => format!("{status}, not now"),
            _ => format!("{} refused", escape(status)),
        },
        (_, status) => escape(status).into_owned(),
    };
    format!("{}  [{answer}]  {line}", doing(protocol, &verb))
}

/// What a verb asks for.
fn doing(protocol: Protocol, verb: &str) -> &'static str {
    let words: &[(&str, &str)] = match protocol {
        Protocol::Imap => IMAP,
        Protocol::Pop3 => POP3,
        Protocol::Smtp => SMTP,
    };
    let base = verb.strip_prefix("UID ").unwrap_or(verb);
    words.iter().find(|(known, _)| *known == base).map_or("says", |(_, words)| words)
}

const IMAP: &[(&str, &str)] = &[
    ("APPEND", "puts a message into a mailbox"),
    ("AUTHENTICATE", "logs in"),
    ("CAPABILITY", "asks what the server can do"),
    ("CHECK", "asks for news"),
    ("CLOSE", "closes the mailbox"),
    ("COPY", "copies messages"),
    ("CREATE", "makes a mailbox"),
    ("DELETE", "deletes a mailbox"),
    ("DONE", "stops waiting"),
    ("ENABLE", "switches extensions on"),
    ("EXAMINE", "opens a mailbox to look only"),
    ("EXPUNGE", "removes what is marked as deleted"),
    ("FETCH", "asks for messages"),
    ("GETQUOTA", "asks how much room there is"),
    ("GETQUOTAROOT", "asks how much room there is"),
    ("ID", "tells which client it is"),
    ("IDLE", "waits for new mail"),
    ("LIST", "lists the mailboxes"),
    ("LOGIN", "logs in"),
    ("LOGOUT", "says goodbye"),
    ("LSUB", "lists the mailboxes"),
    ("MOVE", "moves messages"),
    ("NAMESPACE", "asks how mailboxes are named"),
    ("NOOP", "asks for news"),
    ("RENAME", "renames a mailbox"),
    ("SEARCH", "searches"),
    ("SELECT", "opens a mailbox"),
    ("STARTTLS", "asks for encryption"),
    ("STATUS", "asks what is in a mailbox"),
    ("STORE", "marks messages"),
    ("SUBSCRIBE", "subscribes to a mailbox"),
    ("UID", "asks for messages"),
    ("UNSELECT", "closes the mailbox"),
    ("XLIST", "lists the mailboxes"),
];

const POP3: &[(&str, &str)] = &[
    ("APOP", "logs in"),
    ("AUTH", "logs in"),
    ("CAPA", "asks what the server can do"),
    ("DELE", "deletes a message"),
    ("LIST", "lists the messages"),
    ("NOOP", "keeps the line open"),
    ("PASS", "gives the password"),
    ("QUIT", "says goodbye"),
    ("RETR", "asks for a message"),
    ("RSET", "takes deletions back"),
    ("STAT", "asks how much mail there is"),
    ("STLS", "asks for encryption"),
    ("TOP", "asks for the beginning of a message"),
    ("UIDL", "lists the messages"),
    ("USER", "names the user"),
];

const SMTP: &[(&str, &str)] = &[
    ("AUTH", "logs in"),
    ("BDAT", "sends a piece of a message"),
    ("DATA", "begins a message"),
    ("EHLO", "introduces itself"),
    ("EXPN", "asks who is on a list"),
    ("HELO", "introduces itself"),
    ("HELP", "asks for help"),
    ("MAIL", "names a sender"),
    ("NOOP", "keeps the line open"),
    ("QUIT", "says goodbye"),
    ("RCPT", "names a recipient"),
    ("RSET", "starts over"),
    ("STARTTLS", "asks for encryption"),
    ("VRFY", "asks whether an address exists"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, fields: &str) -> String {
        line(Protocol::Imap, name, fields, &Subjects::default())
    }

    #[test]
    fn events_are_told_in_plain_words() {
        for (name, fields, words) in [
            (
                "command.received",
                r#"{"verb":"LIST","line":"a2 LIST \"\" *","status":"OK"}"#,
                "lists the mailboxes  [OK, done]  a2 LIST \"\" *",
            ),
            (
                "message.read",
                r#"{"mailbox":"INBOX","uid":5,"section":"TEXT","bytes":9,"bait":["a","b"]}"#,
                "READ message 5 of INBOX, part TEXT, 9 octets  BAIT: a, b",
            ),
            (
                "tls.negotiated",
                r#"{"version":"TLSv1.2","cipher":"X","sni":"a\u001bb","ja4":"t12"}"#,
                r"is encrypted to a\x1bb from here on: TLSv1.2, X, ja4 t12",
            ),
            (
                "tls.failed",
                r#"{"reason":"http","detail":"http request"}"#,
                "does not come to TLS (http): http request",
            ),
            ("auth.succeeded", r#"{"username":"a / b","password":""}"#, "IS LET IN as \"a / b\" / \"\""),
            ("later.event", r#"{"x":"\u001b"}"#, r#"later.event {"x":"\\u001b"}"#),
        ] {
            assert_eq!(told(name, fields), words);
        }
    }

    #[test]
    fn what_intruders_write_stays_on_its_line() {
        let hostile = r#""\u001b[2J\n\u202e""#;
        for entry in event::catalogue::CATALOGUE {
            let texts = entry.fields.iter().filter(|field| matches!(field.shape, "text" | "word"));
            let fields: Vec<String> = texts.map(|field| format!("\"{}\":{hostile}", field.name)).collect();
            let one = told(entry.name, &format!("{{{}}}", fields.join(",")));
            assert!(!one.contains(['\n', '\u{1b}', '\u{202e}']), "{one:?}");
        }
    }
}
