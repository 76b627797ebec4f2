//! Market objects of the order-book API, in pages or one by one.

use serde::Deserialize;
use serde_json::Value;

use super::super::recordings::{Entry, Found};
use super::{DAY_MS, probability, timestamp};
use crate::units::Probability;

pub(super) fn market(value: &Value) -> Option<Entry> {
    BookMarket::deserialize(value).ok()?.found().map(Entry::from)
}

/// A market object of the order-book API: one price, of unknown time.
#[derive(Deserialize)]
struct BookMarket {
    condition_id: String,
    question: String,
    #[serde(default)]
    description: Option<String>,
    end_date_iso: Option<String>,
    #[serde(default)]
    accepting_order_timestamp: Option<String>,
    closed: bool,
    #[serde(default)]
    is_50_50_outcome: bool,
    tokens: [BookToken; 2],
}

#[derive(Deserialize)]
struct BookToken {
    outcome: String,
    price: f64,
    winner: bool,
}

impl BookMarket {
    fn found(self) -> Option<Found> {
        let [first, second] = self.tokens;
        if self.condition_id.is_empty() {
            return None;
        }
        let mut found = Found::new(&self.condition_id, &self.question, &first.outcome);
        found.outcomes[1] = second.outcome;
        found.rules = self.description.unwrap_or_default();
        found.ends_at = self.end_date_iso.as_deref().and_then(timestamp);
        found.opens_at = self.accepting_order_timestamp.as_deref().and_then(timestamp);
        found.settled = match (self.closed, first.winner, second.winner) {
            (true, true, false) => Some((None, Probability::ONE)),
            (true, false, true) => Some((None, Probability::ZERO)),
            (true, false, false) if self.is_50_50_outcome => Some((None, Probability::new(0.5).ok()?)),
            _ => None,
        };
        // The price of a closed market is its outcome, which nobody could trade at.
        if !self.closed {
            let opens_at = found.opens_at.or(found.ends_at.map(|end| end.plus_ms(-30 * DAY_MS)))?;
            found.prices.push((opens_at, probability(first.price)?));
        }
        Some(found)
    }
}
