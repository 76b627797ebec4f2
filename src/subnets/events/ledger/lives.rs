//! What a ledger knows of a stretch of time, event by event: for a history that is kept elsewhere.

use std::ops::Range;

use super::archive::Archive;
use super::block::{Logged, unpack_reports};
use super::prices::PriceSeen;
use super::record::RAW_SINCE;
use super::reports::CellLine;
use super::types::{EventChange, EventRow};
use super::{changes, prices, read};
use crate::ledger::sql::{self, params};
use crate::ledger::{Fault, LedgerError, notes};
use crate::scoring::grid::Grid;
use crate::units::{Identity, UnixMs};

/// When an event could be predicted, in as little memory as possible: a year has tens of thousands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// The ledger's number of the event.
    pub id: i64,
    /// When it was first offered.
    pub opened: UnixMs,
    /// When it was last settled; `None` while it is open.
    pub settled: Option<UnixMs>,
}

/// One answer, as it was admitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// Who.
    pub identity: Identity,
    /// The round that it was asked in.
    pub tick: UnixMs,
    /// When it arrived.
    pub at: UnixMs,
    /// The probability.
    pub p: f64,
}

impl Archive<'_> {
    /// When the first event was offered; `None`: there is none.
    ///
    /// # Errors
    /// Those of the file.
    pub fn first_opened(&self) -> Result<Option<UnixMs>, LedgerError> {
        let read = || -> Result<Option<UnixMs>, Fault> {
            let mut query = self.file.connection().prepare_cached("SELECT MIN(opened_at) FROM events")?;
            Ok(query.query_row([], |row| row.get::<Option<i64>>(0))?.map(UnixMs))
        };
        self.named(read())
    }

    /// The lives of the events that are open, or were settled at `since` or later, by key.
    ///
    /// # Errors
    /// Those of the file.
    pub fn lives_since(&self, since: UnixMs) -> Result<Vec<Life>, LedgerError> {
        let read = || -> Result<Vec<Life>, Fault> {
            let mut query = self.file.connection().prepare_cached(
                // In an order that no index has: the one by key would be gone through from end to end.
                "SELECT id, opened_at, settled_at FROM events WHERE settled_at IS NULL OR settled_at >= ?1
                 ORDER BY key || ''",
            )?;
            let life = query.query_map([since.0], |row| {
                let settled = row.get::<Option<i64>>(2)?.map(UnixMs);
                Ok(Life { id: row.get(0)?, opened: UnixMs(row.get(1)?), settled })
            })?;
            Ok(life.collect::<sql::Result<_>>()?)
        };
        self.named(read())
    }

    /// The event of a number; `None` when it is forgotten.
    ///
    /// # Errors
    /// Those of the file.
    pub fn event_numbered(&self, id: i64) -> Result<Option<EventRow>, LedgerError> {
        self.named(read::numbered(self.file.connection(), id))
    }

    /// The changes of an event that were seen within some time, in their order.
    ///
    /// # Errors
    /// Those of the file.
    pub fn changes_within(&self, id: i64, time: &Range<UnixMs>) -> Result<Vec<EventChange>, LedgerError> {
        let mut found = self.named(changes::numbered(self.file.connection(), id))?;
        found.retain(|change| time.contains(&change.at));
        Ok(found)
    }

    /// The prices of an event read within some time, in their order.
    ///
    /// # Errors
    /// Those of the file.
    pub fn prices_within(&self, id: i64, time: &Range<UnixMs>) -> Result<Vec<PriceSeen>, LedgerError> {
        self.named(prices::within(self.file.connection(), id, time))
    }

    /// The statistics of an event's intervals whose last millisecond lies within some time, by interval and miner.
    ///
    /// # Errors
    /// Those of the file.
    pub fn cells_ended(&self, id: i64, event: &EventRow, time: &Range<UnixMs>) -> Result<Vec<CellLine>, LedgerError> {
        let grid = Grid::of_minutes(event.interval_minutes);
        self.cells_within(id, event, grid.index(time.start)..=grid.index(time.end) - 1)
    }

    /// The scores of an event as they are stored.
    ///
    /// # Errors
    /// Those of the file.
    pub fn scores_stored(&self, id: i64) -> Result<Vec<(Identity, f64)>, LedgerError> {
        let stored = self.named(read::scores(self.file.connection(), id).map_err(Fault::from))?;
        Ok(stored.into_iter().filter_map(|(miner, score)| Some((self.book.identity(miner)?, score))).collect())
    }

    /// The answers of the rounds within some time, by round and arrival. A ledger keeps them for some hours only; see
    /// [`Archive::answers_since`].
    ///
    /// # Errors
    /// Those of the file.
    pub fn answers_within(&self, id: i64, time: &Range<UnixMs>) -> Result<Vec<Answer>, LedgerError> {
        let read = || -> Result<Vec<Answer>, Fault> {
            let mut query = self.file.connection().prepare_cached(
                "SELECT tick, block FROM raw WHERE event = ?1 AND tick >= ?2 AND tick < ?3 ORDER BY tick, rowid",
            )?;
            let mut rows = query.query(params![id, time.start.0, time.end.0])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let tick = UnixMs(row.get(0)?);
                let block = row.get_ref(1)?.as_blob().map_err(|e| Fault::Damaged(e.to_string()))?;
                let answer =
                    |Logged { miner, t, p }| Some(Answer { identity: self.book.identity(miner)?, tick, at: t, p });
                found.extend(unpack_reports(tick, block).filter_map(answer));
            }
            Ok(found)
        };
        self.named(read())
    }

    /// From which round on the ledger has every answer, and the first round that it has any of; `None`: it has none.
    ///
    /// # Errors
    /// Those of the file.
    pub fn answers_since(&self) -> Result<Option<(UnixMs, UnixMs)>, LedgerError> {
        let read = || -> Result<Option<(UnixMs, UnixMs)>, Fault> {
            let connection = self.file.connection();
            let first: Option<i64> =
                connection.prepare_cached("SELECT MIN(tick) FROM raw")?.query_row([], |row| row.get(0))?;
            let kept = notes::get(connection, RAW_SINCE)?.and_then(|text| text.parse().ok()).unwrap_or(i64::MIN);
            Ok(first.map(|first| (UnixMs(kept), UnixMs(first))))
        };
        self.named(read())
    }
}
