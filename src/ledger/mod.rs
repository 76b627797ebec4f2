//! Durable state in SQLite or PostgreSQL: one owner, one writing thread.
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
mod file;
pub mod lease;
mod memo;
pub mod miners;
pub mod notes;
mod open;
mod patience;
mod place;
#[cfg(feature = "postgres")]
mod postgres;
pub(crate) mod pulse;
mod read_only;
mod schema;
pub mod sql;
mod thread;
mod transfer;
pub mod weight_jobs;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use error::{Fault, JobError, LedgerError};
pub use memo::Memo;
pub use open::{Fence, Ownership};
pub use place::{Address, AddressError, Encryption, Place};
#[cfg(feature = "postgres")]
pub use postgres::PostgresError;
pub use read_only::ReadOnly;
pub use rusqlite;
pub use schema::Schema;
pub use transfer::{Moved, transfer};
pub use weight_jobs::{WeightJob, WeightStep};

use crate::units::{Identity, UnixMs};
use sql::{Connection, Transaction};
use thread::Worker;

/// An open ledger. Cheap to clone; the last clone that is dropped closes it and gives it free.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    place: Place,
    ownership: Ownership,
    patience: patience::Patience,
    // Dropped in this order: the reader first, then the writer with the lock.
    reader: Worker,
    writer: Worker,
}

impl Ledger {
    /// Opens the ledger at `place`, creating what is needed: folder (0700) and file (0600), or the schema of a database; the
    /// tables of the core and of `kinds`. Blocks shortly.
    ///
    /// # Errors
    /// [`LedgerError::InUse`] when another process has it open, [`LedgerError::Corrupt`] when it is something else,
    /// [`LedgerError::TooNew`], [`LedgerError::File`], [`LedgerError::Full`]; of a database also [`LedgerError::Away`] and
    /// [`LedgerError::Refused`].
    pub fn open(place: impl Into<Place>, kinds: &[Schema]) -> Result<Self, LedgerError> {
        Self::open_as(place.into(), kinds, Ownership::Alone)
    }

    /// The same, with a say in what keeps other processes from writing.
    ///
    /// # Errors
    /// As [`Ledger::open`], and those of the fence.
    pub fn open_as(place: Place, kinds: &[Schema], ownership: Ownership) -> Result<Self, LedgerError> {
        let (connection, lock) = open::writable(&place, kinds, &ownership)?;
        let writer = Worker::spawn("ledger-write", &place, connection, lock)?;
        let reader = Worker::spawn("ledger-read", &place, open::readable(&place, kinds)?, ())?;
        let patience = patience::Patience::default();
        Ok(Self(Arc::new(Inner { place, ownership, patience, reader, writer })))
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.0.place
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
    /// What `job` fails with, with the ledger's name; [`LedgerError::Full`], [`LedgerError::Closed`]; of a database also
    /// [`LedgerError::Away`], [`LedgerError::Fenced`], and [`LedgerError::Uncertain`], where alone it is not known.
    pub async fn write<T, E, F>(&self, job: F) -> Result<T, E::Named>
    where
        T: Send + 'static,
        E: JobError,
        F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    {
        let ownership = self.0.ownership.clone();
        let whole = move |connection: &mut Connection| -> Result<T, E> {
            let named = |error: sql::Error| E::from(Fault::from(error));
            let transaction = connection.transaction().map_err(named)?;
            let done = job(&transaction)?;
            ownership.check(&transaction)?;
            transaction.commit().map_err(named)?;
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
