//! How strings are written in answers: atom, quoted or literal (RFC 3501 section 4), chosen as Dovecot does.

use bait::mime::Value;

/// More than this many characters to escape, and Dovecot sends a literal instead of a quoted string.
const MOST_ESCAPES: usize = 4;

/// Appends a string for machines: quoted, but a literal where it holds 8-bit, line ends or many escapes.
pub fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    let escapes = text.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count();
    let unquotable = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0) || !byte.is_ascii();
    if escapes > MOST_ESCAPES || text.iter().any(unquotable) {
        return push_literal(out, text);
    }
    out.push(b'"');
    if escapes == 0 {
        out.extend_from_slice(text);
    } else {
        for byte in text {
            out.extend(matches!(byte, b'"' | b'\\').then_some(b'\\'));
            out.push(*byte);
        }
    }
    out.push(b'"');
}

/// Appends a string for people (a subject, a name): quoted only where it needs neither escapes nor tidying.
pub fn push_text(out: &mut Vec<u8>, text: &Value) {
    let awkward = |byte: &u8| matches!(byte, b'"' | b'\\') || !byte.is_ascii();
    if text.folded || text.bytes.iter().any(awkward) {
        push_literal(out, &text.bytes);
    } else {
        push_string(out, &text.bytes);
    }
}

/// Appends `{n}` and the text. NUL, which no literal may hold, becomes 0x80 as in Dovecot.
pub fn push_literal(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(format!("{{{}}}\r\n", text.len()).as_bytes());
    out.extend(text.iter().map(|byte| if *byte == 0 { 0x80 } else { *byte }));
}

/// Appends a string, or `NIL`.
pub fn push_nstring(out: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        None => out.extend_from_slice(b"NIL"),
        Some(text) => push_string(out, text),
    }
}

/// Appends an atom where the text can be one, otherwise a string.
pub fn push_astring(out: &mut Vec<u8>, text: &[u8]) {
    let special = |byte: &u8| matches!(byte, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\');
    let atom = !text.is_empty() && text.iter().all(|byte| byte.is_ascii_graphic() && !special(byte));
    if atom && !text.eq_ignore_ascii_case(b"NIL") {
        out.extend_from_slice(text);
    } else {
        push_string(out, text);
    }
}
