//! What can go wrong with the ledger of events, beside the file itself.

use crate::ledger::{Fault, JobError, LedgerError, Place, sql};

/// See the variants.
#[derive(Debug, thiserror::Error)]
pub enum EventsLedgerError {
    /// The file.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// An event that the ledger does not know.
    #[error("the ledger knows no event {key}")]
    UnknownEvent {
        /// The event's key.
        key: String,
    },
    /// A payout that is no number in `0..=1`.
    #[error("event {key}: the payout {payout} is not a number between 0 and 1; the event stays open")]
    BadOutcome {
        /// The event's key.
        key: String,
        /// The payout.
        payout: f64,
    },
}

/// The same inside a job.
#[derive(Debug)]
pub(super) enum EventFault {
    Ledger(Fault),
    UnknownEvent { key: String },
    BadOutcome { key: String, payout: f64 },
}

impl From<Fault> for EventFault {
    fn from(fault: Fault) -> Self {
        Self::Ledger(fault)
    }
}

impl From<sql::Error> for EventFault {
    fn from(error: sql::Error) -> Self {
        Self::Ledger(error.into())
    }
}

impl JobError for EventFault {
    type Named = EventsLedgerError;

    fn at(self, place: &Place) -> EventsLedgerError {
        match self {
            Self::Ledger(fault) => fault.at(place).into(),
            Self::UnknownEvent { key } => EventsLedgerError::UnknownEvent { key },
            Self::BadOutcome { key, payout } => EventsLedgerError::BadOutcome { key, payout },
        }
    }
}
