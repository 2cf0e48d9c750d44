//! Worlds: what each visitor has changed, shared by all sessions of that visitor.
//!
//! A world that nobody has changed is forgotten with its last session. Others are kept for as long as a session has them open
//! and for `visitors.keep` after. There are two bounds, and at both the worlds go that were used longest ago and that no
//! session has open: their number, and the octets of all of them. Where all are in use, the first bound is not held (the
//! limit on connections is), and at the second nothing more can be added: mailboxes are full.

use std::net::IpAddr;
use std::sync::{Arc, Weak};

use bait::World;
use jiff::Timestamp;
use protocol::{Home, SharedWorld, Worlds};

use super::{Bell, Guest, Known, Visitor, Visitors};

/// Worlds of all visitors.
pub(super) const MOST_WORLDS: usize = 4096;
/// Octets of what is added in all worlds.
pub(super) const MOST_WORLD_OCTETS: usize = 64 << 20;
/// Beyond so many octets, worlds that are not used begin to go.
const MANY_WORLD_OCTETS: usize = MOST_WORLD_OCTETS / 4 * 3;

/// A world that is remembered.
pub(super) struct Kept {
    /// The account; `None` for the world of one session.
    account: Option<Box<[u8]>>,
    pub(super) world: Arc<SharedWorld>,
    /// When the last session that had it open ended; the end of time while one has.
    last: Timestamp,
}

impl Kept {
    fn is_open(&self) -> bool {
        Arc::strong_count(&self.world) > 1
    }
}

/// What a world knows of where it is kept.
struct Hearth {
    visitors: Weak<Visitors>,
    source: IpAddr,
    bell: Arc<Bell>,
}

impl Home for Hearth {
    fn fresh(&self) -> World {
        let Some(visitors) = self.visitors.upgrade() else { return World::default() };
        let mut world = World::of(&visitors.base, Arc::clone(&visitors.budget));
        let own = |known: &Known| Some(Arc::clone(&known.visitors.get(&self.source)?.own.as_ref()?.mail));
        let mail = own(&visitors.lock());
        if let Some(mail) = mail {
            world.arrive(&mail);
        }
        world
    }

    fn changed(&self) {
        // The session that has changed it knows.
        if self.bell.listeners.load(std::sync::atomic::Ordering::Relaxed) > 1 {
            self.bell.ring();
        }
        if let Some(visitors) = self.visitors.upgrade()
            && visitors.budget.used() > MANY_WORLD_OCTETS
        {
            visitors.make_room(&mut visitors.lock());
        }
    }
}

impl Worlds for Guest {
    fn enter(&self, account: Option<&[u8]>) -> Arc<SharedWorld> {
        let mut known = self.visitors.lock();
        let Known { visitors, worlds, .. } = &mut *known;
        let visitor = visitors.entry(self.source).or_default();
        let same = |kept: &Kept| account.is_some() && kept.account.as_deref() == account;
        if let Some(kept) = visitor.worlds.iter_mut().find(|kept| same(kept)) {
            kept.last = Timestamp::MAX;
            return Arc::clone(&kept.world);
        }
        let (visitors, bell) = (Arc::downgrade(&self.visitors), Arc::clone(&self.bell));
        let world = Arc::new(SharedWorld::new(Box::new(Hearth { visitors, source: self.source, bell })));
        let account = account.map(Box::from);
        visitor.worlds.push(Kept { account, world: Arc::clone(&world), last: Timestamp::MAX });
        *worlds += 1;
        self.visitors.make_room(&mut known);
        world
    }
}

impl Visitors {
    /// A session ends.
    pub(super) fn leave(&self, source: IpAddr, now: Timestamp) {
        let mut known = self.lock();
        let Known { visitors, worlds, .. } = &mut *known;
        let Some(visitor) = visitors.get_mut(&source) else { return };
        visitor.visits = visitor.visits.saturating_sub(1);
        let before = visitor.worlds.len();
        visitor.worlds.retain_mut(|kept| {
            if !kept.is_open() {
                kept.last = kept.last.min(now);
            }
            kept.is_open() || (kept.account.is_some() && kept.world.is_changed())
        });
        *worlds -= before - visitor.worlds.len();
        if visitor.is_forgotten() {
            visitors.remove(&source);
        }
    }

    /// Lets worlds go where there are too many or where they are too large: a sixteenth more than needed, so that this is
    /// rarely done.
    fn make_room(&self, known: &mut Known) {
        let fits = |known: &Known| known.worlds <= MOST_WORLDS && self.budget.used() <= MANY_WORLD_OCTETS;
        if fits(known) {
            return;
        }
        let unused = known.visitors.iter().flat_map(|(source, visitor)| {
            visitor.worlds.iter().filter(|kept| !kept.is_open()).map(|kept| (kept.last, *source))
        });
        let mut unused: Vec<(Timestamp, IpAddr)> = unused.collect();
        unused.sort_unstable();
        for (count, (last, source)) in unused.into_iter().enumerate() {
            if fits(known) && count >= MOST_WORLDS / 16 {
                return;
            }
            known.forget_worlds(source, |kept| kept.last <= last);
        }
    }
}

impl Known {
    /// Lets the worlds go that were used last before this.
    pub(super) fn expire_worlds(&mut self, oldest: Timestamp) {
        let sources: Vec<IpAddr> = self.visitors.keys().copied().collect();
        for source in sources {
            self.forget_worlds(source, |kept| kept.last < oldest);
        }
    }

    /// Lets worlds of a source go that no session has open.
    fn forget_worlds(&mut self, source: IpAddr, which: impl Fn(&Kept) -> bool) {
        let Some(visitor) = self.visitors.get_mut(&source) else { return };
        let before = visitor.worlds.len();
        visitor.worlds.retain(|kept| kept.is_open() || !which(kept));
        self.worlds -= before - visitor.worlds.len();
        if visitor.is_forgotten() {
            self.visitors.remove(&source);
        }
    }
}

impl Visitor {
    /// Whether there is nothing to remember.
    fn is_forgotten(&self) -> bool {
        self.visits == 0 && self.own.is_none() && self.worlds.is_empty()
    }
}

#[cfg(test)]
mod tests;
