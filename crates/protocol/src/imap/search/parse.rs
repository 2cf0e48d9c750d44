//! From arguments to a [`Key`] (RFC 3501 section 6.4.4).

use bait::mailbox_name;
use bait::mime::fold;
use jiff::{SignedDuration, Timestamp};

use super::argument::{Rest, date, flag, missing, not, parse_date, size, word};
use super::charset::Charset;
use super::key::Key;
use super::thread::Algorithm;
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
    /// The open mailbox.
    pub mailbox: &'a str,
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
    if rest.is_empty() {
        return Err(Phrase::MissingSearchKey.into());
    }
    let charset = Charset::of(charset);
    if !context.dovecot && charset.is_none() {
        return Err(Phrase::BadCharset.into());
    }
    let dovecot = context.dovecot;
    let key = Parser { context, charset, keys: 0 }.all(rest, 0).map_err(|fault| match fault.phrase {
        Phrase::ListAsSearchArgument if !dovecot => Fault::with(Phrase::MissingSearchArgument, fault.detail),
        _ => fault,
    })?;
    // Dovecot reads all keys first.
    if charset.is_some() { Ok(key) } else { Err(Phrase::BadCharset.into()) }
}

/// Reads all keys, an optional CHARSET before them.
pub fn parse(arguments: &[Argument<'_>], context: &mut Context<'_>) -> Result<Key, Fault> {
    let (charset, rest) = match arguments {
        [word, name, rest @ ..] if word.is_atom("CHARSET") => {
            let wrong = if context.dovecot { Phrase::InvalidCharset } else { Phrase::InvalidArguments };
            (name.string().ok_or(wrong)?, rest)
        }
        [word] if word.is_atom("CHARSET") && context.dovecot => return Err(Phrase::InvalidCharset.into()),
        _ => (&b"UTF-8"[..], arguments),
    };
    if !context.dovecot && Charset::of(charset).is_none() {
        return Err(Phrase::BadCharset.into());
    }
    parse_in(charset, rest, context)
}

struct Parser<'a, 'c> {
    context: &'a mut Context<'c>,
    /// `None` where nobody knows it.
    charset: Option<Charset>,
    keys: usize,
}

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
            let set = self.set(name).ok_or(Phrase::InvalidSequenceSet)?;
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
                let set = self.set(set).ok_or(malformed)?;
                Ok(Key::Positions(set.positions(self.context.uids, true)))
            }
            b"$" if self.context.dovecot => Ok(self.saved()),
            b"KEYWORD" => self.keyword(name, rest),
            b"UNKEYWORD" => self.keyword(name, rest).map(not),
            b"MODSEQ" if self.context.dovecot => self.modseq(name, rest),
            b"YOUNGER" if self.context.dovecot => self.arrived_since(name, rest),
            b"OLDER" if self.context.dovecot => self.arrived_since(name, rest).map(not),
            b"FUZZY" if self.context.dovecot => self.operand(name, rest, deeper),
            b"INTHREAD" if self.context.dovecot => {
                let known = Algorithm::of(word(name, rest)?);
                known.ok_or(Phrase::UnknownThreadAlgorithm)?;
                self.operand(name, rest, deeper)
            }
            b"SAVEDATESUPPORTED" if self.context.dovecot => Ok(Key::And(Vec::new())),
            b"X-GUID" if self.context.dovecot => {
                Ok(Key::Guid(String::from_utf8_lossy(word(name, rest)?).into_owned()))
            }
            b"X-MAILBOX" if self.context.dovecot => {
                let pattern = mailbox_name::decode(word(name, rest)?).ok_or(Phrase::InvalidSearchMailbox)?;
                let here = matches(pattern.as_bytes(), self.context.mailbox.as_bytes(), '\0');
                Ok(if here { Key::And(Vec::new()) } else { not(Key::And(Vec::new())) })
            }
            b"X-REAL-UID" if self.context.dovecot => {
                let set = self.set(word(name, rest)?).ok_or(Phrase::InvalidRealUids)?;
                Ok(Key::Positions(set.positions(self.context.uids, true)))
            }
            b"LARGER" => size(name, rest).map(Key::Larger),
            b"SMALLER" => size(name, rest).map(Key::Smaller),
            b"BEFORE" | b"ON" | b"SINCE" | b"SENTBEFORE" | b"SENTON" | b"SENTSINCE" => {
                date(name, rest, self.context.dovecot)
            }
            b"SAVEDBEFORE" | b"SAVEDON" | b"SAVEDSINCE" | b"X-SAVEDBEFORE" | b"X-SAVEDON"
            | b"X-SAVEDSINCE"
                if self.context.dovecot =>
            {
                self.saved_date(name, rest)
            }
            b"BODY" => self.text(name, rest).map(Key::Body),
            b"TEXT" => self.text(name, rest).map(Key::Text),
            b"BCC" | b"CC" | b"FROM" | b"SUBJECT" | b"TO" => {
                let header = String::from_utf8_lossy(name).to_ascii_lowercase();
                Ok(Key::Shown(header, self.text(name, rest)?))
            }
            b"HEADER" => {
                let header = self.decoded(word(name, rest)?)?.to_ascii_lowercase();
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

    fn set(&self, text: &[u8]) -> Option<SequenceSet> {
        if self.context.dovecot { SequenceSet::parse_as_dovecot(text) } else { SequenceSet::parse(text) }
    }

    /// What was saved was saved now.
    fn saved_date(&self, name: &[u8], rest: &mut Rest<'_, '_>) -> Result<Key, Fault> {
        let text = word(name, rest)?;
        let date = parse_date(text, true).ok_or_else(|| Fault::with(Phrase::InvalidSearchDate, name))?;
        let today = jiff::tz::TimeZone::UTC.to_datetime(self.context.now).date();
        let holds = match name.strip_prefix(b"X-").unwrap_or(name) {
            b"SAVEDBEFORE" => today < date,
            b"SAVEDON" => today == date,
            _ => today >= date,
        };
        let all = Key::And(Vec::new());
        Ok(if holds { all } else { not(all) })
    }

    fn saved(&self) -> Key {
        let places = self.context.saved.iter().filter_map(|uid| self.context.uids.binary_search(uid).ok());
        Key::Positions(places.map(|place| place..place.saturating_add(1)).collect())
    }

    fn keyword(&mut self, name: &[u8], rest: &mut Rest<'_, '_>) -> Result<Key, Fault> {
        let keyword = String::from_utf8_lossy(word(name, rest)?).into_owned();
        let sound = |octet: u8| octet.is_ascii_graphic() && !b"(){%*\"\\]".contains(&octet);
        if !keyword.is_empty() && keyword.bytes().all(sound) {
            self.context.keywords.push(keyword.clone());
        }
        Ok(Key::Keyword(keyword))
    }

    /// `MODSEQ ["/flags/..." all] 5`
    fn modseq(&mut self, name: &[u8], rest: &mut Rest<'_, '_>) -> Result<Key, Fault> {
        const FLAGS: [&[u8]; 5] = [b"answered", b"flagged", b"deleted", b"seen", b"draft"];
        let number = |text: &[u8]| {
            let digits = text.iter().all(u8::is_ascii_digit).then_some(text)?;
            std::str::from_utf8(digits).ok()?.parse().ok()
        };
        let mut value = word(name, rest)?;
        if let Some(flag) = value.to_ascii_lowercase().strip_prefix(b"/flags/") {
            if flag.strip_prefix(b"\\").is_some_and(|flag| !FLAGS.contains(&flag)) {
                return Err(Phrase::InvalidModseqFlag.into());
            }
            if !flag.starts_with(b"\\") {
                self.context.keywords.push(String::from_utf8_lossy(flag).into_owned());
            }
            let kind = word(name, rest)?;
            if !["all", "priv", "shared"].iter().any(|known| kind.eq_ignore_ascii_case(known.as_bytes())) {
                return Err(Phrase::InvalidModseqKind.into());
            }
            value = word(name, rest)?;
        }
        let least = number(value).ok_or(Phrase::InvalidSearchModseq)?;
        self.context.modseq = true;
        Ok(Key::Modseq(least))
    }

    fn arrived_since(&self, name: &[u8], rest: &mut Rest<'_, '_>) -> Result<Key, Fault> {
        let text = word(name, rest)?;
        let digits = text.iter().all(u8::is_ascii_digit).then_some(text);
        let seconds: Option<u32> = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
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

#[cfg(test)]
mod tests {
    use bait::Flags;

    use super::*;
    use crate::imap::arguments;

    fn parsed(text: &str) -> Result<Key, Phrase> {
        let now = Timestamp::UNIX_EPOCH;
        let mut context = Context {
            uids: &[],
            saved: &[],
            mailbox: "",
            now,
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
}
