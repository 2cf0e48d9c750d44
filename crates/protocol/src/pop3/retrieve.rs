//! RETR and TOP (RFC 1939 sections 5 and 7): a message, dot-stuffed (section 3), in pieces of which the large ones are
//! shared with the corpus.

use std::sync::Arc;

use bait::Message;
use event::{Event, Text};

use crate::pop3::arguments::{lines, message_number, message_number_and};
use crate::pop3::maildrop::Maildrop;
use crate::pop3::state::Stage;
use crate::pop3::turn::{Fault, Turn};
use crate::session::Actions;
use crate::text::Slot;

/// RFC 1939 section 5.
pub fn retr(turn: &mut Turn<'_>, maildrop: &mut Maildrop) -> Result<(), Fault> {
    let number = message_number(turn.arguments)?;
    let message = maildrop.readable(number)?;
    start(turn, message, message.size(), Text::default());
    maildrop.note_read(number);
    Ok(())
}

/// RFC 1939 section 7.
pub fn top(turn: &mut Turn<'_>, maildrop: &mut Maildrop) -> Result<(), Fault> {
    let (number, rest) = message_number_and(turn.arguments)?;
    maildrop.message(number)?;
    let lines = lines(rest)?;
    let message = maildrop.readable(number)?;
    start(turn, message, end_of_top(message, lines), format!("TOP {lines}").into_bytes().into());
    Ok(())
}

/// Where the header, its empty line and so many lines of the body end.
fn end_of_top(message: &Message, lines: u64) -> usize {
    let start = message.body().start;
    let Some(last) = usize::try_from(lines).unwrap_or(usize::MAX).checked_sub(1) else {
        return start;
    };
    let body = message.bytes.get(start..).unwrap_or_default();
    let line_end = memchr::memchr_iter(b'\n', body).nth(last);
    line_end.map_or(message.size(), |line_end| start.saturating_add(line_end).saturating_add(1))
}

fn start(turn: &mut Turn<'_>, message: &Arc<Message>, end: usize, section: Text) {
    turn.record(Event::MessageRead {
        mailbox: Maildrop::name().to_owned(),
        uid: u64::from(message.uid),
        section,
        bytes: end as u64,
        bait: message.bait_in(&(0..end)).into_iter().map(|secret| secret.id.clone()).collect(),
    });
    let size = message.size().to_string();
    turn.complete(&[(Slot::Size, size.as_bytes())]);
    turn.stage = Stage::Sending(Sending { message: Arc::clone(message), next: 0, end });
}

/// A message that is being sent.
#[derive(Debug)]
pub struct Sending {
    message: Arc<Message>,
    /// The next octet.
    next: usize,
    /// The first that is not sent.
    end: usize,
}

/// Octets sent in one piece at most.
const PIECE: usize = 64 * 1024;

impl Sending {
    /// Sends until the driver has enough. `true` when everything is sent.
    pub fn step(&mut self, out: &mut Actions) -> bool {
        let bytes = &self.message.bytes;
        while !out.full() {
            let (sent, rest) = bytes
                .get(..self.end)
                .and_then(|shown| shown.split_at_checked(self.next))
                .unwrap_or((bytes, &[]));
            if rest.is_empty() {
                if !sent.ends_with(b"\n") {
                    out.send(b"\r\n");
                }
                out.send(b".\r\n");
                return true;
            }
            if rest.starts_with(b".") && sent.last().is_none_or(|before| *before == b'\n') {
                out.send(b".");
            }
            let piece = rest.get(..PIECE).unwrap_or(rest);
            // Up to the next dot that begins a line.
            let length = memchr::memmem::find(piece, b"\n.").map_or(piece.len(), |end| end.saturating_add(1));
            let stop = self.next.saturating_add(length);
            out.send_shared(bytes.slice(self.next..stop));
            self.next = stop;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use bait::Flags;
    use bytes::Bytes;
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::session::Action;

    fn message(bytes: impl Into<Bytes>) -> Arc<Message> {
        let arrival = Timestamp::UNIX_EPOCH.to_zoned_datetime(TimeZone::UTC);
        Arc::new(Message::new(1, Flags::NONE, arrival, bytes.into(), Vec::new()))
    }

    /// What is sent of a message, and in how many calls.
    fn sent(message: &Arc<Message>, end: usize) -> (Vec<u8>, usize) {
        let mut sending = Sending { message: Arc::clone(message), next: 0, end };
        let (mut wire, mut calls) = (Vec::new(), 0);
        let mut out = Actions::default();
        loop {
            calls += 1;
            let done = sending.step(&mut out);
            assert!(out.queued() <= 2 * PIECE + 8, "one call owes {} octets", out.queued());
            for action in out.drain() {
                let Action::Send(bytes) = action else { panic!("{action:?}") };
                wire.extend_from_slice(&bytes);
            }
            if done {
                return (wire, calls);
            }
        }
    }

    #[test]
    fn dots_that_begin_a_line_are_doubled() {
        let whole = message(&b".a: b\r\n\r\n.\r\n..\r\nx.\r\n.y\n.z"[..]);
        let wire = b"..a: b\r\n\r\n..\r\n...\r\nx.\r\n..y\n..z\r\n.\r\n";
        assert_eq!(sent(&whole, whole.size()).0, wire);
        assert_eq!(sent(&message(&b""[..]), 0).0, b"\r\n.\r\n");
    }

    #[test]
    fn what_is_long_comes_in_pieces() {
        // Lines of 100 octets, so that a piece ends everywhere in a line; and nothing but dots.
        for line in [&b".234567890".repeat(10)[..], b"."] {
            let text = [line, b"\r\n"].concat().repeat(3000);
            let (wire, calls) = sent(&message(text.clone()), text.len());
            let doubled = [b".", line, b"\r\n"].concat().repeat(3000);
            assert_eq!(wire, [&doubled[..], b".\r\n"].concat());
            assert!(line.len() == 1 || calls > 3, "in {calls} calls");
        }
        let text = vec![b'x'; 10 * PIECE];
        let (wire, calls) = sent(&message(text.clone()), text.len());
        assert_eq!(wire, [&text[..], b"\r\n.\r\n"].concat());
        assert_eq!(calls, 11);
    }

    #[test]
    fn top_ends_behind_a_line() {
        let message = message(&b"a: b\r\n\r\n1\r\n2\r\n3"[..]);
        let shown = |lines| message.bytes.slice(8..end_of_top(&message, lines));
        assert_eq!(shown(0), b""[..]);
        assert_eq!(shown(1), b"1\r\n"[..]);
        assert_eq!(shown(2), b"1\r\n2\r\n"[..]);
        assert_eq!(shown(3), b"1\r\n2\r\n3"[..]);
        assert_eq!(shown(u64::MAX), b"1\r\n2\r\n3"[..]);
    }
}
