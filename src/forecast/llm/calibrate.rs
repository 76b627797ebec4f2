//! What a forecaster's numbers are worth on its own record: corrected by Platt's line in log odds, or by isotonic regression.
//!
//! Both learn from pairs of a forecast and how it ended. With few pairs they change little: the line is held near the
//! identity by a prior, the steps are made of at least [`LEAST_STEP`] pairs each.

use serde::{Deserialize, Serialize};

use super::combine::{logistic, logit};
use super::fit::{Row, logistic_fit};

/// A forecast, and how it ended: 0, 1, or a share of a split.
pub type Pair = (f64, f64);

/// Strength of the prior that holds Platt's line at the identity, in pairs at 0.5 or so.
const PRIOR: f64 = 4.0;
/// Ended questions from which a correction is learnt.
pub const LEAST_RECORD: usize = 30;
/// Pairs below which isotonic regression makes no step of its own.
pub const LEAST_STEP: usize = 8;

/// `logistic(intercept + slope · logit(p))`: the identity has 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Platt {
    /// What is added to the log odds.
    pub intercept: f64,
    /// What they are multiplied with: below 1 the forecasts were too sure.
    pub slope: f64,
}

impl Default for Platt {
    fn default() -> Self {
        Self { intercept: 0.0, slope: 1.0 }
    }
}

impl Platt {
    /// The line of the greatest likelihood on `pairs`, with a normal prior about the identity (Platt 1999, in log odds).
    #[must_use]
    pub fn of(pairs: &[Pair]) -> Self {
        let rows: Vec<Row<2>> = pairs.iter().map(|(p, ended)| ([1.0, logit(*p)], *ended, 1.0)).collect();
        let [intercept, slope] = logistic_fit(&rows, [0.0, 1.0], PRIOR);
        Self { intercept, slope }
    }

    /// The corrected probability.
    #[must_use]
    pub fn apply(&self, p: f64) -> f64 {
        if *self == Self::default() {
            return p;
        }
        logistic(self.intercept + self.slope * logit(p))
    }
}

/// A rising staircase: the nearest to the record, in squares, of all functions that never fall.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Isotonic {
    /// Middles of the steps and their heights, rising in both.
    steps: Vec<(f64, f64)>,
}

/// Some pairs of equal height.
#[derive(Clone, Copy)]
struct Block {
    forecasts: f64,
    endings: f64,
    count: usize,
}

impl Block {
    fn height(&self) -> f64 {
        self.endings / self.count as f64
    }

    fn with(self, other: Self) -> Self {
        Self {
            forecasts: self.forecasts + other.forecasts,
            endings: self.endings + other.endings,
            count: self.count + other.count,
        }
    }
}

impl Isotonic {
    /// Pools adjacent violators of `pairs` (Ayer et al. 1955), then steps of fewer than [`LEAST_STEP`] pairs with the next.
    #[must_use]
    pub fn of(pairs: &[Pair]) -> Self {
        let mut sorted: Vec<Pair> =
            pairs.iter().copied().filter(|(p, ended)| p.is_finite() && ended.is_finite()).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut blocks: Vec<Block> = Vec::new();
        for (p, ended) in sorted {
            let mut block = Block { forecasts: p, endings: ended, count: 1 };
            while let Some(before) = blocks.last().copied() {
                if before.height() < block.height() && before.count >= LEAST_STEP {
                    break;
                }
                block = before.with(block);
                blocks.pop();
            }
            blocks.push(block);
        }
        // The last step may be too short to mean anything.
        if let [.., before, last] = blocks.as_slice()
            && last.count < LEAST_STEP
        {
            let joined = before.with(*last);
            blocks.truncate(blocks.len() - 2);
            blocks.push(joined);
        }
        let step = |block: &Block| (block.forecasts / block.count as f64, block.height());
        Self { steps: blocks.iter().map(step).collect() }
    }

    /// The corrected probability: on the line between the middles of two steps; beyond the first and the last their height.
    /// Without a record the probability as it is.
    #[must_use]
    pub fn apply(&self, p: f64) -> f64 {
        let next = self.steps.partition_point(|(middle, _)| *middle < p);
        match (next.checked_sub(1).and_then(|before| self.steps.get(before)), self.steps.get(next)) {
            (Some((x0, y0)), Some((x1, y1))) if x1 > x0 => y0 + (y1 - y0) * (p - x0) / (x1 - x0),
            (Some((_, height)), _) | (None, Some((_, height))) => *height,
            (None, None) => p,
        }
    }
}

