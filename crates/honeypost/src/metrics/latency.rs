//! How long the store takes to take something: a histogram of atomic numbers.
//!
//! The library's own takes a lock at each observation, and all sessions pass here.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

/// The buckets' upper bounds in microseconds; one more is without a bound.
const BOUNDS: [u32; 17] = [
    5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000,
];

/// The histogram; clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct Latency(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    buckets: [AtomicU64; BOUNDS.len()],
    beyond: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Latency {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let latency = Self::default();
        let help = "Time that the store took to take what a session appended, where it did";
        registry.register_with_unit("store_append", help, Unit::Seconds, latency.clone());
        latency
    }

    pub(super) fn observe(&self, time: Duration) {
        let fits = BOUNDS.iter().position(|bound| time <= Duration::from_micros(u64::from(*bound)));
        let bucket = fits.and_then(|position| self.0.buckets.get(position)).unwrap_or(&self.0.beyond);
        bucket.fetch_add(1, Ordering::Relaxed);
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

impl EncodeMetric for Latency {
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), fmt::Error> {
        let bounds = BOUNDS.iter().map(|bound| f64::from(*bound) / 1e6).chain([f64::INFINITY]);
        let counts = self.0.buckets.iter().chain([&self.0.beyond]);
        let buckets: Vec<(f64, u64)> =
            bounds.zip(counts.map(|count| count.load(Ordering::Relaxed))).collect();
        // Of the same reading: a histogram whose count is not its last bucket is refused.
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = Duration::from_nanos(self.0.nanoseconds.load(Ordering::Relaxed)).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;

    use super::*;

    #[test]
    fn each_observation_is_in_its_bucket_and_those_above() {
        let mut registry = Registry::default();
        let latency = Latency::new(&mut registry);
        for microseconds in [1, 5, 6, 999_999, 1_000_000, 1_000_001, 3_000_000] {
            latency.observe(Duration::from_micros(microseconds));
        }
        let mut page = String::new();
        text::encode(&mut page, &registry).expect("writing to a string");
        let value = |sample: &str| {
            let line = page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
            line.unwrap_or_else(|| panic!("no {sample} in\n{page}")).parse::<f64>().expect("a number")
        };
        let counts = ["0.000005", "0.00001", "0.5", "1.0", "+Inf"]
            .map(|bound| value(&format!("store_append_seconds_bucket{{le=\"{bound}\"}}")).to_string());
        assert_eq!(counts, ["2", "3", "3", "5", "7"]);
        assert_eq!(value("store_append_seconds_count").to_string(), "7");
        assert!((value("store_append_seconds_sum") - 6.000_012).abs() < 1e-9);
    }
}
