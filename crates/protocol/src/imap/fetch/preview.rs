//! The beginning of a message's text, as PREVIEW shows it (RFC 8970): one line, without what is quoted unless there is
//! nothing else. As Dovecot makes it.

use bait::Message;
use bait::mime::{Content, Part, body_text, without_markup};

/// Characters of a preview.
const LENGTH: usize = 200;
/// Characters of the text that are looked at.
const LOOKED_AT: usize = 64 * 1024;

/// The preview of a message; empty where it has no text.
pub fn preview(message: &Message) -> String {
    let Some(part) = text_part(message.structure()) else { return String::new() };
    let Some(text) = body_text(&message.bytes, part) else { return String::new() };
    let media = &part.media;
    let html = media.kind.eq_ignore_ascii_case(b"text") && media.subtype.eq_ignore_ascii_case(b"html");
    let end = text.char_indices().nth(LOOKED_AT).map_or(text.len(), |(end, _)| end);
    let text = text.get(..end).unwrap_or(&text);
    if html { line(&without_markup(text)) } else { line(text) }
}

/// The first text in the message; of alternatives the plainest. As deep as parts nest, which is bounded.
fn text_part(part: &Part) -> Option<&Part> {
    let is = |part: &Part, subtype: &[u8]| part.media.subtype.eq_ignore_ascii_case(subtype);
    let text = |part: &&Part| part.media.kind.eq_ignore_ascii_case(b"text");
    match &part.content {
        Content::Multipart(parts) if is(part, b"alternative") => {
            let mut texts = parts.iter().filter(text);
            let html = || parts.iter().filter(text).rfind(|part| is(part, b"html"));
            texts.find(|part| is(part, b"plain")).or_else(html).or_else(|| parts.iter().rfind(text))
        }
        Content::Multipart(parts) => parts.iter().find_map(text_part),
        Content::Leaf => text(&part).then_some(part),
        Content::Message(..) => None,
    }
}

/// A line that fills up.
struct Line {
    text: String,
    left: usize,
}

impl Line {
    /// Adds a character, behind a space where white space came before it.
    fn add(&mut self, character: char, spaced: &mut bool) {
        if self.left == 0 {
            return;
        }
        self.left = self.left.saturating_sub(1);
        if std::mem::take(spaced) {
            if self.left == 0 {
                *spaced = true;
                return;
            }
            self.text.push(' ');
            self.left = self.left.saturating_sub(1);
        }
        self.text.push(character);
    }
}

fn line(text: &str) -> String {
    let mut own = Line { text: String::new(), left: LENGTH };
    let mut quoted = Line { text: String::new(), left: LENGTH.saturating_sub(1) };
    let (mut line_begins, mut in_quote, mut spaced) = (true, false, false);
    for character in text.chars() {
        if std::mem::take(&mut line_begins) {
            in_quote = character == '>';
            if in_quote {
                continue;
            }
        }
        let target = if in_quote { &mut quoted } else { &mut own };
        match character {
            '\u{feff}' | '\0' => {}
            ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' => {
                spaced |= !target.text.is_empty();
                line_begins = character == '\n';
            }
            _ => target.add(character, &mut spaced),
        }
        if own.left == 0 {
            break;
        }
    }
    match (own.text.is_empty(), quoted.text.is_empty()) {
        (true, false) => format!(">{}", quoted.text.trim_start_matches(' ')),
        _ => own.text.trim_start_matches(' ').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_what_is_not_quoted() {
        assert_eq!(line("a\r\n\t b\u{feff}c\0\r\n> quoted\r\nd"), "a bc d");
        assert_eq!(line("> quoted\n>> twice"), ">quoted > twice");
        assert_eq!(line(" \r\n"), "");
    }

    #[test]
    fn two_hundred_characters() {
        let full = line(&"ab ".repeat(200));
        assert_eq!((full.chars().count(), full.ends_with("ab")), (LENGTH, true), "{full}");
        assert_eq!(line(&"\u{fc}".repeat(300)).chars().count(), LENGTH);
        assert_eq!(line(&format!("{} b", "a".repeat(199))), "a".repeat(199), "no space at the end");
    }
}
