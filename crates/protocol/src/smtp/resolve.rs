//! Where mail to an address would go, found as Postfix finds it: our own domains are taken away from the end until a
//! foreign one or a mailbox is left. `user%host` and `host!user` ask for the mail to be sent on, also in quotes.

use std::net::IpAddr;

use crate::smtp::address::{Element, NoAddress, elements, split};
use crate::smtp::address_literal::is_address_literal;
use crate::smtp::recipient::{Destination, Directory, NOBODY};

/// What asks for mail to be sent on.
const ROUTING: &[u8] = b"@!%";
/// How an option of a program begins, which no address may (`allow_min_user`).
const OPTION: &[u8] = b"-";

/// The destination of an address without quotes. `utf8`: whether its domain may have other letters than ASCII has.
/// `own` is an address of the host.
pub fn resolve(
    directory: &Directory,
    plain: &[u8],
    utf8: bool,
    own: Option<IpAddr>,
) -> Result<Destination, NoAddress> {
    let mut address = quoted(plain, true);
    rewrite(&mut address);
    // The domain of ours that was taken away last.
    let mut ours: Option<Vec<u8>> = None;
    // Each round takes away a mark at least.
    for _ in 0..plain.len().saturating_add(100) {
        strip_last_dot(&mut address);
        if let Some(at) = last(&address, b'@') {
            let domain = text(address.get(at.saturating_add(1)..).unwrap_or_default());
            if !domain.is_empty() && !directory.is_ours(&domain, own) {
                let whole = text(&address);
                let domain = split(&whole).1.unwrap_or_default();
                let sound = is_sound(domain, utf8) && !whole.starts_with(OPTION);
                return if sound { Ok(Destination::Foreign) } else { Err(NoAddress) };
            }
            ours = Some(domain);
            address.truncate(at);
        }
        if ROUTING.iter().any(|mark| last(&address, *mark).is_some()) {
            rewrite(&mut address);
        } else if let Some(opened) = opened(&address) {
            address = opened;
            rewrite(&mut address);
            // What names no domain gets ours.
            if last(&address, b'@').is_none() {
                ours = None;
            }
        } else if matches!(address.as_slice(), [] | [Element::Word { .. }] if text(&address).is_empty()) {
            address = elements(NOBODY);
        } else {
            let local = text(&address);
            if !ours.as_deref().is_none_or(|domain| is_sound(domain, utf8)) || local.starts_with(OPTION) {
                return Err(NoAddress);
            }
            // In square brackets they are no marks, and ask for it all the same.
            let routed = local.iter().any(|byte| ROUTING.contains(byte));
            return Ok(if routed { Destination::Foreign } else { directory.mailbox(&local) });
        }
    }
    Err(NoAddress)
}

/// Whether a domain is well-formed.
fn is_sound(domain: &[u8], utf8: bool) -> bool {
    (utf8 || domain.is_ascii()) && is_domain(domain)
}

/// The elements of an address whose local part, where it needs it, is put into quotes again. `anew`: it was written once
/// more on its way here, where an empty quotation in the domain is lost.
fn quoted(plain: &[u8], anew: bool) -> Vec<Element> {
    let route = plain.first().filter(|byte| **byte == b'@').and_then(|_| memchr::memchr(b':', plain));
    let (route, rest) =
        plain.split_at_checked(route.map_or(0, |colon| colon.saturating_add(1))).unwrap_or_default();
    let (local, domain) = split(rest);
    let mut found = elements(route);
    if is_dot_string(local) {
        found.extend(elements(local));
    } else {
        found.push(Element::Word { text: local.to_vec(), quoted: true });
    }
    if let Some(domain) = domain {
        found.push(Element::Mark(b'@'));
        let lost =
            |element: &Element| matches!(element, Element::Word { text, .. } if anew && text.is_empty());
        found.extend(elements(domain).into_iter().filter(|element| !lost(element)));
    }
    found
}

/// RFC 822's `word *("." word)` without quotes.
fn is_dot_string(local: &[u8]) -> bool {
    let special = |byte: &u8| *byte == b' ' || byte.is_ascii_control() || b"()<>@,;:\\\"[]".contains(byte);
    local.split(|byte| *byte == b'.').all(|word| !word.is_empty() && !word.iter().any(special))
}

/// A local part in quotes that asks for the mail to be sent on, without its quotes.
fn opened(address: &[Element]) -> Option<Vec<Element>> {
    let [Element::Word { text, quoted: true }] = address else { return None };
    let find = |mark| memchr::memrchr(mark, text);
    match (find(b'@'), find(b'%'), find(b'!')) {
        (Some(_), _, _) => Some(quoted(text, false)),
        (None, Some(percent), _) => {
            let (local, host) = text.split_at_checked(percent)?;
            Some(quoted(&[local, b"@", host.get(1..)?].concat(), false))
        }
        (None, None, Some(_)) => Some(elements(text)),
        (None, None, None) => None,
    }
}

