//! Resolutions: from an event's statistics to its scores, in the transaction that marks it settled.
//!
//! Scores are a pure function of stored data, so that a resolution may be repeated (nothing changes) or corrected (all
//! scores of the event are replaced at once).

use std::collections::BTreeSet;

use super::block::{self, Cells, Columns};
use super::changes;
use super::conditions;
use super::counts;
use super::error::EventFault;
use super::known::KnownMiners;
use super::read::{self, state_name};
use super::record::{HIGHER, IN_FORCE, LOWER, RAW_SINCE, prices_for, prices_from, reference};
use super::types::{EventRow, IntervalLine, Outcome, Resolution, Settlement};
use crate::ledger::miners::{self, MinerId};
use crate::ledger::sql::{self, Connection, OptionalExtension, Owned, Transaction, params};
use crate::ledger::{Fault, notes};
use crate::scoring::admission::{EventState, Prices, Window};
use crate::scoring::event::{EventFrame, EventStats, selected};
use crate::scoring::grid::Grid;
use crate::scoring::rules::{ReferencePick, RuleName};
use crate::scoring::{Report, Rules};
use crate::units::UnixMs;

/// Records how an event ended and scores it.
pub(super) fn resolve(
    transaction: &Transaction<'_>,
    resolution: &Resolution,
    rules: &Rules,
) -> Result<Settlement, EventFault> {
    let key = &resolution.event;
    if let Outcome::Payout(payout) = resolution.outcome
        && !(0.0..=1.0).contains(&payout)
    {
        return Err(EventFault::BadOutcome { key: key.clone(), payout });
    }
    // An event is settled in few ways to the database: what is known to be needed is asked together.
    miners::all_ahead(transaction);
    let (id, mut event) =
        read::event(transaction, key)?.ok_or_else(|| EventFault::UnknownEvent { key: key.clone() })?;
    let before = (event.state, event.outcome, event.resolved_at);
    event.resolved_at = Some(resolution.at.or(event.resolved_at).unwrap_or(resolution.seen));
    event.outcome = match resolution.outcome {
        Outcome::Payout(payout) => Some(payout),
        Outcome::Void => None,
    };
    let miners = KnownMiners::from(miners::all(transaction)?);
    let scored = score(transaction, id, &event, rules, &miners)?;
    event.state = scored.state;
    let unchanged =
        before == (event.state, event.outcome, event.resolved_at) && read::scores(transaction, id)? == scored.scores;
    if !unchanged {
        store(transaction, id, &event, &scored.scores, resolution.seen)?;
        counts::moved(transaction, before.0, event.state)?;
    }
    let mut scores: Vec<_> =
        scored.scores.iter().filter_map(|(miner, score)| Some((miners.identity(*miner)?, *score))).collect();
    scores.sort_by_key(|(identity, _)| *identity);
    Ok(Settlement {
        event: event.key,
        state: scored.state,
        close: scored.close,
        scores,
        changed: !unchanged,
        inseparable: scored.inseparable,
    })
}

fn store(
    transaction: &Transaction<'_>,
    id: i64,
    event: &EventRow,
    scores: &[(MinerId, f64)],
    seen: UnixMs,
) -> sql::Result<()> {
    transaction
        .prepare_cached("UPDATE events SET state = ?2, outcome = ?3, resolved_at = ?4, settled_at = ?5 WHERE id = ?1")?
        .send(params![id, state_name(event.state), event.outcome, event.resolved_at.map(|t| t.0), seen.0])?;
    changes::settled(transaction, id, event, seen)?;
    transaction.prepare_cached("DELETE FROM scores WHERE event = ?1")?.send([id])?;
    let row = |(miner, score): &(MinerId, f64)| vec![Owned::Int(id), Owned::Int((*miner).into()), Owned::Real(*score)];
    transaction.fill("scores", &["event", "miner", "score"], &scores.iter().map(row).collect::<Vec<_>>())
}

/// What an event comes to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scored {
    pub(super) state: EventState,
    pub(super) close: UnixMs,
    /// By miner number.
    pub(super) scores: Vec<(MinerId, f64)>,
    pub(super) inseparable: u32,
}

