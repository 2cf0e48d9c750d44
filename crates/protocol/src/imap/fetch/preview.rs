//! The beginning of a message's text, as PREVIEW shows it (RFC 8970): one line, without what is quoted, as Dovecot makes it.

use bait::Message;
use bait::mime::{Content, Part, html};

/// Characters of a preview.
const LENGTH: usize = 200;
/// Octets of the text that are looked at.
const LOOKED_AT: usize = 64 * 1024;

/// The preview of a message; empty where it has no text. What is quoted is shown where there is nothing else.
pub fn preview(message: &Message) -> String {
    let Some(part) = text_part(message.structure()) else { return String::new() };
    let mut text = part.text(&message.bytes, LOOKED_AT);
    if part.media.subtype.eq_ignore_ascii_case(b"html") {
        text = html::text(&text);
    }
    let mut own = Line::of(LENGTH);
    let mut quoted = Line::of(LENGTH.saturating_sub(1));
    for line in text.split_inclusive('\n') {
        match line.strip_prefix('>') {
            Some(line) => quoted.add(line),
            None => own.add(line),
        }
        if own.left == 0 {
            break;
        }
    }
    match (own.text.is_empty(), quoted.text.is_empty()) {
        (true, false) => format!(">{}", quoted.text),
        _ => own.text,
    }
}

/// Words, one space between them, up to so many characters.
struct Line {
    text: String,
    left: usize,
    space: bool,
}

impl Line {
    const fn of(left: usize) -> Self {
        Self { text: String::new(), left, space: false }
    }

    fn add(&mut self, text: &str) {
        for character in text.chars().filter(|character| !matches!(character, '\0' | '\u{feff}')) {
            if matches!(character, ' ' | '\t'..='\r') {
                self.space |= !self.text.is_empty();
                continue;
            }
            if self.left == 0 {
                return;
            }
            self.left = self.left.saturating_sub(1);
            if std::mem::take(&mut self.space) {
                if self.left == 0 {
                    return;
                }
                self.text.push(' ');
                self.left = self.left.saturating_sub(1);
            }
            self.text.push(character);
        }
    }
}

/// The part that is shown: of alternatives the plain one before HTML before any other text, else the first text. As deep
/// as parts nest, which is bounded.
fn text_part(part: &Part) -> Option<&Part> {
    let is_text =
        |part: &&Part| matches!(part.content, Content::Leaf) && part.media.kind.eq_ignore_ascii_case(b"text");
    match &part.content {
        Content::Multipart(parts) if part.media.subtype.eq_ignore_ascii_case(b"alternative") => {
            let of = |subtype: &[u8]| {
                let mut texts = parts.iter().filter(is_text);
                texts.find(|part| part.media.subtype.eq_ignore_ascii_case(subtype))
            };
            of(b"plain").or_else(|| of(b"html")).or_else(|| parts.iter().rfind(is_text))
        }
        Content::Multipart(parts) => parts.iter().find_map(text_part),
        Content::Leaf => Some(part).filter(is_text),
        Content::Message(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut line = Line::of(6);
        line.add(text);
        line.text
    }

    #[test]
    fn words_with_one_space_between_up_to_a_length() {
        assert_eq!(shown("  a \t\r\n b\0c"), "a bc");
        assert_eq!(shown("abcd ef"), "abcd e");
        assert_eq!(shown("abcde fg"), "abcde", "no space at the end");
        assert_eq!(shown("\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}"), "\u{fc}".repeat(6));
    }
}
