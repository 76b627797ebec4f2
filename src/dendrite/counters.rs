//! What a dendrite has seen: counts and latencies per synapse, dialect and outcome.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::dialect::Dialect;
use super::failure::Failure;
use crate::telemetry::Histogram;

/// Upper bounds of the latency buckets, in milliseconds; one more bucket takes the rest.
pub const LATENCY_BOUNDS_MS: [f64; 12] =
    [1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1000.0, 5000.0, 15_000.0, 60_000.0];

/// The name of an answer among the outcomes; the others are those of [`Failure::kind`].
pub const ANSWERED: &str = "answered";

/// The counts of one synapse in one dialect.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// How long the exchanges took, by outcome; none is empty.
    pub outcomes: BTreeMap<&'static str, Histogram>,
}

impl Tally {
    /// How often this outcome came.
    #[must_use]
    pub fn count(&self, outcome: &str) -> u64 {
        self.outcomes.get(outcome).map_or(0, Histogram::count)
    }
}

/// The counts of all synapses by name and dialect: as many as the program has synapse types, times two.
pub type Snapshot = BTreeMap<(&'static str, Dialect), Tally>;

/// The live counts.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<Snapshot>);

impl Counters {
    /// Counts one exchange.
    pub(super) fn count(&self, synapse: &'static str, dialect: Dialect, failure: Option<&Failure>, took: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = all.entry((synapse, dialect)).or_default();
        let empty = || Histogram {
            bounds_ms: &LATENCY_BOUNDS_MS,
            counts: vec![0; LATENCY_BOUNDS_MS.len() + 1],
            total: Duration::ZERO,
        };
        let latency = tally.outcomes.entry(failure.map_or(ANSWERED, Failure::kind)).or_insert_with(empty);
        let ms = took.as_secs_f64() * 1000.0;
        let bucket = LATENCY_BOUNDS_MS.partition_point(|bound| *bound < ms);
        if let Some(count) = latency.counts.get_mut(bucket) {
            *count += 1;
        }
        latency.total = latency.total.saturating_add(took);
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
        assert_eq!((tally.count(ANSWERED), tally.count("timeout"), tally.count("refused")), (2, 1, 0));
        let answers = &tally.outcomes[ANSWERED];
        assert_eq!((answers.counts[3], answers.counts[LATENCY_BOUNDS_MS.len()]), (1, 1));
        let other = &snapshot[&("X", Dialect::BtAuth)];
        assert_eq!((other.count(ANSWERED), other.outcomes["timeout"].total), (0, Duration::from_secs(1)));
    }
}
