//! How Dovecot's auth process slows guessing down. Every failed login of an address makes the next one wait before its password
//! is even looked at, the right one too; the same wrong password again does not count, as that is a mail client with an old
//! password; and a failure is told when its queue is next looked at after whole seconds. Counted as src/auth/auth-penalty.c,
//! src/anvil/penalty.c and src/auth/auth-request-handler.c of Dovecot 2.3.19 do. No clock: times are told, in whole seconds
//! of the time of day where Dovecot counts those.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Deserialize;

/// The `[auth]` table of a personality.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AuthRules {
    /// What a login waits after one failure, after two and so on, in seconds. More failures count like the last.
    pub penalties_s: Vec<u64>,
    /// So many seconds after the last failure that counted, none counts any more.
    pub forgiven_s: u64,
    /// So many seconds after the last failure, the passwords are forgotten too.
    pub forgotten_s: u64,
    /// How many whole seconds after it happened a failure is told.
    pub failure_delay_s: u64,
    /// How often the queue of failures is looked at, in milliseconds.
    pub failure_check_ms: u64,
    /// How often one user's mail may be open to one address, in each protocol.
    pub user_connections: usize,
}

/// Logins that are remembered of an address.
const LOGINS: usize = 10;

/// What is remembered of an address.
#[derive(Debug, Clone, Default)]
pub struct Failures {
    count: u32,
    /// When a failure last counted.
    counted: u64,
    /// When there last was anything.
    updated: u64,
    /// What was tried, the last first.
    logins: VecDeque<u64>,
}

impl Failures {
    /// How many failures count in this second.
    pub fn count(&self, rules: &AuthRules, second: u64) -> u32 {
        if second.saturating_sub(self.counted) >= rules.forgiven_s { 0 } else { self.count }
    }

    /// A login failed that began when `before` failures counted.
    pub fn fail(&mut self, rules: &AuthRules, second: u64, before: u32, login: Option<u64>) {
        let most = u32::try_from(rules.penalties_s.len()).unwrap_or(u32::MAX);
        let value = before.saturating_add(1).min(most);
        self.updated = second;
        let known = login.and_then(|login| self.logins.iter().position(|known| *known == login));
        if let Some(place) = known {
            self.logins.remove(place);
            self.count = value.saturating_sub(1);
        } else {
            self.count = value;
            self.counted = second;
        }
        self.logins.extend(login);
        self.logins.rotate_right(usize::from(login.is_some() && !self.logins.is_empty()));
        self.logins.truncate(LOGINS);
    }

    /// A login went well for which failures counted.
    pub fn pass(&mut self, second: u64) {
        (self.count, self.counted, self.updated) = (0, second, second);
    }

    /// Whether nothing need be remembered any more.
    pub fn is_forgotten(&self, rules: &AuthRules, second: u64) -> bool {
        second.saturating_sub(self.updated) >= rules.forgotten_s
    }
}

impl AuthRules {
    /// What a login waits when so many failures count.
    pub fn penalty(&self, count: u32) -> Duration {
        let place = usize::try_from(count).unwrap_or(usize::MAX).checked_sub(1);
        let seconds = place.and_then(|place| self.penalties_s.get(place).or(self.penalties_s.last()));
        Duration::from_secs(seconds.copied().unwrap_or_default())
    }
}

/// The one queue of all failures, which is looked at again and again while there is something in it.
#[derive(Debug, Clone, Copy, Default)]
pub struct FailureQueue {
    /// When it was begun to be looked at, and when that ends.
    looked_at: Option<(Duration, Duration)>,
}

