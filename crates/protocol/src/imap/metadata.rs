//! METADATA (RFC 5464) as Debian's Dovecot has it: turned off, but for the one entry that it makes up itself, what a mailbox
//! is for (RFC 6154 section 5.4).

use crate::imap::arguments::Argument;
use crate::imap::folders::account;
use crate::imap::list::matches;
use crate::imap::name::{decoded_text, missing, separator, sound};
use crate::imap::state::State;
use crate::imap::string::{push_astring, push_literal};
use crate::imap::texts::Phrase;
use crate::imap::turn::{Fault, Turn};
use bait::mailbox_name;

/// The one entry that there is.
const SPECIAL_USE: &str = "/private/specialuse";

/// `/private` and `/shared`: what every entry's name begins with.
const ROOTS: [&str; 2] = ["/private", "/shared"];

/// RFC 5464 section 4.2: `[(options)] mailbox entries`. A name with wildcards stands for all mailboxes that it fits.
pub fn get(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    let mut rest = arguments.as_slice();
    let mut options = Options { deep: false, largest: u64::from(u32::MAX) };
    if let [Argument::List(members), behind @ ..] = rest {
        options.read(members)?;
        rest = behind;
    }
    let [mailbox, names @ ..] = rest else { return Err(Phrase::InvalidArguments.into()) };
    let mailbox = mailbox.string().ok_or(Phrase::InvalidArguments)?;
    let names = match names {
        [Argument::List(names), ..] => names,
        [name] if name.string().is_some() => names,
        _ => return Err(Phrase::InvalidArguments.into()),
    };
    let entries =
        names.iter().map(|name| entry(name, Phrase::EntryNoString)).collect::<Result<Vec<_>, _>>()?;
    let mut answer = Answer::default();
    for mailbox in mailboxes(mailbox, turn, state)? {
        answer.tell(turn, mailbox.as_deref(), &entries, &options);
    }
    if answer.refused {
        return Err(Phrase::MetadataDisabled.into());
    }
    match answer.longest {
        0 => turn.complete(),
        longest => turn.complete_as(Phrase::LongEntries, longest.to_string().as_bytes()),
    }
    Ok(())
}

/// RFC 5464 section 4.3: `mailbox (entry value ...)`. The first entry decides what the refusal says.
pub fn set(turn: &mut Turn<'_>, state: &mut State) -> Result<(), Fault> {
    let arguments = turn.parse()?;
    let [mailbox, Argument::List(pairs), ..] = arguments.as_slice() else {
        return Err(Phrase::InvalidArguments.into());
    };
    exists(mailbox.string().ok_or(Phrase::InvalidArguments)?, turn, state)?;
    let mut first = None;
    for pair in pairs.chunks(2) {
        let [name, value] = pair else {
            let named = pair.first().is_none_or(|name| name.string().is_some());
            return Err(if named { Phrase::EntryWithoutValue } else { Phrase::EntryNameNoString }.into());
        };
        if name.string().is_none() {
            return Err(Phrase::EntryNameNoString.into());
        }
        if matches!(value, Argument::List(_)) {
            return Err(Phrase::EntryValueList.into());
        }
        first = first.or(Some(entry(name, Phrase::EntryNameNoString)?));
    }
    match first {
        None => turn.complete(),
        Some(entry) if entry == SPECIAL_USE && !is_server(mailbox) => {
            return Err(Phrase::SpecialUseFixed.into());
        }
        Some(_) => return Err(Phrase::MetadataDisabled.into()),
    }
    Ok(())
}

/// Whether the server itself is meant.
fn is_server(mailbox: &Argument<'_>) -> bool {
    mailbox.string().is_some_and(<[u8]>::is_empty)
}

/// RFC 5464 section 4.2.
struct Options {
    /// Whether what lies below an entry is wanted too. There is nothing below the second level.
    deep: bool,
    /// Octets of the longest value that is wanted.
    largest: u64,
}

impl Options {
    fn read(&mut self, options: &[Argument<'_>]) -> Result<(), Fault> {
        for pair in options.chunks(2) {
            let value = pair.get(1).and_then(|value| value.string());
            match pair {
                [name, ..] if name.is_atom("DEPTH") => match value {
                    Some(b"0") => self.deep = false,
                    Some(b"1" | b"infinity") => self.deep = true,
                    _ => return Err(Phrase::InvalidDepth.into()),
                },
                [name, ..] if name.is_atom("MAXSIZE") => {
                    let number =
                        value.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u32>().ok());
                    self.largest = number.ok_or(Phrase::InvalidMaxSize)?.into();
                }
                _ => return Err(Phrase::UnknownOption.into()),
            }
        }
        Ok(())
    }
}

