//! FETCH and UID FETCH (RFC 3501 sections 6.4.5, 6.4.8), answered in pieces so that an answer of any length needs
//! little memory. What may be asked for is in `item.rs`, which octets a section means in `section.rs`.

mod binary;
mod envelope;
mod item;
mod preview;
mod section;
mod structure;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bait::{Flags, Message, mailbox_name};
use bytes::Bytes;
use event::{Event, Text};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::imap::arguments::Argument;
use crate::imap::copy::targets;
use crate::imap::sequence::{SequenceSet, push_numbers};
use crate::imap::state::{Account, Selected, Stage, State};
use crate::imap::string::push_astring;
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use crate::imap::view::enable_condstore;
use crate::session::Actions;
pub use binary::Form;
use item::{Item, Preview};
pub use section::{Piece, Section};

/// RFC 3501 section 6.4.5.
pub fn fetch(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    start(turn, state, false)
}

/// RFC 3501 section 6.4.8.
pub fn uid_fetch(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    start(turn, state, true)
}

/// Whether a list of items is one that FETCH could answer.
pub fn check(list: &Argument<'_>) -> Result<(), Fault> {
    item::parse(std::slice::from_ref(list), true, false, false).map(drop)
}

fn start(turn: &mut Turn<'_>, state: &mut State, by_uid: bool) -> Result<(), Fault> {
    let dovecot = turn.service.texts.mail_process.is_dovecot();
    let arguments = turn.parse()?;
    let selected = state.selected().ok_or(Phrase::NoMailboxSelected)?;
    let read_only = selected.read_only;
    let qresync = state.account().is_some_and(|account| account.features.qresync);
    let [set, wanted @ ..] = arguments.as_slice() else {
        return Err(Phrase::InvalidArguments.into());
    };
    if wanted.is_empty() {
        return Err(Phrase::InvalidArguments.into());
    }
    let malformed = if by_uid { Phrase::InvalidUidSet } else { Phrase::InvalidSequenceSet };
    let forms_fit = set.atom().is_some()
        && matches!(wanted.first(), Some(Argument::Atom(_) | Argument::List(_)))
        && matches!(wanted.get(1), None | Some(Argument::List(_)));
    if dovecot && !forms_fit {
        return Err(Phrase::InvalidArguments.into());
    }
    let set = set.atom().ok_or(malformed)?;
    let spans: VecDeque<Range<usize>> = if dovecot {
        let positions = targets(set, selected, by_uid)?;
        positions.into_iter().map(|position| position..position.saturating_add(1)).collect()
    } else {
        SequenceSet::parse(set).ok_or(malformed)?.positions(&selected.uids(), by_uid).into()
    };
    let (mut items, changed) = item::parse(wanted, dovecot, by_uid, qresync)?;
    if changed.since.is_some() && !items.contains(&Item::Modseq) {
        items.push(Item::Modseq);
    }
    if by_uid {
        items.retain(|item| *item != Item::Uid);
        items.insert(0, Item::Uid);
    }
    if changed.vanished {
        tell_vanished(turn, state, changed.since.unwrap_or_default(), set);
    }
    if items.contains(&Item::Modseq) {
        enable_condstore(turn, state);
    }
    // Dovecot answers in two groups, each in the order of the request: what the index knows, then what the mail says.
    items.sort_by_key(|item| !item.is_from_index());
    let reads = items.iter().any(Item::sets_seen) && !read_only;
    turn.status = "OK";
    turn.stage = Stage::Fetching(Box::new(Fetching {
        tag: turn.tag.clone(),
        verb: if by_uid { "UID FETCH" } else { "FETCH" },
        spans,
        items,
        changed_since: changed.since,
        saved: turn.service.wall_clock(turn.now),
        next_item: 0,
        reads,
        undecodable: false,
        newly_seen: false,
        expunged: false,
    }));
    Ok(())
}

