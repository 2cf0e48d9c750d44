//! So many requests a minute and no more, whichever minute is looked at.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_mins(1);

/// Remembers when the last requests were made.
#[derive(Debug)]
pub(super) struct Rate {
    most: usize,
    made: VecDeque<Instant>,
}

impl Rate {
    pub(super) fn new(most: usize) -> Self {
        Self { most, made: VecDeque::new() }
    }

    /// How long the next request has to wait.
    pub(super) fn wait(&mut self) -> Option<Duration> {
        self.wait_at(Instant::now())
    }

    fn wait_at(&mut self, now: Instant) -> Option<Duration> {
        let age = |made: &Instant| now.saturating_duration_since(*made);
        while self.made.front().is_some_and(|made| age(made) >= MINUTE) {
            self.made.pop_front();
        }
        let oldest = self.made.front().filter(|_| self.made.len() >= self.most)?;
        Some(MINUTE.saturating_sub(age(oldest)))
    }

    /// A request is made.
    pub(super) fn count(&mut self) {
        self.made.push_back(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_its_number() {
        let mut rate = Rate::new(2);
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        rate.made.extend([at(0), at(10)]);
        assert_eq!(rate.wait_at(at(20)), Some(Duration::from_secs(40)));
        assert_eq!(rate.wait_at(at(60)), None);
        rate.made.push_back(at(60));
        assert_eq!(rate.wait_at(at(61)), Some(Duration::from_secs(9)));
    }
}
