//! One face of two databases, in the manner of `rusqlite`: what is written over it runs on SQLite and on PostgreSQL.
//!
//! One text of a statement serves both. It keeps to what both know: `?1` for values, `ON CONFLICT … DO UPDATE` with the names of
//! tables before columns, `RETURNING id` for the number of a new row, `IS DISTINCT FROM` for what may be nothing. A table without
//! a primary key has a `rowid`, by which its rows are in the order in which they came.
//!
//! SQLite is called as it would be without this room: values are bound and read where they lie.

mod error;
mod statement;
mod value;

use std::ops::Deref;

pub use crate::__sql_params as params;
pub use error::{Error, OptionalExtension, Result};
pub use statement::{Mapped, Row, Rows, Statement};
pub use value::{FromSql, Owned, Params, ToSql, Value, WrongKind};

use super::error::LedgerError;
use super::place::Place;
#[cfg(feature = "postgres")]
use super::postgres;

/// A connection to one of the two. It belongs to one thread at a time.
#[derive(Debug)]
pub struct Connection(pub(super) Backend);

#[derive(Debug)]
pub(super) enum Backend {
    Sqlite(rusqlite::Connection),
    #[cfg(feature = "postgres")]
    Postgres(Box<postgres::Session>),
}

impl From<rusqlite::Connection> for Connection {
    fn from(connection: rusqlite::Connection) -> Self {
        Self(Backend::Sqlite(connection))
    }
}

impl Connection {
    /// A statement, kept for the next time by its text.
    ///
    /// # Errors
    /// SQLite does not understand it. PostgreSQL says so when it is run: only then are the types of its values known.
    pub fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>> {
        match &self.0 {
            Backend::Sqlite(connection) => Ok(Statement::of_sqlite(connection.prepare_cached(sql)?)),
            #[cfg(feature = "postgres")]
            Backend::Postgres(session) => Ok(Statement::of_postgres(session, sql)),
        }
    }

    /// Runs a statement, and says how many rows it touched.
    ///
    /// # Errors
    /// Those of the database.
    pub fn execute<P: Params>(&self, sql: &str, values: P) -> Result<usize> {
        self.prepare_cached(sql)?.execute(values)
    }

