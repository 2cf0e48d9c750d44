//! From arguments to a [`Key`] (RFC 3501 section 6.4.4).

use std::cmp::Ordering;

use bait::mime::fold;
use bait::{Flags, mailbox_name};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::charset::Charset;
use super::key::{Dated, Key};
use crate::imap::arguments::Argument;
use crate::imap::list::matches;
use crate::imap::sequence::SequenceSet;
use crate::imap::texts::Phrase;
use crate::imap::turn::Fault;

/// Keys in one search; no client needs more than twenty, and each may cost a look through all mail.
const MAX_KEYS: usize = 500;

/// `NOT NOT NOT ...`, lists in lists: deeper than this is refused.
const MAX_DEPTH: usize = 50;

/// What keys are read against.
#[derive(Debug)]
pub struct Context<'a> {
    /// The UIDs of the messages, ascending.
    pub uids: &'a [u32],
    /// What `$` stands for (RFC 5182).
    pub saved: &'a [u32],
    /// The time of day.
    pub now: Timestamp,
    /// The open mailbox, in UTF-8.
    pub mailbox: &'a str,
    /// Whether Dovecot reads.
    pub dovecot: bool,
    /// The keywords that were named.
    pub keywords: Vec<String>,
    /// Whether a mod-sequence was named.
    pub modseq: bool,
}

