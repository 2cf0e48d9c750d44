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
    let end = memchr::memchr(0, line).unwrap_or(line.len());
    let mut rest = line.get(..end).unwrap_or(line);
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
    fn what_is_not_closed_is_malformed() {
        for line in ["<a@b", "<\"a>", "\"a b", "<a\\>"] {
            let tokens = split(line.as_bytes());
            assert!(matches!(tokens.as_slice(), [Token { kind: Kind::Malformed, .. }]), "{line}");
        }
        assert!(matches!(split(b"<<a@b>>").as_slice(), [Token { kind: Kind::Path, .. }]));
    }
}
