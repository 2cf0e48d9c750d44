//! The arguments of a command, generic first (RFC 3501 section 9: atom, quoted, literal, parenthesised list); what they
//! mean is each command's own business. How Dovecot reads them is in `reader.rs`.

use std::borrow::Cow;

use crate::imap::texts::Phrase;

/// One argument. Bytes are the client's, unquoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument<'a> {
    /// Anything without quotes; `NIL` and `BODY[TEXT]` too.
    Atom(&'a [u8]),
    /// A quoted string.
    Quoted(Cow<'a, [u8]>),
    /// A literal.
    Literal(&'a [u8]),
    /// A list.
    List(Vec<Argument<'a>>),
}

impl<'a> Argument<'a> {
    /// An astring: atom, quoted or literal.
    pub fn string(&self) -> Option<&[u8]> {
        match self {
            Self::Atom(bytes) | Self::Literal(bytes) => Some(bytes),
            Self::Quoted(bytes) => Some(bytes),
            Self::List(_) => None,
        }
    }

    /// An atom.
    pub const fn atom(&self) -> Option<&'a [u8]> {
        match self {
            Self::Atom(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// An atom of these letters, in any case.
    pub fn is_atom(&self, word: &str) -> bool {
        self.atom().is_some_and(|bytes| bytes.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// A list's members.
    pub fn list(&self) -> Option<&[Argument<'a>]> {
        match self {
            Self::List(members) => Some(members),
            _ => None,
        }
    }
}

/// Octets of the longest argument.
pub fn longest(arguments: &[Argument<'_>]) -> usize {
    let length = |argument: &Argument<'_>| match argument {
        Argument::List(members) => longest(members),
        argument => argument.string().map_or(0, <[u8]>::len),
    };
    arguments.iter().map(length).max().unwrap_or_default()
}

/// Lists nested deeper than this are refused; no client needs more than four.
const MAX_DEPTH: usize = 32;

/// Reads all arguments of a command: what stands behind the verb, without the last line end, literals included.
///
/// `Err` is the phrase of the fault.
pub fn parse(input: &[u8]) -> Result<Vec<Argument<'_>>, Phrase> {
    let mut open: Vec<Vec<Argument<'_>>> = Vec::new();
    let mut present = Vec::new();
    let mut rest = input;
    while let Some((&first, behind)) = rest.split_first() {
        rest = match first {
            b' ' => behind,
            b'(' => {
                if open.len() >= MAX_DEPTH {
                    return Err(Phrase::TooManyParentheses);
                }
                open.push(std::mem::take(&mut present));
                behind
            }
            b')' => {
                let outer = open.pop().ok_or(Phrase::UnexpectedParenthesis)?;
                let list = std::mem::replace(&mut present, outer);
                present.push(Argument::List(list));
                behind
            }
            b'"' => {
                let (argument, after) = quoted(behind)?;
                present.push(argument);
                after
            }
            b'{' => {
                let (argument, after) = literal(behind)?;
                present.push(argument);
                after
            }
            _ => {
                let (argument, after) = atom(rest)?;
                present.push(argument);
                after
            }
        };
    }
    if open.is_empty() { Ok(present) } else { Err(Phrase::MissingParenthesis) }
}

type Parsed<'a> = Result<(Argument<'a>, &'a [u8]), Phrase>;

/// `quoted = DQUOTE *QUOTED-CHAR DQUOTE`; 8-bit characters pass, as Dovecot lets them.
fn quoted(input: &[u8]) -> Parsed<'_> {
    let mut unescaped: Option<Vec<u8>> = None;
    let mut from = 0_usize;
    loop {
        let rest = input.get(from..).unwrap_or_default();
        let end = memchr::memchr2(b'"', b'\\', rest).ok_or(Phrase::MissingQuote)?;
        let (plain, after) = rest.split_at_checked(end).ok_or(Phrase::MissingQuote)?;
        if memchr::memchr3(b'\r', b'\n', 0, plain).is_some() {
            return Err(Phrase::MissingQuote);
        }
        match after {
            [b'"', after @ ..] => {
                let argument = match unescaped {
                    None => Argument::Quoted(Cow::Borrowed(plain)),
                    Some(mut bytes) => {
                        bytes.extend_from_slice(plain);
                        Argument::Quoted(Cow::Owned(bytes))
                    }
                };
                return Ok((argument, after));
            }
            [b'\\', escaped, ..] => {
                let bytes = unescaped.get_or_insert_default();
                bytes.extend_from_slice(plain);
                bytes.push(*escaped);
                from = from.saturating_add(end).saturating_add(2);
            }
            _ => return Err(Phrase::MissingQuote),
        }
    }
}

/// `literal = "{" number ["+"] "}" CRLF *CHAR8`; the framing has let exactly that many octets in.
fn literal(input: &[u8]) -> Parsed<'_> {
    let brace = memchr::memchr(b'}', input).ok_or(Phrase::InvalidLiteral)?;
    let (number, rest) = input.split_at_checked(brace).ok_or(Phrase::InvalidLiteral)?;
    let number = number.strip_suffix(b"+").unwrap_or(number);
    let size: usize = std::str::from_utf8(number)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .ok_or(Phrase::InvalidLiteral)?;
    let rest = rest.strip_prefix(b"}").unwrap_or(rest);
    let rest = rest.strip_prefix(b"\r").unwrap_or(rest);
    let rest = rest.strip_prefix(b"\n").ok_or(Phrase::InvalidLiteral)?;
    let (bytes, rest) = rest.split_at_checked(size).ok_or(Phrase::InvalidLiteral)?;
    Ok((Argument::Literal(bytes), rest))
}

fn atom(input: &[u8]) -> Parsed<'_> {
    let end = input.iter().position(|byte| matches!(byte, b' ' | b'(' | b')' | b'"')).unwrap_or(input.len());
    let (atom, rest) = input.split_at_checked(end).unwrap_or((input, &[]));
    if atom.iter().any(|byte| !byte.is_ascii_graphic() || *byte == b'{') {
        return Err(Phrase::InvalidCharacter);
    }
    Ok((Argument::Atom(atom), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(input: &[u8]) -> String {
        fn show(argument: &Argument<'_>) -> String {
            let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
            match argument {
                Argument::Atom(bytes) => text(bytes),
                Argument::Quoted(bytes) => format!("'{}'", text(bytes)),
                Argument::Literal(bytes) => format!("<{}>", text(bytes)),
                Argument::List(members) => {
                    format!("({})", members.iter().map(show).collect::<Vec<_>>().join(" "))
                }
            }
        }
        match parse(input) {
            Ok(arguments) => arguments.iter().map(show).collect::<Vec<_>>().join(" "),
            Err(phrase) => format!("{phrase:?}"),
        }
    }

    #[test]
    fn arguments_of_every_kind() {
        assert_eq!(shown(b""), "");
        assert_eq!(shown(b"a \"b \\\"c\\\\\" NIL"), "a 'b \\\"c\\\\' NIL");
        assert_eq!(shown(b"{3}\r\na\r\n {2+}\r\n\"( x"), "<a\\r\\n> <\\\"(> x");
        assert_eq!(shown(b"1:* (FLAGS BODY[HEADER.FIELDS (To From)]<0.10>)"), {
            "1:* (FLAGS BODY[HEADER.FIELDS (To From) ]<0.10>)"
        });
        assert_eq!(shown(b"(() (a))"), "(() (a))");
        assert_eq!(shown(b"\"\xff\""), "'\\xff'");
    }

    #[test]
    fn faults() {
        assert_eq!(shown(b"\"a"), "MissingQuote");
        assert_eq!(shown(b"\"a\\"), "MissingQuote");
        assert_eq!(shown(b"(a"), "MissingParenthesis");
        assert_eq!(shown(b"a)"), "UnexpectedParenthesis");
        assert_eq!(shown(b"{x}"), "InvalidLiteral");
        assert_eq!(shown(b"{5}"), "InvalidLiteral");
        assert_eq!(shown(b"a\0b"), "InvalidCharacter");
        assert_eq!(shown(&b"(".repeat(1000)), "TooManyParentheses");
    }
}
