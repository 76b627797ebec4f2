//! How streams went, by whom they came from: time to the first chunk, gaps, tokens a second, and how they ended.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::telemetry::{Labels, Sheet, Tally};

const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0];
const RATES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 10_000.0];

/// One stream that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// When each chunk came, from the beginning.
    pub chunks: Vec<Duration>,
    /// Tokens in all.
    pub tokens: u64,
    /// How it ended, in a word.
    pub ended: &'static str,
}

/// Counts streams by a label: a backend's name, a miner's slot.
#[derive(Debug)]
pub struct Meter {
    /// Of the metrics: `neuron_miner`, `neuron_validator`.
    prefix: &'static str,
    label: &'static str,
    rows: Mutex<BTreeMap<String, Row>>,
}

#[derive(Debug)]
struct Row {
    first: Tally,
    gaps: Tally,
    rates: Tally,
    chunks: u64,
    tokens: u64,
    ended: BTreeMap<&'static str, u64>,
}

impl Default for Row {
    fn default() -> Self {
        let (first, gaps, rates) = (Tally::new(SECONDS), Tally::new(SECONDS), Tally::new(RATES));
        Self { first, gaps, rates, chunks: 0, tokens: 0, ended: BTreeMap::new() }
    }
}

impl Meter {
    /// Nothing counted yet.
    #[must_use]
    pub const fn new(prefix: &'static str, label: &'static str) -> Self {
        Self { prefix, label, rows: Mutex::new(BTreeMap::new()) }
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<String, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a stream of `whose`.
    pub fn add(&self, whose: &str, course: &Course) {
        let mut rows = self.rows();
        let row = rows.entry(whose.to_owned()).or_default();
        *row.ended.entry(course.ended).or_default() += 1;
        row.chunks += course.chunks.len() as u64;
        row.tokens += course.tokens;
        let Some(first) = course.chunks.first() else { return };
        row.first.add(first.as_secs_f64());
        for (before, after) in course.chunks.iter().zip(course.chunks.iter().skip(1)) {
            row.gaps.add(after.saturating_sub(*before).as_secs_f64());
        }
        if let Some(last) = course.chunks.last().filter(|last| !last.is_zero()) {
            row.rates.add(course.tokens as f64 / last.as_secs_f64());
        }
    }

    /// Streams that are over, and of them those that came to a proper end.
    #[must_use]
    pub fn ended(&self) -> (u64, u64) {
        let rows = self.rows();
        let count = |wanted: fn(&str) -> bool| {
            rows.values().flat_map(|row| &row.ended).filter(|(how, _)| wanted(how)).map(|(_, count)| count).sum()
        };
        (count(|_| true), count(|how| how == "complete"))
    }

    /// Everything as metrics.
    ///
    /// # Errors
    /// The page cannot be written.
    pub fn write(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let rows = self.rows();
        let name = |what: &str| format!("{}_stream_{what}", self.prefix);
        let label = |whose: &String| -> Labels { vec![(self.label, whose.clone())] };
        let tallies = |of: fn(&Row) -> &Tally| -> Vec<_> {
            rows.iter().map(|(whose, row)| (label(whose), of(row).clone())).collect()
        };
        sheet.tallies(&name("first_chunk_seconds"), "Time to the first chunk", tallies(|row| &row.first))?;
        sheet.tallies(&name("gap_seconds"), "Time between two chunks", tallies(|row| &row.gaps))?;
        sheet.tallies(&name("tokens_per_second"), "Tokens a second, to the last chunk", tallies(|row| &row.rates))?;
        let counts =
            |of: fn(&Row) -> u64| -> Vec<_> { rows.iter().map(|(whose, row)| (label(whose), of(row))).collect() };
        sheet.counters(&name("chunks"), "Chunks", counts(|row| row.chunks))?;
        sheet.counters(&name("tokens"), "Tokens, as estimated", counts(|row| row.tokens))?;
        let ends = rows.iter().flat_map(|(whose, row)| {
            row.ended
                .iter()
                .map(move |(how, count)| (vec![(self.label, whose.clone()), ("how", (*how).to_owned())], *count))
        });
        sheet.counters(&name("ends"), "Streams that have ended, by how they ended", ends.collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Gauges, Registry};

    #[test]
    fn streams_are_counted_by_whose_they_are() {
        let meter = std::sync::Arc::new(Meter::new("tide", "backend"));
        let ms = |times: &[u64]| times.iter().map(|ms| Duration::from_millis(*ms)).collect();
        meter.add("echo", &Course { chunks: ms(&[20, 40, 1000]), tokens: 30, ended: "complete" });
        meter.add("echo", &Course { chunks: Vec::new(), tokens: 0, ended: "late" });
        assert_eq!(meter.ended(), (2, 1));
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Gauges(move |sheet: &mut Sheet<'_>| meter.write(sheet))));
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
        for line in [
            "tide_stream_first_chunk_seconds_bucket{le=\"0.025\",backend=\"echo\"} 1",
            "tide_stream_gap_seconds_count{backend=\"echo\"} 2",
            "tide_stream_tokens_per_second_sum{backend=\"echo\"} 30",
            "tide_stream_ends_total{backend=\"echo\",how=\"late\"} 1",
        ] {
            assert!(page.contains(line), "{line}\n{page}");
        }
    }
}
