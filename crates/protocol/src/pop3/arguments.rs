//! Message numbers and line counts, read as Dovecot reads them: what is wrong is named with what follows it.

use crate::pop3::texts::Phrase;
use crate::pop3::turn::Fault;

/// A message number and nothing else: `RETR 3`.
pub fn message_number(arguments: &[u8]) -> Result<u32, Fault> {
    match number(arguments)? {
        (number, []) => Ok(number),
        (_, rest) => Err(Fault::with(Phrase::NoiseBehindMessageNumber, rest)),
    }
}

/// The same, or nothing at all: `LIST`.
pub fn optional_message_number(arguments: &[u8]) -> Result<Option<u32>, Fault> {
    if arguments.iter().all(|byte| *byte == b' ') {
        return Ok(None);
    }
    message_number(arguments).map(Some)
}

/// A message number, a space, and what stands behind it: `TOP 3 10`.
pub fn message_number_and(arguments: &[u8]) -> Result<(u32, &[u8]), Fault> {
    match number(arguments)? {
        (number, [b' ', rest @ ..]) => Ok((number, rest)),
        (_, rest) => Err(Fault::with(Phrase::NoiseBehindMessageNumber, rest)),
    }
}

/// The number of lines of TOP.
pub fn lines(arguments: &[u8]) -> Result<u64, Fault> {
    let arguments = skip_spaces(arguments);
    match digits(arguments) {
        ([], _) => Err(Fault::with(Phrase::InvalidSize, arguments)),
        (digits, rest) => match (value(digits), rest) {
            (None, _) => Err(Fault::with(Phrase::SizeTooLarge, arguments)),
            (Some(lines), []) => Ok(lines),
            _ => Err(Fault::with(Phrase::NoiseBehindSize, rest)),
        },
    }
}

/// The mechanism of AUTH and its initial response, as Dovecot's login process reads them: a CR ends a name as well, and any
/// octet behind the one space makes a response.
pub fn mechanism(arguments: &[u8]) -> (&[u8], Option<&[u8]>) {
    let (name, rest) = arguments.split_at_checked(length_of_mechanism(arguments)).unwrap_or((arguments, &[]));
    let response = rest.strip_prefix(b" ").unwrap_or(rest);
    (name, (!response.is_empty()).then(|| without_space(before_nul(response))))
}

/// A response without white space around it, which base64 does not count; but `=` is an empty one only where it is alone.
fn without_space(response: &[u8]) -> &[u8] {
    match response.trim_ascii() {
        b"=" => response,
        trimmed => trimmed,
    }
}

/// How many octets of what follows AUTH are the mechanism's name.
pub fn length_of_mechanism(arguments: &[u8]) -> usize {
    memchr::memchr3(b' ', b'\r', b'\n', arguments).unwrap_or(arguments.len())
}

/// A text as Dovecot sees it, whose strings end at NUL.
pub fn before_nul(text: &[u8]) -> &[u8] {
    memchr::memchr(0, text).and_then(|nul| text.get(..nul)).unwrap_or(text)
}

fn number(arguments: &[u8]) -> Result<(u32, &[u8]), Fault> {
    let arguments = skip_spaces(arguments);
    let (digits, rest) = digits(arguments);
    if digits.is_empty() {
        return Err(Fault::with(Phrase::InvalidMessageNumber, arguments));
    }
    let number = value(digits).ok_or_else(|| Fault::with(Phrase::MessageNumberTooLarge, arguments))?;
    match u32::try_from(number) {
        Ok(number) => Ok((number, rest)),
        Err(_) => Err(Fault::with(Phrase::MessageNumberTooLarge, rest)),
    }
}

fn skip_spaces(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| *byte != b' ').unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, &[]))
}

/// The value of digits; `None` where it takes more than 64 bits.
fn value(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault<T: std::fmt::Debug>(result: Result<T, Fault>) -> String {
        let Fault { phrase, detail } = result.unwrap_err();
        format!("{phrase:?}:{}", detail.escape_ascii())
    }

    /// Each as the real Dovecot answered it.
    #[test]
    fn mechanisms() {
        let read = |arguments| mechanism(arguments);
        assert_eq!(read(b""), (&b""[..], None));
        assert_eq!(read(b"PLAIN"), (&b"PLAIN"[..], None));
        assert_eq!(read(b"PLAIN "), (&b"PLAIN"[..], None));
        assert_eq!(read(b"PLAIN  "), (&b"PLAIN"[..], Some(&b""[..])));
        assert_eq!(read(b"PLAIN \0x"), (&b"PLAIN"[..], Some(&b""[..])));
        assert_eq!(read(b"PLAIN ="), (&b"PLAIN"[..], Some(&b"="[..])));
        assert_eq!(read(b"PLAIN  ="), (&b"PLAIN"[..], Some(&b" ="[..])));
        assert_eq!(read(b"PLAIN\rAGEAYg== "), (&b"PLAIN"[..], Some(&b"AGEAYg=="[..])));
        assert_eq!(read(b"\0 x"), (&b"\0"[..], Some(&b"x"[..])));
    }

    /// Each as the real Dovecot answered it.
    #[test]
    fn numbers() {
        assert_eq!(message_number(b" 01"), Ok(1));
        assert_eq!(fault(message_number(b"1 ")), "NoiseBehindMessageNumber: ");
        assert_eq!(fault(message_number(b"1 2")), "NoiseBehindMessageNumber: 2");
        assert_eq!(fault(message_number(b"+1")), "InvalidMessageNumber:+1");
        assert_eq!(fault(message_number(b"")), "InvalidMessageNumber:");
        assert_eq!(fault(message_number(b"12345678901x")), "MessageNumberTooLarge:x");
        assert_eq!(message_number(b"4294967295"), Ok(u32::MAX));
        assert_eq!(optional_message_number(b"  "), Ok(None));
        assert_eq!(message_number_and(b"1  2"), Ok((1, &b" 2"[..])));
        assert_eq!(fault(message_number_and(b"1")), "NoiseBehindMessageNumber:");
        assert_eq!(lines(b"  10"), Ok(10));
        assert_eq!(fault(lines(b"1 1")), "NoiseBehindSize: 1");
        assert_eq!(fault(lines(b"-1")), "InvalidSize:-1");
        assert_eq!(fault(lines(b"99999999999999999999 x")), "SizeTooLarge:99999999999999999999 x");
    }
}
