//! An axon's counts as metrics.

use std::fmt;
use std::sync::Arc;

use super::counters::{Outcome, RouteSnapshot, Snapshot};
use super::node::Node;
use crate::telemetry::{Collector, DescriptorEncoder, Histogram, Labels, Sheet};

/// Reads an axon's counts at every scrape.
pub(super) struct AxonMetrics(pub(super) Arc<Node>);

impl fmt::Debug for AxonMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AxonMetrics")
    }
}

impl Collector for AxonMetrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        write(&self.0.snapshot(), &mut encoder.into())
    }
}

fn labels(row: &RouteSnapshot, outcome: Outcome) -> Labels {
    vec![
        ("synapse", row.synapse.to_owned()),
        ("dialect", row.dialect.name().to_owned()),
        ("outcome", outcome.name().to_owned()),
    ]
}

fn write(seen: &Snapshot, sheet: &mut Sheet<'_>) -> fmt::Result {
    let rows = || {
        let of = |row| move |(outcome, took): &(Outcome, Histogram)| (labels(row, *outcome), took.clone());
        seen.routes.iter().flat_map(move |row| row.outcomes.iter().map(of(row)))
    };
    sheet.counters(
        "neuron_axon_requests",
        "Requests for a synapse by outcome: answered, or the check that refused",
        rows().map(|(labels, took)| (labels, took.count())),
    )?;
    let strays = seen.strays.iter().map(|(rung, count)| (vec![("outcome", rung.name().to_owned())], *count));
    sheet.counters("neuron_axon_strays", "Requests refused before a synapse was known, by check", strays)?;
    sheet.histograms("neuron_axon_request_seconds", "Time of requests, from their head to their end", rows())?;
    let callers = seen.unauthenticated_bodies.iter();
    sheet.counters(
        "neuron_axon_unauthenticated_bodies",
        "Requests whose signature does not cover their body, by caller",
        callers.map(|(hotkey, count)| (vec![("hotkey", hotkey.to_string())], *count)),
    )?;
    sheet.counter("neuron_axon_connections_accepted", "Connections accepted", seen.accepted)?;
    sheet.counter(
        "neuron_axon_connections_refused",
        "Connections refused because there were too many",
        seen.no_room,
    )?;
    sheet.counter("neuron_axon_connections_broken", "Connections that ended by a fault of the caller", seen.broken)?;
    sheet.counter("neuron_axon_streams_cut", "Streams cut before their end", seen.streams_cut)?;
    for (name, help, value) in [
        ("neuron_axon_connections_open", "Open connections", seen.now.connections),
        ("neuron_axon_handlers_running", "Handlers and streams that are running", seen.now.running),
        ("neuron_axon_requests_waiting", "Requests that wait for a handler", seen.now.waiting),
        ("neuron_axon_nonces_remembered", "Nonces remembered against replay", seen.now.nonces),
        ("neuron_axon_callers_remembered", "Hotkeys that these nonces belong to", seen.now.callers),
    ] {
        sheet.gauge(name, help, value as f64)?;
    }
    Ok(())
}
