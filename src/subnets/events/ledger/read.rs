//! Queries: everything a page, a command or a metric shows.

use super::block::Columns;
use super::conditions;
use super::counts;
use super::record::IN_FORCE;
use super::reviews;
use super::types::{EventRow, IntervalLine};
use crate::ledger::Fault;
use crate::ledger::miners::MinerId;
use crate::ledger::sql::{self, Connection, Params, Row, params};
use crate::market::Beside;
use crate::scoring::admission::EventState;
use crate::scoring::grid::Grid;
use crate::units::{Foreign, UnixMs};

/// The word for a state.
#[must_use]
pub const fn state_name(state: EventState) -> &'static str {
    match state {
        EventState::Open => "open",
        EventState::Scored => "scored",
        EventState::Void => "void",
        EventState::NoWindow => "no_window",
        EventState::NoPrice => "no_price",
        EventState::NoReports => "no_reports",
    }
}

/// Every state, in the order of a list.
pub const STATES: [EventState; 6] = {
    use EventState::{NoPrice, NoReports, NoWindow, Open, Scored, Void};
    [Open, Scored, Void, NoWindow, NoPrice, NoReports]
};

/// The state that [`state_name`] calls so.
#[must_use]
pub fn state_named(name: &str) -> Option<EventState> {
    STATES.into_iter().find(|state| state_name(*state) == name)
}

pub(super) fn state_of(name: &str) -> Result<EventState, Fault> {
    state_named(name).ok_or_else(|| Fault::Damaged(format!("`{name}` is no state of an event")))
}

const EVENT_COLUMNS: &str = "key, provider, provider_id, description, opened_at, cutoff, ends_at, interval_minutes,
                             outcome, resolved_at, settled_at, state, id, kind, metadata, review, reviewed_at";

pub(super) fn event_row(row: &Row<'_>) -> Result<(i64, EventRow), Fault> {
    let time = |i: usize| row.get::<Option<i64>>(i).map(|t| t.map(UnixMs));
    let event = EventRow {
        key: row.get(0)?,
        provider: row.get(1)?,
        id: row.get(2)?,
        description: row.get::<String>(3)?.into(),
        opened_at: UnixMs(row.get(4)?),
        cutoff: UnixMs(row.get(5)?),
        ends_at: time(6)?,
        interval_minutes: row.get(7)?,
        outcome: row.get(8)?,
        resolved_at: time(9)?,
        settled_at: time(10)?,
        state: state_of(row.get_ref(11)?.as_str().unwrap_or_default())?,
        beside: Beside { kind: row.get(13)?, metadata: row.get::<Option<String>>(14)?.map(Foreign::from) },
        review: reviews::last(row, [15, 16])?,
    };
    Ok((row.get(12)?, event))
}

/// Which events to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Open, offered, before their cutoff.
    Answerable(UnixMs),
    /// Open, whatever their cutoff: waiting for an outcome.
    Unsettled,
    /// Settled, with an outcome that was proposed anew or disputed since.
    UnderReview,
    /// Settled here since then, latest first.
    SettledSince(UnixMs),
    /// Counted in averages, latest resolution first, at most so many.
    Counted(usize),
    All,
}

pub(super) fn events(connection: &Connection, which: Which) -> Result<Vec<(i64, EventRow)>, Fault> {
    let now = if let Which::Answerable(time) | Which::SettledSince(time) = which { time.0 } else { 0 };
    let (filter, order, limit) = match which {
        Which::Answerable(_) => ("state = 'open' AND opened_at <= ?1 AND ?1 < cutoff", "key", i64::MAX),
        Which::Unsettled => ("state = 'open' AND ?1 = 0", "key", i64::MAX),
        Which::UnderReview => (
            "review IN ('proposed', 'disputed') AND state <> 'open' AND reviewed_at >= settled_at AND ?1 = 0",
            "key",
            i64::MAX,
        ),
        Which::SettledSince(_) => ("state <> 'open' AND settled_at >= ?1", "settled_at DESC, key", i64::MAX),
        Which::Counted(n) => {
            ("state = 'scored' AND ?1 = 0", "resolved_at DESC, key DESC", i64::try_from(n).unwrap_or(i64::MAX))
        }
        Which::All => ("?1 = 0", "key", i64::MAX),
    };
    let sql = format!("SELECT {EVENT_COLUMNS} FROM events WHERE {filter} ORDER BY {order} LIMIT ?2");
    listed(connection, &sql, params![now, limit])
}

