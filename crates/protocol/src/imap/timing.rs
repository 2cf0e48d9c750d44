//! The times that end Dovecot's tagged replies: how long a command ran, how long it waited for the client, how long it
//! waited for something else. Made up, in the proportions that were measured, and always the same for the same input.

use std::time::Duration;

/// How a command keeps the server busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// The index tells.
    Light,
    /// Files are read, now and then.
    Reading,
    /// Files are written.
    Writing,
    /// What the client waits for, as IDLE: Dovecot counts that as its own time, too.
    Idling,
}

impl Work {
    /// What a verb makes of it.
    pub fn of(verb: &[u8]) -> Self {
        match verb {
            b"APPEND" | b"CREATE" | b"DELETE" | b"RENAME" | b"COPY" | b"UID COPY" | b"MOVE" | b"UID MOVE"
            | b"EXPUNGE" | b"UID EXPUNGE" => Self::Writing,
            b"SELECT" | b"EXAMINE" | b"STATUS" | b"SEARCH" | b"UID SEARCH" | b"FETCH" | b"UID FETCH"
            | b"SORT" | b"UID SORT" | b"THREAD" | b"UID THREAD" | b"LIST" => Self::Reading,
            b"IDLE" => Self::Idling,
            _ => Self::Light,
        }
    }
}

/// The times: `0.001 + 0.000`, or three of them. `waited` is the wait for the client.
pub fn times(work: Work, waited: Duration, noise: u64) -> String {
    let share = noise % 100;
    let more = (noise / 100) % 3;
    let waited = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
    let own = match work {
        Work::Idling if waited > 0 => waited,
        Work::Light | Work::Idling => u64::from(share < 4).saturating_add(1),
        Work::Reading if share < 70 => 1,
        Work::Reading => 2,
        Work::Writing => more.saturating_add(3),
    };
    let other = if waited > 0 && work != Work::Writing {
        waited.saturating_sub(share % 2)
    } else {
        own.saturating_sub(1)
    };
    let (own, waited, other) = (seconds(own), seconds(waited), seconds(other));
    if other == seconds(0) { format!("{own} + {waited}") } else { format!("{own} + {waited} + {other}") }
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}

/// A number that looks like chance: FNV-1a of what is given.
pub fn noise(parts: &[&[u8]]) -> u64 {
    let octets = parts.iter().flat_map(|part| part.iter());
    let hash = octets.fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_believable() {
        assert_eq!(times(Work::Light, Duration::ZERO, 50), "0.001 + 0.000");
        assert_eq!(times(Work::Reading, Duration::ZERO, 99), "0.002 + 0.000 + 0.001");
        assert_eq!(times(Work::Writing, Duration::ZERO, 200), "0.005 + 0.000 + 0.004");
        assert_eq!(times(Work::Light, Duration::from_millis(61_061), 51), "0.001 + 61.061 + 61.060");
        assert_eq!(times(Work::Idling, Duration::from_millis(301), 51), "0.301 + 0.301 + 0.300");
        assert_eq!(noise(&[b"a", b"b"]), noise(&[b"ab"]));
    }
}
