//! The tokens of structured header fields (RFC 5322 section 3.2, RFC 2045 section 5.1), read as tolerantly as Dovecot
//! reads them: 8-bit bytes are text, comments nest and may stand between any two tokens.
//!
//! Each token takes the white space and comments behind it along, and says whether anything follows.

/// What stands for a NUL, which no C string can hold: U+FFFD in UTF-8.
pub(super) const NUL_STANDS_AS: &[u8] = "\u{fffd}".as_bytes();

/// What follows a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Further bytes, at least one.
    More,
    /// Nothing.
    End,
}

/// The input is no such token; the lexer stands where it noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

pub(super) type Token = Result<Then, Broken>;

/// A place in a header value. Copy it to be able to go back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a>(&'a [u8]);

/// Reads tokens off a header value.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    rest: &'a [u8],
    /// The text of the last comment that was skipped.
    pub(super) comment: Vec<u8>,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(value: &'a [u8]) -> Self {
        Self { rest: value, comment: Vec::new() }
    }

    pub(super) fn place(&self) -> Place<'a> {
        Place(self.rest)
    }

    pub(super) fn go_back(&mut self, place: Place<'a>) {
        self.rest = place.0;
    }

    /// What was not read yet.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next byte, not taken.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Takes the next byte.
    pub(super) fn take(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    /// Takes the next byte if it is this one.
    pub(super) fn take_if(&mut self, byte: u8) -> bool {
        let is = self.peek() == Some(byte);
        if is {
            self.rest = &self.rest[1..];
        }
        is
    }

    /// Takes the bytes while they are such.
    pub(super) fn take_while(&mut self, is: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.rest.iter().position(|&byte| !is(byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn then(&self) -> Then {
        if self.rest.is_empty() { Then::End } else { Then::More }
    }

    /// CFWS: white space, line ends and comments.
    pub(super) fn space(&mut self) -> Token {
        loop {
            self.take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
            if self.peek() != Some(b'(') {
                return Ok(self.then());
            }
            self.skip_comment()?;
        }
    }

    fn skip_comment(&mut self) -> Result<(), Broken> {
        self.rest = &self.rest[1..];
        self.comment.clear();
        let mut text = Text::new(std::mem::take(&mut self.comment));
        let mut level = 1_usize;
        while let Some(byte) = self.take() {
            match byte {
                b'(' => level += 1,
                b')' => level -= 1,
                _ => {}
            }
            if level == 0 {
                self.comment = text.written;
                return Ok(());
            }
            if let Err(broken) = text.push(byte, self) {
                self.comment = text.settled();
                return Err(broken);
            }
        }
        self.comment = text.settled();
        Err(Broken)
    }

    /// `1*atext`.
    pub(super) fn atom(&mut self, out: &mut Vec<u8>) -> Token {
        if !self.peek().is_some_and(is_atext) {
            return Err(Broken);
        }
        out.extend_from_slice(self.take_while(is_atext));
        self.space()
    }

    /// `*(atext / ".")`, a word of a phrase; perhaps empty.
    pub(super) fn dotted_word(&mut self, out: &mut Vec<u8>) -> Token {
        out.extend_from_slice(self.take_while(|byte| is_atext(byte) || byte == b'.'));
        self.space()
    }

    /// `1*atext *("." 1*atext)` with white space allowed around the dots (RFC 5322 section 4.4).
    pub(super) fn dot_atom(&mut self, out: &mut Vec<u8>) -> Token {
        loop {
            if self.atom(out)? == Then::End {
                return Ok(Then::End);
            }
            if !self.take_if(b'.') {
                return Ok(Then::More);
            }
            out.push(b'.');
            if self.space()? == Then::End {
                return Err(Broken);
            }
        }
    }

    /// A token of MIME (RFC 2045 section 5.1); perhaps empty.
    pub(super) fn mime_token(&mut self, out: &mut Vec<u8>) -> Token {
        out.extend_from_slice(
            self.take_while(|byte| byte == b'.' || (is_atext(byte) && !matches!(byte, b'/' | b'?' | b'='))),
        );
        self.space()
    }

    /// `"..."`, unquoted and unfolded; the lexer stands at the opening quote.
    pub(super) fn quoted_string(&mut self, out: &mut Vec<u8>) -> Token {
        self.rest = &self.rest[1..];
        let mut text = Text::new(std::mem::take(out));
        let outcome = loop {
            match self.take() {
                Some(b'"') => break Ok(()),
                Some(byte) => {
                    if text.push(byte, self).is_err() {
                        break Err(Broken);
                    }
                }
                None => break Err(Broken),
            }
        };
        *out = if outcome.is_ok() { text.written } else { text.settled() };
        outcome.and_then(|()| self.space())
    }

    /// `1*word`, with dots among them (RFC 5322 section 4.1); words are joined by one space.
    pub(super) fn phrase(&mut self, out: &mut Vec<u8>) -> Token {
        match self.peek() {
            None => return Ok(Then::End),
            Some(b'.') => return Err(Broken),
            Some(_) => {}
        }
        loop {
            let word =
                if self.peek() == Some(b'"') { self.quoted_string(out) } else { self.dotted_word(out) };
            if word? == Then::End {
                return Ok(Then::End);
            }
            if !self.peek().is_some_and(|byte| is_atext(byte) || byte == b'"' || byte == b'.') {
                return Ok(Then::More);
            }
            out.push(b' ');
        }
    }

    /// `"@" domain`, the lexer standing at the `@`; a domain literal keeps its brackets.
    pub(super) fn domain(&mut self, out: &mut Vec<u8>) -> Token {
        self.rest = &self.rest[1..];
        if self.space()? == Then::End {
            return Err(Broken);
        }
        if self.peek() == Some(b'[') { self.domain_literal(out) } else { self.dot_atom(out) }
    }

    fn domain_literal(&mut self, out: &mut Vec<u8>) -> Token {
        out.extend(self.take());
        while let Some(byte) = self.take() {
            match byte {
                b'[' => return Err(Broken),
                b']' => {
                    out.push(byte);
                    return self.space();
                }
                b'\n' => {
                    if out.last() == Some(&b'\r') {
                        out.pop();
                    }
                }
                b'\0' => out.extend_from_slice(NUL_STANDS_AS),
                b'\\' => {
                    out.push(byte);
                    match self.peek() {
                        None => return Err(Broken),
                        Some(b'\r' | b'\n' | b'\0') => {}
                        Some(_) => out.extend(self.take()),
                    }
                }
                _ => out.push(byte),
            }
        }
        Err(Broken)
    }
}

/// The text of a quoted string or comment as it is unquoted.
struct Text {
    written: Vec<u8>,
    /// So much stays if the closing delimiter is missing.
    settled: usize,
}

impl Text {
    fn new(written: Vec<u8>) -> Self {
        Self { settled: written.len(), written }
    }

    fn push(&mut self, byte: u8, lexer: &mut Lexer<'_>) -> Result<(), Broken> {
        match byte {
            b'\n' => {
                if self.written.len() > self.settled && self.written.last() == Some(&b'\r') {
                    self.written.pop();
                }
            }
            b'\0' => self.written.extend_from_slice(NUL_STANDS_AS),
            b'\\' => {
                return match lexer.peek() {
                    None => Err(Broken),
                    // no quoted-pair: the backslash stands for itself
                    Some(b'\r' | b'\n' | b'\0') => {
                        self.written.push(byte);
                        Ok(())
                    }
                    Some(quoted) => {
                        lexer.take();
                        self.settled = self.written.len();
                        self.written.push(quoted);
                        Ok(())
                    }
                };
            }
            _ => {
                self.written.push(byte);
                return Ok(());
            }
        }
        self.settled = self.written.len();
        Ok(())
    }

    fn settled(mut self) -> Vec<u8> {
        self.written.truncate(self.settled);
        self.written
    }
}

/// `atext` of RFC 5322 section 3.2.3, and 8-bit bytes.
pub(super) fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}
