//! What SEARCH looks in: header values and text bodies, decoded to UTF-8 and case-folded.
//!
//! As in Dovecot, BODY looks in the bodies of text and `message/*` parts, HTML as it is written; TEXT looks in every
//! part's header besides. Multiparts' preambles and attachments of other kinds are not looked in.

use bytes::Bytes;

use crate::mime::content::media_type;
use crate::mime::decode::{TransferEncoding, to_utf8};
use crate::mime::encoded_word;
use crate::mime::header::{HeaderField, fields, is_blank};
use crate::mime::lexer::{Lexer, Then};
use crate::mime::part::{Content, Part};

/// Stands between parts, so that nothing is found across them.
const BETWEEN_PARTS: char = '\0';

/// Case-folds for comparison (RFC 5051 in spirit): each character by itself, so that what a text contains its folded form
/// contains folded.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().map(fold_character).collect()
}

fn fold_character(character: char) -> char {
    let upper = only(character.to_uppercase()).unwrap_or(character);
    only(upper.to_lowercase()).unwrap_or(upper)
}

fn only(mut characters: impl Iterator<Item = char>) -> Option<char> {
    let character = characters.next();
    character.filter(|_| characters.next().is_none())
}

/// The searchable text of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchText {
    /// Each header field: name in lower case, value unfolded, encoded words decoded (RFC 2047), case-folded. In the
    /// subject, runs of white space are one space.
    pub headers: Vec<(String, String)>,
    /// All header text as one, case-folded (for TEXT), that of the parts included.
    pub header: String,
    /// The text parts decoded (transfer encoding, charset) and case-folded, one behind the other, attached messages included.
    pub body: String,
}

impl SearchText {
    /// Decodes a message.
    pub fn of(message: &Bytes, structure: &Part) -> Self {
        let mut text = Self { headers: Vec::new(), header: String::new(), body: String::new() };
        text.headers = fields(&message[structure.header.clone()])
            .map(|field| (fold(&String::from_utf8_lossy(field.name)), value(&field)))
            .collect();
        text.part(message, structure);
        text
    }

    /// Adds a part and what it holds. As deep as parts nest, which is bounded.
    fn part(&mut self, message: &[u8], part: &Part) {
        let header = &message[part.header.clone()];
        let body = message.get(part.body.clone()).unwrap_or_default();
        for field in fields(header) {
            self.header.push_str(&fold(&String::from_utf8_lossy(field.before_value())));
            self.header.push_str(&fold(&encoded_word::decode(&field.unfolded())));
            self.header.push_str("\r\n");
        }
        self.header.push(BETWEEN_PARTS);
        match &part.content {
            Content::Leaf => {
                if let Some(reading) = Reading::of(header) {
                    let body = reading.encoding.decode(body);
                    self.body.push_str(&fold(&to_utf8(&body, &reading.charset)));
                    self.body.push(BETWEEN_PARTS);
                }
            }
            Content::Multipart(parts) => parts.iter().for_each(|part| self.part(message, part)),
            Content::Message(_, within) => self.part(message, within),
        }
    }
}

/// The decoded value of a field.
fn value(field: &HeaderField<'_>) -> String {
    let value = field.unfolded();
    if !field.is("Subject") {
        return fold(&encoded_word::decode(&value));
    }
    let words = value.split(|&byte| is_blank(byte)).filter(|word| !word.is_empty());
    fold(&encoded_word::decode(&words.collect::<Vec<_>>().join(&b' ')))
}

/// How the body behind a header is to be read.
struct Reading {
    encoding: TransferEncoding,
    charset: Vec<u8>,
}

impl Reading {
    /// `None` if there is no text in it.
    fn of(header: &[u8]) -> Option<Self> {
        let mut reading = Self { encoding: TransferEncoding::Identity, charset: Vec::new() };
        let mut media = None;
        for field in fields(header) {
            if field.is("Content-Type") {
                media.get_or_insert_with(|| media_type(&field.text()));
            } else if field.is("Content-Transfer-Encoding") {
                reading.encoding = transfer_encoding(&field.text());
            }
        }
        let Some(media) = media else { return Some(reading) };
        let text = [&b"text"[..], b"message"].iter().any(|kind| media.kind.eq_ignore_ascii_case(kind));
        if !text || media.subtype.is_empty() {
            return None;
        }
        let charset = media.parameters.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(b"charset"));
        reading.charset = charset.map(|(_, charset)| charset.to_vec()).unwrap_or_default();
        Some(reading)
    }
}

/// One token; something may follow it only behind a semicolon.
fn transfer_encoding(value: &[u8]) -> TransferEncoding {
    let mut lexer = Lexer::new(value);
    let mut name = Vec::new();
    let _ = lexer.space();
    let then = lexer.mime_token(&mut name);
    if then == Ok(Then::More) && lexer.peek() != Some(b';') {
        return TransferEncoding::Unknown;
    }
    TransferEncoding::of(&name)
}
