//! The envelope of a message (RFC 3501 section 7.4.2), from its header's raw bytes. Address lists are read in
//! `address.rs`; how a value is written on the wire is the protocol's affair.

use std::borrow::Cow;

use bytes::Bytes;

use crate::mime::address::{Address, Allowance, addresses};
use crate::mime::header::fields;
use crate::mime::lexer::NUL_STANDS_AS;

/// A header value on one line, otherwise as it stands there: encoded words stay encoded, 8-bit bytes stay, and a NUL is
/// U+FFFD, as in Dovecot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The bytes, without CR and LF.
    pub bytes: Bytes,
    /// Whether it is text (Subject, a display name) whose white space had to be tidied, because it stood on more than
    /// one line or held a tab, a run of spaces or a space at an end. Dovecot sends such a text as a literal. Never set
    /// for a token (Date, Message-ID, the Content-* fields): Dovecot merely takes the line ends out of those.
    pub folded: bool,
}

impl Value {
    /// A value for people: white space runs become one space, and none stays at the ends.
    pub fn text(raw: &[u8]) -> Self {
        let raw = without_nul(raw);
        let mut text = Vec::with_capacity(raw.len());
        let mut after_space = true;
        for &byte in raw.iter() {
            let space = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            match (space, after_space) {
                (true, true) => {}
                (true, false) => text.push(b' '),
                (false, _) => text.push(byte),
            }
            after_space = space;
        }
        if text.last() == Some(&b' ') {
            text.pop();
        }
        // of white space alone nothing stays, and that is sent quoted
        let folded = !text.is_empty() && text != *raw;
        Self { bytes: text.into(), folded }
    }

    /// A value for machines: line ends go; a space takes their place where no white space follows.
    pub(super) fn token(raw: &[u8]) -> Self {
        let raw = without_nul(raw);
        let mut token = Vec::with_capacity(raw.len());
        for (at, &byte) in raw.iter().enumerate() {
            if byte != b'\r' && byte != b'\n' {
                token.push(byte);
            } else if raw.get(at + 1).is_some_and(|next| !matches!(next, b' ' | b'\t' | b'\r' | b'\n')) {
                token.push(b' ');
            }
        }
        Self { bytes: token.into(), folded: false }
    }
}

fn without_nul(raw: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(0, raw).is_none() {
        return Cow::Borrowed(raw);
    }
    let stands_for = |byte: &u8| if *byte == 0 { NUL_STANDS_AS.to_vec() } else { vec![*byte] };
    Cow::Owned(raw.iter().flat_map(stands_for).collect())
}

/// The fields of ENVELOPE. `sender` and `reply_to` default to `from` as RFC 3501 says. Of a value that stands there twice
/// the last counts, address lists are joined.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // RFC 3501's own names
pub struct Envelope {
    pub date: Option<Value>,
    pub subject: Option<Value>,
    pub from: Vec<Address>,
    pub sender: Vec<Address>,
    pub reply_to: Vec<Address>,
    pub to: Vec<Address>,
    pub cc: Vec<Address>,
    pub bcc: Vec<Address>,
    pub in_reply_to: Option<Value>,
    pub message_id: Option<Value>,
}

impl Envelope {
    /// Reads the envelope from a header's bytes. At most 20,000 addresses are read.
    pub fn parse(header: &Bytes) -> Self {
        Self::read(header, &mut Allowance::new())
    }

    /// The same as Dovecot has it where it has just kept the header's fields: of the white space before a token only one octet
    /// goes.
    pub fn parse_kept(header: &Bytes) -> Self {
        let mut envelope = Self::parse(header);
        for field in fields(header) {
            let token = match field.name.to_ascii_lowercase().as_slice() {
                b"date" => &mut envelope.date,
                b"in-reply-to" => &mut envelope.in_reply_to,
                b"message-id" => &mut envelope.message_id,
                _ => continue,
            };
            let blank = field.value.first().is_some_and(|first| matches!(first, b' ' | b'\t'));
            *token = Some(Value::token(field.value.get(usize::from(blank)..).unwrap_or_default()));
        }
        envelope
    }

    /// The same, for one of many messages within one.
    pub(super) fn read(header: &[u8], allowance: &mut Allowance) -> Self {
        let mut envelope = Self::default();
        for field in fields(header) {
            let value = &field.text();
            let list = match field.name.to_ascii_lowercase().as_slice() {
                b"date" => {
                    envelope.date = Some(Value::token(value));
                    continue;
                }
                b"subject" => {
                    envelope.subject = Some(Value::text(value));
                    continue;
                }
                b"in-reply-to" => {
                    envelope.in_reply_to = Some(Value::token(value));
                    continue;
                }
                b"message-id" => {
                    envelope.message_id = Some(Value::token(value));
                    continue;
                }
                b"from" => &mut envelope.from,
                b"sender" => &mut envelope.sender,
                b"reply-to" => &mut envelope.reply_to,
                b"to" => &mut envelope.to,
                b"cc" => &mut envelope.cc,
                b"bcc" => &mut envelope.bcc,
                _ => continue,
            };
            addresses(value, allowance, list);
        }
        for defaulted in [&mut envelope.sender, &mut envelope.reply_to] {
            if defaulted.is_empty() {
                defaulted.clone_from(&envelope.from);
            }
        }
        envelope
    }
}
