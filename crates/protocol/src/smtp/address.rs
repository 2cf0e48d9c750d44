//! Paths of MAIL and RCPT (RFC 5321 section 4.1.2), read as leniently as Postfix reads them: comments, routes, missing
//! brackets and unusual quoting are all right.
//!
//! Not here: whose address it is (`recipient.rs`).

/// An address that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// As it was named, without the angle brackets.
    pub named: Vec<u8>,
    /// The local part, without quotes.
    pub local: Vec<u8>,
    /// The domain as written; a literal with its square brackets.
    pub domain: Option<Vec<u8>>,
}

/// What cannot be an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoAddress;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Element {
    /// An atom or a quoted string, without quotes and backslashes.
    Word(Vec<u8>),
    /// `[...]`
    Literal(Vec<u8>),
    /// `@` `.` `:` `<` `>`
    Mark(u8),
}

impl Path {
    /// Reads a token.
    pub fn parse(text: &[u8]) -> Result<Self, NoAddress> {
        let elements = elements(text)?;
        let elements = without_brackets(&elements)?;
        // A source route (`@a,@b:user@c`) is accepted and ignored: RFC 5321 appendix C.
        let start = elements.iter().rposition(|element| *element == Element::Mark(b':'));
        let address = elements.get(start.map_or(0, |colon| colon.saturating_add(1))..).unwrap_or_default();
        if address.contains(&Element::Mark(b',')) {
            return Err(NoAddress);
        }
        let (local, domain) = match address.iter().rposition(|element| *element == Element::Mark(b'@')) {
            None => (address, None),
            Some(at) => {
                let domain = address.get(at.saturating_add(1)..).unwrap_or_default();
                (address.get(..at).unwrap_or_default(), Some(self::domain(domain)?))
            }
        };
        Ok(Self { named: unbracketed(text).to_vec(), local: self::local(local)?, domain })
    }

    /// Whether it is the null path `<>`.
    pub fn is_empty(&self) -> bool {
        self.local.is_empty() && self.domain.is_none()
    }

    /// As Postfix shows it: without quotes.
    pub fn shown(&self) -> Vec<u8> {
        match &self.domain {
            None => self.local.clone(),
            Some(domain) => [&self.local, &b"@"[..], domain].concat(),
        }
    }

    /// As a message header has it (RFC 5322 section 3.4.1): the local part quoted where it must be. An address without
    /// a domain gets `origin` where there is one.
    pub fn written(&self, origin: Option<&str>) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        let plain =
            |byte: &u8| byte.is_ascii_graphic() && !b"()<>[]:;@\\,\"".contains(byte) || !byte.is_ascii();
        let mut text = Vec::with_capacity(self.local.len());
        if self.local.iter().all(plain) {
            text.extend_from_slice(&self.local);
        } else {
            text.push(b'"');
            for byte in &self.local {
                if matches!(byte, b'"' | b'\\') {
                    text.push(b'\\');
                }
                text.push(*byte);
            }
            text.push(b'"');
        }
        if let Some(domain) = self.domain.as_deref().or(origin.map(str::as_bytes)) {
            text.push(b'@');
            text.extend_from_slice(domain);
        }
        text
    }
}

/// The text without the angle brackets around it.
fn unbracketed(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"<").and_then(|text| text.strip_suffix(b">")).unwrap_or(text)
}

/// Cuts an address up; comments and white space fall away.
fn elements(text: &[u8]) -> Result<Vec<Element>, NoAddress> {
    let mut found = Vec::new();
    let mut bytes = text.iter().copied().peekable();
    // Whether the last thing was part of a word that the next octet continues.
    let mut in_word = false;
    while let Some(byte) = bytes.next() {
        let continues = std::mem::take(&mut in_word);
        match byte {
            b' ' | b'\t'..=b'\r' => {}
            b'(' => comment(&mut bytes)?,
            b'@' | b'.' | b':' | b'<' | b'>' | b',' => found.push(Element::Mark(byte)),
            b'"' => found.push(Element::Word(until(b'"', &mut bytes)?)),
            b'[' => {
                let inside = until(b']', &mut bytes)?;
                found.push(Element::Literal([b"[", &*inside, b"]"].concat()));
            }
            b')' | b']' | b';' => return Err(NoAddress),
            byte => {
                let byte = if byte == b'\\' { bytes.next().ok_or(NoAddress)? } else { byte };
                if byte.is_ascii_control() {
                    return Err(NoAddress);
                }
                in_word = true;
                match found.last_mut() {
                    Some(Element::Word(word)) if continues => word.push(byte),
                    _ => found.push(Element::Word(vec![byte])),
                }
            }
        }
    }
    Ok(found)
}

/// The octets up to the closing one; a backslash is taken away and protects the octet behind it.
fn until(close: u8, bytes: &mut impl Iterator<Item = u8>) -> Result<Vec<u8>, NoAddress> {
    let mut inside = Vec::new();
    loop {
        let byte = match bytes.next().ok_or(NoAddress)? {
            byte if byte == close => return Ok(inside),
            b'\\' => bytes.next().ok_or(NoAddress)?,
            byte => byte,
        };
        if byte.is_ascii_control() {
            return Err(NoAddress);
        }
        inside.push(byte);
    }
}

