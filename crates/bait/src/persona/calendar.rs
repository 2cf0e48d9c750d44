//! Moments of a corpus: working days counted back from the morning of the installation, a time, a zone.
//!
//! No clock: the morning is derived from the moment that the caller gives.

use jiff::civil::{Date, Time};
use jiff::tz::{TimeZone, db};
use jiff::{Span, Timestamp, ZonedDateTime};

use super::error::Fault;

/// Working days that a moment may lie from the morning, either way: four years.
const MAX_DAYS: i32 = 1_040;
/// A shift's largest amount, as days: four years.
const MAX_SHIFT_DAYS: i64 = 1_461;
const DAY: i64 = 86_400;

/// The day from which the days of a corpus count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Morning(pub(crate) Date);

impl Morning {
    /// The UTC date of a moment.
    pub(crate) fn of(moment: Timestamp) -> Self {
        Self(moment.to_zoned_datetime(TimeZone::UTC).date())
    }

    /// The day before.
    pub(crate) fn earlier(self) -> Result<Self, jiff::Error> {
        Ok(Self(self.0.yesterday()?))
    }

    /// The morning itself for 0, whatever weekday it is; else so many working days (Monday to Friday) before or after.
    fn day(self, count: i32) -> Result<Date, jiff::Error> {
        if count == 0 {
            return Ok(self.0);
        }
        let weekday = i32::from(self.0.weekday().to_monday_zero_offset());
        // Working days are numbered from this week's Monday; on a weekend the week's five are over.
        let here = if count < 0 { weekday.min(5) } else { weekday.min(4) };
        let number = here + count;
        let days = number.div_euclid(5) * 7 + number.rem_euclid(5) - weekday;
        self.0.checked_add(Span::new().days(days))
    }
}

/// A moment as a persona writes it: `-18 09:12:44 America/New_York`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct When {
    day: i32,
    time: Time,
    zone: TimeZone,
}

impl When {
    /// How it is written, for errors.
    const FORM: &'static str = "write a day, a time and a zone, such as `-3 09:12:44 Europe/Berlin`";

    /// Reads `DAY HH:MM:SS ZONE`.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let [day, time, zone] = words[..] else {
            return Err(Fault::new("is no moment", Self::FORM));
        };
        let day = day.parse::<i32>().ok().filter(|day| day.abs() <= MAX_DAYS).ok_or_else(|| {
            let remedy =
                format!("count working days from -{MAX_DAYS} to {MAX_DAYS}, 0 is the morning itself");
            Fault::new(format!("has no usable day (`{day}`)"), remedy)
        })?;
        let time =
            clock(time).ok_or_else(|| Fault::new(format!("has no usable time (`{time}`)"), Self::FORM))?;
        let zone = db().get(zone).map_err(|_| {
            let remedy = "use a name of the IANA time zone database, such as Europe/Berlin or UTC";
            Fault::new(format!("has an unknown zone (`{zone}`)"), remedy)
        })?;
        Ok(Self { day, time, zone })
    }

    /// Whether it lies on a day after the morning.
    pub(crate) fn is_later_day(&self) -> bool {
        self.day > 0
    }

    /// The moment itself. A time that the zone skips or repeats that day is taken as RFC 5545 says.
    pub(crate) fn at(&self, morning: Morning) -> Result<ZonedDateTime, jiff::Error> {
        morning.day(self.day)?.to_datetime(self.time).to_zoned_datetime(self.zone.clone())
    }
}

/// `HH:MM:SS`, every digit there.
fn clock(text: &str) -> Option<Time> {
    let digits = text.bytes().enumerate().all(
        |(at, byte)| {
            if at % 3 == 2 { byte == b':' } else { byte.is_ascii_digit() }
        },
    );
    if text.len() != 8 || !digits {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i8>().ok();
    Time::new(number(0..2)?, number(3..5)?, number(6..8)?, 0).ok()
}

/// A distance in time: `+90s`, `-5m`, `+2h`, `+1d`. Days are days of the calendar, so the time of day stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shift {
    days: i32,
    seconds: i32,
}

impl Shift {
    pub(crate) const fn seconds(seconds: i32) -> Self {
        Self { days: 0, seconds }
    }

    /// Whether the text is meant as a shift: one word, where a moment has three.
    pub(crate) fn looks_like(text: &str) -> bool {
        !text.contains(char::is_whitespace)
    }

