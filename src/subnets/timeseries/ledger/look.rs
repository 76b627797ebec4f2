//! Requests as pages show them.

use std::collections::BTreeMap;

use super::unpack;
use crate::ledger::miners;
use crate::ledger::sql::{Connection, OptionalExtension, Row, params};
use crate::ledger::{Fault, sql};
use crate::units::{Identity, UnixMs};

/// A request in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its name.
    pub uuid: String,
    /// The beginning of its round.
    pub round: UnixMs,
    /// When its forecasts begin.
    pub starts_at: Option<UnixMs>,
    /// committed, open, scored, dropped.
    pub state: String,
    /// Why it was dropped.
    pub reason: Option<String>,
    /// How much it counted, `0.01..=1.0`.
    pub volatility: Option<f64>,
    /// When it was scored.
    pub scored_at: Option<UnixMs>,
    /// Miners that committed to numbers.
    pub commitments: u64,
    /// Miners whose numbers count.
    pub forecasts: u64,
}

/// Everything about a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Whole {
    /// The request.
    pub request: Request,
    /// The closes that came; empty until it is scored.
    pub truth: Vec<f64>,
    /// The forecasts that count, smallest error first.
    pub forecasts: Vec<Said>,
    /// Commitments without one, with what became of them.
    pub others: Vec<(Identity, Option<String>)>,
}

/// A forecast of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Whose.
    pub miner: Identity,
    /// The closes.
    pub closes: Vec<f64>,
    /// Its error in dollars.
    pub rmse: Option<f64>,
    /// Its share of the request.
    pub share: Option<f64>,
}

/// A miner's part in a request.
#[derive(Debug, Clone, PartialEq)]
pub struct OfMiner {
    /// The request.
    pub request: Request,
    /// Its error in dollars.
    pub rmse: Option<f64>,
    /// Its share of the request.
    pub share: Option<f64>,
}

const COLUMNS: &str = "r.uuid, r.round, r.starts_at, r.state, r.reason, r.volatility, r.scored_at,
    (SELECT COUNT(*) FROM ts_commitments c WHERE c.request = r.id),
    (SELECT COUNT(*) FROM ts_forecasts f WHERE f.request = r.id)";

fn request(row: &Row<'_>) -> sql::Result<Request> {
    let count = |i: usize| row.get::<i64>(i).map(i64::unsigned_abs);
    Ok(Request {
        uuid: row.get(0)?,
        round: UnixMs(row.get(1)?),
        starts_at: row.get::<Option<i64>>(2)?.map(UnixMs),
        state: row.get(3)?,
        reason: row.get(4)?,
        volatility: row.get(5)?,
        scored_at: row.get::<Option<i64>>(6)?.map(UnixMs),
        commitments: count(7)?,
        forecasts: count(8)?,
    })
}

/// How many requests there are in each state.
pub(in super::super) fn counts(connection: &Connection) -> Result<BTreeMap<String, usize>, Fault> {
    let mut query = connection.prepare_cached("SELECT state, COUNT(*) FROM ts_requests GROUP BY state")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, usize::try_from(row.get::<i64>(1)?).unwrap_or(0))))?;
    Ok(rows.collect::<sql::Result<_>>()?)
}

/// A part of the requests, latest first.
pub(in super::super) fn requests(
    connection: &Connection,
    state: Option<&str>,
    skip: usize,
    count: usize,
) -> Result<Vec<Request>, Fault> {
    let sql = format!(
        "SELECT {COLUMNS} FROM ts_requests r WHERE ?1 = '' OR r.state = ?1 ORDER BY r.round DESC LIMIT ?2 OFFSET ?3"
    );
    let whole = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let mut query = connection.prepare_cached(&sql)?;
    let rows = query.query_map(params![state.unwrap_or_default(), whole(count), whole(skip)], request)?;
    Ok(rows.collect::<sql::Result<_>>()?)
}

/// Everything about one request.
pub(in super::super) fn whole(connection: &Connection, uuid: &str) -> Result<Option<Whole>, Fault> {
    let sql = format!("SELECT {COLUMNS}, r.id, r.truth FROM ts_requests r WHERE r.uuid = ?1");
    let head = |row: &Row<'_>| Ok((request(row)?, row.get::<i64>(9)?, row.get::<Option<Vec<u8>>>(10)?));
    let Some((request, id, truth)) = connection.prepare_cached(&sql)?.query_row([uuid], head).optional()? else {
        return Ok(None);
    };
    let known = miners::all(connection)?;
    let mut query = connection.prepare_cached(
        "SELECT miner, closes, rmse, share FROM ts_forecasts WHERE request = ?1 ORDER BY rmse IS NULL, rmse, miner",
    )?;
    let mut rows = query.query([id])?;
    let mut forecasts = Vec::new();
    while let Some(row) = rows.next()? {
        let Some((miner, _)) = known.get(&row.get(0)?) else { continue };
        let closes = unpack(row.get_ref(1)?.as_blob().map_err(|e| Fault::Damaged(e.to_string()))?);
        forecasts.push(Said { miner: *miner, closes, rmse: row.get(2)?, share: row.get(3)? });
    }
    let mut query = connection.prepare_cached(
        "SELECT miner, fate FROM ts_commitments WHERE request = ?1
         AND miner NOT IN (SELECT miner FROM ts_forecasts WHERE request = ?1)",
    )?;
    let rows: Vec<(miners::MinerId, Option<String>)> =
        query.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<sql::Result<_>>()?;
    let others = rows.into_iter().filter_map(|(miner, fate)| Some((known.get(&miner)?.0, fate))).collect();
    Ok(Some(Whole { request, truth: unpack(&truth.unwrap_or_default()), forecasts, others }))
}

/// A miner's last forecasts, latest first.
pub(in super::super) fn of_miner(
    connection: &Connection,
    identity: Identity,
    count: usize,
) -> Result<Vec<OfMiner>, Fault> {
    let Some(miner) = miners::find(connection, identity)? else { return Ok(Vec::new()) };
    let sql = format!(
        "SELECT {COLUMNS}, f.rmse, f.share FROM ts_forecasts f JOIN ts_requests r ON r.id = f.request
         WHERE f.miner = ?1 ORDER BY r.round DESC LIMIT ?2"
    );
    let row = |row: &Row<'_>| Ok(OfMiner { request: request(row)?, rmse: row.get(9)?, share: row.get(10)? });
    let mut query = connection.prepare_cached(&sql)?;
    let rows = query.query_map(params![miner, i64::try_from(count).unwrap_or(i64::MAX)], row)?;
    Ok(rows.collect::<sql::Result<_>>()?)
}
