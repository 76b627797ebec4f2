//! Replies that were paid for, so that nothing is paid twice.

use rusqlite::{OptionalExtension, Transaction, params};

use super::file::Kept;
use super::{SpendError, SpendLedger};
use crate::units::UnixMs;

pub(super) const TABLE: &str = "
CREATE TABLE IF NOT EXISTS replies (
    key BLOB PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS replies_by_time ON replies (at_ms);
";

/// Replies kept at most, and those that come between two counts; beyond them the oldest are forgotten.
const MOST: i64 = 100_000;
const COUNTED_EVERY: u32 = 1_000;

/// A reply, and what makes it the same one.
#[derive(Debug, Clone)]
pub struct Reply {
    /// A hash of what was asked of whom.
    pub key: [u8; 32],
    /// When it came.
    pub at: UnixMs,
    /// What it says.
    pub text: String,
}

impl Reply {
    pub(super) fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let insert = "INSERT OR REPLACE INTO replies (key, at_ms, text) VALUES (?1, ?2, ?3)";
        transaction.prepare_cached(insert)?.execute(params![self.key.as_slice(), self.at.0, self.text])?;
        Ok(())
    }
}

impl SpendLedger {
    /// The replies that are remembered under `keys`.
    ///
    /// # Errors
    /// [`SpendError::File`].
    pub fn replies(&self, keys: &[[u8; 32]]) -> Result<Vec<Option<String>>, SpendError> {
        self.0.file.read(|transaction| {
            let mut query = transaction.prepare_cached("SELECT text FROM replies WHERE key = ?1")?;
            keys.iter().map(|key| query.query_row(params![key.as_slice()], |row| row.get(0)).optional()).collect()
        })
    }

    /// To be called for every reply that was remembered: once in a while, since counting reads all of them, the oldest are
    /// forgotten.
    pub(super) fn forget_old_replies(&self) -> Result<(), SpendError> {
        let remembered = self.0.remembered.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if !remembered.is_multiple_of(COUNTED_EVERY) {
            return Ok(());
        }
        self.0.file.write(Kept::Written, |transaction| {
            let count: i64 = transaction.query_row("SELECT count(*) FROM replies", [], |row| row.get(0))?;
            // A tenth at once: counting in the order of time costs more than one row is worth.
            if count > MOST {
                let forget = "DELETE FROM replies WHERE key IN
                    (SELECT key FROM replies ORDER BY at_ms DESC LIMIT -1 OFFSET ?1)";
                transaction.execute(forget, params![MOST * 9 / 10])?;
            }
            Ok(())
        })
    }
}
