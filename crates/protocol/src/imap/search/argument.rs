//! The arguments of search keys: words, sizes, dates (RFC 3501 section 6.4.4).

use bait::Flags;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::key::{Compare, DateOf, Key, Node, Time};
use crate::imap::arguments::Argument;
use crate::imap::texts::Phrase;
use crate::imap::turn::Fault;

/// The arguments not yet read.
pub(super) type Rest<'a, 'b> = &'a [Argument<'b>];

/// Keys without an argument.
pub(super) fn flag(name: &[u8]) -> Option<Node> {
    let (plain, not) = match name {
        b"ALL" => return Some(Key::All.node()),
        b"NEW" => {
            let (recent, unseen) = (flag(b"RECENT")?, flag(b"UNSEEN")?);
            return Some(Key::And(vec![recent, unseen]).node());
        }
        b"OLD" => (&b"RECENT"[..], true),
        _ => name.strip_prefix(b"UN").map_or((name, false), |name| (name, true)),
    };
    let flags = match plain {
        b"ANSWERED" => Flags::ANSWERED,
        b"DELETED" => Flags::DELETED,
        b"DRAFT" => Flags::DRAFT,
        b"FLAGGED" => Flags::FLAGGED,
        b"SEEN" => Flags::SEEN,
        b"RECENT" if name != b"UNRECENT" => Flags::RECENT,
        _ => return None,
    };
    Some(Node { not, ..Key::Flags(flags).node() })
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

/// BEFORE, ON and SINCE, whatever stands before that in the name.
pub(super) fn date(name: &[u8], of: DateOf, rest: &mut Rest<'_, '_>, dovecot: bool) -> Result<Key, Fault> {
    let text = word(name, rest)?;
    let date = parse_date(text, dovecot).ok_or_else(|| Fault::with(Phrase::InvalidSearchDate, name))?;
    let order = if name.ends_with(b"BEFORE") {
        Compare::Before
    } else if name.ends_with(b"SINCE") {
        Compare::Since
    } else {
        Compare::On
    };
    Ok(Key::Time(Time { of, order, seconds: day(date), exact: false }))
}

/// The beginning of a day, disregarding zones, in seconds.
pub(super) fn day(date: Date) -> i64 {
    let begins = TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0));
    begins.map_or(if date.year() > 0 { i64::MAX } else { i64::MIN }, Timestamp::as_second)
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
