//! A command line as Postfix cuts it: words between white space, with `<...>` and `"..."` kept whole, and a cut behind `FROM:` and `TO:` (RFC 5321 section 4.1.2 has no space there, and many clients have one).

/// One word of a command line, as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its octets.
    pub text: &'a [u8],
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Neither of the others.
    Word,
    /// Something with `<...>` in it.
    Path,
    /// A bracket or quote without its partner: it reaches to the end of the line.
    Malformed,
}

/// The tokens of a line. A NUL ends it, as it ends a string in Postfix.
pub fn split(line: &[u8]) -> Vec<Token<'_>> {
    let mut rest = before_nul(line);
    let mut tokens = Vec::new();
    while let Some(start) = rest.iter().position(|byte| !is_space(*byte)) {
        rest = rest.get(start..).unwrap_or_default();
        let (kind, length) = measure(rest);
        let (text, behind) = rest.split_at(length.min(rest.len()));
        tokens.push(Token { kind, text });
        rest = behind;
    }
    tokens
}

/// A line as far as a string of Postfix goes.
pub fn before_nul(line: &[u8]) -> &[u8] {
    memchr::memchr(0, line).and_then(|end| line.get(..end)).unwrap_or(line)
}

/// A line as Postfix writes it into its log: what is neither printable ASCII nor looks like UTF-8 becomes `?`, up to a NUL.
pub fn printable(line: &[u8]) -> Vec<u8> {
    let end = memchr::memchr(0, line).unwrap_or(line.len());
    let (text, hidden) = line.split_at(end);
    let mut shown = Vec::with_capacity(line.len());
    // Whether the octet before began a character or went on with it.
    let mut in_character = false;
    for (position, byte) in text.iter().enumerate() {
        let goes_on = |byte: &u8| (0x80..0xc0).contains(byte);
        let followed = text.get(position.saturating_add(1)).is_some_and(goes_on);
        in_character = (in_character && goes_on(byte)) || ((194..=254).contains(byte) && followed);
        let sound = in_character || byte.is_ascii_graphic() || *byte == b' ';
        shown.push(if sound { *byte } else { b'?' });
    }
    shown.extend_from_slice(hidden);
    shown
}

/// White space as the C library has it.
pub const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn measure(text: &[u8]) -> (Kind, usize) {
    let mut kind = Kind::Word;
    let mut at: usize = 0;
    while let Some(byte) = text.get(at) {
        let next = at.saturating_add(1);
        at = match byte {
            byte if is_space(*byte) => break,
            b'<' | b'"' => {
                let Some(end) = enclosed(text, at) else { return (Kind::Malformed, text.len()) };
                if *byte == b'<' {
                    kind = Kind::Path;
                }
                end
            }
            b'\\' => next.saturating_add(1),
            b':' if text.get(..at).is_some_and(introduces_path) => return (kind, next),
            _ => next,
        };
    }
    (kind, at)
}

fn introduces_path(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"from") || word.eq_ignore_ascii_case(b"to")
}

/// Where what opens at `open` is closed again.
fn enclosed(text: &[u8], open: usize) -> Option<usize> {
    let closing = |byte: u8| if byte == b'<' { b'>' } else { byte };
    let mut wanted = vec![closing(*text.get(open)?)];
    let mut at = open.saturating_add(1);
    loop {
        let byte = *text.get(at)?;
        at = at.saturating_add(1);
        let innermost = *wanted.last()?;
        match byte {
            b'\\' => at = at.saturating_add(1),
            byte if byte == innermost => {
                wanted.pop();
                if wanted.is_empty() {
                    return Some(at);
                }
            }
            b'"' => wanted.push(b'"'),
            b'<' if innermost == b'>' => wanted.push(b'>'),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        split(line.as_bytes()).iter().map(|token| String::from_utf8_lossy(token.text).into_owned()).collect()
    }

    #[test]
    fn words_paths_and_quotes() {
        assert_eq!(words("MAIL FROM:<a@b> SIZE=3"), ["MAIL", "FROM:", "<a@b>", "SIZE=3"]);
        assert_eq!(words(" \trcpt  to: a@b"), ["rcpt", "to:", "a@b"]);
        assert_eq!(words("MAIL FROM:<\"a b\"@c> x"), ["MAIL", "FROM:", "<\"a b\"@c>", "x"]);
        assert_eq!(words("MAIL FROM:<a@b>>"), ["MAIL", "FROM:", "<a@b>>"]);
        assert_eq!(words("NOOP a:b x\0y"), ["NOOP", "a:b", "x"]);
        assert_eq!(words("MAIL FROM:[a (b] <(>"), ["MAIL", "FROM:", "[a", "(b]", "<(>"]);
        assert!(words("  \0NOOP").is_empty());
    }

    #[test]
    fn what_cannot_be_printed_is_a_question_mark() {
        assert_eq!(printable(b"a\tb\xff\xc3\xbc\xc3\x7f\0\t"), b"a?b?\xc3\xbc??\0\t");
        assert_eq!(printable(b"\x80\xc3"), b"??");
    }

    #[test]
    fn what_is_not_closed_is_malformed() {
        for line in ["<a@b", "<\"a>", "\"a b", "<a\\>"] {
            let tokens = split(line.as_bytes());
            assert!(matches!(tokens.as_slice(), [Token { kind: Kind::Malformed, .. }]), "{line}");
        }
        assert!(matches!(split(b"<<a@b>>").as_slice(), [Token { kind: Kind::Path, .. }]));
    }
}
