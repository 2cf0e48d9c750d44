//! How long the imitated server takes for an answer. A personality's `[imap.pace]`, `[pop3.pace]` and `[smtp.pace]` hold what was
//! measured; each time is drawn from it with a number that the driver hands in. Not here: penalties and delays (`penalty.rs`),
//! which are rules.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

/// Times by what is answered: `greeting`, a command's verb, or `other` for all verbs that have none of their own; `handshake` is
/// the time before the peer's TLS hello is looked at. What is not there takes no time.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Pace(BTreeMap<String, Span>);

/// A time that varies, in microseconds.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Span {
    /// Half of the times are shorter.
    median_us: u32,
    /// Nine of ten are shorter than the median and this.
    spread_us: u32,
}

/// What a greeting is called, what comes before a handshake, and every verb without a time of its own.
const GREETING: &str = "greeting";
const HANDSHAKE: &str = "handshake";
const OTHER: &str = "other";

/// The greatest and least draws, in standard deviations: one in a thousand or so is beyond.
const FARTHEST: f64 = 3.0;
/// Nine of ten draws of a normal distribution are below this.
const NINE_OF_TEN: f64 = 1.2816;

impl Pace {
    /// The time before the greeting.
    pub(crate) fn greeting(&self, luck: u64) -> Duration {
        self.0.get(GREETING).map(|span| span.draw(luck)).unwrap_or_default()
    }

    /// The time before the peer's TLS hello is looked at. Where the connection begins with TLS, it first takes what a greeting
    /// takes, which then comes at once.
    pub(crate) fn handshake(&self, luck: u64, begins: bool) -> Duration {
        let own = self.0.get(HANDSHAKE).map(|span| span.draw(luck)).unwrap_or_default();
        if begins { own.saturating_add(self.greeting(next(luck))) } else { own }
    }

    /// The time before the answer to this verb.
    pub(crate) fn answer(&self, verb: &[u8], luck: u64) -> Duration {
        let own = std::str::from_utf8(verb).ok().and_then(|verb| self.0.get(verb));
        own.or_else(|| self.0.get(OTHER)).map(|span| span.draw(luck)).unwrap_or_default()
    }

    /// What the type does not hold: every time is one of something that the engine answers.
    pub(crate) fn check(&self, table: &str, verbs: &[&'static str]) -> Result<(), String> {
        let known = |key: &String| {
            [GREETING, HANDSHAKE, OTHER].contains(&key.as_str()) || verbs.contains(&key.as_str())
        };
        match self.0.keys().find(|key| !known(key)) {
            Some(key) => Err(format!("[{table}] has `{key}`, which is no command of ours")),
            None => Ok(()),
        }
    }
}

impl Span {
    /// Log-normal, as such times are: never less than nothing, and now and then much longer.
    fn draw(self, luck: u64) -> Duration {
        let (median, spread) = (f64::from(self.median_us), f64::from(self.spread_us));
        if median <= 0.0 {
            return Duration::ZERO;
        }
        let deviation = (1.0 + spread / median).ln() / NINE_OF_TEN;
        let micros = median * (deviation * normal(luck).clamp(-FARTHEST, FARTHEST)).exp();
        Duration::try_from_secs_f64(micros / 1e6).unwrap_or_default()
    }
}

/// A draw from the normal distribution: the sum of twelve even ones, which is near enough.
fn normal(luck: u64) -> f64 {
    let mut luck = luck;
    let even = std::iter::repeat_with(|| {
        luck = next(luck);
        f64::from(u32::try_from(mixed(luck) >> 32).unwrap_or_default()) / f64::from(u32::MAX)
    });
    even.take(12).sum::<f64>() - 6.0
}

/// The number behind this one, for the next draw (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
pub(crate) const fn next(luck: u64) -> u64 {
    luck.wrapping_add(0x9e37_79b9_7f4a_7c15)
}

const fn mixed(luck: u64) -> u64 {
    let luck = (luck ^ (luck >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let luck = (luck ^ (luck >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    luck ^ (luck >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        toml::from_str(
            "greeting = { median-us = 6000, spread-us = 3000 }\nSELECT = { median-us = 1000, spread-us = 0 }",
        )
        .unwrap()
    }

    #[test]
    fn draws_are_distributed_as_was_measured() {
        let mut luck = 7;
        let mut times: Vec<Duration> = (0..2000)
            .map(|_| {
                luck = mixed(next(luck));
                pace().greeting(luck)
            })
            .collect();
        times.sort_unstable();
        let at = |place: usize| times[place].as_secs_f64() * 1000.0;
        assert!((at(1000) - 6.0).abs() < 0.3, "median {}", at(1000));
        assert!((at(1800) - 9.0).abs() < 0.5, "nine of ten {}", at(1800));
        assert!(at(0) > 2.0 && at(1999) < 16.0, "{} to {}", at(0), at(1999));
    }

    #[test]
    fn the_same_luck_gives_the_same_time() {
        assert_eq!(pace().greeting(5), pace().greeting(5));
        assert_ne!(pace().greeting(5), pace().greeting(6));
        assert_eq!(pace().answer(b"SELECT", 5), Duration::from_millis(1));
        assert_eq!(pace().answer(b"NOOP", 5), Duration::ZERO, "nothing is known of it");
        assert_eq!(pace().handshake(5, false), Duration::ZERO);
        assert_eq!(pace().handshake(5, true), pace().greeting(next(5)), "a greeting over TLS comes at once");
        assert!(pace().check("imap.pace", &["SELECT"]).is_ok());
        assert!(pace().check("imap.pace", &["NOOP"]).unwrap_err().contains("SELECT"));
    }
}
