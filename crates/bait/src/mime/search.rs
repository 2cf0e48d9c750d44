//! What SEARCH looks in: header values and text bodies, decoded to UTF-8 and case-folded.
//!
//! As in Dovecot, BODY looks in the bodies of text and `message/*` parts, HTML as it is written; TEXT looks in every
//! part's header besides. Multiparts' preambles and attachments of other kinds are not looked in.

use bytes::Bytes;

use crate::mime::address::{Allowance, addresses};
use crate::mime::address_text::written;
use crate::mime::collation::fold;
use crate::mime::content::media_type;
use crate::mime::decode::{TransferEncoding, begun_to_utf8, to_utf8};
use crate::mime::encoded_word;
use crate::mime::header::{fields, is_blank};
use crate::mime::part::{Content, Part};

/// Stands between parts, so that nothing is found across them.
const BETWEEN_PARTS: char = '\0';

/// The searchable text of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchText {
    /// Each header field, for HEADER: name in lower case, value unfolded, encoded words decoded (RFC 2047), case-folded.
    pub headers: Vec<(String, String)>,
    /// What FROM, TO, CC, BCC and SUBJECT look in: the field's name in lower case and its decoded and case-folded value,
    /// addresses in the spelling `Name <mailbox@host>, <mailbox@host>` and the subject with single spaces.
    pub keys: Vec<(String, String)>,
    /// All header text as one, case-folded (for TEXT), that of the parts included.
    pub header: String,
    /// The text parts decoded (transfer encoding, charset) and case-folded, one behind the other, attached messages included.
    pub body: String,
}

impl SearchText {
    /// Decodes a message.
    pub fn of(message: &Bytes, structure: &Part) -> Self {
        let mut text =
            Self { headers: Vec::new(), keys: Vec::new(), header: String::new(), body: String::new() };
        let mut allowance = Allowance::new();
        for field in fields(&message[structure.header.clone()]) {
            let name = String::from_utf8_lossy(field.name).to_ascii_lowercase();
            let value = field.unfolded();
            if let Some(key) = key(&name, &value, &mut allowance) {
                text.keys.push((name.clone(), fold(&encoded_word::decode(&key))));
            }
            text.headers.push((name, fold(&encoded_word::decode(&value))));
        }
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

/// The body of a part as text; `None` where it is in an unknown encoding or no text. As a preview is made of it: line ends
/// are line feeds where it is not encoded, and a character that is unfinished at its end is left out.
pub fn body_text(message: &[u8], part: &Part) -> Option<String> {
    let reading = Reading::of(message.get(part.header.clone()).unwrap_or_default())?;
    let body = message.get(part.body.clone()).unwrap_or_default();
    match reading.encoding {
        TransferEncoding::Unknown => None,
        TransferEncoding::Identity => Some(begun_to_utf8(&with_line_feeds(body), &reading.charset)),
        encoding => Some(begun_to_utf8(&encoding.decode(body), &reading.charset)),
    }
}

/// CRLF made LF.
fn with_line_feeds(text: &[u8]) -> Vec<u8> {
    let line = |line: &[u8]| match line.strip_suffix(b"\r\n") {
        Some(content) => [content, b"\n"].concat(),
        None => line.to_vec(),
    };
    text.split_inclusive(|octet| *octet == b'\n').flat_map(line).collect()
}

/// What the search key of that name looks in, if there is such a key.
fn key(name: &str, value: &[u8], allowance: &mut Allowance) -> Option<Vec<u8>> {
    match name {
        "subject" => {
            let words = value.split(|&byte| is_blank(byte)).filter(|word| !word.is_empty());
            Some(words.collect::<Vec<_>>().join(&b' '))
        }
        "from" | "to" | "cc" | "bcc" => {
            let mut list = Vec::new();
            addresses(value, allowance, &mut list);
            Some(written(&list))
        }
        _ => None,
    }
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
                reading.encoding = TransferEncoding::of_field(&field.text());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(message: &str) -> SearchText {
        let message: Bytes = message.replace('\n', "\r\n").into();
        SearchText::of(&message, &Part::parse(&message))
    }

    fn body_of(header: &str, body: &str) -> String {
        of(&format!("{header}\n\n{body}")).body.replace(BETWEEN_PARTS, "|")
    }

    #[test]
    fn headers_and_keys() {
        let text =
            of("Subject: =?utf-8?q?A=C3=9C?=\n =?utf-8?q?b?=  C\nFrom: J@X (Joe)\nX-Y: a\n\tB\n\nbody");
        let has = |list: &[(String, String)], name: &str, value: &str| {
            list.iter().any(|field| *field == (name.to_owned(), value.to_owned()))
        };
        assert!(
            has(&text.headers, "subject", "au\u{308}b  c") && has(&text.keys, "subject", "au\u{308}b c"),
            "{text:?}"
        );
        assert!(has(&text.headers, "from", "j@x (joe)") && has(&text.keys, "from", "joe <j@x>"), "{text:?}");
        assert!(has(&text.headers, "x-y", "a b") && text.keys.len() == 2, "{text:?}");
        assert!(text.header.contains("from: j@x (joe)\r\nx-y: a b\r\n"), "{text:?}");
    }

    #[test]
    fn text_is_decoded_and_html_is_text() {
        let header =
            "MIME-Version: 1.0\nContent-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: ";
        assert_eq!(
            body_of(&format!("{header}quoted-printable"), "<B>=DC</B> so=\nft"),
            "<b>u\u{308}</b> soft|"
        );
        assert_eq!(body_of(&format!("{header}base64"), "/EFi"), "u\u{308}ab|");
        assert_eq!(body_of(&format!("{header}uuencode"), "x"), "|", "it cannot be read");
        assert_eq!(body_of("Content-Type: image/png", "x"), "");
        assert_eq!(body_of("Content-Type: text/plain charset=x", "broken"), "");
    }

    #[test]
    fn parts_are_looked_in_by_their_kind() {
        let text = of(
            "Content-Type: multipart/mixed; boundary=b\n\npreamble\n--b\n\nplain\n--b\nContent-Type: a/b; name=file\n\
            \nattached\n--b\nContent-Type: message/rfc822\n\nSubject: inner\n\nwithin\n--b\n\
            Content-Type: message/delivery-status\n\nstatus\n--b--\nepilogue\n",
        );
        assert_eq!(text.body.replace(BETWEEN_PARTS, "|"), "plain|within|status|");
        assert!(text.header.contains("name=file") && text.header.contains("subject: inner"));
    }
}
