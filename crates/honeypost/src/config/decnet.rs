//! `--decnet PROTOCOL`: what becomes the default when Honeypost stands in for one of DECNET's mail containers.
//!
//! Each of them serves one protocol on all addresses of its own. The variables that mean the same in any setting
//! (`IMAP_USERS`, `SMTP_OPEN_RELAY` ...) are rows of `settings.rs`; here are those that mean something there only.
//! `docs/decnet.md` describes all of them.

use std::ffi::OsString;

use event::Protocol;

use super::error::{ConfigError, Origin};

/// Whom the containers let in, and before them those of the plan that they were made from.
const CREDENTIALS: &str = "admin:admin,admin:password,admin:123456,root:root,mail:mail,user:user,\
                           admin:admin123,root:toor";

/// The variables of the templates that change nothing here; `docs/decnet.md` says why.
const WITHOUT_EFFECT: [&str; 6] =
    ["LOG_TARGET", "INSTANCE_ID", "HOSTNAME", "SMTP_MTA", "IMAP_EMAIL_SEED_RESCAN", "POP3_EMAIL_SEED_RESCAN"];

/// The defaults of that protocol's container: its one listener on `PORT`, the lines that DECNET reads, its logins.
pub(super) fn defaults(
    protocol: Protocol,
    environment: &[(OsString, OsString)],
) -> Result<Vec<(&'static str, Origin, String)>, ConfigError> {
    let (own, usual) = match protocol {
        Protocol::Imap => ("imap.listen", 143),
        Protocol::Pop3 => ("pop3.listen", 110),
        Protocol::Smtp => ("smtp.listen", 25),
    };
    let origin = || Origin::Decnet(protocol.name());
    let mut defaults = Vec::new();
    let rooms = ["imap.listen", "pop3.listen", "smtp.listen", "submission.listen"];
    for key in rooms.into_iter().chain(["imaps.listen", "pop3s.listen", "submissions.listen"]) {
        let (text, origin) = match port(environment, own)? {
            _ if key != own => ("off".to_owned(), origin()),
            None => (format!("0.0.0.0:{usual}"), origin()),
            Some(port) => (format!("0.0.0.0:{port}"), Origin::Environment(PORT.to_owned())),
        };
        defaults.push((key, origin, text));
    }
    for (key, text) in
        [("log-format", "decnet"), ("credentials", CREDENTIALS), ("smtp.rcpt-drop-rate", "0.08")]
    {
        defaults.push((key, origin(), text.to_owned()));
    }
    Ok(defaults)
}

/// Says in the log which variables are set in vain.
pub(crate) fn name_variables_without_effect() {
    for name in WITHOUT_EFFECT {
        if std::env::var_os(name).is_none_or(|value| value.is_empty()) {
            continue;
        }
        tracing::info!("{name} changes nothing: docs/decnet.md says why");
    }
}

const PORT: &str = "PORT";

/// The port that the environment asks for.
fn port(environment: &[(OsString, OsString)], key: &'static str) -> Result<Option<u16>, ConfigError> {
    let named = environment.iter().find(|(name, value)| name == PORT && !value.is_empty());
    let Some((_, value)) = named else { return Ok(None) };
    let value = value.to_string_lossy();
    match value.trim().parse() {
        Ok(port) => Ok(Some(port)),
        Err(_) => Err(ConfigError::BadValue {
            origin: Origin::Environment(PORT.to_owned()),
            key,
            value: format!("{value:?}"),
            what: "is no port; expected a number from 0 to 65535".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::SETTINGS;

    /// Every variable of the three templates.
    const VARIABLES: [&str; 21] = [
        "NODE_NAME",
        "LOG_TARGET",
        "PORT",
        "IMAP_USERS",
        "IMAP_BANNER",
        "IMAP_EMAIL_SEED",
        "IMAP_EMAIL_SEED_RESCAN",
        "POP3_BANNER",
        "POP3_EMAIL_SEED",
        "POP3_EMAIL_SEED_RESCAN",
        "SMTP_SERVICE_NAME",
        "SMTP_OPEN_RELAY",
        "SMTP_AUTH_WHITELIST",
        "SMTP_RCPT_DROP_RATE",
        "SMTP_BANNER",
        "SMTP_MTA",
        "SMTP_QUARANTINE_DIR",
        "SMTP_MAX_BODY_BYTES",
        "INSTANCE_ID",
        "HOSTNAME",
        "HONEYPOST_DATA_DIR",
    ];

    #[test]
    fn every_variable_of_the_templates_is_honoured_or_named_without_effect() {
        let page = include_str!("../../../../docs/decnet.md");
        for name in VARIABLES {
            let honoured = name == PORT
                || SETTINGS.iter().any(|row| row.aliases.contains(&name) || row.variable() == name);
            assert_ne!(honoured, WITHOUT_EFFECT.contains(&name), "{name}");
            assert!(page.contains(&format!("`{name}`")), "docs/decnet.md does not know {name}");
        }
    }
}
