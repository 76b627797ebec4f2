//! A ledger of events as its pages show it: lists by state, one event with all that was said about it, one miner's record.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use super::archive::Archive;
use super::counts;
use super::read::{self, Which};
use super::reports::{CellLine, mean};
use super::standing::Remembered;
use super::types::{EventRow, ScoredLine, Standings};
use crate::ledger::sql::{Connection, OptionalExtension, params};
use crate::ledger::{Fault, LedgerError, miners};
use crate::scoring::Rules;
use crate::scoring::admission::EventState;
use crate::units::{Identity, UnixMs};

/// An event in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The event.
    pub event: EventRow,
    /// The last price that is kept of it.
    pub price: Option<f64>,
    /// What the miners said on average when they were last asked.
    pub crowd: Option<f64>,
    /// Miners with a score.
    pub miners: u64,
}

/// Everything about one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Whole {
    /// The event.
    pub event: EventRow,
    /// Every price kept, by time.
    pub prices: Vec<(UnixMs, f64)>,
    /// What was said, by interval and miner.
    pub cells: Vec<CellLine>,
    /// The scores, where it has been scored.
    pub scores: BTreeMap<Identity, f64>,
}

impl Archive<'_> {
    /// How many events there are in each state.
    ///
    /// # Errors
    /// Those of the file.
    pub fn counts(&self) -> Result<Vec<(EventState, usize)>, LedgerError> {
        self.named(counts::all(self.file.connection()))
    }

    /// A part of the events, in one state or in all: those that are open first, soonest cutoff first, then the latest
    /// resolutions.
    ///
    /// # Errors
    /// Those of the file.
    pub fn listed(&self, state: Option<EventState>, skip: usize, count: usize) -> Result<Vec<Listed>, LedgerError> {
        let connection = self.file.connection();
        let found = || -> Result<Vec<Listed>, Fault> {
            let events = read::part(connection, state, skip, count)?;
            events.into_iter().map(|(id, event)| listed(connection, id, event)).collect()
        };
        self.named(found())
    }

    /// One event with everything that is kept of it.
    ///
    /// # Errors
    /// Those of the file.
    pub fn whole(&self, key: &str) -> Result<Option<Whole>, LedgerError> {
        let connection = self.file.connection();
        let Some((id, event)) = self.named(read::event(connection, key))? else { return Ok(None) };
        let prices = self.named(read::prices(connection, key))?;
        let cells = self.cells_of(id, &event)?;
        Ok(Some(Whole { event, prices, cells, scores: self.scores(id)?.into_iter().collect() }))
    }

    /// The scores of an event, by miner.
    pub(super) fn scores(&self, id: i64) -> Result<Vec<(Identity, f64)>, LedgerError> {
        let scores = self.named(read::scores(self.file.connection(), id).map_err(Fault::from))?;
        Ok(scores.into_iter().filter_map(|(miner, score)| Some((self.book.identity(miner)?, score))).collect())
    }

    /// The averages of every miner with a score in the window. What the ledger's readers remember is not read again.
    ///
    /// # Errors
    /// Those of the file.
    pub fn standings(&self, rules: &Rules) -> Result<Standings, LedgerError> {
        let remembered = self.file.memo().of::<Remembered>();
        let mut remembered = remembered.lock().unwrap_or_else(PoisonError::into_inner);
        self.named(remembered.standings(self.file.connection(), rules))
    }

    /// A miner's mean report and mean price on each of the last `events` counted ones, with the outcome: what its calibration
    /// is taken over, by time of resolution. Reports at or after an early close are in where they share its interval.
    ///
    /// # Errors
    /// Those of the file.
    pub fn calibrated(&self, identity: Identity, events: usize) -> Result<Vec<(f64, f64, f64)>, LedgerError> {
        let connection = self.file.connection();
        let found = || -> Result<Vec<(f64, f64, f64)>, Fault> {
            let Some(miner) = miners::find(connection, identity)? else { return Ok(Vec::new()) };
            let mut found = Vec::new();
            for (id, event) in read::events(connection, Which::Counted(events))?.into_iter().rev() {
                let (Some(outcome), Some((n, p, r))) = (event.outcome, mean(connection, id, &event, miner)?) else {
                    continue;
                };
                found.push((p / n as f64, r / n as f64, outcome));
            }
            Ok(found)
        };
        self.named(found())
    }

    /// A miner's last scores, latest resolution first, with the events that it did not predict.
    ///
    /// # Errors
    /// Those of the file.
    pub fn history(&self, identity: Identity, limit: usize) -> Result<Vec<ScoredLine>, LedgerError> {
        self.history_before(identity, None, limit)
    }
}

/// An event with what a list shows beside it.
pub(super) fn listed(connection: &Connection, id: i64, event: EventRow) -> Result<Listed, Fault> {
    let number = |sql: &str| -> Result<Option<f64>, Fault> {
        Ok(connection.prepare_cached(sql)?.query_row(params![id], |row| row.get(0)).optional()?)
    };
    let price = number("SELECT price FROM prices WHERE event = ?1 ORDER BY at DESC LIMIT 1")?;
    let crowd = number("SELECT p FROM aggregates WHERE event = ?1")?;
    let mut count = connection.prepare_cached("SELECT COUNT(*) FROM scores WHERE event = ?1")?;
    let miners = count.query_row([id], |row| row.get::<i64>(0))?.unsigned_abs();
    Ok(Listed { event, price, crowd, miners })
}
