//! The life of an event: every change of its state, cutoff or outcome, with the time at which it was seen.

use super::front::NumberedChange;
use super::read::{state_name, state_of};
use super::types::{EventChange, EventRow};
use crate::ledger::Fault;
use crate::ledger::sql::{self, Connection, Row, Transaction, params};
use crate::scoring::admission::EventState;
use crate::units::UnixMs;

/// Notes that an event is open, with this cutoff from `at` on.
pub(super) fn offered(transaction: &Transaction<'_>, key: &str, at: UnixMs) -> sql::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO changes (event, at, state, cutoff, outcome)
             SELECT id, ?2, ?3, cutoff, NULL FROM events e WHERE key = ?1 AND NOT EXISTS (
                 SELECT 1 FROM changes c WHERE c.event = e.id AND c.cutoff = e.cutoff
                 AND c.rowid = (SELECT MAX(rowid) FROM changes WHERE event = e.id))",
        )?
        .execute(params![key, at.0, state_name(EventState::Open)])
        .map(|_| ())
}

/// Notes how an event was settled, or settled anew.
pub(super) fn settled(transaction: &Transaction<'_>, id: i64, event: &EventRow, at: UnixMs) -> sql::Result<()> {
    transaction
        .prepare_cached("INSERT INTO changes (event, at, state, cutoff, outcome) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .send(params![id, at.0, state_name(event.state), event.cutoff.0, event.outcome])
}

/// The life of an event, in the order of what was seen.
pub(super) fn of(connection: &Connection, key: &str) -> Result<Vec<EventChange>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT c.at, c.state, c.cutoff, c.outcome FROM changes c JOIN events e ON e.id = c.event
         WHERE e.key = ?1 ORDER BY c.rowid",
    )?;
    let mut rows = query.query([key])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(change(&row, 0)?);
    }
    Ok(found)
}

/// Those of the event of a number that were seen from one time until before another; [`change`] reads them.
pub(super) const WITHIN: &str =
    "SELECT at, state, cutoff, outcome FROM changes WHERE event = ?1 AND at >= ?2 AND at < ?3
     ORDER BY rowid";

/// Changes of all events with a number above `number`, in their order, `count` at most.
pub(super) fn after(connection: &Connection, number: i64, count: i64) -> Result<Vec<NumberedChange>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT c.rowid, e.key, c.at, c.state, c.cutoff, c.outcome FROM changes c JOIN events e ON e.id = c.event
         WHERE c.rowid > ?1 ORDER BY c.rowid LIMIT ?2",
    )?;
    let mut rows = query.query(params![number, count])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(NumberedChange { number: row.get(0)?, event: row.get(1)?, change: change(&row, 2)? });
    }
    Ok(found)
}

/// The change in a row, whose columns begin at `first`.
pub(super) fn change(row: &Row<'_>, first: usize) -> Result<EventChange, Fault> {
    Ok(EventChange {
        at: UnixMs(row.get(first)?),
        state: state_of(row.get_ref(first + 1)?.as_str().unwrap_or_default())?,
        cutoff: UnixMs(row.get(first + 2)?),
        outcome: row.get(first + 3)?,
    })
}