    /// Reads a sign, a number and a unit.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let fault =
            |problem: &str| Fault::new(problem, "write a sign, a number and s, m, h or d, such as `+90s`");
        if !text.starts_with(['+', '-']) || !text.ends_with(['s', 'm', 'h', 'd']) {
            return Err(fault("is no shift of time"));
        }
        let (number, unit) = text.split_at(text.len() - 1);
        let number: i64 = number.parse().map_err(|_| fault("is no shift of time"))?;
        let factor = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => DAY,
        };
        let seconds = number.checked_mul(factor).filter(|seconds| seconds.abs() <= MAX_SHIFT_DAYS * DAY);
        let Some(seconds) = seconds else {
            return Err(fault("is a shift of more than four years"));
        };
        let (days, seconds) = if unit == "d" { (number, 0) } else { (0, seconds) };
        let small =
            |value: i64| i32::try_from(value).map_err(|_| fault("is a shift of more than four years"));
        Ok(Self { days: small(days)?, seconds: small(seconds)? })
    }

    /// Whether it goes back.
    pub(crate) fn is_negative(self) -> bool {
        self.days < 0 || self.seconds < 0
    }

    /// The moment so much later.
    pub(crate) fn from(self, moment: &ZonedDateTime) -> Result<ZonedDateTime, jiff::Error> {
        moment.checked_add(Span::new().days(self.days).seconds(self.seconds))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::Weekday;

    use super::*;

    /// The definition, one day after the other.
    fn stepwise(morning: Date, count: i32) -> Date {
        let mut day = morning;
        for _ in 0..count.abs() {
            loop {
                day = if count < 0 { day.yesterday().unwrap() } else { day.tomorrow().unwrap() };
                if !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
                    break;
                }
            }
        }
        day
    }

    #[test]
    fn days_are_working_days() {
        let mut morning = Date::constant(2026, 11, 2);
        for _ in 0..14 {
            for count in -25..=25 {
                assert_eq!(
                    Morning(morning).day(count).unwrap(),
                    stepwise(morning, count),
                    "{morning} {count}"
                );
            }
            morning = morning.tomorrow().unwrap();
        }
    }

    #[test]
    fn a_moment_stands_in_its_zone() {
        let morning = Morning(Date::constant(2026, 11, 2)); // a Monday, the day after New York's clocks went back
        let at = |text: &str| When::parse(text).unwrap().at(morning).unwrap();
        assert_eq!(at("0 09:12:44 America/New_York").timestamp().to_string(), "2026-11-02T14:12:44Z");
        assert_eq!(at("-1 09:12:44 America/New_York").timestamp().to_string(), "2026-10-30T13:12:44Z");
    }

    #[test]
    fn moments_that_are_none_are_refused() {
        for text in [
            "",
            "0",
            "0 09:12 UTC",
            "0 9:12:44 UTC",
            "0 24:00:00 UTC",
            "x 09:12:44 UTC",
            "-1 09:12:44 Mars/Base",
            "-1 09:12:44",
            "-1 09:12:44 UTC UTC",
            "99999999999 09:12:44 UTC",
            "0 0é:12:4 UTC",
        ] {
            assert!(When::parse(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn shifts() {
        assert_eq!(Shift::parse("+90s"), Ok(Shift::seconds(90)));
        assert_eq!(Shift::parse("-5m"), Ok(Shift::seconds(-300)));
        assert_eq!(Shift::parse("+2h"), Ok(Shift::seconds(7200)));
        assert_eq!(Shift::parse("-2d"), Ok(Shift { days: -2, seconds: 0 }));
        for text in ["90s", "+s", "+1w", "+-1s", "", "+", "+1é", "+9999999999999999999s", "+2000d"] {
            assert!(Shift::parse(text).is_err(), "{text:?} was taken");
        }
        let morning = Morning(Date::constant(2026, 11, 1));
        let noon = When::parse("-1 12:00:00 America/New_York").unwrap().at(morning).unwrap();
        let shifted = Shift::parse("+3d").unwrap().from(&noon).unwrap();
        assert_eq!(shifted.time(), noon.time(), "a day is a day of the calendar");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[-+]?[0-9]{0,12}[smhd: 0-9A-Za-zé/]{0,20}") {
            let _ = (When::parse(&text), Shift::parse(&text));
        }
    }
}
