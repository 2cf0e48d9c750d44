//! What is read out of a captured message: its subject, its attachments, the URLs in its text. The bytes are hostile, and
//! nothing here decides whether they are kept: on any failure the lists are empty.
//!
//! The structure is that of `bait::mime`, whose depth and number of parts are bounded; the work is linear in the message.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use bait::mime::{Content, Envelope, Parameter, Part, decode_words};
use bytes::Bytes;
use event::{Attachment, Text};
use sha2::{Digest, Sha256};

use super::hex;
use super::links::Links;

/// Larger messages are not looked into.
pub(super) const LARGEST: u64 = 32 << 20;

/// Attachments that are listed.
const MOST_ATTACHMENTS: usize = 64;

/// A subject, a name or a media type is cut after so many octets.
const LONGEST: usize = 1000;

/// So many times its own size may be hashed of a message: attached messages lie within each other.
const MOST_HASHED: usize = 4;

/// What was read out of a message.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// The Subject, decoded.
    pub(super) subject: Text,
    /// The attachments.
    pub(super) attachments: Vec<Attachment>,
    /// The URLs, each once.
    pub(super) urls: Vec<String>,
}

/// Looks into a file. May take a while for a large one.
pub(super) fn of_file(path: &Path) -> Findings {
    let message = match fs::read(path) {
        Ok(message) => Bytes::from(message),
        Err(error) => {
            tracing::error!(%error, path = %path.display(), "a captured message cannot be read");
            return Findings::default();
        }
    };
    catch_unwind(AssertUnwindSafe(|| of(&message))).unwrap_or_else(|_| {
        tracing::error!(path = %path.display(), "a captured message cannot be looked into: this is a bug");
        Findings::default()
    })
}

fn of(message: &Bytes) -> Findings {
    let root = Part::parse(message);
    let subject = Envelope::parse(&message.slice(root.header.clone())).subject;
    let mut found = Found { message, left: message.len().saturating_mul(MOST_HASHED), ..Found::new(message) };
    found.part(&root);
    Findings {
        subject: subject
            .map(|subject| cut(decode_words(&subject.bytes)).into_bytes().into())
            .unwrap_or_default(),
        attachments: found.attachments,
        urls: found.links.into_list(),
    }
}

struct Found<'a> {
    message: &'a Bytes,
    attachments: Vec<Attachment>,
    links: Links,
    /// Octets that may still be hashed.
    left: usize,
}

impl<'a> Found<'a> {
    fn new(message: &'a Bytes) -> Self {
        Self { message, attachments: Vec::new(), links: Links::default(), left: 0 }
    }

    /// Looks at a part and what it holds. As deep as parts nest, which is bounded.
    fn part(&mut self, part: &Part) {
        if is_attachment(part) {
            self.attachment(part);
        }
        match &part.content {
            Content::Leaf if part.media.kind.eq_ignore_ascii_case(b"text") => {
                let html = part.media.subtype.eq_ignore_ascii_case(b"html");
                self.links.search(&part.decoded(self.message), html);
            }
            Content::Leaf => {}
            Content::Multipart(parts) => parts.iter().for_each(|part| self.part(part)),
            Content::Message(_, within) => self.part(within),
        }
    }

    fn attachment(&mut self, part: &Part) {
        let size = part.body.len();
        if self.attachments.len() == MOST_ATTACHMENTS || size > self.left {
            return;
        }
        self.left -= size;
        let decoded = part.decoded(self.message);
        let kind = [&part.media.kind[..], &part.media.subtype].map(String::from_utf8_lossy).join("/");
        self.attachments.push(Attachment {
            name: cut(name(part)),
            media_type: cut(kind.to_ascii_lowercase()),
            size: decoded.len() as u64,
            sha256: hex(&Sha256::digest(&decoded)),
        });
    }
}

/// Whatever is said to be one, has a file's name, or is no text.
fn is_attachment(part: &Part) -> bool {
    if let Content::Multipart(_) = part.content {
        return false;
    }
    let said = part.disposition.as_ref().is_some_and(|said| said.kind.eq_ignore_ascii_case(b"attachment"));
    let text = [&b"text"[..], b"message"].iter().any(|kind| part.media.kind.eq_ignore_ascii_case(kind));
    said || !text || !name(part).is_empty()
}

