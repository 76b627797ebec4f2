//! Small notes by name.

use super::error::Fault;
use crate::ledger::sql::{Connection, OptionalExtension, Transaction};

/// Writes a note over the one before.
///
/// # Errors
/// Those of the file.
pub fn set(transaction: &Transaction<'_>, name: &str, value: &str) -> Result<(), Fault> {
    let sql = "INSERT INTO notes (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    transaction.prepare_cached(sql)?.send([name, value])?;
    Ok(())
}

/// Reads a note.
///
/// # Errors
/// Those of the file.
pub fn get(connection: &Connection, name: &str) -> Result<Option<String>, Fault> {
    let mut query = connection.prepare_cached("SELECT value FROM notes WHERE name = ?1")?;
    Ok(query.query_row([name], |row| row.get(0)).optional()?)
}
