//! Writing what happens: events and ticks.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::block::{self, Cells, Columns, Logged};
use super::changes;
use super::conditions;
use super::counts;
use super::read::{state_name, state_of};
use super::reasons;
use super::types::{NewEvent, Submission, Tick, TickReport, fate_name};
use crate::ledger::Fault;
use crate::ledger::miners::{self, MinerId};
use crate::ledger::sql::{self, Connection, Owned, Row, Transaction, params};
use crate::ledger::{counters, notes};
use crate::scoring::admission::{Admitted, EventState, Fate, Prices, Window};
use crate::scoring::grid::Grid;
use crate::scoring::rules::ReferencePick;
use crate::scoring::{Report, Rules};
use crate::units::{Foreign, Identity, UnixMs};

/// Statistics against the price in force; the rest only under `worst_bracket`.
pub(super) const IN_FORCE: u8 = 0;
pub(super) const LOWER: u8 = 1;
pub(super) const HIGHER: u8 = 2;

/// Adds new events; of known open ones takes over text, cutoff and end. Returns how many were new.
pub(super) fn upsert_events(transaction: &Transaction<'_>, events: &[NewEvent], rules: &Rules) -> Result<usize, Fault> {
    let mut added = 0;
    {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO events (key, provider, provider_id, description, opened_at, cutoff, ends_at,
                                 interval_minutes, state, kind, metadata)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'open', ?9, ?10) ON CONFLICT (key) DO NOTHING",
        )?;
        let mut update = transaction.prepare_cached(
            "UPDATE events SET description = ?2, cutoff = ?3, ends_at = ?4, kind = ?5, metadata = ?6
             WHERE key = ?1 AND state = 'open'
               AND (description <> ?2 OR cutoff <> ?3 OR ends_at IS DISTINCT FROM ?4
                    OR kind IS DISTINCT FROM ?5 OR metadata IS DISTINCT FROM ?6)",
        )?;
        for event in events {
            let ends_at = event.ends_at.map(|t| t.0);
            let (kind, metadata) = (event.beside.kind.as_deref(), event.beside.metadata.as_ref().map(Foreign::as_raw));
            let new = insert.execute(params![
                event.key,
                event.provider,
                event.id,
                event.description.as_raw(),
                event.opened_at.0,
                event.cutoff.0,
                ends_at,
                rules.interval_minutes,
                kind,
                metadata,
            ])?;
            added += new;
            let changed = match new {
                0 => {
                    let text = event.description.as_raw();
                    update.execute(params![event.key, text, event.cutoff.0, ends_at, kind, metadata])?
                }
                new => new,
            };
            if changed > 0 {
                changes::offered(transaction, &event.key, event.opened_at)?;
            }
        }
    }
    counts::add(transaction, EventState::Open, i64::try_from(added).unwrap_or(i64::MAX))?;
    Ok(added)
}

/// What recording needs to know of an event.
struct Open {
    id: i64,
    window: Window,
    grid: Grid,
    is_open: bool,
}

/// The events of a tick that are known, by key.
fn find<'k>(transaction: &Transaction<'_>, keys: BTreeSet<&'k str>) -> sql::Result<HashMap<&'k str, Open>> {
    let each: Vec<[&str; 1]> = keys.iter().map(|key| [*key]).collect();
    let found = transaction
        .prepare_cached("SELECT id, opened_at, cutoff, interval_minutes, state FROM events WHERE key = ?1")?
        .query_each(&each, |row| {
            let window = Window { opened: UnixMs(row.get(1)?), cutoff: UnixMs(row.get(2)?), resolved: None };
            Ok(Open {
                id: row.get(0)?,
                window,
                grid: Grid::of_minutes(row.get(3)?),
                is_open: row.get_ref(4)?.as_str() == Ok(state_name(EventState::Open)),
            })
        })?;
    Ok(keys.into_iter().zip(found).filter_map(|(key, mut rows)| Some((key, rows.pop()?))).collect())
}

