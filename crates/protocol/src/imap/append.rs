//! APPEND (RFC 3501 section 6.3.11; MULTIAPPEND, RFC 3502; CATENATE of texts, RFC 4469; APPENDUID, RFC 4315). What a
//! visitor puts into a mailbox is evidence: the octets are in `command.received`, where they went in `mailbox.appended`.

use bait::{Flags, World};
use bytes::Bytes;
use event::{Event, Text};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use crate::imap::arguments::{self, Argument};
use crate::imap::flags;
use crate::imap::folders::account;
use crate::imap::name::{decoded, missing, separator, sound};
use crate::imap::sequence::push_numbers;
use crate::imap::state::State;
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use crate::imap::view::Telling;

/// One message of the command.
struct New {
    flags: Flags,
    keywords: Vec<String>,
    date: Option<Timestamp>,
    bytes: Vec<u8>,
}

/// RFC 3501 section 6.3.11.
pub fn append(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let parsed = arguments::parse_as_dovecot(turn.arguments).map_err(Fault::from)?;
    let (name, mut rest) = parsed.split_first().ok_or(Phrase::MissingArguments)?;
    let name = decoded(Some(name))?;
    let world = &mut account(state)?.world;
    open(world, &name, separator(turn))?;
    if rest.is_empty() {
        return Err(Phrase::MissingMessageSize.into());
    }
    let mut news = Vec::new();
    while !rest.is_empty() {
        let (new, behind) = message(rest)?;
        news.push(new);
        rest = behind;
    }
    let now = turn.service.wall_clock(turn.now);
    let mut uids = Vec::new();
    for New { flags, keywords, date, bytes } in news {
        let date = date.filter(|date| *date <= now).unwrap_or(now);
        let (size, marks) = (bytes.len() as u64, marks(flags, &keywords));
        let uid = world.append(&name, flags, &keywords, utc(date), Bytes::from(bytes));
        let uid = uid.map_err(|_| Phrase::OverQuota)?;
        uids.push(uid);
        let flags = Text::copy(marks.as_bytes());
        turn.out.record(Event::MailboxAppended {
            mailbox: name.clone(),
            uid: u64::from(uid),
            flags,
            bytes: size,
        });
    }
    let mut detail = world.folder(&name).map_or(0, |folder| folder.uid_validity).to_string().into_bytes();
    detail.push(b' ');
    push_numbers(&mut detail, &uids);
    turn.sync(state, Telling::default());
    turn.complete_as(Phrase::Appended, &detail);
    Ok(())
}

/// Judges an APPEND that announces a literal of this size: what is wrong already is said before it comes.
pub fn judge_so_far(state: &mut State, separator: char, so_far: &[u8], size: u64) -> Result<(), Fault> {
    let Some(brace) = memchr::memrchr(b'{', so_far) else { return Ok(()) };
    let front = so_far.get(..brace).unwrap_or_default();
    let front = front.strip_suffix(b"~").unwrap_or(front);
    let parsed = match arguments::parse_as_dovecot(front) {
        // The parts of a CATENATE are judged when they are all there.
        Err(Phrase::MissingParenthesis) => return Ok(()),
        parsed => parsed.map_err(Fault::from)?,
    };
    let Some((name, mut rest)) = parsed.split_first() else { return Ok(()) };
    open(&account(state)?.world, &decoded(Some(name))?, separator)?;
    while rest.iter().any(|argument| matches!(argument, Argument::Literal(_))) {
        rest = message(rest)?.1;
    }
    let (_, rest) = options(rest)?;
    if !rest.is_empty() {
        return Err(Phrase::InvalidArguments.into());
    }
    if size == 0 { Err(Phrase::ZeroByteMessage.into()) } else { Ok(()) }
}

/// The mailbox must be there.
fn open(world: &World, name: &str, separator: char) -> Result<(), Fault> {
    sound(name, separator)?;
    match world.folder(name) {
        Some(_) => Ok(()),
        None => Err(missing(Phrase::TryCreate, name)),
    }
}

type Options = (Flags, Vec<String>, Option<Timestamp>);

/// `[(flags)] ["date"]`
fn options<'a, 'b>(mut rest: &'a [Argument<'b>]) -> Result<(Options, &'a [Argument<'b>]), Fault> {
    let (mut flags, mut keywords, mut date) = (Flags::NONE, Vec::new(), None);
    if let Some((Argument::List(members), behind)) = rest.split_first() {
        (flags, keywords) = flags::parse(members)?;
        rest = behind;
    }
    if let Some((Argument::Quoted(text), behind)) = rest.split_first() {
        if behind.is_empty() {
            // Nothing but a string, where a message should stand: it is told from a date when the literal comes.
            date = internal_date(text);
        } else {
            date = Some(internal_date(text).ok_or(Phrase::InvalidInternalDate)?);
        }
        if date.is_none() {
            return Err(Phrase::InvalidInternalDate.into());
        }
        rest = behind;
    }
    Ok(((flags, keywords, date), rest))
}

/// One message, and what stands behind it.
fn message<'a, 'b>(rest: &'a [Argument<'b>]) -> Result<(New, &'a [Argument<'b>]), Fault> {
    let is_message =
        |argument: &Argument<'_>| matches!(argument, Argument::Literal(_)) || argument.is_atom("CATENATE");
    if !rest.iter().any(is_message) {
        return Err(Phrase::InvalidArguments.into());
    }
    let ((flags, keywords, date), rest) = options(rest)?;
    let (bytes, behind) = match rest {
        [Argument::Literal(text), behind @ ..] => (text.to_vec(), behind),
        [word, Argument::List(parts), behind @ ..] if word.is_atom("CATENATE") => (catenated(parts)?, behind),
        _ => return Err(Phrase::InvalidArguments.into()),
    };
    if bytes.is_empty() {
        return Err(Phrase::ZeroByteMessage.into());
    }
    Ok((New { flags, keywords, date, bytes: with_line_ends(&bytes) }, behind))
}

/// `CATENATE (TEXT {3} ...)`; there is no URL that we could follow.
fn catenated(parts: &[Argument<'_>]) -> Result<Vec<u8>, Fault> {
    if parts.is_empty() {
        return Err(Phrase::EmptyCatenate.into());
    }
    let (pairs, odd) = parts.as_chunks::<2>();
    let mut text = Vec::new();
    for [kind, part] in pairs {
        match part {
            url if kind.is_atom("URL") && url.string().is_some() => {
                return Err(Fault::with(Phrase::BadUrl, url.string().unwrap_or_default()));
            }
            Argument::Literal(octets) if kind.is_atom("TEXT") => text.extend_from_slice(octets),
            _ => return Err(Phrase::InvalidArguments.into()),
        }
    }
    if odd.is_empty() { Ok(text) } else { Err(Phrase::InvalidArguments.into()) }
}

/// A bare line feed is kept with a carriage return, as a Maildir gives it back.
fn with_line_ends(text: &[u8]) -> Vec<u8> {
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

/// `date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE` (RFC 3501 section 9).
fn internal_date(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    Timestamp::strptime("%d-%b-%Y %H:%M:%S %z", text.trim_start()).ok()
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
