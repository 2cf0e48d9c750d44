//! Which server is imitated: all wire texts, limits and delays, as data from `personalities/*.toml`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::imap::ImapTexts;
use crate::penalty::AuthRules;
use crate::pop3::Pop3Texts;
use crate::smtp::SmtpTexts;

/// One imitated server (or a set of them that one machine runs).
#[derive(Debug, Clone)]
pub struct Personality {
    /// The name that `--personality` takes.
    pub name: String,
    /// What it imitates, in one line.
    pub summary: String,
    /// How it slows guessing down, where it does.
    pub auth: Option<AuthRules>,
    /// How it speaks IMAP.
    pub imap: ImapTexts,
    /// How it speaks POP3.
    pub pop3: Pop3Texts,
    /// How it speaks SMTP.
    pub smtp: SmtpTexts,
}

/// A personality's file. A server that speaks one protocol names the one beside it for the others:
/// `smtp = "postfix-3.7"` instead of a table `[smtp]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    name: String,
    summary: String,
    auth: Option<AuthRules>,
    imap: Part<ImapTexts>,
    pop3: Part<Pop3Texts>,
    smtp: Part<SmtpTexts>,
}

/// How a file says what it does in one protocol.
#[derive(Debug)]
enum Part<T> {
    /// In a table of its own.
    Own(Box<T>),
    /// As the built-in personality of that name does, which must have a table of its own.
    Of(String),
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
const BUILTIN: [(&str, &str); 3] = [
    ("decnet", include_str!("../../../personalities/decnet.toml")),
    ("dovecot-2.3", include_str!("../../../personalities/dovecot-2.3.toml")),
    ("postfix-3.7", include_str!("../../../personalities/postfix-3.7.toml")),
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
        Self::parse(name, file_of(name)?)
    }

    /// Reads a personality's file. Every reply that the engine can give must be worded, and none that it cannot.
    pub fn parse(name: &str, text: &str) -> Result<Self, PersonalityError> {
        let invalid = |message: String| PersonalityError::Invalid { name: name.to_owned(), message };
        let File { name: own, summary, auth, imap, pop3, smtp } =
            toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let personality = Self {
            name: own,
            summary,
            auth,
            imap: imap.resolve("imap", |file| file.imap).map_err(invalid)?,
            pop3: pop3.resolve("pop3", |file| file.pop3).map_err(invalid)?,
            smtp: smtp.resolve("smtp", |file| file.smtp).map_err(invalid)?,
        };
        personality.imap.check().map_err(invalid)?;
        personality.pop3.check().map_err(invalid)?;
        personality.smtp.check().map_err(invalid)?;
        Ok(personality)
    }
}

fn file_of(name: &str) -> Result<&'static str, PersonalityError> {
    let found = BUILTIN.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text).ok_or_else(|| PersonalityError::Unknown { name: name.to_owned() })
}

impl<T> Part<T> {
    /// The words themselves: of this file, or of the file that it names. One step only, so that there is no circle.
    fn resolve(self, key: &str, part: fn(File) -> Self) -> Result<T, String> {
        let other = match self {
            Self::Own(texts) => return Ok(*texts),
            Self::Of(other) => other,
        };
        let text = file_of(&other).map_err(|error| format!("`{key}`: {error}"))?;
        let file: File = toml::from_str(text).map_err(|error| format!("`{key}`: `{other}`: {error}"))?;
        match part(file) {
            Self::Own(texts) => Ok(*texts),
            Self::Of(_) => Err(format!("`{key}` names `{other}`, which has no table [{key}] of its own")),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Part<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartVisitor(PhantomData))
    }
}

struct PartVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for PartVisitor<T> {
    type Value = Part<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table, or the name of a personality")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Part<T>, E> {
        Ok(Part::Of(name.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Part<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|texts| Part::Own(Box::new(texts)))
    }
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

    #[test]
    fn a_server_names_the_one_beside_it() {
        let good = BUILTIN[2].1;
        let named = |other: &str| {
            let text = good.replacen("pop3 = \"", &format!("pop3 = \"{other}\" # "), 1);
            Personality::parse("x", &text).map(|personality| personality.pop3.mechanisms)
        };
        assert_eq!(named("decnet"), Ok(Personality::builtin("decnet").unwrap().pop3.mechanisms));
        let refused = |other| named(other).unwrap_err().to_string();
        assert!(refused("exim").contains("`pop3`: there is no personality `exim`"));
        assert!(refused("postfix-3.7").contains("which has no table [pop3] of its own"));
        let number = good.replacen("pop3 = \"dovecot-2.3\"", "pop3 = 7", 1);
        let number = Personality::parse("x", &number).unwrap_err().to_string();
        assert!(number.contains("a table, or the name of a personality"), "{number}");
    }
}
