//! The recorded sessions that are played: those of `crates/protocol/tests/fidelity` whose answers depend on nobody's mail,
//! users or domain, and that log in with no wrong password.

use anyhow::{Context, Result};
use fidelity::{Exchange, Script, Service};

/// A recorded session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) name: &'static str,
    pub(crate) script: Script,
}

/// When a session is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// With `--quick`, too.
    Always,
    /// It takes longer than a moment.
    Unhurried,
    /// With `--login`; it logs in as `admin`.
    LoggedIn,
}

/// The files with what is said about them here, so that the compiler holds each name.
macro_rules! sessions {
    ($($folder:literal: $($when:ident $name:literal),+;)+) => {
        &[$($((
            $folder, When::$when, $name,
            include_str!(concat!("../../protocol/tests/fidelity/", $folder, "/", $name, ".txt")),
        )),+),+]
    };
}

type Row = (&'static str, When, &'static str, &'static str);

const SESSIONS: &[Row] = sessions! {
    "imap":
        Always "01-any-state", Always "02-bad-01", Always "02-bad-02", Unhurried "02-bad-03", Unhurried "02-bad-04",
        Unhurried "02-bad-09", Unhurried "02-bad-10", Unhurried "02-bad-15", Unhurried "02-bad-16",
        Unhurried "02-bad-17", Unhurried "02-bad-18", Unhurried "02-bad-22", Unhurried "02-bad-23",
        Unhurried "02-bad-25", Always "03-too-many-bad", Unhurried "04-line-limit", Always "23-pipelined",
        LoggedIn "21-too-many-bad-after-login";
    "pop3":
        Always "01-before-login", Always "02-bad-01", Unhurried "02-bad-02", Unhurried "02-bad-03",
        Unhurried "02-bad-07", Unhurried "02-bad-09", Unhurried "02-bad-10",
        Unhurried "02-bad-11", Always "03-too-many-bad", Unhurried "04-line-limit",
        LoggedIn "12-too-many-bad-after-login", LoggedIn "16-line-limit-after-login";
    "smtp":
        Always "01-greetings", Unhurried "03-mail-syntax", Unhurried "04-mail-syntax-2",
        Unhurried "07-mail-parameters", Unhurried "08-mail-parameters-2", Always "23-rset-noop-quit",
        Always "27-unknown", Unhurried "28-unknown-2", Always "30-starttls-arguments", Always "31-other-get",
        Unhurried "31-other-imap", Unhurried "31-other-ssh", Unhurried "31-other-tls", Unhurried "31-other-header",
        Unhurried "32-lines", Unhurried "34-bare-newlines", Unhurried "36-pipelining-after-quit",
        Unhurried "37-errors", Unhurried "40-junk", Unhurried "44-tokens", Unhurried "46-long-lines";
};

/// Those of a service. Submission says the same as the relay port to all of them.
pub(crate) fn of(service: Service, wanted: impl Fn(When) -> bool) -> Result<Vec<Session>> {
    let folder = match service {
        Service::Submission => Service::Smtp.name(),
        service => service.name(),
    };
    let chosen = SESSIONS.iter().filter(|(of, when, ..)| *of == folder && wanted(*when));
    chosen
        .map(|(_, _, name, text)| {
            let mut script = Script::parse(text).with_context(|| format!("{folder}/{name}"))?;
            let end = script.exchanges.iter().position(depends_on_users).unwrap_or(script.exchanges.len());
            script.exchanges.truncate(end);
            Ok(Session { name, script })
        })
        .collect()
}

/// A recipient that was not simply out of place or misspelt: from here on it matters who lives there.
fn depends_on_users(exchange: &Exchange) -> bool {
    let asked = exchange.payload.to_ascii_uppercase().windows(8).any(|part| part == b"RCPT TO:");
    asked && !exchange.answer.as_ref().is_some_and(|answer| answer.bytes.starts_with(b"50"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_recorded_and_none_asks_for_mail() {
        for service in Service::ALL {
            for Session { name, script } in of(service, |_| true).unwrap() {
                assert!(script.exchanges.len() > 1, "{name} says nothing");
                for exchange in &script.exchanges {
                    assert!(exchange.answer.is_some(), "{name}: {} is not recorded", exchange.said());
                    let answer = exchange.answer.as_ref().unwrap();
                    let text = String::from_utf8_lossy(&answer.bytes).into_owned();
                    let known =
                        text.contains("User unknown") || text.contains("2.1.5 Ok") || text.contains("queued");
                    assert!(!known, "{name} knows users of the recorded server: {text}");
                }
            }
        }
        assert!(of(Service::Imap, |when| when == When::Always).unwrap().len() >= 4);
    }
}