/// Tells which of these UIDs have vanished since a mod-sequence (RFC 7162 section 3.2.6).
fn tell_vanished(turn: &mut Turn<'_>, state: &mut State, since: u64, set: &[u8]) {
    let State::Selected(account, selected) = state else { return };
    let Some(set) = SequenceSet::parse_as_dovecot(set) else { return };
    let asked = set.numbers();
    let Some(folder) = selected.folder(&mut account.world) else { return };
    let asked = |uid: &u32| asked.iter().any(|range| range.contains(uid));
    let gone: Vec<u32> = folder.expunged_since(since).filter(asked).collect();
    if !gone.is_empty() {
        let mut numbers = Vec::new();
        push_numbers(&mut numbers, &gone);
        turn.untagged_with(Phrase::VanishedEarlier, &numbers);
    }
}

/// A FETCH that is being answered.
#[derive(Debug)]
pub struct Fetching {
    /// The command's tag.
    pub tag: Bytes,
    /// The command's verb.
    pub verb: &'static str,
    /// Positions still to be answered; the first is under way if `next_item` is not 0.
    spans: VecDeque<Range<usize>>,
    items: Vec<Item>,
    /// Only what has changed since (RFC 7162 section 3.1.4).
    changed_since: Option<u64>,
    /// What SAVEDATE says (RFC 8514).
    saved: Timestamp,
    next_item: usize,
    /// Whether it sets `\Seen`.
    reads: bool,
    /// Whether something could not be decoded.
    pub undecodable: bool,
    /// Whether it has just set `\Seen` on the message under way.
    newly_seen: bool,
    /// Whether it was asked for what another session has expunged.
    pub expunged: bool,
}

impl Fetching {
    /// Answers until the driver has enough. `true` when everything is answered.
    pub fn step(&mut self, state: &mut State, out: &mut Actions) -> bool {
        let State::Selected(account, selected) = state else {
            return true;
        };
        while let Some(position) = self.spans.front().map(|span| span.start) {
            if out.full() {
                return false;
            }
            let Some(entry) = selected.entries.get(position) else {
                return true;
            };
            let wanted = self.changed_since.is_none_or(|since| entry.marks.modseq > since);
            if wanted && !self.answer(position, account, selected, out) {
                return false;
            }
            self.next_item = 0;
            if let Some(span) = self.spans.front_mut() {
                span.start = span.start.saturating_add(1);
                if span.start >= span.end {
                    self.spans.pop_front();
                }
            }
        }
        true
    }