fn comment(bytes: &mut impl Iterator<Item = u8>) -> Result<(), NoAddress> {
    let mut depth: usize = 1;
    while depth > 0 {
        match bytes.next().ok_or(NoAddress)? {
            b'\\' => drop(bytes.next()),
            b'(' => depth = depth.saturating_add(1),
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// What the angle brackets enclose, however often. Nothing may stand outside.
fn without_brackets(elements: &[Element]) -> Result<&[Element], NoAddress> {
    let open = |element: &Element| *element == Element::Mark(b'<');
    let close = |element: &Element| *element == Element::Mark(b'>');
    let start = elements.iter().position(|element| !open(element)).unwrap_or(elements.len());
    let end = elements.iter().rposition(|element| !close(element)).map_or(0, |last| last.saturating_add(1));
    let inside = elements.get(start..end).unwrap_or_default();
    if inside.iter().any(|element| open(element) || close(element)) { Err(NoAddress) } else { Ok(inside) }
}

/// Words with dots and `@` between them; two words side by side are none.
fn local(elements: &[Element]) -> Result<Vec<u8>, NoAddress> {
    let mut text = Vec::new();
    let mut before: Option<&Element> = None;
    for element in elements {
        match (element, before) {
            (Element::Word(_), Some(Element::Word(_)))
            | (Element::Literal(_), _)
            | (Element::Mark(b'@'), None | Some(Element::Mark(b'@'))) => return Err(NoAddress),
            (Element::Word(word), _) => text.extend_from_slice(word),
            (Element::Mark(mark), _) => text.push(*mark),
        }
        before = Some(element);
    }
    if before == Some(&Element::Mark(b'@')) { Err(NoAddress) } else { Ok(text) }
}

/// A host name, or an address literal (RFC 5321 section 4.1.3).
fn domain(elements: &[Element]) -> Result<Vec<u8>, NoAddress> {
    if let [Element::Literal(literal)] = elements {
        return if is_address_literal(literal) { Ok(literal.clone()) } else { Err(NoAddress) };
    }
    let mut name = Vec::new();
    for element in elements {
        match element {
            Element::Word(word) => name.extend_from_slice(word),
            Element::Mark(b'.') => name.push(b'.'),
            _ => return Err(NoAddress),
        }
    }
    if is_host_name(name.strip_suffix(b".").unwrap_or(&name)) { Ok(name) } else { Err(NoAddress) }
}

/// A host name or an address literal, as it stands.
pub fn is_domain(text: &[u8]) -> bool {
    is_host_name(text) || is_address_literal(text)
}

fn is_address_literal(literal: &[u8]) -> bool {
    let inside = literal.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")).unwrap_or_default();
    let Ok(text) = std::str::from_utf8(inside) else { return false };
    match text.split_at_checked(5) {
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6:") => {
            address.parse::<std::net::Ipv6Addr>().is_ok()
        }
        _ => text.parse::<std::net::Ipv4Addr>().is_ok(),
    }
}

/// Labels of letters, digits, `-` and `_`; not digits alone, which would be an address.
fn is_host_name(name: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || !byte.is_ascii();
    let label = |label: &[u8]| {
        (1..=63).contains(&label.len())
            && label.iter().all(letter)
            && !label.starts_with(b"-")
            && !label.ends_with(b"-")
    };
    name.len() <= 255
        && name.split(|byte| *byte == b'.').all(label)
        && !name.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        Path::parse(text.as_bytes()).ok().map(|path| String::from_utf8_lossy(&path.shown()).into_owned())
    }

    /// Each as Postfix 3.7.11 answered it.
    #[test]
    fn what_postfix_accepts() {
        for (text, expected) in [
            ("<a@b>", "a@b"),
            ("a@b", "a@b"),
            ("<>", ""),
            ("<a@b>>", "a@b"),
            ("<<a@b>>", "a@b"),
            ("< a@b >", "a@b"),
            ("<(x)a@b>", "a@b"),
            ("()", ""),
            ("<:>", ""),
            ("<a:b>", "b"),
            ("<@a,@b:victim@example.org>", "victim@example.org"),
            ("<\"a b\"@c>", "a b@c"),
            ("<\"a\\\"b\"@c>", "a\"b@c"),
            ("<a\\@b@c>", "a@b@c"),
            ("\\<a@b>", "<a@b"),
            ("<a@b@c>", "a@b@c"),
            ("<@c>", "@c"),
            ("<a@b.>", "a@b."),
            ("<a..b@c>", "a..b@c"),
            ("<.a@c>", ".a@c"),
            ("<a@b_c>", "a@b_c"),
            ("<a@[1.2.3.4]>", "a@[1.2.3.4]"),
            ("<\u{fc}@b>", "\u{fc}@b"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_postfix_refuses() {
        for text in [
            "<a b@c>",
            "<a@>",
            "<a@.b>",
            "<a@[foo]>",
            "<a@b,c@d>",
            "<a;b>",
            "<#@[]>",
            "<a\"b\"@c>",
            "<\"a\"b@c>",
            "<admin@@c>",
            "<a@b>SIZE=3",
            "<a@1.2.3.4>",
        ] {
            assert_eq!(shown(text), None, "{text}");
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
