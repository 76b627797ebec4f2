//! What a walk comes to.

use serde::Serialize;

use super::bootstrap::{Interval, interval};
use super::{HORIZONS, Moment};

/// Days are alike: a block of the bootstrap is one, in candles.
const BLOCK: usize = 288;

/// A walk in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Forecasts of each model.
    pub forecasts: usize,
    /// The models, as they were named.
    pub models: Vec<Line>,
}

/// How a model did.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
            moments.iter().filter_map(|moment| moment.by_horizon.get(of)?.get(horizon)).sum()
        };
        let mut ratio_by_horizon = [0.0; HORIZONS.len()];
        for (horizon, slot) in ratio_by_horizon.iter_mut().enumerate() {
            *slot = (squares(model, horizon) / squares(0, horizon)).sqrt();
        }
        let n = moments.len().max(1) as f64;
        Line {
            model: name.clone(),
            rmse: own.iter().sum::<f64>() / n,
            ratio: ratio_of(&all),
            ratio_95: interval(moments.len(), BLOCK / stride.max(1), model as u64, ratio_of),
            win_rate: wins as f64 / n,
            share: shares.sum::<f64>() / n,
            ratio_by_horizon,
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
            by_horizon: vec![[a * a; 4], [b * b; 4]],
            shares: vec![f64::from(u8::from(a < b)), f64::from(u8::from(b < a))],
        };
        let names = ["naive".to_owned(), "other".to_owned()];
        let summary = summary(&names, &[moment(10.0, 8.0), moment(10.0, 8.0), moment(10.0, 11.0)], 1);
        let [naive, other] = summary.models.as_slice() else { panic!("two models") };
        assert_eq!((naive.ratio, naive.win_rate), (1.0, 0.0));
        assert!((other.ratio - 0.9).abs() < 1e-12 && (other.win_rate - 2.0 / 3.0).abs() < 1e-12);
        assert!((other.share - 2.0 / 3.0).abs() < 1e-12);
        assert!(other.ratio_95.low <= other.ratio && other.ratio <= other.ratio_95.high);
        assert!(other.ratio_by_horizon.iter().all(|ratio| (*ratio - 0.911).abs() < 0.001));
    }
}
