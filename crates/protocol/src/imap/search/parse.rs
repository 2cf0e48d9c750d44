//! From arguments to a [`Key`] (RFC 3501 section 6.4.4).

use bait::mailbox_name;
use bait::mime::fold;
use jiff::Timestamp;

use super::argument::{Rest, date, flag, missing, size, word};
use super::charset::Charset;
use super::key::{Compare, DateOf, Key, Node, Sought, Time};
use super::mime_key::is_or;
use super::set::Set;
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
}

/// Reads all keys, behind a charset that stands on its own.
pub fn parse_in(charset: &[u8], rest: &[Argument<'_>], context: &Context<'_>) -> Result<Vec<Node>, Fault> {
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
pub fn parse(arguments: &[Argument<'_>], context: &Context<'_>) -> Result<Vec<Node>, Fault> {
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

/// Reads keys.
pub(super) struct Parser<'a, 'c> {
    context: &'a Context<'c>,
    /// `None` where nobody knows it.
    charset: Option<Charset>,
    keys: usize,
}

impl Parser<'_, '_> {
    fn all(&mut self, mut rest: Rest<'_, '_>, depth: usize) -> Result<Vec<Node>, Fault> {
        let mut keys = Vec::new();
        while !rest.is_empty() {
            keys.push(self.node(&mut rest, depth)?);
        }
        Ok(keys)
    }

    /// Counts a key, and refuses it where there are too many.
    pub(super) fn count(&mut self, depth: usize) -> Result<(), Fault> {
        self.keys = self.keys.saturating_add(1);
        if self.keys > MAX_KEYS || depth > MAX_DEPTH { Err(Phrase::InvalidArguments.into()) } else { Ok(()) }
    }

    fn node(&mut self, rest: &mut Rest<'_, '_>, depth: usize) -> Result<Node, Fault> {
        self.count(depth)?;
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
                self.all(members, deeper).map(|keys| Key::And(keys).node())
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
            return Ok(Key::Numbers(self.numbers(name, false).ok_or(Phrase::InvalidSequenceSet)?).node());
        }
        let name = name.to_ascii_uppercase();
        if let Some(node) = flag(&name) {
            return Ok(node);
        }
        let name = name.as_slice();
        match name {
            b"NOT" => {
                let node = self.operand(name, rest, deeper)?;
                Ok(Node { not: !node.not, ..node })
            }
            b"UNKEYWORD" => Ok(Node { not: true, ..keyword(name, rest)?.node() }),
            b"FUZZY" if self.context.dovecot => {
                let mut node = self.operand(name, rest, deeper)?;
                fuzzy(&mut node);
                Ok(node)
            }
            _ if self.context.dovecot => match self.dovecots(name, rest, deeper)? {
                Some(key) => Ok(key.node()),
                None => self.key(name, rest, deeper).map(Key::node),
            },
            _ => self.key(name, rest, deeper).map(Key::node),
        }
    }

    /// The keys of the standard that have arguments.
    fn key(&mut self, name: &[u8], rest: &mut Rest<'_, '_>, deeper: usize) -> Result<Key, Fault> {
        match name {
            b"OR" => {
                let mut keys = Vec::new();
                loop {
                    keys.push(self.operand(name, rest, deeper)?);
                    // What begins with OR again is one more alternative.
                    match rest.split_first() {
                        Some((next, behind)) if next.string().is_some_and(is_or) => *rest = behind,
                        _ => break,
                    }
                }
                keys.push(self.operand(name, rest, deeper)?);
                Ok(Key::Or(keys))
            }
            b"UID" => {
                let set = word(name, rest)?;
                if set == b"$" && self.context.dovecot {
                    return Ok(self.saved());
                }
                let malformed =
                    if self.context.dovecot { Phrase::InvalidSearchUids } else { Phrase::InvalidUidSet };
                Ok(Key::Numbers(self.numbers(set, true).ok_or(malformed)?))
            }
            b"KEYWORD" => keyword(name, rest),
            b"LARGER" | b"SMALLER" => Ok(Key::Size { larger: name == b"LARGER", octets: size(name, rest)? }),
            b"BEFORE" | b"ON" | b"SINCE" => date(name, DateOf::Arrival, rest, self.context.dovecot),
            b"SENTBEFORE" | b"SENTON" | b"SENTSINCE" => {
                date(name, DateOf::Sending, rest, self.context.dovecot)
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

    /// The keys of extensions, which only Dovecot knows.
    fn dovecots(
        &mut self,
        name: &[u8],
        rest: &mut Rest<'_, '_>,
        deeper: usize,
    ) -> Result<Option<Key>, Fault> {
        Ok(Some(match name {
            b"$" => self.saved(),
            b"MODSEQ" => modseq(name, rest)?,
            b"YOUNGER" => self.interval(name, rest, Compare::Since)?,
            b"OLDER" => self.interval(name, rest, Compare::Before)?,
            b"INTHREAD" => {
                let known = Algorithm::of(word(name, rest)?);
                let algorithm = known.ok_or(Phrase::UnknownThreadAlgorithm)?;
                Key::InThread(algorithm, vec![self.operand(name, rest, deeper)?])
            }
            b"MIMEPART" => Key::Mime(self.mime(rest, deeper)?),
            b"SAVEDATESUPPORTED" => Key::SaveDateSupported,
            b"SAVEDBEFORE" | b"SAVEDON" | b"SAVEDSINCE" | b"X-SAVEDBEFORE" | b"X-SAVEDON"
            | b"X-SAVEDSINCE" => date(name, DateOf::Saving, rest, true)?,
            b"X-GUID" => Key::Guid(String::from_utf8_lossy(word(name, rest)?).into_owned()),
            b"X-MAILBOX" => {
                let pattern = mailbox_name::decode(word(name, rest)?).ok_or(Phrase::InvalidSearchMailbox)?;
                let here = matches(pattern.as_bytes(), self.context.mailbox.as_bytes(), '\0');
                Key::Mailbox(pattern, here)
            }
            b"X-REAL-UID" => {
                let set = SequenceSet::parse_as_dovecot(word(name, rest)?).ok_or(Phrase::InvalidRealUids)?;
                Key::RealUids(Set::of(set.numbers().iter().map(|range| (*range.start(), *range.end()))))
            }
            _ => return Ok(None),
        }))
    }

    fn operand(&mut self, name: &[u8], rest: &mut Rest<'_, '_>, depth: usize) -> Result<Node, Fault> {
        if rest.is_empty() {
            return Err(if self.context.dovecot { Phrase::MissingKey.into() } else { missing(name) });
        }
        self.node(rest, depth)
    }

    /// The numbers of the messages that a set names.
    fn numbers(&self, text: &[u8], by_uid: bool) -> Option<Set> {
        let uids = self.context.uids;
        if !self.context.dovecot {
            let spans = SequenceSet::parse(text)?.positions(uids, by_uid);
            let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
            return Some(Set::of(
                spans.iter().map(|span| (number(span.start).saturating_add(1), number(span.end))),
            ));
        }
        let written = SequenceSet::parse_as_dovecot(text)?.numbers();
        let count = u32::try_from(uids.len()).unwrap_or(u32::MAX);
        Some(if by_uid { Set::of_uids(&written, uids) } else { Set::of_numbers(&written, count) })
    }

    fn saved(&self) -> Key {
        Key::Uids(Set::of(self.context.saved.iter().map(|uid| (*uid, *uid))))
    }

    fn interval(&self, name: &[u8], rest: &mut Rest<'_, '_>, order: Compare) -> Result<Key, Fault> {
        let text = word(name, rest)?;
        let seconds = number::<u32>(text).filter(|seconds| *seconds > 0);
        let seconds = seconds.ok_or(Phrase::InvalidSearchInterval)?;
        let moment = self.context.now.as_second().saturating_sub(i64::from(seconds));
        // OLDER holds for the moment itself too.
        let seconds = moment.saturating_add(i64::from(order == Compare::Before));
        Ok(Key::Time(Time { of: DateOf::Arrival, order, seconds, exact: true }))
    }

    fn text(&self, name: &[u8], rest: &mut Rest<'_, '_>) -> Result<Sought, Fault> {
        let written = self.decoded(word(name, rest)?)?;
        let folded = fold(&written);
        Ok(Sought { written, folded })
    }

    pub(super) fn decoded(&self, bytes: &[u8]) -> Result<String, Fault> {
        let text = self.charset.ok_or(Phrase::BadCharset)?.decode(bytes);
        if !self.context.dovecot {
            return Ok(text.unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned()));
        }
        text.ok_or_else(|| Phrase::InvalidSearchText.into())
    }
}

fn number<N: std::str::FromStr>(text: &[u8]) -> Option<N> {
    let digits = text.iter().all(u8::is_ascii_digit).then_some(text)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn keyword(name: &[u8], rest: &mut Rest<'_, '_>) -> Result<Key, Fault> {
    Ok(Key::Keyword(String::from_utf8_lossy(word(name, rest)?).into_owned()))
}

/// `MODSEQ ["/flags/..." all] 5`
fn modseq(name: &[u8], rest: &mut Rest<'_, '_>) -> Result<Key, Fault> {
    const FLAGS: [&[u8]; 5] = [b"answered", b"flagged", b"deleted", b"seen", b"draft"];
    let mut value = word(name, rest)?;
    let (mut kind, mut keyword) = (0, None);
    if let Some(flag) = value.to_ascii_lowercase().strip_prefix(b"/flags/") {
        if flag.strip_prefix(b"\\").is_some_and(|flag| !FLAGS.contains(&flag)) {
            return Err(Phrase::InvalidModseqFlag.into());
        }
        keyword = (!flag.starts_with(b"\\")).then(|| String::from_utf8_lossy(flag).into_owned());
        kind = match &word(name, rest)?.to_ascii_lowercase()[..] {
            b"all" => 0,
            b"priv" => 1,
            b"shared" => 2,
            _ => return Err(Phrase::InvalidModseqKind.into()),
        };
        value = word(name, rest)?;
    }
    let least = number(value).ok_or(Phrase::InvalidSearchModseq)?;
    Ok(Key::Modseq { least, kind, keyword })
}

/// Marks a key and those below it as FUZZY.
fn fuzzy(node: &mut Node) {
    node.fuzzy = true;
    if let Key::And(below) | Key::Or(below) | Key::InThread(_, below) = &mut node.key {
        below.iter_mut().for_each(fuzzy);
    }
}

#[cfg(test)]
mod tests {
    use bait::Flags;

    use super::*;
    use crate::imap::arguments;

    fn parsed(text: &str) -> Result<Vec<Node>, Phrase> {
        let now = Timestamp::UNIX_EPOCH;
        let context = Context { uids: &[], saved: &[], mailbox: "", now, dovecot: false };
        let arguments = arguments::parse(text.as_bytes())?;
        parse(&arguments, &context).map_err(|fault| fault.phrase)
    }

    #[test]
    fn keys_nest() {
        let header = |name: &str, text: &str| {
            let text = Sought { written: text.into(), folded: text.to_ascii_lowercase() };
            Key::Shown(name.into(), text).node()
        };
        let seen = Key::Flags(Flags::SEEN).node();
        assert_eq!(
            parsed("OR (SUBJECT VPN SEEN) NOT from \"Ceo\""),
            Ok(vec![
                Key::Or(vec![
                    Key::And(vec![header("subject", "VPN"), seen]).node(),
                    Node { not: true, ..header("from", "Ceo") },
                ])
                .node()
            ])
        );
        assert_eq!(parsed("CHARSET iso-8859-1 BODY \"\u{fc}\""), parsed("BODY \"\u{c3}\u{bc}\""));
        assert_eq!(parsed("OR ALL OR ALL ALL").map(|keys| keys.len()), Ok(1));
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
