//! What can go wrong between this process and its ledger.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// What went wrong, with which file, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The folder or a file could not be created or opened.
    #[error("{path}: {reason}; check that the folder exists and belongs to this user (`--db.directory`)")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A copy is never written over a file.
    #[error("{path} exists, and a copy of the ledger is only written to a new file; name another folder")]
    Exists {
        /// Where the copy was to go.
        path: PathBuf,
    },
    /// Another process holds the ledger.
    #[error("{path} is in use by another validator; stop that one, or give this one its own `--db.directory`")]
    InUse {
        /// The ledger.
        path: PathBuf,
    },
    /// Written by a newer version of this program.
    #[error("{path} has format {found} of {kind}, this program knows formats up to {known}; use the newer program")]
    TooNew {
        /// The ledger.
        path: PathBuf,
        /// Whose format: `ledger` for the file as a whole, `core`, or a kind of work.
        kind: String,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// Written by an older version of this program, and opened for reading only.
    #[error(
        "{path} has format {found} of {kind}, older than {known}; a validator brings its ledger up to date when it starts, and copies \
         are exported anew after that"
    )]
    TooOld {
        /// The ledger.
        path: PathBuf,
        /// Whose format, as above.
        kind: String,
        /// Its format.
        found: u32,
        /// The format that is read here.
        known: u32,
    },
    /// The file system is full. Nothing was written; the same call may be repeated.
    #[error("{path}: the disk is full; nothing was recorded; free some space, or lower `db.retention_days`")]
    Full {
        /// The ledger.
        path: PathBuf,
    },
    /// Not a ledger, or damaged.
    #[error("{path} is damaged or no ledger ({reason}); move it away, or restore it from a copy")]
    Corrupt {
        /// The ledger.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// A ledger without the tables that were asked for.
    #[error("{path} holds no {wanted} but {holds}; name the ledger of a subnet of {wanted}")]
    OtherKind {
        /// The ledger.
        path: PathBuf,
        /// The kind of work asked for.
        wanted: String,
        /// What it holds.
        holds: String,
    },
    /// The ledger was closed, or its thread ended.
    #[error("{path}: the ledger is closed")]
    Closed {
        /// The ledger.
        path: PathBuf,
    },
    /// SQLite refused something else: a fault of this program.
    #[error("{path}: {reason}; please report this")]
    Bug {
        /// The ledger.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
}

/// Names the ledger in an error of SQLite.
pub(super) fn explain(path: &Path, error: &rusqlite::Error) -> LedgerError {
    let path = path.to_path_buf();
    let reason = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => LedgerError::Full { path },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => LedgerError::Corrupt { path, reason },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => LedgerError::InUse { path },
        Some(
            ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::SystemIoFailure,
        ) => LedgerError::File { path, reason },
        _ => match error {
            rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..) => {
                LedgerError::Corrupt { path, reason }
            }
            // The file says that it has our format, and has not.
            _ if reason.contains("no such table") || reason.contains("no such column") => {
                LedgerError::Corrupt { path, reason }
            }
            _ => LedgerError::Bug { path, reason },
        },
    }
}

/// An error of a job on the ledger's threads, which learns the ledger's name on its way out. A kind of work whose jobs
/// fail in ways of its own implements it beside [`Fault`].
pub trait JobError: From<Fault> + Send + 'static {
    /// The error as callers see it.
    type Named: From<LedgerError> + Send + 'static;

    /// Names the ledger.
    fn at(self, path: &Path) -> Self::Named;
}

/// What can go wrong inside a job, before it knows the file's name.
#[derive(Debug)]
pub enum Fault {
    /// SQLite refused.
    Sqlite(rusqlite::Error),
    /// What is stored cannot be what was written: the file is damaged.
    Damaged(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl JobError for Fault {
    type Named = LedgerError;

    fn at(self, path: &Path) -> LedgerError {
        match self {
            Self::Sqlite(error) => explain(path, &error),
            Self::Damaged(reason) => LedgerError::Corrupt { path: path.to_path_buf(), reason },
        }
    }
}
