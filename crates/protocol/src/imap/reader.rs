//! The arguments of a command as Dovecot reads them: one behind the other, no more than the command wants, so that a fault
//! behind the last of them is none. What stands where decides which octets are the next command.
//!
//! What the arguments mean is each command's business; the plain grammar is in `arguments.rs`.

use std::borrow::Cow;

use crate::framing::Literal;
use crate::imap::arguments::Argument;
use crate::imap::texts::Phrase;

/// How arguments are read.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// How many the command wants; `None` for all that there are.
    pub wanted: Option<usize>,
    /// What literals are.
    pub literals: Literals,
    /// Whether the arguments stand in a list whose `(` was read before.
    pub inside_list: bool,
    /// Lists that may be opened; `None` for no limit.
    pub lists: Option<usize>,
    /// Octets of the command in front of what is read.
    pub before: usize,
    /// Octets of a command: an argument may not begin behind them, nor a literal end behind them.
    pub limit: usize,
    /// Octets of an atom, and of a quoted string with one of its quotes: what Dovecot's mail process holds before it has seen the
    /// end.
    pub longest: usize,
}

/// What literals are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Literals {
    /// Strings.
    Strings,
    /// In APPEND behind the mailbox: messages and texts, whose octets are not read here. Where none may stand an
    /// announcement is passed over, and the next line goes on with the arguments.
    Messages,
    /// The same within the list of CATENATE.
    Parts,
}

/// Where reading ended, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// All wanted arguments are there.
    Enough,
    /// The line's end.
    LineEnd,
    /// The `)` of the list that was open.
    ListEnd,
    /// The input ends with the announcement of a literal.
    Literal(Literal),
    /// The message or text of APPEND: its octets come next.
    Message {
        /// The announcement.
        literal: Literal,
        /// Whether it was `~{5}`.
        binary: bool,
        /// Whether the list of CATENATE is open.
        part: bool,
    },
    /// The input ends with an announcement that is passed over.
    Ignored,
    /// A literal that the line limit does not allow.
    LiteralTooBig,
    /// What is wrong; whether a literal was asked for before it was found.
    Fault(Phrase, bool),
}

/// What was read.
#[derive(Debug, Clone)]
pub struct Reading<'a> {
    /// The arguments, those of lists that are still open included.
    pub arguments: Vec<Argument<'a>>,
    /// Why it ended.
    pub stop: Stop,
    /// Octets that are read: where it goes on.
    pub end: usize,
}

/// Lists within lists are kept to this depth; what is deeper is read and forgotten. Only SEARCH knows more than four.
const MAX_DEPTH: usize = 64;

/// Reads arguments. The input is what stands behind the verb, without the last line end.
pub fn read(input: &[u8], rules: Rules) -> Reading<'_> {
    let mut reader =
        Reader { input, at: 0, rules, open: Vec::new(), too_deep: 0, lists: 0, present: Vec::new() };
    let stop = reader.run();
    let end = reader.at;
    while let Some(outer) = reader.open.pop() {
        let list = std::mem::replace(&mut reader.present, outer);
        reader.present.push(Argument::List(list));
    }
    Reading { arguments: reader.present, stop, end }
}

struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    rules: Rules,
    open: Vec<Vec<Argument<'a>>>,
    too_deep: usize,
    lists: usize,
    present: Vec<Argument<'a>>,
}

