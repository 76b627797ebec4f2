//! The events' part of a ledger: events, prices, submissions as sufficient statistics, scores.
//!
//! A tick is one transaction, a resolution is one transaction: kill the process anywhere and nothing that was accepted is
//! lost, nothing is counted twice. Scores are a pure function of what is stored (`crate::scoring`), so that they can be
//! recomputed at any time.
//!
//! Size: some 50 bytes per miner, event and interval with a report (100 open events, 256 miners and 4-hour intervals make
//! 8 MB a day), 16 bytes per single report for [`Options::raw_hours`], 30 bytes per price. `scripts/events-day.sh` measures it.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use neuron::subnets::events::ledger::{EventsLedger, Options, Tick};
//! let folder = tempfile::tempdir()?;
//! let ledger = EventsLedger::open(folder.path().join("validator.sqlite"), Options::default())?;
//! let report = ledger.record_tick(Tick::default()).await?;
//! assert!(report.recorded);
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
//! ```

mod archive;
mod block;
mod changes;
mod column;
mod conditions;
mod counts;
mod error;
mod front;
mod known;
mod lives;
mod look;
mod prices;
mod read;
mod reasons;
mod record;
mod reports;
mod reviews;
mod settle;
mod standing;
mod told;
mod training;
mod types;

use std::collections::BTreeMap;

pub use archive::{Archive, Difference, Rescored, Verification};
pub use error::EventsLedgerError;
pub use front::{EventScores, HistoryPlace, NumberedChange};
pub use lives::{Answer, Life, Numbered};
pub use look::{Listed, Whole};
pub use prices::{PriceCheck, PriceDispute, PriceSeen};
pub use read::{STATES, state_name, state_named};
pub use reasons::{LONGEST_REASON, Reason};
pub use reports::{CellLine, MeanReport};
pub use reviews::{ReviewChange, ReviewSeen};
pub use told::{ClosedInterval, ScoredRows};
pub use types::{
    ConditionSet, EventChange, EventRow, IntervalLine, NewEvent, Outcome, PriceRow, Reasoning, Resolution, ScoredLine,
    Settlement, Standing, Standings, Submission, Tick, TickReport,
};

use crate::ledger::sql::{Connection, Transaction};
use crate::ledger::{Fault, Ledger, LedgerError, Place, Schema, miners};
use crate::market::Review;
use crate::scoring::Rules;
use crate::scoring::grid::Grid;
use crate::scoring::window::shares;
use crate::units::{Identity, UnixMs};
use error::EventFault;
use read::Which;

/// The tables of events.
pub const SCHEMA: Schema = Schema {
    kind: "events",
    migrations: &[
        include_str!("migrations/0001.sql"),
        include_str!("migrations/0002.sql"),
        include_str!("migrations/0003.sql"),
        include_str!("migrations/0004.sql"),
        include_str!("migrations/0005.sql"),
        include_str!("migrations/0006.sql"),
        include_str!("migrations/0007.sql"),
        include_str!("migrations/0008.sql"),
        include_str!("migrations/0009.sql"),
    ],
};

/// How long miners' words are kept, days.
const REASONS_DAYS: i64 = 7;

/// How a ledger works.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The scoring rules. Interval length, maximum price age and reference pick apply to what is recorded from now on;
    /// the rest applies to everything.
    pub rules: Rules,
    /// How long single reports are kept, hours. At least an interval and the time a resolution may be seen late;
    /// longer makes a log for audit.
    pub raw_hours: u32,
    /// How long settled events are kept, days. At least as long as the window of the average reaches back.
    pub retention_days: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { rules: Rules::default(), raw_hours: 6, retention_days: 400 }
    }
}

/// A ledger that keeps events. Cheap to clone; the last clone that is dropped closes it.
#[derive(Debug, Clone)]
pub struct EventsLedger {
    core: Ledger,
    options: Options,
}

