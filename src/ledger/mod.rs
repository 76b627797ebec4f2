//! Durable state in SQLite: events, prices, submissions as sufficient statistics, scores.
//!
//! One file, one owner, one writing thread. A tick is one transaction, a resolution is one transaction: kill the
//! process anywhere and nothing that was accepted is lost, nothing is counted twice. Scores are a pure function of what
//! is stored (`crate::scoring`), so that they can be recomputed at any time.
//!
//! Size: 80 bytes per miner, event and interval with a report (100 open events, 256 miners and 4-hour intervals make
//! 12 MB a day), 16 bytes per single report for [`Options::raw_hours`], 20 bytes per price.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use neuron::ledger::{Ledger, Options, Tick};
//! let ledger = Ledger::open("validator.sqlite", Options::default())?;
//! let report = ledger.record_tick(Tick::default()).await?;
//! assert!(report.recorded);
//! # Ok(()) }
//! ```

mod archive;
mod block;
mod conditions;
mod error;
mod known;
mod open;
mod read;
mod record;
mod reports;
mod settle;
mod standing;
mod thread;
mod types;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

pub use archive::{Archive, Difference, Rescored, Verification};
pub use error::LedgerError;
pub use reports::{CellLine, MeanReport};
pub use types::{
    ConditionSet, EventRow, IntervalLine, NewEvent, Outcome, PriceRow, Resolution, ScoredLine, Settlement, Standing,
    Standings, Submission, Tick, TickReport, WeightSet,
};

use crate::scoring::Rules;
use crate::scoring::grid::Grid;
use crate::scoring::window::shares;
use crate::units::{Identity, UnixMs};
use error::Fault;
use read::Which;
use thread::Worker;

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

/// An open ledger. Cheap to clone; the last clone that is dropped closes it and gives the file free.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    options: Options,
    // Dropped in this order: the reader first, then the writer with the lock.
    reader: Worker,
    writer: Worker,
}

impl Ledger {
    /// Opens the ledger at `path`, creating folder (0700), file (0600) and tables as needed. Blocks shortly.
    ///
    /// # Errors
    /// [`LedgerError::InUse`] when another process has it open, [`LedgerError::Corrupt`] when it is something else,
    /// [`LedgerError::TooNew`], [`LedgerError::File`], [`LedgerError::Full`].
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, LedgerError> {
        let path = path.as_ref();
        let lock = open::lock(path)?;
        let writer = Worker::spawn("ledger-write", path, open::writable(path)?, lock)?;
        let reader = Worker::spawn("ledger-read", path, open::readable(path)?, ())?;
        Ok(Self(Arc::new(Inner { path: path.to_path_buf(), options, reader, writer })))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// How it works.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    async fn read<T, F>(&self, job: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    {
        self.0.reader.run(|connection| job(connection)).await
    }

    async fn write<T, F>(&self, job: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection, &Rules) -> Result<T, Fault> + Send + 'static,
    {
        let rules = self.0.options.rules.clone();
        self.0.writer.run(move |connection| job(connection, &rules)).await
    }

    /// Adds events that are new and takes over text, cutoff and end of those that are known and open; returns how many
    /// were new. The opening time of a known event never changes.
    ///
    /// # Errors
    /// Those of the file: [`LedgerError::Full`], [`LedgerError::Corrupt`], [`LedgerError::Closed`].
    pub async fn upsert_events(&self, events: Vec<NewEvent>) -> Result<usize, LedgerError> {
        self.write(move |connection, rules| record::upsert_events(connection, &events, rules)).await
    }

