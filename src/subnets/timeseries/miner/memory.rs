//! What a miner committed to, over restarts: to each validator one forecast in a round, and no other.

use std::collections::HashMap;
use std::path::Path;

use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::ledger::sql::params;
use crate::ledger::{Fault, Ledger, LedgerError, Schema, sql};
use crate::units::{Account, UnixMs};

const SCHEMA: Schema = Schema {
    kind: "timeseries-miner",
    migrations: &["CREATE TABLE ts_committed (
        validator TEXT NOT NULL, round INTEGER NOT NULL, uuid TEXT NOT NULL, hash TEXT NOT NULL, closes BLOB NOT NULL,
        last_close REAL NOT NULL, PRIMARY KEY (validator, round)
    ) WITHOUT ROWID"],
};

/// How long a commitment is kept: the truth about it comes ten hours later.
const KEPT_MS: i64 = 24 * 3_600_000;
/// Commitments at once; more validators than a subnet has slots, for a day.
const MOST: usize = 256 * 48;

/// A forecast that somebody was promised.
#[derive(Debug, Clone, PartialEq)]
pub struct Promise {
    /// The request it was made for.
    pub uuid: String,
    /// The commitment.
    pub hash: String,
    /// The numbers.
    pub closes: Vec<f64>,
    /// The last close known when it was made.
    pub last_close: f64,
}

type Key = (Account, UnixMs);

/// See the module.
#[derive(Debug)]
pub struct Memory {
    disk: Option<Ledger>,
    promises: Mutex<HashMap<Key, Promise>>,
    read: OnceCell<()>,
}

impl Memory {
    /// What forgets when the process ends.
    #[must_use]
    pub fn fleeting() -> Self {
        Self { disk: None, promises: Mutex::default(), read: OnceCell::new() }
    }

    /// What is kept at `path`. Blocks shortly.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn at(path: &Path) -> Result<Self, LedgerError> {
        Ok(Self { disk: Some(Ledger::open(path, &[SCHEMA])?), promises: Mutex::default(), read: OnceCell::new() })
    }

    /// All promises; read from disk when they are needed for the first time.
    async fn promises(&self) -> Result<MutexGuard<'_, HashMap<Key, Promise>>, LedgerError> {
        let load = || async {
            if let Some(disk) = &self.disk {
                let rows = disk.read(read).await?;
                self.promises.lock().await.extend(rows);
            }
            Ok::<(), LedgerError>(())
        };
        self.read.get_or_try_init(load).await?;
        Ok(self.promises.lock().await)
    }

    /// What was promised to `validator` in `round`.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn promised(&self, validator: Account, round: UnixMs) -> Result<Option<Promise>, LedgerError> {
        Ok(self.promises().await?.get(&(validator, round)).cloned())
    }

    /// What was promised to `validator` in `round`: what `make` says, unless there is a promise already. On disk when this
    /// returns.
    ///
    /// # Errors
    /// Those of the file: nothing is promised.
    pub async fn promise(
        &self,
        validator: Account,
        round: UnixMs,
        make: impl FnOnce() -> Option<Promise>,
    ) -> Result<Option<Promise>, LedgerError> {
        let mut promises = self.promises().await?;
        if let Some(known) = promises.get(&(validator, round)) {
            return Ok(Some(known.clone()));
        }
        promises.retain(|(_, then), _| round.since(*then) < KEPT_MS);
        if promises.len() >= MOST {
            return Ok(None);
        }
        let Some(promise) = make() else { return Ok(None) };
        if let Some(disk) = &self.disk {
            let kept = promise.clone();
            disk.write(move |transaction| write(transaction, validator, round, &kept)).await?;
        }
        promises.insert((validator, round), promise.clone());
        Ok(Some(promise))
    }

    /// What was promised to `validator` for the request called `uuid`.
    ///
    /// # Errors
    /// Those of the file.
    pub async fn of_request(&self, validator: Account, uuid: &str) -> Result<Option<Promise>, LedgerError> {
        let promises = self.promises().await?;
        let mut own = promises.iter().filter(|((to, _), _)| *to == validator);
        Ok(own.find(|(_, promise)| promise.uuid == uuid).map(|(_, promise)| promise.clone()))
    }
}

fn read(connection: &sql::Connection) -> Result<Vec<(Key, Promise)>, Fault> {
    let mut query =
        connection.prepare_cached("SELECT validator, round, uuid, hash, closes, last_close FROM ts_committed")?;
    let mut rows = query.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let validator: String = row.get(0)?;
        let validator = validator.parse().map_err(|e| Fault::Damaged(format!("ts_committed.validator: {e}")))?;
        let closes = super::super::ledger::unpack(&row.get::<Vec<u8>>(4)?);
        let promise = Promise { uuid: row.get(2)?, hash: row.get(3)?, closes, last_close: row.get(5)? };
        found.push(((validator, UnixMs(row.get(1)?)), promise));
    }
    Ok(found)
}

fn write(
    transaction: &sql::Transaction<'_>,
    validator: Account,
    round: UnixMs,
    promise: &Promise,
) -> Result<(), Fault> {
    transaction.execute("DELETE FROM ts_committed WHERE round < ?1", [round.plus_ms(-KEPT_MS).0])?;
    let closes = super::super::ledger::pack(&promise.closes);
    transaction.execute(
        "INSERT INTO ts_committed (validator, round, uuid, hash, closes, last_close) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![validator.ss58(), round.0, promise.uuid, promise.hash, closes, promise.last_close],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promise(price: f64) -> Option<Promise> {
        let (uuid, hash) = (format!("u{price}"), format!("h{price}"));
        Some(Promise { uuid, hash, closes: vec![price, price + 0.1], last_close: price })
    }

    #[tokio::test]
    async fn the_first_promise_stands_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("promises.sqlite");
        let (alice, bob, round) = (Account([1; 32]), Account([2; 32]), UnixMs(1_767_225_600_000));
        let memory = Memory::at(&path).unwrap();
        let first = memory.promise(alice, round, || promise(5.0)).await.unwrap();
        assert_eq!(memory.promise(alice, round, || promise(6.0)).await.unwrap(), first);
        assert_ne!(memory.promise(bob, round, || promise(6.0)).await.unwrap(), first);
        drop(memory);
        let again = Memory::at(&path).unwrap();
        assert_eq!(again.promised(alice, round).await.unwrap(), first);
        assert_eq!(again.promise(alice, round, || promise(7.0)).await.unwrap(), first);
        assert_eq!(again.of_request(alice, "u5").await.unwrap(), first);
        assert_eq!(again.of_request(bob, "u5").await.unwrap(), None);
        // A day later it is forgotten.
        let later = round.plus_ms(KEPT_MS);
        again.promise(alice, later, || promise(8.0)).await.unwrap();
        assert_eq!(again.promised(alice, round).await.unwrap(), None);
    }
}
