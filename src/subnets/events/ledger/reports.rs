//! What miners said, read back for looking at it: mean reports of events, and every interval's statistics.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::archive::Archive;
use super::block::Columns;
use super::read::{self, Which};
use super::record::IN_FORCE;
use super::types::EventRow;
use crate::ledger::miners::MinerId;
use crate::ledger::sql::{Connection, params};
use crate::ledger::{Fault, LedgerError};
use crate::scoring::IntervalStats;
use crate::scoring::admission::EventState;
use crate::scoring::grid::Grid;
use crate::scoring::sybil::EventReports;
use crate::units::{Identity, UnixMs};

/// One miner's mean report on one settled event.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanReport {
    /// The event's place in [`Archive::settled`].
    pub event: usize,
    /// Who.
    pub identity: Identity,
    /// Mean report over all its answers.
    pub p: f64,
    /// Mean reference price.
    pub r: f64,
    /// Answers.
    pub count: u64,
}

/// One miner's statistics on one settled event in one interval.
#[derive(Debug, Clone, PartialEq)]
pub struct CellLine {
    /// Who.
    pub identity: Identity,
    /// The interval's number on the event's grid, counted from 2024-01-01T00:00Z.
    pub interval: i64,
    /// When it starts.
    pub start: UnixMs,
    /// What was said in it.
    pub stats: IntervalStats,
}

/// Answers, and the sums of reports and prices, of each miner.
type Means = BTreeMap<MinerId, (u64, f64, f64)>;

/// An event's blocks of one bracket between two intervals, by interval.
pub(super) const BLOCKS_BETWEEN: &str = "SELECT interval, block FROM stats
    WHERE event = ?1 AND interval BETWEEN ?3 AND ?4 AND bracket = ?2 ORDER BY interval";

impl Archive<'_> {
    /// Every miner's mean report on every counted event. Reports at or after an early close are in where an interval was not
    /// cut: this is for looking, not for scoring.
    ///
    /// # Errors
    /// Those of the file.
    pub fn mean_reports(&self) -> Result<Vec<MeanReport>, LedgerError> {
        let settled = self.settled_ids()?;
        let counted = settled.iter().enumerate().filter(|(_, (_, event))| event.state == EventState::Scored);
        let (places, counted): (Vec<usize>, Vec<&(i64, EventRow)>) = counted.unzip();
        let means = self.book.on_all_cores(&counted, |connection, (id, event)| means(connection, *id, event))?;
        let reports = places.into_iter().zip(means).flat_map(|(event, means)| self.of_event(event, means));
        Ok(reports.collect())
    }

    /// The mean reports on one event.
    fn of_event(&self, event: usize, means: Means) -> impl Iterator<Item = MeanReport> {
        means.into_iter().filter_map(move |(miner, (count, p, r))| {
            let n = count as f64;
            Some(MeanReport { event, identity: self.book.identity(miner)?, p: p / n, r: r / n, count })
        })
    }

    /// The same of the last `events` counted ones, by event, as the search for sybils wants it.
    ///
    /// # Errors
    /// Those of the file.
    pub fn event_reports(&self, events: usize) -> Result<Vec<EventReports<Identity>>, LedgerError> {
        let mut counted = self.named(read::events(self.file.connection(), Which::Counted(events)))?;
        counted.reverse();
        let means = self.book.on_all_cores(&counted, |connection, (id, event)| means(connection, *id, event))?;
        let means = means.into_iter().filter(|means| !means.is_empty()).enumerate();
        let miners = |(event, means)| self.of_event(event, means).map(|report| (report.identity, report.p, report.r));
        Ok(means.map(|event| EventReports { miners: miners(event).collect() }).collect())
    }

    /// Hands over every interval's statistics of every settled event, in the order of [`Archive::settled`], then by
    /// interval and miner: what a ledger knows, a line at a time.
    ///
    /// # Errors
    /// Those of the file, and those of `job`, which end it.
    pub fn each_cell<E: From<LedgerError>>(
        &self,
        mut job: impl FnMut(&EventRow, &CellLine) -> Result<(), E>,
    ) -> Result<(), E> {
        self.settled_in_parts(|part| {
            for (id, event) in part {
                for line in self.cells_of(*id, event)? {
                    job(event, &line)?;
                }
            }
            Ok(())
        })
    }

    /// What was said about one event, by interval and miner.
    pub(super) fn cells_of(&self, id: i64, event: &EventRow) -> Result<Vec<CellLine>, LedgerError> {
        self.cells_within(id, event, i64::MIN..=i64::MAX)
    }

    /// The same of some intervals.
    pub(super) fn cells_within(
        &self,
        id: i64,
        event: &EventRow,
        intervals: RangeInclusive<i64>,
    ) -> Result<Vec<CellLine>, LedgerError> {
        self.named(self.cells(id, event, &intervals))
    }

    fn cells(&self, id: i64, event: &EventRow, intervals: &RangeInclusive<i64>) -> Result<Vec<CellLine>, Fault> {
        let grid = Grid::of_minutes(event.interval_minutes);
        let mut query = self.file.connection().prepare_cached(BLOCKS_BETWEEN)?;
        let mut rows = query.query(params![id, IN_FORCE, intervals.start(), intervals.end()])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let block = row.get_ref(1)?.as_blob().map_err(|e| Fault::Damaged(e.to_string()))?;
            found.extend(self.lines(grid, row.get(0)?, block)?);
        }
        Ok(found)
    }

    /// The lines of a block of statistics, by miner.
    pub(super) fn lines(
        &self,
        grid: Grid,
        interval: i64,
        block: &[u8],
    ) -> Result<impl Iterator<Item = CellLine>, Fault> {
        let start = grid.start(interval);
        Ok(Columns::of(block)?.cells().filter_map(move |(miner, stats)| {
            Some(CellLine { identity: self.book.identity(miner)?, interval, start, stats })
        }))
    }
}

