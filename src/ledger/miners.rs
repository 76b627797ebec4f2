//! Who the miners are: each identity has a number, given to it on first sight.

use std::collections::BTreeMap;

use super::error::Fault;
use crate::ledger::sql::{Connection, OptionalExtension, Row, ToSql, Transaction, params};
use crate::units::{Identity, UnixMs};

/// The ledger's number of a miner.
pub type MinerId = u32;

const FIND: &str = "SELECT id FROM miners WHERE hotkey = ?1 AND registered_block = ?2";

/// The number of a miner; a new one is known since `seen`.
///
/// # Errors
/// Those of the file.
pub fn id(transaction: &Transaction<'_>, identity: Identity, seen: UnixMs) -> Result<MinerId, Fault> {
    if let Some(id) = find(transaction, identity)? {
        return Ok(id);
    }
    let sql = "INSERT INTO miners (hotkey, registered_block, known_since) VALUES (?1, ?2, ?3) RETURNING id";
    let values = params![identity.hotkey.ss58(), block_of(identity), seen.0];
    let id: i64 = transaction.prepare_cached(sql)?.query_row(values, |row| row.get(0))?;
    u32::try_from(id).map_err(|_| Fault::Damaged("too many miners".into()))
}

/// The number of a miner, if it is known.
///
/// # Errors
/// Those of the file.
pub fn find(connection: &Connection, identity: Identity) -> Result<Option<MinerId>, Fault> {
    let mut query = connection.prepare_cached(FIND)?;
    Ok(query.query_row(params![identity.hotkey.ss58(), block_of(identity)], |row| row.get(0)).optional()?)
}

/// The numbers of several miners, of each that is known.
///
/// # Errors
/// Those of the file.
pub fn find_each(connection: &Connection, identities: &[Identity]) -> Result<Vec<Option<MinerId>>, Fault> {
    let names: Vec<(String, i64)> = identities.iter().map(|i| (i.hotkey.ss58(), block_of(*i))).collect();
    let each: Vec<[&dyn ToSql; 2]> = names.iter().map(|(hotkey, block)| [hotkey as &dyn ToSql, block]).collect();
    let found = connection.prepare_cached(FIND)?.query_each(&each, |row| row.get(0))?;
    Ok(found.into_iter().map(|mut ids| ids.pop()).collect())
}

const ALL: &str = "SELECT hotkey, registered_block, id, known_since FROM miners";

/// Says that [`all`] will be asked for next in a transaction.
pub fn all_ahead(transaction: &Transaction<'_>) {
    transaction.ahead(ALL, []);
}

/// All miners by their number, with when they were first known.
///
/// # Errors
/// Those of the file.
pub fn all(connection: &Connection) -> Result<BTreeMap<MinerId, (Identity, UnixMs)>, Fault> {
    let mut query = connection.prepare_cached(ALL)?;
    let mut rows = query.query([])?;
    let mut found = BTreeMap::new();
    while let Some(row) = rows.next()? {
        found.insert(row.get(2)?, (identity(&row)?, UnixMs(row.get(3)?)));
    }
    Ok(found)
}

/// Notes who is registered at a time, for rules that ask who was there.
///
/// # Errors
/// Those of the file.
pub fn seen(transaction: &Transaction<'_>, miners: &[Identity], at: UnixMs) -> Result<(), Fault> {
    for (identity, known) in miners.iter().zip(find_each(transaction, miners)?) {
        let id = known.map_or_else(|| id(transaction, *identity, at), Ok)?;
        transaction
            .prepare_cached(
                "UPDATE miners SET known_since = CASE WHEN known_since < ?2 THEN known_since ELSE ?2 END,
                                   seen_until = CASE WHEN seen_until > ?2 THEN seen_until ELSE ?2 END WHERE id = ?1",
            )?
            .send(params![id, at.0])?;
    }
    Ok(())
}

/// The identity in a row that begins with `hotkey, registered_block` of `miners`.
///
/// # Errors
/// The columns hold something else.
pub fn identity(row: &Row<'_>) -> Result<Identity, Fault> {
    let hotkey: String = row.get(0)?;
    let hotkey = hotkey.parse().map_err(|e| Fault::Damaged(format!("miners.hotkey: {e}")))?;
    Ok(Identity { hotkey, registered_at: row.get::<i64>(1)?.unsigned_abs() })
}

fn block_of(identity: Identity) -> i64 {
    i64::try_from(identity.registered_at).unwrap_or(i64::MAX)
}
