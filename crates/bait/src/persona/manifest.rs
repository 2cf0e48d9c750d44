//! `persona.toml`: the organisation, its mailboxes, its secrets.

use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use super::error::{Fault, PersonaError, Place, line_of};
use crate::message::Bait;

/// The file's name.
pub(crate) const FILE: &str = "persona.toml";
/// Octets of the longest secret.
const MAX_SECRET: usize = 64 * 1024;
/// Mailboxes of a persona.
const MAX_MAILBOXES: usize = 100;
/// Octets of a mailbox's name.
const MAX_NAME: usize = 64;

/// What `persona.toml` says, checked.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) domain: String,
    pub(crate) summary: String,
    pub(crate) mailboxes: Vec<String>,
    pub(crate) bait: Vec<Arc<Bait>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: Spanned<String>,
    domain: Spanned<String>,
    #[serde(default)]
    summary: String,
    mailboxes: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    bait: Vec<RawBait>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBait {
    id: Spanned<String>,
    kind: Spanned<String>,
    value: Spanned<String>,
}

impl Manifest {
    pub(crate) fn parse(text: &str) -> Result<Self, PersonaError> {
        let raw: Raw = toml::from_str(text).map_err(|error| Place::toml(FILE, text, &error))?;
        let fault = |key, value: &Spanned<String>, fault: Fault| {
            Place { file: FILE, line: line_of(text, value.span().start) }.value(key, value.get_ref(), fault)
        };
        word(raw.name.get_ref()).map_err(|problem| fault("name", &raw.name, problem))?;
        domain(raw.domain.get_ref()).map_err(|problem| fault("domain", &raw.domain, problem))?;
        let mut mailboxes: Vec<String> = Vec::new();
        for name in raw.mailboxes.get_ref() {
            mailbox(name.get_ref(), &mailboxes).map_err(|problem| fault("mailboxes", name, problem))?;
            mailboxes.push(name.get_ref().clone());
        }
        if mailboxes.is_empty() {
            let place = Place { file: FILE, line: line_of(text, raw.mailboxes.span().start) };
            return Err(place.value("mailboxes", "[]", Fault::new("is empty", "begin with \"INBOX\"")));
        }
        let mut bait: Vec<Arc<Bait>> = Vec::new();
        for secret in raw.bait {
            word(secret.id.get_ref()).map_err(|problem| fault("id", &secret.id, problem))?;
            if bait.iter().any(|known| known.id == *secret.id.get_ref()) {
                let twice = Fault::new("stands there twice", "give each secret an id of its own");
                return Err(fault("id", &secret.id, twice));
            }
            word(secret.kind.get_ref()).map_err(|problem| fault("kind", &secret.kind, problem))?;
            let value = secret_value(secret.value.get_ref())
                .map_err(|problem| fault("value", &secret.value, problem))?;
            bait.push(Arc::new(Bait { id: secret.id.into_inner(), kind: secret.kind.into_inner(), value }));
        }
        Ok(Self {
            name: raw.name.into_inner(),
            domain: raw.domain.into_inner(),
            summary: raw.summary,
            mailboxes,
            bait,
        })
    }
}

/// A name that events carry.
fn word(text: &str) -> Result<(), Fault> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(fits) {
        return Ok(());
    }
    Err(Fault::new("is no name", "use 1 to 64 lower-case letters, digits and `-`"))
}

/// A domain name (RFC 1123 section 2.1).
fn domain(text: &str) -> Result<(), Fault> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() <= 253 && text.split('.').all(label) {
        return Ok(());
    }
    Err(Fault::new("is no domain", "write a domain such as company.internal"))
}

/// A mailbox name that IMAP, a Maildir++ tree and a folder's name can all carry.
fn mailbox(name: &str, before: &[String]) -> Result<(), Fault> {
    if before.is_empty() && name != "INBOX" {
        return Err(Fault::new("comes first", "begin the list with \"INBOX\""));
    }
    if before.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Err(Fault::new(
            "stands there twice (case does not count)",
            "give each mailbox a name of its own",
        ));
    }
    let remedy =
        "use up to 64 octets without / \\ . * % \" and control characters, and no space, - or ~ at its ends";
    let bad = name.chars().any(|character| character.is_control() || "/\\.*%\"".contains(character));
    let ends = |character: char| character.is_whitespace() || "-~".contains(character);
    if name.is_empty() || name.len() > MAX_NAME || bad || name.starts_with(ends) || name.ends_with(ends) {
        return Err(Fault::new("is no name for a mailbox", remedy));
    }
    if before.len() >= MAX_MAILBOXES {
        return Err(Fault::new("is one mailbox too many", format!("keep to {MAX_MAILBOXES} mailboxes")));
    }
    Ok(())
}

/// A secret as it stands in a message: with CRLF line ends.
fn secret_value(text: &str) -> Result<String, Fault> {
    if text.is_empty() || text.len() > MAX_SECRET {
        return Err(Fault::new("is empty or too long", format!("write 1 to {MAX_SECRET} octets")));
    }
    let lines = text.replace("\r\n", "\n");
    if lines.chars().any(|character| character.is_control() && !matches!(character, '\n' | '\t')) {
        return Err(Fault::new("has a control character", "write text; line feeds and tabs are allowed"));
    }
    Ok(lines.replace('\n', "\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"name = "acme"
domain = "acme.example"
mailboxes = ["INBOX", "Sent"]
[[bait]]
id = "key"
kind = "api-key"
value = """
one
two"""
"#;

    #[test]
    fn a_manifest_is_read() {
        let manifest = Manifest::parse(GOOD).unwrap();
        assert_eq!((manifest.name.as_str(), manifest.domain.as_str()), ("acme", "acme.example"));
        assert_eq!(manifest.mailboxes, ["INBOX", "Sent"]);
        assert_eq!(manifest.bait[0].value, "one\r\ntwo");
    }

    #[test]
    fn faults_name_their_line() {
        for (from, to, line) in [
            ("\"acme\"", "\"Acme\"", "line 1: name `Acme`"),
            ("acme.example", "acme..example", "line 2: domain"),
            ("\"INBOX\", ", "", "line 3: mailboxes `Sent` comes first"),
            ("\"Sent\"", "\"inbox\"", "line 3: mailboxes `inbox` stands there twice"),
            ("\"Sent\"", "\"../x\"", "line 3: mailboxes `../x` is no name"),
            ("\"key\"", "\"k e y\"", "line 5: id"),
            ("\"api-key\"", "\"\"", "line 6: kind"),
            ("one\n", "o\\u0000ne\n", "line 7: value"),
            ("kind =", "kinds =", "line 6: unknown field `kinds`"),
            ("domain =", "domain", "line 2:"),
            ("\"acme\"", "7", "line 1: invalid type"),
        ] {
            let error = Manifest::parse(&GOOD.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.contains(line) && !error.contains('\n'), "{from} -> {to}: {error}");
        }
        let twice = format!("{GOOD}[[bait]]\nid = \"key\"\nkind = \"x\"\nvalue = \"y\"\n");
        assert!(
            Manifest::parse(&twice).unwrap_err().to_string().contains("line 11: id `key` stands there twice")
        );
    }
}
