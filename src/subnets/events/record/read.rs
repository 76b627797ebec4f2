//! A miner's record, read: also while the miner writes it.

use schemars::JsonSchema;
use serde::Serialize;

use super::store::{ENDED, VOID};
use super::{SCHEMA, Tally};
use crate::ledger::{Fault, LedgerError, Place, ReadOnly, sql};
use crate::units::{Account, Foreign, UnixMs};

/// Everything that is remembered.
#[derive(Debug, Default)]
pub struct History {
    /// Events, by when they were first asked about.
    pub events: Vec<EventHistory>,
    /// Who asked, most requests first.
    pub askers: Vec<Asker>,
}

/// How an event ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Outcome {
    /// Not known yet.
    Open,
    /// With this payout of the outcome that was asked about, in `0.0..=1.0`.
    Ended {
        /// The payout.
        outcome: f64,
        /// When.
        at: UnixMs,
    },
    /// Without one.
    Void,
}

/// One event.
#[derive(Debug, Clone)]
pub struct EventHistory {
    /// Its key on the wire.
    pub key: String,
    /// Its market.
    pub provider: String,
    /// The question.
    pub description: Foreign,
    /// When it was first and last asked about.
    pub asked_between: (UnixMs, UnixMs),
    /// How often it was asked about.
    pub asked: u64,
    /// How often there was an answer.
    pub answered: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The answers of each interval, oldest first.
    pub tallies: Vec<Tally>,
}

/// Somebody who asks.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Asker {
    /// Its hotkey.
    pub hotkey: Account,
    /// Its first request.
    pub first: UnixMs,
    /// Its last.
    pub last: UnixMs,
    /// Requests.
    pub requests: u64,
    /// Events in them.
    pub events: u64,
}

impl History {
    /// Reads the record at `place`, of what was asked at `since` or later. Blocks.
    ///
    /// # Errors
    /// As [`ReadOnly::open`].
    pub fn read(place: impl Into<Place>, since: UnixMs) -> Result<Self, LedgerError> {
        let file = ReadOnly::open(place, SCHEMA)?;
        file.named(read(file.connection(), since))
    }
}

fn read(connection: &sql::Connection, since: UnixMs) -> Result<History, Fault> {
    let mut events = connection.prepare_cached(
        "SELECT key, provider, description, first_ms, last_ms, asked, answered, state, outcome, ended_ms, id
         FROM asked_events WHERE last_ms >= ?1 ORDER BY first_ms, id",
    )?;
    let mut tallies = connection.prepare_cached(
        "SELECT answers, sum_p, sum_p2, priced, priced_p, priced_p2, sum_r, sum_r2
         FROM answer_tallies WHERE event = ?1 ORDER BY interval",
    )?;
    let mut history = History::default();
    let mut rows = events.query([since.0])?;
    while let Some(row) = rows.next()? {
        let sums = tallies.query_map([row.get::<i64>(10)?], tally)?;
        history.events.push(EventHistory {
            key: row.get(0)?,
            provider: row.get(1)?,
            description: row.get::<String>(2)?.into(),
            asked_between: (UnixMs(row.get(3)?), UnixMs(row.get(4)?)),
            asked: count(&row, 5)?,
            answered: count(&row, 6)?,
            outcome: match (row.get::<u8>(7)?, row.get(8)?) {
                (ENDED, Some(outcome)) => Outcome::Ended { outcome, at: UnixMs(row.get(9)?) },
                (VOID, _) => Outcome::Void,
                _ => Outcome::Open,
            },
            tallies: sums.collect::<sql::Result<_>>()?,
        });
    }
    let sql = "SELECT hotkey, first_ms, last_ms, requests, events FROM askers WHERE last_ms >= ?1
               ORDER BY requests DESC, hotkey";
    let mut askers = connection.prepare_cached(sql)?;
    let rows = askers.query_map([since.0], |row| {
        Ok(Asker {
            hotkey: Account(row.get(0)?),
            first: UnixMs(row.get(1)?),
            last: UnixMs(row.get(2)?),
            requests: count(row, 3)?,
            events: count(row, 4)?,
        })
    })?;
    history.askers = rows.collect::<sql::Result<_>>()?;
    Ok(history)
}

fn tally(row: &sql::Row<'_>) -> sql::Result<Tally> {
    Ok(Tally {
        answers: count(row, 0)?,
        sum_p: row.get(1)?,
        sum_p2: row.get(2)?,
        priced: count(row, 3)?,
        priced_p: row.get(4)?,
        priced_p2: row.get(5)?,
        sum_r: row.get(6)?,
        sum_r2: row.get(7)?,
    })
}

/// A count: never below 0.
fn count(row: &sql::Row<'_>, column: usize) -> sql::Result<u64> {
    row.get::<i64>(column).map(|n| u64::try_from(n).unwrap_or_default())
}
