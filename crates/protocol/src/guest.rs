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
    /// Which of the host's addresses it has connected to.
    pub host: Option<IpAddr>,
    /// A random number, from which the times are drawn that answers take; nothing takes time without one.
    pub luck: Option<u64>,
}

impl Default for Guest {
    fn default() -> Self {
        Self { doorman: Arc::new(Stranger), address: None, host: None, luck: None }
    }
}

impl Guest {
    /// A number for one more draw; none where nothing is drawn.
    pub(crate) fn draw(&mut self) -> Option<u64> {
        self.luck = self.luck.map(next);
        self.luck
    }

    /// The penalty of a login that goes on with a challenge: it waits before the first one, and has `waited` before the others.
    pub(crate) fn before_challenge(
        &self,
        waited: Option<Penalty>,
        now: Moment,
        out: &mut Actions,
    ) -> Penalty {
        waited.unwrap_or_else(|| {
            let penalty = self.doorman.penalty(now);
            wait_for(penalty.wait, out);
            penalty
        })
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

/// A login that is judged, and whose answer waits until it is due.
#[derive(Debug, Default)]
pub struct Held {
    /// What is done then.
    pub answer: Actions,
    /// The penalty that it has waited for already, where it has: an exchange does so before its first challenge.
    pub penalty: Option<Penalty>,
    /// How it ends.
    pub verdict: Verdict,
    /// How long a failure takes where the doorman does not know.
    pub delay: Duration,
    /// When the time to log in is over.
    pub until: Option<Moment>,
}

/// What comes of a login.
#[derive(Debug)]
pub enum Ending {
    /// It has been answered.
    Answered,
    /// It is answered when its penalty is over.
    Held(Box<Held>),
    /// The time to log in ends before the answer, which is never given.
    TooLate,
}

impl Held {
    /// Whether the answer ends the connection.
    pub fn closes(&self) -> bool {
        self.answer.closes()
    }

    /// The login has just been judged.
    pub fn begin(mut self, guest: &Guest, now: Moment, out: &mut Actions) -> Ending {
        let waited = self.penalty.is_some();
        let Penalty { wait, .. } = *self.penalty.get_or_insert_with(|| guest.doorman.penalty(now));
        if !waited && !wait.is_zero() {
            wait_for(wait.min(self.left(now)), out);
            return Ending::Held(Box::new(self));
        }
        self.settle(guest, now, out)
    }

    /// The penalty is over.
    pub fn settle(mut self, guest: &Guest, now: Moment, out: &mut Actions) -> Ending {
        let penalty = self.penalty.unwrap_or_default();
        let wait = match self.verdict {
            Verdict::Failed(login) => guest.doorman.failed(now, penalty, login).unwrap_or(self.delay),
            Verdict::Passed => {
                guest.doorman.passed(now, penalty);
                Duration::ZERO
            }
        };
        let left = self.left(now);
        if wait >= left || left.is_zero() {
            wait_for(left, out);
            return Ending::TooLate;
        }
        wait_for(wait, out);
        out.append(&mut self.answer);
        Ending::Answered
    }

    fn left(&self, now: Moment) -> Duration {
        self.until.map_or(Duration::MAX, |until| until.0.saturating_sub(now.0))
    }
}

/// Waits, where there is something to wait for.
fn wait_for(time: Duration, out: &mut Actions) {
    if !time.is_zero() {
        out.push(Action::Wait(time));
    }
}
