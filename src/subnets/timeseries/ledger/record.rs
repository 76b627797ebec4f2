//! Writing what happens to a request: each function is one transaction's work.

use std::collections::{BTreeSet, HashMap};

use super::{NewRequest, Revealed, Rules, Scored, pack, read};
use crate::ledger::Fault;
use crate::ledger::miners::{self, MinerId};
use crate::ledger::sql::{OptionalExtension, Transaction, params};
use crate::scoring::timeseries::long_run;
use crate::scoring::timeseries::rmse::weighted_rmse;
use crate::scoring::timeseries::scaling::request_shares;
use crate::subnets::kept;
use crate::units::{Identity, UnixMs};
use ndarray::ArrayView1;

pub(super) fn begin(transaction: &Transaction<'_>, request: &NewRequest) -> Result<bool, Fault> {
    let new: Option<i64> = transaction
        .prepare_cached(
            "INSERT INTO ts_requests (uuid, round, state) VALUES (?1, ?2, 'committed')
             ON CONFLICT (round) DO NOTHING RETURNING id",
        )?
        .query_row(params![request.uuid, request.round.0], |row| row.get(0))
        .optional()?;
    let Some(id) = new else { return Ok(false) };
    for commitment in &request.commitments {
        let miner = miners::id(transaction, commitment.miner, request.round)?;
        transaction
            .prepare_cached(
                "INSERT INTO ts_commitments (request, miner, hash) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            )?
            .send(params![id, miner, commitment.hash])?;
    }
    Ok(true)
}

pub(super) fn reveal(transaction: &Transaction<'_>, uuid: &str, revealed: &Revealed) -> Result<(), Fault> {
    let id: Option<i64> = transaction
        .prepare_cached("SELECT id FROM ts_requests WHERE uuid = ?1 AND state = 'committed'")?
        .query_row([uuid], |row| row.get(0))
        .optional()?;
    let Some(id) = id else { return Ok(()) };
    transaction
        .prepare_cached("UPDATE ts_requests SET state = 'open', starts_at = ?2 WHERE id = ?1")?
        .execute(params![id, revealed.starts_at.0])?;
    for forecast in &revealed.forecasts {
        let miner = miners::id(transaction, forecast.miner, revealed.starts_at)?;
        transaction
            .prepare_cached(
                "INSERT INTO ts_forecasts (request, miner, closes) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            )?
            .send(params![id, miner, pack(&forecast.closes)])?;
    }
    let mut note =
        transaction.prepare_cached("UPDATE ts_commitments SET fate = ?3 WHERE request = ?1 AND miner = ?2")?;
    for (identity, fate) in &revealed.fates {
        if let Some(miner) = miners::find(transaction, *identity)? {
            note.send(params![id, miner, fate])?;
        }
    }
    Ok(())
}

pub(super) fn give_up(transaction: &Transaction<'_>, uuid: &str, reason: &str) -> Result<(), Fault> {
    transaction
        .prepare_cached(
            "UPDATE ts_requests SET state = 'dropped', reason = ?2 WHERE uuid = ?1 AND state IN ('committed', 'open')",
        )?
        .execute([uuid, reason])?;
    Ok(())
}

pub(super) fn score(
    transaction: &Transaction<'_>,
    uuid: &str,
    truth: &[f64],
    registered: &[Identity],
    now: UnixMs,
    rules: &Rules,
) -> Result<Option<Scored>, Fault> {
    let Some(id) = read::id_of_open(transaction, uuid)? else { return Ok(None) };
    let actual = ArrayView1::from(truth);
    let mut errors: Vec<(MinerId, f64)> = Vec::new();
    for (miner, closes) in read::forecasts(transaction, id)? {
        // Another length is skipped, as the reference does.
        if let Ok(error) = weighted_rmse(ArrayView1::from(&closes), actual) {
            errors.push((miner, error));
        }
    }
    let Some(shares) = request_shares(&errors) else {
        give_up(transaction, uuid, "fewer than two forecasts")?;
        return Ok(None);
    };
    let volatility = rules.tables.weight(actual);
    update_weights(transaction, &shares, volatility, registered, rules)?;
    let of: HashMap<MinerId, f64> = errors.into_iter().collect();
    let known = miners::all(transaction)?;
    let mut scored = Scored { miners: Vec::with_capacity(shares.len()), volatility };
    let mut write = transaction
        .prepare_cached("UPDATE ts_forecasts SET rmse = ?3, share = ?4 WHERE request = ?1 AND miner = ?2")?;
    let mut sum = transaction.prepare_cached(
        "UPDATE ts_weights SET requests = requests + 1, shares = shares + ?2, errors = errors + ?3 WHERE miner = ?1",
    )?;
    for (miner, share) in shares {
        let rmse = of.get(&miner).copied().unwrap_or(f64::MAX);
        write.send(params![id, miner, rmse, share])?;
        sum.send(params![miner, share, rmse])?;
        if let Some((identity, _)) = known.get(&miner) {
            scored.miners.push((*identity, rmse, share));
        }
    }
    transaction
        .prepare_cached(
            "UPDATE ts_requests SET state = 'scored', truth = ?2, volatility = ?3, scored_at = ?4 WHERE id = ?1",
        )?
        .execute(params![id, pack(truth), volatility, now.0])?;
    Ok(Some(scored))
}

/// The long-run weights after a request; who is not registered any more has none.
fn update_weights(
    transaction: &Transaction<'_>,
    shares: &[(MinerId, f64)],
    volatility: f64,
    registered: &[Identity],
    rules: &Rules,
) -> Result<(), Fault> {
    let mut stored = read::weights(transaction)?;
    let mut shares = shares.to_vec();
    if !registered.is_empty() {
        let mut present = BTreeSet::new();
        for identity in registered {
            present.extend(miners::find(transaction, *identity)?);
        }
        stored.retain(|miner, _| present.contains(miner));
        shares.retain(|(miner, _)| present.contains(miner));
    }
    long_run::update(&mut stored, &shares, volatility, rules.start);
    for gone in read::weights(transaction)?.keys().filter(|miner| !stored.contains_key(miner)) {
        transaction.prepare_cached("DELETE FROM ts_weights WHERE miner = ?1")?.execute([gone])?;
    }
    let mut write = transaction.prepare_cached(
        "INSERT INTO ts_weights (miner, weight) VALUES (?1, ?2) ON CONFLICT (miner) DO UPDATE SET weight = ?2",
    )?;
    for (miner, weight) in stored {
        write.send(params![miner, weight])?;
    }
    Ok(())
}

pub(super) fn prune(transaction: &Transaction<'_>, before: UnixMs) -> Result<usize, Fault> {
    for table in ["ts_commitments", "ts_forecasts"] {
        let sql = format!("DELETE FROM {table} WHERE request IN (SELECT id FROM ts_requests WHERE round < ?1)");
        transaction.execute(&sql, [before.0])?;
    }
    kept::forgotten_before(transaction, before)?;
    Ok(transaction.execute("DELETE FROM ts_requests WHERE round < ?1", [before.0])?)
}
