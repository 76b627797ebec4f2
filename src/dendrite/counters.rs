//! What a dendrite has seen: counts and latencies per synapse, dialect and outcome.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::client::Failure;
use super::dialect::Dialect;

/// Upper bounds of the latency buckets, in milliseconds; one more bucket takes the rest.
pub const LATENCY_BOUNDS_MS: [f64; 12] =
    [1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1000.0, 5000.0, 15_000.0, 60_000.0];

/// The name of an answer among the outcomes; the others are those of [`Failure::kind`].
pub const ANSWERED: &str = "answered";

/// The counts of one synapse in one dialect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How often each outcome came; never zero.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Answers by latency; see [`LATENCY_BOUNDS_MS`].
    pub latency_counts: [u64; LATENCY_BOUNDS_MS.len() + 1],
    /// The latencies of all answers together.
    pub latency_total: Duration,
}

/// The counts of all synapses by name and dialect: as many as the program has synapse types, times two.
pub type Snapshot = BTreeMap<(&'static str, Dialect), Tally>;

/// The live counts.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<Snapshot>);

impl Counters {
    /// Counts one exchange; only answers enter the latencies.
    pub(super) fn count(&self, synapse: &'static str, dialect: Dialect, failure: Option<&Failure>, took: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = all.entry((synapse, dialect)).or_default();
        *tally.outcomes.entry(failure.map_or(ANSWERED, Failure::kind)).or_default() += 1;
        if failure.is_some() {
            return;
        }
        let ms = took.as_secs_f64() * 1000.0;
        let bucket = LATENCY_BOUNDS_MS.partition_point(|bound| *bound < ms);
        if let Some(count) = tally.latency_counts.get_mut(bucket) {
            *count += 1;
        }
        tally.latency_total = tally.latency_total.saturating_add(took);
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_failures_are_counted_apart() {
        let counters = Counters::default();
        counters.count("X", Dialect::Headers, None, Duration::from_millis(10));
        counters.count("X", Dialect::Headers, None, Duration::from_secs(3600));
        counters.count("X", Dialect::Headers, Some(&Failure::Timeout), Duration::from_secs(1));
        counters.count("X", Dialect::BtAuth, Some(&Failure::Timeout), Duration::from_secs(1));
        let snapshot = counters.snapshot();
        let tally = &snapshot[&("X", Dialect::Headers)];
        assert_eq!(tally.outcomes, BTreeMap::from([(ANSWERED, 2), ("timeout", 1)]));
        assert_eq!((tally.latency_counts[3], tally.latency_counts[LATENCY_BOUNDS_MS.len()]), (1, 1));
        assert_eq!(snapshot[&("X", Dialect::BtAuth)].latency_total, Duration::ZERO);
    }
}
