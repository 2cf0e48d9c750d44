//! The Content-* fields of a part (RFC 2045, RFC 2183, RFC 3282, RFC 2557, RFC 1864), as they stand in its header.
//! `structure.rs` decides what they mean for the part.

use bytes::Bytes;

use crate::mime::envelope::Value;
use crate::mime::header::{HeaderField, fields};
use crate::mime::lexer::{Broken, Lexer, Then};
use crate::mime::parameter::parameters;
use crate::mime::part::{Disposition, MediaType};

/// More languages than this are not read.
const MOST_LANGUAGES: usize = 1000;

/// What a header says of its body. Of a field that stands there twice, the first counts.
#[derive(Debug, Default)]
pub(super) struct ContentFields {
    /// Content-Type; empty kind or subtype if it is broken.
    pub(super) media: Option<MediaType>,
    pub(super) encoding: Option<Bytes>,
    pub(super) id: Option<Value>,
    pub(super) description: Option<Value>,
    pub(super) md5: Option<Value>,
    pub(super) disposition: Option<Disposition>,
    pub(super) language: Vec<Bytes>,
    pub(super) location: Option<Value>,
    /// Whether MIME-Version stands there.
    versioned: bool,
}

impl ContentFields {
    /// Reads them. `part_of_multipart`: its fields count in any case, those of a message only with a MIME-Version or
    /// a Content-Type.
    pub(super) fn read(header: &[u8], part_of_multipart: bool) -> Self {
        let mut content = Self::default();
        for field in fields(header) {
            content.take(&field);
        }
        if part_of_multipart || content.versioned || content.media.is_some() {
            content
        } else {
            Self::default()
        }
    }

    fn take(&mut self, field: &HeaderField<'_>) {
        if field.is("MIME-Version") {
            self.versioned = true;
        }
        if !field.name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"Content-")) {
            return;
        }
        let set = |value: &mut Option<Value>| {
            value.get_or_insert_with(|| Value::token(&field.text()));
        };
        if field.is("Content-Type") {
            self.media.get_or_insert_with(|| media_type(&field.text()));
        } else if field.is("Content-Transfer-Encoding") {
            self.encoding = self.encoding.take().or_else(|| encoding(&field.text()));
        } else if field.is("Content-ID") {
            set(&mut self.id);
        } else if field.is("Content-Description") {
            set(&mut self.description);
        } else if field.is("Content-MD5") {
            set(&mut self.md5);
        } else if field.is("Content-Location") {
            set(&mut self.location);
        } else if field.is("Content-Language") && self.language.is_empty() {
            self.language = languages(&field.text());
        } else if field.is("Content-Disposition")
            && self.disposition.as_ref().is_none_or(|first| first.parameters.is_empty())
        {
            self.disposition = disposition(&field.text()).or(self.disposition.take());
        }
    }
}

/// Content-Type. If it is broken, the kind and the subtype are empty, or the kind is all there is.
pub(super) fn media_type(value: &[u8]) -> MediaType {
    let mut lexer = Lexer::new(value);
    let (mut kind, mut subtype) = (Vec::new(), Vec::new());
    let parameters = match kind_and_subtype(&mut lexer, &mut kind, &mut subtype) {
        Ok(()) => parameters(&mut lexer),
        Err(Broken) => {
            subtype.clear();
            Vec::new()
        }
    };
    MediaType { kind: kind.into(), subtype: subtype.into(), parameters }
}

fn kind_and_subtype(lexer: &mut Lexer<'_>, kind: &mut Vec<u8>, subtype: &mut Vec<u8>) -> Result<(), Broken> {
    if lexer.space()? == Then::End || lexer.mime_token(kind)? == Then::End || kind.is_empty() {
        return Err(Broken);
    }
    let read = (|| {
        if !lexer.take_if(b'/') || lexer.space()? == Then::End {
            return Err(Broken);
        }
        lexer.mime_token(subtype)?;
        let ends = lexer.peek().is_none_or(|byte| byte == b';');
        if subtype.is_empty() || !ends { Err(Broken) } else { Ok(()) }
    })();
    if read.is_err() {
        kind.clear();
    }
    read
}

/// Content-Transfer-Encoding: one token and nothing more, else it does not count.
fn encoding(value: &[u8]) -> Option<Bytes> {
    let mut lexer = Lexer::new(value);
    let mut token = Vec::new();
    let _ = lexer.space();
    let alone = lexer.mime_token(&mut token) == Ok(Then::End);
    (alone && !token.is_empty()).then(|| token.into())
}

fn disposition(value: &[u8]) -> Option<Disposition> {
    let mut lexer = Lexer::new(value);
    let mut kind = Vec::new();
    let _ = lexer.space();
    lexer.mime_token(&mut kind).ok()?;
    Some(Disposition { kind: kind.into(), parameters: parameters(&mut lexer) })
}

fn languages(value: &[u8]) -> Vec<Bytes> {
    let mut lexer = Lexer::new(value);
    let mut languages = Vec::new();
    let _ = lexer.space();
    while languages.len() < MOST_LANGUAGES {
        let mut tag = Vec::new();
        if lexer.atom(&mut tag).is_err() {
            break;
        }
        languages.push(tag.into());
        if !lexer.take_if(b',') {
            break;
        }
        let _ = lexer.space();
    }
    languages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(value: &str) -> (String, String, usize) {
        let media = media_type(value.as_bytes());
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        (text(&media.kind), text(&media.subtype), media.parameters.len())
    }

    #[test]
    fn a_content_type_is_two_tokens_or_broken() {
        assert_eq!(kind_of("Text / (c) Plain ; a=b"), ("Text".into(), "Plain".into(), 1));
        assert_eq!(kind_of("text"), ("text".into(), String::new(), 0));
        assert_eq!(kind_of("text/plain charset=x"), (String::new(), String::new(), 0));
        assert_eq!(kind_of("text/"), (String::new(), String::new(), 0));
        assert_eq!(kind_of(""), (String::new(), String::new(), 0));
        assert_eq!(kind_of("\"text\"/plain"), (String::new(), String::new(), 0));
    }

    #[test]
    fn fields_of_a_message_need_mime() {
        let header = b"Content-Transfer-Encoding: base64\r\nContent-ID: <a>\r\n";
        assert!(ContentFields::read(header, false).id.is_none());
        assert!(ContentFields::read(header, true).id.is_some());
        let versioned = [b"Mime-version: 1.0\r\n", &header[..]].concat();
        assert_eq!(ContentFields::read(&versioned, false).encoding.as_deref(), Some(&b"base64"[..]));
    }

    #[test]
    fn the_first_field_counts() {
        let content = ContentFields::read(
            b"Content-Type: a/b\r\nContent-type: c/d\r\nContent-Transfer-Encoding: two words\r\n\
              Content-Transfer-Encoding: 8bit (yes)\r\nContent-Disposition: inline\r\n\
              Content-Disposition: attachment; a=b\r\nContent-Disposition: x\r\nContent-Language: de, en-GB,\r\n",
            true,
        );
        assert_eq!(content.media.map(|media| media.subtype), Some(Bytes::from_static(b"b")));
        assert_eq!(content.encoding.as_deref(), Some(&b"8bit"[..]));
        assert_eq!(content.disposition.map(|it| it.kind), Some(Bytes::from_static(b"attachment")));
        assert_eq!(content.language, ["de", "en-GB"]);
    }
}