/// `@route:user@host` loses its route; without `@`, `host!user` and `user%host` become `user@host`.
fn rewrite(address: &mut Vec<Element>) {
    if matches!(address.as_slice(), [Element::Mark(b'@')]) {
        address.clear();
        return;
    }
    if matches!(address.first(), Some(Element::Mark(b'@')))
        && let Some(colon) = address.iter().position(|element| *element == Element::Mark(b':'))
        && colon.saturating_add(1) < address.len()
    {
        address.drain(..=colon);
    }
    if last(address, b'@').is_some() {
        return;
    }
    if let Some(bang) = address.iter().position(|element| *element == Element::Mark(b'!')) {
        let local = address.split_off(bang.saturating_add(1));
        address.pop();
        let host = std::mem::replace(address, local);
        address.push(Element::Mark(b'@'));
        address.extend(host);
    } else if let Some(percent) = last(address, b'%')
        && let Some(mark) = address.get_mut(percent)
    {
        *mark = Element::Mark(b'@');
    }
}

/// A dot at the end of a domain is none of its own.
fn strip_last_dot(address: &mut Vec<Element>) {
    if let [.., before, Element::Mark(b'.')] = address.as_slice()
        && !matches!(before, Element::Mark(b'.' | b'@'))
        && last(address, b'@').is_some()
    {
        address.pop();
    }
}

fn last(address: &[Element], mark: u8) -> Option<usize> {
    address.iter().rposition(|element| *element == Element::Mark(mark))
}

/// The octets of elements; two words side by side are two words.
fn text(elements: &[Element]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut behind_word = false;
    for element in elements {
        let word = !matches!(element, Element::Mark(_));
        if word && behind_word {
            text.push(b' ');
        }
        text.extend(element.octets());
        behind_word = word;
    }
    text
}

/// A host name or an address literal, as it stands.
pub fn is_domain(text: &[u8]) -> bool {
    if text.starts_with(b"[") { is_address_literal(text) } else { is_host_name(text) }
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
    use crate::smtp::address::Path;

    fn destination(text: &str) -> Result<Destination, NoAddress> {
        let users: [&[u8]; 2] = [b"admin", b"Info@Example.com"];
        let directory = Directory::new(["example.com", "mail.example.com", "localhost"], users);
        resolve(
            &directory,
            &Path::parse(text.as_bytes()).unwrap().plain,
            false,
            Some("192.0.2.2".parse().unwrap()),
        )
    }

    /// Each as Postfix 3.7.11 answered it.
    #[test]
    fn destinations_as_postfix_sees_them() {
        for (text, expected) in [
            ("<admin@example.com>", Destination::Local),
            ("<ADMIN@EXAMPLE.COM>", Destination::Local),
            ("<admin+x@example.com>", Destination::Local),
            ("<admin@example.com.>", Destination::Local),
            ("<admin@localhost>", Destination::Local),
            ("<info@mail.example.com>", Destination::Local),
            ("<Postmaster@example.com>", Destination::Local),
            ("<postmaster>", Destination::Local),
            ("<admin%example.com>", Destination::Local),
            ("<admin%example.com@example.com>", Destination::Local),
            ("<example.com!admin@example.com>", Destination::Local),
            ("<\"admin\"@example.com>", Destination::Local),
            ("<admin@\"example.com\">", Destination::Local),
            ("<victim>", Destination::Unknown),
            ("<nobody@example.com>", Destination::Unknown),
            ("<@example.com>", Destination::Absorbed),
            ("<mailer-daemon@localhost>", Destination::Absorbed),
            ("<mailer-daemon+x>", Destination::Unknown),
            ("<+x@example.com>", Destination::Unknown),
            ("<\"ad min\"@example.com>", Destination::Unknown),
            ("<victim@example.org>", Destination::Foreign),
            ("<postmaster@foreign.example>", Destination::Foreign),
            ("<victim%example.org@example.com>", Destination::Foreign),
            ("<\"victim@example.org\"@example.com>", Destination::Foreign),
            ("<\"victim%example.org\"@example.com>", Destination::Foreign),
            ("<@example.com:victim@example.org>", Destination::Foreign),
            ("<example.org!victim>", Destination::Foreign),
            ("<foo!admin@example.com>", Destination::Foreign),
            ("<admin@sub.example.com>", Destination::Foreign),
            ("<x@y@example.com>", Destination::Foreign),
            ("<admin@[1.2.3.4]>", Destination::Foreign),
            ("<admin@[127.0.0.1]>", Destination::Local),
            ("<admin@[192.0.2.2]>", Destination::Local),
            ("<admin@[192.0.2.3]>", Destination::Foreign),
            ("<a:b@[127.0.0.1]>", Destination::Unknown),
            ("<abuse@example.com>", Destination::Local),
            ("<a@b_c>", Destination::Foreign),
            ("<[!]>", Destination::Foreign),
            ("<\\(\\!a>", Destination::Foreign),
            ("<example.com\\\"!%>", Destination::Foreign),
            ("< @:[x,>", Destination::Unknown),
            ("<\\@:>", Destination::Absorbed),
            ("<admin@localhost\\\">", Destination::Local),
        ] {
            assert_eq!(destination(text), Ok(expected), "{text}");
        }
    }

    /// Each as Postfix 3.7.11 answered it.
    #[test]
    fn what_postfix_refuses() {
        for text in [
            "<->",
            "<-a@b>",
            "<a@>",
            "<a@.b>",
            "<a@[foo]>",
            "<#@[]>",
            "<a@1.2.3.4>",
            "admin@\"exa mple\".com",
            "<a@b..>",
            "<a@\u{fc}b>",
        ] {
            assert_eq!(destination(text), Err(NoAddress), "{text}");
        }
    }
}
