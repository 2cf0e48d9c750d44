//! What the imitated server's anvil counts: failed logins of an address, for IMAP, POP3 and submission together; how often a
//! user's mail is open to it; how many connections it has to SMTP. How it counts is `protocol::Failures`; here it is kept for
//! all addresses, bounded and forgotten in time. Not here: Honeypost's own limits (`listen.rs`).

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::Protocol;
use jiff::Timestamp;
use protocol::{AuthRules, Doorman, FailureQueue, Failures, Guest, Moment, Penalty};

/// Addresses whose failures are kept. What is over that is forgotten: it is guessed from so many that none gets slower.
const MOST_ADDRESSES: usize = 65_536;
/// Bits of an IPv6 address that count as one, as in Dovecot.
const IPV6_BITS: u32 = 48;

/// All that is counted.
#[derive(Debug)]
pub(crate) struct Penalties {
    rules: Option<AuthRules>,
    /// Whether failed logins make the next ones wait.
    slow: bool,
    /// The time of day at moment zero, since 1970.
    epoch: Duration,
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    failures: HashMap<IpAddr, Failures>,
    queue: FailureQueue,
    open: HashMap<Seat, usize>,
    connections: HashMap<(&'static str, IpAddr), usize>,
}

/// A user's mail that is open to an address.
type Seat = (Protocol, IpAddr, Vec<u8>);

impl Penalties {
    /// Nobody has failed yet. `now` is the time of day at moment zero; without `slow` failures make nobody wait longer.
    pub(crate) fn new(rules: Option<AuthRules>, slow: bool, now: Timestamp) -> Arc<Self> {
        let epoch = Duration::try_from(now.as_duration()).unwrap_or_default();
        Arc::new(Self { rules, slow, epoch, counted: Mutex::default() })
    }

    /// A peer that has come to the service of this name.
    pub(crate) fn guest(
        self: &Arc<Self>,
        protocol: Protocol,
        service: &'static str,
        address: IpAddr,
    ) -> Guest {
        let peer = Peer { penalties: Arc::clone(self), protocol, service, address, taken: Mutex::default() };
        Guest { doorman: Arc::new(peer), address: Some(address), host: None, luck: Some(rand::random()) }
    }

    fn time_of_day(&self, now: Moment) -> Duration {
        self.epoch.saturating_add(now.0)
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        // Every change under the lock is complete before anything can panic.
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    /// What is known of that address; room is made where there is none.
    fn failures(&mut self, rules: &AuthRules, address: IpAddr, second: u64) -> &mut Failures {
        if self.failures.len() >= MOST_ADDRESSES && !self.failures.contains_key(&address) {
            self.failures.retain(|_, failures| !failures.is_forgotten(rules, second));
            if self.failures.len() >= MOST_ADDRESSES {
                self.failures.clear();
            }
        }
        let failures = self.failures.entry(address).or_default();
        if failures.is_forgotten(rules, second) {
            *failures = Failures::default();
        }
        failures
    }
}

/// Whom Dovecot counts as one: an IPv4 address, an IPv6 /48.
fn source(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let rest = u128::BITS - IPV6_BITS;
            IpAddr::V6((address.to_bits() >> rest << rest).into())
        }
    }
}

/// One connection.
#[derive(Debug)]
struct Peer {
    penalties: Arc<Penalties>,
    protocol: Protocol,
    service: &'static str,
    address: IpAddr,
    taken: Mutex<Taken>,
}

/// What a connection gives back when it ends.
#[derive(Debug, Default)]
struct Taken {
    seat: Option<Seat>,
    connection: bool,
}

impl Doorman for Peer {
    fn penalty(&self, now: Moment) -> Penalty {
        let Some(rules) = self.penalties.rules.as_ref().filter(|_| self.penalties.slow) else {
            return Penalty::default();
        };
        let second = self.penalties.time_of_day(now).as_secs();
        let counted = self.penalties.lock();
        let known = counted.failures.get(&source(self.address));
        let known = known.filter(|failures| !failures.is_forgotten(rules, second));
        let count = known.map_or(0, |failures| failures.count(rules, second));
        Penalty { count, wait: rules.penalty(count) }
    }

    fn failed(&self, now: Moment, penalty: Penalty, login: Option<u64>) -> Option<Duration> {
        let rules = self.penalties.rules.as_ref()?;
        let time = self.penalties.time_of_day(now);
        let mut counted = self.penalties.lock();
        if self.penalties.slow {
            let failures = counted.failures(rules, source(self.address), time.as_secs());
            failures.fail(rules, time.as_secs(), penalty.count, login);
        }
        Some(counted.queue.due(rules, time))
    }

    fn passed(&self, now: Moment, penalty: Penalty) {
        let second = self.penalties.time_of_day(now).as_secs();
        if penalty.count > 0
            && let Some(failures) = self.penalties.lock().failures.get_mut(&source(self.address))
        {
            failures.pass(second);
        }
    }

    fn admit(&self, user: &[u8]) -> bool {
        let Some(rules) = &self.penalties.rules else { return true };
        let seat = (self.protocol, self.address, user.to_vec());
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counted = self.penalties.lock();
        let open = counted.open.entry(seat.clone()).or_default();
        if *open >= rules.user_connections {
            return false;
        }
        *open += 1;
        if let Some(before) = taken.seat.replace(seat) {
            give_back(&mut counted.open, &before);
        }
        true
    }

    fn connections(&self) -> usize {
        if self.penalties.rules.is_none() {
            return 0;
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counted = self.penalties.lock();
        let connections = counted.connections.entry((self.service, self.address)).or_default();
        *connections += usize::from(!std::mem::replace(&mut taken.connection, true));
        *connections
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let taken = self.taken.get_mut().unwrap_or_else(PoisonError::into_inner);
        if taken.seat.is_none() && !taken.connection {
            return;
        }
        let mut counted = self.penalties.lock();
        if let Some(seat) = &taken.seat {
            give_back(&mut counted.open, seat);
        }
        if taken.connection {
            give_back(&mut counted.connections, &(self.service, self.address));
        }
    }
}

fn give_back<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
