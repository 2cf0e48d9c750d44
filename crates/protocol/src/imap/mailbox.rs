//! SELECT, EXAMINE, CLOSE (RFC 3501 sections 6.3.1, 6.3.2, 6.4.2) and IDLE (RFC 2177).

use std::sync::Arc;

use bait::{Corpus, Flags, Mailbox, Overlay};
use event::Event;

use crate::imap::Service;
use crate::imap::arguments::Argument;
use crate::imap::state::{Selected, Stage, State};
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use crate::session::Actions;
use crate::text::{Slot, Text};
use bait::mailbox_name;

/// RFC 3501 section 6.3.1.
pub fn select(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    open(turn, state, false)
}

/// RFC 3501 section 6.3.2.
pub fn examine(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    open(turn, state, true)
}

/// RFC 3501 section 6.4.2. There is nothing to expunge.
pub fn close(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    state.select(None);
    turn.complete();
    Ok(())
}

/// RFC 2177. Arguments are ignored, as Dovecot does.
pub fn idle(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    turn.go_on(Phrase::Idling);
    announce(turn.service, turn.mail, state, turn.out);
    let still_here = turn.now.after(turn.service.texts.times.still_here());
    turn.stage = Stage::Idling { tag: turn.tag.clone(), still_here };
    Ok(())
}

/// The mailbox that an argument names.
pub fn named(turn: &Turn<'_>, name: &Argument<'_>) -> Result<Arc<Mailbox>, Fault> {
    let wire = name.string().ok_or(Phrase::InvalidArguments)?;
    let name = mailbox_name::decode(wire).ok_or_else(|| Fault::with(Phrase::InvalidMailboxName, wire))?;
    let found = turn.mail.mailbox(&name);
    found.map(Arc::clone).ok_or_else(|| Fault::with(Phrase::NoSuchMailbox, wire))
}

/// A SELECT that fails closes the mailbox that was open (RFC 3501 section 6.3.1).
fn open(turn: &mut Turn<'_>, state: &mut State, read_only: bool) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    let name = arguments.first().ok_or(Phrase::InvalidArguments)?;
    let found = named(turn, name);
    state.select(None);
    let mailbox = found?;
    turn.record(Event::MailboxSelected { mailbox: mailbox.name.clone(), read_only });
    let lines = if read_only { &turn.service.texts.examine } else { &turn.service.texts.select };
    let overlay = state.account().map(|account| account.overlay.clone()).unwrap_or_default();
    describe(turn, lines, &mailbox, &overlay);
    state.select(Some(Selected { mailbox, read_only }));
    turn.complete();
    Ok(())
}

/// Tells of mail that has arrived in the open mailbox since the client was last told (RFC 3501 section 7.3.1).
pub fn announce(service: &Service, mail: &Corpus, state: &mut State, out: &mut Actions) {
    let State::Selected(_, selected) = state else { return };
    let Some(now) = mail.mailbox(&selected.mailbox.name) else { return };
    if now.messages.len() == selected.mailbox.messages.len() {
        return;
    }
    selected.mailbox = Arc::clone(now);
    let exists = now.messages.len().to_string();
    let recent = recent(now).to_string();
    let values = [(Slot::Exists, exists.as_bytes()), (Slot::Recent, recent.as_bytes())];
    for line in &service.texts.arrived {
        out.send(b"* ");
        out.send(&line.fill(&values));
        out.send(b"\r\n");
    }
}

fn describe(turn: &mut Turn<'_>, lines: &[Text], mailbox: &Mailbox, overlay: &Overlay) {
    let (_, unseen) = overlay.unseen(mailbox);
    let numbers = [
        (Slot::Exists, mailbox.messages.len().to_string()),
        (Slot::Recent, recent(mailbox).to_string()),
        (Slot::Unseen, unseen.unwrap_or_default().to_string()),
        (Slot::UidValidity, mailbox.uid_validity.to_string()),
        (Slot::UidNext, mailbox.uid_next.to_string()),
    ];
    let values: Vec<(Slot, &[u8])> = numbers.iter().map(|(slot, text)| (*slot, text.as_bytes())).collect();
    for line in lines {
        if unseen.is_some() || !line.mentions(Slot::Unseen) {
            turn.untagged(&line.fill(&values));
        }
    }
}

/// How many messages are `\Recent`.
pub fn recent(mailbox: &Mailbox) -> usize {
    mailbox.messages.iter().filter(|message| message.flags.contains(Flags::RECENT)).count()
}
