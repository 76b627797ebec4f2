//! What can go wrong between this process and its ledger.

use std::path::PathBuf;

use rusqlite::ErrorCode;

use super::place::{AddressError, Place};
use super::sql;

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
    #[error("{path} exists already, and a copy of the ledger is only written to a new file; name another folder")]
    Exists {
        /// Where the copy was to go.
        path: PathBuf,
    },
    /// A ledger is only moved to where there is none.
    #[error("{place} has rows in its table {table}, and a ledger is only copied to an empty place; name another one")]
    NotEmpty {
        /// Where it was to go.
        place: Place,
        /// A table that has rows.
        table: String,
    },
    /// Another process holds the ledger.
    #[error(
        "{place} is in use by another validator; stop that one, or give this one its own `--db.directory` or `--db.url`"
    )]
    InUse {
        /// The ledger.
        place: Place,
    },
    /// Written by a newer version of this program.
    #[error(
        "{place} has format {found} of {kind}, but this program only knows formats up to {known}; use a newer version"
    )]
    TooNew {
        /// The ledger.
        place: Place,
        /// Whose format: `ledger` for the file as a whole, `core`, or a kind of work.
        kind: String,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// Written by an older version of this program, and opened for reading only.
    #[error(
        "{place} has format {found} of {kind}, older than {known}; start the validator once to bring its ledger up to \
         date; make copies again after that"
    )]
    TooOld {
        /// The ledger.
        place: Place,
        /// Whose format, as above.
        kind: String,
        /// Its format.
        found: u32,
        /// The format that is read here.
        known: u32,
    },
    /// The file system is full. Nothing was written; the same call may be repeated.
    #[error("{place}: the disk is full; nothing was recorded; free some space")]
    Full {
        /// The ledger.
        place: Place,
    },
    /// Not a ledger, or damaged.
    #[error("{place} is damaged or not a ledger ({reason}); move it away, or restore it from a copy")]
    Corrupt {
        /// The ledger.
        place: Place,
        /// What does not fit.
        reason: String,
    },
    /// A ledger without the tables that were asked for.
    #[error("{place} is a ledger of {holds}, not of {wanted}; name the ledger of a subnet of {wanted}")]
    OtherKind {
        /// The ledger.
        place: Place,
        /// The kind of work asked for.
        wanted: String,
        /// What it holds.
        holds: String,
    },
    /// The ledger was closed, or its thread ended.
    #[error("{place}: the ledger is closed")]
    Closed {
        /// The ledger.
        place: Place,
    },
    /// The database cannot be reached, or does not answer in time. Nothing was written; the same call may be repeated.
    #[error("{place} is away ({reason}); nothing was recorded, and it will be tried again")]
    Away {
        /// The ledger.
        place: Place,
        /// What happened on the way.
        reason: String,
    },
    /// The way to the database broke while a transaction was made to last, and it did not come back in time to be asked.
    #[error(
        "the connection to {place} ended during a commit ({reason}); whether it was recorded is checked when it is \
         back"
    )]
    Uncertain {
        /// The ledger.
        place: Place,
        /// What happened on the way.
        reason: String,
    },
    /// Another process has taken over, or has written the same at the same time. Nothing was written.
    #[error("{place} belongs to another validator now ({reason}); nothing was recorded")]
    Fenced {
        /// The ledger.
        place: Place,
        /// What says so.
        reason: String,
    },
    /// The database does not let this user in, or does not let it do what a ledger needs.
    #[error("{place}: {reason}; check user, password, certificate and rights (docs/postgres.md)")]
    Refused {
        /// The ledger.
        place: Place,
        /// What the database said.
        reason: String,
    },
    /// The way to the database cannot be trusted.
    #[error("{place}: {reason} (docs/postgres.md)")]
    Unsafe {
        /// The ledger.
        place: Place,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A URL that is none.
    #[error("`db.url`: {0}")]
    Address(#[from] AddressError),
    /// The database refused something else: a fault of this program.
    #[error("{place}: {reason}; this is a bug, please report it")]
    Bug {
        /// The ledger.
        place: Place,
        /// What the database said.
        reason: String,
    },
}

/// Names the ledger in an error of its database.
pub(super) fn explain(place: &Place, error: &sql::Error) -> LedgerError {
    let (place, reason) = (place.clone(), error.to_string());
    match error {
        sql::Error::Sqlite(error) => of_sqlite(place, error, reason),
        #[cfg(feature = "postgres")]
        sql::Error::Postgres(error) => error.explain(place),
        sql::Error::Column { .. } => LedgerError::Corrupt { place, reason },
        sql::Error::NoRows => LedgerError::Bug { place, reason },
    }
}

fn of_sqlite(place: Place, error: &rusqlite::Error, reason: String) -> LedgerError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => LedgerError::Full { place },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => LedgerError::Corrupt { place, reason },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => LedgerError::InUse { place },
        Some(
            ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::SystemIoFailure,
        ) => match place {
            Place::File(path) => LedgerError::File { path, reason },
            place => LedgerError::Bug { place, reason },
        },
        // The file says that it has our format, and has not.
        _ if reason.contains("no such table") || reason.contains("no such column") => {
            LedgerError::Corrupt { place, reason }
        }
        _ => LedgerError::Bug { place, reason },
    }
}

/// An error of a job on the ledger's threads, which learns the ledger's name on its way out. A kind of work whose jobs
/// fail in ways of its own implements it beside [`Fault`].
pub trait JobError: From<Fault> + Send + 'static {
    /// The error as callers see it.
    type Named: From<LedgerError> + Send + 'static;

    /// Names the ledger.
    fn at(self, place: &Place) -> Self::Named;
}

/// What can go wrong inside a job, before it knows the ledger's name.
#[derive(Debug)]
pub enum Fault {
    /// The database refused.
    Sql(sql::Error),
    /// What is stored cannot be what was written: the ledger is damaged.
    Damaged(String),
    /// Another process has taken the ledger over.
    Fenced(String),
}

impl From<sql::Error> for Fault {
    fn from(error: sql::Error) -> Self {
        Self::Sql(error)
    }
}

impl JobError for Fault {
    type Named = LedgerError;

    fn at(self, place: &Place) -> LedgerError {
        match self {
            Self::Sql(error) => explain(place, &error),
            Self::Damaged(reason) => LedgerError::Corrupt { place: place.clone(), reason },
            Self::Fenced(reason) => LedgerError::Fenced { place: place.clone(), reason },
        }
    }
}
