//! Just enough of Rust's lexical grammar to look at code without its comments, its tests and its strings.
//!
//! Not a parser. It knows comments (nested), string literals (raw, byte, escaped), character literals and braces.

/// A string literal in shipped code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    /// Its line, from 1.
    pub(crate) line: usize,
    /// What stands between its quotes, as written.
    pub(crate) text: String,
}

/// A file taken apart.
#[derive(Debug)]
pub(crate) struct Source {
    /// The shipped code: comments, string contents and `#[cfg(test)]` items are blanks; line ends are kept.
    pub(crate) code: String,
    /// The string literals of the shipped code.
    pub(crate) literals: Vec<Literal>,
}

impl Source {
    /// Takes a file's text apart.
    pub(crate) fn read(text: &str) -> Self {
        let (mut code, literals) = mask(text);
        let tests = test_items(&code);
        let literals = literals
            .into_iter()
            .filter(|(at, _)| !tests.iter().any(|range| range.contains(at)))
            .map(|(at, text)| Literal { line: line_of(&code, at), text })
            .collect();
        for range in tests {
            blank(&mut code[range]);
        }
        Self { code: String::from_utf8_lossy(&code).into_owned(), literals }
    }

    /// The shipped code's lines with their numbers, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// Blanks comments and the contents of literals; gives the string literals by their offset.
fn mask(text: &str) -> (Vec<u8>, Vec<(usize, String)>) {
    let input = text.as_bytes();
    let mut code = input.to_vec();
    let mut literals = Vec::new();
    let mut at = 0;
    while at < input.len() {
        let rest = &input[at..];
        let end = if rest.starts_with(b"//") {
            at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            at + block_comment(rest)
        } else if let Some((open, close, length)) =
            string(rest, at.checked_sub(1).map(|before| input[before]))
        {
            literals.push((at, String::from_utf8_lossy(&rest[open..close]).into_owned()));
            blank(&mut code[at + open..at + close]);
            at += length;
            continue;
        } else if let Some(length) = character(rest) {
            at + length
        } else {
            at += 1;
            continue;
        };
        blank(&mut code[at..end]);
        at = end;
    }
    (code, literals)
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// A string literal at the start of `rest`: where its contents begin and end, and its whole length.
fn string(rest: &[u8], before: Option<u8>) -> Option<(usize, usize, usize)> {
    if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return None;
    }
    let prefix = rest.iter().take_while(|byte| matches!(byte, b'b' | b'c' | b'r')).count();
    let raw = rest[..prefix].contains(&b'r');
    let hashes = if raw { rest[prefix..].iter().take_while(|byte| **byte == b'#').count() } else { 0 };
    let open = prefix + hashes + 1;
    if prefix > 2 || rest.get(open - 1) != Some(&b'"') {
        return None;
    }
    let mut at = open;
    while at < rest.len() {
        match rest[at] {
            b'\\' if !raw => at += 1,
            b'"' if rest[at + 1..].iter().take(hashes).filter(|byte| **byte == b'#').count() == hashes => {
                return Some((open, at, at + 1 + hashes));
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The length of a character literal at the start of `rest`; a lifetime's quote is none.
fn character(rest: &[u8]) -> Option<usize> {
    match rest {
        [b'\'', b'\\', ..] => Some(rest.iter().skip(3).position(|byte| *byte == b'\'')? + 4),
        [b'\'', byte, b'\'', ..] if *byte != b'\'' => Some(3),
        _ => None,
    }
}

/// Where the items marked `#[cfg(test)]` stand, up to their closing brace or semicolon.
fn test_items(code: &[u8]) -> Vec<std::ops::Range<usize>> {
    const MARK: &[u8] = b"#[cfg(test)]";
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) =
        code[at..].windows(MARK.len()).position(|window| window == MARK).map(|next| at + next)
    {
        let mut depth = 0_usize;
        at = code.len();
        for (offset, byte) in code.iter().enumerate().skip(start + MARK.len()) {
            match byte {
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 && matches!(byte, b'}' | b';') {
                at = offset + 1;
                break;
            }
        }
        found.push(start..at);
    }
    found
}

fn blank(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
}

fn line_of(code: &[u8], at: usize) -> usize {
    code[..at].split(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
// tokio in a comment /* " */
fn real<'a>(c: char) -> &'a [u8] {
    let quote = ['"', '\'', 'x'];
    let raw = r"std::fs quoted";
    /* a /* nested */ Instant::now */
    b"* OK \" ready"
}
#[cfg(test)]
mod tests {
    fn only_here() { tokio::spawn("BAD text }"); }
}
fn after() {}
"#;

    #[test]
    fn comments_strings_and_tests_are_blank() {
        let source = Source::read(TEXT);
        assert!(source.code.contains("fn real<'a>") && source.code.contains("fn after()"));
        for gone in ["tokio", "std::fs", "Instant", "only_here", "OK"] {
            assert!(!source.code.contains(gone), "{gone} in {}", source.code);
        }
        assert_eq!(source.code.lines().count(), TEXT.lines().count());
    }

    #[test]
    fn literals_of_shipped_code_are_listed_with_their_lines() {
        let source = Source::read(TEXT);
        let found: Vec<(usize, &str)> =
            source.literals.iter().map(|literal| (literal.line, literal.text.as_str())).collect();
        assert_eq!(found, [(5, "std::fs quoted"), (7, "* OK \\\" ready")]);
    }
}
