//! Models on the past, walked forward: at each time a forecast from what was known then, judged by what came after.
//!
//! No forecast sees a close that was not over at its time: a model is handed a slice that ends there, and a property test
//! changes the future and finds the same forecasts.

mod bootstrap;
mod conformal;
mod fan;
mod report;
mod standings;

use std::num::NonZero;

use ndarray::ArrayView1;

use super::series::{Model, Past};
use crate::market::klines::Candle;
use crate::market::klines::samples::{Gap, Times};
use crate::market::klines::series::Series;
use crate::market::klines::{INTERVAL, Span};
use crate::scoring::timeseries::rmse::weighted_rmse;
use crate::scoring::timeseries::scaling::request_shares;
use crate::scoring::timeseries::volatility::{PercentileTables, TableError};
use crate::units::UnixMs;

pub use bootstrap::Interval;
pub use conformal::{Band, Conformal};
pub use fan::{Fan, FanBand, fan};
pub use report::{AtHorizon, Line, Summary, summary};
pub use standings::{Standing, standings};

/// What is walked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walk {
    /// The time of the first forecast; moved later until every model has its window.
    pub from: UnixMs,
    /// No forecast ends after this time.
    pub until: UnixMs,
    /// Candles between two forecasts.
    pub stride: usize,
    /// Closes of a forecast.
    pub closes: usize,
}

/// The errors of all models at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// When the forecasts were made: the last close they knew was then.
    pub at: UnixMs,
    /// The weighted error of each model, dollars.
    pub errors: Vec<f64>,
    /// The square of each model's error at each of [`KNOTS`], dollars².
    pub squares: Vec<[f64; KNOTS.len()]>,
    /// The logarithm of what was over what each model said, at each of [`KNOTS`].
    pub moves: Vec<[f64; KNOTS.len()]>,
    /// The share that the subnet's rule gives each, were they the only miners; nothing with one model.
    pub shares: Vec<f64>,
    /// How much the subnet would count a request of that time, by how volatile it was.
    pub weight: f64,
}

/// Steps ahead at which errors are kept apart: from 5 minutes to 8 hours and 20.
pub const KNOTS: [usize; 12] = [1, 3, 6, 12, 18, 24, 36, 48, 60, 72, 84, 96];
/// Those of them that a table shows: 5 minutes, 1, 4 and 8 hours.
pub const HORIZONS: [usize; 4] = [1, 12, 48, 96];

/// Why nothing was walked through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    /// There are too few candles before, or after.
    #[error("the series is too short: {needs} candles of history and {closes} of future are needed, without a gap")]
    Short {
        /// The longest window of the models.
        needs: usize,
        /// The closes of a forecast.
        closes: usize,
    },
    /// The tables of volatility.
    #[error(transparent)]
    Tables(#[from] TableError),
}

/// Walks `models` through `series`, on as many threads as there are cores.
///
/// # Errors
/// [`WalkError`].
pub fn walk(series: &Series, models: &[Box<dyn Model>], walk: Walk) -> Result<Vec<Moment>, WalkError> {
    let candles = on_grid(series);
    let closes = closes_of(&candles);
    let all = Past::new(&candles, &closes).unwrap_or_default();
    let needs = models.iter().map(|model| model.window()).max().unwrap_or(1);
    let short = WalkError::Short { needs, closes: walk.closes };
    let Some(begin) = series.span().map(|span| span.from) else { return Err(short) };
    let place = |at: UnixMs| usize::try_from(at.since(begin).max(0) / INTERVAL.ms()).unwrap_or(0);
    let first = place(walk.from).max(needs);
    let last = place(walk.until).min(closes.len()).saturating_sub(walk.closes);
    let ends: Vec<usize> = (first..=last).step_by(walk.stride.max(1)).filter(|end| *end >= needs).collect();
    if ends.is_empty() || last < needs {
        return Err(short);
    }
    let tables = PercentileTables::built_in()?;
    let threads = std::thread::available_parallelism().map_or(2, NonZero::get);
    let moment = |end: usize| moment(all, end, models, walk.closes, &tables);
    let parts = std::thread::scope(|scope| {
        let running: Vec<_> = ends
            .chunks(ends.len().div_ceil(threads).max(1))
            .map(|part| scope.spawn(move || part.iter().filter_map(|end| moment(*end)).collect::<Vec<_>>()))
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap_or_default()).collect::<Vec<_>>()
    });
    Ok(parts.into_iter().flatten().collect())
}

/// A candle for every step from the first to the last; a gap repeats the one before.
fn on_grid(series: &Series) -> Vec<Candle> {
    let Some(Span { from, until }) = series.span() else { return Vec::new() };
    let times = Times::candles(from.plus_ms(INTERVAL.ms()), Span { from, until }.count());
    let mut candles = times.sample(series.candles(), Gap::Before).unwrap_or_default();
    for (index, candle) in candles.iter_mut().enumerate() {
        candle.open_at = from.plus_ms(index as i64 * INTERVAL.ms());
    }
    candles
}

