//! What Honeypost counts, for Prometheus. Off unless `metrics.listen` says where it is asked for.
//!
//! [`Meter`] stands between the sessions and the store and counts what passes; what others count anyway is read when
//! somebody asks. No label ever holds what a peer has sent. `docs/metrics.md` is the page for operators.
//!
//! Read `meter.rs`, then `tally.rs` and `latency.rs`; `readings.rs` and `process.rs` read; `server.rs` answers.

mod latency;
mod meter;
mod process;
mod readings;
mod server;
mod tally;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use prometheus_client::encoding::text;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use store::Writer;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinError;

use self::latency::Latency;
use self::meter::{Meter, Waiting};
use self::readings::{Readings, StoreFigures};
pub(crate) use self::readings::{SinkFigures, of_sink};
use self::tally::Tally;
use crate::config::Config;
use crate::listen;
use crate::sinks::Archive;
use crate::start::StartError;

/// The setting that says where.
const KEY: &str = "metrics.listen";

/// The addresses where metrics are asked for, bound; none where they are off.
pub(crate) fn bind(config: &Config) -> Result<Vec<TcpListener>, StartError> {
    let bind = |address: &SocketAddr| {
        let listener =
            listen::bind(*address).map_err(|cause| StartError::bind(KEY, config, *address, cause))?;
        if !address.ip().to_canonical().is_loopback() {
            tracing::warn!(
                "{KEY} = \"{address}\": whoever reaches that address learns what this is; 127.0.0.1 is advised"
            );
        }
        Ok(listener)
    };
    config.metrics_listen().iter().map(bind).collect()
}

/// Everything that is counted, and who counts it elsewhere.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    tally: Arc<Tally>,
    latency: Latency,
    waiting: Arc<Waiting>,
    store: StoreFigures,
    turn: Arc<Semaphore>,
}

impl Metrics {
    /// Metrics of a server of that personality, its store and its sinks. Nothing where no address is bound for them.
    pub(crate) fn new(
        bound: &[TcpListener],
        personality: &str,
        writer: &Writer,
        spool_limit: u64,
        sinks: Vec<SinkFigures>,
    ) -> Option<Arc<Self>> {
        let store = StoreFigures { spool: writer.spool(), figures: writer.figures(), limit: spool_limit };
        (!bound.is_empty()).then(|| Arc::new(Self::of(personality, store, sinks)))
    }

    fn of(personality: &str, store: StoreFigures, sinks: Vec<SinkFigures>) -> Self {
        let mut registry = Registry::with_prefix("honeypost");
        registry.register(
            "build",
            "Which Honeypost this is",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        let tally = Arc::new(Tally::new(personality, &mut registry));
        let latency = Latency::new(&mut registry);
        let waiting = Arc::new(Waiting::new(&mut registry));
        registry.register_collector(Box::new(Readings::new(store.clone(), sinks)));
        Self { registry, tally, latency, waiting, store, turn: Arc::new(Semaphore::new(1)) }
    }

    /// The store, with everything counted that it takes.
    pub(crate) fn meter(&self, store: Box<dyn Archive>) -> Box<dyn Archive> {
        let (tally, waiting) = (Arc::clone(&self.tally), Arc::clone(&self.waiting));
        Box::new(Meter { store, tally, latency: self.latency.clone(), waiting })
    }

    /// Answers at these addresses until Honeypost ends.
    pub(crate) fn serve(self: &Arc<Self>, bound: Vec<TcpListener>, shutdown: &watch::Receiver<bool>) {
        for listener in bound {
            tokio::spawn(server::serve(listener, Arc::clone(self), shutdown.clone()));
        }
    }

    /// The text, made where reading files keeps no session waiting; one at a time, also of those who are gone by then.
    async fn written(self: Arc<Self>) -> Result<String, JoinError> {
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        let write = move || {
            let _turn = turn;
            self.text()
        };
        tokio::task::spawn_blocking(write).await
    }

    /// All of it as `OpenMetrics` text. Reads files of the system.
    fn text(&self) -> String {
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("writing to a string");
        text
    }

    /// Whether the store takes events: what was last offered it took, and it has room.
    fn takes_events(&self) -> bool {
        !self.waiting.refused() && self.store.has_room()
    }

    /// Octets that wait in the spool.
    fn backlog(&self) -> u64 {
        self.store.spool.pending()
    }
}
