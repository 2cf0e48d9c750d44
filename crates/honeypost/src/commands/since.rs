//! The times of `--since`: a date, a moment, or how long ago.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Reads `2026-11-23`, `2026-11-23T18:00` (both of this machine's zone), `2026-11-23T18:00:00Z`, or `45m`, `2h`, `3d`.
pub(crate) fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    if let Some(ago) = ago(text) {
        return now.checked_sub(ago).ok();
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    let local = match text.parse::<Date>() {
        Ok(date) if !text.contains(':') => date.to_datetime(jiff::civil::Time::midnight()),
        _ => text.parse::<DateTime>().ok()?,
    };
    zone.to_timestamp(local).ok()
}

fn ago(text: &str) -> Option<SignedDuration> {
    let unit = text.chars().next_back()?;
    let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    Some(SignedDuration::from_secs(i64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let now: Timestamp = "2026-11-23T18:00:00Z".parse().expect("a moment");
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        for (text, moment) in [
            ("30s", "2026-11-23T17:59:30Z"),
            ("45m", "2026-11-23T17:15:00Z"),
            ("2h", "2026-11-23T16:00:00Z"),
            ("3d", "2026-11-20T18:00:00Z"),
            ("2026-11-23", "2026-11-22T23:00:00Z"),
            ("2026-11-23T10:30", "2026-11-23T09:30:00Z"),
            ("2026-11-23 10:30:05", "2026-11-23T09:30:05Z"),
            ("2026-11-23T10:30:00Z", "2026-11-23T10:30:00Z"),
            ("2026-11-23T10:30:00+02:00", "2026-11-23T08:30:00Z"),
            // As lines show it.
            ("2026-11-23 10:30:00+02:00", "2026-11-23T08:30:00Z"),
        ] {
            assert_eq!(
                parse(text, now, &zone).map(|found| found.to_string()).as_deref(),
                Some(moment),
                "{text}"
            );
        }
        for text in ["", "h", "2w", "yesterday", "-2h", "2026-13-01", "99999999999d"] {
            assert_eq!(parse(text, now, &zone), None, "{text}");
        }
    }
}
