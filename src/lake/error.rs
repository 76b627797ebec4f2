//! Why a lake is not up to date.

use std::io;

use crate::ledger::LedgerError;

/// See the variants. What was published before stays published, and a later run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A file of the lake, or a draft of one, cannot be read or written.
    #[error("{place}: {source}; everything published before is kept, and the next run continues from there")]
    File {
        /// The file, folder or object.
        place: String,
        /// What the system or the store said.
        source: io::Error,
    },
    /// Somebody publishes into the same folder now.
    #[error("{place}: another run is publishing into this lake; wait for it")]
    InUse {
        /// The lake.
        place: String,
    },
    /// The lake is another ledger's.
    #[error("{place} has the history of `{theirs}`, not of `{ours}`; give each ledger its own folder or prefix")]
    OtherLedger {
        /// The lake.
        place: String,
        /// Whose it is.
        theirs: String,
        /// Whose history was to be published.
        ours: String,
    },
    /// The lake was written by a later version of this program.
    #[error("{place} has format {found}, but this program writes format {known}; use a newer version")]
    TooNew {
        /// The lake.
        place: String,
        /// Its format.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// A manifest or description that cannot be read.
    #[error(
        "{place} is damaged ({reason}); move it away: then everything that the ledger still has is published again"
    )]
    Damaged {
        /// The file or object.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A target that names no place.
    #[error("`{given}` cannot be the place of a lake: {reason}")]
    Target {
        /// As it was given.
        given: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl LakeError {
    /// What became of a file or object.
    pub(super) fn file(place: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::File { place: place.into(), source: source.into() }
    }
}
