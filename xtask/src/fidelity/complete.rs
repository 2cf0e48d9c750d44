//! When an answer is whole, by its protocol's form.

use crate::fidelity::Service;

/// POP3 commands whose good answers have several lines (RFC 1939 section 3).
const MULTILINE: [&[u8]; 6] = [b"LIST", b"UIDL", b"RETR", b"TOP", b"CAPA", b"AUTH"];
/// Those of them that have several lines with arguments too.
const ALWAYS: [&[u8]; 3] = [b"RETR", b"TOP", b"CAPA"];

/// What a session knows of the answer that it waits for.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    /// How many commands were sent, and the octets of them.
    pub(super) commands: usize,
    pub(super) payload: Vec<u8>,
    pub(super) last: Vec<u8>,
    /// IMAP: the tag under way, which outlives a literal.
    pub(super) tag: Option<Vec<u8>>,
}

/// Whether this is a whole answer.
pub(super) fn is_whole(service: Service, awaited: &Awaited, bytes: &[u8]) -> bool {
    match service {
        Service::Imap => imap(awaited, bytes),
        Service::Pop3 => pop3(awaited, bytes),
        Service::Smtp | Service::Submission => smtp(awaited, bytes),
    }
}

/// As many last lines of replies as there were commands; the greeting is one too.
fn smtp(awaited: &Awaited, bytes: &[u8]) -> bool {
    let last = |line: &[u8]| {
        line.len() >= 3
            && line.iter().take(3).all(u8::is_ascii_digit)
            && line.get(3).is_none_or(|byte| *byte == b' ')
    };
    lines(bytes).filter(|line| last(line)).count() >= awaited.commands.max(1)
}

fn pop3(awaited: &Awaited, bytes: &[u8]) -> bool {
    let mut commands = awaited.payload.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut left = awaited.commands.max(1);
    let mut listing = false;
    for line in lines(bytes) {
        if listing {
            listing = line != b".";
        } else {
            let command = commands.next().unwrap_or_default().to_ascii_uppercase();
            let words: Vec<&[u8]> =
                command.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
            let verb = words.first().copied().unwrap_or_default();
            let several = ALWAYS.contains(&verb) || (MULTILINE.contains(&verb) && words.len() == 1);
            listing = several && line.starts_with(b"+OK");
            left = left.saturating_sub(1);
        }
        if left == 0 && !listing {
            return true;
        }
    }
    false
}

fn imap(awaited: &Awaited, bytes: &[u8]) -> bool {
    let asks = awaited.last.ends_with(b"}") || {
        let verb = awaited.last.split(|byte| *byte == b' ').nth(1).unwrap_or_default().to_ascii_uppercase();
        verb == b"AUTHENTICATE" || verb == b"IDLE"
    };
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        rest = &rest[end + 1..];
        let tagged = awaited
            .tag
            .as_deref()
            .is_some_and(|tag| line.strip_prefix(tag).is_some_and(|behind| behind.starts_with(b" ")));
        if awaited.payload.is_empty()
            || tagged
            || line.starts_with(b"* BAD")
            || (line.starts_with(b"+") && asks)
        {
            return true;
        }
        rest = rest.get(literal(line)..).unwrap_or_default();
    }
    false
}

/// The same for IMAP where nobody knows what the server takes for a command: as many lines that end something as there
/// were commands.
pub(super) fn is_whole_imap(awaited: &Awaited, bytes: &[u8]) -> bool {
    let mut left = awaited.commands.max(1);
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        rest = &rest[end + 1..];
        let mut words = line.split(|byte| *byte == b' ');
        let ends = match (words.next(), words.next()) {
            (Some(b"*"), Some(word)) => word == b"BAD" || awaited.payload.is_empty(),
            (Some(b"+"), _) => true,
            (Some(_), Some(word)) => [&b"OK"[..], b"NO", b"BAD"].contains(&word),
            _ => false,
        };
        left -= usize::from(ends);
        if left == 0 {
            return true;
        }
        rest = rest.get(literal(line)..).unwrap_or_default();
    }
    false
}

/// The octets of the literal that a line announces.
fn literal(line: &[u8]) -> usize {
    let Some(inside) = line.strip_suffix(b"}") else { return 0 };
    let digits = inside.rsplit(|byte| *byte == b'{').next().unwrap_or_default();
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// The lines that have come whole.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    bytes[..whole].split_inclusive(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn awaited(payload: &str, commands: usize) -> Awaited {
        let last = payload.trim_end().rsplit("\r\n").next().unwrap_or_default();
        let tag = last.split(' ').next().map(|tag| tag.as_bytes().to_vec());
        Awaited { commands, payload: payload.into(), last: last.into(), tag }
    }

    #[test]
    fn each_protocol_has_its_own_end() {
        for (service, said, commands, part, rest) in [
            (Service::Smtp, "EHLO x\r\n", 1, "250-a\r\n250 b", "\r\n"),
            (Service::Smtp, "NOOP\r\nNOOP\r\n", 2, "250 a\r\n", "250 b\r\n"),
            (Service::Pop3, "CAPA\r\n", 1, "+OK\r\nUSER\r\n", ".\r\n"),
            (Service::Pop3, "LIST 1\r\nNOOP\r\n", 2, "+OK 1 2\r\n", "+OK\r\n"),
            (Service::Imap, "a FETCH\r\n", 1, "* 1 {5}\r\na OK\n)\r\n", "a OK\r\n"),
            (Service::Imap, "a LOGIN {1}\r\n", 1, "+ O", "K\r\n"),
        ] {
            let awaited = awaited(said, commands);
            assert!(!is_whole(service, &awaited, part.as_bytes()), "{said}");
            assert!(is_whole(service, &awaited, format!("{part}{rest}").as_bytes()), "{said}");
        }
        assert!(is_whole(Service::Imap, &Awaited::default(), b"* OK\r\n"));
    }
}
