//! Addresses of MAIL, RCPT and VRFY (RFC 5321 section 4.1.2), read as leniently as Postfix reads them: by the rules of
//! message headers (RFC 822), so that comments, routes, names before the brackets and unusual quoting are all right.
//!
//! Not here: whether its domain can be one, and whose address it is (`resolve.rs`).

/// An address that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// As it was named, without the angle brackets.
    pub named: Vec<u8>,
    /// Without quotes, comments and route; empty for the null path.
    pub plain: Vec<u8>,
}

/// What cannot be an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoAddress;

/// A piece of an address (RFC 822 section 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// An atom or a quoted string, without quotes and backslashes.
    Word {
        /// Its octets.
        text: Vec<u8>,
        /// Whether it would have to be quoted, or was.
        quoted: bool,
    },
    /// `[...]`, without the brackets.
    Literal(Vec<u8>),
    /// `(...)`, as it stands.
    Comment(Vec<u8>),
    /// One of [`MARKS`].
    Mark(u8),
}

/// What separates words. `|`, `%` and `!` are among them as not all the world is RFC 822.
const MARKS: &[u8] = b"|%!()<>@,;:\\\".[]";

impl Path {
    /// Reads a token.
    pub fn parse(text: &[u8]) -> Result<Self, NoAddress> {
        let named = text.strip_prefix(b"<").and_then(|text| text.strip_suffix(b">")).unwrap_or(text);
        // A source route (`@a,@b:user@c`) is accepted and ignored: RFC 5321 appendix C.
        let route = named.first().filter(|byte| **byte == b'@').and_then(|_| memchr::memchr(b':', named));
        let address = named.get(route.map_or(0, |colon| colon.saturating_add(1))..).unwrap_or_default();
        let mut elements = elements(address);
        elements.retain(|element| !matches!(element, Element::Comment(_)));
        let plain = match addresses(&elements).as_slice() {
            [] => Vec::new(),
            [address] => address.iter().flat_map(Element::octets).collect(),
            _ => return Err(NoAddress),
        };
        Ok(Self { named: named.to_vec(), plain })
    }

    /// Whether it is the null path `<>`.
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty()
    }

    /// As Postfix shows it: without quotes, and with a space for each control character.
    pub fn shown(&self) -> Vec<u8> {
        self.plain.iter().map(|byte| if byte.is_ascii_control() { b' ' } else { *byte }).collect()
    }

    /// As a message header has it (RFC 5322 section 3.4.1): the local part quoted where it must be. An address without
    /// a domain gets `origin` where there is one.
    pub fn written(&self, origin: Option<&str>) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        let (local, domain) = split(&self.plain);
        let plain =
            |byte: &u8| byte.is_ascii_graphic() && !b"()<>[]:;@\\,\"".contains(byte) || !byte.is_ascii();
        let mut text = Vec::with_capacity(local.len());
        if local.iter().all(plain) {
            text.extend_from_slice(local);
        } else {
            text.push(b'"');
            for byte in local {
                if matches!(byte, b'"' | b'\\') {
                    text.push(b'\\');
                }
                text.push(*byte);
            }
            text.push(b'"');
        }
        if let Some(domain) = domain.or(origin.map(str::as_bytes)) {
            text.push(b'@');
            text.extend_from_slice(domain);
        }
        text
    }
}

impl Element {
    /// What it stands for.
    pub fn octets(&self) -> Vec<u8> {
        match self {
            Self::Word { text, .. } | Self::Comment(text) => text.clone(),
            Self::Literal(inside) => [b"[", &**inside, b"]"].concat(),
            Self::Mark(mark) => vec![*mark],
        }
    }
}

/// What stands before and behind the last `@`.
pub fn split(plain: &[u8]) -> (&[u8], Option<&[u8]>) {
    let parts = memchr::memrchr(b'@', plain).and_then(|at| plain.split_at_checked(at));
    parts.map_or((plain, None), |(local, rest)| (local, rest.get(1..)))
}

/// Cuts an address up; white space falls away. What is opened and not closed reaches to the end.
pub fn elements(text: &[u8]) -> Vec<Element> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first() {
        rest = match byte {
            byte if is_blank(*byte) => behind,
            b'(' => {
                let behind = behind_comment(behind);
                let length = rest.len().saturating_sub(behind.len());
                found.push(Element::Comment(rest.get(..length).unwrap_or_default().to_vec()));
                behind
            }
            b'[' => {
                let (inside, behind) = collect(behind, |byte| byte != b']');
                found.push(Element::Literal(inside));
                behind.get(1..).unwrap_or_default()
            }
            b'"' => {
                let (text, behind) = collect(behind, |byte| byte != b'"');
                found.push(Element::Word { text, quoted: true });
                behind.get(1..).unwrap_or_default()
            }
            byte if *byte != b'\\' && MARKS.contains(byte) => {
                found.push(Element::Mark(*byte));
                behind
            }
            _ => {
                let (text, behind) = collect(rest, |byte| !is_blank(byte) && !MARKS.contains(&byte));
                let special = |byte: &u8| *byte == b' ' || byte.is_ascii_control() || MARKS.contains(byte);
                let quoted = text.iter().any(special);
                found.push(Element::Word { text, quoted });
                behind
            }
        };
    }
    found
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Octets as long as they belong; a backslash falls away and protects the octet behind it.
fn collect(text: &[u8], belongs: impl Fn(u8) -> bool) -> (Vec<u8>, &[u8]) {
    let mut collected = Vec::new();
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first() {
        let (byte, behind) = match byte {
            b'\\' => match behind.split_first() {
                Some(protected) => protected,
                None => return (collected, &[]),
            },
            byte if belongs(*byte) => (byte, behind),
            _ => break,
        };
        collected.push(if is_blank(*byte) { b' ' } else { *byte });
        rest = behind;
    }
    (collected, rest)
}

