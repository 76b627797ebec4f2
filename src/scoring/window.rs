//! From event scores to shares: the average over the window, the floor, the exponent, the normalisation.

use std::collections::BTreeMap;

use super::averages_2024::{daily, ema};
use super::rules::{Average, Clip, Rules};
use crate::units::UnixMs;

/// One counted event of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredEvent<K> {
    /// The payout, in `0..=1`.
    pub outcome: f64,
    /// When it resolved.
    pub resolved: UnixMs,
    /// Scores of those that predicted, each key at most once.
    pub scores: Vec<(K, f64)>,
}

/// What a window comes to for one miner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowAverage {
    /// The average, before the floor.
    pub mean: f64,
    /// `max(mean − penalty, 0)^exponent`.
    pub reward: f64,
    /// Events that it predicted.
    pub predicted: usize,
}

/// The averages of everybody with a score in `events`, which are the window in order of resolution.
#[must_use]
pub fn averages<K: Ord + Copy>(events: &[ScoredEvent<K>], rules: &Rules) -> BTreeMap<K, WindowAverage> {
    let factors = class_factors(events, rules.class_balance);
    let mut tallies: BTreeMap<K, Tally> = BTreeMap::new();
    for (event, factor) in events.iter().zip(&factors) {
        for (key, score) in &event.scores {
            tallies.entry(*key).or_default().add(score * factor, rules.clip);
        }
    }
    let moving = match rules.average {
        Average::Window => None,
        Average::Ema => Some(ema(events, &factors, rules.clip)),
        Average::Daily => Some(daily(events, &factors, rules.clip)),
    };
    let n = events.len();
    let average = |key: &K, tally: &Tally| match moving.as_ref().and_then(|moving| moving.get(key)) {
        None => WindowAverage { mean: tally.mean(n), reward: tally.reward(n, rules), predicted: tally.predicted },
        Some(mean) => WindowAverage { mean: *mean, reward: reward(*mean, rules.exponent), predicted: tally.predicted },
    };
    tallies.iter().map(|(key, tally)| (*key, average(key, tally))).collect()
}

/// By how much each event's scores are multiplied so that YES and NO count alike: `w / mean w`, with `w = 1/q` for YES
/// and `1/(1−q)` for NO, `q = (k+1)/(N+2)` from the k YES among the N events before the newest. 1 when it is off.
fn class_factors<K>(events: &[ScoredEvent<K>], balance: bool) -> Vec<f64> {
    let Some((_, before)) = events.split_last().filter(|_| balance) else { return vec![1.0; events.len()] };
    let yes: f64 = before.iter().map(|event| event.outcome).sum();
    let q = (yes + 1.0) / (before.len() as f64 + 2.0);
    let weights: Vec<f64> = events.iter().map(|e| e.outcome / q + (1.0 - e.outcome) / (1.0 - q)).collect();
    let mean = weights.iter().sum::<f64>() / weights.len() as f64;
    weights.iter().map(|weight| weight / mean).collect()
}

/// What an average is taken over: sums of a miner's event scores in a window that is the same for everybody.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// Events with a score of this miner.
    pub predicted: usize,
    /// Σ s, each floored first under `clip = "event"`.
    pub sum: f64,
    /// Σ s².
    pub sum_of_squares: f64,
}

impl Tally {
    /// Adds the score of one event.
    pub fn add(&mut self, score: f64, clip: Clip) {
        let score = match clip {
            Clip::Aggregate => score,
            Clip::Event => score.max(0.0),
        };
        self.predicted += 1;
        self.sum += score;
        self.sum_of_squares += score * score;
    }

    /// The mean over `events` events, those not predicted counting 0; 0 when there are none.
    #[must_use]
    pub fn mean(&self, events: usize) -> f64 {
        if events == 0 { 0.0 } else { self.sum / events as f64 }
    }

    /// The standard error of [`Tally::mean`]: sample deviation over all `events`, divided by their square root.
    #[must_use]
    pub fn standard_error(&self, events: usize) -> f64 {
        if events < 2 {
            return 0.0;
        }
        let n = events as f64;
        let variance = (self.sum_of_squares - self.sum * self.sum / n) / (n - 1.0);
        (variance.max(0.0) / n).sqrt()
    }

    /// The reward of a miner before normalisation: `max(mean − z·standard error, 0)^exponent`.
    #[must_use]
    pub fn reward(&self, events: usize, rules: &Rules) -> f64 {
        let penalty = if rules.confidence_z > 0.0 { rules.confidence_z * self.standard_error(events) } else { 0.0 };
        reward(self.mean(events) - penalty, rules.exponent)
    }
}

/// `max(average, 0)^exponent`; 0 for NaN.
#[must_use]
pub fn reward(average: f64, exponent: u8) -> f64 {
    average.max(0.0).powi(i32::from(exponent))
}

/// Shares that sum to 1, or `None` when nobody has a positive reward: then the weights on chain stay as they are.
#[must_use]
pub fn shares<K: Clone>(rewards: &[(K, f64)]) -> Option<Vec<(K, f64)>> {
    let usable = |reward: f64| if reward.is_finite() && reward > 0.0 { reward } else { 0.0 };
    let largest = rewards.iter().map(|(_, reward)| usable(*reward)).fold(0.0, f64::max);
    if largest <= 0.0 {
        return None;
    }
    // Scaled by the largest first, so that neither tiny nor huge rewards leave the range of f64.
    let scaled: Vec<_> = rewards.iter().map(|(key, reward)| (key.clone(), usable(*reward) / largest)).collect();
    let total: f64 = scaled.iter().map(|(_, reward)| reward).sum();
    Some(scaled.into_iter().map(|(key, reward)| (key, reward / total)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_positive_means_no_weights() {
        assert_eq!(shares::<u8>(&[]), None);
        assert_eq!(shares(&[(1, 0.0), (2, -1.0), (3, f64::NAN)]), None);
        assert_eq!(shares(&[(1, 1e-300), (2, 3e-300)]), Some(vec![(1, 0.25), (2, 0.75)]));
    }

    #[test]
    fn the_denominator_is_the_same_for_everybody() {
        let mut tally = Tally::default();
        tally.add(0.5, Clip::Aggregate);
        assert_eq!(tally.mean(10), 0.05);
        assert_eq!(tally.mean(0), 0.0);
    }

    #[test]
    fn the_confidence_penalty_counts_absent_events_as_zeros() {
        let mut tally = Tally::default();
        tally.add(0.5, Clip::Aggregate);
        tally.add(0.1, Clip::Aggregate);
        // 0.5, 0.1, 0, 0: mean 0.15, sample variance (0.26 - 4*0.0225)/3.
        let expected = ((0.26 - 4.0 * 0.0225) / 3.0 / 4.0_f64).sqrt();
        assert!((tally.standard_error(4) - expected).abs() < 1e-15);
        let rules = Rules { confidence_z: 1.0, ..Rules::default() };
        assert!((tally.reward(4, &rules) - (0.15 - expected)).abs() < 1e-15);
    }
}
