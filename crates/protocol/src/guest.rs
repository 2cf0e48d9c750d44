//! What a session hears of its peer that goes beyond the one connection: what its address has done before, and how many
//! connections it has. The driver knows; a session asks. Nothing here reads a clock.

use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::pace::next;
use crate::session::{Action, Actions, Moment};

/// Who keeps count of an address over all its connections. One for each connection; what it has taken is given back when
/// it is dropped.
pub trait Doorman: Debug + Send + Sync {
    /// What a login that begins now has to wait for earlier ones that failed.
    fn penalty(&self, now: Moment) -> Penalty {
        let _ = now;
        Penalty::default()
    }

    /// A login has failed that began with this penalty. `login` tells one user and password from others, where there was a
    /// password. How long the answer takes; `None` where the personality's own delay holds.
    fn failed(&self, now: Moment, penalty: Penalty, login: Option<u64>) -> Option<Duration> {
        let _ = (now, penalty, login);
        None
    }

    /// A login that began with this penalty went well.
    fn passed(&self, now: Moment, penalty: Penalty) {
        let _ = (now, penalty);
    }

    /// This user's mail is to be opened for this peer: `false` where that has been done too often at a time.
    fn admit(&self, user: &[u8]) -> bool {
        let _ = user;
        true
    }

    /// How many connections of its address there are to this service, this one counted from the first call on.
    fn connections(&self) -> usize {
        0
    }
}

/// What a login waits before it is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Penalty {
    /// How many failures count.
    pub count: u32,
    /// How long that makes.
    pub wait: Duration,
}

/// A doorman who remembers nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stranger;

impl Doorman for Stranger {}

/// A peer as its session knows it.
#[derive(Debug, Clone)]
pub struct Guest {
    /// Who keeps count.
    pub doorman: Arc<dyn Doorman>,
    /// Its address.
    pub address: Option<IpAddr>,
    /// A random number, from which the times are drawn that answers take; nothing takes time without one.
    pub luck: Option<u64>,
}

impl Default for Guest {
    fn default() -> Self {
        Self { doorman: Arc::new(Stranger), address: None, luck: None }
    }
}

impl Guest {
    /// A number for one more draw; none where nothing is drawn.
    pub(crate) fn draw(&mut self) -> Option<u64> {
        self.luck = self.luck.map(next);
        self.luck
    }
}

/// How a login ends.
#[derive(Debug, Clone, Copy, Default)]
pub enum Verdict {
    /// Well.
    #[default]
    Passed,
    /// With this user and password, where there was a password.
    Failed(Option<u64>),
}

/// The answer to a login, which waits until it is due.
#[derive(Debug, Default)]
pub struct Held {
    /// What is done then.
    pub answer: Actions,
    /// The penalty that the login began with.
    pub penalty: Penalty,
    /// How it ends.
    pub verdict: Verdict,
    /// How long a failure takes where the doorman does not know.
    pub delay: Duration,
}

impl Held {
    /// Whether the answer ends the connection.
    pub fn closes(&self) -> bool {
        self.answer.closes()
    }

    /// The penalty is over. `false` where the time to log in ends before the answer: it is never given.
    pub fn settle(mut self, guest: &Guest, now: Moment, until: Option<Moment>, out: &mut Actions) -> bool {
        let wait = match self.verdict {
            Verdict::Failed(login) => guest.doorman.failed(now, self.penalty, login).unwrap_or(self.delay),
            Verdict::Passed => {
                guest.doorman.passed(now, self.penalty);
                Duration::ZERO
            }
        };
        let left = until.map_or(Duration::MAX, |until| until.0.saturating_sub(now.0));
        if wait >= left || left.is_zero() {
            wait_for(left, out);
            return false;
        }
        wait_for(wait, out);
        out.append(&mut self.answer);
        true
    }
}

/// Waits, where there is something to wait for.
pub fn wait_for(time: Duration, out: &mut Actions) {
    if !time.is_zero() {
        out.push(Action::Wait(time));
    }
}
