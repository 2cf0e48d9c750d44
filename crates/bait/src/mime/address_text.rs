//! Address lists written out again in one spelling, as SEARCH's FROM, TO, CC and BCC look at them: whatever way a list was
//! quoted, folded or commented, what is looked for is found. As Dovecot spells them.

use crate::mime::address::Address;
use crate::mime::envelope::Value;
use crate::mime::lexer::is_atext;

/// The same of addresses as ENVELOPE tells them: their names without needless space.
pub fn write_addresses(addresses: &[Address]) -> Vec<u8> {
    let mut told = addresses.to_vec();
    for address in &mut told {
        if let Address::Mailbox { name: Some(name), .. } = address {
            *name = Value::text(name).bytes;
        }
    }
    written(&told)
}

/// `Name <mailbox@host>, Group: <a@b>, <c@d>;`
pub(super) fn written(addresses: &[Address]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut separator: &[u8] = b"";
    for address in addresses {
        match address {
            Address::Mailbox { name, route, mailbox, host } => {
                text.extend_from_slice(separator);
                separator = b", ";
                if let Some(name) = name {
                    push_phrase(name, &mut text);
                    text.push(b' ');
                }
                text.push(b'<');
                if let Some(route) = route {
                    text.extend_from_slice(route);
                    text.push(b':');
                }
                push_word(mailbox.as_deref().unwrap_or_default(), |byte| byte == b'.', &mut text);
                text.push(b'@');
                text.extend_from_slice(host.as_deref().unwrap_or_default());
                text.push(b'>');
            }
            Address::GroupStart(name) => {
                text.extend_from_slice(separator);
                separator = b"";
                push_phrase(name, &mut text);
                text.extend_from_slice(b": ");
            }
            Address::GroupEnd => {
                if separator.is_empty() {
                    text.pop();
                }
                separator = b", ";
                text.push(b';');
            }
        }
    }
    text
}

/// A name: as it stands where it holds an encoded word, which may not be quoted (RFC 2047 section 5).
fn push_phrase(name: &[u8], text: &mut Vec<u8>) {
    if name.windows(2).any(|two| two == b"=?") {
        text.extend_from_slice(name);
    } else {
        push_word(name, |_| false, text);
    }
}

/// A word, quoted unless all of it may stand in an atom.
fn push_word(word: &[u8], besides: impl Fn(u8) -> bool, text: &mut Vec<u8>) {
    if !word.is_empty() && word.iter().all(|&byte| is_atext(byte) || besides(byte)) {
        return text.extend_from_slice(word);
    }
    text.push(b'"');
    for &byte in word {
        text.extend(matches!(byte, b'"' | b'\\' | b'\'').then_some(b'\\'));
        text.push(byte);
    }
    text.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::address::{Allowance, addresses};

    fn rewritten(list: &str) -> String {
        let mut entries = Vec::new();
        addresses(list.as_bytes(), &mut Allowance::new(), &mut entries);
        String::from_utf8_lossy(&written(&entries)).into_owned()
    }

    #[test]
    fn every_spelling_becomes_the_same() {
        assert_eq!(rewritten("a.b @ c (Ann)"), "Ann <a.b@c>");
        assert_eq!(rewritten("\"Ann\"\r\n <a.b@c>"), "Ann <a.b@c>");
        assert_eq!(rewritten("a@b,c@d"), "<a@b>, <c@d>");
        assert_eq!(rewritten("\"A, 'B'\" <\"x y\"@z>"), "\"A, \\'B\\'\" <\"x y\"@z>");
        assert_eq!(rewritten("=?utf-8?q?=C3=BC?= b <a@b>"), "=?utf-8?q?=C3=BC?= b <a@b>");
    }

    #[test]
    fn groups() {
        assert_eq!(rewritten("Ops: a@b, c@d;, e@f"), "Ops: <a@b>, <c@d>;, <e@f>");
        assert_eq!(rewritten("nobody:;"), "nobody:;");
        assert_eq!(rewritten(":;"), "\"\":;");
    }
}
