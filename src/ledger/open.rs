//! Opening a ledger, wherever it is: one owner at a time, migrations.

use std::fs::File;
use std::sync::Arc;

use super::error::{Fault, JobError, LedgerError};
use super::file;
use super::place::Place;
#[cfg(feature = "postgres")]
use super::postgres;
use super::schema::{self, Schema};
use super::sql::{Connection, Transaction};

/// What keeps a second writer out of a ledger.
#[derive(Debug, Clone, Default)]
pub enum Ownership {
    /// There is one process: a locked file beside SQLite's, a lock of the session in PostgreSQL.
    #[default]
    Alone,
    /// There may be several processes, of which one writes at a time. For PostgreSQL; a file is locked all the same.
    Leased(Arc<dyn Fence>),
}

/// Says in each transaction that writes whether this process may still do it.
pub trait Fence: std::fmt::Debug + Send + Sync {
    /// Called after what is to be written, and before that is made to last.
    ///
    /// # Errors
    /// [`Fault::Fenced`] when another process has taken over; those of the database. Then nothing is written.
    fn check(&self, transaction: &Transaction<'_>) -> Result<(), Fault>;
}

impl Ownership {
    /// See [`Fence::check`].
    pub(super) fn check(&self, transaction: &Transaction<'_>) -> Result<(), Fault> {
        match self {
            Self::Alone => Ok(()),
            Self::Leased(fence) => fence.check(transaction),
        }
    }
}

/// Opens a ledger for writing, creating and migrating it; with what holds it for this process.
pub(super) fn writable(
    place: &Place,
    kinds: &[Schema],
    ownership: &Ownership,
) -> Result<(Connection, Option<File>), LedgerError> {
    let (mut connection, lock) = match place {
        Place::File(path) => {
            let lock = file::lock(path)?;
            (Connection::from(file::writable(path)?), Some(lock))
        }
        #[cfg(feature = "postgres")]
        Place::Database(address) => {
            let purpose = match ownership {
                Ownership::Alone => postgres::Purpose::Own,
                Ownership::Leased(_) => postgres::Purpose::Lease,
            };
            (connect(address, purpose)?, None)
        }
        #[cfg(not(feature = "postgres"))]
        Place::Database(_) => return Err(unknown(place)),
    };
    schema::migrate(place, &mut connection, kinds, |transaction| {
        ownership.check(transaction).map_err(|fault| fault.at(place))
    })?;
    Ok((connection, lock))
}

/// Opens a ledger for reading only; it may be in use by a validator.
pub(super) fn readable(place: &Place, kinds: &[Schema]) -> Result<Connection, LedgerError> {
    let connection = match place {
        Place::File(path) => Connection::from(file::readable(path)?),
        #[cfg(feature = "postgres")]
        Place::Database(address) => connect(address, postgres::Purpose::Read)?,
        #[cfg(not(feature = "postgres"))]
        Place::Database(_) => return Err(unknown(place)),
    };
    schema::check(place, &connection, kinds)?;
    Ok(connection)
}

#[cfg(feature = "postgres")]
fn connect(address: &super::place::Address, purpose: postgres::Purpose) -> Result<Connection, LedgerError> {
    Connection::of_postgres(address, purpose).map_err(|e| super::error::explain(&address.into(), &e))
}

impl super::place::Address {
    /// The ledgers in the same database, by schema.
    ///
    /// # Errors
    /// [`LedgerError::Away`], [`LedgerError::Refused`].
    #[cfg(feature = "postgres")]
    pub fn ledgers(&self) -> Result<Vec<Self>, LedgerError> {
        let find = |connection: &Connection| -> Result<Vec<String>, Fault> {
            let sql = "SELECT schemaname FROM pg_tables WHERE tablename = 'schema_versions' ORDER BY schemaname";
            Ok(connection.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect::<super::sql::Result<_>>()?)
        };
        let found = find(&connect(self, postgres::Purpose::Read)?).map_err(|fault| fault.at(&self.into()))?;
        Ok(found.into_iter().filter_map(|schema| self.clone().in_schema(schema).ok()).collect())
    }

    /// The ledgers in the same database, by schema.
    ///
    /// # Errors
    /// [`LedgerError::Refused`].
    #[cfg(not(feature = "postgres"))]
    pub fn ledgers(&self) -> Result<Vec<Self>, LedgerError> {
        Err(unknown(&self.into()))
    }
}

#[cfg(not(feature = "postgres"))]
fn unknown(place: &Place) -> LedgerError {
    let reason = "this program was built without the feature `postgres`".to_owned();
    LedgerError::Refused { place: place.clone(), reason }
}
