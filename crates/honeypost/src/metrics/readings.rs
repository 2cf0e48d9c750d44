//! What is read when somebody asks: the store's own numbers, those of the sinks beside it, those of the process.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use store::{Figures, Spool};

use super::process;
use crate::sinks::{Count, Counters};

/// A sink's name, and what tells its numbers of now: one for each row of [`SINK`], in that order.
pub(crate) type SinkFigures = (&'static str, Box<dyn Fn() -> [u64; 6] + Send + Sync>);

/// What tells the numbers of a sink.
pub(crate) fn of_sink(counters: &Arc<Counters>) -> SinkFigures {
    let of = Arc::clone(counters);
    let tell = move || {
        [&of.offered, &of.delivered, &of.dropped, &of.skipped, &of.queued_events, &of.queued_octets]
            .map(Count::get)
    };
    (counters.name, Box::new(tell))
}

/// What is told of each sink beside the store.
const SINK: [(&str, &str, Option<Unit>, MetricType); 6] = [
    ("sink_offered_events", "Events that a sink was to take", None, MetricType::Counter),
    ("sink_delivered_events", "Events that a sink has written or sent", None, MetricType::Counter),
    ("sink_dropped_events", "Events that a sink has left out; the store has them", None, MetricType::Counter),
    ("sink_skipped_events", "Events that a sink's configuration does not want", None, MetricType::Counter),
    ("sink_queue_events", "Events that wait for a sink", None, MetricType::Gauge),
    ("sink_queue", "Octets of the events that wait for a sink", Some(Unit::Bytes), MetricType::Gauge),
];

/// Where the store's numbers are.
#[derive(Debug, Clone)]
pub(super) struct StoreFigures {
    pub(super) spool: Arc<Spool>,
    pub(super) figures: Arc<Figures>,
    /// Octets in the spool from which on it takes nothing.
    pub(super) limit: u64,
}

impl StoreFigures {
    pub(super) fn has_room(&self) -> bool {
        self.spool.pending() < self.limit
    }
}

/// All that is read.
pub(super) struct Readings {
    store: StoreFigures,
    sinks: Vec<SinkFigures>,
    begun: f64,
}

impl Readings {
    pub(super) fn new(store: StoreFigures, sinks: Vec<SinkFigures>) -> Self {
        let begun =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        Self { store, sinks, begun }
    }

    fn store(&self, page: &mut Page<'_>) -> fmt::Result {
        let Figures { database_octets, wire_octets, deleted_sessions, deleted_events, deleted_wire_octets } =
            &*self.store.figures;
        let bytes = Some(&Unit::Bytes);
        let backlog = self.store.spool.pending();
        page.gauge("store_backlog", "Octets in the spool that are not in the database yet", bytes, backlog)?;
        page.gauge(
            "store_backlog_limit",
            "Octets in the spool at which sessions wait",
            bytes,
            self.store.limit,
        )?;
        let read = |number: &std::sync::atomic::AtomicU64| number.load(Ordering::Relaxed);
        page.gauge("store_database", "Octets of the database that are in use", bytes, read(database_octets))?;
        page.gauge("store_wire", "Octets of wire records, compressed, in it", bytes, read(wire_octets))?;
        let deleted = "Sessions deleted because of their age or the database's size";
        page.counter("store_deleted_sessions", deleted, None, read(deleted_sessions))?;
        page.counter(
            "store_deleted_events",
            "Events deleted with their sessions",
            None,
            read(deleted_events),
        )?;
        let deleted = "Octets of wire records deleted, with their sessions or before them";
        page.counter("store_deleted_wire", deleted, bytes, read(deleted_wire_octets))
    }

    fn sinks(&self, page: &mut Page<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.sinks.iter().map(|(name, read)| (*name, read())).collect();
        for (position, (name, help, unit, kind)) in SINK.iter().enumerate() {
            let mut family = page.0.encode_descriptor(name, &sentence(help), unit.as_ref(), *kind)?;
            for (sink, numbers) in &numbers {
                let number = numbers.get(position).copied().unwrap_or_default();
                let labels = [("sink", *sink)];
                let series = family.encode_family(&labels)?;
                match kind {
                    MetricType::Counter => ConstCounter::new(number).encode(series)?,
                    _ => ConstGauge::new(number).encode(series)?,
                }
            }
        }
        Ok(())
    }

    fn process(&self, page: &mut Page<'_>) -> fmt::Result {
        let (bytes, seconds) = (Some(&Unit::Bytes), Some(&Unit::Seconds));
        if let Some(octets) = process::resident_memory() {
            page.gauge("process_resident_memory", "Memory in use", bytes, octets)?;
        }
        if let Some(open) = process::open_descriptors() {
            page.gauge("process_open_fds", "Open file descriptors", None, open)?;
        }
        if let Some(limit) = process::descriptor_limit() {
            page.gauge("process_max_fds", "How many the system lets the process open", None, limit)?;
        }
        page.counter("process_cpu", "Processor time used", seconds, process::processor_time())?;
        page.gauge("process_start_time", "When it began, in Unix time", seconds, self.begun)
    }
}

impl Collector for Readings {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let mut page = Page(encoder);
        self.store(&mut page)?;
        self.sinks(&mut page)?;
        self.process(&mut page)
    }
}

impl fmt::Debug for Readings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Readings").field("store", &self.store).finish_non_exhaustive()
    }
}

/// The page that is written.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn gauge<N>(&mut self, name: &str, help: &str, unit: Option<&Unit>, number: N) -> fmt::Result
    where
        ConstGauge<N>: EncodeMetric,
    {
        let gauge = ConstGauge::new(number);
        gauge.encode(self.0.encode_descriptor(name, &sentence(help), unit, MetricType::Gauge)?)
    }

    fn counter<N>(&mut self, name: &str, help: &str, unit: Option<&Unit>, number: N) -> fmt::Result
    where
        ConstCounter<N>: EncodeMetric,
    {
        let counter = ConstCounter::new(number);
        counter.encode(self.0.encode_descriptor(name, &sentence(help), unit, MetricType::Counter)?)
    }
}

/// As the registry writes its own.
fn sentence(help: &str) -> String {
    format!("{help}.")
}