/// What has come of GETMETADATA.
#[derive(Default)]
struct Answer {
    /// Whether an entry was refused: only the last refusal ends the command, those before it are told untagged.
    refused: bool,
    /// The longest value that was too long, in octets.
    longest: u64,
}

impl Answer {
    /// Tells of a mailbox' entries; `None` is the server.
    fn tell(&mut self, turn: &mut Turn<'_>, mailbox: Option<&str>, entries: &[String], options: &Options) {
        let texts = &turn.service.texts;
        let special = mailbox.and_then(|name| texts.special_use.get(name));
        let (mut line, mut refusals) = (Vec::new(), 0_usize);
        let begin = |line: &mut Vec<u8>, entry: &str| {
            if line.is_empty() {
                line.extend_from_slice(b"METADATA ");
                push_astring(line, mailbox_name::encode(mailbox.unwrap_or_default()).as_bytes());
                line.extend_from_slice(b" (");
            } else {
                line.push(b' ');
            }
            push_astring(line, entry.as_bytes());
        };
        for entry in entries {
            let own = mailbox.is_some() && entry == SPECIAL_USE;
            let below = options.deep && entry == ROOTS[0];
            match special {
                Some(value) if own || below => {
                    let size = value.len() as u64;
                    if size > options.largest {
                        self.longest = self.longest.max(size);
                        continue;
                    }
                    begin(&mut line, SPECIAL_USE);
                    line.push(b' ');
                    push_literal(&mut line, value.as_bytes());
                }
                None if own && !options.deep => {
                    begin(&mut line, entry);
                    line.extend_from_slice(b" NIL");
                }
                _ if own || options.deep => {}
                _ => {
                    refusals = refusals.saturating_add(usize::from(self.refused));
                    self.refused = true;
                }
            }
        }
        if !line.is_empty() {
            line.push(b')');
            turn.untagged(&line);
        }
        (0..refusals).for_each(|_| turn.untagged_phrase(Phrase::MetadataRefused));
    }
}

/// An entry's name in lower case, as Dovecot keeps it.
fn entry(argument: &Argument<'_>, no_string: Phrase) -> Result<String, Fault> {
    let name = argument.string().ok_or(no_string)?;
    if !name.starts_with(b"/") {
        return Err(Phrase::EntryWithoutSlash.into());
    }
    for (place, octet) in name.iter().enumerate() {
        let phrase = match octet {
            b'/' if place > 0 && name.get(place.saturating_sub(1)) == Some(&b'/') => Phrase::EntrySlashes,
            b'/' if place.saturating_add(1) == name.len() => Phrase::EntryEndsWithSlash,
            b'*' | b'%' => return Err(Fault::with(Phrase::EntryWildcard, [*octet])),
            0..=0x19 | 0x80.. => Phrase::EntryControl,
            _ => continue,
        };
        return Err(phrase.into());
    }
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let rooted =
        |root: &str| name.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if ROOTS.into_iter().any(rooted) { Ok(name) } else { Err(Phrase::EntryOutside.into()) }
}

/// The mailboxes that are meant, in the order of LIST; `None` is the server itself.
fn mailboxes(wire: &[u8], turn: &Turn<'_>, state: &mut State) -> Result<Vec<Option<String>>, Fault> {
    if !wire.iter().any(|octet| matches!(octet, b'*' | b'%')) {
        return Ok(vec![exists(wire, turn, state)?]);
    }
    let pattern = mailbox_name::decode(wire).map_or_else(|| wire.to_vec(), String::into_bytes);
    let names = account(state)?.world.folders().map(|folder| folder.name.clone());
    let mut names: Vec<String> =
        names.filter(|name| matches(&pattern, name.as_bytes(), turn.service.texts.separator)).collect();
    names.sort_by_key(|name| name == "INBOX");
    Ok(names.into_iter().map(Some).collect())
}

/// The mailbox must be there; an empty name is the server itself.
fn exists(wire: &[u8], turn: &Turn<'_>, state: &mut State) -> Result<Option<String>, Fault> {
    if wire.is_empty() {
        return Ok(None);
    }
    let name = decoded_text(wire)?;
    sound(&name, separator(turn))?;
    match account(state)?.world.folder(&name) {
        Some(_) => Ok(Some(name)),
        None => Err(missing(Phrase::NoSuchMailbox, &name)),
    }
}
