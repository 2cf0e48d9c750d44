//! FETCH and UID FETCH (RFC 3501 sections 6.4.5, 6.4.8), answered in pieces so that an answer of any length needs
//! little memory. What may be asked for is in `item.rs`, which octets a section means in `section.rs`.

mod binary;
mod envelope;
mod gone;
mod item;
mod news;
mod preview;
mod request;
mod section;
mod send;
mod structure;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bait::Flags;
use bait::mailbox_name::encode;
use bait::mime::Undecodable;
use bytes::Bytes;
use jiff::Timestamp;

use crate::imap::Service;
use crate::imap::arguments::Argument;
use crate::imap::copy::targets;
use crate::imap::sequence::{SequenceSet, push_numbers};
use crate::imap::state::{Account, Selected, Stage, State};
use crate::imap::string::push_astring;
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use crate::imap::view::enable_condstore;
use crate::session::Actions;
pub use gone::Known;
pub use item::Item;
use item::Previewing;
pub use item::guid;
pub use news::tell_news;
use request::Request;
pub use request::{items, section};
pub use section::{Piece, Section};
use send::send_section;

/// RFC 3501 section 6.4.5.
pub fn fetch(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    start(turn, state, false)
}

/// RFC 3501 section 6.4.8.
pub fn uid_fetch(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    start(turn, state, true)
}

fn start(turn: &mut Turn<'_>, state: &mut State, by_uid: bool) -> Result<(), Fault> {
    let dovecot = turn.service.texts.mail_process.is_dovecot();
    let arguments = turn.parse()?;
    let selected = state.selected().ok_or(Phrase::NoMailboxSelected)?;
    let read_only = selected.read_only;
    let [set, wanted @ ..] = arguments.as_slice() else {
        return Err(Phrase::InvalidArguments.into());
    };
    if wanted.is_empty() || (dovecot && !shaped(set, wanted)) {
        return Err(Phrase::InvalidArguments.into());
    }
    let malformed = if by_uid { Phrase::InvalidUidSet } else { Phrase::InvalidSequenceSet };
    let set = set.atom().ok_or(malformed)?;
    let (spans, mut request) = if dovecot {
        let positions = targets(set, selected, by_uid)?;
        let spans: VecDeque<Range<usize>> =
            positions.into_iter().map(|position| position..position.saturating_add(1)).collect();
        let mut request = Request::default();
        let qresync = state.account().is_some_and(|account| account.features.qresync);
        let read = request.read(wanted, by_uid, qresync);
        // Dovecot does not survive reading beyond the end of a list.
        if request.beyond && wanted.first().is_some_and(|wanted| wanted.list().is_some()) {
            if let State::Selected(_, selected) = state {
                selected.fatal = true;
            }
            return Ok(());
        }
        if request.names_modseq {
            enable_condstore(turn, state);
        }
        read?;
        if request.vanished {
            tell_vanished(turn, state, request.least_modseq.unwrap_or_default(), set);
        }
        (spans, request)
    } else {
        let set = SequenceSet::parse(set).ok_or(malformed)?;
        let spans = set.positions(&selected.uids(), by_uid).into();
        let mut items = item::parse(wanted)?;
        if by_uid {
            items.retain(|item| *item != Item::Uid);
            items.insert(0, Item::Uid);
        }
        (spans, Request { items, ..Request::default() })
    };
    let items = &mut request.items;
    // Dovecot answers in two groups, each in the order of the request: what the index knows, then what the mail says.
    items.sort_by_key(|item| !item.is_from_index());
    let reads = items.iter().any(Item::sets_seen) && !read_only;
    let named: usize = spans.iter().map(Range::len).sum();
    let whole = state.selected().is_some_and(|selected| selected.entries.len() == named);
    turn.status = "OK";
    turn.stage = Stage::Fetching(Box::new(Fetching {
        tag: turn.tag.clone(),
        verb: if by_uid { "UID FETCH" } else { "FETCH" },
        spans,
        least_modseq: request.least_modseq,
        items: request.items,
        dovecot,
        failure: None,
        saved: turn.service.wall_clock(turn.now),
        next_item: 0,
        reads,
        newly_seen: false,
        marked: false,
        expunged: false,
        whole,
        at_once: false,
    }));
    Ok(())
}

/// Tells which of these UIDs have vanished at a mod-sequence or later (RFC 7162 section 3.2.6).
fn tell_vanished(turn: &mut Turn<'_>, state: &mut State, least: u64, set: &[u8]) {
    let State::Selected(account, selected) = state else { return };
    let Some(set) = SequenceSet::parse_as_dovecot(set) else { return };
    let asked = set.numbers();
    let Some(folder) = selected.folder(&mut account.world) else { return };
    let asked = |uid: &u32| asked.iter().any(|range| range.contains(uid));
    let gone: Vec<u32> = folder.expunged_since(least.saturating_sub(1)).filter(asked).collect();
    if !gone.is_empty() {
        let mut numbers = Vec::new();
        push_numbers(&mut numbers, &gone);
        turn.untagged_with(Phrase::VanishedEarlier, &numbers);
    }
}

