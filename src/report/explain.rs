//! Where a miner's score on an event comes from, interval by interval.

use serde::Serialize;

use super::{Case, ReportError};
use crate::scoring::grid::{Grid, interval_weights};
use crate::scoring::window::averages;
use crate::scoring::{Rules, rules::RuleName};
use crate::subnets::events::ledger::{EventChange, EventRow, IntervalLine, Rescored};
use crate::units::{Identity, UnixMs};

/// A miner's score on an event, and what it is made of.
#[derive(Debug, Serialize)]
pub struct Explained {
    /// The event.
    pub event: EventRow,
    /// Its life: when it was offered, moved, settled, corrected.
    pub life: Vec<EventChange>,
    /// The miner.
    pub identity: Identity,
    /// The rule that scores.
    pub rule: RuleName,
    /// The intervals in which the miner answered, in the order of time.
    pub intervals: Vec<Line>,
    /// The score; `None` without one.
    pub score: Option<f64>,
    /// `None` while nothing has been counted.
    pub average: Option<Effect>,
}

/// What was said in one interval.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its start.
    pub start: UnixMs,
    /// Answers in it.
    pub answers: u32,
    /// How many of them came from conditional forecasts.
    pub by_rule: u32,
    /// Mean price of the market at these answers.
    pub mean_price: f64,
    /// Mean probability reported.
    pub mean_report: f64,
    /// Mean quadratic improvement on the price; what `market_delta` averages. `None` while the event is open.
    pub gain: Option<f64>,
    /// The interval's weight among all intervals of the event.
    pub weight: f64,
}

/// The miner's window average without and with an event.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Effect {
    /// Events in the window with it.
    pub events: usize,
    /// The average without it.
    pub before: f64,
    /// The average with it.
    pub after: f64,
}

/// Explains the score of `identity` on the event `key`.
///
/// # Errors
/// [`ReportError::UnknownEvent`], or the ledger's.
pub fn explain(case: &Case, identity: Identity, key: &str) -> Result<Explained, ReportError> {
    let unknown = || ReportError::UnknownEvent { key: key.to_owned() };
    let event = case.archive.event(key)?.ok_or_else(unknown)?;
    let intervals = lines(case, identity, &event)?;
    let window = case.archive.window_until(key, &case.rules)?;
    let own = window.last().and_then(|event| event.scores.iter().find(|(who, _)| *who == identity));
    let score = own.map(|(_, score)| *score);
    let average = (!window.is_empty()).then(|| effect(&window, identity, &case.rules));
    let life = case.archive.changes(key)?;
    Ok(Explained { event, life, identity, rule: case.rules.rule, intervals, score, average })
}

fn lines(case: &Case, identity: Identity, event: &EventRow) -> Result<Vec<Line>, ReportError> {
    let grid = Grid::of_minutes(event.interval_minutes);
    let close = event.resolved_at.map_or(event.cutoff, |resolved| resolved.min(event.cutoff));
    let n = usize::try_from(grid.touched(event.opened_at, close)).unwrap_or(0);
    let weights = interval_weights(case.rules.interval_weight, case.rules.interval_power, n);
    let first = grid.index(event.opened_at);
    let found = case.archive.intervals(identity, &event.key, &case.rules)?;
    let line = |x: &IntervalLine| {
        let place = usize::try_from(grid.index(x.start) - first).unwrap_or(usize::MAX);
        Line {
            start: x.start,
            answers: x.stats.count,
            by_rule: x.by_rule,
            mean_price: x.stats.mean_r(),
            mean_report: x.stats.mean_p(),
            gain: event.outcome.map(|outcome| x.stats.mean_delta(outcome)),
            weight: weights.get(place).copied().unwrap_or(0.0),
        }
    };
    Ok(found.iter().map(line).collect())
}

/// `window` holds the event in question as its last, and one event more than a window where there are as many.
fn effect(window: &[Rescored], identity: Identity, rules: &Rules) -> Effect {
    let mean = |events: &[Rescored]| {
        let events: Vec<_> = events.iter().map(Rescored::as_scored).collect();
        averages(&events, rules).get(&identity).map_or(0.0, |average| average.mean)
    };
    let with = window.get(window.len().saturating_sub(rules.window_events)..).unwrap_or_default();
    let without = window.get(..window.len().saturating_sub(1)).unwrap_or_default();
    Effect { events: with.len(), before: mean(without), after: mean(with) }
}
