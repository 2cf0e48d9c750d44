//! The beginning of a message's text, as PREVIEW shows it (RFC 8970): one line, without what is quoted.

use bait::Message;
use bait::mime::{Content, Part};

/// Characters of a preview.
const LENGTH: usize = 200;
/// Octets of the text that are looked at.
const LOOKED_AT: usize = 16 * 1024;

/// The preview of a message; empty where it has no text.
pub fn preview(message: &Message) -> String {
    let Some(part) = text_part(message.structure()) else { return String::new() };
    let decoded = part.decoded(&message.bytes);
    let text = String::from_utf8_lossy(decoded.get(..LOOKED_AT).unwrap_or(&decoded));
    let plain =
        if part.media.subtype.eq_ignore_ascii_case(b"html") { without_tags(&text) } else { unquoted(&text) };
    let mut line = String::new();
    let mut length = 0_usize;
    for word in plain.split_whitespace() {
        let space = usize::from(length > 0);
        let room = LENGTH.saturating_sub(length).saturating_sub(space);
        if room == 0 {
            break;
        }
        if space > 0 {
            line.push(' ');
        }
        line.extend(word.chars().take(room));
        length = length.saturating_add(space).saturating_add(word.chars().count().min(room));
    }
    line
}

/// The first text in the message. As deep as parts nest, which is bounded.
fn text_part(part: &Part) -> Option<&Part> {
    match &part.content {
        Content::Multipart(parts) => parts.iter().find_map(text_part),
        Content::Leaf => part.media.kind.eq_ignore_ascii_case(b"text").then_some(part),
        Content::Message(..) => None,
    }
}

fn unquoted(text: &str) -> String {
    let own = text.lines().filter(|line| !line.starts_with('>'));
    own.collect::<Vec<&str>>().join(" ")
}

fn without_tags(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for piece in text.split('<') {
        let shown = piece.split_once('>').map_or("", |(_, shown)| shown);
        plain.push_str(if plain.is_empty() && !text.starts_with('<') { piece } else { shown });
        plain.push(' ');
    }
    plain
}