/// NIL is no atom to Dovecot where one is wanted.
const fn is_nil(atom: &[u8]) -> bool {
    atom.eq_ignore_ascii_case(b"NIL")
}

/// Whether the arguments are of the kinds that Dovecot wants, before it reads any.
fn shaped(set: &Argument<'_>, wanted: &[Argument<'_>]) -> bool {
    let list = |argument: &Argument<'_>| argument.list().is_some();
    let known = |argument: &Argument<'_>| list(argument) || argument.atom().is_some_and(|atom| !is_nil(atom));
    set.atom().is_some() && wanted.first().is_some_and(known) && wanted.get(1).is_none_or(list)
}

/// A FETCH that is being answered.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub struct Fetching {
    /// The command's tag.
    pub tag: Bytes,
    /// The command's verb.
    pub verb: &'static str,
    /// Positions still to be answered; the first is under way if `next_item` is not 0.
    spans: VecDeque<Range<usize>>,
    items: Vec<Item>,
    /// Only what has this mod-sequence or a later one (RFC 7162 section 3.1.4).
    least_modseq: Option<u64>,
    /// Whether Dovecot answers.
    dovecot: bool,
    /// Why it was given up, once it was.
    pub failure: Option<Undecodable>,
    /// What SAVEDATE says (RFC 8514).
    saved: Timestamp,
    next_item: usize,
    /// Whether it sets `\Seen`.
    reads: bool,
    /// Whether it has just set `\Seen` on the message under way.
    newly_seen: bool,
    /// Whether it has set it on any.
    marked: bool,
    /// Whether it was asked for what another session has expunged.
    pub expunged: bool,
    /// Whether it was asked for of all messages.
    whole: bool,
    /// Whether it is answered whole, however much the driver has to carry out.
    at_once: bool,
}

impl Fetching {
    /// Answers until the driver has enough. `true` when everything is answered.
    pub fn step(&mut self, service: &Service, state: &mut State, out: &mut Actions) -> bool {
        match state {
            State::Selected(account, selected) => self.answer_all(service, account, selected, out),
            _ => true,
        }
    }

    /// The same, of this mailbox.
    fn answer_all(
        &mut self,
        service: &Service,
        account: &mut Account,
        selected: &mut Selected,
        out: &mut Actions,
    ) -> bool {
        let finished = self.answers(service, account, selected, out);
        if finished && self.whole {
            let below = selected.entries.last().map_or(0, |entry| entry.message.uid.saturating_add(1));
            let read: Vec<_> = self.items.iter().flat_map(Item::reads).collect();
            account.kept.keep(selected.uid_validity, below, read.iter().map(|name| &name[..]));
        }
        if let Some(folder) = selected.folder(&mut account.world).filter(|_| finished && self.marked) {
            // All that was marked is one change.
            folder.count_change();
        }
        finished
    }