/// The file's name, as Content-Disposition or else Content-Type has it.
fn name(part: &Part) -> String {
    let disposition = part.disposition.as_ref().map(|disposition| &disposition.parameters);
    let filename = disposition.and_then(|parameters| value(parameters, b"filename"));
    filename.or_else(|| value(&part.media.parameters, b"name")).unwrap_or_default()
}

/// A parameter's value: the extended one (RFC 2231), or the plain one with its encoded words decoded.
fn value(parameters: &[Parameter], name: &[u8]) -> Option<String> {
    let extended = parameters.iter().find_map(|(written, value)| {
        let plain = written.strip_suffix(b"*")?;
        plain.eq_ignore_ascii_case(name).then(|| extended(value))
    });
    extended.or_else(|| {
        let (_, value) = parameters.iter().find(|(written, _)| written.eq_ignore_ascii_case(name))?;
        Some(decode_words(value))
    })
}

/// `charset'language'text` with `%XX` in it (RFC 2231 section 4). Anything but Latin 1 counts as UTF-8.
fn extended(value: &[u8]) -> String {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let (charset, text) = match (parts.next(), parts.next(), parts.next()) {
        (Some(charset), Some(_), Some(text)) => (charset, text),
        _ => (&b""[..], value),
    };
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&octet, behind)) = rest.split_first() {
        let pair =
            behind.first_chunk::<2>().filter(|_| octet == b'%').and_then(|pair| str::from_utf8(pair).ok());
        match pair.filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit())) {
            Some(pair) => {
                octets.extend(u8::from_str_radix(pair, 16));
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                octets.push(octet);
                rest = behind;
            }
        }
    }
    if charset.eq_ignore_ascii_case(b"iso-8859-1") {
        return octets.into_iter().map(char::from).collect();
    }
    String::from_utf8_lossy(&octets).into_owned()
}

/// Without what goes beyond the limit on length.
fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn read(message: &str) -> Findings {
        of(&Bytes::from(message.replace('\n', "\r\n")))
    }

    #[test]
    fn subject_attachments_and_urls() {
        let found = read(
            "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= to\n you\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\
             Content-Transfer-Encoding: quoted-printable\n\nSee http://a.example/x=3Dy=\nz, and that is all.\n--b\n\
             Content-Type: text/html\n\n<a href=\"https://b.example/?q=1&amp;r=2\">x</a>\n--b\n\
             Content-Type: application/PDF; name=\"plain.pdf\"\nContent-Transfer-Encoding: base64\n\
             Content-Disposition: attachment; filename*=utf-8''r%C3%A9sum%C3%A9.pdf\n\naGVsbG8=\n--b\n\
             Content-Type: message/rfc822\nContent-Disposition: attachment; filename=inner.eml\n\n\
             Subject: inner\n\nhttp://c.example/\n--b--\n",
        );
        assert_eq!(found.subject.lossy(), "Gr\u{fc}\u{df}e to you");
        assert_eq!(found.urls, ["http://a.example/x=yz", "https://b.example/?q=1&r=2", "http://c.example/"]);
        let [pdf, inner] = &found.attachments[..] else { panic!("{:?}", found.attachments) };
        assert_eq!(
            (pdf.name.as_str(), pdf.media_type.as_str(), pdf.size),
            ("r\u{e9}sum\u{e9}.pdf", "application/pdf", 5)
        );
        assert_eq!(pdf.sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        assert_eq!((inner.name.as_str(), inner.media_type.as_str()), ("inner.eml", "message/rfc822"));
    }

    #[test]
    fn plain_text_is_no_attachment() {
        let found = read("Subject: x\n\nhello\n");
        assert!(found.attachments.is_empty() && found.urls.is_empty());
        assert!(read("").subject.0.is_empty());
    }

    #[test]
    fn the_lists_are_bounded() {
        let mut message = "Content-Type: multipart/mixed; boundary=b\n\n".to_owned();
        for number in 0..500 {
            let name = "n".repeat(2000);
            write!(message, "--b\nContent-Type: a/b; name={name}\n\nx\n--b\n\nhttp://x.example/{number}\n")
                .expect("writing to a string");
        }
        let found = read(&message);
        assert_eq!((found.attachments.len(), found.urls.len()), (MOST_ATTACHMENTS, 64));
        assert!(found.attachments.iter().all(|attachment| attachment.name.len() <= LONGEST));
        assert_eq!(read(&format!("Subject: {}\n\n", "\u{fc}".repeat(9999))).subject.0.len(), LONGEST);
    }
}
