//! A section on its way to the client: as a literal, shared with the corpus where it is large, and recorded.

use bait::Message;
use bait::mime::Decoded;
use bytes::Bytes;
use event::{Event, Text};

use super::binary;
use super::section::{Piece, Section};
use crate::session::Actions;

/// Sends a section as a literal, shared with the corpus where it is large, and records what was shown.
pub fn send_section(mailbox: &str, message: &Message, section: &Section, dovecot: bool, out: &mut Actions) {
    if section.size_only
        && let Some(Ok(size)) = binary::size(section, message)
    {
        out.send(&section.label);
        return out.send(format!(" {size}").as_bytes());
    }
    if section.binary
        && let Some(Ok(decoded)) = binary::octets(section, message)
    {
        return send_decoded(mailbox, message, section, decoded, out);
    }
    let pieces = section.pieces(message, dovecot);
    let size: usize = pieces.iter().map(Piece::len).sum();
    if section.size_only {
        out.send(&section.label);
        return out.send(format!(" {size}").as_bytes());
    }
    if size > 0 {
        out.record(Event::MessageRead {
            mailbox: mailbox.to_owned(),
            uid: u64::from(message.uid),
            section: Text::copy(&section.name),
            bytes: size as u64,
            bait: shown(message, &pieces),
        });
    }
    out.send(&section.label);
    out.send(format!(" {{{size}}}\r\n").as_bytes());
    for piece in pieces {
        match piece {
            Piece::Octets(range) if dovecot => out.send_shared(without_nul(message.bytes.slice(range))),
            Piece::Octets(range) => out.send_shared(message.bytes.slice(range)),
            Piece::LineEnd(length) => out.send(b"\r\n".get(..length).unwrap_or_default()),
        }
    }
}

/// Sends a part whose encoding was undone.
fn send_decoded(mailbox: &str, message: &Message, section: &Section, decoded: Decoded, out: &mut Actions) {
    let octets = Bytes::from(decoded.bytes);
    let shown = match section.partial {
        Some((origin, count)) => {
            let from = origin.min(octets.len());
            octets.slice(from..from.saturating_add(count).min(octets.len()))
        }
        None => octets,
    };
    if !shown.is_empty() {
        let range =
            message.structure().section(&section.part).map_or(0..message.size(), |part| part.body.clone());
        out.record(Event::MessageRead {
            mailbox: mailbox.to_owned(),
            uid: u64::from(message.uid),
            section: Text::copy(&section.label),
            bytes: shown.len() as u64,
            bait: message.bait_in(&range).into_iter().map(|secret| secret.id.clone()).collect(),
        });
    }
    out.send(&section.label);
    let kind = if decoded.binary { "~" } else { "" };
    out.send(format!(" {kind}{{{}}}\r\n", shown.len()).as_bytes());
    out.send_shared(if decoded.binary { shown } else { without_nul(shown) });
}

/// No literal may hold NUL: it becomes 0x80, as in Dovecot.
fn without_nul(octets: Bytes) -> Bytes {
    if memchr::memchr(0, &octets).is_none() {
        return octets;
    }
    octets.iter().map(|octet| if *octet == 0 { 0x80 } else { *octet }).collect()
}

/// The ids of the secrets in these pieces, each once.
fn shown(message: &Message, pieces: &[Piece]) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for piece in pieces {
        let Piece::Octets(range) = piece else { continue };
        for secret in message.bait_in(range) {
            if !ids.contains(&secret.id) {
                ids.push(secret.id.clone());
            }
        }
    }
    ids
}
