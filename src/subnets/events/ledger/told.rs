//! What an event service was told, and what is left to tell: predictions of closed intervals, scores of settled events.

use std::collections::BTreeMap;

use super::EventsLedger;
use super::block::Columns;
use super::read::{self, IS_IN_STATE, state_name};
use super::record::IN_FORCE;
use super::types::EventRow;
use crate::ledger::miners::{self, MinerId};
use crate::ledger::sql::{self, Connection, Transaction, params};
use crate::ledger::{Fault, LedgerError};
use crate::scoring::IntervalStats;
use crate::scoring::admission::EventState;
use crate::scoring::grid::Grid;
use crate::units::{Identity, UnixMs};

/// How long after an event was settled it may still be told of, ms.
const TOLD_WITHIN_MS: i64 = 7 * 86_400_000;

/// What was said about an event in an interval that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct ClosedInterval {
    /// The event's key.
    pub event: String,
    /// The interval's number on the event's grid.
    pub interval: i64,
    /// When it starts.
    pub start: UnixMs,
    /// Who said what.
    pub said: Vec<(Identity, IntervalStats)>,
}

/// The scores of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredRows {
    /// The event.
    pub event: EventRow,
    /// For each miner with a score: when the ledger first knew it, its last report where it made one, its score.
    pub rows: Vec<(Identity, UnixMs, Option<f64>, f64)>,
}

impl EventsLedger {
    /// Intervals of a provider's events that are over at `now` and not told, the oldest first, `count` at most.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn untold_intervals(
        &self,
        provider: &'static str,
        now: UnixMs,
        count: usize,
    ) -> Result<Vec<ClosedInterval>, LedgerError> {
        self.read(move |connection| intervals(connection, provider, now, count)).await
    }

    /// Events of a provider that were scored, or scored anew, and not told, `count` at most.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn untold_results(
        &self,
        provider: &'static str,
        now: UnixMs,
        count: usize,
    ) -> Result<Vec<ScoredRows>, LedgerError> {
        self.read(move |connection| results(connection, provider, now, count)).await
    }

    /// Notes that these intervals of events were told, in one transaction.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn told_intervals(&self, told: Vec<(String, i64)>) -> Result<(), LedgerError> {
        self.core()
            .write(move |transaction: &Transaction<'_>| -> Result<(), Fault> {
                let mut insert = transaction.prepare_cached(
                    "INSERT INTO told_intervals (event, interval) SELECT id, ?2 FROM events WHERE key = ?1
                     ON CONFLICT DO NOTHING",
                )?;
                for (event, interval) in &told {
                    insert.send(params![event, interval])?;
                }
                Ok(())
            })
            .await
    }

    /// Notes that the scores of an event were told, those of this settlement.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn told_results(&self, event: String, settled_at: UnixMs) -> Result<(), LedgerError> {
        self.core()
            .write(move |transaction: &Transaction<'_>| -> Result<(), Fault> {
                let sql = "INSERT INTO told_results (event, settled_at) SELECT id, ?2 FROM events WHERE key = ?1
                           ON CONFLICT (event) DO UPDATE SET settled_at = excluded.settled_at";
                transaction.prepare_cached(sql)?.execute(params![event, settled_at.0])?;
                Ok(())
            })
            .await
    }
}

fn intervals(connection: &Connection, provider: &str, now: UnixMs, count: usize) -> Result<Vec<ClosedInterval>, Fault> {
    let known = miners::all(connection)?;
    let mut query = connection.prepare_cached(
        "SELECT e.key, e.interval_minutes, s.interval, s.block FROM events e CROSS JOIN stats s
         WHERE e.provider = ?1 AND (e.state = ?2 OR e.settled_at > ?3) AND s.event = e.id AND s.bracket = ?4
           AND NOT EXISTS (SELECT 1 FROM told_intervals t WHERE t.event = s.event AND t.interval = s.interval)
         ORDER BY s.interval, e.id",
    )?;
    let mut rows = query.query(params![provider, state_name(EventState::Open), now.0 - TOLD_WITHIN_MS, IN_FORCE])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()?.filter(|_| found.len() < count) {
        let (grid, interval) = (Grid::of_minutes(row.get(1)?), row.get(2)?);
        if grid.start(interval + 1) > now {
            continue;
        }
        let block = row.get_ref(3)?.as_blob().map_err(|e| Fault::Damaged(e.to_string()))?;
        let cells = Columns::of(block)?.cells();
        let said = cells.filter_map(|(miner, stats)| Some((known.get(&miner)?.0, stats))).collect();
        found.push(ClosedInterval { event: row.get(0)?, interval, start: grid.start(interval), said });
    }
    Ok(found)
}

fn results(connection: &Connection, provider: &str, now: UnixMs, count: usize) -> Result<Vec<ScoredRows>, Fault> {
    let known = miners::all(connection)?;
    let mut query = connection.prepare_cached(&format!(
        "SELECT e.key FROM events e LEFT JOIN told_results t ON t.event = e.id
         WHERE e.provider = ?1 AND e.{IS_IN_STATE} = ?2 AND e.settled_at > ?3
           AND t.settled_at IS DISTINCT FROM e.settled_at
         ORDER BY e.settled_at, e.id LIMIT ?4",
    ))?;
    let limit = i64::try_from(count).unwrap_or(i64::MAX);
    let scored = state_name(EventState::Scored);
    let keys = query.query_map(params![provider, scored, now.0 - TOLD_WITHIN_MS, limit], |row| row.get(0))?;
    let keys: Vec<String> = keys.collect::<sql::Result<_>>()?;
    let mut found = Vec::new();
    for key in keys {
        let Some((id, event)) = read::event(connection, &key)? else { continue };
        let (last, mut rows) = (last_reports(connection, id)?, Vec::new());
        for (miner, score) in read::scores(connection, id)? {
            let Some((identity, since)) = known.get(&miner).copied() else { continue };
            rows.push((identity, since, last.get(&miner).copied(), score));
        }
        found.push(ScoredRows { event, rows });
    }
    Ok(found)
}

/// The last report of each miner about an event.
fn last_reports(connection: &Connection, event: i64) -> Result<BTreeMap<MinerId, f64>, Fault> {
    let mut query =
        connection.prepare_cached("SELECT block FROM stats WHERE event = ?1 AND bracket = ?2 ORDER BY interval")?;
    let mut rows = query.query(params![event, IN_FORCE])?;
    let mut last = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let block = row.get_ref(0)?.as_blob().map_err(|e| Fault::Damaged(e.to_string()))?;
        last.extend(Columns::of(block)?.cells().map(|(miner, stats)| (miner, stats.last.p)));
    }
    Ok(last)
}
