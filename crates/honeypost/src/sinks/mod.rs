//! Where events go. The store is the one that must have every event; what comes beside it may lose some and says so.
//!
//! A further sink is one file here and one line in [`secondary`].

mod decnet;
mod outlet;
mod store;

use std::io;
use std::time::Duration;

use ::store::{Piece, Trail};
use event::{Protocol, Record};
use uuid::Uuid;

pub(crate) use self::outlet::Ending;
pub(crate) use self::store::StoreSink;
use crate::config::{Config, LogFormat};

/// Takes events. Called from the connections' own tasks: quick, and never waiting for anything outside the machine.
pub(crate) trait Sink: Send + Sync {
    /// Takes all of these events, in order, or none of them.
    fn offer(&self, batch: &[Record]) -> Result<(), NotNow>;
}

/// The store, as sessions see it: it takes everything, or they wait.
pub(crate) trait Archive: Send + Sync {
    /// Keeps events of a session and stretches of its wire record, all or none; the first of all are events. What is kept
    /// survives the end of this process.
    fn keep(
        &self,
        session: Uuid,
        trail: &mut Trail,
        records: &[Record],
        wire: &[Piece],
    ) -> Result<(), NotNow>;

    /// Hears that a session has waited for it so long, again and again while it waits.
    fn waited(&self, _time: Duration) {}

    /// Hears of events that it has refused and that nobody offers again.
    fn lost(&self, _records: &[Record]) {}
}

/// A sink cannot take events at the moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotNow(pub(crate) String);

/// The sinks beside the store.
#[derive(Default)]
pub(crate) struct Secondary {
    /// Each of them.
    pub(crate) sinks: Vec<Box<dyn Sink>>,
    /// What tells that they have written everything, once they are dropped.
    pub(crate) endings: Vec<Ending>,
}

/// Opens the sinks beside the store; `served` are the protocols that are served.
pub(crate) fn secondary(config: &Config, served: &[Protocol]) -> io::Result<Secondary> {
    match config.log_format() {
        LogFormat::Human => Ok(Secondary::default()),
        LogFormat::Decnet => {
            let (sink, ending) = decnet::to_standard_output(config, served)?;
            Ok(Secondary { sinks: vec![Box::new(sink)], endings: vec![ending] })
        }
    }
}
