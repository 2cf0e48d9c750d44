//! How strings are written in answers: atom, quoted or literal (RFC 3501 section 4), chosen as Dovecot does.

/// Appends a quoted string, or a literal where the text holds what a quoted string may not or Dovecot would not.
pub fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    let needs_literal = |byte: &u8| matches!(byte, b'"' | b'\\' | b'\r' | b'\n' | 0) || !byte.is_ascii();
    if text.iter().any(needs_literal) { push_literal(out, text) } else { push_plain_quoted(out, text) }
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

fn push_plain_quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}