/// How forecasts are corrected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Not at all.
    #[default]
    None,
    /// By [`Platt`].
    Platt,
    /// By [`Isotonic`].
    Isotonic,
}

/// A correction learnt from a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// None.
    Identity,
    /// A line.
    Platt(Platt),
    /// A staircase.
    Isotonic(Isotonic),
}

impl Calibration {
    /// Learns by `method` from `pairs`; fewer than `least` of them teach nothing.
    #[must_use]
    pub fn of(method: Method, pairs: &[Pair], least: usize) -> Self {
        match method {
            Method::None => Self::Identity,
            _ if pairs.len() < least.max(1) => Self::Identity,
            Method::Platt => Self::Platt(Platt::of(pairs)),
            Method::Isotonic => Self::Isotonic(Isotonic::of(pairs)),
        }
    }

    /// The corrected probability, in `0.0..=1.0`.
    #[must_use]
    pub fn apply(&self, p: f64) -> f64 {
        match self {
            Self::Identity => p,
            Self::Platt(platt) => platt.apply(p),
            Self::Isotonic(isotonic) => isotonic.apply(p).clamp(0.0, 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::market::simulator::uniform;

    /// Pairs whose true probability is `truth` of the forecast.
    fn record(count: u64, truth: impl Fn(f64) -> f64) -> Vec<Pair> {
        let pair = |i: u64| {
            let p = uniform(&[3, i]);
            (p, f64::from(u8::from(uniform(&[4, i]) < truth(p))))
        };
        (0..count).map(pair).collect()
    }

    #[test]
    fn who_is_too_sure_is_drawn_to_the_middle() {
        let line = Platt::of(&record(20_000, |p| logistic(0.3 + 0.5 * logit(p))));
        assert!((line.slope - 0.5).abs() < 0.03 && (line.intercept - 0.3).abs() < 0.05, "{line:?}");
        let stairs = Isotonic::of(&record(20_000, |p| logistic(0.5 * logit(p))));
        assert!((stairs.apply(0.9) - logistic(0.5 * logit(0.9))).abs() < 0.05);
    }

    #[test]
    fn who_knows_is_left_alone_and_little_teaches_little() {
        let line = Platt::of(&record(20_000, |p| p));
        assert!((line.slope - 1.0).abs() < 0.05 && line.intercept.abs() < 0.05, "{line:?}");
        let once = Platt::of(&[(0.9, 0.0)]);
        assert!((once.apply(0.9) - 0.9).abs() < 0.25, "{once:?}");
        assert_eq!(Platt::of(&[]), Platt::default());
        assert_eq!(Calibration::of(Method::Platt, &[(0.9, 0.0); 5], 6), Calibration::Identity);
        assert_eq!(Isotonic::of(&[]).apply(0.3), 0.3);
    }

    /// A model that always says 0.5 is worth the base rate of its record, and no more.
    #[test]
    fn one_number_for_everything_becomes_the_base_rate() {
        let pairs: Vec<Pair> = (0..200).map(|i| (0.5, f64::from(u8::from(i % 10 == 0)))).collect();
        assert!((Platt::of(&pairs).apply(0.5) - 0.1).abs() < 0.05);
        assert!((Isotonic::of(&pairs).apply(0.5) - 0.1).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn a_correction_is_a_probability_and_never_falls(
            pairs in proptest::collection::vec((0.0..=1.0f64, 0u8..=1), 0..80), a in 0.0..=1.0f64, b in 0.0..=1.0f64,
        ) {
            let pairs: Vec<Pair> = pairs.into_iter().map(|(p, ended)| (p, f64::from(ended))).collect();
            let (low, high) = (a.min(b), a.max(b));
            let stairs = Isotonic::of(&pairs);
            prop_assert!(stairs.apply(low) <= stairs.apply(high) + 1e-12 || pairs.is_empty());
            for method in [Method::None, Method::Platt, Method::Isotonic] {
                let found = Calibration::of(method, &pairs, 1);
                prop_assert!((0.0..=1.0).contains(&found.apply(low)), "{found:?}");
            }
        }
    }
}
