//! Reading requests and weights.

use std::collections::BTreeMap;

use super::{Commitment, NewRequest, unpack};
use crate::ledger::miners::{self, MinerId};
use crate::ledger::sql::{Connection, OptionalExtension};
use crate::ledger::{Fault, sql};
use crate::scoring::timeseries::chain::Spread;
use crate::units::{Identity, UnixMs};

/// A request that waits for what happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Its name.
    pub uuid: String,
    /// When its forecasts begin.
    pub starts_at: UnixMs,
}

/// How a miner stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// The miner.
    pub miner: Identity,
    /// Its mean share over all requests scored, those without a forecast of its own included.
    pub mean_share: f64,
    /// Its mean error in dollars, over its forecasts.
    pub mean_rmse: f64,
    /// Requests it has a forecast in.
    pub predicted: usize,
    /// Its long-run weight.
    pub weight: f64,
}

pub(super) fn has_round(connection: &Connection, round: UnixMs) -> Result<bool, Fault> {
    let mut query = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM ts_requests WHERE round = ?1)")?;
    Ok(query.query_row([round.0], |row| row.get(0))?)
}

pub(super) fn committed(connection: &Connection) -> Result<Vec<NewRequest>, Fault> {
    let known = miners::all(connection)?;
    let mut query = connection
        .prepare_cached("SELECT id, uuid, round FROM ts_requests WHERE state = 'committed' ORDER BY round")?;
    let heads: Vec<(i64, String, i64)> =
        query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect::<sql::Result<_>>()?;
    let mut query = connection.prepare_cached("SELECT miner, hash FROM ts_commitments WHERE request = ?1")?;
    let mut found = Vec::new();
    for (id, uuid, round) in heads {
        let rows: Vec<(MinerId, String)> =
            query.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<sql::Result<_>>()?;
        let commitment = |(miner, hash)| Some(Commitment { miner: known.get(&miner)?.0, hash });
        let commitments = rows.into_iter().filter_map(commitment).collect();
        found.push(NewRequest { uuid, round: UnixMs(round), commitments });
    }
    Ok(found)
}

pub(super) fn open(connection: &Connection) -> Result<Vec<Open>, Fault> {
    let mut query = connection
        .prepare_cached("SELECT uuid, starts_at FROM ts_requests WHERE state = 'open' ORDER BY starts_at, id")?;
    let found = query.query_map([], |row| Ok(Open { uuid: row.get(0)?, starts_at: UnixMs(row.get(1)?) }))?;
    Ok(found.collect::<sql::Result<_>>()?)
}

/// The number of an open request.
pub(super) fn id_of_open(connection: &Connection, uuid: &str) -> Result<Option<i64>, Fault> {
    let mut query = connection.prepare_cached("SELECT id FROM ts_requests WHERE uuid = ?1 AND state = 'open'")?;
    Ok(query.query_row([uuid], |row| row.get(0)).optional()?)
}

pub(super) fn forecasts(connection: &Connection, request: i64) -> Result<Vec<(MinerId, Vec<f64>)>, Fault> {
    let mut query =
        connection.prepare_cached("SELECT miner, closes FROM ts_forecasts WHERE request = ?1 ORDER BY miner")?;
    let row = |row: &sql::Row<'_>| Ok((row.get(0)?, unpack(&row.get::<Vec<u8>>(1)?)));
    Ok(query.query_map([request], row)?.collect::<sql::Result<_>>()?)
}

pub(super) fn weights(connection: &Connection) -> Result<BTreeMap<MinerId, f64>, Fault> {
    let mut query = connection.prepare_cached("SELECT miner, weight FROM ts_weights")?;
    Ok(query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<sql::Result<_>>()?)
}

pub(in super::super) fn standings(connection: &Connection) -> Result<Vec<Standing>, Fault> {
    let requests: i64 =
        connection.query_row("SELECT COUNT(*) FROM ts_requests WHERE state = 'scored'", [], |row| row.get(0))?;
    let mut query = connection.prepare_cached("SELECT miner, weight, requests, shares, errors FROM ts_weights")?;
    let known = miners::all(connection)?;
    let rows: Vec<(MinerId, f64, u32, f64, f64)> = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?
        .collect::<sql::Result<_>>()?;
    let standing = |(id, weight, predicted, shares, errors): (MinerId, f64, u32, f64, f64)| {
        Some(Standing {
            miner: known.get(&id)?.0,
            mean_share: shares / requests.max(1) as f64,
            mean_rmse: errors / f64::from(predicted.max(1)),
            predicted: predicted as usize,
            weight,
        })
    };
    Ok(rows.into_iter().filter_map(standing).collect())
}

/// The shares of those that are registered: one entry each, sum 1; `None` when nobody has earned anything.
pub(in super::super) fn allotment(
    connection: &Connection,
    spread: Spread,
    registered: &[Identity],
) -> Result<Option<Vec<(Identity, f64)>>, Fault> {
    let stored = weights(connection)?;
    let mut earned = Vec::new();
    for identity in registered {
        if let Some(weight) = miners::find(connection, *identity)?.and_then(|id| stored.get(&id)) {
            earned.push((*identity, *weight));
        }
    }
    let spread: BTreeMap<Identity, f64> = spread.chain_weights(&earned).into_iter().collect();
    let total: f64 = spread.values().sum();
    if total <= 0.0 {
        return Ok(None);
    }
    let share = |identity: &Identity| (*identity, spread.get(identity).copied().unwrap_or(0.0) / total);
    Ok(Some(registered.iter().map(share).collect()))
}
