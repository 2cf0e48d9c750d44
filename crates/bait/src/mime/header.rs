//! Header fields (RFC 5322 section 2.2), as raw bytes. What a field means is read in `envelope.rs` and `content.rs`.
//!
//! A line ends with LF; a CR before it belongs to the line end. So mail with CRLF and mail with bare LF read alike.

use std::borrow::Cow;

use memchr::memchr;

/// Longer names are no names: the whole line counts as a value (as Dovecot does it).
const LONGEST_NAME: usize = 1000;

/// Where the header ends: behind the empty line, or at the end where there is none.
pub fn header_end(bytes: &[u8]) -> usize {
    let mut start = 0;
    while let Some(line) = bytes.get(start..).filter(|rest| !rest.is_empty()) {
        if let Some(length) = empty_line(line) {
            return start + length;
        }
        start += line_length(line);
    }
    bytes.len()
}

/// The length of the line end that these bytes begin with, if they begin with one.
pub(super) fn empty_line(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'\n', ..] => Some(1),
        [b'\r', b'\n', ..] => Some(2),
        _ => None,
    }
}

/// The length of the first line with its line end; all of it where there is none.
pub(super) fn line_length(bytes: &[u8]) -> usize {
    memchr(b'\n', bytes).map_or(bytes.len(), |newline| newline + 1)
}

/// The bytes without the line end that they finish with.
pub(super) fn without_line_end(bytes: &[u8]) -> &[u8] {
    match bytes {
        [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] => line,
        _ => bytes,
    }
}

/// One header field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderField<'a> {
    /// The name before the colon, without trailing space.
    pub name: &'a [u8],
    /// What stands behind the colon, folded lines and all, without the last line end.
    pub value: &'a [u8],
    /// The whole field with its last line end.
    pub raw: &'a [u8],
}

impl<'a> HeaderField<'a> {
    /// Whether this is the field of that name (names know no case, RFC 5322 section 1.2.2).
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// What stands before [`Self::unfolded`]: the name, the colon, and one byte of white space behind it.
    pub(super) fn before_value(&self) -> &'a [u8] {
        let colon = without_line_end(self.raw).len() - self.value.len();
        let blank = self.value.first().copied().is_some_and(is_blank);
        &self.raw[..colon + usize::from(blank)]
    }

    /// The value without the white space that precedes it on the field's first line. Of a first line that is nothing but
    /// white space only one byte goes, and a folded line of one byte loses its line end, as in Debian 12's Dovecot.
    pub fn text(&self) -> Cow<'a, [u8]> {
        let first = without_line_end(&self.value[..line_length(self.value)]);
        let blank = first.iter().take_while(|&&byte| is_blank(byte)).count();
        let value = &self.value[if blank == first.len() { blank.min(1) } else { blank }..];
        let lines = || value.split_inclusive(|&byte| byte == b'\n');
        if lines().skip(1).all(|line| without_line_end(line).len() > 1) {
            return Cow::Borrowed(value);
        }
        let mut text: Vec<u8> = Vec::with_capacity(value.len());
        for line in lines() {
            if without_line_end(line).len() == 1 && !text.is_empty() {
                text.truncate(without_line_end(&text).len());
            }
            text.extend_from_slice(line);
        }
        Cow::Owned(text)
    }

    /// The value on one line: each line end goes, and the white space behind it begins with a space.
    pub fn unfolded(&self) -> Cow<'a, [u8]> {
        let value = match self.value {
            [first, rest @ ..] if is_blank(*first) => rest,
            value => value,
        };
        if memchr(b'\n', value).is_none() {
            return Cow::Borrowed(value);
        }
        let mut line = Vec::with_capacity(value.len());
        let mut rest = value;
        while !rest.is_empty() {
            let (physical, next) = rest.split_at(line_length(rest));
            line.extend_from_slice(without_line_end(physical));
            rest = match next {
                [b'\t', next @ ..] => {
                    line.push(b' ');
                    next
                }
                next => next,
            };
        }
        Cow::Owned(line)
    }
}

