//! Dates of RFC 5322 section 3.3, obsolete forms (section 4.3) included: comments, two-digit years, no day name, no
//! seconds, zones by name. What Dovecot cannot read is no date here either.

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::mime::lexer::{Lexer, Then, is_atext};

/// The day of a Date header as written, disregarding time and zone, as SEARCH's SENTON compares it (RFC 3501 section
/// 6.4.4). The time must be one, all the same.
pub fn civil_date(value: &[u8]) -> Option<Date> {
    read(value).map(|(written, _)| written.date())
}

/// The same in seconds since 1970, as Dovecot keeps it: of the moment 32 bits, the zone besides.
pub fn civil_seconds(value: &[u8]) -> Option<i64> {
    let (_, east) = read(value)?;
    let moment = sent_timestamp(value)?.as_second() & i64::from(u32::MAX);
    Some(moment + east * 60)
}

/// The moment of a Date header, its zone applied. An unknown zone counts as UTC.
pub fn sent_timestamp(value: &[u8]) -> Option<Timestamp> {
    let (written, east) = read(value)?;
    let written = TimeZone::UTC.to_timestamp(written).ok()?;
    written.checked_sub(SignedDuration::from_mins(east)).ok()
}

/// `[day-name ","] day month year hour ":" minute [":" second] [zone]`: the time as written, and the zone in minutes east
/// of UTC.
fn read(value: &[u8]) -> Option<(DateTime, i64)> {
    let mut lexer = Lexer::new(value);
    let _ = lexer.space();
    let mut token = word(&mut lexer)?;
    if token.len() == 3 {
        if !lexer.take_if(b',') {
            return None;
        }
        let _ = lexer.space();
        token = word(&mut lexer)?;
    }
    let day = number(&token, 1..=2)?;
    let month = month(&word(&mut lexer)?)?;
    let year = year(&word(&mut lexer)?)?;
    let hour = number(&word(&mut lexer)?, 1..=2)?;
    if !take_colon(&mut lexer) {
        return None;
    }
    let minute = number(&word(&mut lexer)?, 2..=2)?;
    let second = if take_colon(&mut lexer) { number(&word(&mut lexer)?, 2..=2)? } else { 0 };
    let zone = match lexer.peek() {
        Some(byte) if is_atext(byte) => zone(&word(&mut lexer)?),
        Some(_) => return None,
        None => 0,
    };
    let second = if second == 60 { 59 } else { second }; // a leap second
    let narrow = |number: i16| i8::try_from(number).ok();
    let written =
        DateTime::new(year, month, narrow(day)?, narrow(hour)?, narrow(minute)?, narrow(second)?, 0).ok()?;
    Some((written, zone))
}

fn word(lexer: &mut Lexer<'_>) -> Option<Vec<u8>> {
    let mut word = Vec::new();
    lexer.atom(&mut word).ok().map(|_: Then| word)
}

/// A dot separates hours and minutes in the mail of some.
fn take_colon(lexer: &mut Lexer<'_>) -> bool {
    let is = matches!(lexer.peek(), Some(b':' | b'.'));
    if is {
        lexer.take();
        let _ = lexer.space();
    }
    is
}

fn number(word: &[u8], digits: std::ops::RangeInclusive<usize>) -> Option<i16> {
    if !digits.contains(&word.len()) || !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(word.iter().fold(0, |number, digit| number * 10 + i16::from(digit - b'0')))
}

