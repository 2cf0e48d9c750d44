//! From arguments to a [`Key`] (RFC 3501 section 6.4.4).

use std::cmp::Ordering;

use bait::Flags;
use bait::mime::fold;
use encoding_rs::{Encoding, UTF_8};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use super::key::Key;
use crate::imap::arguments::Argument;
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
    /// Whether Dovecot reads.
    pub dovecot: bool,
    /// The keywords that were named.
    pub keywords: Vec<String>,
    /// Whether a mod-sequence was named.
    pub modseq: bool,
}

/// Reads all keys, behind a charset that stands on its own.
pub fn parse_in(charset: &[u8], rest: &[Argument<'_>], context: &mut Context<'_>) -> Result<Key, Fault> {
    let ascii = charset.eq_ignore_ascii_case(b"US-ASCII");
    let charset = if ascii { Some(UTF_8) } else { Encoding::for_label(charset) };
    if rest.is_empty() {
        return Err(Phrase::MissingSearchKey.into());
    }
    let charset = charset.ok_or(Phrase::BadCharset)?;
    Parser { context, charset, keys: 0 }.all(rest, 0)
}

/// Reads all keys, an optional CHARSET before them.
pub fn parse(arguments: &[Argument<'_>], context: &mut Context<'_>) -> Result<Key, Fault> {
    let (charset, rest) = match arguments {
        [word, name, rest @ ..] if word.is_atom("CHARSET") => {
            let name = name.string().ok_or(Phrase::InvalidArguments)?;
            let known =
                if name.eq_ignore_ascii_case(b"US-ASCII") { Some(UTF_8) } else { Encoding::for_label(name) };
            (known.ok_or(Phrase::BadCharset)?, rest)
        }
        [word] if word.is_atom("CHARSET") && context.dovecot => return Err(Phrase::InvalidCharset.into()),
        _ => (UTF_8, arguments),
    };
    if rest.is_empty() {
        return Err(Phrase::MissingSearchKey.into());
    }
    let mut parser = Parser { context, charset, keys: 0 };
    parser.all(rest, 0)
}

struct Parser<'a, 'c> {
    context: &'a mut Context<'c>,
    charset: &'static Encoding,
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
            b"BEFORE" | b"ON" | b"SINCE" | b"SENTBEFORE" | b"SENTON" | b"SENTSINCE" => date(name, rest),
            b"BODY" => self.text(name, rest).map(Key::Body),
            b"TEXT" => self.text(name, rest).map(Key::Text),
            b"BCC" | b"CC" | b"FROM" | b"SUBJECT" | b"TO" => {
                let header = String::from_utf8_lossy(name).to_ascii_lowercase();
                Ok(Key::Shown(header, self.text(name, rest)?))
            }
            b"HEADER" => {
                let header = String::from_utf8_lossy(word(name, rest)?).to_ascii_lowercase();
                Ok(Key::Header(header, self.text(name, rest)?))
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
        let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse().ok();
        let mut value = word(name, rest)?;
        if value.starts_with(b"/") {
            word(name, rest)?;
            value = word(name, rest)?;
        }
        self.context.modseq = true;
        number(value).map(Key::Modseq).ok_or_else(|| Phrase::InvalidModseq.into())
    }

    fn arrived_since(&self, name: &[u8], rest: &mut Rest<'_, '_>) -> Result<Key, Fault> {
        let seconds = size(name, rest).map_err(|_| Phrase::InvalidSearchInterval)?;
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        let moment = self.context.now.checked_sub(SignedDuration::from_secs(seconds));
        Ok(Key::ArrivedSince(moment.unwrap_or(Timestamp::MIN)))
    }

    fn text(&self, name: &[u8], rest: &mut Rest<'_, '_>) -> Result<String, Fault> {
        let bytes = word(name, rest)?;
        let (text, _) = self.charset.decode_without_bom_handling(bytes);
        Ok(fold(&text))
    }
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
    *rest = behind;
    first.string().ok_or_else(|| missing(name))
}

fn size(name: &[u8], rest: &mut Rest<'_, '_>) -> Result<u64, Fault> {
    let text = word(name, rest)?;
    let digits = text.iter().all(u8::is_ascii_digit).then_some(text);
    let number = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    number.ok_or_else(|| Fault::with(Phrase::InvalidSearchSize, name))
}

fn date(name: &[u8], rest: &mut Rest<'_, '_>) -> Result<Key, Fault> {
    let text = word(name, rest)?;
    let date = parse_date(text).ok_or_else(|| Fault::with(Phrase::InvalidSearchDate, name))?;
    let (sent, name) = name.strip_prefix(b"SENT").map_or((false, name), |name| (true, name));
    let key = |order| Key::Date { sent, order, date };
    Ok(match name {
        b"BEFORE" => key(Ordering::Less),
        b"ON" => key(Ordering::Equal),
        _ => not(key(Ordering::Less)),
    })
}

/// `date-text = date-day "-" date-month "-" date-year` (RFC 3501 section 9): `1-Feb-1994`.
fn parse_date(text: &[u8]) -> Option<Date> {
    const MONTHS: [&str; 12] =
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
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
        let mut context =
            Context { uids: &[], saved: &[], now, dovecot: false, keywords: Vec::new(), modseq: false };
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
