//! The date of APPEND, as Dovecot reads it: more than the grammar allows (RFC 3501 section 9, `date-time`).

use jiff::{SignedDuration, Timestamp, civil};

/// How far in the future a date may be.
pub const FUTURE: SignedDuration = SignedDuration::from_hours(2);

/// No date is before this one, in seconds: 13 December 1901.
const LONG_AGO: i64 = i32::MIN as i64;

const MONTHS: [&[u8]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];

/// `[ ]d[d]-mon-yyyy hh:mm:ss zone`. A day or a time that no calendar has is one very long ago, or now; a zone that is none is
/// UTC, and what stands behind it is passed over.
pub fn parse(text: &[u8]) -> Option<Timestamp> {
    let text = text.strip_prefix(b" ").unwrap_or(text);
    let (day, rest) = match text {
        [a, b'-', rest @ ..] => (digits(&[*a])?, rest),
        [a, b, b'-', rest @ ..] => (digits(&[*a, *b])?, rest),
        _ => return None,
    };
    let (name, rest) = rest.split_at_checked(3)?;
    let month = MONTHS.iter().position(|known| name.eq_ignore_ascii_case(known))?;
    let rest = rest.strip_prefix(b"-")?;
    let (year, rest) = (digits(rest.get(..4)?)?, rest.get(4..)?);
    let [b' ', time @ ..] = rest else { return None };
    let [h1, h2, b':', m1, m2, b':', s1, s2, b' ', zone @ ..] = time else { return None };
    let (hour, minute, second) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?, digits(&[*s1, *s2])?);
    let small = |number: u16| i8::try_from(number).unwrap_or(i8::MAX);
    let month = i8::try_from(month.saturating_add(1)).ok()?;
    let year = i16::try_from(year).ok()?;
    // Of times that no clock shows Dovecot takes the leap second for the one before it.
    let second = if second == 60 { 59 } else { second };
    let known = civil::DateTime::new(year, month, small(day), small(hour), small(minute), small(second), 0);
    let Some(utc) = known.ok().and_then(|date| date.in_tz("UTC").ok()) else {
        return Timestamp::from_second(if year < 2001 { LONG_AGO } else { i64::MAX })
            .or_else(|_| Ok::<_, jiff::Error>(Timestamp::MAX))
            .ok();
    };
    let date = utc.timestamp().checked_sub(SignedDuration::from_mins(offset(zone))).ok()?;
    Some(date.max(Timestamp::from_second(LONG_AGO).ok()?))
}

fn digits(text: &[u8]) -> Option<u16> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Minutes east of UTC.
fn offset(zone: &[u8]) -> i64 {
    let [sign @ (b'+' | b'-'), h1, h2, m1, m2, ..] = zone else { return 0 };
    let number = |text: &[u8]| digits(text).map(i64::from);
    let (Some(hours), Some(minutes)) = (number(&[*h1, *h2]), number(&[*m1, *m2])) else { return 0 };
    let minutes = hours.saturating_mul(60).saturating_add(minutes);
    if *sign == b'+' { minutes } else { minutes.saturating_neg() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let shown = |text: &str| parse(text.as_bytes()).map(|date| date.to_string());
        let same = Some("2020-01-01T00:00:00Z".to_owned());
        for text in [
            "01-Jan-2020 00:00:00 +0000",
            " 1-Jan-2020 00:00:00 +0000",
            "1-jAN-2020 00:00:00 UTC",
            "01-Jan-2020 02:30:00 +0230 x",
            "01-Jan-2020 00:00:00 ",
        ] {
            assert_eq!(shown(text), same, "{text}");
        }
        for text in
            ["", "01-Jan-2020", "01-Jan-2020 00:00:00", "1-Xyz-2020 00:00:00 +0000", "x", "  1-Jan-2020"]
        {
            assert_eq!(shown(text), None, "{text}");
        }
        assert_eq!(shown("31-Feb-1999 00:00:00 +0000").as_deref(), Some("1901-12-13T20:45:52Z"));
        assert_eq!(shown("17-Jul-0001 00:00:00 +0000").as_deref(), Some("1901-12-13T20:45:52Z"));
        assert_eq!(shown("17-Jul-1996 02:44:60 +0000").as_deref(), Some("1996-07-17T02:44:59Z"));
        assert_eq!(parse(b"31-Feb-2020 00:00:00 +0000"), Some(Timestamp::MAX));
    }
}