/// A counted event, by what its scores hang on: they change when one of these does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Counted {
    pub(super) id: i64,
    pub(super) outcome: Option<f64>,
    pub(super) resolved_at: Option<UnixMs>,
    pub(super) settled_at: Option<UnixMs>,
}

/// The counted events, latest resolution first, at most so many.
pub(super) fn counted(connection: &Connection, count: usize) -> Result<Vec<Counted>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT id, outcome, resolved_at, settled_at FROM events WHERE state = ?1 ORDER BY resolved_at DESC, key DESC LIMIT ?2",
    )?;
    let rows = query.query_map(params![state_name(EventState::Scored), whole(count)], |row| {
        let time = |i: usize| row.get::<Option<i64>>(i).map(|t| t.map(UnixMs));
        Ok(Counted { id: row.get(0)?, outcome: row.get(1)?, resolved_at: time(2)?, settled_at: time(3)? })
    })?;
    Ok(rows.collect::<sql::Result<_>>()?)
}

fn whole(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A part of the events of a state, or of all: the open ones by their cutoff, then the latest resolutions.
pub(super) fn part(
    connection: &Connection,
    state: Option<EventState>,
    skip: usize,
    count: usize,
) -> Result<Vec<(i64, EventRow)>, Fault> {
    let open = ("state = 'open' AND ?1 <> ''", "cutoff, key");
    match state {
        Some(EventState::Open) => stretch(connection, open, "open", (skip, count)),
        Some(state) => {
            stretch(connection, ("state = ?1", "resolved_at DESC, key DESC"), state_name(state), (skip, count))
        }
        None => {
            let mut found = stretch(connection, open, "open", (skip, count))?;
            if found.len() < count {
                let counts = counts::all(connection)?;
                let all_open = counts.iter().find(|(state, _)| *state == EventState::Open).map_or(0, |(_, n)| *n);
                let rest = (skip.saturating_sub(all_open), count - found.len());
                let settled = ("state <> 'open' AND ?1 <> ''", "resolved_at DESC, key DESC");
                found.extend(stretch(connection, settled, "settled", rest)?);
            }
            Ok(found)
        }
    }
}

/// Events by a filter and an order. Which ones is asked first and alone: that is answered by an index, without their texts.
fn stretch(
    connection: &Connection,
    (filter, order): (&str, &str),
    word: &str,
    (skip, count): (usize, usize),
) -> Result<Vec<(i64, EventRow)>, Fault> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS} FROM events WHERE id IN (SELECT id FROM events WHERE {filter} ORDER BY {order} LIMIT ?2 OFFSET ?3)
         ORDER BY {order}"
    );
    listed(connection, &sql, params![word, whole(count), whole(skip)])
}

/// Events of a state, or of all, by their number, the newest first: those below `before`.
pub(super) fn newest(
    connection: &Connection,
    state: Option<EventState>,
    before: i64,
    count: usize,
) -> Result<Vec<(i64, EventRow)>, Fault> {
    // Of a state that few are in, only an index by state finds a page without going through all others.
    let filter = if state.is_some() { "state = ?2" } else { "?2 = ''" };
    let sql = format!("SELECT {EVENT_COLUMNS} FROM events WHERE {filter} AND id < ?1 ORDER BY id DESC LIMIT ?3");
    listed(connection, &sql, params![before, state.map_or("", state_name), whole(count)])
}

/// Where in the order of resolutions an event is: its resolution and key.
pub(super) type EndPlace = (UnixMs, String);

/// Settled events in the order of resolution, then key: those behind a place, some at a time, since a ledger may hold more than
/// memory does.
pub(super) fn settled_after(
    connection: &Connection,
    after: Option<&EndPlace>,
    count: usize,
) -> Result<Vec<(i64, EventRow)>, Fault> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS} FROM events WHERE state <> 'open' AND (resolved_at, key) > (?1, ?2)
         ORDER BY resolved_at, key LIMIT ?3"
    );
    let (at, key) = after.map_or((i64::MIN, ""), |(at, key)| (at.0, key.as_str()));
    listed(connection, &sql, params![at, key, whole(count)])
}

