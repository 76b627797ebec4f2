//! A ledger as something to look at, also while a role uses it.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::error::{Fault, JobError as _, LedgerError, explain};
use super::open;
use super::schema::Schema;

/// A ledger opened for reading. Blocks; for commands and threads of their own, not for async threads.
#[derive(Debug)]
pub struct ReadOnly {
    path: PathBuf,
    kind: Schema,
    connection: Connection,
}

impl ReadOnly {
    /// Opens a ledger, or a copy of one, that holds the tables of `kind`.
    ///
    /// # Errors
    /// [`LedgerError::File`], [`LedgerError::Corrupt`], [`LedgerError::TooNew`], [`LedgerError::TooOld`],
    /// [`LedgerError::OtherKind`].
    pub fn open(path: impl AsRef<Path>, kind: Schema) -> Result<Self, LedgerError> {
        let path = path.as_ref().to_path_buf();
        let connection = open::readable(&path, &[kind])?;
        Ok(Self { path, kind, connection })
    }

    /// Another connection to the same file, for another thread.
    ///
    /// # Errors
    /// As [`ReadOnly::open`].
    pub fn again(path: &Path, kind: Schema) -> Result<Connection, LedgerError> {
        open::readable(path, &[kind])
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is read with.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Names the ledger in what went wrong with it.
    ///
    /// # Errors
    /// That of `result`.
    pub fn named<T>(&self, result: Result<T, Fault>) -> Result<T, LedgerError> {
        result.map_err(|fault| fault.at(&self.path))
    }

    /// Writes a compact copy to a new file.
    ///
    /// # Errors
    /// [`LedgerError::Exists`], [`LedgerError::Full`].
    pub fn copy_to(&self, target: &Path) -> Result<(), LedgerError> {
        if target.exists() {
            return Err(LedgerError::Exists { path: target.to_path_buf() });
        }
        let text = target.to_string_lossy().into_owned();
        let done = self.connection.execute("VACUUM INTO ?1", [text]);
        done.map(|_| ()).map_err(|e| explain(target, &e))
    }

    /// The kind of work whose tables are read.
    #[must_use]
    pub const fn kind(&self) -> Schema {
        self.kind
    }
}
