//! Parameters of Content-Type and Content-Disposition (RFC 2045 section 5.1), with RFC 2231's continuations put together.
//! `content.rs` reads what stands before them.

use bytes::Bytes;

use crate::mime::lexer::{Broken, Lexer, Then};
use crate::mime::part::Parameter;

/// More parameters than this are not read.
const MOST: usize = 1000;

/// Reads `*(";" name "=" value)`. What is broken is skipped up to the next semicolon.
///
/// Plain parameters come first, in order; those in RFC 2231's form follow, sorted by name, as Dovecot gives them.
/// Names and values keep their case; a value in RFC 2231's encoding stays encoded and its name keeps its `*`.
pub(super) fn parameters(lexer: &mut Lexer<'_>) -> Vec<Parameter> {
    let mut plain = Vec::new();
    let mut pieces: Vec<Piece> = Vec::new();
    let mut index = 0;
    while lexer.peek().is_some() && plain.len() + pieces.len() < MOST {
        match parameter(lexer) {
            Ok((name, value)) => match Piece::of(&name, &mut index) {
                Some((name, extended)) => pieces.push(Piece { name, index, extended, value }),
                None => plain.push((name.into(), value.into())),
            },
            Err(Broken) => {
                lexer.take();
                lexer.take_while(|byte| byte != b';');
            }
        }
    }
    pieces.sort_by(|one, other| (&one.name, one.index).cmp(&(&other.name, other.index)));
    for group in pieces.chunk_by(|one, other| one.name.eq_ignore_ascii_case(&other.name)) {
        join(group, &mut plain);
    }
    plain
}

fn parameter(lexer: &mut Lexer<'_>) -> Result<(Vec<u8>, Vec<u8>), Broken> {
    let mut name = Vec::new();
    let mut value = Vec::new();
    if !lexer.take_if(b';') || lexer.space()? == Then::End {
        return Err(Broken);
    }
    if lexer.mime_token(&mut name)? == Then::End || !lexer.take_if(b'=') {
        return Err(Broken);
    }
    if lexer.space()? == Then::More {
        match lexer.peek() {
            Some(b'"') => {
                lexer.quoted_string(&mut value)?;
            }
            // an unquoted encoded word (`name==?utf-8?b?...?=`): not allowed, but mailers do it
            Some(b'=') => value.extend_from_slice(
                lexer.take_while(|byte| !matches!(byte, b';' | b' ' | b'\t' | b'\r' | b'\n')),
            ),
            _ => {
                lexer.mime_token(&mut value)?;
            }
        }
    }
    Ok((name, value))
}

/// One piece of a parameter in RFC 2231's form, `name*0*=value`.
struct Piece {
    name: Vec<u8>,
    index: u32,
    extended: bool,
    value: Vec<u8>,
}

impl Piece {
    /// Takes `name*`, `name*1` or `name*1*` apart; any other name is a plain one. A name without a number has the
    /// number of the piece before it: an oddity of Dovecot's that shows in its answers.
    fn of(name: &[u8], index: &mut u32) -> Option<(Vec<u8>, bool)> {
        let star = name.iter().position(|&byte| byte == b'*')?;
        let (name, mut rest) = (&name[..star], &name[star..]);
        if let [b'*', number @ ..] = rest
            && !number.is_empty()
        {
            let digits = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (digits, behind) = number.split_at(digits);
            *index = digits
                .iter()
                .fold(0, |sum: u32, digit| sum.wrapping_mul(10).wrapping_add(u32::from(digit - b'0')));
            rest = behind;
        }
        match rest {
            [] => Some((name.to_vec(), false)),
            [b'*'] => Some((name.to_vec(), true)),
            _ => None,
        }
    }
}

/// Puts the pieces of one parameter together; if one is missing, each stays a parameter of its own.
fn join(pieces: &[Piece], out: &mut Vec<Parameter>) {
    let complete = (0..).zip(pieces).all(|(index, piece): (u32, _)| piece.index == index);
    if !complete {
        out.extend(pieces.iter().map(|piece| {
            let mut name = piece.name.clone();
            name.extend_from_slice(format!("*{}", piece.index).as_bytes());
            name.extend(piece.extended.then_some(b'*'));
            (name.into(), Bytes::copy_from_slice(&piece.value))
        }));
        return;
    }
    let Some(first) = pieces.first() else { return };
    let extended = pieces.iter().any(|piece| piece.extended);
    let mut name = first.name.clone();
    let mut value = Vec::new();
    if extended {
        name.push(b'*');
        if !first.extended {
            value.extend_from_slice(b"''"); // no charset, no language
        }
    }
    for piece in pieces {
        for &byte in &piece.value {
            value.push(byte);
            if byte == b'%' && extended && !piece.extended {
                value.extend_from_slice(b"25");
            }
        }
    }
    out.push((name.into(), value.into()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let text_of = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        parameters(&mut Lexer::new(text.as_bytes()))
            .iter()
            .map(|(name, value)| (text_of(name), text_of(value)))
            .collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn values_are_unquoted_and_keep_their_case() {
        assert_eq!(
            read("; Charset=UTF-8 (really); Name=\"a \\\"b\\\"\r\n c; d\"; x="),
            pairs(&[("Charset", "UTF-8"), ("Name", "a \"b\" c; d"), ("x", "")])
        );
        assert_eq!(read(";name==?utf-8?b?eA==?= ;a=b"), pairs(&[("name", "=?utf-8?b?eA==?="), ("a", "b")]));
    }

    #[test]
    fn what_is_broken_costs_itself_only() {
        assert_eq!(read("garbage; a=b c d; =e; f=g"), pairs(&[("a", "b"), ("", "e"), ("f", "g")]));
        assert_eq!(read(";a=b; c=\"open; d=e"), pairs(&[("a", "b")]));
        assert_eq!(read(";; a=b; c=d"), pairs(&[("c", "d")]));
    }

    #[test]
    fn continuations_are_put_together() {
        assert_eq!(
            read(";filename*1*=%20b;filename*0*=utf-8''a;filename*2=\"50%\";size=3"),
            pairs(&[("size", "3"), ("filename*", "utf-8''a%20b50%25")])
        );
        assert_eq!(read(";n*0=a;n*1=b"), pairs(&[("n", "ab")]));
        assert_eq!(read(";n*0=a;n*2=c"), pairs(&[("n*0", "a"), ("n*2", "c")]));
        assert_eq!(read(";filename*=utf-8''%41"), pairs(&[("filename*", "utf-8''%41")]));
        assert_eq!(read(";a*x=1"), pairs(&[("a*x", "1")]));
    }

    #[test]
    fn their_number_is_bounded() {
        assert_eq!(read(&";a=b".repeat(5000)).len(), MOST);
    }
}
