//! BODY and BODYSTRUCTURE on the wire (RFC 3501 section 7.4.2), in Dovecot's spelling: everything as it stands in
//! the message.

use bait::mime::{Content, Disposition, Parameter, Part};
use bytes::Bytes;

use super::envelope::{self, push_value};
use crate::imap::string::push_string;

/// BODY of a message that another session has expunged, as Dovecot tells it.
pub const NOTHING: &[u8] = br#"BODY ("text" "plain" NIL NIL NIL "7bit" 0 0)"#;
/// BODYSTRUCTURE of such a message.
pub const NOTHING_EXTENDED: &[u8] =
    br#"BODYSTRUCTURE ("text" "plain" NIL NIL NIL "7bit" 0 0 NIL NIL NIL NIL)"#;

/// Appends the parenthesised structure; `extended` for BODYSTRUCTURE. As deep as the parser lets parts nest.
pub fn render(part: &Part, extended: bool, out: &mut Vec<u8>) {
    out.push(b'(');
    match &part.content {
        Content::Multipart(parts) => multipart(part, parts, extended, out),
        content => single(part, content, extended, out),
    }
    out.push(b')');
}

fn multipart(part: &Part, parts: &[Part], extended: bool, out: &mut Vec<u8>) {
    if parts.is_empty() {
        out.extend_from_slice(br#"("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0"#);
        out.extend_from_slice(if extended { b" NIL NIL NIL NIL)" } else { b")" });
    }
    for child in parts {
        render(child, extended, out);
    }
    out.push(b' ');
    push_string(out, &part.media.subtype);
    if extended {
        out.push(b' ');
        push_parameters(out, &part.media.parameters);
        push_extension(out, part);
    }
}

fn single(part: &Part, content: &Content, extended: bool, out: &mut Vec<u8>) {
    let text = part.media.kind.eq_ignore_ascii_case(b"text");
    push_string(out, &part.media.kind);
    out.push(b' ');
    push_string(out, &part.media.subtype);
    out.push(b' ');
    push_parameters(out, &part.media.parameters);
    out.push(b' ');
    push_value(out, part.id.as_ref());
    out.push(b' ');
    push_value(out, part.description.as_ref());
    out.push(b' ');
    push_string(out, &part.encoding);
    out.extend_from_slice(format!(" {}", part.body.len()).as_bytes());
    if let Content::Message(inner_envelope, inner) = content {
        out.push(b' ');
        envelope::render(inner_envelope, out);
        out.push(b' ');
        render(inner, extended, out);
    }
    if text || matches!(content, Content::Message(..)) {
        out.extend_from_slice(format!(" {}", part.lines).as_bytes());
    }
    if extended {
        out.push(b' ');
        push_value(out, part.md5.as_ref());
        push_extension(out, part);
    }
}

/// Disposition, language, location.
fn push_extension(out: &mut Vec<u8>, part: &Part) {
    out.push(b' ');
    match &part.disposition {
        None => out.extend_from_slice(b"NIL"),
        Some(Disposition { kind, parameters }) => {
            out.push(b'(');
            push_string(out, kind);
            out.push(b' ');
            push_parameters(out, parameters);
            out.push(b')');
        }
    }
    out.push(b' ');
    push_list(out, &part.language);
    out.push(b' ');
    push_value(out, part.location.as_ref());
}

fn push_parameters(out: &mut Vec<u8>, parameters: &[Parameter]) {
    if parameters.is_empty() {
        return out.extend_from_slice(b"NIL");
    }
    out.push(b'(');
    for (position, (name, value)) in parameters.iter().enumerate() {
        if position > 0 {
            out.push(b' ');
        }
        push_string(out, name);
        out.push(b' ');
        push_string(out, value);
    }
    out.push(b')');
}

fn push_list(out: &mut Vec<u8>, words: &[Bytes]) {
    if words.is_empty() {
        return out.extend_from_slice(b"NIL");
    }
    out.push(b'(');
    for (position, word) in words.iter().enumerate() {
        if position > 0 {
            out.push(b' ');
        }
        push_string(out, word);
    }
    out.push(b')');
}
