//! What a database refuses.

use super::value::WrongKind;

/// See the variants.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite refused.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// PostgreSQL refused, or is away.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    Postgres(#[from] crate::ledger::postgres::PostgresError),
    /// A row was expected.
    #[error("there is no row")]
    NoRows,
    /// A column holds something else.
    #[error("column {column}: {reason}")]
    Column {
        /// Its place in the row, from 0.
        column: usize,
        /// What is there.
        reason: WrongKind,
    },
}

/// What a database answers.
pub type Result<T> = std::result::Result<T, Error>;

/// For what may not be there.
pub trait OptionalExtension<T> {
    /// `None` for a row that is not there.
    ///
    /// # Errors
    /// All others.
    fn optional(self) -> Result<Option<T>>;
}

impl<T> OptionalExtension<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(Error::NoRows) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
