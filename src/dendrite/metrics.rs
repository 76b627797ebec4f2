//! A dendrite's counts as metrics.

use std::fmt;
use std::sync::Arc;

use super::counters::Counters;
use super::dialect::Dialect;
use crate::telemetry::{Collector, DescriptorEncoder, Labels, Sheet};

/// Reads a dendrite's counts at every scrape.
#[derive(Debug)]
pub(super) struct DendriteMetrics(pub(super) Arc<Counters>);

impl Collector for DendriteMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let seen = self.0.snapshot();
        let labels = |(synapse, dialect): &(&str, Dialect), outcome: &str| -> Labels {
            vec![
                ("synapse", (*synapse).to_owned()),
                ("dialect", dialect.name().to_owned()),
                ("outcome", outcome.to_owned()),
            ]
        };
        let rows = || {
            seen.iter().flat_map(|(key, tally)| {
                tally.outcomes.iter().map(move |(outcome, took)| (labels(key, outcome), took.clone()))
            })
        };
        let mut sheet = Sheet::from(encoder);
        sheet.counters(
            "neuron_dendrite_requests",
            "Requests to miners by outcome: answered, refused, timeout, unreachable, malformed, too_large, not_allowed",
            rows().map(|(labels, took)| (labels, took.count())),
        )?;
        sheet.histograms(
            "neuron_dendrite_request_seconds",
            "Time of requests to miners, from their turn to the last byte of the answer, or to the failure",
            rows(),
        )
    }
}