/// The fields of a header, in order, up to the empty line. A line that is no field (no colon) has an empty name.
pub fn fields(header: &[u8]) -> impl Iterator<Item = HeaderField<'_>> {
    let mut rest = header;
    std::iter::from_fn(move || {
        if rest.is_empty() || empty_line(rest).is_some() {
            return None;
        }
        let mut length = line_length(rest);
        while rest.get(length).copied().is_some_and(is_blank) {
            length += line_length(&rest[length..]);
        }
        let (raw, next) = rest.split_at(length);
        rest = next;
        Some(field(raw))
    })
}

fn field(raw: &[u8]) -> HeaderField<'_> {
    let nameless = HeaderField { name: b"", value: without_line_end(raw), raw };
    let Some(colon) = memchr(b':', &raw[..line_length(raw)]) else {
        return nameless;
    };
    let blank = raw[..colon].iter().rev().take_while(|&&byte| is_blank(byte)).count();
    let name = &raw[..colon - blank];
    if name.len() > LONGEST_NAME {
        return nameless;
    }
    HeaderField { name, value: without_line_end(&raw[colon + 1..]), raw }
}

/// Space and tab: WSP of RFC 5234, with which a folded line begins.
pub(super) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        fields(header.as_bytes()).map(|field| (text(field.name), text(&field.text()))).collect()
    }

    fn pairs<'a>(expected: &[(&'a str, &'a str)]) -> Vec<(String, String)> {
        expected.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn the_header_ends_behind_the_first_empty_line() {
        assert_eq!(header_end(b"A: b\r\n\r\nbody\r\n\r\n"), 8);
        assert_eq!(header_end(b"A: b\n\nbody"), 6);
        assert_eq!(header_end(b"\r\nbody"), 2);
        assert_eq!(header_end(b"A: b\r\n"), 6);
        assert_eq!(header_end(b"A: b\r\n \r\nB: c\r\n\r\n"), 17, "a blank continuation is not empty");
        assert_eq!(header_end(b"A: b\r\n\r\r\nB: c\n\n"), 15, "a lone CR is not a line end");
        assert_eq!(header_end(b""), 0);
    }

    #[test]
    fn fields_keep_their_folds_and_their_order() {
        assert_eq!(
            read("To : a,\r\n\tb\r\nno colon here\r\n and more\r\nX:\r\n y\r\n\r\nBody: z\r\n"),
            pairs(&[("To", "a,\r\n\tb"), ("", "no colon here\r\n and more"), ("X", "\r\n y")])
        );
        assert_eq!(read("A:   \nB:\t \tc\n"), pairs(&[("A", "  "), ("B", "c")]));
        assert_eq!(read(" A: b"), pairs(&[(" A", "b")]));
    }

    #[test]
    fn a_folded_line_of_one_byte_is_no_line() {
        assert_eq!(read("A: b\r\n \r\n c\r\n \r\n"), pairs(&[("A", "b \r\n c ")]));
        assert_eq!(read("A:\n \n"), pairs(&[("A", " ")]));
    }

    #[test]
    fn the_raw_fields_are_the_header() {
        let header = b"A: b\r\n c\r\nD\r\n:e\nF: g";
        let joined: Vec<u8> = fields(header).flat_map(|field| field.raw.to_vec()).collect();
        assert_eq!(joined, header);
    }

    #[test]
    fn a_name_beyond_all_measure_is_none() {
        let line = format!("{}: x\r\n", "n".repeat(1001));
        assert_eq!(fields(line.as_bytes()).next().map(|field| field.name.len()), Some(0));
    }

    #[test]
    fn a_fold_becomes_its_white_space() {
        let field = fields(b"A: b\r\n\tc\r\n  d\r\n").next().expect("one field");
        assert_eq!(field.unfolded().as_ref(), b"b c  d");
    }
}
