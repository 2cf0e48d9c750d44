//! A message's file: front matter and text with placeholders, parsed once.

use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use super::calendar::{Shift, When};
use super::error::{Fault, PersonaError, Place, line_of};
use super::placeholder::Placeholder;
use super::source::File;
use crate::flags::Flags;
use crate::message::Bait;

/// The line before and after the front matter.
const FENCE: &str = "+++\n";

/// One message of a persona before it is rendered.
#[derive(Debug)]
pub struct Template {
    /// Its file within the persona.
    pub file: String,
    /// The flags that it has in a new session.
    pub flags: Flags,
    pub(crate) sent: When,
    pub(crate) arrived: Shift,
    pub(crate) pieces: Vec<Piece>,
}

/// A part of a message's text, in order.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Text with CRLF line ends.
    Text(String),
    /// What is made when the corpus is rendered.
    Placeholder(Placeholder),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontMatter {
    #[serde(default)]
    flags: Vec<Spanned<String>>,
    sent: Spanned<String>,
    arrived: Option<Spanned<String>>,
}

impl Template {
    /// Parses a file.
    pub(crate) fn parse(file: File, bait: &[Arc<Bait>]) -> Result<Self, PersonaError> {
        let File { path, text } = file;
        let (front, message) = split(&text).ok_or_else(|| {
            let remedy =
                "begin the file with the front matter (flags, sent, arrived) between two lines `+++`";
            let first = text.lines().next().unwrap_or_default();
            Place { file: &path, line: 1 }.value(
                "front matter",
                first,
                Fault::new("is not delimited", remedy),
            )
        })?;
        // The fence's line stays as an empty one, so that the parser's positions are the file's.
        let toml = format!("\n{front}");
        let raw: FrontMatter = toml::from_str(&toml).map_err(|error| Place::toml(&path, &toml, &error))?;
        let fault = |key, value: &Spanned<String>, fault: Fault| {
            Place { file: &path, line: line_of(&toml, value.span().start) }.value(key, value.get_ref(), fault)
        };
        let mut flags = Flags::NONE;
        for name in &raw.flags {
            flags |= flag(name.get_ref()).map_err(|problem| fault("flags", name, problem))?;
        }
        let sent = sent(raw.sent.get_ref()).map_err(|problem| fault("sent", &raw.sent, problem))?;
        let arrived = match &raw.arrived {
            None => Shift::seconds(2),
            Some(value) => arrival(value.get_ref()).map_err(|problem| fault("arrived", value, problem))?,
        };
        let first_line = 1 + line_of(&toml, toml.len());
        let pieces = pieces(message, &path, first_line, bait)?;
        Ok(Self { file: path, flags, sent, arrived, pieces })
    }

    /// The secrets in it, in order, each as often as it stands there.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Arc<Bait>> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Placeholder(Placeholder::Secret(bait)) => Some(bait),
            _ => None,
        })
    }
}

/// Front matter and message.
fn split(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix(FENCE)?;
    if let Some(message) = inside.strip_prefix(FENCE) {
        return Some(("", message));
    }
    let end = inside.find("\n+++\n")?;
    Some((inside.get(..=end)?, inside.get(end + 1 + FENCE.len()..)?))
}

fn flag(name: &str) -> Result<Flags, Fault> {
    let remedy = "use \\\\Seen, \\\\Answered, \\\\Flagged, \\\\Deleted or \\\\Draft";
    match Flags::from_name(name.as_bytes()) {
        Some(Flags::RECENT) => Err(Fault::new("belongs to the server", remedy)),
        Some(flag) => Ok(flag),
        None => Err(Fault::new("is no system flag", remedy)),
    }
}

fn sent(text: &str) -> Result<When, Fault> {
    let when = When::parse(text)?;
    if when.is_later_day() {
        return Err(Fault::new(
            "lies in the future",
            "use 0 (the morning of the installation) or a day before it",
        ));
    }
    Ok(when)
}

fn arrival(text: &str) -> Result<Shift, Fault> {
    let shift = Shift::parse(text)?;
    if shift.is_negative() {
        return Err(Fault::new(
            "is before the message was sent",
            "write a shift after `sent`, such as `+2s`",
        ));
    }
    Ok(shift)
}