/// Reads all keys, behind a charset that stands on its own.
pub fn parse_in(charset: &[u8], rest: &[Argument<'_>], context: &mut Context<'_>) -> Result<Key, Fault> {
    if rest.is_empty() {
        return Err(Phrase::MissingSearchKey.into());
    }
    let charset = Charset::of(charset);
    if !context.dovecot && charset.is_none() {
        return Err(Phrase::BadCharset.into());
    }
    let dovecot = context.dovecot;
    let key = Parser { context, charset, keys: 0 }.all(rest, 0).map_err(|fault| match fault.phrase {
        Phrase::UnexpectedList if !dovecot => Fault::with(Phrase::MissingSearchArgument, fault.detail),
        _ => fault,
    })?;
    // Dovecot looks at the charset where it first needs it, else at the end.
    if charset.is_none() { Err(Phrase::BadCharset.into()) } else { Ok(key) }
}

/// Reads all keys, an optional CHARSET before them.
pub fn parse(arguments: &[Argument<'_>], context: &mut Context<'_>) -> Result<Key, Fault> {
    match arguments {
        [word, name, rest @ ..] if word.is_atom("CHARSET") => {
            let malformed = if context.dovecot { Phrase::InvalidCharset } else { Phrase::InvalidArguments };
            parse_in(name.string().ok_or(malformed)?, rest, context)
        }
        [word] if word.is_atom("CHARSET") && context.dovecot => Err(Phrase::InvalidCharset.into()),
        _ => parse_in(b"UTF-8", arguments, context),
    }
}

struct Parser<'a, 'c> {
    context: &'a mut Context<'c>,
    /// `None` where nobody knows it.
    charset: Option<Charset>,
    keys: usize,
}

/// The arguments not yet read.
type Rest<'a, 'b> = &'a [Argument<'b>];

impl Parser<'_, '_> {
    fn all(&mut self, mut rest: Rest<'_, '_>, depth: usize) -> Result<Key, Fault> {
        let mut keys = Vec::new();
        while !rest.is_empty() {
            keys.push(self.key(&mut rest, depth)?);
        }
        Ok(Key::And(keys))
    }

    fn key(&mut self, rest: &mut Rest<'_, '_>, depth: usize) -> Result<Key, Fault> {
        self.keys = self.keys.saturating_add(1);
        if self.keys > MAX_KEYS || depth > MAX_DEPTH {
            return Err(Phrase::InvalidArguments.into());
        }
        let deeper = depth.saturating_add(1);
        let Some((first, behind)) = rest.split_first() else {
            return Err(Phrase::MissingSearchKey.into());
        };
        *rest = behind;
        if let Argument::List(members) = first {
            return if members.is_empty() {
                let dovecot = self.context.dovecot;
                Err(if dovecot { Phrase::EmptySearchList } else { Phrase::MissingSearchKey }.into())
            } else {
                self.all(members, deeper)
            };
        }
        let name = match first.atom() {
            Some(name) => name,
            None if self.context.dovecot => {
                return Err(Fault::with(Phrase::StringAsSearchKey, first.string().unwrap_or_default()));
            }
            None => return Err(Phrase::InvalidArguments.into()),
        };
        if name.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'*') {
            let set = SequenceSet::parse(name).ok_or(Phrase::InvalidSequenceSet)?;
            return Ok(Key::Positions(set.positions(self.context.uids, false)));
        }
        let name = name.to_ascii_uppercase();
        if let Some(key) = flag(&name) {
            return Ok(key);
        }
        let name = name.as_slice();
        match name {
            b"NOT" => Ok(not(self.operand(name, rest, deeper)?)),
            b"OR" => {
                let either = self.operand(name, rest, deeper)?;
                Ok(Key::Or(Box::new((either, self.operand(name, rest, deeper)?))))
            }
            b"UID" => {
                let set = word(name, rest)?;
                if set == b"$" && self.context.dovecot {
                    return Ok(self.saved());
                }
                let malformed =
                    if self.context.dovecot { Phrase::InvalidSearchUids } else { Phrase::InvalidUidSet };
                let set = SequenceSet::parse(set).ok_or(malformed)?;
                Ok(Key::Positions(set.positions(self.context.uids, true)))
            }
            b"$" if self.context.dovecot => Ok(self.saved()),
            b"KEYWORD" => self.keyword(name, rest),
            b"UNKEYWORD" => self.keyword(name, rest).map(not),
            b"MODSEQ" if self.context.dovecot => self.modseq(name, rest),
            b"YOUNGER" if self.context.dovecot => self.arrived_since(name, rest),
            b"OLDER" if self.context.dovecot => self.arrived_since(name, rest).map(not),
            b"LARGER" => size(name, rest).map(Key::Larger),
            b"SMALLER" => size(name, rest).map(Key::Smaller),
            b"BEFORE" | b"ON" | b"SINCE" | b"SENTBEFORE" | b"SENTON" | b"SENTSINCE" => {
                date(name, rest, self.context.dovecot)
            }
            b"BODY" => self.text(name, rest).map(Key::Body),
            b"TEXT" => self.text(name, rest).map(Key::Text),
            b"BCC" | b"CC" | b"FROM" | b"SUBJECT" | b"TO" => {
                let header = String::from_utf8_lossy(name).to_ascii_lowercase();
                Ok(Key::Shown(header, self.text(name, rest)?))
            }
            b"HEADER" => {
                let header = self.decoded(word(name, rest)?)?.to_lowercase();
                Ok(Key::Header(header, self.text(name, rest)?))
            }
            _ if self.context.dovecot => self.own_to_dovecot(name, rest, deeper),
            unknown => Err(Fault::with(Phrase::UnknownSearchKey, unknown)),
        }
    }

    /// What Dovecot knows besides.
    fn own_to_dovecot(&mut self, name: &[u8], rest: &mut Rest<'_, '_>, depth: usize) -> Result<Key, Fault> {
        match name {
            b"SAVEDBEFORE" | b"SAVEDON" | b"SAVEDSINCE" | b"X-SAVEDBEFORE" | b"X-SAVEDON"
            | b"X-SAVEDSINCE" => date(name.strip_prefix(b"X-").unwrap_or(name), rest, true),
            b"SAVEDATESUPPORTED" => Ok(Key::And(Vec::new())),
            b"FUZZY" => self.operand(name, rest, depth),
            b"X-GUID" => Ok(Key::Guid(word(name, rest)?.to_vec())),
            b"X-MAILBOX" => {
                let pattern = mailbox_name::decode(word(name, rest)?).ok_or(Phrase::InvalidSearchMailbox)?;
                Ok(if matches(pattern.as_bytes(), self.context.mailbox.as_bytes(), '\0') {
                    Key::And(Vec::new())
                } else {
                    nothing()
                })
            }
            b"X-REAL-UID" => {
                let set = SequenceSet::parse(word(name, rest)?).ok_or(Phrase::InvalidSearchRealUids)?;
                Ok(Key::Positions(set.positions(self.context.uids, true)))
            }
            unknown => Err(Fault::with(Phrase::UnknownSearchKey, unknown)),
        }
    }

    fn operand(&mut self, name: &[u8], rest: &mut Rest<'_, '_>, depth: usize) -> Result<Key, Fault> {
        if rest.is_empty() {
            return Err(if self.context.dovecot { Phrase::MissingKey.into() } else { missing(name) });
        }
        self.key(rest, depth)
    }

    fn saved(&self) -> Key {
        let places = self.context.saved.iter().filter_map(|uid| self.context.uids.binary_search(uid).ok());
        Key::Positions(places.map(|place| place..place.saturating_add(1)).collect())
    }

    fn keyword(&mut self, name: &[u8], rest: &mut Rest<'_, '_>) -> Result<Key, Fault> {
        let keyword = String::from_utf8_lossy(word(name, rest)?).into_owned();
        self.context.keywords.push(keyword.clone());
        Ok(Key::Keyword(keyword))
    }

    /// `MODSEQ ["/flags/..." all] 5`
    fn modseq(&mut self, name: &[u8], rest: &mut Rest<'_, '_>) -> Result<Key, Fault> {
        let mut value = word(name, rest)?;
        if let Some((b"/flags/", flag)) = value.to_ascii_lowercase().split_at_checked(7) {
            let system: [&[u8]; 5] = [b"\\answered", b"\\flagged", b"\\deleted", b"\\seen", b"\\draft"];
            match flag.first() {
                Some(b'\\') if !system.contains(&flag) => return Err(Phrase::InvalidModseqFlag.into()),
                Some(b'\\') => {}
                _ => self.context.keywords.push(String::from_utf8_lossy(flag).into_owned()),
            }
            let kinds: [&[u8]; 3] = [b"all", b"priv", b"shared"];
            if !kinds.contains(&&word(name, rest)?.to_ascii_lowercase()[..]) {
                return Err(Phrase::InvalidModseqType.into());
            }
            value = word(name, rest)?;
        }
        self.context.modseq = true;
        number(value).map(Key::Modseq).ok_or_else(|| Phrase::InvalidModseqValue.into())
    }

    fn arrived_since(&self, name: &[u8], rest: &mut Rest<'_, '_>) -> Result<Key, Fault> {
        let seconds = number(word(name, rest)?).and_then(|seconds| u32::try_from(seconds).ok());
        let seconds = seconds.filter(|seconds| *seconds > 0).ok_or(Phrase::InvalidSearchInterval)?;
        let moment = self.context.now.checked_sub(SignedDuration::from_secs(i64::from(seconds)));
        Ok(Key::ArrivedSince(moment.unwrap_or(Timestamp::MIN)))
    }

    fn text(&self, name: &[u8], rest: &mut Rest<'_, '_>) -> Result<String, Fault> {
        Ok(fold(&self.decoded(word(name, rest)?)?))
    }

    fn decoded(&self, bytes: &[u8]) -> Result<String, Fault> {
        let text = self.charset.ok_or(Phrase::BadCharset)?.decode(bytes);
        if !self.context.dovecot {
            return Ok(text.unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned()));
        }
        text.ok_or_else(|| Phrase::InvalidSearchText.into())
    }
}