    /// Records a query round in one transaction. When this returns without error it is on disk; when it fails nothing
    /// of it is, and it may be repeated: a round is recorded once, however often it is handed over.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn record_tick(&self, tick: Tick) -> Result<TickReport, LedgerError> {
        self.write(move |connection, rules| record::record_tick(connection, &tick, rules)).await
    }

    /// Notes who is registered at `at`. Needed by `peer_log`, which judges silence: of those that it saw registered at least
    /// an interval before the last counted one ended, and still registered when it did.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn know_miners(&self, miners: Vec<Identity>, at: UnixMs) -> Result<(), LedgerError> {
        self.write(move |connection, _| record::know_miners(connection, &miners, at)).await
    }

    /// Records how an event ended and scores it, in one transaction. Repeating it changes nothing; another outcome or
    /// time replaces all scores of the event at once.
    ///
    /// # Errors
    /// [`LedgerError::UnknownEvent`], [`LedgerError::BadOutcome`], those of the file.
    pub async fn resolve(&self, resolution: Resolution) -> Result<Settlement, LedgerError> {
        self.write(move |connection, rules| settle::resolve(connection, &resolution, rules)).await
    }

    /// Remembers weights handed to the chain.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn record_weights(&self, set: WeightSet) -> Result<(), LedgerError> {
        self.write(move |connection, _| record::record_weights(connection, &set)).await
    }

    /// The last weights handed to the chain.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn last_weights(&self) -> Result<Option<WeightSet>, LedgerError> {
        self.read(read::last_weights).await
    }

    /// Writes a small note of the caller under a name.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn set_note(&self, name: String, value: String) -> Result<(), LedgerError> {
        self.write(move |connection, _| record::set_note(connection, &name, &value)).await
    }

    /// Reads a note.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn note(&self, name: String) -> Result<Option<String>, LedgerError> {
        self.read(move |connection| read::note(connection, &name)).await
    }

    /// Forgets what the options no longer ask to keep, as of `now`; returns how many settled events were forgotten.
    /// Call it every hour or so.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn prune(&self, now: UnixMs) -> Result<usize, LedgerError> {
        const HOUR_MS: i64 = 3_600_000;
        let raw = now.plus_ms(-i64::from(self.0.options.raw_hours) * HOUR_MS);
        let settled = now.plus_ms(-i64::from(self.0.options.retention_days) * 24 * HOUR_MS);
        self.write(move |connection, _| record::prune(connection, raw, settled)).await
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
        let rules = self.0.options.rules.clone();
        self.read(move |connection| standing::standings(connection, &rules)).await
    }

    /// The shares of the identities that are registered now: one entry each, sum 1. `None` when nobody has earned
    /// anything or fewer than `min_events` events count: then the weights on chain are to stay as they are.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn weights(&self, registered: &[Identity]) -> Result<Option<Vec<(Identity, f64)>>, LedgerError> {
        let standings = self.standings().await?;
        if standings.events < self.0.options.rules.min_events {
            return Ok(None);
        }
        let rewards: BTreeMap<_, _> = standings.miners.iter().map(|s| (s.identity, s.reward)).collect();
        let of = |identity: &Identity| (*identity, rewards.get(identity).copied().unwrap_or(0.0));
        Ok(shares(&registered.iter().map(of).collect::<Vec<_>>()))
    }

    /// The number of events each miner has a score in, over all that the ledger keeps.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn predicted(&self) -> Result<BTreeMap<Identity, u64>, LedgerError> {
        self.read(|connection| {
            let miners = read::miners(connection)?;
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
        self.read(move |connection| match read::miner(connection, identity)? {
            Some(miner) => read::history(connection, miner, limit),
            None => Ok(Vec::new()),
        })
        .await
    }

    /// A miner's statistics on one event, interval by interval.
    ///
    /// # Errors
    /// [`LedgerError::UnknownEvent`], those of the file.
    pub async fn intervals(&self, identity: Identity, key: String) -> Result<Vec<IntervalLine>, LedgerError> {
        self.read(move |connection| {
            let (id, event) = read::event(connection, &key)?.ok_or(LedgerError::UnknownEvent { key })?;
            match read::miner(connection, identity)? {
                Some(miner) => read::intervals(connection, id, miner, Grid::of_minutes(event.interval_minutes)),
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

    /// Everything counted since the ledger was made: fates of submissions, and what callers dropped, by reason.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn counters(&self) -> Result<BTreeMap<String, u64>, LedgerError> {
        self.read(read::counters).await
    }

    /// Every identity the ledger knows, with when it was first known.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn identities(&self) -> Result<Vec<(Identity, UnixMs)>, LedgerError> {
        self.read(|connection| Ok(read::miners(connection)?.into_values().collect())).await
    }
}
