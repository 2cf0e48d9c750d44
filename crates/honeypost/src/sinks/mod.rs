//! Where events go. The store is the one that must have every event; what comes beside it may lose some and says so.
//!
//! A further sink is one file here, which opens it if the configuration asks for it, and one line in [`BESIDE`]. What it
//! writes through is `outlet.rs` (a stream, with gaps told in it) or `worker.rs` (whatever has to be tried again).

mod counters;
mod decnet;
mod file;
mod guard;
mod lines;
mod outlet;
mod queue;
mod store;
mod syslog;
#[cfg(test)]
mod testing;
mod tls;
mod webhook;
mod worker;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::store::{Piece, Trail};
use event::{Protocol, Record};
use uuid::Uuid;

pub(crate) use self::counters::{Count, Counters};
use self::guard::Guard;
pub(crate) use self::outlet::Ending;
pub(crate) use self::store::StoreSink;
use crate::config::{Config, ConfigError, LogFormat};
use crate::reload::Reload;

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
    /// What each has done so far.
    pub(crate) counters: Vec<Arc<Counters>>,
}

/// A sink beside the store, opened.
pub(crate) struct Opened {
    sink: Box<dyn Sink>,
    ending: Ending,
    counters: Arc<Counters>,
    /// Opens its file anew, where it has one.
    reopen: Option<Box<dyn Fn() + Send + Sync>>,
}

/// Opens one kind of sink.
type Open = fn(&Config, &[Protocol]) -> Result<Option<Opened>, SinkError>;

/// Every kind of sink beside the store, and how one is opened: nothing where the configuration does not ask for it.
const BESIDE: &[Open] = &[decnet::open, lines::jsonl, lines::ecs, syslog::open, webhook::open];

/// Why a sink cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SinkError {
    /// The configuration is wrong, or what it names.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The machine has no thread or no descriptor left.
    #[error("opening a sink beside the store: {0}")]
    Machine(#[from] io::Error),
}

/// Looks at what the configuration says about sinks. Opens nothing, changes nothing.
pub(crate) fn check(config: &Config) -> Result<(), ConfigError> {
    lines::JSONL.check(config)?;
    lines::ECS.check(config)?;
    syslog::check(config)?;
    webhook::check(config)
}

/// Whether a sink writes to standard output, so that nothing else may.
pub(crate) fn takes_standard_output(config: &Config) -> bool {
    config.log_format() == LogFormat::Decnet
        || lines::JSONL.to_standard_output(config)
        || lines::ECS.to_standard_output(config)
}

/// Opens the sinks beside the store; `served` are the protocols that are served.
pub(crate) fn secondary(
    config: &Config,
    served: &[Protocol],
    reload: &mut Reload,
) -> Result<Secondary, SinkError> {
    let mut secondary = Secondary::default();
    for open in BESIDE {
        let Some(Opened { sink, ending, counters, reopen }) = open(config, served)? else { continue };
        if let Some(reopen) = reopen {
            reload.add(reopen);
        }
        let guard = Guard { sink, counters: Arc::clone(&counters), complaint: Mutex::default() };
        secondary.sinks.push(Box::new(guard));
        secondary.endings.push(ending);
        secondary.counters.push(counters);
    }
    Ok(secondary)
}