/// Scores an event that carries its outcome (`None`: void), from what the ledger holds; writes nothing.
pub(super) fn score(
    connection: &Connection,
    id: i64,
    event: &EventRow,
    rules: &Rules,
    miners: &KnownMiners,
) -> Result<Scored, Fault> {
    // The grid of the event is the one its statistics were recorded on.
    let rules = &Rules { interval_minutes: event.interval_minutes, ..rules.clone() };
    let close = window_of(event).close();
    Ok(match table(connection, id, event, rules, miners)? {
        Err(state) => Scored { state, close, scores: Vec::new(), inseparable: 0 },
        Ok(table) => {
            let scores = table.each(miners, &selected(rules).score(&table.stats.view()));
            Scored { state: EventState::Scored, close, scores, inseparable: table.inseparable }
        }
    })
}

/// What each miner said in all about an event that is scored, as its score sees it, by miner number.
pub(super) fn said(
    connection: &Connection,
    id: i64,
    event: &EventRow,
    rules: &Rules,
    miners: &KnownMiners,
) -> Result<Vec<(MinerId, f64)>, Fault> {
    let rules = &Rules { interval_minutes: event.interval_minutes, ..rules.clone() };
    let table = table(connection, id, event, rules, miners)?;
    Ok(table.map(|table| table.each(miners, &selected(rules).said(&table.stats.view()))).unwrap_or_default())
}

const fn window_of(event: &EventRow) -> Window {
    Window { opened: event.opened_at, cutoff: event.cutoff, resolved: event.resolved_at }
}

/// The statistics of an event as a rule takes them, and whose columns they are.
struct Table {
    stats: EventStats,
    /// By place among all miners.
    column_of: Vec<usize>,
    /// Places of the miners that are in it, by number.
    present: Vec<usize>,
    inseparable: u32,
}

impl Table {
    /// What a rule says of each column, by miner number.
    fn each(&self, miners: &KnownMiners, values: &[Option<f64>]) -> Vec<(MinerId, f64)> {
        let of = |place: &usize| {
            let value = values.get(self.column_of.get(*place).copied()?).copied()??;
            Some((miners.id(*place)?, value))
        };
        self.present.iter().filter_map(of).collect()
    }
}

/// An event's statistics, or the state of one that has no scores. The rules are on the event's grid.
fn table(
    connection: &Connection,
    id: i64,
    event: &EventRow,
    rules: &Rules,
    miners: &KnownMiners,
) -> Result<Result<Table, EventState>, Fault> {
    let window = window_of(event);
    let close = window.close();
    let Some(outcome) = event.outcome else { return Ok(Err(EventState::Void)) };
    let max_age = rules.price_max_age_ms();
    let from = event.opened_at.plus_ms(-max_age);
    let case = Case { connection, id, window, rules, grid: rules.grid() };
    connection.ahead(BLOCKS, case.which_blocks(outcome));
    let prices = prices_for(rules, first_price(connection, id, from)?);
    match window.state(&prices, max_age) {
        EventState::Scored => {}
        state => return Ok(Err(state)),
    }
    // The peer rule leaves out the interval of the close; it may be the only one.
    if rules.intervals(event.opened_at, close) == 0 {
        return Ok(Err(EventState::NoWindow));
    }
    let (blocks, inseparable) = case.blocks(outcome)?;
    let (columns, present) = case.columns(&blocks, miners)?;
    if columns.is_empty() && rules.rule == RuleName::PeerLog {
        return Ok(Err(EventState::NoReports));
    }
    let mut column_of = vec![usize::MAX; miners.len()];
    for (column, place) in columns.iter().enumerate() {
        if let Some(cell) = column_of.get_mut(*place) {
            *cell = column;
        }
    }
    let prior = prices.first_in(from, close).unwrap_or(0.5);
    let frame = EventFrame { opened: event.opened_at, close, outcome, prior };
    let mut stats = EventStats::new(&frame, rules, columns.iter().map(|place| miners.since(*place)).collect());
    let first = case.grid.index(event.opened_at);
    for (interval, block) in &blocks {
        let Ok(row) = usize::try_from(interval - first) else { continue };
        let block = Columns::of(block)?;
        let places = miners.places(block.miners()).flatten();
        let columns = places.map(|place| column_of.get(place).copied().unwrap_or(usize::MAX));
        if rules.needs_single_reports() {
            columns.zip(block.cells()).for_each(|(column, (_, cell))| stats.set(row, column, &cell));
        } else {
            columns.zip(block.sums()).for_each(|(column, (count, sums))| stats.set_sums(row, column, count, sums));
        }
    }
    Ok(Ok(Table { stats, column_of, present, inseparable }))
}