/// The same backwards: those before a place, the last one first.
pub(super) fn settled_before(
    connection: &Connection,
    before: Option<&EndPlace>,
    count: usize,
) -> Result<Vec<(i64, EventRow)>, Fault> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS} FROM events WHERE state <> 'open' AND (resolved_at, key) < (?1, ?2)
         ORDER BY resolved_at DESC, key DESC LIMIT ?3"
    );
    let (at, key) = before.map_or((i64::MAX, ""), |(at, key)| (at.0, key.as_str()));
    listed(connection, &sql, params![at, key, whole(count)])
}

/// An event's state as something that no index is by. Where a time says which events are meant, SQLite, which counts nothing
/// beforehand, would take an index by state instead, and go through all that ever were in it.
pub(super) const IS_IN_STATE: &str = "state || ''";

/// Counted events in the order in which they were scored: those of `since` and later.
pub(super) fn scored_since(connection: &Connection, since: UnixMs) -> Result<Vec<(i64, EventRow)>, Fault> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS} FROM events WHERE {IS_IN_STATE} = ?2 AND settled_at >= ?1 ORDER BY settled_at, key"
    );
    listed(connection, &sql, params![since.0, state_name(EventState::Scored)])
}

/// The `count` ones before those, in the same order.
pub(super) fn scored_before(
    connection: &Connection,
    since: UnixMs,
    count: usize,
) -> Result<Vec<(i64, EventRow)>, Fault> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS} FROM events WHERE {IS_IN_STATE} = ?2 AND settled_at < ?1
         ORDER BY settled_at DESC, key DESC LIMIT ?3"
    );
    let mut found = listed(connection, &sql, params![since.0, state_name(EventState::Scored), whole(count)])?;
    found.reverse();
    Ok(found)
}

fn listed(connection: &Connection, sql: &str, values: impl Params) -> Result<Vec<(i64, EventRow)>, Fault> {
    let mut query = connection.prepare_cached(sql)?;
    let mut rows = query.query(values)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(event_row(&row)?);
    }
    Ok(found)
}

pub(super) fn event(connection: &Connection, key: &str) -> Result<Option<(i64, EventRow)>, Fault> {
    let mut query = connection.prepare_cached(&format!("SELECT {EVENT_COLUMNS} FROM events WHERE key = ?1"))?;
    let mut rows = query.query([key])?;
    rows.next()?.map(|row| event_row(&row)).transpose()
}

/// Asks for the event of a number; [`event_row`] reads it.
pub(super) fn numbered() -> String {
    format!("SELECT {EVENT_COLUMNS} FROM events WHERE id = ?1")
}

/// Asks for the scores of an event's number.
pub(super) const SCORES: &str = "SELECT miner, score FROM scores WHERE event = ?1 ORDER BY miner";

/// The stored scores of an event, by miner number.
pub(super) fn scores(connection: &Connection, event: i64) -> sql::Result<Vec<(MinerId, f64)>> {
    let mut query = connection.prepare_cached(SCORES)?;
    let rows = query.query_map([event], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// A miner's statistics on one event, oldest interval first.
pub(super) fn intervals(
    connection: &Connection,
    event: i64,
    miner: MinerId,
    grid: Grid,
) -> Result<Vec<IntervalLine>, Fault> {
    let mut query = connection
        .prepare_cached("SELECT interval, block FROM stats WHERE event = ?1 AND bracket = ?2 ORDER BY interval")?;
    let mut rows = query.query(params![event, IN_FORCE])?;
    let spoken = conditions::spoken(connection, event, miner)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let interval = row.get(0)?;
        let (start, by_rule) = (grid.start(interval), spoken.get(&interval).copied().unwrap_or(0));
        let block = row.get_ref(1)?.as_blob().map_err(|e| Fault::Damaged(e.to_string()))?;
        let mut cells = Columns::of(block)?.cells();
        found.extend(cells.find(|(id, _)| *id == miner).map(|(_, stats)| IntervalLine { start, stats, by_rule }));
    }
    Ok(found)
}

/// Every price kept of an event, by time.
pub(super) fn prices(connection: &Connection, key: &str) -> Result<Vec<(UnixMs, f64)>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT p.at, p.price FROM prices p JOIN events e ON e.id = p.event WHERE e.key = ?1 ORDER BY p.at",
    )?;
    let rows = query.query_map([key], |row| Ok((UnixMs(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<sql::Result<_>>()?)
}
