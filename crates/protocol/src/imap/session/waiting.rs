//! Pipelined commands (RFC 3501 section 5.5), as Dovecot's mail process answers them: a command that ends with a look at
//! the mailbox keeps its closing words back for as long as there are further commands in what the client has sent. Then it
//! looks once for all of them: first for those whose numbers must hold, then for the others.

use bytes::Bytes;

use super::Imap;
use crate::imap::Service;
use crate::imap::texts::Phrase;
use crate::imap::view::{Telling, untagged};
use crate::session::Actions;
use crate::text::Slot;

/// Commands before which all others are finished, as they change which mailbox is open or wait for the client.
const FINISHING: [&[u8]; 8] =
    [b"LOGOUT", b"APPEND", b"SELECT", b"EXAMINE", b"DELETE", b"CLOSE", b"UNSELECT", b"IDLE"];

/// So many commands may be under way, as in Dovecot.
const MOST: usize = 4;

/// Closing words that wait.
#[derive(Debug)]
pub struct Waiting {
    /// The whole line.
    pub line: Bytes,
    /// How the mailbox is to be looked at.
    pub telling: Telling,
    /// Whether they are of a search that keeps its result, RETURN (SAVE).
    pub saves: bool,
}

impl Imap {
    /// Whether a command may keep its closing words back.
    pub(super) fn may_wait(&self, verb: &[u8]) -> bool {
        self.service.texts.mail_process.is_dovecot()
            && self.state.selected().is_some()
            && (!FINISHING.contains(&verb) || verb == b"APPEND")
            && (!self.held.is_empty() || memchr::memchr(b'\n', self.framing.rest()).is_some())
    }

    /// Finishes what waits, before a command that needs that.
    pub(super) fn finish_before(&mut self, verb: &[u8], line: &[u8], out: &mut Actions) {
        if FINISHING.contains(&verb) || self.held.len() >= MOST {
            self.finish_waiting(out);
        }
        self.finish_saving(line, out);
    }

    /// Finishes what waits, as there is nothing more to read. A command that has begun to come keeps those before it waiting.
    pub(super) fn finish_at_rest(&mut self, out: &mut Actions) {
        if self.framing.command_so_far().is_empty() && self.framing.rest().is_empty() {
            self.finish_waiting(out);
        }
    }

    /// Looks at the mailbox for all that wait, and answers them in the order in which they came.
    pub(super) fn finish_waiting(&mut self, out: &mut Actions) {
        let waiting = std::mem::take(&mut self.held);
        if !waiting.is_empty() {
            // Now they have gone well, whatever has come since.
            self.bad_commands.0 = 0;
        }
        for keep_expunged in [true, false] {
            let group = || waiting.iter().filter(|held| held.telling.keep_expunged == keep_expunged);
            if group().next().is_none() {
                continue;
            }
            let uids = group().any(|held| held.telling.uids);
            let how = Telling { uids, keep_expunged };
            let modseq = self.state.sync(&self.service, how, out).map(|modseq| modseq.to_string());
            // It is told with the closing words of the last command, if there is room.
            let last = group().last().and_then(|held| within(&self.service, held, modseq.as_deref()?));
            if let Some(modseq) = modseq.filter(|_| last.is_none()) {
                untagged(&self.service, Phrase::HighestModseq, modseq.as_bytes(), out);
            }
            let lines = group().map(|held| &held.line);
            let count = lines.clone().count().saturating_sub(usize::from(last.is_some()));
            lines.take(count).chain(&last).for_each(|line| out.send(line));
        }
    }

    /// Finishes what waits, where a command speaks of a result that is being kept, or keeps another one (RFC 5182 section 2.4).
    fn finish_saving(&mut self, line: &[u8], out: &mut Actions) {
        let speaks = |word: &[u8]| word == b"$" || word.eq_ignore_ascii_case(b"SAVE");
        let between = |byte: &u8| matches!(byte, b' ' | b'(' | b')' | b'\r' | b'\n');
        if self.held.iter().any(|held| held.saves) && line.split(between).any(speaks) {
            self.finish_waiting(out);
        }
    }
}

/// The closing words with the highest mod-sequence in them.
fn within(service: &Service, held: &Waiting, modseq: &str) -> Option<Bytes> {
    let space = memchr::memchr(b' ', &held.line)?;
    let (tag, words) = held.line.split_at_checked(space.saturating_add(1))?;
    let words = words.strip_prefix(b"OK ").filter(|words| !words.starts_with(b"["))?;
    let values = [(Slot::Modseq, modseq.as_bytes()), (Slot::Detail, words)];
    Some([tag, &service.texts.reply(Phrase::CompletedAtModseq).fill(&values)].concat().into())
}
