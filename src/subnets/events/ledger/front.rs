//! A ledger of events as a program reads it: lists by cursor, which stay whole while a validator adds to them, and what the
//! miners say together.

use std::collections::BTreeSet;

use super::archive::Archive;
use super::changes;
use super::look::{Listed, listed};
use super::read::{self, state_name};
use super::reports::CellLine;
use super::types::{EventChange, EventRow, ScoredLine};
use crate::ledger::miners::{self, MinerId};
use crate::ledger::sql::{self, Connection, OptionalExtension as _, params};
use crate::ledger::{Fault, LedgerError};
use crate::scoring::admission::EventState;
use crate::scoring::grid::Grid;
use crate::units::{Identity, UnixMs};

/// A change of some event, with its number: later changes have higher ones.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberedChange {
    /// Its number.
    pub number: i64,
    /// The event's key.
    pub event: String,
    /// What changed.
    pub change: EventChange,
}

/// An event with the scores of its miners.
pub type EventScores = (EventRow, Vec<(Identity, f64)>);

/// Where in a miner's history a page begins: behind this resolution and key.
pub type HistoryPlace = (UnixMs, String);

impl Archive<'_> {
    /// Events of a state, or of all, the newest first, each with its number: those below `before`, `count` at most.
    ///
    /// # Errors
    /// Those of the file.
    pub fn newest(
        &self,
        state: Option<EventState>,
        before: Option<i64>,
        count: usize,
    ) -> Result<Vec<(i64, Listed)>, LedgerError> {
        let connection = self.file.connection();
        let found = || -> Result<Vec<(i64, Listed)>, Fault> {
            let events = read::newest(connection, state, before.unwrap_or(i64::MAX), count)?;
            events.into_iter().map(|(id, event)| Ok((id, listed(connection, id, event)?))).collect()
        };
        self.named(found())
    }

    /// One event as a list has it.
    ///
    /// # Errors
    /// Those of the file.
    pub fn listed_one(&self, key: &str) -> Result<Option<Listed>, LedgerError> {
        let connection = self.file.connection();
        match self.named(read::event(connection, key))? {
            Some((id, event)) => Ok(Some(self.named(listed(connection, id, event))?)),
            None => Ok(None),
        }
    }

    /// Prices of an event after a time, by time, `count` at most; `None` for an unknown event.
    ///
    /// # Errors
    /// Those of the file.
    pub fn prices_after(
        &self,
        key: &str,
        after: Option<UnixMs>,
        count: usize,
    ) -> Result<Option<Vec<(UnixMs, f64)>>, LedgerError> {
        let connection = self.file.connection();
        let Some((id, _)) = self.named(read::event(connection, key))? else { return Ok(None) };
        self.named(prices(connection, id, after, count)).map(Some)
    }

    /// What was said about an event, by interval and miner; `None` for an unknown event.
    ///
    /// # Errors
    /// Those of the file.
    pub fn said_about(&self, key: &str) -> Result<Option<(EventRow, Vec<CellLine>)>, LedgerError> {
        let Some((id, event)) = self.named(read::event(self.file.connection(), key))? else { return Ok(None) };
        let cells = self.cells_of(id, &event)?;
        Ok(Some((event, cells)))
    }

    /// The same of the interval of a moment alone.
    ///
    /// # Errors
    /// Those of the file.
    pub fn said_at(&self, key: &str, moment: UnixMs) -> Result<Option<(EventRow, Vec<CellLine>)>, LedgerError> {
        let Some((id, event)) = self.named(read::event(self.file.connection(), key))? else { return Ok(None) };
        let interval = Grid::of_minutes(event.interval_minutes).index(moment);
        let cells = self.cells_within(id, &event, interval..=interval)?;
        Ok(Some((event, cells)))
    }

    /// The scores of an event; `None` for an unknown event.
    ///
    /// # Errors
    /// Those of the file.
    pub fn scores_of(&self, key: &str) -> Result<Option<EventScores>, LedgerError> {
        let connection = self.file.connection();
        let Some((id, event)) = self.named(read::event(connection, key))? else { return Ok(None) };
        Ok(Some((event, self.scores(id)?)))
    }

    /// A miner's scores behind a place, latest resolution first, with the events that it did not predict.
    ///
    /// # Errors
    /// Those of the file.
    pub fn history_before(
        &self,
        identity: Identity,
        before: Option<&HistoryPlace>,
        count: usize,
    ) -> Result<Vec<ScoredLine>, LedgerError> {
        let connection = self.file.connection();
        match self.named(miners::find(connection, identity))? {
            Some(miner) => self.named(history(connection, miner, before, count)),
            None => Ok(Vec::new()),
        }
    }

    /// The miners of a window that have a score of an event that was settled since then.
    ///
    /// # Errors
    /// Those of the file.
    pub fn scored_since(&self, since: UnixMs) -> Result<BTreeSet<Identity>, LedgerError> {
        let connection = self.file.connection();
        let found = || -> Result<Vec<MinerId>, Fault> {
            let mut query = connection.prepare_cached(
                // The order of a cross join is SQLite's as well: not all scores that there are, in the order of miners.
                "SELECT DISTINCT s.miner FROM events e CROSS JOIN scores s
                 WHERE e.state <> 'open' AND e.settled_at >= ?1 AND s.event = e.id",
            )?;
            Ok(query.query_map([since.0], |row| row.get(0))?.collect::<sql::Result<_>>()?)
        };
        Ok(self.named(found())?.into_iter().filter_map(|miner| self.book.identity(miner)).collect())
    }

    /// Changes of events with a number above `number`, in their order, `count` at most.
    ///
    /// # Errors
    /// Those of the file.
    pub fn changes_after(&self, number: i64, count: usize) -> Result<Vec<NumberedChange>, LedgerError> {
        self.named(changes::after(self.file.connection(), number, whole(count)))
    }

    /// The number of the last change; 0 where there is none.
    ///
    /// # Errors
    /// Those of the file.
    pub fn last_change(&self) -> Result<i64, LedgerError> {
        let last = || -> Result<i64, Fault> {
            let mut query = self.file.connection().prepare_cached("SELECT COALESCE(MAX(rowid), 0) FROM changes")?;
            Ok(query.query_row([], |row| row.get(0))?)
        };
        self.named(last())
    }

    /// The last round of questions: its time, and the answers in it that count.
    ///
    /// # Errors
    /// Those of the file.
    pub fn last_tick(&self) -> Result<Option<(UnixMs, u64)>, LedgerError> {
        let last = || -> Result<Option<(UnixMs, u64)>, Fault> {
            let sql = "SELECT at, counted FROM ticks ORDER BY at DESC LIMIT 1";
            let mut query = self.file.connection().prepare_cached(sql)?;
            let row = query.query_row([], |row| Ok((UnixMs(row.get(0)?), row.get::<i64>(1)?.unsigned_abs())));
            Ok(row.optional()?)
        };
        self.named(last())
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn prices(connection: &Connection, id: i64, after: Option<UnixMs>, count: usize) -> Result<Vec<(UnixMs, f64)>, Fault> {
    let sql = "SELECT at, price FROM prices WHERE event = ?1 AND at > ?2 ORDER BY at LIMIT ?3";
    let mut query = connection.prepare_cached(sql)?;
    let after = after.map_or(i64::MIN, |at| at.0);
    let rows = query.query_map(params![id, after, whole(count)], |row| Ok((UnixMs(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<sql::Result<_>>()?)
}

/// A miner's scores, latest resolution first, from behind `before`; events that it did not predict are in, without a score.
pub(super) fn history(
    connection: &Connection,
    miner: MinerId,
    before: Option<&HistoryPlace>,
    count: usize,
) -> Result<Vec<ScoredLine>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT e.key, e.description, e.outcome, e.resolved_at, s.score
         FROM events e LEFT JOIN scores s ON s.event = e.id AND s.miner = ?1
         WHERE e.state = ?5 AND (e.resolved_at, e.key) < (?2, ?3)
         ORDER BY e.resolved_at DESC, e.key DESC LIMIT ?4",
    )?;
    let (at, key) = before.map_or((i64::MAX, ""), |(at, key)| (at.0, key.as_str()));
    let scored = state_name(EventState::Scored);
    let rows = query.query_map(params![miner, at, key, whole(count), scored], |row| {
        Ok(ScoredLine {
            event: row.get(0)?,
            description: row.get::<String>(1)?.into(),
            outcome: row.get(2)?,
            resolved_at: UnixMs(row.get(3)?),
            score: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<sql::Result<_>>()?)
}
