//! The arguments of search keys: words, sizes, dates (RFC 3501 section 6.4.4).

use std::cmp::Ordering;

use bait::Flags;
use jiff::civil::Date;

use super::key::Key;
use crate::imap::arguments::Argument;
use crate::imap::texts::Phrase;
use crate::imap::turn::Fault;

/// The arguments not yet read.
pub(super) type Rest<'a, 'b> = &'a [Argument<'b>];

/// Keys without an argument.
pub(super) fn flag(name: &[u8]) -> Option<Key> {
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

pub(super) fn not(key: Key) -> Key {
    Key::Not(Box::new(key))
}

pub(super) fn missing(name: &[u8]) -> Fault {
    Fault::with(Phrase::MissingSearchArgument, name)
}

pub(super) fn word<'a>(name: &[u8], rest: &mut Rest<'a, '_>) -> Result<&'a [u8], Fault> {
    let (first, behind) = rest.split_first().ok_or_else(|| missing(name))?;
    *rest = behind;
    first.string().ok_or_else(|| Fault::with(Phrase::ListAsSearchArgument, name))
}

pub(super) fn size(name: &[u8], rest: &mut Rest<'_, '_>) -> Result<u64, Fault> {
    let text = word(name, rest)?;
    let digits = text.iter().all(u8::is_ascii_digit).then_some(text);
    let number = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    number.ok_or_else(|| Fault::with(Phrase::InvalidSearchSize, name))
}

pub(super) fn date(name: &[u8], rest: &mut Rest<'_, '_>, dovecot: bool) -> Result<Key, Fault> {
    let text = word(name, rest)?;
    let date = parse_date(text, dovecot).ok_or_else(|| Fault::with(Phrase::InvalidSearchDate, name))?;
    let (sent, name) = name.strip_prefix(b"SENT").map_or((false, name), |name| (true, name));
    let key = |order| Key::Date { sent, order, date };
    Ok(match name {
        b"BEFORE" => key(Ordering::Less),
        b"ON" => key(Ordering::Equal),
        _ => not(key(Ordering::Less)),
    })
}

/// `date-text = date-day "-" date-month "-" date-year` (RFC 3501 section 9): `1-Feb-1994`.
pub(super) fn parse_date(text: &[u8], dovecot: bool) -> Option<Date> {
    const MONTHS: [&str; 12] =
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    let text = std::str::from_utf8(text).ok()?;
    let text = text.strip_prefix(' ').filter(|_| dovecot).unwrap_or(text);
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
    let (year, day): (i16, i8) = (year.parse().ok()?, day.parse().ok()?);
    match Date::new(year, month, day) {
        // A day that is none lies beyond all time to Dovecot, or before it.
        Err(_) if dovecot => Some(if year > 2000 { Date::MAX } else { Date::MIN }),
        date => date.ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(parse_date(b"1-feb-1994", false), Some(Date::constant(1994, 2, 1)));
        assert_eq!(parse_date(b"31-Feb-2024", true), Some(Date::MAX));
        assert_eq!(parse_date(b"31-Feb-2024", false), None);
        for text in ["1-Feb-94", "1 Feb 1994", "001-Feb-1994", "-Feb-1994", "1-Foo-1994", "1-Feb-1994-"] {
            assert_eq!(parse_date(text.as_bytes(), true), None, "{text}");
        }
    }
}
