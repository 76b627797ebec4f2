//! A dendrite's counts as metrics.

use std::fmt;
use std::sync::Arc;

use super::counters::{Counters, LATENCY_BOUNDS_MS, Tally};
use super::dialect::Dialect;
use crate::telemetry::{Collector, DescriptorEncoder, Histogram, Labels, Sheet};

/// Reads a dendrite's counts at every scrape.
#[derive(Debug)]
pub(super) struct DendriteMetrics(pub(super) Arc<Counters>);

impl Collector for DendriteMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let seen = self.0.snapshot();
        let labels = |(synapse, dialect): &(&str, Dialect)| -> Labels {
            vec![("synapse", (*synapse).to_owned()), ("dialect", dialect.name().to_owned())]
        };
        let mut sheet = Sheet::from(encoder);
        let requests = seen.iter().flat_map(|(key, tally)| {
            let row = move |outcome: &str| [labels(key), vec![("outcome", outcome.to_owned())]].concat();
            tally.outcomes.iter().map(move |(outcome, count)| (row(outcome), *count))
        });
        sheet.counters(
            "neuron_dendrite_requests",
            "Questions by outcome: answered, refused, timeout, unreachable, malformed, too_large, not_allowed",
            requests,
        )?;
        let latency = |tally: &Tally| Histogram {
            bounds_ms: &LATENCY_BOUNDS_MS,
            counts: tally.latency_counts.to_vec(),
            total: tally.latency_total,
        };
        sheet.histograms(
            "neuron_dendrite_answer_seconds",
            "Time of answers, from their turn to their last byte",
            seen.iter().map(|(key, tally)| (labels(key), latency(tally))),
        )
    }
}