    fn answers(
        &mut self,
        service: &Service,
        account: &mut Account,
        selected: &mut Selected,
        out: &mut Actions,
    ) -> bool {
        while let Some(position) = self.spans.front().map(|span| span.start) {
            if out.full() && !self.at_once {
                return false;
            }
            let Some(entry) = selected.entries.get(position) else {
                return true;
            };
            let wanted = self.least_modseq.is_none_or(|least| selected.modseq_of(&entry.marks) >= least);
            if wanted && !self.answer(service, position, account, selected, out) {
                return false;
            }
            if self.failure.is_some() {
                return true;
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
        service: &Service,
        position: usize,
        account: &mut Account,
        selected: &mut Selected,
        out: &mut Actions,
    ) -> bool {
        if self.next_item == 0 {
            self.newly_seen = self.reads && mark_seen(position, account, selected);
            self.marked |= self.newly_seen;
            if self.dovecot && (self.newly_seen || self.items.contains(&Item::Flags)) {
                selected.tell_keywords(service, &account.world, out);
            }
        }
        let Some(entry) = selected.entries.get(position) else { return true };
        let (message, flags) = (&entry.message, selected.flags(&selected.now(&account.world, entry)));
        let place = (selected.uid_validity, message.uid);
        let is_lost = selected.is_lost(&account.world);
        let is_gone = (is_lost || selected.is_gone(&account.world, position))
            && self.items.iter().any(Item::needs_message);
        if is_lost && is_gone {
            // It ends here, and the client is told why when it is told what has changed.
            self.spans.clear();
            let seen = self.newly_seen.then_some(Item::Flags);
            let told = gone::at_hand(&self.items, seen.as_ref());
            let told = told.into_iter().map(|item| match item {
                Item::Modseq => format!("MODSEQ ({})", selected.modseq_of(&entry.marks)).into_bytes(),
                Item::MailboxName => mailbox_name(selected),
                item => item.render(message, &flags),
            });
            let told: Vec<Vec<u8>> = told.collect();
            if !told.is_empty() {
                out.send(format!("* {} FETCH (", position.saturating_add(1)).as_bytes());
                out.send(&told.join(&b' '));
                out.send(b")\r\n");
            }
            return true;
        }
        if self.next_item == 0 {
            out.send(format!("* {} FETCH (", position.saturating_add(1)).as_bytes());
        }
        let flags_asked = self.items.contains(&Item::Flags);
        while let Some(item) = self.items.get(self.next_item) {
            if let Item::Section(section) = item
                && !is_gone
                && let Some(fault) = binary::fault(section, message)
            {
                if self.next_item == 0 {
                    out.send(format!("UID {}", message.uid).as_bytes());
                }
                self.failure = Some(fault);
                break;
            }
            if self.next_item > 0 {
                if out.full() && !self.at_once {
                    return false;
                }
                out.send(b" ");
            }
            if self.newly_seen && !flags_asked && !item.is_from_index() {
                out.send(format!("FLAGS ({flags}) ").as_bytes());
                self.newly_seen = false;
            }
            self.next_item = self.next_item.saturating_add(1);
            // A file's name is known until the file itself was missed.
            let known = account.read.has(place, item) || (*item == Item::Guid && !self.expunged);
            if let Some(nothing) = gone::nothing(item).filter(|_| is_gone && !known) {
                self.expunged = true;
                out.send(&nothing);
                continue;
            }
            let fresh = !account.read.has_envelope(place);
            let late = !known && matches!(item, Item::Preview(Previewing { lazy: true, .. }));
            if matches!(item, Item::Preview(_)) {
                account.read.want_previews(selected.uid_validity);
            }
            if late {
                account.complaint = Some(Phrase::NotCached.into());
            } else {
                account.read.note(place, item);
            }
            match item {
                Item::Section(section) => {
                    send_section(&selected.name, message, section, self.dovecot, out);
                }
                Item::Modseq => {
                    let modseq = selected.modseq_of(&entry.marks);
                    selected.told_modseq = selected.told_modseq.max(modseq);
                    out.send(format!("MODSEQ ({modseq})").as_bytes());
                }
                Item::SaveDate { old } => {
                    let saved = self.saved.strftime("%d-%b-%Y %H:%M:%S +0000");
                    let name = if *old { "X-SAVEDATE" } else { "SAVEDATE" };
                    out.send(format!("{name} \"{saved}\"").as_bytes());
                }
                Item::MailboxName => out.send(&mailbox_name(selected)),
                Item::Preview(how) => {
                    out.send(&Item::Preview(Previewing { lazy: late, ..*how }).render(message, &flags));
                }
                Item::Envelope if fresh && self.items.iter().take(self.next_item).any(Item::keeps_fields) => {
                    out.send(&envelope::from_fields(message));
                }
                item => out.send(&item.render(message, &flags)),
            }
        }
        out.send(b")\r\n");
        true
    }
}

/// `X-MAILBOX INBOX`
fn mailbox_name(selected: &Selected) -> Vec<u8> {
    let mut name = b"X-MAILBOX ".to_vec();
    push_astring(&mut name, encode(&selected.name).as_bytes());
    name
}

/// Marks a message `\Seen`; says whether it was not.
fn mark_seen(position: usize, account: &mut Account, selected: &mut Selected) -> bool {
    let Some(entry) = selected.entries.get(position).cloned() else { return false };
    let now = selected.now(&account.world, &entry);
    if now.flags.contains(Flags::SEEN) {
        return false;
    }
    // Where the mailbox is gone, Dovecot says that it is seen all the same.
    if let Some(folder) = selected.folder(&mut account.world) {
        if !folder.mark(&entry, now.flags | Flags::SEEN, now.keywords) {
            return false;
        }
        let modseq = folder.modseq.saturating_add(1);
        selected.change_silently(&entry, &now, modseq);
    }
    if let Some(entry) = Arc::make_mut(&mut selected.entries).get_mut(position) {
        entry.marks.flags |= Flags::SEEN;
    }
    true
}

/// What stands in an argument list at a place, as an atom.
fn atom_at<'a>(arguments: &[Argument<'a>], place: usize) -> Option<&'a [u8]> {
    arguments.get(place).and_then(Argument::atom)
}
