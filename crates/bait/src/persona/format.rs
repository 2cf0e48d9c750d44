//! How a persona writes moments: strftime formats whose text is as wide at every moment.

use jiff::ZonedDateTime;

use super::error::Fault;

/// A way to write a moment, of the same width for every moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Format(String);

impl Format {
    /// `Mon, 02 Nov 2026 09:12:44 -0500`
    const DATE: &'static str = "%a, %d %b %Y %H:%M:%S %z";
    /// `Mon,  2 Nov 2026 14:12:45 +0000 (UTC)`
    const RECEIVED: &'static str = "%a, %e %b %Y %H:%M:%S +0000 (UTC)";
    /// Conversions whose text is always as wide.
    const FIXED: &'static str = "abCdDeFgGhHIjklmMpPRsSTuUVwWyYz%";

    pub(crate) fn date() -> Self {
        Self(Self::DATE.to_owned())
    }

    pub(crate) fn received() -> Self {
        Self(Self::RECEIVED.to_owned())
    }

    /// Takes a strftime format with conversions of fixed width only.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            let behind = &rest[at + 1..];
            let (conversion, after) = match behind.strip_prefix(":z") {
                Some(after) => ("%:z", after),
                None => behind.chars().next().map_or(("%", ""), |first| {
                    (&rest[at..at + 1 + first.len_utf8()], &behind[first.len_utf8()..])
                }),
            };
            let letter = conversion.chars().nth(1);
            let fixed = conversion == "%:z" || letter.is_some_and(|letter| Self::FIXED.contains(letter));
            if !fixed {
                let remedy = "use conversions of fixed width only, such as %a %b %d %e %F %H %I %j %m %M %p %S %T %y %Y %z";
                return Err(Fault::new(format!("has `{conversion}`"), remedy));
            }
            rest = after;
        }
        Ok(Self(text.to_owned()))
    }

    /// The moment in this format; names are English.
    pub(crate) fn of(&self, moment: &ZonedDateTime) -> String {
        moment.strftime(&self.0).to_string()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn formats() {
        let moment = date(2026, 11, 2).at(9, 5, 4, 0).to_zoned_datetime(TimeZone::UTC).unwrap();
        assert_eq!(Format::date().of(&moment), "Mon, 02 Nov 2026 09:05:04 +0000");
        assert_eq!(Format::received().of(&moment), "Mon,  2 Nov 2026 09:05:04 +0000 (UTC)");
        assert_eq!(Format::parse("100%% %F %:z").unwrap().of(&moment), "100% 2026-11-02 +00:00");
        for text in ["%A", "%B", "%-d", "%Z", "%", "%é", "%Q", "%5Y"] {
            assert!(Format::parse(text).is_err(), "{text:?} was taken");
        }
    }

    proptest::proptest! {
        /// Any format that is taken has one width, whatever the moment and the zone.
        #[test]
        fn widths_are_fixed(
            text in "(%[a-zA-Z:%]|%:z|[ -~é]){0,6}",
            seconds in 1_000_000_000_i64..7_000_000_000,
            zone in proptest::sample::select(vec!["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Chatham"]),
        ) {
            if let Ok(format) = Format::parse(&text) {
                let at = |seconds, zone: &str| {
                    let moment = Timestamp::from_second(seconds).unwrap();
                    format.of(&moment.in_tz(zone).unwrap()).len()
                };
                proptest::prop_assert_eq!(at(seconds, zone), at(1_800_000_000, "Europe/Berlin"), "{}", text);
            }
        }
    }
}