impl<'a> Reader<'a> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.input.get(self.at.saturating_add(ahead)).copied()
    }

    fn skip(&mut self, octets: usize) {
        self.at = self.at.saturating_add(octets).min(self.input.len());
    }

    const fn nested(&self) -> bool {
        !self.open.is_empty()
    }

    fn run(&mut self) -> Stop {
        loop {
            if !self.nested() && self.rules.wanted.is_some_and(|wanted| self.present.len() >= wanted) {
                return Stop::Enough;
            }
            while self.peek(0) == Some(b' ') {
                self.skip(1);
            }
            let begins = self.rules.before.saturating_add(self.at);
            if let Some(stop) = self.argument() {
                return stop;
            }
            if begins > self.rules.limit {
                return Stop::Fault(Phrase::LineTooLarge, false);
            }
        }
    }

    /// Reads one argument, or a bracket.
    fn argument(&mut self) -> Option<Stop> {
        let fault = |phrase| Some(Stop::Fault(phrase, false));
        match (self.peek(0), self.peek(1)) {
            (None | Some(b'\n'), _) | (Some(b'\r'), Some(b'\n')) => Some(self.line_end()),
            (Some(b'\r'), _) => fault(Phrase::LoneCarriageReturn),
            (Some(b'('), _) => self.open_list(),
            (Some(b')'), _) => self.close_list(),
            (Some(b'"'), _) => self.quoted().err().map(|phrase| Stop::Fault(phrase, false)),
            (Some(b'{'), _) => {
                self.skip(1);
                self.literal(false)
            }
            (Some(b'~'), Some(b'{')) if self.rules.literals == Literals::Strings => {
                fault(Phrase::BinaryLiteral)
            }
            (Some(b'~'), Some(b'{')) => {
                self.skip(2);
                self.literal(true)
            }
            _ => self.atom().err().map(|phrase| Stop::Fault(phrase, false)),
        }
    }

    fn line_end(&self) -> Stop {
        if self.nested() || self.rules.inside_list {
            return Stop::Fault(Phrase::MissingParenthesis, false);
        }
        Stop::LineEnd
    }

    fn open_list(&mut self) -> Option<Stop> {
        self.lists = self.lists.saturating_add(1);
        if self.rules.lists.is_some_and(|limit| self.lists > limit) {
            return Some(Stop::Fault(Phrase::TooManyParentheses, false));
        }
        self.skip(1);
        if self.open.len() >= MAX_DEPTH {
            self.too_deep = self.too_deep.saturating_add(1);
        } else {
            self.open.push(std::mem::take(&mut self.present));
        }
        None
    }

    fn close_list(&mut self) -> Option<Stop> {
        if self.too_deep > 0 {
            self.too_deep = self.too_deep.saturating_sub(1);
        } else if let Some(outer) = self.open.pop() {
            let list = std::mem::replace(&mut self.present, outer);
            self.push(Argument::List(list));
            let parts =
                matches!(options(&self.present), [word, Argument::List(_)] if word.is_atom("CATENATE"));
            if parts && self.rules.literals == Literals::Messages && !self.nested() {
                self.skip(1);
                return Some(Stop::Enough);
            }
        } else if self.rules.inside_list {
            self.skip(1);
            return Some(Stop::ListEnd);
        } else {
            return Some(Stop::Fault(Phrase::UnexpectedParenthesis, false));
        }
        self.skip(1);
        None
    }

    fn push(&mut self, argument: Argument<'a>) {
        if self.too_deep == 0 {
            self.present.push(argument);
        }
    }

    fn atom(&mut self) -> Result<(), Phrase> {
        let rest = self.input.get(self.at..).unwrap_or_default();
        for (place, octet) in rest.iter().enumerate() {
            if place > self.rules.longest {
                return Err(Phrase::ArgumentTooLong);
            }
            // Behind the first octet of an atom with a fault the reader has taken that octet.
            let phrase = match octet {
                b' ' | b'\r' | b'\n' => return self.end_atom(rest, place),
                b')' if self.nested() || self.rules.inside_list => return self.end_atom(rest, place),
                b')' => Phrase::UnexpectedParenthesis,
                b'(' | b'{' | b'"' | 0..=32 | 0x7f => Phrase::InvalidCharacter,
                0x80.. => Phrase::EightBitAtom,
                _ => continue,
            };
            self.skip(place.min(1));
            return Err(phrase);
        }
        self.end_atom(rest, rest.len())
    }

    fn end_atom(&mut self, rest: &'a [u8], length: usize) -> Result<(), Phrase> {
        if length > self.rules.longest {
            return Err(Phrase::ArgumentTooLong);
        }
        self.push(Argument::Atom(rest.get(..length).unwrap_or_default()));
        self.skip(length);
        Ok(())
    }

    /// `quoted = DQUOTE *QUOTED-CHAR DQUOTE`; 8-bit characters pass.
    fn quoted(&mut self) -> Result<(), Phrase> {
        self.skip(1);
        let rest = self.input.get(self.at..).unwrap_or_default();
        let mut text: Cow<'a, [u8]> = Cow::Borrowed(&[]);
        let mut octets = rest.iter().enumerate();
        while let Some((place, octet)) = octets.next() {
            if place >= self.rules.longest {
                return Err(Phrase::ArgumentTooLong);
            }
            match octet {
                b'"' => {
                    if let Cow::Borrowed(_) = text {
                        text = Cow::Borrowed(rest.get(..place).unwrap_or_default());
                    }
                    self.push(Argument::Quoted(text));
                    self.skip(place.saturating_add(1));
                    return Ok(());
                }
                0 => return Err(Phrase::NulInString),
                b'\r' | b'\n' => return Err(Phrase::MissingQuote),
                b'\\' => {
                    if let Cow::Borrowed(_) = text {
                        text = Cow::Owned(rest.get(..place).unwrap_or_default().to_vec());
                    }
                    match octets.next() {
                        Some((_, b'\r' | b'\n')) | None => return Err(Phrase::MissingQuote),
                        Some((_, escaped)) => text.to_mut().push(*escaped),
                    }
                }
                plain => {
                    if let Cow::Owned(text) = &mut text {
                        text.push(*plain);
                    }
                }
            }
        }
        Err(Phrase::MissingQuote)
    }

    /// What stands behind the brace: `number ["+"] "}" CRLF *CHAR8`.
    fn literal(&mut self, binary: bool) -> Option<Stop> {
        let rest = self.input.get(self.at..).unwrap_or_default();
        let (mut size, mut synchronizing) = (0_u64, true);
        for (place, octet) in rest.iter().enumerate() {
            match octet {
                b'}' => {
                    self.skip(place.saturating_add(1));
                    return self.literal_end(Literal { size, synchronizing }, binary);
                }
                _ if !synchronizing => return Some(Stop::Fault(Phrase::LiteralUnclosed, false)),
                b'+' => synchronizing = false,
                b'0'..=b'9' => {
                    let digit = u64::from(octet.wrapping_sub(b'0'));
                    match size.checked_mul(10).and_then(|size| size.checked_add(digit)) {
                        Some(grown) => size = grown,
                        None => return Some(Stop::LiteralTooBig),
                    }
                }
                _ => return Some(Stop::Fault(Phrase::InvalidLiteral, false)),
            }
        }
        let phrase = if synchronizing { Phrase::InvalidLiteral } else { Phrase::LiteralUnclosed };
        Some(Stop::Fault(phrase, false))
    }

    fn literal_end(&mut self, literal: Literal, binary: bool) -> Option<Stop> {
        let strings = self.rules.literals == Literals::Strings;
        let so_far = self.rules.before.saturating_add(self.at) as u64;
        let room = (self.rules.limit as u64).checked_sub(so_far).filter(|room| *room > 0);
        if strings && room.is_none_or(|room| literal.size > room) {
            return Some(Stop::LiteralTooBig);
        }
        let mut behind = self.input.get(self.at..).unwrap_or_default();
        let whole = behind.len();
        let at_end = behind.is_empty();
        behind = behind.strip_prefix(b"\r").unwrap_or(behind);
        let octets = behind.strip_prefix(b"\n");
        if octets.is_none() && !at_end {
            self.skip(whole.saturating_sub(behind.len()));
            return Some(Stop::Fault(Phrase::MissingLineFeed, strings && literal.synchronizing));
        }
        let octets = octets.unwrap_or_default();
        self.skip(whole.saturating_sub(octets.len()));
        if !strings {
            match self.place() {
                Place::Url => {}
                Place::Message { part } => return Some(Stop::Message { literal, binary, part }),
                Place::Nowhere => {
                    self.push(Argument::Literal(&[]));
                    return octets.is_empty().then_some(Stop::Ignored);
                }
            }
        }
        let size = usize::try_from(literal.size).unwrap_or(usize::MAX);
        let Some(octets) = octets.get(..size).filter(|_| !at_end) else {
            return Some(Stop::Literal(literal));
        };
        self.skip(size);
        // A string ends at a NUL.
        let text = memchr::memchr(0, octets).and_then(|end| octets.get(..end)).unwrap_or(octets);
        self.push(Argument::Literal(text));
        None
    }

    /// What a literal that is announced here would be in APPEND: `[(flags)] ["date"] {5}`, or a part of CATENATE.
    fn place(&self) -> Place {
        let parts = |members: &[Argument<'_>]| {
            for pair in members.chunks(2) {
                match pair {
                    [url, _] if url.is_atom("URL") => {}
                    [url] if url.is_atom("URL") => return Place::Url,
                    _ => return Place::Message { part: true },
                }
            }
            Place::Message { part: true }
        };
        match (self.rules.literals, self.open.as_slice()) {
            (Literals::Parts, []) => parts(&self.present),
            (Literals::Messages, []) if options(&self.present).is_empty() => Place::Message { part: false },
            (Literals::Messages, [outer]) if matches!(options(outer), [word] if word.is_atom("CATENATE")) => {
                parts(&self.present)
            }
            _ => Place::Nowhere,
        }
    }
}

/// What a literal of APPEND is.
enum Place {
    Url,
    Message { part: bool },
    Nowhere,
}

/// What stands behind `[(flags)] ["date"]`.
pub fn options<'a, 'b>(arguments: &'a [Argument<'b>]) -> &'a [Argument<'b>] {
    let rest = if let [Argument::List(_), rest @ ..] = arguments { rest } else { arguments };
    if let [Argument::Quoted(_), rest @ ..] = rest { rest } else { rest }
}

#[cfg(test)]
mod tests;
