//! Quoted-printable (RFC 2045 section 6.7) as Dovecot undoes it: white space at a line's end goes, line ends become CRLF,
//! what is broken stays as it is and is told.

/// More white space than this is cut.
const MOST_SPACE: usize = 77;

/// Where the decoder stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Text,
    /// Behind white space that may be at the line's end.
    Space,
    /// Behind `=`.
    Equals,
    /// Behind `=` and white space.
    EqualsSpace,
    /// Behind `=` and one digit.
    Digit(u8),
    /// Behind CR.
    Return,
    /// Behind `=` and CR.
    SoftReturn,
}

/// Text with its encoding undone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unquoted {
    /// The bytes; what is unfinished at the end is not among them.
    pub(super) bytes: Vec<u8>,
    /// Whether something in it is broken.
    pub(super) broken: bool,
    /// Whether it ends in the middle of something.
    pub(super) short: bool,
}

/// Undoes the encoding.
pub(super) fn unquote(text: &[u8]) -> Unquoted {
    let mut decoder =
        Decoder { out: Vec::with_capacity(text.len()), space: Vec::new(), at: At::Text, broken: false };
    for &byte in text {
        while !decoder.take(byte) {}
    }
    let short = !matches!(decoder.at, At::Text | At::Space);
    Unquoted { bytes: decoder.out, broken: decoder.broken, short }
}

struct Decoder {
    out: Vec<u8>,
    space: Vec<u8>,
    at: At,
    broken: bool,
}

impl Decoder {
    /// Takes a byte; `false` if it must be looked at again, as text.
    fn take(&mut self, byte: u8) -> bool {
        let blank = matches!(byte, b' ' | b'\t');
        self.at = match self.at {
            At::Text => match byte {
                b'=' => At::Equals,
                b'\r' => At::Return,
                b'\n' => self.end_line(),
                _ if blank => {
                    self.space.push(byte);
                    At::Space
                }
                _ => {
                    self.out.push(byte);
                    At::Text
                }
            },
            At::Space => match byte {
                b'\r' => At::Return,
                b'\n' => self.end_line(),
                _ if blank => {
                    self.keep_space(byte);
                    At::Space
                }
                _ => {
                    self.broken |= self.space.len() >= MOST_SPACE;
                    self.out.append(&mut self.space);
                    self.at = At::Text;
                    return false;
                }
            },
            At::Equals => match byte {
                _ if byte.is_ascii_hexdigit() => At::Digit(byte),
                b'\r' => At::SoftReturn,
                b'\n' => At::Text,
                _ if blank => {
                    self.space.push(byte);
                    At::EqualsSpace
                }
                _ => return self.give_up(),
            },
            At::EqualsSpace => match byte {
                b'\r' => At::SoftReturn,
                b'\n' => {
                    self.space.clear();
                    At::Text
                }
                _ if blank => {
                    self.keep_space(byte);
                    At::EqualsSpace
                }
                _ => return self.give_up(),
            },
            At::Digit(high) if byte.is_ascii_hexdigit() => {
                self.out.push(hex(high) << 4 | hex(byte));
                At::Text
            }
            At::Return if byte == b'\n' => self.end_line(),
            At::SoftReturn if byte == b'\n' => {
                self.space.clear();
                At::Text
            }
            At::Digit(_) | At::Return | At::SoftReturn => return self.give_up(),
        };
        true
    }

    fn keep_space(&mut self, byte: u8) {
        if self.space.len() < MOST_SPACE {
            self.space.push(byte);
        }
    }

    fn end_line(&mut self) -> At {
        self.space.clear();
        self.out.extend_from_slice(b"\r\n");
        At::Text
    }

    /// What was begun is none: it stays as it is.
    fn give_up(&mut self) -> bool {
        if !matches!(self.at, At::Return) {
            self.out.push(b'=');
        }
        if let At::Digit(digit) = self.at {
            self.out.push(digit);
        }
        self.out.append(&mut self.space);
        if matches!(self.at, At::Return | At::SoftReturn) {
            self.out.push(b'\r');
        }
        self.broken = true;
        self.at = At::Text;
        false
    }
}

/// Replaces `=XX` by the byte it stands for, as in encoded words (RFC 2047 section 4.2).
pub(super) fn unescape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        match (byte, behind) {
            (b'=', [high, low, behind @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(hex(*high) << 4 | hex(*low));
                rest = behind;
            }
            _ => {
                out.push(byte);
                rest = behind;
            }
        }
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unquoted(text: &str) -> (String, bool, bool) {
        let found = unquote(text.as_bytes());
        (String::from_utf8_lossy(&found.bytes).into_owned(), found.broken, found.short)
    }

    #[test]
    fn what_is_whole() {
        assert_eq!(unquoted("a=3D=\r\nb \t\r\nc=\nd=c3=BC"), ("a=b\r\ncd\u{fc}".into(), false, false));
        assert_eq!(unquoted("soft = \r\nbreak  "), ("soft break".into(), false, false));
        assert_eq!(unquoted("a\nb"), ("a\r\nb".into(), false, false));
    }

    #[test]
    fn what_is_broken() {
        assert_eq!(unquoted("=zz =4x"), ("=zz =4x".into(), true, false));
        assert_eq!(unquoted("a\rb = c"), ("a\rb = c".into(), true, false));
        assert_eq!(unquoted("a=4"), ("a".into(), false, true));
        assert_eq!(unquoted("a=\r"), ("a".into(), false, true));
        assert_eq!(unquoted(&format!("{}x", " ".repeat(200))).0.len(), MOST_SPACE + 1);
    }
}
