//! What PostgreSQL refuses, and what the way to it does.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::tls;
use crate::ledger::error::LedgerError;
use crate::ledger::place::Place;

/// See the variants.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The server said no.
    #[error("{}", told(.0))]
    Server(Error),
    /// It cannot be reached, or does not answer.
    #[error("{0}")]
    Away(String),
    /// It takes no further connection; those that there are go on.
    #[error("{0}")]
    Crowded(String),
    /// This process has as many connections as it may have, and all of them are used.
    #[error(
        "all {0} connections that this process may have to the database are in use; raise `db.connections` if this comes often"
    )]
    Busy(u16),
    /// The way broke in the middle of a commit.
    #[error("{0}")]
    Uncertain(String),
    /// Another process holds the schema.
    #[error("another process holds the schema")]
    InUse,
    /// It does not let us in.
    #[error("{0}")]
    Refused(String),
    /// The way to it is not safe; with what to do.
    #[error("{0}")]
    Unsafe(String),
    /// A column that no ledger has.
    #[error("{0}")]
    Column(String),
}

/// What is said, with what lies under it.
fn told(error: &Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{} (SQLSTATE {})", said.message(), said.code().code()),
        None => {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(under) = source {
                if !text.contains(&under.to_string()) {
                    text = format!("{text}: {under}");
                }
                source = under.source();
            }
            text
        }
    }
}

impl From<Error> for PostgresError {
    fn from(error: Error) -> Self {
        let Some(code) = error.code() else {
            if let Some(advice) = tls::advice(&error) {
                return Self::Unsafe(advice);
            }
            let text = told(&error);
            let unsafe_way = ["TLS", "certificate", "authentication", "password", "invalid configuration"];
            let refused = unsafe_way.iter().any(|word| text.contains(word));
            return if refused { Self::Refused(text) } else { Self::Away(text) };
        };
        match code.code() {
            // Shutting down, starting, too slow, a replica: all of that passes.
            "53300" => Self::Crowded(told(&error)),
            "57P01" | "57P02" | "57P03" | "57P05" | "57014" | "55P03" | "25P03" | "25006" | "55000" => {
                Self::Away(told(&error))
            }
            class if class.starts_with("08") => Self::Away(told(&error)),
            class if class.starts_with("28") => Self::Refused(told(&error)),
            "42501" | "3D000" => Self::Refused(told(&error)),
            _ => Self::Server(error),
        }
    }
}

impl PostgresError {
    /// Whether the connection is of no use any more.
    pub(super) fn ends_connection(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Crowded(_) | Self::Busy(_) | Self::Uncertain(_))
    }

    /// With the ledger's name.
    pub(in crate::ledger) fn explain(&self, place: Place) -> LedgerError {
        let reason = self.to_string();
        match self {
            Self::Away(_) | Self::Crowded(_) | Self::Busy(_) => LedgerError::Away { place, reason },
            Self::Uncertain(_) => LedgerError::Uncertain { place, reason },
            Self::InUse => LedgerError::InUse { place },
            Self::Refused(_) => LedgerError::Refused { place, reason },
            Self::Unsafe(_) => LedgerError::Unsafe { place, reason },
            Self::Column(_) => LedgerError::Corrupt { place, reason },
            Self::Server(error) => match error.code() {
                Some(code) if *code == SqlState::DISK_FULL => LedgerError::Full { place },
                Some(code)
                    if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED =>
                {
                    LedgerError::Fenced { place, reason }
                }
                Some(code) if *code == SqlState::UNDEFINED_TABLE || *code == SqlState::UNDEFINED_COLUMN => {
                    LedgerError::Corrupt { place, reason }
                }
                Some(code) if code.code().starts_with("XX") => LedgerError::Corrupt { place, reason },
                _ => LedgerError::Bug { place, reason },
            },
        }
    }
}
