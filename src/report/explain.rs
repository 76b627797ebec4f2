//! Where a miner's score on an event comes from, interval by interval.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Case, ReportError};
use crate::market::PriceSource;
use crate::scoring::grid::{Grid, interval_weights};
use crate::scoring::window::averages;
use crate::scoring::{Rules, rules::RuleName};
use crate::subnets::events::ledger::{
    EventChange, EventRow, IntervalLine, PriceDispute, PriceSeen, Rescored, ReviewSeen,
};
use crate::units::{Identity, UnixMs};

/// A miner's score on an event, and what it is made of.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Explained {
    /// The event.
    pub event: EventRow,
    /// Its life: when it was offered, moved, settled, corrected.
    pub life: Vec<EventChange>,
    /// What the market's oracle said of its outcome.
    pub reviews: Vec<ReviewSeen>,
    /// The miner.
    pub identity: Identity,
    /// The rule that scores.
    pub rule: RuleName,
    /// The intervals in which the miner answered, in the order of time.
    pub intervals: Vec<Line>,
    /// Where a second source contradicted a price by more than the bound.
    pub disputes: Vec<PriceDispute>,
    /// The score; `None` without one.
    pub score: Option<f64>,
    /// `None` while nothing has been counted.
    pub average: Option<Effect>,
}

/// What was said in one interval.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Line {
    /// Its start.
    pub start: UnixMs,
    /// Answers in it.
    pub answers: u32,
    /// How many of them came from conditional forecasts.
    pub by_rule: u32,
    /// The prices of the market that these answers were compared with.
    pub prices: PricesUsed,
    /// Mean price of the market at these answers.
    pub mean_price: f64,
    /// Mean probability reported.
    pub mean_report: f64,
    /// Mean quadratic improvement on the price; what `market_delta` averages. `None` while the event is open.
    pub gain: Option<f64>,
    /// The interval's weight among all intervals of the event.
    pub weight: f64,
}

/// The prices that were read in an interval, and shortly before it.
#[derive(Debug, Default, PartialEq, JsonSchema, Serialize)]
pub struct PricesUsed {
    /// How many, by what they are made of.
    pub sources: BTreeMap<PriceSource, usize>,
    /// No answer was compared with an older one, ms: the longest time without a new price, or the bound on their age.
    pub oldest_ms: i64,
}

impl PricesUsed {
    /// Those of `prices`, by time, that answers between `start` and `end` can have been compared with.
    fn between(prices: &[PriceSeen], start: UnixMs, end: UnixMs, max_age_ms: i64) -> Self {
        let usable = |price: &&PriceSeen| price.at < end && start.since(price.at) <= max_age_ms;
        let usable: Vec<&PriceSeen> = prices.iter().filter(usable).collect();
        let mut sources = BTreeMap::new();
        for price in &usable {
            *sources.entry(price.source).or_default() += 1;
        }
        let next = usable.iter().skip(1).map(|price| price.at).chain([end]);
        let ages = usable.iter().zip(next).map(|(price, next)| next.since(price.at));
        Self { sources, oldest_ms: ages.max().unwrap_or(0).min(max_age_ms) }
    }
}

/// The miner's window average without and with an event.
#[derive(Debug, Clone, Copy, JsonSchema, Serialize)]
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
    let prices = case.archive.prices(key)?;
    let intervals = lines(case, identity, &event, &prices)?;
    let window = case.archive.window_until(key, &case.rules)?;
    let own = window.last().and_then(|event| event.scores.iter().find(|(who, _)| *who == identity));
    let score = own.map(|(_, score)| *score);
    let average = (!window.is_empty()).then(|| effect(&window, identity, &case.rules));
    let life = case.archive.changes(key)?;
    let reviews = case.archive.reviews(key)?;
    let disputes = case.archive.price_disputes(key)?;
    Ok(Explained { event, life, reviews, identity, rule: case.rules.rule, intervals, disputes, score, average })
}

fn lines(case: &Case, identity: Identity, event: &EventRow, prices: &[PriceSeen]) -> Result<Vec<Line>, ReportError> {
    let grid = Grid::of_minutes(event.interval_minutes);
    let close = event.resolved_at.map_or(event.cutoff, |resolved| resolved.min(event.cutoff));
    let n = usize::try_from(grid.touched(event.opened_at, close)).unwrap_or(0);
    let weights = interval_weights(case.rules.interval_weight, case.rules.interval_power, n);
    let first = grid.index(event.opened_at);
    let interval_ms = i64::from(event.interval_minutes) * 60_000;
    let found = case.archive.intervals(identity, &event.key, &case.rules)?;
    let line = |x: &IntervalLine| {
        let place = usize::try_from(grid.index(x.start) - first).unwrap_or(usize::MAX);
        Line {
            start: x.start,
            answers: x.stats.count,
            by_rule: x.by_rule,
            prices: PricesUsed::between(
                prices,
                x.start.max(event.opened_at),
                x.start.plus_ms(interval_ms).min(close),
                case.rules.price_max_age_ms(),
            ),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prices_of_an_interval_are_counted_by_source_and_the_longest_wait_is_their_age() {
        let seen = |at, source| PriceSeen { at: UnixMs(at), price: 0.5, source };
        let (listed, stream) = (PriceSource::Listed, PriceSource::Stream);
        let prices = [seen(100, listed), seen(900, listed), seen(1100, stream), seen(1300, stream), seen(2000, stream)];
        let used = |start, end, max| PricesUsed::between(&prices, UnixMs(start), UnixMs(end), max);
        let expected = PricesUsed { sources: BTreeMap::from([(listed, 1), (stream, 2)]), oldest_ms: 700 };
        assert_eq!(used(1000, 2000, 800), expected, "900 may still judge an answer at 1000");
        assert_eq!(used(1000, 2000, 150).oldest_ms, 150, "nothing older judges");
        assert_eq!(used(5000, 6000, 10), PricesUsed::default());
    }
}