fn number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().all(u8::is_ascii_digit).then_some(text)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn nothing() -> Key {
    not(Key::And(Vec::new()))
}

/// Keys without an argument.
fn flag(name: &[u8]) -> Option<Key> {
    let set = Key::Flag;
    Some(match name {
        b"ALL" => Key::And(Vec::new()),
        b"ANSWERED" => set(Flags::ANSWERED),
        b"DELETED" => set(Flags::DELETED),
        b"DRAFT" => set(Flags::DRAFT),
        b"FLAGGED" => set(Flags::FLAGGED),
        b"RECENT" => set(Flags::RECENT),
        b"SEEN" => set(Flags::SEEN),
        b"UNANSWERED" => not(set(Flags::ANSWERED)),
        b"UNDELETED" => not(set(Flags::DELETED)),
        b"UNDRAFT" => not(set(Flags::DRAFT)),
        b"UNFLAGGED" => not(set(Flags::FLAGGED)),
        b"UNSEEN" => not(set(Flags::SEEN)),
        b"OLD" => not(set(Flags::RECENT)),
        b"NEW" => Key::And(vec![set(Flags::RECENT), not(set(Flags::SEEN))]),
        _ => return None,
    })
}

fn not(key: Key) -> Key {
    Key::Not(Box::new(key))
}

fn missing(name: &[u8]) -> Fault {
    Fault::with(Phrase::MissingSearchArgument, name)
}

fn word<'a>(name: &[u8], rest: &mut Rest<'a, '_>) -> Result<&'a [u8], Fault> {
    let (first, behind) = rest.split_first().ok_or_else(|| missing(name))?;
    if first.list().is_some() {
        return Err(Fault::with(Phrase::UnexpectedList, name));
    }
    *rest = behind;
    first.string().ok_or_else(|| missing(name))
}

fn size(name: &[u8], rest: &mut Rest<'_, '_>) -> Result<u64, Fault> {
    let text = word(name, rest)?;
    number(text).ok_or_else(|| Fault::with(Phrase::InvalidSearchSize, name))
}

fn date(name: &[u8], rest: &mut Rest<'_, '_>, dovecot: bool) -> Result<Key, Fault> {
    let text = word(name, rest)?;
    let date = if dovecot { dovecot_date(text) } else { parse_date(text) };
    let date = date.ok_or_else(|| Fault::with(Phrase::InvalidSearchDate, name))?;
    let kinds = [(&b"SENT"[..], Dated::Sent), (b"SAVED", Dated::Saved)];
    let found = kinds.iter().find_map(|(prefix, of)| name.strip_prefix(*prefix).map(|name| (*of, name)));
    let (of, name) = found.unwrap_or((Dated::Arrival, name));
    let key = |order| Key::Date { of, order, date };
    Ok(match name {
        b"BEFORE" => key(Ordering::Less),
        b"ON" => key(Ordering::Equal),
        _ => not(key(Ordering::Less)),
    })
}

