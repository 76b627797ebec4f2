//! What a ledger knows of a stretch of time, event by event: for a history that is kept elsewhere.
//!
//! Events are asked for some at a time: each question to a database is a way there and back, and a year has tens of thousands of
//! events.

use std::ops::Range;

use super::archive::Archive;
use super::block::{Logged, unpack_reports};
use super::prices::{self, PriceSeen};
use super::record::{IN_FORCE, RAW_SINCE};
use super::reports::{BLOCKS_BETWEEN, CellLine};
use super::types::{EventChange, EventRow};
use super::{changes, read};
use crate::ledger::sql::{self, Params, Row};
use crate::ledger::{Fault, LedgerError, notes};
use crate::scoring::grid::Grid;
use crate::units::{Identity, UnixMs};

/// Blocks of statistics that are in memory at once: of 256 miners, 5 MB.
const BLOCKS: usize = 256;

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

/// An event with the ledger's number of it.
pub type Numbered = (i64, EventRow);

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

    /// The events of these numbers, in that order, without those that are forgotten.
    ///
    /// # Errors
    /// Those of the file.
    pub fn events_numbered(&self, ids: &[i64]) -> Result<Vec<Numbered>, LedgerError> {
        let each: Vec<[i64; 1]> = ids.iter().map(|id| [*id]).collect();
        Ok(self.of_each(&read::numbered(), &each, read::event_row)?.into_iter().flatten().collect())
    }

    /// The changes of each of these events that were seen within some time, in their order.
    ///
    /// # Errors
    /// Those of the file.
    pub fn changes_within(
        &self,
        events: &[Numbered],
        time: &Range<UnixMs>,
    ) -> Result<Vec<Vec<EventChange>>, LedgerError> {
        self.of_each(changes::WITHIN, &each_within(events, time), |row| changes::change(row, 0))
    }

    /// The prices of each of these events that were read within some time, in their order.
    ///
    /// # Errors
    /// Those of the file.
    pub fn prices_within(&self, events: &[Numbered], time: &Range<UnixMs>) -> Result<Vec<Vec<PriceSeen>>, LedgerError> {
        self.of_each(prices::WITHIN, &each_within(events, time), |row| Ok(prices::seen(row)?))
    }

    /// Hands over the statistics of these events' intervals whose last millisecond lies within some time, by event, interval and
    /// miner, each with the event's place.
    ///
    /// # Errors
    /// Those of the file, and those of `job`, which end it.
    pub fn each_cell_ended<E: From<LedgerError>>(
        &self,
        events: &[Numbered],
        time: &Range<UnixMs>,
        mut job: impl FnMut(usize, &CellLine) -> Result<(), E>,
    ) -> Result<(), E> {
        let asked: Vec<([i64; 4], Grid)> = events.iter().map(|(id, event)| ended(*id, event, time)).collect();
        let most = asked.iter().map(|([_, _, first, last], _)| 1 + last.abs_diff(*first)).max().unwrap_or(1);
        let together = (BLOCKS / usize::try_from(most).unwrap_or(usize::MAX)).max(1);
        for (number, part) in asked.chunks(together).enumerate() {
            let each: Vec<[i64; 4]> = part.iter().map(|(values, _)| *values).collect();
            let found = self.of_each(BLOCKS_BETWEEN, &each, |row| Ok((row.get(0)?, row.get::<Vec<u8>>(1)?)))?;
            for (place, (blocks, (_, grid))) in (number * together..).zip(found.iter().zip(part)) {
                for (interval, block) in blocks {
                    let lines = self.lines(*grid, *interval, block);
                    self.named(lines)?.try_for_each(|line| job(place, &line))?;
                }
            }
        }
        Ok(())
    }

    /// The scores of each of these events as they are stored.
    ///
    /// # Errors
    /// Those of the file.
    pub fn scores_stored(&self, ids: &[i64]) -> Result<Vec<Vec<(Identity, f64)>>, LedgerError> {
        let each: Vec<[i64; 1]> = ids.iter().map(|id| [*id]).collect();
        let stored = self.of_each(read::SCORES, &each, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let known = |(miner, score)| Some((self.book.identity(miner)?, score));
        Ok(stored.into_iter().map(|scores| scores.into_iter().filter_map(known).collect()).collect())
    }

    /// The answers to each of these events in the rounds within some time, by round and arrival. A ledger keeps them for some hours
    /// only; see [`Archive::answers_since`].
    ///
    /// # Errors
    /// Those of the file.
    pub fn answers_within(&self, events: &[Numbered], time: &Range<UnixMs>) -> Result<Vec<Vec<Answer>>, LedgerError> {
        let sql = "SELECT tick, block FROM raw WHERE event = ?1 AND tick >= ?2 AND tick < ?3 ORDER BY tick, rowid";
        let found = self.of_each(sql, &each_within(events, time), |row| {
            let tick = UnixMs(row.get(0)?);
            let block = row.get_ref(1)?.as_blob().map_err(|e| Fault::Damaged(e.to_string()))?;
            let answer = |Logged { miner, t, p }| Some(Answer { identity: self.book.identity(miner)?, tick, at: t, p });
            Ok(unpack_reports(tick, block).filter_map(answer).collect::<Vec<_>>())
        })?;
        Ok(found.into_iter().map(|rounds| rounds.into_iter().flatten().collect()).collect())
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

    /// What `map` makes of the rows of a query for each set of values.
    fn of_each<P: Params, T>(
        &self,
        sql: &str,
        each: &[P],
        mut map: impl FnMut(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<Vec<T>>, LedgerError> {
        let mut read = || -> Result<Vec<Vec<T>>, Fault> {
            let found = self.file.connection().prepare_cached(sql)?.query_each(each, |row| Ok(map(row)))?;
            found.into_iter().map(|rows| rows.into_iter().collect()).collect()
        };
        self.named(read())
    }
}

/// The values for [`BLOCKS_BETWEEN`], and what the intervals are counted on.
fn ended(id: i64, event: &EventRow, time: &Range<UnixMs>) -> ([i64; 4], Grid) {
    let grid = Grid::of_minutes(event.interval_minutes);
    ([id, IN_FORCE.into(), grid.index(time.start), grid.index(time.end) - 1], grid)
}

/// Events and a time as three values.
fn each_within(events: &[Numbered], time: &Range<UnixMs>) -> Vec<[i64; 3]> {
    events.iter().map(|(id, _)| [*id, time.start.0, time.end.0]).collect()
}
