//! Weights handed to the chain.

use serde::Serialize;

use super::error::Fault;
use crate::units::{BlockNumber, UnixMs};
use rusqlite::{Connection, Transaction, params};

/// A set of weights sent to the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WeightSet {
    /// When.
    pub at: UnixMs,
    /// The block of inclusion, or at which it was tried.
    pub block: BlockNumber,
    /// What became of it, in a word: `included`, `refused: …`.
    pub outcome: String,
    /// The numbers sent, by uid.
    pub weights: Vec<(u16, u16)>,
}

pub(super) fn record(transaction: &Transaction<'_>, set: &WeightSet) -> Result<(), Fault> {
    let weights = serde_json::to_string(&set.weights).map_err(|e| Fault::Damaged(e.to_string()))?;
    let block = i64::try_from(set.block).unwrap_or(i64::MAX);
    transaction.execute(
        "INSERT OR REPLACE INTO weight_sets (at, block, outcome, weights) VALUES (?1, ?2, ?3, ?4)",
        params![set.at.0, block, set.outcome, weights],
    )?;
    Ok(())
}

pub(super) fn last(connection: &Connection) -> Result<Option<WeightSet>, Fault> {
    let mut query =
        connection.prepare_cached("SELECT at, block, outcome, weights FROM weight_sets ORDER BY at DESC LIMIT 1")?;
    let mut rows = query.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let text: String = row.get(3)?;
    let weights = serde_json::from_str(&text).map_err(|e| Fault::Damaged(format!("weight_sets.weights: {e}")))?;
    let block = row.get::<_, i64>(1)?.unsigned_abs();
    Ok(Some(WeightSet { at: UnixMs(row.get(0)?), block, outcome: row.get(2)?, weights }))
}
