//! A ledger as something to look at, also while a role uses it.

use std::path::Path;
use std::time::Duration;

use super::error::{Fault, JobError as _, LedgerError, explain};
use super::memo::Memo;
use super::open;
use super::place::Place;
use super::schema::Schema;
use super::sql::Connection;
use super::transfer;

/// Nothing for a server that takes writes, the most there is for a replica that has had no commit yet.
const BEHIND: &str = "SELECT CASE WHEN pg_is_in_recovery() THEN COALESCE(
        CAST(EXTRACT(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000 AS BIGINT), 9223372036854775807)
    END";

/// A ledger opened for reading. Blocks; for commands and threads of their own, not for async threads.
#[derive(Debug)]
pub struct ReadOnly {
    place: Place,
    kind: Schema,
    connection: Connection,
    memo: Memo,
}

impl ReadOnly {
    /// Opens a ledger, or a copy of one, that holds the tables of `kind`.
    ///
    /// # Errors
    /// [`LedgerError::File`], [`LedgerError::Corrupt`], [`LedgerError::TooNew`], [`LedgerError::TooOld`],
    /// [`LedgerError::OtherKind`], [`LedgerError::Away`], [`LedgerError::Refused`].
    pub fn open(place: impl Into<Place>, kind: Schema) -> Result<Self, LedgerError> {
        let place = place.into();
        let connection = open::readable(&place, &[kind])?;
        Ok(Self { place, kind, connection, memo: Memo::default() })
    }

    /// The same with what other readers of this ledger remember.
    #[must_use]
    pub fn remembering(self, memo: Memo) -> Self {
        Self { memo, ..self }
    }

    /// What is remembered of it.
    #[must_use]
    pub const fn memo(&self) -> &Memo {
        &self.memo
    }

    /// Another connection to the same ledger, for another thread.
    ///
    /// # Errors
    /// As [`ReadOnly::open`].
    pub fn again(place: &Place, kind: Schema) -> Result<Connection, LedgerError> {
        open::readable(place, &[kind])
    }

    /// Where it is.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// What is read with.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// How far what is read lies behind what was written: `None` where that is the same thing, a file or a server that takes
    /// writes; for a replica the age of the last commit that it has, by the clocks of both servers. An active validator commits
    /// every few seconds, so a replica that follows is never older than those.
    ///
    /// # Errors
    /// Those of the database.
    pub fn behind(&self) -> Result<Option<Duration>, LedgerError> {
        if !self.connection.is_postgres() {
            return Ok(None);
        }
        let age: Option<i64> =
            self.connection.query_row(BEHIND, [], |row| row.get(0)).map_err(|error| explain(&self.place, &error))?;
        Ok(age.map(|ms| Duration::from_millis(ms.max(0).unsigned_abs())))
    }

    /// Names the ledger in what went wrong with it.
    ///
    /// # Errors
    /// That of `result`.
    pub fn named<T>(&self, result: Result<T, Fault>) -> Result<T, LedgerError> {
        result.map_err(|fault| fault.at(&self.place))
    }

    /// What `question` finds in the ledger.
    ///
    /// # Errors
    /// Those of `question`, with the ledger's name.
    pub fn ask<T>(&self, question: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, LedgerError> {
        self.named(question(&self.connection))
    }

    /// Writes a compact copy to a new file.
    ///
    /// # Errors
    /// [`LedgerError::Exists`], [`LedgerError::Full`].
    pub fn copy_to(&self, target: &Path) -> Result<(), LedgerError> {
        if target.exists() {
            return Err(LedgerError::Exists { path: target.to_path_buf() });
        }
        if self.place.file().is_none() {
            return transfer::copy(&self.place, &self.connection, &target.into(), &[self.kind]).map(|_| ());
        }
        let text = target.to_string_lossy().into_owned();
        let done = self.connection.execute("VACUUM INTO ?1", [text]);
        done.map(|_| ()).map_err(|e| explain(&target.into(), &e))
    }

    /// The kind of work whose tables are read.
    #[must_use]
    pub const fn kind(&self) -> Schema {
        self.kind
    }
}