/// A miner's statistics on one event, as [`score`] sees them: cut at the close, against the price that the rules pick.
pub(super) fn intervals(
    connection: &Connection,
    id: i64,
    event: &EventRow,
    rules: &Rules,
    miner: MinerId,
) -> Result<Vec<IntervalLine>, Fault> {
    let grid = Grid::of_minutes(event.interval_minutes);
    let Some(outcome) = event.outcome else { return read::intervals(connection, id, miner, grid) };
    let (blocks, _) = Case { connection, id, window: window_of(event), rules, grid }.blocks(outcome)?;
    let spoken = conditions::spoken(connection, id, miner)?;
    let mut found = Vec::new();
    for (interval, block) in &blocks {
        let mut cells = Columns::of(block)?.cells().filter(|(id, _)| *id == miner);
        let by_rule = spoken.get(interval).copied().unwrap_or(0);
        found.extend(cells.next().map(|(_, stats)| IntervalLine { start: grid.start(*interval), stats, by_rule }));
    }
    Ok(found)
}

/// The first price from a time on: what says whether an event counts, and the prior.
fn first_price(connection: &Connection, event: i64, from: UnixMs) -> sql::Result<Prices> {
    let sql = "SELECT at, price FROM prices WHERE event = ?1 AND at >= ?2 ORDER BY at LIMIT 1";
    let found = connection
        .prepare_cached(sql)?
        .query_row(params![event, from.0], |row| Ok((UnixMs(row.get(0)?), row.get(1)?)))
        .optional()?;
    Ok(Prices::new(found))
}

/// The number of an interval, and its packed statistics.
type Packed = (i64, Vec<u8>);

/// The statistics of an event that count. What was recorded under another pick has the price in force alone, which comes first.
const BLOCKS: &str = "SELECT interval, block FROM stats WHERE event = ?1 AND bracket IN (?4, ?2) AND interval <= ?3
     ORDER BY interval, bracket";

/// One event on its way to scores.
struct Case<'a> {
    connection: &'a Connection,
    id: i64,
    window: Window,
    rules: &'a Rules,
    grid: Grid,
}

