//! A command line's words, as all protocols split it: at single spaces, verbs in any case.

use std::borrow::Cow;

/// Up to the next space, and what stands behind it.
pub fn word(text: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b' ', text).and_then(|space| text.split_at_checked(space)) {
        Some((word, rest)) => (word, rest.strip_prefix(b" ").unwrap_or(rest)),
        None => (text, &[]),
    }
}

/// The word in upper case.
pub fn upper_case(word: &[u8]) -> Cow<'_, [u8]> {
    if word.iter().any(u8::is_ascii_lowercase) {
        Cow::Owned(word.to_ascii_uppercase())
    } else {
        Cow::Borrowed(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_space_splits() {
        assert_eq!(word(b"PASS  a b"), (&b"PASS"[..], &b" a b"[..]));
        assert_eq!(word(b"NOOP"), (&b"NOOP"[..], &b""[..]));
        assert_eq!(word(b""), (&b""[..], &b""[..]));
        assert_eq!(&*upper_case(b"fo\xff\tO"), b"FO\xff\tO");
    }
}
