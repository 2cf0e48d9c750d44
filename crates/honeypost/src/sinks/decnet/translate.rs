//! Which event becomes which line, with which fields: DECNET's own, in its order but for `secret_b64`, which follows
//! `src` (see `line.rs`). What its templates have no line for is in the store alone.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::{Event, Protocol, Record, Text};
use jiff::Timestamp;

use super::line::{self, Fields, Head, Severity, shown};
use crate::config::Config;

/// Characters shown of a command that SMTP does not know.
const MOST_COMMAND: usize = 128;

/// What lines are called by.
#[derive(Debug, Clone)]
pub(super) struct Names {
    node: String,
    smtp_service: String,
    open_relay: bool,
}

impl Names {
    /// The names that the configuration gives.
    pub(super) fn of(config: &Config) -> Self {
        Self {
            node: config.node_name().to_owned(),
            smtp_service: config.decnet_smtp_service().chars().take(48).collect(),
            open_relay: config.smtp_open_relay(),
        }
    }

    /// HOSTNAME.
    pub(super) fn node(&self) -> &str {
        &self.node
    }

    /// APP-NAME.
    pub(super) fn app(&self, protocol: Protocol) -> &str {
        match protocol {
            Protocol::Imap | Protocol::Pop3 => protocol.name(),
            Protocol::Smtp => &self.smtp_service,
        }
    }

    /// The beginning of a line about that record.
    pub(super) fn head(&self, record: &Record, severity: Severity, event: &'static str) -> Head<'_> {
        let app = self.app(record.attribution.protocol);
        Head { severity, time: record.time, node: &self.node, app, event }
    }

    /// The line with which a service starts.
    pub(super) fn startup(&self, protocol: Protocol, time: Timestamp, out: &mut String) {
        let head = Head {
            severity: Severity::Info,
            time,
            node: &self.node,
            app: self.app(protocol),
            event: "startup",
        };
        let mode = match (protocol, self.open_relay) {
            (Protocol::Imap | Protocol::Pop3, _) => "",
            (Protocol::Smtp, true) => " (open-relay)",
            (Protocol::Smtp, false) => " (credential-harvester)",
        };
        let name = protocol.name().to_ascii_uppercase();
        let message = format!("{name} server starting as {}{mode}", self.node);
        line::write(&head, &Fields::default(), &message, out);
    }

    /// Writes the lines of one event; `before` is what was recorded just before it, where that is known.
    pub(super) fn translate(&self, record: &Record, before: Option<&Record>, out: &mut String) {
        use Severity::{Info, Warning};
        let protocol = record.attribution.protocol;
        let fields = source(record);
        let mut write = |severity, event, fields: Fields<'_>| {
            line::write(&self.head(record, severity, event), &fields, "", out);
        };
        match (&record.event, protocol) {
            (Event::SessionOpened { .. }, _) => {
                let port = record.attribution.src.port().to_string();
                write(Info, "connect", fields.ours("src_port", port));
            }
            (Event::SessionClosed { .. }, _) => write(Info, "disconnect", fields),
            (Event::AuthSucceeded { username, password, .. }, Protocol::Imap | Protocol::Pop3) => {
                write(Info, "auth", credentials(fields, username, password, Some("success")));
            }
            (Event::AuthFailed { username, password, .. }, Protocol::Imap | Protocol::Pop3) => {
                write(Warning, "auth", credentials(fields, username, password, Some("failure")));
            }
            (
                Event::AuthSucceeded { username, password, .. }
                | Event::AuthFailed { username, password, .. },
                Protocol::Smtp,
            ) => write(Warning, "auth_attempt", credentials(fields, username, password, None)),
            // A literal's announcement: the whole command is told once it has come.
            (Event::CommandReceived { line, status: "+", .. }, Protocol::Imap) if line.0.ends_with(b"}") => {}
            (Event::CommandReceived { verb, state, .. }, Protocol::Imap | Protocol::Pop3) => {
                // `UID FETCH` is one verb here; there, the first word is the command.
                let command = word(&verb.0).0;
                write(Info, "command", fields.theirs("cmd", command).ours("state", *state));
                if let Some((event, number)) = message_number(record) {
                    write(Info, event, source(record).ours("message_num", number.to_string()));
                }
            }
            (Event::CommandReceived { verb, line, status, .. }, Protocol::Smtp) => {
                let (_, argument) = word(&line.0);
                match (verb.0.as_ref(), *status) {
                    (_, "500" | "502") => {
                        let fields = fields.theirs_cut("command", &line.0, MOST_COMMAND);
                        write(Info, "unknown_command", fields);
                    }
                    (b"EHLO" | b"HELO", _) if !argument.is_empty() => {
                        write(Info, "ehlo", fields.theirs("domain", argument));
                    }
                    (b"VRFY", _) => write(Info, "vrfy", fields.theirs("value", argument)),
                    // What is no address is not in an envelope.
                    (b"RCPT", "501") => {
                        let value = argument.splitn(2, |byte| *byte == b':').last().unwrap_or_default();
                        let fields = fields.theirs("value", value.trim_ascii());
                        write(Warning, "rcpt_rejected_syntax", fields);
                    }
                    _ => {}
                }
            }
            (Event::MailEnvelope { mail_from, rcpt_to, accepted }, Protocol::Smtp) => match rcpt_to.last() {
                None => write(Info, "mail_from", sender(fields, mail_from)),
                Some(recipient) => {
                    let (severity, event) = match (accepted, answer(record, before)) {
                        (true, _) => (Info, "rcpt_to"),
                        (false, "450" | "451") => (Info, "rcpt_greylisted"),
                        (false, _) => (Warning, "rcpt_denied"),
                    };
                    write(severity, event, fields.ours("value", bracketed(recipient)));
                }
            },
            _ => {}
        }
    }
}