impl EventsLedger {
    /// Opens the ledger at `place` by itself. Blocks shortly.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open(place: impl Into<Place>, options: Options) -> Result<Self, LedgerError> {
        Ok(Self::over(Ledger::open(place, &[SCHEMA])?, options))
    }

    /// The events in a ledger that was opened with [`SCHEMA`].
    #[must_use]
    pub const fn over(core: Ledger, options: Options) -> Self {
        Self { core, options }
    }

    /// The ledger that they are in.
    #[must_use]
    pub const fn core(&self) -> &Ledger {
        &self.core
    }

    /// How it works.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    async fn read<T, F>(&self, job: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        self.core.read(job).await
    }

    /// Adds events that are new and takes over text, cutoff and end of those that are known and open; returns how many
    /// were new. The opening time of a known event never changes.
    ///
    /// # Errors
    /// Those of the file: [`LedgerError::Full`], [`LedgerError::Corrupt`], [`LedgerError::Closed`].
    pub async fn upsert_events(&self, events: Vec<NewEvent>) -> Result<usize, LedgerError> {
        let rules = self.options.rules.clone();
        self.core.write(move |transaction| record::upsert_events(transaction, &events, &rules)).await
    }

    /// Records a query round in one transaction. When this returns without error it is on disk; when it fails nothing
    /// of it is, and it may be repeated: a round is recorded once, however often it is handed over.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn record_tick(&self, tick: Tick) -> Result<TickReport, LedgerError> {
        let rules = self.options.rules.clone();
        self.core.write(move |transaction| record::record_tick(transaction, &tick, &rules)).await
    }

    /// Counts prices that were compared with a second source's, and keeps those that differ by more than `bound`.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn record_checks(&self, checks: Vec<PriceCheck>, bound: f64) -> Result<(), LedgerError> {
        self.core.write(move |transaction| prices::record_checks(transaction, &checks, bound)).await
    }

    /// Records how an event ended and scores it, in one transaction. Repeating it changes nothing; another outcome or
    /// time replaces all scores of the event at once.
    ///
    /// # Errors
    /// [`EventsLedgerError::UnknownEvent`], [`EventsLedgerError::BadOutcome`], those of the file.
    pub async fn resolve(&self, resolution: Resolution) -> Result<Settlement, EventsLedgerError> {
        let rules = self.options.rules.clone();
        self.core.write(move |transaction| settle::resolve(transaction, &resolution, &rules)).await
    }

    /// Forgets what the options no longer ask to keep, as of `now`; returns how many settled events were forgotten.
    /// Call it every hour or so.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn prune(&self, now: UnixMs) -> Result<usize, LedgerError> {
        const HOUR_MS: i64 = 3_600_000;
        let raw = now.plus_ms(-i64::from(self.options.raw_hours) * HOUR_MS);
        let settled = now.plus_ms(-i64::from(self.options.retention_days) * 24 * HOUR_MS);
        let reasons = now.plus_ms(-REASONS_DAYS * 24 * HOUR_MS);
        let forget = move |transaction: &Transaction<'_>| {
            reasons::forget(transaction, reasons)?;
            record::prune(transaction, raw, settled)
        };
        self.core.write(forget).await
    }

    /// Events that may be asked for at `now`: open, offered, before their cutoff.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn open_events(&self, now: UnixMs) -> Result<Vec<EventRow>, LedgerError> {
        self.list(Which::Answerable(now)).await
    }

    /// Events without an outcome, whatever their cutoff.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn unsettled(&self) -> Result<Vec<EventRow>, LedgerError> {
        self.list(Which::Unsettled).await
    }

    /// Events that were settled, or corrected, at `since` or later.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn settled_since(&self, since: UnixMs) -> Result<Vec<EventRow>, LedgerError> {
        self.list(Which::SettledSince(since)).await
    }

    /// Events that were settled, and whose outcome the market's oracle has called proposed or disputed since.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn under_review(&self) -> Result<Vec<EventRow>, LedgerError> {
        self.list(Which::UnderReview).await
    }

    /// Keeps what markets' oracles say of outcomes, by event key, where that is new; returns what is.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn record_reviews(
        &self,
        seen: Vec<(String, Review)>,
        at: UnixMs,
    ) -> Result<Vec<ReviewChange>, LedgerError> {
        self.core.write(move |transaction| reviews::record(transaction, &seen, at)).await
    }

    /// All events, by key.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn all_events(&self) -> Result<Vec<EventRow>, LedgerError> {
        self.list(Which::All).await
    }

    async fn list(&self, which: Which) -> Result<Vec<EventRow>, LedgerError> {
        self.read(move |connection| Ok(read::events(connection, which)?.into_iter().map(|(_, event)| event).collect()))
            .await
    }

    /// The life of an event: every change of its state, cutoff or outcome, in the order in which they were seen. Empty for an
    /// unknown one.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn changes(&self, key: String) -> Result<Vec<EventChange>, LedgerError> {
        self.read(move |connection| changes::of(connection, &key)).await
    }

    /// When the last round was recorded.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn last_tick(&self) -> Result<Option<UnixMs>, LedgerError> {
        self.read(|connection| {
            let mut query = connection.prepare_cached("SELECT MAX(at) FROM ticks")?;
            Ok(query.query_row([], |row| row.get::<Option<i64>>(0))?.map(UnixMs))
        })
        .await
    }

    /// One event, if known.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn event(&self, key: String) -> Result<Option<EventRow>, LedgerError> {
        self.read(move |connection| Ok(read::event(connection, &key)?.map(|(_, event)| event))).await
    }

    /// The averages of every miner with a score in the window.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn standings(&self) -> Result<Standings, LedgerError> {
        let rules = self.options.rules.clone();
        self.read(move |connection| standing::standings(connection, &rules)).await
    }

    /// The shares of the identities that are registered now: one entry each, sum 1. `None` when nobody has earned
    /// anything or fewer than `min_events` events count: then the weights on chain are to stay as they are.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn weights(&self, registered: &[Identity]) -> Result<Option<Vec<(Identity, f64)>>, LedgerError> {
        let (rules, registered) = (self.options.rules.clone(), registered.to_vec());
        self.read(move |connection| allotment(connection, &rules, &registered)).await
    }

    /// The number of events each miner has a score in, over all that the ledger keeps.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn predicted(&self) -> Result<BTreeMap<Identity, u64>, LedgerError> {
        self.read(|connection| {
            let miners = miners::all(connection)?;
            let counts = standing::predicted(connection)?;
            Ok(counts.into_iter().filter_map(|(id, n)| Some((miners.get(&id)?.0, n))).collect())
        })
        .await
    }

    /// A miner's last scores, latest resolution first, with the events that it did not predict.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn history(&self, identity: Identity, limit: usize) -> Result<Vec<ScoredLine>, LedgerError> {
        self.read(move |connection| match miners::find(connection, identity)? {
            Some(miner) => front::history(connection, miner, None, limit),
            None => Ok(Vec::new()),
        })
        .await
    }

    /// A miner's statistics on one event, interval by interval.
    ///
    /// # Errors
    /// [`EventsLedgerError::UnknownEvent`], those of the file.
    pub async fn intervals(&self, identity: Identity, key: String) -> Result<Vec<IntervalLine>, EventsLedgerError> {
        self.core
            .read(move |connection| -> Result<_, EventFault> {
                let (id, event) = read::event(connection, &key)?.ok_or(EventFault::UnknownEvent { key })?;
                match miners::find(connection, identity)? {
                    Some(miner) => {
                        Ok(read::intervals(connection, id, miner, Grid::of_minutes(event.interval_minutes))?)
                    }
                    None => Ok(Vec::new()),
                }
            })
            .await
    }

    /// Every price kept of an event, by time.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn prices(&self, key: String) -> Result<Vec<(UnixMs, f64)>, LedgerError> {
        self.read(move |connection| read::prices(connection, &key)).await
    }
}

/// See [`EventsLedger::weights`].
pub(super) fn allotment(
    connection: &Connection,
    rules: &Rules,
    registered: &[Identity],
) -> Result<Option<Vec<(Identity, f64)>>, Fault> {
    let standings = standing::standings(connection, rules)?;
    if standings.events < rules.min_events {
        return Ok(None);
    }
    let rewards: BTreeMap<_, _> = standings.miners.iter().map(|s| (s.identity, s.reward)).collect();
    let of = |identity: &Identity| (*identity, rewards.get(identity).copied().unwrap_or(0.0));
    Ok(shares(&registered.iter().map(of).collect::<Vec<_>>()))
}
