//! Where events go. The store is the one that must have every event; what comes beside it may lose some and says so.
//!
//! A further sink is one file here and one line in [`secondary`].

mod store;

use event::Record;

pub(crate) use self::store::StoreSink;

/// Takes events. Called from the connections' own tasks: quick, and never waiting for anything outside the machine.
pub(crate) trait Sink: Send + Sync {
    /// Takes all of these events, in order, or none of them.
    fn offer(&self, batch: &[Record]) -> Result<(), NotNow>;
}

/// A sink cannot take events at the moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotNow(pub(crate) String);

/// The sinks beside the store.
pub(crate) fn secondary() -> Vec<Box<dyn Sink>> {
    Vec::new()
}
