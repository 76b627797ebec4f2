//! Games of Azuro's subgraphs, in pages or one by one.

use serde_json::Value;

use super::super::recordings::{Entry, Found};
use super::DAY_MS;
use crate::market::azuro::past;

/// A game is shown for a day before its start, at the odds that were recorded.
pub(super) fn game(value: &Value) -> Option<Entry> {
    let past = past(value)?;
    let mut found = Found::new(&past.id, &past.question, &past.label);
    found.rules = past.rules;
    found.opens_at = Some(past.starts_at.plus_ms(-DAY_MS));
    found.ends_at = Some(past.starts_at);
    found.prices.extend(past.price.map(|price| (past.starts_at.plus_ms(-DAY_MS), price)));
    found.settled = past.settled;
    Some(found.into())
}