/// Records a query round, or does nothing when its time was recorded before.
pub(super) fn record_tick(transaction: &Transaction<'_>, tick: &Tick, rules: &Rules) -> Result<TickReport, Fault> {
    let mut report = TickReport::default();
    let known: bool = transaction
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM ticks WHERE at = ?1)")?
        .query_row([tick.at.0], |row| row.get(0))?;
    if known {
        return Ok(report);
    }
    report.recorded = true;
    let conditional = conditions::due(transaction, tick)?;
    let by_rule: HashSet<(Identity, &str)> = conditional.iter().map(|s| (s.identity, &*s.event)).collect();
    let mut by_event: BTreeMap<&str, Vec<&Submission>> = BTreeMap::new();
    for submission in tick.submissions.iter().chain(&conditional) {
        by_event.entry(&submission.event).or_default().push(submission);
    }
    let priced = tick.prices.iter().map(|price| &*price.event);
    let events = find(transaction, by_event.keys().copied().chain(priced).collect())?;
    record_prices(transaction, tick, &events, &mut report)?;
    let mut parts = Vec::with_capacity(by_event.len());
    for (key, submissions) in by_event {
        match events.get(key) {
            Some(event) if event.is_open => parts.push(Part { event, submissions }),
            Some(_) => submissions.iter().for_each(|_| report.count(fate_name(Fate::Late))),
            None => submissions.iter().for_each(|_| report.count("unknown_event")),
        }
    }
    let mut miners = Miners::default();
    miners.look_up(transaction, tick, &conditional)?;
    let mut round = Round { transaction, tick: tick.at, rules, by_rule: &by_rule, miners };
    for parts in parts.chunks(AT_ONCE) {
        round.record(parts, &mut report)?;
    }
    conditions::replace(transaction, tick, &mut round.miners)?;
    reasons::keep(transaction, tick, &mut round.miners)?;
    transaction
        .prepare_cached("INSERT INTO ticks (at, counted) VALUES (?1, ?2)")?
        .send(params![tick.at.0, report.counted() as i64])?;
    let fates = report.fates.iter().map(|(name, n)| (name.as_str(), *n));
    let dropped = tick.dropped.iter().map(|(name, n)| (name.as_str(), *n));
    counters::add(transaction, fates.chain(dropped))?;
    Ok(report)
}

fn record_prices(
    transaction: &Transaction<'_>,
    tick: &Tick,
    events: &HashMap<&str, Open>,
    report: &mut TickReport,
) -> Result<(), Fault> {
    let mut rows = Vec::with_capacity(tick.prices.len());
    for row in &tick.prices {
        if !(0.0..=1.0).contains(&row.price) {
            report.count("invalid_price");
        } else if let Some(event) = events.get(&*row.event).filter(|event| event.is_open) {
            let (at, source) = (Owned::Int(row.at.0), Owned::Int(row.source.code()));
            rows.push(vec![Owned::Int(event.id), at, Owned::Real(row.price), source]);
        } else {
            report.count("unknown_event_price");
        }
    }
    Ok(transaction.put("prices", 2, &["event", "at", "price", "source"], &rows)?)
}

/// The numbers of miners, looked up once per tick.
#[derive(Default)]
pub(super) struct Miners(HashMap<Identity, MinerId>);

impl Miners {
    /// Those of a whole tick, so that a database far away is asked once.
    fn look_up(&mut self, transaction: &Transaction<'_>, tick: &Tick, conditional: &[Submission]) -> Result<(), Fault> {
        let said = tick.submissions.iter().chain(conditional).map(|submission| submission.identity);
        let said = said.chain(tick.conditions.iter().map(|set| set.identity));
        let said = said.chain(tick.reasonings.iter().map(|words| words.identity));
        let identities: Vec<Identity> = said.collect::<BTreeSet<_>>().into_iter().collect();
        let found = miners::find_each(transaction, &identities)?;
        self.0.extend(identities.into_iter().zip(found).filter_map(|(identity, id)| Some((identity, id?))));
        Ok(())
    }

    /// The number of one, given to it now if it has none.
    pub(super) fn id(
        &mut self,
        transaction: &Transaction<'_>,
        identity: Identity,
        seen: UnixMs,
    ) -> Result<MinerId, Fault> {
        if let Some(id) = self.0.get(&identity) {
            return Ok(*id);
        }
        let id = miners::id(transaction, identity, seen)?;
        self.0.insert(identity, id);
        Ok(id)
    }
}

/// Events whose statistics are in memory at once: some 20 kB each with 256 miners.
const AT_ONCE: usize = 64;

/// The part of a tick that concerns one event.
struct Part<'a> {
    event: &'a Open,
    submissions: Vec<&'a Submission>,
}

/// A tick that is being recorded.
struct Round<'a> {
    transaction: &'a Transaction<'a>,
    tick: UnixMs,
    rules: &'a Rules,
    /// Whose submissions about which event come from conditional forecasts.
    by_rule: &'a HashSet<(Identity, &'a str)>,
    miners: Miners,
}

/// A report that counts, in its interval.
struct Counted {
    miner: MinerId,
    t: UnixMs,
    admitted: Admitted,
}

