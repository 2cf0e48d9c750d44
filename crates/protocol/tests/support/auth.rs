//! A doorman of one address, who counts failed logins as the personality says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use protocol::{AuthRules, Doorman, FailureQueue, Failures, Guest, Moment, Penalty, Personality};

#[derive(Debug)]
struct One {
    rules: AuthRules,
    connections: usize,
    kept: Mutex<(Failures, FailureQueue)>,
}

/// A peer of that personality whose failed logins count, where it counts them.
/// So many connections has it.
pub fn counted(personality: &str, connections: usize) -> Guest {
    let rules = Personality::builtin(personality).expect("it is built in").auth;
    let Some(rules) = rules else { return Guest::default() };
    Guest { doorman: Arc::new(One { rules, connections, kept: Mutex::default() }), ..Guest::default() }
}

/// Moment zero is far from 1970.
fn time_of_day(now: Moment) -> Duration {
    now.0 + Duration::from_secs(1_000_000)
}

impl Doorman for One {
    fn penalty(&self, now: Moment) -> Penalty {
        let count = self.kept.lock().unwrap().0.count(&self.rules, time_of_day(now).as_secs());
        Penalty { count, wait: self.rules.penalty(count) }
    }

    fn failed(&self, now: Moment, penalty: Penalty, login: Option<u64>) -> Option<Duration> {
        let now = time_of_day(now);
        let mut kept = self.kept.lock().unwrap();
        kept.0.fail(&self.rules, now.as_secs(), penalty.count, login);
        Some(kept.1.due(&self.rules, now))
    }

    fn passed(&self, now: Moment, penalty: Penalty) {
        if penalty.count > 0 {
            self.kept.lock().unwrap().0.pass(time_of_day(now).as_secs());
        }
    }

    fn admit(&self, user: &[u8]) -> bool {
        user != b"root"
    }

    fn connections(&self) -> usize {
        self.connections
    }
}
