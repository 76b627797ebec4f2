//! The record's tables, written.

use std::time::Duration;

use super::pending::{Asker, Pending, Seen};
use crate::ledger::Fault;
use crate::ledger::sql;
use crate::ledger::sql::{Connection, Transaction, params};
use crate::market::{EventKey, Resolution};
use crate::units::{Account, UnixMs, millis};

/// Without a cutoff, an event may be over when nobody has asked about it for so long.
const SILENCE_MS: i64 = 3_600_000;

pub(super) const OPEN: u8 = 0;
pub(super) const ENDED: u8 = 1;
pub(super) const VOID: u8 = 2;

/// An event whose end is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsettled {
    /// Its key on the wire.
    pub key: EventKey,
    /// Its market.
    pub provider: String,
    /// The market's id of it.
    pub id: String,
}

/// Adds the sums of some time.
pub(super) fn add(transaction: &Transaction<'_>, pending: &Pending) -> Result<(), Fault> {
    for seen in pending.events.values() {
        let event = event(transaction, seen)?;
        tallies(transaction, event, seen)?;
    }
    for (hotkey, asker) in &pending.askers {
        add_asker(transaction, hotkey, asker)?;
    }
    Ok(())
}

fn event(transaction: &Transaction<'_>, seen: &Seen) -> sql::Result<i64> {
    let Seen { question, first, last, asked, answered, last_p, .. } = seen;
    // A validator that names another cutoff than the one before is believed: markets move them.
    let sql = "
        INSERT INTO asked_events
            (key, provider, market_id, description, cutoff_ms, first_ms, last_ms, asked, answered, last_p)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
        ON CONFLICT (key) DO UPDATE SET
            cutoff_ms = COALESCE(excluded.cutoff_ms, asked_events.cutoff_ms),
            last_ms = CASE WHEN excluded.last_ms > asked_events.last_ms THEN excluded.last_ms ELSE asked_events.last_ms END,
            asked = asked_events.asked + excluded.asked, answered = asked_events.answered + excluded.answered,
            last_p = COALESCE(excluded.last_p, asked_events.last_p)
        RETURNING id";
    transaction.prepare_cached(sql)?.query_row(
        params![
            question.key.0,
            question.provider,
            question.id,
            question.description.as_raw(),
            question.cutoff.map(|at| at.0),
            first.0,
            last.0,
            count(*asked),
            count(*answered),
            last_p
        ],
        |row| row.get(0),
    )
}

fn tallies(transaction: &Transaction<'_>, event: i64, seen: &Seen) -> sql::Result<()> {
    let sql = "
        INSERT INTO answer_tallies AS t
            (event, interval, answers, sum_p, sum_p2, priced, priced_p, priced_p2, sum_r, sum_r2)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
        ON CONFLICT (event, interval) DO UPDATE SET
            answers = t.answers + excluded.answers, sum_p = t.sum_p + excluded.sum_p, sum_p2 = t.sum_p2 + excluded.sum_p2,
            priced = t.priced + excluded.priced, priced_p = t.priced_p + excluded.priced_p,
            priced_p2 = t.priced_p2 + excluded.priced_p2, sum_r = t.sum_r + excluded.sum_r, sum_r2 = t.sum_r2 + excluded.sum_r2";
    let mut insert = transaction.prepare_cached(sql)?;
    for (interval, t) in &seen.tallies {
        insert.execute(params![
            event,
            interval,
            count(t.answers),
            t.sum_p,
            t.sum_p2,
            count(t.priced),
            t.priced_p,
            t.priced_p2,
            t.sum_r,
            t.sum_r2
        ])?;
    }
    Ok(())
}

fn add_asker(transaction: &Transaction<'_>, hotkey: &Account, asker: &Asker) -> sql::Result<()> {
    let sql = "
        INSERT INTO askers AS a (hotkey, first_ms, last_ms, requests, events) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (hotkey) DO UPDATE SET
            last_ms = CASE WHEN excluded.last_ms > a.last_ms THEN excluded.last_ms ELSE a.last_ms END,
            requests = a.requests + excluded.requests, events = a.events + excluded.events";
    let Asker { first, last, requests, events } = asker;
    let row = params![hotkey.as_bytes().as_slice(), first.0, last.0, count(*requests), count(*events)];
    transaction.prepare_cached(sql)?.execute(row).map(|_| ())
}

/// A count as SQLite has numbers.
fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(super) fn unsettled(
    connection: &Connection,
    now: UnixMs,
    pause: Duration,
    limit: u32,
) -> Result<Vec<Unsettled>, Fault> {
    let sql = "
        SELECT key, provider, market_id FROM asked_events
        WHERE state = ?1 AND (looked_ms IS NULL OR looked_ms <= ?2) AND COALESCE(cutoff_ms, last_ms + ?3) <= ?4
        ORDER BY looked_ms NULLS FIRST, cutoff_ms NULLS FIRST LIMIT ?5";
    let pause = millis(pause);
    let mut query = connection.prepare_cached(sql)?;
    let rows = query.query_map(params![OPEN, now.0.saturating_sub(pause), SILENCE_MS, now.0, limit], |row| {
        Ok(Unsettled { key: EventKey(row.get(0)?), provider: row.get(1)?, id: row.get(2)? })
    })?;
    Ok(rows.collect::<sql::Result<_>>()?)
}

pub(super) fn looked(
    transaction: &Transaction<'_>,
    found: &[(EventKey, Option<Resolution>)],
    now: UnixMs,
) -> Result<(), Fault> {
    let sql = "UPDATE asked_events SET looked_ms = ?2, state = ?3, outcome = ?4, ended_ms = ?5 WHERE key = ?1";
    let mut update = transaction.prepare_cached(sql)?;
    for (key, resolution) in found {
        let (state, outcome, ended) = match resolution {
            Some(Resolution::Resolved { outcome, at }) => (ENDED, Some(outcome.get()), Some(at.unwrap_or(now).0)),
            Some(Resolution::Void) => (VOID, None, Some(now.0)),
            Some(Resolution::Open) | None => (OPEN, None, None),
        };
        update.execute(params![key.0, now.0, state, outcome, ended])?;
    }
    Ok(())
}

/// Forgets events last asked about before `before`, and beyond `most` the oldest; of askers those not heard of since then.
pub(super) fn forget(transaction: &Transaction<'_>, before: UnixMs, most: u32) -> sql::Result<usize> {
    transaction.execute("DELETE FROM askers WHERE last_ms < ?1", [before.0])?;
    let old = transaction.execute("DELETE FROM asked_events WHERE last_ms < ?1", [before.0])?;
    let surplus = "
        DELETE FROM asked_events WHERE id IN (
            SELECT id FROM asked_events ORDER BY last_ms DESC, id DESC LIMIT 9223372036854775807 OFFSET ?1)";
    Ok(old + transaction.execute(surplus, [most])?)
}