    /// Answers for one message, or as much of it as the driver takes. `true` when it is done.
    fn answer(
        &mut self,
        position: usize,
        account: &mut Account,
        selected: &mut Selected,
        out: &mut Actions,
    ) -> bool {
        if self.next_item == 0 {
            self.newly_seen = self.reads && mark_seen(position, account, selected);
            out.send(format!("* {} FETCH (", position.saturating_add(1)).as_bytes());
        }
        let Some(entry) = selected.entries.get(position) else { return true };
        let (mut message, flags) = (&entry.message, selected.flags(&selected.now(&account.world, entry)));
        let is_lost = selected.is_lost(&account.world);
        let is_gone = (is_lost || selected.is_gone(&account.world, position))
            && self.items.iter().any(Item::needs_message);
        if is_lost && is_gone {
            // It ends here, and the client is told why when it is told what has changed.
            self.spans.clear();
            out.send(format!("FLAGS ({flags}))\r\n").as_bytes());
            return true;
        }
        let nothing;
        if is_gone {
            self.expunged = true;
            nothing = remains(message);
            message = &nothing;
        }
        let flags_asked = self.items.contains(&Item::Flags);
        while let Some(item) = self.items.get(self.next_item) {
            if self.next_item > 0 {
                if out.full() {
                    return false;
                }
                out.send(b" ");
            }
            if self.newly_seen && !flags_asked && !item.is_from_index() {
                out.send(format!("FLAGS ({flags}) ").as_bytes());
                self.newly_seen = false;
            }
            self.next_item = self.next_item.saturating_add(1);
            match item {
                Item::Section(section) if is_gone => out.send(&[&section.label[..], b" NIL"].concat()),
                Item::Body if is_gone => out.send(structure::NOTHING),
                Item::BodyStructure if is_gone => out.send(structure::NOTHING_EXTENDED),
                Item::Section(section) if section.form == Form::Body || !section.is_of_body() => {
                    send_section(&selected.name, message, section, out);
                }
                Item::Section(section) => {
                    self.undecodable |= binary::send(&selected.name, message, section, out).is_err();
                }
                Item::Modseq => out.send(format!("MODSEQ ({})", entry.marks.modseq).as_bytes()),
                Item::SaveDate => {
                    let saved = self.saved.strftime("%d-%b-%Y %H:%M:%S +0000");
                    out.send(format!("SAVEDATE \"{saved}\"").as_bytes());
                }
                Item::OldSaveDate => {
                    let saved = self.saved.strftime("%d-%b-%Y %H:%M:%S +0000");
                    out.send(format!("X-SAVEDATE \"{saved}\"").as_bytes());
                }
                Item::Mailbox => {
                    let mut told = b"X-MAILBOX ".to_vec();
                    push_astring(&mut told, mailbox_name::encode(&selected.name).as_bytes());
                    out.send(&told);
                }
                Item::Preview(preview) => {
                    let place = (selected.uid_validity, message.uid);
                    let lazy = preview.lazy && !account.previewed.contains(&place);
                    if !lazy {
                        account.previewed.insert(place);
                    }
                    out.send(&Item::Preview(Preview { lazy, ..*preview }).render(message, &flags));
                }
                item => out.send(&item.render(message, &flags)),
            }
        }
        out.send(b")\r\n");
        true
    }
}

/// What Dovecot knows of a message that another session has expunged: its UID.
fn remains(message: &Message) -> Arc<Message> {
    let date = Timestamp::UNIX_EPOCH.to_zoned_datetime(TimeZone::UTC);
    Arc::new(Message::new(message.uid, Flags::NONE, date, Bytes::new(), Vec::new()))
}

/// Marks a message `\Seen`; says whether it was not.
fn mark_seen(position: usize, account: &mut Account, selected: &mut Selected) -> bool {
    let Some(entry) = selected.entries.get(position).cloned() else { return false };
    let before = entry.marks.flags;
    if before.contains(Flags::SEEN) {
        return false;
    }
    // Where the mailbox is gone, Dovecot says that it is seen all the same.
    if let Some(folder) = selected.folder(&mut account.world) {
        if !folder.mark(&entry, before | Flags::SEEN, entry.marks.keywords) {
            return false;
        }
        folder.count_change();
    }
    if let Some(entry) = Arc::make_mut(&mut selected.entries).get_mut(position) {
        entry.marks.flags |= Flags::SEEN;
    }
    true
}

/// Sends a section as a literal, shared with the corpus where it is large, and records what was shown.
fn send_section(mailbox: &str, message: &Message, section: &Section, out: &mut Actions) {
    let pieces = section.pieces(message);
    let size: usize = pieces.iter().map(Piece::len).sum();
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
    if section.form == Form::BinarySize {
        return out.send(format!(" {size}").as_bytes());
    }
    out.send(format!(" {{{size}}}\r\n").as_bytes());
    for piece in pieces {
        match piece {
            Piece::Octets(range) => out.send_shared(without_nul(message.bytes.slice(range))),
            Piece::LineEnd(length) => out.send(b"\r\n".get(..length).unwrap_or_default()),
        }
    }
}

/// No literal but a binary one may hold a NUL (RFC 3501 section 4.3): Dovecot puts another octet in its place.
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

/// What stands in an argument list at a place, as an atom.
fn atom_at<'a>(arguments: &[Argument<'a>], place: usize) -> Option<&'a [u8]> {
    arguments.get(place).and_then(Argument::atom)
}