/// `src`, with which every line about a session begins.
pub(super) fn source(record: &Record) -> Fields<'static> {
    Fields::default().ours("src", record.attribution.src.ip().to_string())
}

/// An address as DECNET shows it: within its angle brackets.
pub(super) fn bracketed(address: &Text) -> String {
    format!("<{}>", shown(&address.0))
}

/// Addresses, separated by commas.
pub(super) fn bracketed_list(addresses: &[Text]) -> String {
    addresses.iter().map(bracketed).collect::<Vec<_>>().join(",")
}

/// A name and a password. `secret_b64` holds the password's very bytes; `username_b64`, which DECNET does not have, the
/// name's where the other fields cannot.
fn credentials<'a>(
    fields: Fields<'a>,
    username: &'a Text,
    password: &'a Text,
    outcome: Option<&'static str>,
) -> Fields<'a> {
    let printable = |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' };
    let mut fields = fields.ours("secret_b64", STANDARD.encode(&password.0));
    let name = shown(&username.0);
    if name.as_bytes() != username.0.as_ref() || name.contains(']') {
        fields = fields.ours("username_b64", STANDARD.encode(&username.0));
    }
    fields = fields.ours("username", name.clone()).ours("principal", name);
    if let Some(outcome) = outcome {
        fields = fields.ours("outcome", outcome);
    }
    fields.ours("secret_printable", password.0.iter().map(printable).collect::<String>())
}

fn sender<'a>(fields: Fields<'a>, mail_from: &'a Text) -> Fields<'a> {
    let at = mail_from.0.iter().rposition(|byte| *byte == b'@');
    let domain = at.and_then(|at| mail_from.0.get(at + 1..)).unwrap_or_default();
    fields.ours("value", bracketed(mail_from)).theirs("mail_from", &mail_from.0).theirs("domain", domain)
}

/// What POP3's RETR or DELE did to which message, if it did.
fn message_number(record: &Record) -> Option<(&'static str, u32)> {
    let Event::CommandReceived { verb, line, status: "+OK", .. } = &record.event else { return None };
    let event = match (record.attribution.protocol, verb.0.as_ref()) {
        (Protocol::Pop3, b"RETR") => "retr",
        (Protocol::Pop3, b"DELE") => "delete",
        _ => return None,
    };
    let argument = word(word(&line.0).1).0;
    Some((event, str::from_utf8(argument).ok()?.parse().ok()?))
}

/// The reply code to the command that a record is about: the command stands just before it.
fn answer(record: &Record, before: Option<&Record>) -> &'static str {
    match before.map(|before| (&before.event, before.attribution.session)) {
        Some((Event::CommandReceived { status, .. }, session)) if session == record.attribution.session => {
            status
        }
        _ => "",
    }
}

/// The first word, and what stands behind it without the white space around.
fn word(line: &[u8]) -> (&[u8], &[u8]) {
    let line = line.trim_ascii();
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    (word, rest.trim_ascii_start())
}
