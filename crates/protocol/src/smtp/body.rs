//! The octets of a message: dot-unstuffing and the lone dot (RFC 5321 section 4.5.2).

use bytes::{BufMut, Bytes, BytesMut};

/// Reads a message of DATA. As in Postfix 3.7 a lone dot ends it with any line ends, `CR LF` or bare `LF`, before
/// and behind the dot; [`Ending::exact`] tells.
#[derive(Debug, Default)]
pub struct DotStuffed {
    at: Place,
    /// How the line before ended.
    before: LineEnd,
}

#[derive(Debug, Clone, Copy, Default)]
enum Place {
    /// At the start of a line.
    #[default]
    Start,
    /// Behind a dot at the start of a line, and this many CRs. Nothing of it has been given out.
    Dot { returns: usize },
    /// In a line; whether behind a CR.
    Inside { cr: bool },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum LineEnd {
    /// That of the command DATA itself counts as whole.
    #[default]
    CrLf,
    Lf,
}

/// How a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    before: LineEnd,
    returns: usize,
}

impl Ending {
    /// Whether with `CR LF . CR LF`, the only sequence that RFC 5321 has. Another one is how mail is smuggled past a
    /// server that does not take it for an end.
    pub fn exact(self) -> bool {
        self == Self { before: LineEnd::CrLf, returns: 1 }
    }

    /// The sequence as it came.
    pub fn sequence(self) -> Vec<u8> {
        let mut sequence = match self.before {
            LineEnd::CrLf => b"\r\n.".to_vec(),
            LineEnd::Lf => b"\n.".to_vec(),
        };
        sequence.extend(std::iter::repeat_n(b'\r', self.returns));
        sequence.push(b'\n');
        sequence
    }
}

/// So many CRs behind a dot are no line end any more.
const MOST_RETURNS: usize = 512;

impl DotStuffed {
    /// Reads on. Returns how many octets were read, those of the message among them, and its end if it has come; what
    /// was not read belongs to the commands behind.
    pub fn read(&mut self, input: &[u8]) -> (usize, Bytes, Option<Ending>) {
        let mut out = BytesMut::with_capacity(input.len());
        let mut rest = input;
        while let Some((byte, behind)) = rest.split_first() {
            match (self.at, byte) {
                (Place::Start, b'.') => self.at = Place::Dot { returns: 0 },
                (Place::Dot { returns }, b'\n') => {
                    let ending = Ending { before: self.before, returns };
                    *self = Self::default();
                    return (input.len().saturating_sub(behind.len()), out.freeze(), Some(ending));
                }
                (Place::Dot { returns }, b'\r') if returns < MOST_RETURNS => {
                    self.at = Place::Dot { returns: returns.saturating_add(1) };
                }
                (Place::Dot { returns }, _) => {
                    out.put_bytes(b'\r', returns);
                    self.at = Place::Inside { cr: returns > 0 };
                    continue;
                }
                (Place::Start, _) => {
                    self.at = Place::Inside { cr: false };
                    continue;
                }
                (Place::Inside { cr }, _) => {
                    rest = self.line(cr, rest, &mut out);
                    continue;
                }
            }
            rest = behind;
        }
        (input.len(), out.freeze(), None)
    }

    /// Gives out the rest of a line, or as much of it as there is.
    fn line<'a>(&mut self, cr: bool, rest: &'a [u8], out: &mut BytesMut) -> &'a [u8] {
        let end = memchr::memchr(b'\n', rest);
        let (line, behind) = rest.split_at(end.map_or(rest.len(), |end| end.saturating_add(1)));
        out.extend_from_slice(line);
        if end.is_some() {
            let whole = if line.len() == 1 { cr } else { line.ends_with(b"\r\n") };
            self.before = if whole { LineEnd::CrLf } else { LineEnd::Lf };
            self.at = Place::Start;
        } else {
            self.at = Place::Inside { cr: line.ends_with(b"\r") };
        }
        behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8], chunk: usize) -> (Vec<u8>, Option<Ending>, usize) {
        let mut body = DotStuffed::default();
        let (mut out, mut taken) = (Vec::new(), 0);
        for piece in input.chunks(chunk) {
            let (octets, text, ending) = body.read(piece);
            out.extend_from_slice(&text);
            taken += octets;
            if ending.is_some() {
                return (out, ending, taken);
            }
        }
        (out, None, taken)
    }

    #[test]
    fn dots_and_endings() {
        let cases: [(&[u8], &[u8], &[u8]); 12] = [
            (b"hi\r\n.\r\nNOOP", b"hi\r\n", b"\r\n.\r\n"),
            (b".\r\nNOOP", b"", b"\r\n.\r\n"),
            (b"..\r\n...x\r\n.y\r\n.\r\n", b".\r\n..x\r\ny\r\n", b"\r\n.\r\n"),
            (b"a\n.\nb", b"a\n", b"\n.\n"),
            (b"a\n.\r\nb", b"a\n", b"\n.\r\n"),
            (b"a\r\n.\nb", b"a\r\n", b"\r\n.\n"),
            (b"a\r\n.\r\r\nb", b"a\r\n", b"\r\n.\r\r\n"),
            (b"a\r\n.\r.\r\nb", b"a\r\n\r.\r\nb", b""),
            (b"\0\xff\r\r\n\r\n.\r\n", b"\0\xff\r\r\n\r\n", b"\r\n.\r\n"),
            (b"a\r.\r\n.\r\n", b"a\r.\r\n", b"\r\n.\r\n"),
            (b"\n\n.\n", b"\n\n", b"\n.\n"),
            (b"a.\r\n", b"a.\r\n", b""),
        ];
        for (input, message, ending) in cases {
            for chunk in 1..=input.len() {
                let (out, end, taken) = read(input, chunk);
                let sequence = end.map(Ending::sequence).unwrap_or_default();
                assert_eq!((out.as_slice(), sequence.as_slice()), (message, ending), "{chunk}: {input:?}");
                assert_eq!(end.is_some_and(Ending::exact), ending == b"\r\n.\r\n");
                if end.is_none() {
                    assert_eq!(taken, input.len());
                }
            }
        }
    }

    #[test]
    fn many_returns_are_text() {
        let input = [&b"."[..], &[b'\r'; 2000], b"\n.\r\n"].concat();
        let (out, end, _) = read(&input, 7);
        assert_eq!(out, [&[b'\r'; 2000][..], b"\n"].concat());
        assert!(end.is_some_and(Ending::exact));
    }
}
