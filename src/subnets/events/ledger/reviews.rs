//! How the oracles of markets stood to outcomes, with the time at which each change was seen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::archive::Archive;
use super::read::state_of;
use crate::ledger::sql::{self, Connection, OptionalExtension as _, Row, Transaction, params};
use crate::ledger::{Fault, LedgerError};
use crate::market::Review;
use crate::scoring::admission::EventState;
use crate::units::UnixMs;

/// A review, from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct ReviewSeen {
    /// When it was seen here.
    pub at: UnixMs,
    /// What it says.
    pub review: Review,
}

/// A review that is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewChange {
    /// The event's key.
    pub event: String,
    /// What it says now.
    pub review: Review,
    /// How the event stands here.
    pub state: EventState,
}

impl Archive<'_> {
    /// The reviews of an event's outcome, in the order in which they were seen.
    ///
    /// # Errors
    /// Those of the file.
    pub fn reviews(&self, key: &str) -> Result<Vec<ReviewSeen>, LedgerError> {
        self.named(of(self.file.connection(), key))
    }
}

fn of(connection: &Connection, key: &str) -> Result<Vec<ReviewSeen>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT r.at, r.review FROM reviews r JOIN events e ON e.id = r.event WHERE e.key = ?1 ORDER BY r.at",
    )?;
    let mut rows = query.query([key])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let at = UnixMs(row.get(0)?);
        found.push(ReviewSeen { at, review: review_of(row.get_ref(1)?.as_str().unwrap_or_default())? });
    }
    Ok(found)
}

fn review_of(word: &str) -> Result<Review, Fault> {
    Review::named(word).ok_or_else(|| Fault::Damaged(format!("`{word}` is no review of an outcome")))
}

/// The last review in two columns of a row.
pub(super) fn last(row: &Row<'_>, [review, at]: [usize; 2]) -> Result<Option<ReviewSeen>, Fault> {
    let Some(word) = row.get::<Option<String>>(review)? else { return Ok(None) };
    let at = row.get::<Option<i64>>(at)?.map_or(UnixMs(0), UnixMs);
    Ok(Some(ReviewSeen { at, review: review_of(&word)? }))
}

/// Keeps what differs from what was last known; returns that.
pub(super) fn record(
    transaction: &Transaction<'_>,
    seen: &[(String, Review)],
    at: UnixMs,
) -> Result<Vec<ReviewChange>, Fault> {
    let mut changes = Vec::new();
    for (key, review) in seen {
        let known = transaction
            .prepare_cached("SELECT id, state, review FROM events WHERE key = ?1")?
            .query_row([key.as_str()], |row| {
                Ok((row.get::<i64>(0)?, row.get::<String>(1)?, row.get::<Option<String>>(2)?))
            })
            .optional()?;
        let Some((id, state, before)) = known else { continue };
        if before.as_deref() == Some(review.name()) {
            continue;
        }
        store(transaction, id, *review, at)?;
        changes.push(ReviewChange { event: key.clone(), review: *review, state: state_of(&state)? });
    }
    Ok(changes)
}

fn store(transaction: &Transaction<'_>, id: i64, review: Review, at: UnixMs) -> sql::Result<()> {
    transaction.prepare_cached("UPDATE events SET review = ?2, reviewed_at = ?3 WHERE id = ?1")?.send(params![
        id,
        review.name(),
        at.0
    ])?;
    transaction
        .prepare_cached(
            "INSERT INTO reviews (event, at, review) VALUES (?1, ?2, ?3)
             ON CONFLICT (event, at) DO UPDATE SET review = excluded.review",
        )?
        .send(params![id, at.0, review.name()])
}
