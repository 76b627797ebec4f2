//! Conditional forecasts in the ledger: kept, evaluated at each tick, replaced by plain answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::record::Miners;
use super::types::{ConditionSet, Submission, Tick};
use crate::ledger::Fault;
use crate::ledger::miners::{self, MinerId};
use crate::ledger::sql::{self, Connection, Transaction, params};
use crate::scoring::conditional::{self, Conditional, MAX_PER_MINER, Side};
use crate::units::{Identity, UnixMs};

/// Rules that were not sent again for so long are forgotten.
const LIFETIME_MS: i64 = 24 * 3_600_000;
/// A miner that was not seen registered for so long is gone and does not go on speaking; where nobody ever notes who is
/// registered, this is not asked.
const GONE_AFTER_MS: i64 = 600_000;
/// Aggregates of older rounds say nothing about now.
const AGGREGATE_MAX_AGE_MS: i64 = 3_600_000;

/// What the rules say in this tick, about events that are open, as submissions of the moment when its last price and its
/// last answer had come: a rule knows no price that a plain answer could not have been measured against. Miners with a
/// plain answer for the same event in this tick are left out: that answer counts.
pub(super) fn due(transaction: &Transaction<'_>, tick: &Tick) -> Result<Vec<Submission>, Fault> {
    let rules = load(transaction, tick.at.plus_ms(-LIFETIME_MS), tick.at.plus_ms(-GONE_AFTER_MS))?;
    if rules.is_empty() {
        return Ok(Vec::new());
    }
    let (prices, answers) = (tick.prices.iter().map(|price| price.at), tick.submissions.iter().map(|s| s.at));
    let at = prices.chain(answers).fold(tick.at, UnixMs::max);
    let open = open(transaction, at)?;
    let aggregates = aggregates(transaction, tick.at.plus_ms(-AGGREGATE_MAX_AGE_MS))?;
    let plain: BTreeSet<(Identity, &str)> = tick.submissions.iter().map(|s| (s.identity, &*s.event)).collect();
    let mut found = Vec::new();
    for (identity, rules) in &rules {
        for (event, p) in conditional::evaluate(rules, |event| aggregates.get(event).copied()) {
            if open.contains(event) && !plain.contains(&(*identity, &**event)) {
                found.push(Submission { identity: *identity, event: event.clone(), p, at });
            }
        }
    }
    Ok(found)
}

/// The rules of each miner, in its order.
type RulesOf = BTreeMap<Identity, Vec<Conditional<Arc<str>>>>;

/// Those sent since a time, of miners seen since another.
fn load(connection: &Connection, sent: UnixMs, seen: UnixMs) -> Result<RulesOf, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT m.hotkey, m.registered_block, c.event, c.p, c.if_event, c.above, c.threshold
         FROM conditions c JOIN miners m ON m.id = c.miner
         WHERE c.sent_at >= ?1 AND (m.seen_until = 0 OR m.seen_until >= ?2) ORDER BY c.miner, c.place",
    )?;
    let mut rows = query.query([sent.0, seen.0])?;
    let mut found: BTreeMap<Identity, Vec<_>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let identity = miners::identity(&row)?;
        let text = |column: usize| row.get::<String>(column).map(Arc::<str>::from);
        let side = if row.get(5)? { Side::Above } else { Side::Below };
        let rule = Conditional { event: text(2)?, p: row.get(3)?, if_event: text(4)?, side, threshold: row.get(6)? };
        found.entry(identity).or_default().push(rule);
    }
    Ok(found)
}

/// The events about which a report of this moment is in time.
fn open(connection: &Connection, at: UnixMs) -> Result<BTreeSet<Arc<str>>, Fault> {
    let mut query =
        connection.prepare_cached("SELECT key FROM events WHERE state = 'open' AND opened_at <= ?1 AND cutoff > ?1")?;
    let rows = query.query_map([at.0], |row| Ok(row.get::<String>(0)?.into()))?;
    Ok(rows.collect::<sql::Result<_>>()?)
}

fn aggregates(connection: &Connection, since: UnixMs) -> Result<BTreeMap<Arc<str>, f64>, Fault> {
    // Every event that was ever asked about has an aggregate: one of late is of an event that is open, or was until then. The order
    // of a cross join is SQLite's as well.
    let mut query = connection.prepare_cached(
        "SELECT e.key, a.p FROM events e CROSS JOIN aggregates a
         WHERE (e.state = 'open' OR e.settled_at >= ?1) AND a.event = e.id AND a.tick >= ?1",
    )?;
    let rows = query.query_map([since.0], |row| Ok((row.get::<String>(0)?.into(), row.get(1)?)))?;
    Ok(rows.collect::<sql::Result<_>>()?)
}

/// The aggregate of an event's round, of each miner its last report; and how many those are.
pub(super) fn aggregate(reports: &BTreeMap<MinerId, f64>) -> Option<(f64, i64)> {
    let mut values: Vec<f64> = reports.values().copied().collect();
    Some((conditional::aggregate(&mut values)?, values.len() as i64))
}

/// Counts a report that a rule has made.
pub(super) fn note_spoken(transaction: &Transaction<'_>, event: i64, miner: MinerId, interval: i64) -> sql::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO by_rule (event, miner, interval, reports) VALUES (?1, ?2, ?3, 1)
             ON CONFLICT (event, miner, interval) DO UPDATE SET reports = by_rule.reports + 1",
        )?
        .send(params![event, miner, interval])?;
    Ok(())
}

/// How many of a miner's reports on an event came from its rules, by interval.
pub(super) fn spoken(connection: &Connection, event: i64, miner: MinerId) -> sql::Result<BTreeMap<i64, u32>> {
    let mut query =
        connection.prepare_cached("SELECT interval, reports FROM by_rule WHERE event = ?1 AND miner = ?2")?;
    let rows = query.query_map(params![event, miner], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// Plain answers replace the rules about the same event; then new sets replace old ones.
pub(super) fn replace(transaction: &Transaction<'_>, tick: &Tick, miners: &mut Miners) -> Result<(), Fault> {
    let kept = load(transaction, UnixMs(i64::MIN), UnixMs(i64::MIN))?;
    if !kept.is_empty() {
        let about =
            |s: &Submission| kept.get(&s.identity).is_some_and(|rules| rules.iter().any(|r| r.event == s.event));
        let mut forget = transaction.prepare_cached("DELETE FROM conditions WHERE miner = ?1 AND event = ?2")?;
        for submission in tick.submissions.iter().filter(|s| s.p.is_finite() && about(s)) {
            let miner = miners.id(transaction, submission.identity, tick.at)?;
            forget.send(params![miner, &*submission.event])?;
        }
    }
    for set in &tick.conditions {
        let miner = miners.id(transaction, set.identity, tick.at)?;
        store(transaction, tick.at, miner, set)?;
    }
    Ok(())
}

fn store(transaction: &Transaction<'_>, at: UnixMs, miner: MinerId, set: &ConditionSet) -> Result<(), Fault> {
    transaction.prepare_cached("DELETE FROM conditions WHERE miner = ?1")?.send([miner])?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO conditions (miner, place, event, p, if_event, above, threshold, sent_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for (place, rule) in set.rules.iter().filter(|rule| rule.is_sound()).take(MAX_PER_MINER).enumerate() {
        insert.send(params![
            miner,
            place as i64,
            &*rule.event,
            rule.p.clamp(0.0, 1.0),
            &*rule.if_event,
            rule.side == Side::Above,
            rule.threshold,
            at.0,
        ])?;
    }
    Ok(())
}
