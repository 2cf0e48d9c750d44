//! What a client says it is: ID in IMAP (RFC 2971), the name in EHLO and HELO in SMTP. Nothing of it need be true.

use std::borrow::Cow;

use event::Protocol;

use super::fields::Command;
use crate::commands::evidence::{self, Evidence};

/// Fields of an ID that are looked at; a client may send 30 (RFC 2971 section 3.3).
const MOST_FIELDS: usize = 64;

/// The client that this command names.
pub(crate) fn named(protocol: Protocol, command: &Command<'_>) -> Option<Evidence> {
    let verb = command.verb.as_ref();
    let line = || evidence::bytes(&command.line, command.line_b64.as_deref());
    let name = match protocol {
        Protocol::Imap if verb.eq_ignore_ascii_case("ID") => id(&line()),
        Protocol::Smtp if verb.eq_ignore_ascii_case("EHLO") || verb.eq_ignore_ascii_case("HELO") => {
            let line = line();
            let name = line.iter().position(|byte| *byte == b' ').and_then(|space| line.get(space + 1..));
            name.unwrap_or_default().trim_ascii().to_vec()
        }
        _ => return None,
    };
    (!name.is_empty()).then(|| Evidence::of(&name))
}

/// `name version` of an ID command, or all that it says where there is no name.
fn id(line: &[u8]) -> Vec<u8> {
    let list = line.iter().position(|byte| *byte == b'(').and_then(|open| line.get(open + 1..));
    let strings = strings(list.unwrap_or_default());
    let mut pairs = strings.chunks_exact(2).filter_map(|pair| Some((pair.first()?, pair.get(1)?)));
    let value = |key: &str| {
        let mut pairs = strings.chunks_exact(2);
        pairs.find(|pair| pair.first().is_some_and(|it| it.eq_ignore_ascii_case(key.as_bytes())))?.get(1)
    };
    match value("name").filter(|name| !name.is_empty()) {
        Some(name) => match value("version").filter(|version| !version.is_empty()) {
            Some(version) => [name.as_ref(), b" ", version].concat(),
            None => name.to_vec(),
        },
        None => pairs.by_ref().fold(Vec::new(), |mut all, (key, value)| {
            if !all.is_empty() {
                all.extend_from_slice(b", ");
            }
            all.extend_from_slice(key);
            all.push(b' ');
            all.extend_from_slice(value);
            all
        }),
    }
}

/// The strings of a list: quoted, literal, or bare; NIL is empty. Takes what it can of a malformed one.
fn strings(mut rest: &[u8]) -> Vec<Cow<'_, [u8]>> {
    let mut found = Vec::new();
    while let Some((&first, behind)) = rest.split_first()
        && found.len() < MOST_FIELDS
    {
        match first {
            b' ' | b'\r' | b'\n' | b'(' => rest = behind,
            b')' => break,
            b'"' => {
                let mut text = Vec::new();
                let mut bytes = behind.iter();
                while let Some(&byte) = bytes.next()
                    && byte != b'"'
                {
                    text.push(if byte == b'\\' { bytes.next().copied().unwrap_or(byte) } else { byte });
                }
                rest = bytes.as_slice();
                found.push(Cow::Owned(text));
            }
            b'{' => {
                let Some((text, behind)) = literal(behind) else { break };
                found.push(Cow::Borrowed(text));
                rest = behind;
            }
            _ => {
                let end = rest.iter().position(|byte| b" ()\"\r\n".contains(byte)).unwrap_or(rest.len());
                let (atom, behind) = rest.split_at(end);
                found.push(Cow::Borrowed(if atom.eq_ignore_ascii_case(b"NIL") { b"" } else { atom }));
                rest = behind;
            }
        }
    }
    found
}

/// Behind its brace: `5}`, CRLF, five octets; `5+}` as well.
fn literal(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = rest.iter().position(|byte| *byte == b'}')?;
    let digits = rest.get(..end)?;
    let length = str::from_utf8(digits.strip_suffix(b"+").unwrap_or(digits)).ok()?.parse().ok()?;
    rest.get(end + 1..)?.strip_prefix(b"\r\n")?.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(protocol: Protocol, verb: &str, line: &str) -> Option<String> {
        let command = Command { verb: verb.into(), line: line.into(), ..Command::default() };
        named(protocol, &command).map(|name| name.lossy().into_owned())
    }

    #[test]
    fn clients_name_themselves() {
        for (line, name) in [
            (r#"a ID ("name" "Thunderbird" "version" "1.0" "os" "x")"#, Some("Thunderbird 1.0")),
            (r#"a ID ("vendor" "x\"y" "os" NIL)"#, Some("vendor x\"y, os ")),
            ("a ID ({4}\r\nNAME {3}\r\na)b version 2)", Some("a)b 2")),
            (r#"a ID ("name" "unfinished"#, Some("unfinished")),
            ("a ID ({99999999999999999999}\r\nx", None),
            ("a ID NIL", None),
            ("a ID", None),
        ] {
            assert_eq!(said(Protocol::Imap, "ID", line).as_deref(), name, "{line}");
        }
        assert_eq!(said(Protocol::Smtp, "EHLO", "EHLO  mx.example ").as_deref(), Some("mx.example"));
        assert_eq!(said(Protocol::Smtp, "HELO", "HELO"), None);
        assert_eq!(said(Protocol::Imap, "LOGIN", "a LOGIN (name x)"), None);
        assert_eq!(said(Protocol::Pop3, "ID", "ID (name x)"), None);
    }

    proptest::proptest! {
        #[test]
        fn anything_is_read(line in "[\\x00-\\xff(){}\"\\\\+\r\n0-9]*") {
            let _ = said(Protocol::Imap, "ID", &line);
        }
    }
}
