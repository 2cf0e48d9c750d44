//! What is kept, by source and in all: an index in memory of the files in `DATA_DIR/mail`, and room set aside for the
//! messages that are being taken in. Touches no file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::name::{Extent, Name};

/// What the disk is given out in.
const BLOCK: u64 = 4096;

/// What a message takes on the disk: whole blocks, and one for its sidecar.
pub(super) fn charge(size: u64) -> u64 {
    size.div_ceil(BLOCK).saturating_add(1).saturating_mul(BLOCK)
}

/// A quota without room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// That of the message's source.
    Source,
    /// That of all captured mail.
    Total,
}

/// One kept message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    /// Its name.
    pub(super) name: Name,
    /// How much of it there is.
    pub(super) extent: Extent,
    /// Who sent it.
    pub(super) source: IpAddr,
    /// What it takes on the disk.
    pub(super) octets: u64,
}

/// The index, with its limits.
#[derive(Debug)]
pub(super) struct Quota {
    per_source: u64,
    total: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What is kept and what is set aside.
    octets: u64,
    kept: BTreeMap<Name, Kept>,
    sources: HashMap<IpAddr, Usage>,
}

#[derive(Debug, Default)]
struct Usage {
    octets: u64,
    names: BTreeSet<Name>,
}

impl Quota {
    /// So much for one source, and so much for all.
    pub(super) fn new(per_source: u64, total: u64) -> Self {
        Self { per_source, total, state: Mutex::default() }
    }

    /// Adds a message that is on disk.
    pub(super) fn add(&self, kept: Kept) {
        let mut state = self.lock();
        state.take(kept.source, kept.octets);
        state.enter(kept);
    }

    /// Whether so much could ever be kept.
    pub(super) fn could_hold(&self, octets: u64) -> bool {
        octets <= self.per_source.min(self.total)
    }

    /// What is kept and set aside in all.
    pub(super) fn octets(&self) -> u64 {
        self.lock().octets
    }

    /// Takes the oldest message out, that source's or anybody's. Its files are the caller's to delete.
    pub(super) fn take_oldest(&self, source: Option<IpAddr>) -> Option<Kept> {
        let mut state = self.lock();
        let name = match source {
            Some(source) => state.sources.get(&source)?.names.first().copied()?,
            None => *state.kept.first_key_value()?.0,
        };
        state.leave(name)
    }

    /// Takes the oldest message out if it began before that time.
    pub(super) fn take_older(&self, than: Timestamp) -> Option<Kept> {
        let mut state = self.lock();
        let name = *state.kept.first_key_value()?.0;
        if name.began() >= than {
            return None;
        }
        state.leave(name)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, source: IpAddr, octets: u64) {
        self.octets = self.octets.saturating_add(octets);
        let usage = self.sources.entry(source).or_default();
        usage.octets = usage.octets.saturating_add(octets);
    }

    fn give_back(&mut self, source: IpAddr, octets: u64) {
        self.octets = self.octets.saturating_sub(octets);
        if let Some(usage) = self.sources.get_mut(&source) {
            usage.octets = usage.octets.saturating_sub(octets);
            if usage.octets == 0 && usage.names.is_empty() {
                self.sources.remove(&source);
            }
        }
    }

    fn enter(&mut self, kept: Kept) {
        self.kept.insert(kept.name, kept);
        self.sources.entry(kept.source).or_default().names.insert(kept.name);
    }

    fn leave(&mut self, name: Name) -> Option<Kept> {
        let kept = self.kept.remove(&name)?;
        if let Some(usage) = self.sources.get_mut(&kept.source) {
            usage.names.remove(&name);
        }
        self.give_back(kept.source, kept.octets);
        Some(kept)
    }
}

/// Room for a message that is being taken in; given back when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    quota: Arc<Quota>,
    source: IpAddr,
    octets: u64,
}

impl Reservation {
    /// No room yet.
    pub(super) fn new(quota: Arc<Quota>, source: IpAddr) -> Self {
        Self { quota, source, octets: 0 }
    }

    /// Sets aside so much in all, if there is room.
    pub(super) fn grow(&mut self, octets: u64) -> Result<(), Over> {
        let more = octets.saturating_sub(self.octets);
        let mut state = self.quota.lock();
        let used = state.sources.get(&self.source).map_or(0, |usage| usage.octets);
        if used.saturating_add(more) > self.quota.per_source {
            return Err(Over::Source);
        }
        if state.octets.saturating_add(more) > self.quota.total {
            return Err(Over::Total);
        }
        state.take(self.source, more);
        self.octets += more;
        Ok(())
    }

    /// The message is on disk: what was set aside is what it takes.
    pub(super) fn keep(mut self, name: Name, extent: Extent) {
        let octets = std::mem::take(&mut self.octets);
        self.quota.lock().enter(Kept { name, extent, source: self.source, octets });
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.octets > 0 {
            self.quota.lock().give_back(self.source, self.octets);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn source(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn name(second: i64) -> Name {
        Name::new(Timestamp::from_second(second).expect("in range"), Uuid::nil(), 1)
    }

    #[test]
    fn a_message_takes_blocks() {
        assert_eq!((charge(0), charge(1), charge(4096), charge(4097)), (4096, 8192, 8192, 12288));
        assert!(charge(u64::MAX) > u64::MAX / 2);
    }

    #[test]
    fn room_is_set_aside_kept_and_given_back() {
        let quota = Arc::new(Quota::new(100, 150));
        let mut one = Reservation::new(Arc::clone(&quota), source(1));
        assert_eq!(
            (one.grow(60), one.grow(40), one.grow(90), one.grow(101)),
            (Ok(()), Ok(()), Ok(()), Err(Over::Source))
        );
        let mut other = Reservation::new(Arc::clone(&quota), source(2));
        assert_eq!((other.grow(61), other.grow(60)), (Err(Over::Total), Ok(())));
        one.keep(name(1), Extent::Whole);
        drop(other);
        assert_eq!(quota.octets(), 90);
        assert_eq!(quota.take_oldest(Some(source(2))), None);
        assert_eq!(quota.take_oldest(Some(source(1))).map(|kept| kept.octets), Some(90));
        assert_eq!(quota.octets(), 0);
        assert!(quota.lock().sources.is_empty());
    }

    #[test]
    fn the_oldest_goes_first() {
        let quota = Quota::new(1000, 1000);
        for second in [5, 3, 4] {
            let source = source(u8::try_from(second % 2).expect("small"));
            quota.add(Kept { name: name(second), extent: Extent::Whole, source, octets: 10 });
        }
        assert_eq!(quota.take_oldest(Some(source(0))).map(|kept| kept.name), Some(name(4)));
        assert_eq!(quota.take_older(name(3).began()), None);
        assert_eq!(quota.take_older(name(4).began()).map(|kept| kept.name), Some(name(3)));
        assert_eq!(quota.take_oldest(None).map(|kept| kept.name), Some(name(5)));
    }
}