/// What is noted beside the statistics of a part of a tick: rows of `aggregates` and `raw`.
#[derive(Default)]
struct Noted {
    aggregates: Vec<Vec<Owned>>,
    raw: Vec<Vec<Owned>>,
}

/// Reports about an event in an interval, to be added to its statistics against one price.
struct Addition {
    event: i64,
    interval: i64,
    bracket: u8,
    reports: Vec<(MinerId, Report)>,
}

impl Round<'_> {
    fn record(&mut self, parts: &[Part<'_>], out: &mut TickReport) -> Result<(), Fault> {
        let (mut additions, mut noted) = (Vec::new(), Noted::default());
        for (part, prices) in parts.iter().zip(self.prices(parts)?) {
            let by_interval = self.admit(part, &prices, out, &mut noted)?;
            let reports = by_interval.into_iter().flat_map(|(interval, counted)| {
                self.brackets()
                    .iter()
                    .map(move |bracket| addition(part.event.id, interval, *bracket, &counted))
                    .collect::<Vec<_>>()
            });
            additions.extend(reports);
        }
        let before = load_cells(self.transaction, &additions)?;
        let merged = additions.into_iter().zip(before).map(|(addition, mut cells)| {
            let Addition { event, interval, bracket, reports } = addition;
            block::merge(&mut cells, reports);
            vec![Owned::Int(event), Owned::Int(interval), Owned::Int(bracket.into()), Owned::Blob(block::pack(&cells))]
        });
        let merged: Vec<_> = merged.collect();
        self.transaction.put("stats", 3, &["event", "interval", "bracket", "block"], &merged)?;
        self.transaction.put("aggregates", 1, &["event", "tick", "p", "reports"], &noted.aggregates)?;
        Ok(self.transaction.fill("raw", &["event", "tick", "block"], &noted.raw)?)
    }

    const fn brackets(&self) -> &'static [u8] {
        match self.rules.reference_pick {
            ReferencePick::AtOrBefore => &[IN_FORCE],
            ReferencePick::WorstBracket => &[IN_FORCE, LOWER, HIGHER],
        }
    }

    /// The prices that may be in force for what is said in each part.
    fn prices(&self, parts: &[Part<'_>]) -> Result<Vec<Prices>, Fault> {
        let max_age = self.rules.price_max_age_ms();
        let from =
            |part: &Part<'_>| part.submissions.iter().map(|s| s.at.plus_ms(-max_age).0).min().unwrap_or(i64::MAX);
        let each: Vec<[i64; 2]> = parts.iter().map(|part| [part.event.id, from(part)]).collect();
        let row = |row: &Row<'_>| Ok((UnixMs(row.get(0)?), row.get(1)?));
        let found = self.transaction.prepare_cached(PRICES_FROM)?.query_each(&each, row)?;
        Ok(found.into_iter().map(|rows| prices_for(self.rules, Prices::new(rows))).collect())
    }

    /// What counts of a part, by interval. It is noted as what was said by rule, as the aggregate and as single reports.
    fn admit(
        &mut self,
        part: &Part<'_>,
        prices: &Prices,
        out: &mut TickReport,
        noted: &mut Noted,
    ) -> Result<BTreeMap<i64, Vec<Counted>>, Fault> {
        let Part { event, submissions } = part;
        let mut by_interval: BTreeMap<i64, Vec<Counted>> = BTreeMap::new();
        let mut log = Vec::with_capacity(submissions.len());
        for submission in submissions {
            let t = submission.at;
            match event.window.admit(t, submission.p, prices, self.rules.price_max_age_ms()) {
                Ok(admitted) => {
                    let miner = self.miners.id(self.transaction, submission.identity, t)?;
                    if self.by_rule.contains(&(submission.identity, &*submission.event)) {
                        conditions::note_spoken(self.transaction, event.id, miner, event.grid.index(t))?;
                    }
                    log.push(Logged { miner, t, p: admitted.p });
                    by_interval.entry(event.grid.index(t)).or_default().push(Counted { miner, t, admitted });
                    out.count(fate_name(Fate::Scored));
                }
                Err(fate) => out.count(fate_name(fate)),
            }
        }
        if !log.is_empty() {
            // In order of arrival: of several reports of a miner the last one stands.
            let standing = log.iter().map(|report| (report.miner, report.p)).collect();
            let (event, tick) = (Owned::Int(event.id), Owned::Int(self.tick.0));
            if let Some((p, reports)) = conditions::aggregate(&standing) {
                noted.aggregates.push(vec![event.clone(), tick.clone(), Owned::Real(p), Owned::Int(reports)]);
            }
            noted.raw.push(vec![event, tick, Owned::Blob(block::pack_reports(self.tick, &log))]);
        }
        Ok(by_interval)
    }
}

