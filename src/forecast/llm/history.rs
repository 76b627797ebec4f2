//! What the models said of questions, and how these ended: the record from which their correction is learnt.

use rusqlite::params;

use super::calibrate::Pair;
use super::spend::{SpendError, SpendLedger};
use crate::units::UnixMs;

/// Its table, in the file of the ledger of spend.
pub(super) const TABLE: &str = "
CREATE TABLE IF NOT EXISTS said (
    provider TEXT NOT NULL,
    event TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    closes_ms INTEGER,
    probability REAL NOT NULL,
    outcome REAL,
    PRIMARY KEY (provider, event)
) STRICT;
CREATE INDEX IF NOT EXISTS said_open ON said (closes_ms) WHERE outcome IS NULL;
";

/// A question that has closed, and whose end is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The market.
    pub provider: String,
    /// Its id of the event.
    pub event: String,
}

impl SpendLedger {
    /// Notes the first word of the models about an event: later ones are no independent observations.
    ///
    /// # Errors
    /// [`SpendError::File`].
    pub fn note_said(
        &self,
        provider: &str,
        event: &str,
        at: UnixMs,
        closes: Option<UnixMs>,
        said: f64,
    ) -> Result<(), SpendError> {
        let (provider, event) = (provider.to_owned(), event.to_owned());
        self.write(move |transaction| {
            transaction.execute(
                "INSERT OR IGNORE INTO said (provider, event, at_ms, closes_ms, probability) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![provider, event, at.0, closes.map(|closes| closes.0), said],
            )?;
            Ok(())
        })
    }

    /// Up to `count` events that have closed by `now` without a known end, those that closed last first.
    ///
    /// # Errors
    /// [`SpendError::File`].
    pub fn closed(&self, now: UnixMs, count: usize) -> Result<Vec<Closed>, SpendError> {
        self.read(|transaction| {
            let mut query = transaction.prepare_cached(
                "SELECT provider, event FROM said WHERE outcome IS NULL AND closes_ms <= ?1 ORDER BY closes_ms DESC LIMIT ?2",
            )?;
            let row = |row: &rusqlite::Row<'_>| Ok(Closed { provider: row.get(0)?, event: row.get(1)? });
            query.query_map(params![now.0, count as i64], row)?.collect()
        })
    }

    /// Notes how an event ended; `None` for one that was called off, which teaches nothing.
    ///
    /// # Errors
    /// [`SpendError::File`].
    pub fn note_end(&self, closed: &Closed, outcome: Option<f64>) -> Result<(), SpendError> {
        let closed = closed.clone();
        self.write(move |transaction| {
            let arguments = params![closed.provider, closed.event, outcome];
            let change = match outcome {
                Some(_) => "UPDATE said SET outcome = ?3 WHERE provider = ?1 AND event = ?2",
                None => "DELETE FROM said WHERE provider = ?1 AND event = ?2 AND ?3 IS NULL",
            };
            transaction.execute(change, arguments)?;
            Ok(())
        })
    }

    /// What was said and how it ended.
    ///
    /// # Errors
    /// [`SpendError::File`].
    pub fn record(&self) -> Result<Vec<Pair>, SpendError> {
        self.read(|transaction| {
            let mut query =
                transaction.prepare_cached("SELECT probability, outcome FROM said WHERE outcome IS NOT NULL")?;
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_kept_and_ends_are_learnt() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SpendLedger::open(&folder.path().join("spend.sqlite")).unwrap();
        let note = |event: &str, closes: i64, said: f64| {
            ledger.note_said("m", event, UnixMs(1), Some(UnixMs(closes)), said).unwrap();
        };
        note("a", 10, 0.3);
        note("a", 10, 0.9);
        note("b", 20, 0.6);
        note("c", 15, 0.5);
        let closed = |event: &str| Closed { provider: "m".into(), event: event.into() };
        assert_eq!(ledger.closed(UnixMs(15), 9).unwrap(), [closed("c"), closed("a")]);
        ledger.note_end(&closed("a"), Some(1.0)).unwrap();
        ledger.note_end(&closed("c"), None).unwrap();
        assert_eq!(ledger.record().unwrap(), [(0.3, 1.0)]);
        assert_eq!(ledger.closed(UnixMs(99), 9).unwrap(), [closed("b")]);
    }
}
