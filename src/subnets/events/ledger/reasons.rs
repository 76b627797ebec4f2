//! What miners say beside their numbers: the last words of each about each event, cut, for a week.

use super::archive::Archive;
use super::read::{self, state_name};
use super::record::Miners;
use super::types::Tick;
use crate::ledger::sql::{Transaction, params};
use crate::ledger::{Fault, LedgerError};
use crate::scoring::admission::EventState;
use crate::units::{CUT, Foreign, Identity, UnixMs};

/// Characters of a miner's words about an event; what is longer ends in [`CUT`].
pub const LONGEST_REASON: usize = 10_000;

/// What a miner said about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Who.
    pub identity: Identity,
    /// In which round.
    pub at: UnixMs,
    /// Its words.
    pub text: Foreign,
}

/// Keeps what was said in a round about events that are open.
pub(super) fn keep(transaction: &Transaction<'_>, tick: &Tick, miners: &mut Miners) -> Result<(), Fault> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO reasons (event, miner, at, text) SELECT id, ?2, ?3, ?4 FROM events WHERE key = ?1 AND state = ?5
         ON CONFLICT (event, miner) DO UPDATE SET at = excluded.at, text = excluded.text",
    )?;
    for said in &tick.reasonings {
        let miner = miners.id(transaction, said.identity, tick.at)?;
        let text = cut(said.text.as_raw());
        insert.send(params![&*said.event, miner, tick.at.0, text, state_name(EventState::Open)])?;
    }
    Ok(())
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}{CUT}", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Forgets what was said before a time.
pub(super) fn forget(transaction: &Transaction<'_>, before: UnixMs) -> Result<(), Fault> {
    transaction.prepare_cached("DELETE FROM reasons WHERE at < ?1")?.execute([before.0])?;
    Ok(())
}

impl Archive<'_> {
    /// What miners said about an event beside their numbers, the latest first; `None` for an unknown event.
    ///
    /// # Errors
    /// Those of the file.
    pub fn reasons(&self, key: &str) -> Result<Option<Vec<Reason>>, LedgerError> {
        let connection = self.file.connection();
        let Some((id, _)) = self.named(read::event(connection, key))? else { return Ok(None) };
        let found = || -> Result<Vec<Reason>, Fault> {
            let sql = "SELECT miner, at, text FROM reasons WHERE event = ?1 ORDER BY at DESC, miner";
            let mut query = connection.prepare_cached(sql)?;
            let mut rows = query.query([id])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let Some(identity) = self.book.identity(row.get(0)?) else { continue };
                found.push(Reason { identity, at: UnixMs(row.get(1)?), text: row.get::<String>(2)?.into() });
            }
            Ok(found)
        };
        self.named(found()).map(Some)
    }
}