fn closes_of(candles: &[Candle]) -> Vec<f64> {
    candles.iter().map(|candle| candle.close).collect()
}

/// The forecasts of all models after `end` closes, judged; `None` when one of them has nothing to say.
fn moment(
    all: Past<'_>,
    end: usize,
    models: &[Box<dyn Model>],
    count: usize,
    tables: &PercentileTables,
) -> Option<Moment> {
    let past = all.until(end)?;
    let future = all.closes().get(end..end + count)?;
    let (mut errors, mut squares, mut moves) = (Vec::new(), Vec::new(), Vec::new());
    for model in models {
        let said = model.predict(past, count)?;
        errors.push(weighted_rmse(ArrayView1::from(&said), ArrayView1::from(future)).ok()?);
        let [mut square, mut moved] = [[0.0; KNOTS.len()]; 2];
        for ((square, moved), step) in square.iter_mut().zip(&mut moved).zip(KNOTS) {
            if let (Some(said), Some(was)) = (said.get(step - 1), future.get(step - 1)) {
                *square = (said - was) * (said - was);
                *moved = (was / said).ln();
            }
        }
        squares.push(square);
        moves.push(moved);
    }
    let named: Vec<(usize, f64)> = errors.iter().copied().enumerate().collect();
    let mut shares = vec![0.0; errors.len()];
    for (model, share) in request_shares(&named).unwrap_or_default() {
        if let Some(slot) = shares.get_mut(model) {
            *slot = share;
        }
    }
    let at = past.candles().last()?.closes_at();
    Some(Moment { at, errors, squares, moves, shares, weight: tables.weight(ArrayView1::from(future)) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::forecast::series::{NAMES, model};

    const BEGIN: UnixMs = UnixMs(1_767_225_600_000);

    fn all() -> Vec<Box<dyn Model>> {
        NAMES.iter().filter_map(|name| model(name)).collect()
    }

    fn to_the_end(series: &Series, stride: usize) -> Walk {
        let span = series.span().unwrap();
        Walk { from: span.from, until: span.until, stride, closes: 100 }
    }

    #[test]
    fn every_time_is_walked_once_and_in_order() {
        let series = Series::simulated(4, BEGIN, 2500);
        let models = all();
        let moments = walk(&series, &models, to_the_end(&series, 50)).unwrap();
        let needs = models.iter().map(|model| model.window()).max().unwrap();
        assert_eq!(moments.len(), (2500 - 100 - needs) / 50 + 1);
        assert!(moments.windows(2).all(|pair| pair[1].at.since(pair[0].at) == 50 * INTERVAL.ms()));
        assert!(moments.iter().all(|moment| (moment.shares.iter().sum::<f64>() - 1.0).abs() < 1e-3));
        let short = Series::simulated(4, BEGIN, 300);
        assert!(matches!(walk(&short, &models, to_the_end(&short, 1)), Err(WalkError::Short { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        /// The property that makes a back-test worth anything.
        #[test]
        fn changing_the_future_changes_no_forecast(seed in 0u64..1000, cut in 1900usize..2300, factor in 0.5..2.0f64) {
            let series = Series::simulated(seed, BEGIN, 2500);
            let closes = closes_of(&on_grid(&series));
            let mut other = closes.clone();
            other.iter_mut().skip(cut).for_each(|close| *close *= factor);
            for model in all() {
                prop_assert_eq!(model.predict(Past::of_closes(&closes[..cut]), 100), model.predict(Past::of_closes(&other[..cut]), 100));
            }
            // And through the walk itself: what was judged before the change ended is the same to the last bit.
            let changed = series.candles().iter().enumerate().map(|(i, candle)| {
                let by = if i >= cut { factor } else { 1.0 };
                Candle { open: candle.open * by, high: candle.high * by, low: candle.low * by, close: candle.close * by, ..*candle }
            });
            let (changed, _) = Series::of("changed", changed);
            let models: Vec<Box<dyn Model>> = ["persistence", "ar", "holt"].iter().filter_map(|name| model(name)).collect();
            let before = walk(&series, &models, to_the_end(&series, 97)).unwrap();
            let after = walk(&changed, &models, to_the_end(&changed, 97)).unwrap();
            let known = BEGIN.plus_ms((cut as i64 - 100) * INTERVAL.ms());
            let early = |moments: &[Moment]| moments.iter().filter(|m| m.at <= known).cloned().collect::<Vec<_>>();
            prop_assert!(!early(&before).is_empty());
            prop_assert_eq!(early(&before), early(&after));
        }
    }
}