/// What follows a comment whose parenthesis has been opened.
fn behind_comment(text: &[u8]) -> &[u8] {
    let mut depth: usize = 1;
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'(' => depth = depth.saturating_add(1),
            b')' => depth = depth.saturating_sub(1),
            b'\\' => rest = behind.get(1..).unwrap_or_default(),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    rest
}

/// The addresses of a list, the last one first: `Name <user@host>, user@host`, `group: user@host, user@host;`. Read from
/// right to left as Postfix does it, which finds a missing comma where two words stand side by side.
fn addresses(elements: &[Element]) -> Vec<&[Element]> {
    let mut found = Vec::new();
    let mut group = |from: usize, to: usize| {
        if let Some(address) = elements.get(from..to).filter(|address| !address.is_empty()) {
            found.push(address);
        }
    };
    // What lies between `at` and `end` belongs to the address under way.
    let (mut at, mut end) = (elements.len(), elements.len());
    let (mut word_may_follow, mut in_group) = (true, false);
    while at > 0 {
        let here = at.saturating_sub(1);
        match elements.get(here) {
            Some(Element::Mark(b';')) => {
                group(at, end);
                end = here;
                (in_group, word_may_follow) = (true, true);
            }
            Some(Element::Mark(b':')) if in_group => {
                group(at, end);
                end = behind_last(elements, at, b",");
                at = end;
                continue;
            }
            Some(Element::Mark(b'>')) => {
                group(at, end);
                let open = behind_last(elements, at, b"<");
                group(open, here);
                // The name before it.
                end = behind_last(elements, open, b">;,:");
                at = end;
                word_may_follow = true;
                continue;
            }
            Some(Element::Word { .. } | Element::Literal(_)) => {
                if !word_may_follow {
                    group(at, end);
                    end = at;
                }
                word_may_follow = false;
            }
            Some(Element::Mark(b',')) => {
                group(at, end);
                end = here;
                word_may_follow = true;
            }
            Some(Element::Mark(_) | Element::Comment(_)) | None => word_may_follow = true,
        }
        at = here;
    }
    group(0, end);
    found
}

/// The place behind the last of these marks before `end`; the beginning where there is none.
fn behind_last(elements: &[Element], end: usize, marks: &[u8]) -> usize {
    let before = elements.get(..end).unwrap_or_default();
    let found = before.iter().rposition(|one| matches!(one, Element::Mark(mark) if marks.contains(mark)));
    found.map_or(0, |mark| mark.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Option<String> {
        Path::parse(text.as_bytes()).ok().map(|path| String::from_utf8_lossy(&path.plain).into_owned())
    }

    /// Each as Postfix 3.7.11 answered it.
    #[test]
    fn what_postfix_reads() {
        for (text, expected) in [
            ("<a@b>", "a@b"),
            ("a@b", "a@b"),
            ("<>", ""),
            ("<a@b>>", "a@b"),
            ("<<a@b>>", "a@b"),
            ("< a@b >", "a@b"),
            ("<(x)a@b>", "a@b"),
            ("()", ""),
            ("<@a,@b:victim@example.org>", "victim@example.org"),
            ("<\"a b\"@c>", "a b@c"),
            ("<\"a\\\"b\"@c>", "a\"b@c"),
            ("<a\\@b@c>", "a@b@c"),
            ("\\<a@b>", "<a@b"),
            ("<a@b@c>", "a@b@c"),
            ("<@c>", "@c"),
            ("<a@b.>", "a@b."),
            ("<a..b@c>", "a..b@c"),
            ("<a@[1.2.3.4]>", "a@[1.2.3.4]"),
            ("[1.2.3.4", "[1.2.3.4]"),
            ("\"a", "a"),
            ("John Doe <a@b>", "a@b"),
            ("friends: a@b;", "a@b"),
            ("<\u{fc}@b>", "\u{fc}@b"),
        ] {
            assert_eq!(plain(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn two_addresses_are_none() {
        for text in ["<a b@c>", "<a@b,c@d>", "<a\"b\"@c>", "<\"a\"b@c>", "<a@b>SIZE=3", "friends: a@b, c@d;"]
        {
            assert_eq!(plain(text), None, "{text}");
        }
    }

    #[test]
    fn headers_quote_what_must_be() {
        let written = |text: &str| {
            let path = Path::parse(text.as_bytes()).unwrap();
            String::from_utf8(path.written(Some("example.com"))).unwrap()
        };
        assert_eq!(written("<\"a b\"@example.net>"), "\"a b\"@example.net");
        assert_eq!(written("<\"mail\"@localhost>"), "mail@localhost");
        assert_eq!(written("a"), "a@example.com");
        assert_eq!(written("<>"), "");
    }
}
