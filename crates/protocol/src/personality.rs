//! Which server is imitated: all wire texts, limits and delays, as data from `personalities/*.toml`.

use serde::Deserialize;

use crate::imap::ImapTexts;
use crate::pop3::Pop3Texts;
use crate::smtp::SmtpTexts;

/// One imitated server (or a set of them that one machine runs).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Personality {
    /// The name that `--personality` takes.
    pub name: String,
    /// What it imitates, in one line.
    pub summary: String,
    /// How it speaks IMAP.
    pub imap: ImapTexts,
    /// How it speaks POP3.
    pub pop3: Pop3Texts,
    /// How it speaks SMTP; as `decnet` does, where the server imitated speaks none.
    #[serde(default = "smtp_of_decnet")]
    pub smtp: SmtpTexts,
}

/// A personality that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PersonalityError {
    /// There is none of that name.
    #[error("there is no personality `{name}`; there are: {known}", known = Personality::NAMES.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// Its file is wrong.
    #[error("personality `{name}`: {message}")]
    Invalid {
        /// The name asked for.
        name: String,
        /// What is wrong, with line and key.
        message: String,
    },
}

/// Every personality that is built in: one file and one line each.
const BUILTIN: [(&str, &str); 2] = [
    ("decnet", include_str!("../../../personalities/decnet.toml")),
    ("dovecot-2.3", include_str!("../../../personalities/dovecot-2.3.toml")),
];

impl Personality {
    /// The names of the built-in ones.
    pub const NAMES: [&'static str; BUILTIN.len()] = {
        let mut names = [""; BUILTIN.len()];
        let mut position = 0;
        #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // evaluated by the compiler
        while position < BUILTIN.len() {
            names[position] = BUILTIN[position].0;
            position += 1;
        }
        names
    };

    /// The built-in personality of that name.
    pub fn builtin(name: &str) -> Result<Self, PersonalityError> {
        let found = BUILTIN.iter().find(|(known, _)| *known == name);
        let (_, text) = found.ok_or_else(|| PersonalityError::Unknown { name: name.to_owned() })?;
        Self::parse(name, text)
    }

    /// Reads a personality's file. Every reply that the engine can give must be worded, and none that it cannot.
    pub fn parse(name: &str, text: &str) -> Result<Self, PersonalityError> {
        let invalid = |message: String| PersonalityError::Invalid { name: name.to_owned(), message };
        let personality: Self = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        personality.imap.check().map_err(invalid)?;
        personality.pop3.check().map_err(invalid)?;
        personality.smtp.check().map_err(invalid)?;
        Ok(personality)
    }
}

fn smtp_of_decnet() -> SmtpTexts {
    #[derive(Deserialize)]
    struct Part {
        smtp: SmtpTexts,
    }
    toml::from_str::<Part>(BUILTIN[0].1).expect("`every_builtin_is_whole` reads it").smtp
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_is_whole() {
        for name in Personality::NAMES {
            let personality = Personality::builtin(name).unwrap();
            assert_eq!(personality.name, name);
        }
    }

    #[test]
    fn mistakes_are_named() {
        let good = BUILTIN[0].1;
        let with = |from: &str, to: &str| {
            assert!(good.contains(from), "{from}");
            Personality::parse("x", &good.replacen(from, to, 1)).unwrap_err().to_string()
        };
        assert!(with("continue =", "kontinue =").contains("kontinue"));
        assert!(with("no-such-mailbox =", "# no-such-mailbox =").contains("no-such-mailbox"));
        assert!(with("command {verb}", "command {werb}").contains("{werb}"));
        assert!(with("\"NOOP\"", "\"NOPE\"").contains("NOPE"));
        assert!(with("no-user-name =", "# no-user-name =").contains("[pop3.replies] has no `no-user-name`"));
        assert!(with("\"RETR\"", "\"RETRY\"").contains("RETRY"));
        assert!(with("\"APOP\"", "\"USER\"").contains("USER"));
        assert!(with("-ERR APOP", "ERR APOP").contains("-ERR"));
        assert!(with("\"PLAIN\", \"LOGIN\"", "\"CRAM-MD5\"").contains("CRAM-MD5"));
        assert!(Personality::builtin("exim").unwrap_err().to_string().contains("decnet"));
    }
}