/// The same as Dovecot reads it: a blank may stand in front, and the day may be one that there is not.
fn dovecot_date(text: &[u8]) -> Option<Date> {
    let text = std::str::from_utf8(text).ok()?;
    let text = text.strip_prefix(' ').unwrap_or(text);
    let (day, rest) = text.split_once('-')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !(1..=2).contains(&day.len()) || !digits(day) {
        return None;
    }
    let (month, year) = rest.split_once('-')?;
    let month = MONTHS.iter().position(|known| known.eq_ignore_ascii_case(month))?;
    if year.len() != 4 || !digits(year) {
        return None;
    }
    let (year, month) = (year.parse().ok()?, i8::try_from(month).ok()?.checked_add(1)?);
    // A day that the month has not is beyond all time: before it, or behind it.
    let beyond = if year > 2000 { Date::MAX } else { Date::constant(1901, 12, 13) };
    Some(Date::new(year, month, day.parse().ok()?).unwrap_or(beyond))
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/// `date-text = date-day "-" date-month "-" date-year` (RFC 3501 section 9): `1-Feb-1994`.
fn parse_date(text: &[u8]) -> Option<Date> {
    let text = std::str::from_utf8(text).ok()?;
    let mut fields = text.split('-');
    let (day, month, year) = (fields.next()?, fields.next()?, fields.next()?);
    let digits = |text: &str, most: usize| {
        !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if fields.next().is_some() || !digits(day, 2) || !digits(year, 4) || year.len() != 4 {
        return None;
    }
    let month = MONTHS.iter().position(|known| known.eq_ignore_ascii_case(month))?;
    let month = i8::try_from(month).ok()?.checked_add(1)?;
    Date::new(year.parse().ok()?, month, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::arguments;

    fn parsed(text: &str) -> Result<Key, Phrase> {
        let now = Timestamp::UNIX_EPOCH;
        let mut context = Context {
            uids: &[],
            saved: &[],
            now,
            mailbox: "INBOX",
            dovecot: false,
            keywords: Vec::new(),
            modseq: false,
        };
        let arguments = arguments::parse(text.as_bytes())?;
        parse(&arguments, &mut context).map_err(|fault| fault.phrase)
    }

    #[test]
    fn keys_nest() {
        let header = |name: &str, text: &str| Key::Shown(name.into(), text.into());
        assert_eq!(
            parsed("OR (SUBJECT VPN SEEN) NOT from \"Ceo\""),
            Ok(Key::And(vec![Key::Or(Box::new((
                Key::And(vec![header("subject", "vpn"), Key::Flag(Flags::SEEN)]),
                not(header("from", "ceo")),
            )))]))
        );
        assert_eq!(parsed("CHARSET iso-8859-1 BODY \"\u{fc}\""), parsed("BODY \"\u{c3}\u{bc}\""));
    }

    #[test]
    fn faults_are_told_apart() {
        for (text, phrase) in [
            ("", Phrase::MissingSearchKey),
            ("()", Phrase::MissingSearchKey),
            ("BOGUS", Phrase::UnknownSearchKey),
            ("SUBJECT", Phrase::MissingSearchArgument),
            ("OR SEEN", Phrase::MissingSearchArgument),
            ("SUBJECT (a)", Phrase::MissingSearchArgument),
            ("YOUNGER 1", Phrase::UnknownSearchKey),
            ("NOT", Phrase::MissingSearchArgument),
            ("LARGER x", Phrase::InvalidSearchSize),
            ("SINCE 2024-01-01", Phrase::InvalidSearchDate),
            ("SINCE 31-Feb-2024", Phrase::InvalidSearchDate),
            ("UID x", Phrase::InvalidUidSet),
            ("0", Phrase::InvalidSequenceSet),
            ("CHARSET bogus ALL", Phrase::BadCharset),
        ] {
            assert_eq!(parsed(text), Err(phrase), "{text}");
        }
        assert_eq!(parsed(&"NOT ".repeat(9000)), Err(Phrase::InvalidArguments));
        assert_eq!(parsed(&"ALL ".repeat(9000)), Err(Phrase::InvalidArguments));
    }

    #[test]
    fn dates() {
        assert_eq!(parse_date(b"1-feb-1994"), Some(Date::constant(1994, 2, 1)));
        for text in ["1-Feb-94", "1 Feb 1994", "001-Feb-1994", "-Feb-1994", "1-Foo-1994", "1-Feb-1994-"] {
            assert_eq!(parse_date(text.as_bytes()), None, "{text}");
        }
    }
}