    /// The first row of a query.
    ///
    /// # Errors
    /// [`Error::NoRows`], those of the database.
    pub fn query_row<P: Params, T>(&self, sql: &str, values: P, map: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<T> {
        self.prepare_cached(sql)?.query_row(values, map)
    }

    /// Says what will be asked next in this transaction, besides what is asked first: PostgreSQL is asked for all of it at once, for a
    /// way to the server costs more than what is found there. A write in between makes it void. SQLite has no use for it.
    #[cfg_attr(
        feature = "postgres",
        expect(clippy::needless_pass_by_value, reason = "values are an array that is written where it is used")
    )]
    pub fn ahead<P: Params>(&self, sql: &str, values: P) {
        #[cfg(not(feature = "postgres"))]
        let _ = (sql, values);
        match &self.0 {
            Backend::Sqlite(_) => {}
            #[cfg(feature = "postgres")]
            Backend::Postgres(session) => session.ahead(sql, values.values().map(Owned::from).collect()),
        }
    }

    /// Runs several statements without values, in the words of the database.
    ///
    /// # Errors
    /// Those of the database.
    pub fn execute_batch(&self, sql: &str) -> Result<()> {
        match &self.0 {
            Backend::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            #[cfg(feature = "postgres")]
            Backend::Postgres(session) => Ok(session.batch(sql)?),
        }
    }

    /// Begins to write. Of several writers one goes on, the others wait a little and are refused.
    ///
    /// # Errors
    /// Those of the database.
    pub fn transaction(&mut self) -> Result<Transaction<'_>> {
        match &self.0 {
            Backend::Sqlite(connection) => connection.execute_batch("BEGIN IMMEDIATE")?,
            #[cfg(feature = "postgres")]
            Backend::Postgres(session) => session.begin(false),
        }
        Ok(Transaction { connection: self, open: true })
    }

    /// Begins to read: what is read until it is dropped is of one moment.
    ///
    /// # Errors
    /// Those of the database.
    pub fn snapshot(&self) -> Result<Transaction<'_>> {
        match &self.0 {
            Backend::Sqlite(connection) => connection.execute_batch("BEGIN")?,
            #[cfg(feature = "postgres")]
            Backend::Postgres(session) => session.begin(true),
        }
        Ok(Transaction { connection: self, open: true })
    }

    /// Puts rows into a table, many at once where the database knows a way.
    ///
    /// # Errors
    /// Those of the database.
    pub fn fill(&self, table: &str, columns: &[&str], rows: &[Vec<Owned>]) -> Result<()> {
        match &self.0 {
            Backend::Sqlite(_) => self.insert_each(table, 0, columns, rows),
            #[cfg(feature = "postgres")]
            Backend::Postgres(session) => Ok(session.fill(table, columns, rows)?),
        }
    }

    /// Puts rows into a table, in place of those that have the same in their first `keys` columns; of several such rows the last
    /// one stands.
    ///
    /// # Errors
    /// Those of the database.
    pub fn put(&self, table: &str, keys: usize, columns: &[&str], rows: &[Vec<Owned>]) -> Result<()> {
        match &self.0 {
            Backend::Sqlite(_) => self.insert_each(table, keys, columns, rows),
            #[cfg(feature = "postgres")]
            Backend::Postgres(session) => Ok(session.put(table, keys, columns, rows)?),
        }
    }

    fn insert_each(&self, table: &str, keys: usize, columns: &[&str], rows: &[Vec<Owned>]) -> Result<()> {
        let marks: Vec<String> = (1..=columns.len()).map(|number| format!("?{number}")).collect();
        let (names, marks, over) = (columns.join(", "), marks.join(", "), replacing(keys, columns));
        let mut insert = self.prepare_cached(&format!("INSERT INTO {table} ({names}) VALUES ({marks}){over}"))?;
        rows.iter().try_for_each(|row| insert.execute(row.as_slice()).map(|_| ()))
    }

    /// Whether this is PostgreSQL.
    #[must_use]
    pub const fn is_postgres(&self) -> bool {
        !matches!(self.0, Backend::Sqlite(_))
    }

    /// A number that is another one after others have written; `None` when that cannot be said now.
    #[must_use]
    pub fn pulse(&self) -> Option<i64> {
        match &self.0 {
            // SQLite's own count of others' commits.
            Backend::Sqlite(connection) => connection.pragma_query_value(None, "data_version", |row| row.get(0)).ok(),
            #[cfg(feature = "postgres")]
            Backend::Postgres(session) => session.pulse(),
        }
    }

    /// Whether there is a table of this name.
    ///
    /// # Errors
    /// Those of the database.
    pub fn has_table(&self, name: &str) -> Result<bool> {
        let sql = if self.is_postgres() {
            "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = ?1)"
        } else {
            "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1)"
        };
        self.query_row(sql, [name], |row| row.get(0))
    }

    /// Another connection to the same database as a ledger's, for tables beside the ledger's own. A schema that is not there is
    /// made; nothing is locked, nothing migrated. Blocks.
    ///
    /// # Errors
    /// [`LedgerError::Away`], [`LedgerError::Refused`]; a file is not opened so.
    pub fn connect(place: &Place) -> std::result::Result<Self, LedgerError> {
        match place {
            #[cfg(feature = "postgres")]
            Place::Database(address) => {
                Self::of_postgres(address, postgres::Purpose::Beside).map_err(|e| super::error::explain(place, &e))
            }
            place => {
                let reason = "only a database has room for several processes; this is a file".to_owned();
                Err(LedgerError::Refused { place: place.clone(), reason })
            }
        }
    }

    #[cfg(feature = "postgres")]
    pub(super) fn of_postgres(address: &super::place::Address, purpose: postgres::Purpose) -> Result<Self> {
        Ok(Self(Backend::Postgres(Box::new(postgres::Session::connect(address.clone(), purpose)?))))
    }

    pub(super) const fn sqlite(&self) -> Option<&rusqlite::Connection> {
        match &self.0 {
            Backend::Sqlite(connection) => Some(connection),
            #[cfg(feature = "postgres")]
            Backend::Postgres(_) => None,
        }
    }
}

/// The end of an insertion that replaces rows with the same in their first `keys` columns.
pub(super) fn replacing(keys: usize, columns: &[&str]) -> String {
    let Some((key, others)) = columns.split_at_checked(keys).filter(|_| keys > 0) else { return String::new() };
    let set: Vec<String> = others.iter().map(|name| format!("{name} = excluded.{name}")).collect();
    format!(" ON CONFLICT ({}) DO UPDATE SET {}", key.join(", "), set.join(", "))
}

/// What happens as a whole or not at all: dropped without [`commit`](Self::commit), nothing has happened.
#[derive(Debug)]
pub struct Transaction<'c> {
    connection: &'c Connection,
    open: bool,
}

impl Transaction<'_> {
    /// Makes it last. When this returns without error, it is on disk.
    ///
    /// # Errors
    /// Those of the database: then nothing has happened. Only PostgreSQL may leave that open, and says so.
    pub fn commit(mut self) -> Result<()> {
        match &self.connection.0 {
            Backend::Sqlite(connection) => connection.execute_batch("COMMIT")?,
            #[cfg(feature = "postgres")]
            Backend::Postgres(session) => {
                self.open = false;
                session.commit()?;
            }
        }
        self.open = false;
        Ok(())
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        match &self.connection.0 {
            // What SQLite has rolled back by itself, as on a full disk, is not open any more.
            Backend::Sqlite(connection) if connection.is_autocommit() => {}
            Backend::Sqlite(connection) => {
                if let Err(error) = connection.execute_batch("ROLLBACK") {
                    tracing::warn!(%error, "a transaction could not be rolled back; the file is as it was before it");
                }
            }
            #[cfg(feature = "postgres")]
            Backend::Postgres(session) => session.roll_back(),
        }
    }
}

#[cfg(test)]
mod tests;
