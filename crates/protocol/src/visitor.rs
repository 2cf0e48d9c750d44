//! The worlds of visitors, as sessions see them: all sessions of a visitor change the same one, each lent to one of them at a
//! time. Who counts as one visitor, who is woken by a change, and how long a world is kept, is the driver's to say.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bait::{Base, Corpus, World};

/// Where a session finds the world of an account, once it is logged in.
pub trait Worlds: Send + Sync {
    /// The world of this account, by its name as it is looked up; `None` for one that is this session's alone.
    fn enter(&self, account: Option<&[u8]>) -> Arc<SharedWorld>;
}

impl fmt::Debug for dyn Worlds + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Worlds")
    }
}

/// What a world has around it.
pub trait Home: Send + Sync {
    /// The world as it is at first. Called while nobody has it.
    fn fresh(&self) -> World;

    /// Something in it has changed. Called after it was given back.
    fn changed(&self) {}
}

/// One visitor's world.
pub struct SharedWorld {
    home: Box<dyn Home>,
    place: Mutex<Place>,
}

/// The world, while nobody has it.
#[derive(Debug, Default)]
struct Place {
    world: Option<Box<World>>,
    is_changed: bool,
}

impl SharedWorld {
    /// A world that is made when it is first used.
    pub fn new(home: Box<dyn Home>) -> Self {
        Self { home, place: Mutex::default() }
    }

    /// Lends it, to be given back changed or not. Others wait.
    pub fn lend<R>(&self, to: impl FnOnce(&mut Lent) -> R) -> R {
        // Where somebody panicked with it, it begins anew.
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let world = place.world.take().unwrap_or_else(|| Box::new(self.home.fresh()));
        let before = world.changes();
        let mut lent = Lent(Some(world));
        let result = to(&mut lent);
        let changed = lent.changes() != before;
        place.is_changed |= changed;
        place.world = lent.0;
        drop(place);
        if changed {
            self.home.changed();
        }
        result
    }

    /// Changes it, unless nobody has seen it yet.
    pub fn change(&self, change: impl FnOnce(&mut World)) {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let Place { world, is_changed } = &mut *place;
        if let Some(world) = world {
            let before = world.changes();
            change(world);
            *is_changed |= world.changes() != before;
        }
    }

    /// Whether it was ever changed. Waits for nobody: who has it may be changing it.
    pub fn is_changed(&self) -> bool {
        self.place.try_lock().map_or(true, |place| place.is_changed)
    }
}

impl fmt::Debug for SharedWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedWorld")
    }
}

/// A world that is lent; an empty one, where it is not.
#[derive(Debug, Default)]
pub struct Lent(Option<Box<World>>);

impl std::ops::Deref for Lent {
    type Target = World;

    fn deref(&self) -> &World {
        static NOTHING: std::sync::LazyLock<World> = std::sync::LazyLock::new(World::default);
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl std::ops::DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut World {
        self.0.get_or_insert_default()
    }
}

/// A peer who shares its worlds with no other connection.
pub struct Alone {
    base: Arc<Base>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// The mail with what has arrived.
    mail: Option<Arc<Corpus>>,
    worlds: Vec<Arc<SharedWorld>>,
}

impl Alone {
    /// A peer who sees this mail.
    pub fn new(corpus: &Corpus) -> Arc<Self> {
        Arc::new(Self { base: Arc::new(Base::new(corpus)), seen: Mutex::default() })
    }

    /// The mail has become this: what is new in it arrives.
    pub fn arrive(&self, mail: Arc<Corpus>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for world in &seen.worlds {
            world.change(|world| world.arrive(&mail));
        }
        seen.mail = Some(mail);
    }
}

impl Worlds for Alone {
    fn enter(&self, _: Option<&[u8]>) -> Arc<SharedWorld> {
        let world = Arc::new(SharedWorld::new(Box::new(Arc::clone(&self.base))));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mail) = &seen.mail {
            world.lend(|world| world.arrive(mail));
        }
        seen.worlds.push(Arc::clone(&world));
        world
    }
}

impl Home for Arc<Base> {
    fn fresh(&self) -> World {
        World::of(self, Arc::default())
    }
}
