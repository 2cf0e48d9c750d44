//! BINARY and BINARY.SIZE (RFC 3516): a part with its transfer encoding undone.

use bait::Message;
use bait::mime::Part;
use event::{Event, Text};

use crate::imap::texts::Phrase;
use crate::imap::turn::Fault;
use crate::session::Actions;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    /// Whether it leaves `\\Seen` alone.
    pub peek: bool,
    /// How the answer calls it: `BINARY[1]`.
    label: String,
    part: Vec<u32>,
    size_only: bool,
    partial: Option<(usize, usize)>,
}

impl Binary {
    /// Reads an item in capitals; `None` where it is another one.
    pub fn parse(name: &[u8]) -> Result<Option<Self>, Fault> {
        let kinds = [("BINARY[", false, false), ("BINARY.PEEK[", true, false), ("BINARY.SIZE[", true, true)];
        let found = kinds.into_iter().find_map(|(prefix, peek, size_only)| {
            name.strip_prefix(prefix.as_bytes()).map(|rest| (rest, peek, size_only))
        });
        let Some((rest, peek, size_only)) = found else { return Ok(None) };
        let rest = std::str::from_utf8(rest).map_err(|_| Phrase::InvalidBinary)?;
        let (numbers, behind) = rest.split_once(']').ok_or(Phrase::BinaryUnclosed)?;
        let numbers_of =
            |text: &str| text.split('.').map(|number| number.parse().ok()).collect::<Option<Vec<u32>>>();
        let part = if numbers.is_empty() { Some(Vec::new()) } else { numbers_of(numbers) };
        let partial = match behind {
            "" => None,
            range => Some(span(range).ok_or(Phrase::SectionTrailing)?),
        };
        let kind = if size_only { "BINARY.SIZE" } else { "BINARY" };
        let origin = partial.map(|(origin, _)| format!("<{origin}>")).unwrap_or_default();
        let label = format!("{kind}[{numbers}]{origin}");
        Ok(Some(Self { peek, label, part: part.ok_or(Phrase::InvalidBinary)?, size_only, partial }))
    }

    /// Sends the item, and records what was shown.
    pub fn send(&self, mailbox: &str, message: &Message, out: &mut Actions) {
        let whole;
        let octets: &[u8] = if self.part.is_empty() {
            &message.bytes
        } else {
            let part = message.structure().section(&self.part);
            whole = part.map(|part: &Part| part.decoded(&message.bytes)).unwrap_or_default();
            &whole
        };
        if self.size_only {
            return out.send(format!("{} {}", self.label, octets.len()).as_bytes());
        }
        let shown = match self.partial {
            Some((origin, count)) => {
                let rest = octets.get(origin..).unwrap_or_default();
                rest.get(..count).unwrap_or(rest)
            }
            None => octets,
        };
        if !shown.is_empty() {
            let range =
                message.structure().section(&self.part).map_or(0..message.size(), |part| part.body.clone());
            out.record(Event::MessageRead {
                mailbox: mailbox.to_owned(),
                uid: u64::from(message.uid),
                section: Text::copy(self.label.as_bytes()),
                bytes: shown.len() as u64,
                bait: message.bait_in(&range).into_iter().map(|secret| secret.id.clone()).collect(),
            });
        }
        let kind = if self.part.is_empty() { "" } else { "~" };
        out.send(format!("{} {kind}{{{}}}\r\n", self.label, shown.len()).as_bytes());
        out.send(shown);
    }
}

/// `<origin.count>`
fn span(text: &str) -> Option<(usize, usize)> {
    let inner = text.strip_prefix('<')?.strip_suffix('>')?;
    let (origin, count) = inner.split_once('.')?;
    Some((origin.parse().ok()?, count.parse().ok()?))
}
