//! How much memory all worlds together may take.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::world::Full;

/// Octets that many worlds share.
#[derive(Debug)]
pub struct Budget {
    used: AtomicUsize,
    most: usize,
}

impl Default for Budget {
    /// No limit.
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

impl Budget {
    /// So many octets, none of them taken.
    pub const fn new(most: usize) -> Self {
        Self { used: AtomicUsize::new(0), most }
    }

    /// Octets taken.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes octets, all or none.
    pub(crate) fn take(&self, octets: usize) -> Result<(), Full> {
        let more = |used: usize| used.checked_add(octets).filter(|used| *used <= self.most);
        let taken = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.map(|_| ()).map_err(|_| Full)
    }

    /// Gives octets back that were taken.
    pub(crate) fn give(&self, octets: usize) {
        self.used.fetch_sub(octets, Ordering::Relaxed);
    }
}