fn means(connection: &Connection, id: i64, event: &EventRow) -> Result<Means, Fault> {
    let mut sums = Means::new();
    each_block(connection, id, event, |columns| {
        for (miner, (count, [p, r, _])) in columns.miners().zip(columns.sums()) {
            let sum = sums.entry(miner).or_default();
            *sum = (sum.0 + u64::from(count), sum.1 + p, sum.2 + r);
        }
    })?;
    Ok(sums)
}

/// The answers of one miner to an event, and their sums of reports and prices; `None` without one.
pub(super) fn mean(
    connection: &Connection,
    id: i64,
    event: &EventRow,
    miner: MinerId,
) -> Result<Option<(u64, f64, f64)>, Fault> {
    let mut sum = (0, 0.0, 0.0);
    each_block(connection, id, event, |columns| {
        if let Some((_, (count, [p, r, _]))) = columns.miners().zip(columns.sums()).find(|(one, _)| *one == miner) {
            sum = (sum.0 + u64::from(count), sum.1 + p, sum.2 + r);
        }
    })?;
    Ok((sum.0 > 0).then_some(sum))
}

/// Hands over the statistics of each interval of an event that begins before its close.
fn each_block(
    connection: &Connection,
    id: i64,
    event: &EventRow,
    mut job: impl FnMut(&Columns<'_>),
) -> Result<(), Fault> {
    let close = event.resolved_at.unwrap_or(event.cutoff).min(event.cutoff);
    let last = Grid::of_minutes(event.interval_minutes).index(close.plus_ms(-1));
    let mut query =
        connection.prepare_cached("SELECT block FROM stats WHERE event = ?1 AND bracket = ?2 AND interval <= ?3")?;
    let mut rows = query.query(params![id, IN_FORCE, last])?;
    while let Some(row) = rows.next()? {
        let block = row.get_ref(0)?.as_blob().map_err(|e| Fault::Damaged(e.to_string()))?;
        job(&Columns::of(block)?);
    }
    Ok(())
}
