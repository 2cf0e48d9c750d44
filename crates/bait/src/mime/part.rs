//! The tree of MIME parts (RFC 2045, RFC 2046), as BODYSTRUCTURE and BODY[1.2] need it. It is read in `structure.rs`.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use crate::mime::decode::TransferEncoding;
use crate::mime::envelope::{Envelope, Value};
use crate::mime::structure;

/// So deep may parts nest (Dovecot's limit): a part this deep is a leaf whatever it says.
pub const MOST_NESTED: usize = 100;

/// So many parts may a message have (Dovecot's limit): the last one holds all the rest.
pub const MOST_PARTS: usize = 10_000;

/// A parameter, name and value unquoted; RFC 2231 names (`filename*`) kept as they are, its continuations put together.
pub type Parameter = (Bytes, Bytes);

/// Content-Type, in the case it is written in; `text/plain; charset=us-ascii` where there is none. Text that names no
/// charset has `charset=us-ascii` as its last parameter. A broken one has an empty subtype, mostly an empty kind too.
/// What is a leaf only because of a limit is `application/octet-stream`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct MediaType {
    pub kind: Bytes,
    pub subtype: Bytes,
    pub parameters: Vec<Parameter>,
}

/// Content-Disposition (RFC 2183).
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Disposition {
    pub kind: Bytes,
    pub parameters: Vec<Parameter>,
}

/// What a part holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text, an image, an attachment.
    Leaf,
    /// `multipart/*`: its parts. There may be none; Dovecot then shows an empty text/plain part in BODYSTRUCTURE.
    Multipart(Vec<Part>),
    /// `message/rfc822`: the message in it.
    Message(Box<Envelope>, Box<Part>),
}

/// One MIME part. Ranges are offsets into the whole message's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its own header with the empty line that ends it (`BODY[n.MIME]`; `BODY[HEADER]` for the message's own part).
    pub header: Range<usize>,
    /// Its body (`BODY[n]`), without the line end that belongs to the boundary.
    pub body: Range<usize>,
    /// Line ends in the body.
    pub lines: usize,
    /// Content-Type.
    pub media: MediaType,
    /// Content-ID.
    pub id: Option<Value>,
    /// Content-Description.
    pub description: Option<Value>,
    /// Content-Transfer-Encoding as written; `7bit` where there is none.
    pub encoding: Bytes,
    /// Content-MD5 (RFC 1864).
    pub md5: Option<Value>,
    /// Content-Disposition.
    pub disposition: Option<Disposition>,
    /// Content-Language (RFC 3282).
    pub language: Vec<Bytes>,
    /// Content-Location (RFC 2557).
    pub location: Option<Value>,
    /// What is in it.
    pub content: Content,
}

impl Part {
    /// Reads the structure of a whole message. Nesting and the number of parts are bounded ([`MOST_NESTED`],
    /// [`MOST_PARTS`]); what lies beyond is a leaf.
    pub fn parse(message: &Bytes) -> Self {
        structure::parse(message)
    }

    /// The body with its transfer encoding undone (RFC 2045 section 6) as far as that goes; in an unknown one as it is.
    pub fn decoded<'a>(&self, message: &'a [u8]) -> Cow<'a, [u8]> {
        let body = message.get(self.body.clone()).unwrap_or_default();
        match TransferEncoding::of(&self.encoding) {
            TransferEncoding::Unknown => Cow::Borrowed(body),
            known => known.decode(body),
        }
    }

    /// The message in it, if it is a `message/rfc822`.
    pub fn message(&self) -> Option<&Self> {
        match &self.content {
            Content::Message(_, within) => Some(within),
            Content::Leaf | Content::Multipart(_) => None,
        }
    }

    /// The part of a section's numbers (RFC 3501 section 6.4.5), from the message's own part: `[1]` of a message that is not
    /// multipart is its body; numbers go through `message/rfc822` into the message within. Zero counts as one where there
    /// is a choice, as in Dovecot.
    pub fn section(&self, numbers: &[u32]) -> Option<&Self> {
        let mut part = self;
        let mut numbers = numbers.iter().peekable();
        while let Some(&number) = numbers.next() {
            let further = numbers.peek().is_some();
            part = match &part.content {
                Content::Multipart(parts) => parts.get(usize::try_from(number.saturating_sub(1)).ok()?)?,
                Content::Leaf if number == 1 && !further => part,
                Content::Message(..) if number == 1 => part,
                Content::Leaf | Content::Message(..) => return None,
            };
            if let Content::Message(_, within) = &part.content
                && further
            {
                part = within;
            }
        }
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORWARD: &str = "Content-Type: multipart/mixed; boundary=a\r\n\r\n\
        --a\r\n\r\none\r\n\
        --a\r\nContent-Type: message/rfc822\r\n\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntwo\r\n--b--\r\n\
        --a\r\nContent-Type: message/rfc822\r\n\r\nSubject: s\r\n\r\nthree\r\n\
        --a\r\n\r\n--a--\r\n";

    fn body_of(numbers: &[u32]) -> Option<&'static str> {
        let part = Part::parse(&Bytes::from_static(FORWARD.as_bytes()));
        part.section(numbers).map(|part| &FORWARD[part.body.clone()])
    }

    #[test]
    fn numbers_go_through_multiparts_and_messages() {
        assert_eq!(body_of(&[1]), Some("one"));
        assert_eq!(body_of(&[2, 1]), Some("two"));
        assert_eq!(body_of(&[3]), Some("Subject: s\r\n\r\nthree"));
        assert_eq!(body_of(&[3, 1]), Some("three"));
        assert_eq!(body_of(&[]).map(str::len), Some(FORWARD.len() - 45));
    }

    #[test]
    fn some_numbers_lead_nowhere_and_some_further_than_they_should() {
        assert_eq!(body_of(&[5]), None);
        assert_eq!(body_of(&[u32::MAX]), None);
        assert_eq!(body_of(&[2, 2]), None);
        assert_eq!(body_of(&[1, 2]), None);
        assert_eq!(body_of(&[1, 1]), Some("one"), "a leaf's only part is itself");
        assert_eq!(body_of(&[1, 1, 1]), None, "but only once");
        assert_eq!(body_of(&[0]), Some("one"), "zero counts as one");
    }

    #[test]
    fn the_empty_line_before_a_boundary_is_the_boundarys() {
        let part = Part::parse(&Bytes::from_static(FORWARD.as_bytes()));
        assert_eq!(part.section(&[4]).map(|part| (part.header.len(), part.body.len())), Some((0, 0)));
    }
}