impl Case<'_> {
    const fn bracket(&self, outcome: f64) -> u8 {
        match self.rules.reference_pick {
            ReferencePick::AtOrBefore => IN_FORCE,
            ReferencePick::WorstBracket if outcome >= 0.5 => HIGHER,
            ReferencePick::WorstBracket => LOWER,
        }
    }

    /// The interval of the close.
    fn last(&self) -> i64 {
        self.grid.index(self.window.close().plus_ms(-1))
    }

    /// The values of [`BLOCKS`].
    fn which_blocks(&self, outcome: f64) -> [i64; 4] {
        [self.id, self.bracket(outcome).into(), self.last(), IN_FORCE.into()]
    }

    /// The packed statistics up to the close, by interval. The second number counts what could not be cut at the close.
    fn blocks(&self, outcome: f64) -> Result<(Vec<Packed>, u32), Fault> {
        let (close, last) = (self.window.close(), self.last());
        let mut query = self.connection.prepare_cached(BLOCKS)?;
        let mut rows = query.query(self.which_blocks(outcome))?;
        let mut found: Vec<Packed> = Vec::new();
        while let Some(row) = rows.next()? {
            // A bracket comes after the price in force and replaces it.
            let interval: i64 = row.get(0)?;
            found.pop_if(|(before, _)| *before == interval);
            let block = row.get_ref(1)?.as_blob().map_err(|e| Fault::Damaged(e.to_string()))?;
            found.push((row.get(0)?, block.to_vec()));
        }
        let mut inseparable = 0;
        if let Some((interval, block)) = found.last_mut()
            && *interval == last
            && Columns::of(block)?.reaches(close)
        {
            let mut cells: Cells = Columns::of(block)?.cells().collect();
            inseparable = self.cut(*interval, &mut cells, self.bracket(outcome))?;
            *block = block::pack(&cells);
        }
        Ok((found, inseparable))
    }

    /// Takes reports at or after the close out of the last interval, from the log of single reports. Where the log does
    /// not reach back far enough, statistics that hold such reports are left out altogether.
    fn cut(&self, interval: i64, cells: &mut Cells, bracket: u8) -> Result<u32, Fault> {
        let close = self.window.close();
        let late: BTreeSet<MinerId> =
            cells.iter().filter(|(_, s)| s.last.t >= close).map(|(miner, _)| *miner).collect();
        if late.is_empty() {
            return Ok(0);
        }
        let start = self.grid.start(interval);
        let before = cells.len();
        cells.retain(|(miner, _)| !late.contains(miner));
        let since = notes::get(self.connection, RAW_SINCE)?.and_then(|text| text.parse().ok()).unwrap_or(i64::MIN);
        if since > start.0 {
            return Ok((before - cells.len()) as u32);
        }
        let max_age = self.rules.price_max_age_ms();
        let prices = prices_from(self.connection, self.id, start.plus_ms(-max_age), self.rules)?;
        let mut query =
            self.connection.prepare_cached("SELECT tick, block FROM raw WHERE event = ?1 ORDER BY tick, rowid")?;
        let mut rows = query.query([self.id])?;
        while let Some(row) = rows.next()? {
            let tick = UnixMs(row.get(0)?);
            let block = row.get_ref(1)?.as_blob().map_err(|e| Fault::Damaged(e.to_string()))?;
            let reports = block::unpack_reports(tick, block)
                .filter(|x| late.contains(&x.miner) && x.t >= start && self.grid.index(x.t) == interval)
                .filter_map(|x| {
                    let admitted = self.window.admit(x.t, x.p, &prices, max_age).ok()?;
                    Some((x.miner, Report { t: x.t, p: admitted.p, r: reference(bracket, &admitted) }))
                });
            block::merge(cells, reports);
        }
        Ok(0)
    }

    /// The miners, by number, that were seen registered an interval before the counted ones ended, and when they did.
    fn silent(&self) -> Result<Vec<MinerId>, Fault> {
        let end = self.grid.index(self.window.close());
        let (by, until) = (self.grid.start(end.saturating_sub(1)), self.grid.start(end));
        let sql = "SELECT id FROM miners WHERE known_since <= ?1 AND seen_until >= ?2 ORDER BY id";
        let mut query = self.connection.prepare_cached(sql)?;
        let found = query.query_map([by.0, until.0], |row| row.get(0))?;
        Ok(found.collect::<sql::Result<_>>()?)
    }

    /// The places of the miners to score: by hotkey, and by number. The peer rule also judges those that were registered
    /// and silent.
    fn columns(&self, blocks: &[Packed], miners: &KnownMiners) -> Result<(Vec<usize>, Vec<usize>), Fault> {
        let mut present = vec![false; miners.len()];
        let mut any = false;
        for (_, block) in blocks {
            for place in miners.places(Columns::of(block)?.miners()) {
                let unknown = || Fault::Damaged("statistics of a miner that is not in the table of miners".into());
                if let Some(cell) = present.get_mut(place.ok_or_else(unknown)?) {
                    *cell = true;
                    any = true;
                }
            }
        }
        if self.rules.rule == RuleName::PeerLog && any {
            for place in miners.places(self.silent()?.into_iter()).flatten() {
                if let Some(cell) = present.get_mut(place) {
                    *cell = true;
                }
            }
        }
        let by_number: Vec<usize> =
            (0..).zip(present).filter_map(|(place, present)| present.then_some(place)).collect();
        let mut by_hotkey = by_number.clone();
        miners.sort(&mut by_hotkey);
        Ok((by_hotkey, by_number))
    }
}
