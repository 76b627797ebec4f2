//! Files of JSON lines: our own recordings, five-minute markets, questions of a benchmark.

use serde::Deserialize;

use super::super::Look;
use super::super::line::Line;
use super::super::recordings::{Entry, Found};
use super::{DAY_MS, day, probability};
use crate::market::asked::split_outcome;
use crate::units::UnixMs;

/// A market, a price or an outcome.
pub(in crate::market::tape) fn of_line(line: &str) -> Option<Entry> {
    let own = || serde_json::from_str::<Line>(line).ok().and_then(own_line);
    let up_down = || serde_json::from_str::<UpDownMarket>(line).ok().and_then(UpDownMarket::found);
    let question = || serde_json::from_str::<BenchQuestion>(line).ok().and_then(BenchQuestion::found);
    own().or_else(|| up_down().or_else(question).map(Entry::from))
}

/// A line of a [`super::Recorder`].
fn own_line(line: Line) -> Option<Entry> {
    let seen = line.seen;
    Some(match line {
        Line { event: Some(event), .. } => {
            let (text, outcome) = split_outcome(event.description.as_raw());
            let (question, rules) = text.split_once('\n').unwrap_or((text, ""));
            let mut found = Found::new(&event.id, question, outcome.unwrap_or("Yes"));
            found.rules = rules.to_owned();
            found.prices_of = event.key.0;
            found.provider = Some(event.provider);
            found.opens_at = Some(seen);
            found.cutoff = Some(event.cutoff);
            found.ends_at = event.ends_at;
            Entry::Own(Box::new(found))
        }
        Line { key: Some(key), price: Some(price), source, .. } => {
            Entry::Sourced(key, seen, price, source.unwrap_or_default())
        }
        Line { key: Some(key), outcome: Some(outcome), .. } => Entry::Outcome(key, seen, outcome),
        Line { key: Some(key), unpriced: true, .. } => Entry::Unpriced(key, seen),
        Line { key: Some(key), void: true, .. } => Entry::Void(key, seen),
        Line { look: Some(market), error, .. } => Entry::Look(market, Look { at: seen, failed: error }),
        _ => return None,
    })
}

/// A five-minute market with its outcome and no prices.
#[derive(Deserialize)]
struct UpDownMarket {
    condition_id: String,
    slug: String,
    start_sec: i64,
    end_sec: i64,
    resolved: bool,
    outcome_prices: [String; 2],
    #[serde(default)]
    raw: UpDownRaw,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct UpDownRaw {
    question: Option<String>,
    description: Option<String>,
}

impl UpDownMarket {
    fn found(self) -> Option<Found> {
        let question = self.raw.question.as_deref().unwrap_or(&self.slug);
        let mut found = Found::new(&self.condition_id, question, "Up");
        found.rules = self.raw.description.unwrap_or_default();
        found.opens_at = Some(UnixMs::from_secs(self.start_sec));
        found.ends_at = Some(UnixMs::from_secs(self.end_sec));
        if self.resolved {
            let [up, _] = &self.outcome_prices;
            found.settled = Some((None, probability(up.parse().ok()?)?));
        }
        Some(found)
    }
}

/// A question of a forecasting benchmark, with the crowd's value at a few dates.
#[derive(Deserialize)]
struct BenchQuestion {
    source: String,
    id: String,
    question: String,
    #[serde(default)]
    background: Option<String>,
    prices: Vec<BenchPrice>,
    resolved_date: String,
    resolved_to: f64,
}

#[derive(Deserialize)]
struct BenchPrice {
    t: String,
    p: f64,
}

impl BenchQuestion {
    fn found(self) -> Option<Found> {
        let mut found = Found::new(&self.id, &self.question, "Yes");
        if self.source != "polymarket" {
            found.id = format!("{}-{}", self.source, self.id);
        }
        found.rules = self.background.unwrap_or_default();
        found.ends_at = Some(day(&self.resolved_date)?.plus_ms(DAY_MS));
        found.settled = Some((None, probability(self.resolved_to)?));
        found.prices = self.prices.iter().filter_map(|price| Some((day(&price.t)?, probability(price.p)?))).collect();
        Some(found)
    }
}
