//! One forecast as a picture shows it: what was known, what was said with its bands, and what came.

use super::conformal::Conformal;
use super::{KNOTS, Moment, on_grid};
use crate::forecast::series::{Model, Past};
use crate::market::klines::series::Series;
use crate::units::UnixMs;

/// Closes shown before a forecast.
const BEFORE: usize = 100;
/// The probabilities of its bands, widest first.
const LEVELS: [f64; 3] = [0.95, 0.8, 0.5];

/// See the module. Prices in dollars.
#[derive(Debug, Clone, PartialEq)]
pub struct Fan {
    /// When it was made.
    pub at: UnixMs,
    /// The closes before, the last one known at the end.
    pub before: Vec<f64>,
    /// The closes that were expected.
    pub said: Vec<f64>,
    /// The closes that came.
    pub after: Vec<f64>,
    /// Bands, widest first.
    pub bands: Vec<FanBand>,
}

/// What holds the close with a probability.
#[derive(Debug, Clone, PartialEq)]
pub struct FanBand {
    /// The probability.
    pub level: f64,
    /// For some steps ahead its lower and upper end, dollars.
    pub edges: Vec<(usize, f64, f64)>,
}

/// The forecast of `model`, which is number `place` of the walk that `moments` are of, at the time of one of them; `None` when
/// nothing can be said then.
#[must_use]
pub fn fan(
    series: &Series,
    model: &dyn Model,
    place: usize,
    moments: &[Moment],
    at: UnixMs,
    steps: usize,
) -> Option<Fan> {
    let candles = on_grid(series);
    let closes = super::closes_of(&candles);
    let end = candles.partition_point(|candle| candle.closes_at() <= at);
    let past = Past::new(&candles, &closes)?.until(end)?;
    let said = model.predict(past, steps)?;
    let band = |level: f64| {
        let ends = Conformal::new(moments, place).at(at, level)?;
        let edge = |(steps, (low, high)): (usize, (f64, f64))| {
            let middle = said.get(steps - 1)?;
            Some((steps, middle * low.exp(), middle * high.exp()))
        };
        Some(FanBand { level, edges: KNOTS.into_iter().zip(ends).filter_map(edge).collect() })
    };
    let bands = LEVELS.into_iter().filter_map(band).collect();
    let after = closes.get(end..closes.len().min(end + steps))?.to_vec();
    Some(Fan { at, before: past.last(BEFORE).closes().to_vec(), said, after, bands })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::backtest::{Walk, walk};
    use crate::forecast::series::Persistence;

    #[test]
    fn a_forecast_is_shown_with_what_was_known_and_what_came() {
        let series = Series::simulated(8, UnixMs(1_767_225_600_000), 1500);
        let span = series.span().unwrap();
        let models: Vec<Box<dyn Model>> = vec![Box::new(Persistence)];
        let walked = Walk { from: span.from, until: span.until, stride: 6, closes: 100 };
        let moments = walk(&series, &models, walked).unwrap();
        let late = moments.last().unwrap().at;
        let fan = |at| fan(&series, &Persistence, 0, &moments, at, 100).unwrap();
        let shown = fan(late);
        assert_eq!((shown.before.len(), shown.said.len(), shown.after.len()), (100, 100, 100));
        assert_eq!(shown.said[0], *shown.before.last().unwrap());
        assert_eq!(shown.bands.len(), 3);
        let edges = |level: usize| shown.bands[level].edges.last().copied().unwrap();
        assert!(edges(0).1 < edges(2).1 && edges(2).1 < shown.said[95] * 1.01 && edges(2).2 < edges(0).2);
        assert!(fan(moments[0].at).bands.is_empty(), "nothing was known of errors then");
    }
}