fn month(word: &[u8]) -> Option<i8> {
    const NAMES: [&[u8; 3]; 12] =
        [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
    let word = word.get(..3)?;
    (1..).zip(NAMES).find(|(_, name)| word.eq_ignore_ascii_case(*name)).map(|(month, _)| month)
}

/// Two digits below 70 are of this century.
fn year(word: &[u8]) -> Option<i16> {
    match number(word, 2..=4)? {
        year @ 0..70 if word.len() == 2 => Some(2000 + year),
        year if word.len() == 2 => Some(1900 + year),
        year if word.len() == 4 && year >= 1900 => Some(year),
        _ => None,
    }
}

/// A zone in minutes east of UTC (RFC 5322 section 4.3, military letters the right way round).
fn zone(word: &[u8]) -> i64 {
    match word.to_ascii_uppercase().as_slice() {
        [sign @ (b'+' | b'-'), digits @ ..] => {
            let minutes = number(digits, 4..=4).map_or(0, |zone| i64::from(zone / 100 * 60 + zone % 100));
            if *sign == b'-' { -minutes } else { minutes }
        }
        [letter @ b'A'..=b'I'] => i64::from(letter - b'A' + 1) * 60,
        [letter @ b'K'..=b'M'] => i64::from(letter - b'A') * 60,
        [letter @ b'N'..=b'Y'] => -i64::from(letter - b'M') * 60,
        [place, season @ (b'S' | b'D'), b'T'] => {
            let standard = match place {
                b'E' => -5,
                b'C' => -6,
                b'M' => -7,
                b'P' => -8,
                _ => return 0,
            };
            (standard + i64::from(*season == b'D')) * 60
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(value: &str) -> Option<String> {
        civil_date(value.as_bytes()).map(|date| date.to_string())
    }

    fn moment(value: &str) -> Option<String> {
        sent_timestamp(value.as_bytes()).map(|moment| moment.to_string())
    }

    #[test]
    fn the_day_is_as_written() {
        assert_eq!(day("Tue, 12 Mar 2024 23:30:00 -0800").as_deref(), Some("2024-03-12"));
        assert_eq!(day("(x)  1 january (c) 99 1:02 GMT").as_deref(), Some("1999-01-01"));
        assert_eq!(day("Sat, 1 Jan 00 10.20.30").as_deref(), Some("2000-01-01"));
        assert_eq!(day("Mon,\r\n 29 Feb 2024 10:20:30 +0000").as_deref(), Some("2024-02-29"));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for value in [
            "",
            "Mon",
            "Mon 1 Jan 2024 10:00:00",
            "1 Jan 2024",
            "1 Jan 202 10:00",
            "1 Jan 1899 10:00",
            "30 Feb 2024 10:00",
            "1 Foo 2024 10:00",
            "1 Jan 2024 24:00",
            "1 Jan 2024 1000",
            "1 Jan 2024 10:00 ;",
            "1 Jan 2024 10:00:0",
            "999999999 Jan 2024 10:00",
            "1 Jan (",
        ] {
            assert_eq!(day(value), None, "{value}");
        }
    }

    #[test]
    fn the_zone_makes_the_moment() {
        for (value, expected) in [
            ("Tue, 12 Mar 2024 23:30:00 -0830", "2024-03-13T08:00:00Z"),
            ("12 Mar 2024 01:30:60 +0200", "2024-03-11T23:30:59Z"),
            ("12 Mar 2024 10:00 EDT", "2024-03-12T14:00:00Z"),
            ("12 Mar 2024 10:00 pst", "2024-03-12T18:00:00Z"),
            ("12 Mar 2024 10:00 CEST", "2024-03-12T10:00:00Z"),
            ("12 Mar 2024 10:00 A", "2024-03-12T09:00:00Z"),
            ("12 Mar 2024 10:00 M", "2024-03-11T22:00:00Z"),
            ("12 Mar 2024 10:00 Y", "2024-03-12T22:00:00Z"),
            ("12 Mar 2024 10:00 Z", "2024-03-12T10:00:00Z"),
            ("12 Mar 2024 10:00 +12345", "2024-03-12T10:00:00Z"),
            ("12 Mar 2024 10:00 (nowhere)", "2024-03-12T10:00:00Z"),
        ] {
            assert_eq!(moment(value).as_deref(), Some(expected), "{value}");
        }
        assert_eq!(moment("31 Dec 9999 23:59 -9999"), None, "beyond what a moment can be");
    }
}
