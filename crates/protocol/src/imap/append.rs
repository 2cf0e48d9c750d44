//! APPEND (RFC 3501 section 6.3.11; MULTIAPPEND, RFC 3502; CATENATE, RFC 4469; APPENDUID, RFC 4315). What a visitor puts into
//! a mailbox is evidence, and kept like mail that was sent.
//!
//! How the command is read, and where it ends, is in `append/walk.rs`.

mod date;
mod url;
mod walk;

use bait::{Counted, Flags};
use bytes::Bytes;
use event::Text;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use walk::Named;
pub use walk::{Ending, Next, next};

use crate::imap::folders::account;
use crate::imap::sequence::push_numbers;
use crate::imap::state::State;
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use crate::imap::view::Telling;
use crate::session::{Action, Appended, Capture};

/// One message of the command.
#[derive(Debug, Clone, Default)]
pub struct New {
    flags: Flags,
    keywords: Vec<String>,
    /// `None` for now.
    date: Option<Timestamp>,
    bytes: Vec<u8>,
}

/// What a whole APPEND asks for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The mailbox, in UTF-8.
    mailbox: String,
    news: Vec<New>,
}

/// RFC 3501 section 6.3.11.
pub fn append(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let behind = [turn.arguments, b"\r\n"].concat();
    match next(state, turn.service, &behind, 0) {
        Next::Ended(asked, _, Named { mailbox, keywords }) => {
            state.name_keywords(&mailbox, &keywords);
            state.track(&mailbox);
            add(turn, state, asked?)
        }
        Next::Literal(..) | Next::Ignored(_) | Next::TooBig => Err(Phrase::InvalidLiteral.into()),
    }
}

fn add(turn: &mut Turn<'_>, state: &mut State, Asked { mailbox, news }: Asked) -> Result<(), Fault> {
    let now = turn.service.wall_clock(turn.now);
    let (mut uids, mut counted) = (Vec::new(), Counted::default());
    let account = account(state)?;
    if account.world.folder(&mailbox).is_some_and(|folder| !folder.has_index()) {
        account.forget_keywords_for(&mailbox);
    }
    for New { flags, keywords, date, bytes } in news {
        let keywords = state.name_keywords(&mailbox, &keywords);
        // A date too far in the future is now.
        let latest = now.checked_add(date::FUTURE).unwrap_or(now);
        let date = date.filter(|date| *date <= latest).unwrap_or(now);
        let octets = Bytes::from(bytes);
        let world = &mut self::account(state)?.world;
        let (marked, seconds) = ((flags, &keywords[..]), now.as_second());
        let uid = world.append(&mailbox, marked, utc(date), octets.clone(), seconds, &mut counted);
        let uid = uid.map_err(|_| Phrase::OverQuota)?;
        uids.push(uid);
        let flags = Text::copy(marks(flags, &keywords).as_bytes());
        let appended = Appended { mailbox: mailbox.clone(), uid, flags, octets };
        turn.out.push(Action::Capture(Capture::Append(Box::new(appended))));
    }
    let account = self::account(state)?;
    let uid_validity = account.world.folder(&mailbox).map_or(0, |folder| folder.uid_validity);
    for uid in &uids {
        account.read.add(uid_validity, *uid);
    }
    let mut detail = uid_validity.to_string().into_bytes();
    detail.push(b' ');
    push_numbers(&mut detail, &uids);
    turn.sync(state, Telling::default());
    turn.complete_as(Phrase::Appended, &detail);
    Ok(())
}

/// As a Maildir gives it back: a bare line feed with a carriage return, none of those at the end alone.
fn kept(text: &[u8]) -> Vec<u8> {
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let mut wire = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(content) => {
                wire.extend_from_slice(content.strip_suffix(b"\r").unwrap_or(content));
                wire.extend_from_slice(b"\r\n");
            }
            None => wire.extend_from_slice(line),
        }
    }
    wire
}

fn utc(date: Timestamp) -> ZonedDateTime {
    // Maildir keeps seconds.
    let whole = Timestamp::from_second(date.as_second()).unwrap_or(date);
    whole.to_zoned_datetime(TimeZone::UTC)
}

fn marks(flags: Flags, keywords: &[String]) -> String {
    let words = [flags.to_string(), keywords.join(" ")];
    words.iter().filter(|text| !text.is_empty()).cloned().collect::<Vec<String>>().join(" ")
}
