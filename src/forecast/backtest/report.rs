//! What a walk comes to.

use schemars::JsonSchema;
use serde::Serialize;

use super::bootstrap::{Interval, interval};
use super::conformal::Conformal;
use super::{HORIZONS, KNOTS, Moment};
use crate::market::klines::INTERVAL;

/// Days are alike: a block of the bootstrap is one, in candles.
const BLOCK: usize = 288;

/// A walk in numbers.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct Summary {
    /// Forecasts of each model.
    pub forecasts: usize,
    /// The models, as they were named.
    pub models: Vec<Line>,
}

/// How a model did.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct Line {
    /// Its name.
    pub model: String,
    /// Its mean weighted error, dollars.
    pub rmse: f64,
    /// Its mean error as a share of that of the first model; below 1 is better.
    pub ratio: f64,
    /// Where that lies with 95 %, days being alike.
    pub ratio_95: Interval,
    /// The share of forecasts in which it was nearer than the first model.
    pub win_rate: f64,
    /// Its mean share under the subnet's own rule, were these models the only miners.
    pub share: f64,
    /// The root of its mean square error as a share of the first model's, after 5 minutes, 1, 4 and 8 hours.
    pub ratio_by_horizon: [f64; HORIZONS.len()],
    /// The same after more times, with the bands around its forecasts.
    pub horizons: Vec<AtHorizon>,
}

/// How a model did so long after its forecasts.
#[derive(Debug, Clone, Copy, PartialEq, JsonSchema, Serialize)]
pub struct AtHorizon {
    /// After so many minutes.
    pub minutes: i64,
    /// The root of its mean square error as a share of the first model's.
    pub ratio: f64,
    /// How often the close lay in the band that should hold it with 80 %; nothing before there is enough to make bands of.
    pub coverage_80: Option<f64>,
    /// The mean width of that band as a share of the price.
    pub width_80: Option<f64>,
}

/// What `moments`, `stride` candles apart, say about the models called `names`; the first is the yardstick.
#[must_use]
pub fn summary(names: &[String], moments: &[Moment], stride: usize) -> Summary {
    let errors = |model: usize| -> Vec<f64> {
        moments.iter().map(|moment| moment.errors.get(model).copied().unwrap_or(f64::NAN)).collect()
    };
    let yardstick = errors(0);
    let line = |(model, name): (usize, &String)| {
        let own = errors(model);
        let ratio_of = |places: &[usize]| {
            let sum = |values: &[f64]| places.iter().filter_map(|place| values.get(*place)).sum::<f64>();
            sum(&own) / sum(&yardstick)
        };
        let all: Vec<usize> = (0..moments.len()).collect();
        let wins = own.iter().zip(&yardstick).filter(|(own, yardstick)| own < yardstick).count();
        let shares = moments.iter().filter_map(|moment| moment.shares.get(model));
        let squares = |of: usize, horizon: usize| -> f64 {
            moments.iter().filter_map(|moment| moment.squares.get(of)?.get(horizon)).sum()
        };
        let covered = Conformal::new(moments, model).coverage(0.8);
        let at = |(place, steps): (usize, usize)| AtHorizon {
            minutes: steps as i64 * INTERVAL.in_minutes(),
            ratio: (squares(model, place) / squares(0, place)).sqrt(),
            coverage_80: covered.and_then(|all| all.get(place).map(|(share, _)| *share)),
            width_80: covered.and_then(|all| all.get(place).map(|(_, width)| *width)),
        };
        let horizons: Vec<AtHorizon> = KNOTS.into_iter().enumerate().map(at).collect();
        let ratio_after = |steps: usize| {
            let place = KNOTS.iter().position(|knot| *knot == steps);
            place.and_then(|place| horizons.get(place)).map_or(f64::NAN, |horizon| horizon.ratio)
        };
        let ratio_by_horizon = HORIZONS.map(ratio_after);
        let n = moments.len().max(1) as f64;
        Line {
            model: name.clone(),
            rmse: own.iter().sum::<f64>() / n,
            ratio: ratio_of(&all),
            ratio_95: interval(moments.len(), BLOCK / stride.max(1), model as u64, ratio_of),
            win_rate: wins as f64 / n,
            share: shares.sum::<f64>() / n,
            ratio_by_horizon,
            horizons,
        }
    };
    Summary { forecasts: moments.len(), models: names.iter().enumerate().map(line).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::UnixMs;

    #[test]
    fn a_model_is_compared_with_the_first() {
        let moment = |a: f64, b: f64| Moment {
            at: UnixMs(0),
            errors: vec![a, b],
            squares: vec![[a * a; KNOTS.len()], [b * b; KNOTS.len()]],
            moves: vec![[0.0; KNOTS.len()]; 2],
            weight: 1.0,
            shares: vec![f64::from(u8::from(a < b)), f64::from(u8::from(b < a))],
        };
        let names = ["naive".to_owned(), "other".to_owned()];
        let summary = summary(&names, &[moment(10.0, 8.0), moment(10.0, 8.0), moment(10.0, 11.0)], 1);
        let [naive, other] = summary.models.as_slice() else { panic!("two models") };
        assert_eq!((naive.ratio, naive.win_rate), (1.0, 0.0));
        assert!((other.ratio - 0.9).abs() < 1e-12 && (other.win_rate - 2.0 / 3.0).abs() < 1e-12);
        assert!((other.share - 2.0 / 3.0).abs() < 1e-12);
        assert!(other.ratio_95.low <= other.ratio && other.ratio <= other.ratio_95.high);
        assert_eq!(other.horizons.len(), KNOTS.len());
        assert_eq!(other.horizons[0].coverage_80, None, "three forecasts make no band");
        assert!(other.ratio_by_horizon.iter().all(|ratio| (*ratio - 0.911).abs() < 0.001));
    }
}
