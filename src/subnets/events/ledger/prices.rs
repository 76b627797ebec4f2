//! The prices that are kept, with what they are made of, and where a second source contradicted them.

use schemars::JsonSchema;
use serde::Serialize;

use super::types::PriceRow;
use crate::ledger::sql::{self, Connection, Row, Transaction, params};
use crate::ledger::{Fault, counters};
use crate::market::PriceSource;
use crate::units::UnixMs;

/// A price as it was read.
#[derive(Debug, Clone, Copy, PartialEq, JsonSchema, Serialize)]
pub struct PriceSeen {
    /// When.
    pub at: UnixMs,
    /// The price.
    pub price: f64,
    /// What it is made of.
    pub source: PriceSource,
}

/// A price that was compared with one of another source.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceCheck {
    /// The price that scores.
    pub price: PriceRow,
    /// The other.
    pub other: PriceSeen,
}

impl PriceCheck {
    /// How far they are apart.
    #[must_use]
    pub fn distance(&self) -> f64 {
        (self.price.price - self.other.price).abs()
    }
}

/// A price that another source contradicted by more than the bound.
#[derive(Debug, Clone, Copy, PartialEq, JsonSchema, Serialize)]
pub struct PriceDispute {
    /// The price that scored.
    pub price: PriceSeen,
    /// The other, and when the two were compared.
    pub other: PriceSeen,
}

/// Counts comparisons, and keeps those that differ by more than `bound`.
pub(super) fn record_checks(transaction: &Transaction<'_>, checks: &[PriceCheck], bound: f64) -> Result<(), Fault> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO price_disputes (event, at, price, source, read_at, other, other_source)
         SELECT id, ?2, ?3, ?4, ?5, ?6, ?7 FROM events WHERE key = ?1
         ON CONFLICT (event, at) DO UPDATE SET price = excluded.price, source = excluded.source,
             read_at = excluded.read_at, other = excluded.other, other_source = excluded.other_source",
    )?;
    let mut disputed = 0;
    for PriceCheck { price, other } in checks.iter().filter(|check| check.distance() > bound) {
        disputed += 1;
        let (source, other_source) = (price.source.code(), other.source.code());
        insert.send(params![&*price.event, other.at.0, price.price, source, price.at.0, other.price, other_source])?;
    }
    counters::add(transaction, [("price_checked", checks.len() as u64), ("price_disputed", disputed)].into_iter())
}

/// Every price kept of an event, by time.
pub(super) fn of(connection: &Connection, key: &str) -> Result<Vec<PriceSeen>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT p.at, p.price, p.source FROM prices p JOIN events e ON e.id = p.event WHERE e.key = ?1 ORDER BY p.at",
    )?;
    let rows = query.query_map([key], seen)?;
    Ok(rows.collect::<sql::Result<_>>()?)
}

/// The prices kept of an event's number from one time until before another; [`seen`] reads them.
pub(super) const WITHIN: &str =
    "SELECT at, price, source FROM prices WHERE event = ?1 AND at >= ?2 AND at < ?3 ORDER BY at";

/// A price in a row.
pub(super) fn seen(row: &Row<'_>) -> sql::Result<PriceSeen> {
    Ok(PriceSeen { at: UnixMs(row.get(0)?), price: row.get(1)?, source: PriceSource::of_code(row.get(2)?) })
}

/// The disputes about an event's prices, by time.
pub(super) fn disputes(connection: &Connection, key: &str) -> Result<Vec<PriceDispute>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT d.at, d.price, d.source, d.read_at, d.other, d.other_source FROM price_disputes d
         JOIN events e ON e.id = d.event WHERE e.key = ?1 ORDER BY d.at",
    )?;
    let rows = query.query_map([key], |row| {
        let (source, other) = (PriceSource::of_code(row.get(2)?), PriceSource::of_code(row.get(5)?));
        Ok(PriceDispute {
            price: PriceSeen { at: UnixMs(row.get(3)?), price: row.get(1)?, source },
            other: PriceSeen { at: UnixMs(row.get(0)?), price: row.get(4)?, source: other },
        })
    })?;
    Ok(rows.collect::<sql::Result<_>>()?)
}
