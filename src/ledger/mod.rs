//! Durable state in SQLite: one file, one owner, one writing thread.
//!
//! The core knows who the miners are, counts, keeps notes, and the journal of weights. What a kind of work keeps beside that are
//! tables of its own: it brings a [`Schema`], and its jobs run in one transaction with the core's. Kill the process
//! anywhere and a transaction is there as a whole or not at all.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use neuron::ledger::{Fault, Ledger, Schema, notes};
//!
//! const WEATHER: Schema = Schema { kind: "weather", migrations: &["CREATE TABLE rain (at INTEGER PRIMARY KEY, mm REAL)"] };
//! let folder = tempfile::tempdir()?;
//! let ledger = Ledger::open(folder.path().join("validator.sqlite"), &[WEATHER])?;
//! ledger
//!     .write(|transaction| -> Result<(), Fault> {
//!         transaction.execute("INSERT INTO rain (at, mm) VALUES (1, 2.5)", [])?;
//!         notes::set(transaction, "last_rain", "1")
//!     })
//!     .await?;
//! assert_eq!(ledger.note("last_rain").await?.as_deref(), Some("1"));
//! # Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
//! ```

pub mod counters;
mod error;
pub mod miners;
pub mod notes;
mod open;
pub(crate) mod pulse;
mod read_only;
mod schema;
mod thread;
pub mod weight_jobs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::{Fault, JobError, LedgerError};
pub use read_only::ReadOnly;
pub use rusqlite;
use rusqlite::{Connection, Transaction, TransactionBehavior};
pub use schema::Schema;
pub use weight_jobs::{WeightJob, WeightStep};

use crate::units::{Identity, UnixMs};
use thread::Worker;

/// An open ledger. Cheap to clone; the last clone that is dropped closes it and gives the file free.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    // Dropped in this order: the reader first, then the writer with the lock.
    reader: Worker,
    writer: Worker,
}

impl Ledger {
    /// Opens the ledger at `path`, creating folder (0700), file (0600), and the tables of the core and of `kinds` as
    /// needed. Blocks shortly.
    ///
    /// # Errors
    /// [`LedgerError::InUse`] when another process has it open, [`LedgerError::Corrupt`] when it is something else,
    /// [`LedgerError::TooNew`], [`LedgerError::File`], [`LedgerError::Full`].
    pub fn open(path: impl AsRef<Path>, kinds: &[Schema]) -> Result<Self, LedgerError> {
        let path = path.as_ref();
        let lock = open::lock(path)?;
        let writer = Worker::spawn("ledger-write", path, open::writable(path, kinds)?, lock)?;
        let reader = Worker::spawn("ledger-read", path, open::readable(path, kinds)?, ())?;
        Ok(Self(Arc::new(Inner { path: path.to_path_buf(), reader, writer })))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Reads, on a thread of its own.
    ///
    /// # Errors
    /// What `job` fails with, with the ledger's name; [`LedgerError::Closed`].
    pub async fn read<T, E, F>(&self, job: F) -> Result<T, E::Named>
    where
        T: Send + 'static,
        E: JobError,
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        self.0.reader.run(|connection| job(connection)).await
    }

    /// Writes in one transaction, on a thread of its own: when this returns without error all of it is on disk, when it
    /// fails nothing is. A caller that goes away meanwhile changes neither.
    ///
    /// # Errors
    /// What `job` fails with, with the ledger's name; [`LedgerError::Full`], [`LedgerError::Closed`].
    pub async fn write<T, E, F>(&self, job: F) -> Result<T, E::Named>
    where
        T: Send + 'static,
        E: JobError,
        F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    {
        let whole = |connection: &mut Connection| -> Result<T, E> {
            let transaction = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(|error| E::from(Fault::from(error)))?;
            let done = job(&transaction)?;
            transaction.commit().map_err(|error| E::from(Fault::from(error)))?;
            Ok(done)
        };
        self.0.writer.run(whole).await
    }

    /// Notes who is registered at `at`: for rules that judge silence.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn know_miners(&self, miners: Vec<Identity>, at: UnixMs) -> Result<(), LedgerError> {
        self.write(move |transaction| miners::seen(transaction, &miners, at)).await
    }

    /// Every identity the ledger knows, with when it was first known.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn identities(&self) -> Result<Vec<(Identity, UnixMs)>, LedgerError> {
        self.read(|connection| Ok::<_, Fault>(miners::all(connection)?.into_values().collect())).await
    }

    /// Writes a small note of the caller under a name.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn set_note(&self, name: String, value: String) -> Result<(), LedgerError> {
        self.write(move |transaction| notes::set(transaction, &name, &value)).await
    }

    /// Reads a note.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn note(&self, name: &str) -> Result<Option<String>, LedgerError> {
        let name = name.to_owned();
        self.read(move |connection| notes::get(connection, &name)).await
    }

    /// Everything counted since the ledger was made: fates of submissions, and what callers dropped, by reason.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn counters(&self) -> Result<BTreeMap<String, u64>, LedgerError> {
        self.read(counters::all).await
    }
}
