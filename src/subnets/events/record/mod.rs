//! A miner's own record: what it was asked, what it answered, and how it turned out, in a small SQLite file.
//!
//! Requests add to sums in memory; a duty writes them now and then. Of the answers to one event there is a row for every four
//! hours, whoever asked how often. What nobody has asked about for the time of retention is forgotten.

mod pending;
mod read;
mod store;
mod tally;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use pending::Asked;
use pending::Pending;
pub use read::{Asker, EventHistory, History, Outcome};
pub use store::Unsettled;
pub use tally::Tally;

use crate::clock::Clock;
use crate::ledger::{Fault, Ledger, LedgerError, Place, Schema};
use crate::market::{EventKey, Resolution};
use crate::scoring::grid::Grid;
use crate::units::{Account, UnixMs, millis};

/// The tables of the file.
pub const SCHEMA: Schema = Schema { kind: "events-asked", migrations: &[include_str!("0001.sql")] };

/// Answers are summed up over four hours, as the rules of the subnet do it.
pub const GRID: Grid = Grid::of_minutes(240);

/// Events remembered; the ones asked about longest ago go first.
const MAX_EVENTS: u32 = 200_000;

/// See the module. Clones are the same record; with the last one the file is closed.
#[derive(Debug, Clone)]
pub struct Record(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: Ledger,
    keep: Duration,
    pending: Mutex<Pending>,
}

impl Record {
    /// Opens the record at `path`, or begins it; events are kept for `keep` after they were last asked about.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open(path: &Path, keep: Duration) -> Result<Self, LedgerError> {
        let file = Ledger::open(path, &[SCHEMA])?;
        Ok(Self(Arc::new(Inner { file, keep, pending: Mutex::default() })))
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        self.0.file.place()
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes one request of `caller`. Waits for nothing.
    pub fn asked<'a>(&self, caller: Account, at: UnixMs, asked: impl Iterator<Item = Asked<'a>>) {
        self.pending().add(caller, at, asked);
    }

    /// Writes what was noted since the last time; what cannot be written is kept for the next.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn write(&self) -> Result<(), LedgerError> {
        let pending = std::mem::take(&mut *self.pending());
        if pending.is_empty() {
            return Ok(());
        }
        if pending.left_out > 0 {
            tracing::warn!(
                left_out = pending.left_out,
                "more events were asked about than the record can take at once; some are left out"
            );
        }
        let pending = Arc::new(Mutex::new(pending));
        let written = {
            let pending = Arc::clone(&pending);
            self.0.file.write(move |transaction| {
                store::add(transaction, &pending.lock().unwrap_or_else(PoisonError::into_inner))
            })
        };
        let written = written.await;
        if written.is_err() {
            let older = std::mem::take(&mut *pending.lock().unwrap_or_else(PoisonError::into_inner));
            self.pending().put_back(older);
        }
        written
    }

    /// Up to `limit` events whose end is to be asked for at `now`: those whose cutoff is over, or that nobody has asked about for
    /// an hour, first the ones asked for longest ago, none twice within `pause`.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn unsettled(&self, now: UnixMs, pause: Duration, limit: u32) -> Result<Vec<Unsettled>, LedgerError> {
        self.0.file.read(move |connection| store::unsettled(connection, now, pause, limit)).await
    }

    /// Notes how events stand at `now`, as their markets say; `None` when a market did not say.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn looked(&self, found: Vec<(EventKey, Option<Resolution>)>, now: UnixMs) -> Result<(), LedgerError> {
        self.0.file.write(move |transaction| store::looked(transaction, &found, now)).await
    }

    /// Forgets what is too old by `clock`, which may be wrong ([`Ledger::patient_now`]); says how many events that were.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn forget(&self, clock: &Clock) -> Result<usize, LedgerError> {
        let keep = millis(self.0.keep);
        let now = self.0.file.patient_now(clock).await?;
        let before = UnixMs(now.0.saturating_sub(keep));
        self.0.file.write(move |transaction| Ok::<_, Fault>(store::forget(transaction, before, MAX_EVENTS)?)).await
    }
}

#[cfg(test)]
mod tests;