fn addition(event: i64, interval: i64, bracket: u8, counted: &[Counted]) -> Addition {
    let report = |c: &Counted| (c.miner, Report { t: c.t, p: c.admitted.p, r: reference(bracket, &c.admitted) });
    Addition { event, interval, bracket, reports: counted.iter().map(report).collect() }
}

/// The price that a bracket compares with.
pub(super) fn reference(bracket: u8, admitted: &Admitted) -> f64 {
    match bracket {
        LOWER => admitted.before.min(admitted.after),
        HIGHER => admitted.before.max(admitted.after),
        _ => admitted.before,
    }
}

/// What stands in statistics where there is no price, under rules that look at none.
const NO_PRICE: f64 = 0.5;

/// Prices as the rules want them: with a stand-in where they compare with none.
pub(super) fn prices_for(rules: &Rules, prices: Prices) -> Prices {
    if rules.needs_price() { prices } else { prices.or_else(NO_PRICE) }
}

pub(super) fn prices_from(connection: &Connection, event: i64, from: UnixMs, rules: &Rules) -> sql::Result<Prices> {
    let mut query = connection.prepare_cached(PRICES_FROM)?;
    let rows = query.query_map(params![event, from.0], |row| Ok((UnixMs(row.get(0)?), row.get(1)?)))?;
    Ok(prices_for(rules, Prices::new(rows.collect::<sql::Result<Vec<_>>>()?)))
}

/// The statistics that are there already, for each addition.
fn load_cells(transaction: &Transaction<'_>, additions: &[Addition]) -> Result<Vec<Cells>, Fault> {
    let each: Vec<[i64; 3]> = additions.iter().map(|a| [a.event, a.interval, i64::from(a.bracket)]).collect();
    let sql = "SELECT block FROM stats WHERE event = ?1 AND interval = ?2 AND bracket = ?3";
    let found = transaction.prepare_cached(sql)?.query_each(&each, |row| {
        let block = row.get_ref(0)?.as_blob().map_err(|e| Fault::Damaged(e.to_string()));
        Ok(block.and_then(|block| Ok(Columns::of(block)?.cells().collect::<Cells>())))
    })?;
    found.into_iter().map(|mut rows| rows.pop().unwrap_or_else(|| Ok(Cells::new()))).collect()
}

const PRICES_FROM: &str = "SELECT at, price FROM prices WHERE event = ?1 AND at >= ?2 ORDER BY at";

/// Forgets single reports older than `raw_before`, and everything about events settled before `settled_before`.
/// Returns how many events were forgotten.
pub(super) fn prune(transaction: &Transaction<'_>, raw_before: UnixMs, settled_before: UnixMs) -> Result<usize, Fault> {
    transaction.execute("DELETE FROM raw WHERE tick < ?1", [raw_before.0])?;
    transaction.execute("DELETE FROM ticks WHERE at < ?1", [settled_before.0.min(raw_before.0)])?;
    count_out(transaction, settled_before)?;
    let old = "SELECT id FROM events WHERE state <> 'open' AND settled_at < ?1";
    for table in [
        "aggregates",
        "by_rule",
        "changes",
        "price_disputes",
        "prices",
        "reasons",
        "reviews",
        "stats",
        "raw",
        "scores",
        "told_intervals",
        "told_results",
    ] {
        transaction.execute(&format!("DELETE FROM {table} WHERE event IN ({old})"), [settled_before.0])?;
    }
    let gone = transaction.execute(&format!("DELETE FROM events WHERE id IN ({old})"), [settled_before.0])?;
    notes::set(transaction, RAW_SINCE, &raw_before.0.to_string())?;
    Ok(gone)
}

/// Takes events that are about to be forgotten out of the counts.
fn count_out(transaction: &Transaction<'_>, settled_before: UnixMs) -> Result<(), Fault> {
    let mut query = transaction.prepare_cached(
        // Grouped by what no index is by, so that the time is what it is searched by.
        "SELECT MIN(state), COUNT(*) FROM events WHERE state <> 'open' AND settled_at < ?1 GROUP BY state || ''",
    )?;
    let found = query.query_map([settled_before.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (state, n) in found.collect::<sql::Result<Vec<(String, i64)>>>()? {
        counts::add(transaction, state_of(&state)?, -n)?;
    }
    Ok(())
}

/// The note that says from which tick on single reports are complete.
pub(super) const RAW_SINCE: &str = "raw_since";
