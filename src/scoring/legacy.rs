//! The interval scores of summer 2024 and of January 2025, for reading old data and agreeing with old peers. Not
//! selectable: their differentiation steps rank miners against each other inside one event.
//!
//! All work on means per interval of one event, oldest first; weights are those of `interval_weight = "exponential"`.

use super::brier::UNINFORMED;
use super::quadratic::gain;

/// What an interval counts as that was over before the miner registered (January 2025).
const UNBORN: f64 = 0.5;

/// The score of summer 2024: weighted mean gain, a silent interval counting 0, less 0.75, floored at 0. 0 for an event
/// without intervals.
#[must_use]
pub fn interval_score_2024(means: &[Option<f64>], weights: &[f64], outcome: f64) -> f64 {
    let gains = means.iter().map(|mean| mean.map_or(0.0, |p| gain(p.clamp(0.0, 1.0), outcome)));
    (weighted(gains, weights) - UNINFORMED).max(0.0)
}

/// The differentiation of 25 July 2024 over the positive scores: a third of the score, two thirds of its place between
/// the least and the greatest. Where all positive scores are equal the reference divided 0 by 0 and the only correct
/// miner got nothing; here its place is the top.
#[must_use]
pub fn differentiated_2024_07(scores: &[f64]) -> Vec<f64> {
    let positive = || scores.iter().copied().filter(|score| *score > 0.0);
    let (least, most) = (positive().fold(f64::INFINITY, f64::min), positive().fold(0.0, f64::max));
    let place = |score: f64| if most > least { (score - least) / (most - least) } else { 1.0 };
    scores.iter().map(|score| if *score > 0.0 { score / 3.0 + 2.0 / 3.0 * place(*score) } else { 0.0 }).collect()
}

/// The differentiation of 16 August 2024: `exp(25 s)` of the positive scores, in shares.
#[must_use]
pub fn differentiated_2024_08(scores: &[f64]) -> Vec<f64> {
    let powers: Vec<f64> = scores.iter().map(|s| if *s > 0.0 { (25.0 * s).exp() } else { 0.0 }).collect();
    let total: f64 = powers.iter().sum();
    powers.iter().map(|power| if total > 0.0 { power / total } else { 0.0 }).collect()
}

/// The score of January 2025 and the prediction it comes to: weighted means over all intervals of an event that pays 0
/// or 1. The first `unborn` intervals, over before the miner registered, count as the prediction 0.5 whatever was said;
/// a later silent one as the wrong answer. Zeros for an event without intervals.
#[must_use]
pub fn interval_score_2025_01(means: &[Option<f64>], unborn: usize, weights: &[f64], outcome: f64) -> (f64, f64) {
    let said = || {
        means.iter().enumerate().map(|(k, mean)| match mean {
            _ if k < unborn => UNBORN,
            Some(p) => p.clamp(0.0, 1.0),
            None => 1.0 - outcome,
        })
    };
    (weighted(said().map(|p| gain(p, outcome)), weights), weighted(said(), weights))
}

/// The differentiation of January 2025: `exp(5 s)` of all scores, in shares.
#[must_use]
pub fn differentiated_2025_01(scores: &[f64]) -> Vec<f64> {
    let powers: Vec<f64> = scores.iter().map(|s| (5.0 * s).exp()).collect();
    let total: f64 = powers.iter().sum();
    powers.iter().map(|power| power / total).collect()
}

fn weighted(values: impl Iterator<Item = f64>, weights: &[f64]) -> f64 {
    let total: f64 = weights.iter().sum();
    if total > 0.0 { values.zip(weights).map(|(value, weight)| value * weight).sum::<f64>() / total } else { 0.0 }
}