/// Cuts the text at its placeholders. `first_line` is the text's first line in the file.
fn pieces(text: &str, file: &str, first_line: usize, bait: &[Arc<Bait>]) -> Result<Vec<Piece>, PersonaError> {
    let mut pieces = Vec::new();
    let mut line = first_line;
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        push_text(&mut pieces, &rest[..start]);
        line += line_of(&rest[..start], start) - 1;
        let place = Place { file, line };
        let inside = &rest[start + 2..];
        let this_line = inside.split('\n').next().unwrap_or_default();
        let Some(end) = this_line.find("}}") else {
            let remedy = "close it with }} on the same line; write braces as {{\"{{\"}}";
            return Err(place.value("placeholder", this_line, Fault::new("has no end", remedy)));
        };
        let inner = &inside[..end];
        let placeholder =
            Placeholder::parse(inner, bait).map_err(|fault| place.value("placeholder", inner, fault))?;
        pieces.push(Piece::Placeholder(placeholder));
        rest = &inside[end + 2..];
    }
    push_text(&mut pieces, rest);
    Ok(pieces)
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text.replace('\n', "\r\n")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Template, PersonaError> {
        let bait = Bait { id: "key".to_owned(), kind: "api-key".to_owned(), value: "abc".to_owned() };
        let file = File { path: "mailboxes/INBOX/01.eml".to_owned(), text: text.to_owned() };
        Template::parse(file, &[Arc::new(bait)])
    }

    const FRONT: &str = "+++\nflags = [\"\\\\Seen\", \"\\\\flagged\"]\nsent = \"-1 09:00:00 UTC\"\n+++\n";

    #[test]
    fn a_message_is_cut_into_pieces() {
        let template =
            parse(&format!("{FRONT}Date: {{{{date}}}}\n\n{{{{secret key}}}}{{{{secret key}}}} }}}}\n"))
                .unwrap();
        assert_eq!(template.flags, Flags::SEEN | Flags::FLAGGED);
        assert_eq!(template.arrived, Shift::seconds(2));
        assert_eq!(template.pieces.len(), 6);
        assert!(matches!(&template.pieces[2], Piece::Text(text) if text == "\r\n\r\n"));
        assert_eq!(template.secrets().count(), 2);
    }

    #[test]
    fn faults_name_their_line() {
        for (text, expected) in [
            (String::new(), "line 1: front matter"),
            ("Subject: x\n".to_owned(), "line 1: front matter `Subject: x`"),
            ("+++\nsent = \"0 09:00:00 UTC\"\n".to_owned(), "line 1: front matter"),
            ("+++\n+++\n".to_owned(), "missing field `sent`"),
            (FRONT.replace("sent", "send"), "line 3: unknown field `send`"),
            (FRONT.replace("-1", "+1"), "line 3: sent `+1 09:00:00 UTC` lies in the future"),
            (FRONT.replace("UTC", "Mars"), "line 3: sent `-1 09:00:00 Mars` has an unknown zone"),
            (FRONT.replace("Seen", "Recent"), "line 2: flags `\\\\Recent` belongs to the server"),
            (FRONT.replace("flagged", "Junk"), "line 2: flags `\\\\Junk` is no system flag"),
            (FRONT.replace("+++\nflags", "+++\narrived = \"-1s\"\nflags"), "line 2: arrived `-1s` is before"),
            (format!("{FRONT}a\nb {{{{date\n}}}}\n"), "line 6: placeholder `date` has no end"),
            (
                format!("{FRONT}a\n{{{{date}}}}\n{{{{datum}}}}\n"),
                "line 7: placeholder `datum` is no placeholder",
            ),
            (
                format!("{FRONT}{{{{secret kex}}}}\n"),
                "line 5: placeholder `secret kex` names an unknown secret",
            ),
        ] {
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains('\n'), "{text:?}: {error}");
            assert!(error.starts_with("mailboxes/INBOX/01.eml, "), "{error}");
        }
    }

    #[test]
    fn braces_can_be_written() {
        let template = parse(&format!("{FRONT}\n{{{{\"{{{{\"}}}} vault }}}}\n")).unwrap();
        assert!(
            matches!(&template.pieces[1], Piece::Placeholder(Placeholder::Verbatim(text)) if text == "{{")
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "(\\{\\{|\\}\\}|secret |time |hex |key|date|\"|%|[ -~é]|\n){0,60}") {
            let _ = parse(&text);
            let _ = parse(&format!("{FRONT}{text}"));
            let _ = parse(&format!("+++\n{text}\n+++\n"));
        }
    }
}