impl FailureQueue {
    /// How long the answer to a failure takes that happens at this time of day (since 1970).
    pub fn due(&mut self, rules: &AuthRules, now: Duration) -> Duration {
        let step = Duration::from_millis(rules.failure_check_ms.max(1));
        let (first, last) = self.looked_at.filter(|(_, last)| now < *last).unwrap_or((now, now));
        let steps = now.saturating_sub(first).as_nanos().checked_div(step.as_nanos()).unwrap_or_default();
        let mut look = first.saturating_add(step.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX)));
        while look.as_secs().saturating_sub(now.as_secs()) < rules.failure_delay_s || look <= now {
            look = look.saturating_add(step);
        }
        // The look that finds it empty is the last.
        self.looked_at = Some((first, last.max(look.saturating_add(step))));
        look.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> AuthRules {
        AuthRules {
            penalties_s: vec![4, 8, 15, 15],
            forgiven_s: 15,
            forgotten_s: 29,
            failure_delay_s: 2,
            failure_check_ms: 500,
            user_connections: 10,
        }
    }

    /// Wrong passwords one after the other: penalties as they were measured, 0, 4, 8, 15, 15, 15 seconds.
    #[test]
    fn each_failure_makes_the_next_wait() {
        let (rules, mut failures, mut now, mut waits) = (rules(), Failures::default(), 1000, Vec::new());
        for login in 0..6 {
            let count = failures.count(&rules, now);
            let wait = rules.penalty(count).as_secs();
            waits.push(wait);
            now += wait;
            failures.fail(&rules, now, count, Some(login));
            now += 2;
        }
        assert_eq!(waits, [0, 4, 8, 15, 15, 15]);
        assert_eq!(failures.count(&rules, now + 12), 4);
        assert_eq!(failures.count(&rules, now + 13), 0, "forgiven 15 seconds after the last");
        let count = failures.count(&rules, now);
        failures.pass(now);
        assert_eq!((count, failures.count(&rules, now)), (4, 0), "a login that went well ends it");
    }

    /// The same wrong password does not grow the penalty and does not renew it; it is known among the last ten, and after a
    /// login that went well too.
    #[test]
    fn the_same_password_again_does_not_count() {
        let (rules, mut failures) = (rules(), Failures::default());
        failures.fail(&rules, 100, 0, Some(7));
        for second in [106, 112] {
            assert_eq!(failures.count(&rules, second), 1);
            failures.fail(&rules, second, 1, Some(7));
        }
        assert_eq!(failures.count(&rules, 115), 0, "15 seconds after the first");
        failures.fail(&rules, 115, 0, Some(7));
        assert_eq!(failures.count(&rules, 115), 0, "it never counts again");
        failures.fail(&rules, 116, 0, None);
        assert_eq!(failures.count(&rules, 116), 1, "no password at all counts each time");
        failures.pass(117);
        failures.fail(&rules, 118, 0, Some(7));
        assert_eq!(failures.count(&rules, 118), 0);
        for login in 20..30 {
            failures.fail(&rules, 119, 0, Some(login));
        }
        failures.fail(&rules, 120, 0, Some(7));
        assert_eq!(failures.count(&rules, 120), 1, "ten others later it is new");
        assert!(!failures.is_forgotten(&rules, 148) && failures.is_forgotten(&rules, 149));
    }

    /// Looked at every half second from the first failure on, told in the second after the next: 2.0 s in the first half of
    /// a second, 1.5 s in the second half. Others in between fall in with those looks.
    #[test]
    fn failures_are_told_when_their_queue_is_looked_at() {
        let rules = rules();
        let ms = Duration::from_millis;
        let due = |queue: &mut FailureQueue, at| queue.due(&rules, ms(at)).as_millis();
        assert_eq!(due(&mut FailureQueue::default(), 10_291), 2000);
        assert_eq!(due(&mut FailureQueue::default(), 10_789), 1500);
        assert_eq!(due(&mut FailureQueue::default(), 10_500), 1500);
        let mut queue = FailureQueue::default();
        assert_eq!(due(&mut queue, 10_789), 1500);
        // As recorded: frac .530 was answered at .293 of the second after the next.
        assert_eq!(due(&mut queue, 12_530), 1759);
        assert_eq!(due(&mut queue, 12_530), 1759);
        assert_eq!(due(&mut queue, 14_788), 1501, "the queue was empty, but looked at once more");
        assert_eq!(due(&mut queue, 17_100), 2000, "it had ended");
    }
}
