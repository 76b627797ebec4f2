//! Counters by name, since the ledger was made.

use std::collections::BTreeMap;

use super::error::Fault;
use crate::ledger::sql::{self, Connection, Transaction, params};

/// Adds to counters.
///
/// # Errors
/// Those of the file.
pub fn add<'a>(transaction: &Transaction<'_>, counts: impl Iterator<Item = (&'a str, u64)>) -> Result<(), Fault> {
    let mut add = transaction.prepare_cached(
        "INSERT INTO counters (name, value) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value",
    )?;
    for (name, count) in counts {
        add.send(params![name, i64::try_from(count).unwrap_or(i64::MAX)])?;
    }
    Ok(())
}

/// All counters.
///
/// # Errors
/// Those of the file.
pub fn all(connection: &Connection) -> Result<BTreeMap<String, u64>, Fault> {
    let mut query = connection.prepare_cached("SELECT name, value FROM counters")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get::<i64>(1)?.unsigned_abs())))?;
    Ok(rows.collect::<sql::Result<_>>()?)
}
