//! The interval scores of summer 2024 and of January 2025, for reading old data and agreeing with old peers. Not
//! selectable: their differentiation steps rank miners against each other inside one event.
//!
//! All work on means per interval of one event, oldest first; weights are those of `interval_weight = "exponential"`.

use super::brier::UNINFORMED;
use super::grid::Grid;
use super::quadratic::gain;
use crate::units::UnixMs;

const MINUTE_MS: i64 = 60_000;

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

/// How many intervals of an event that was `opened` were over before its miner was `registered` (January 2025): those
/// that ended in an earlier whole minute than the one of the registration. One that ended in the very minute of it is
/// judged like any other.
#[must_use]
pub fn unborn_intervals(grid: Grid, opened: UnixMs, registered: UnixMs) -> usize {
    let minute = UnixMs(registered.0 - registered.0.rem_euclid(MINUTE_MS));
    usize::try_from(grid.index(minute.plus_ms(-1)).saturating_sub(grid.index(opened))).unwrap_or(0)
}

/// The score of January 2025 and the prediction it comes to: weighted means over all intervals of an event that pays 0
/// or 1.
///
/// The first `unborn` intervals ([`unborn_intervals`]) count as the prediction 0.5, **whatever was said in them**: a
/// prediction from before its miner's registration is somebody else's, or of an earlier registration. In a later one the
/// mean of what was said counts, clamped to `[0, 1]`; silence counts as the wrong answer. A miner that was there before the
/// event and never spoke gets 0 by the same sum. Zeros for an event without intervals.
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

#[cfg(test)]
mod tests {
    use super::super::grid::ORIGIN;
    use super::*;

    const FOUR_HOURS: Grid = Grid::of_minutes(240);

    #[test]
    fn an_interval_is_over_before_a_registration_in_a_later_minute_than_its_end() {
        let unborn = |opened: i64, registered_ms: i64| {
            unborn_intervals(FOUR_HOURS, ORIGIN.plus_ms(opened * MINUTE_MS), ORIGIN.plus_ms(registered_ms))
        };
        assert_eq!(unborn(10, -5), 0, "registered before the event");
        assert_eq!(unborn(10, 239 * MINUTE_MS), 0, "in its first interval");
        assert_eq!(unborn(10, 240 * MINUTE_MS), 0, "in the minute in which the first ends");
        assert_eq!(unborn(10, 241 * MINUTE_MS - 1), 0, "in its last millisecond");
        assert_eq!(unborn(10, 241 * MINUTE_MS), 1);
        assert_eq!(unborn(10, 480 * MINUTE_MS), 1);
        assert_eq!(unborn(10, 481 * MINUTE_MS), 2);
        assert_eq!(unborn(481, 480 * MINUTE_MS), 0, "the event came later");
        assert_eq!(unborn(-10, 241 * MINUTE_MS), 2, "before the grid's origin too");
    }

    #[test]
    fn what_was_said_before_the_registration_counts_as_a_half_and_what_was_said_in_its_minute_counts() {
        let weights = [1.0, 1.0];
        let judge = |registered: i64| {
            let unborn = unborn_intervals(FOUR_HOURS, ORIGIN, ORIGIN.plus_ms(registered * MINUTE_MS));
            interval_score_2025_01(&[Some(1.0), Some(0.5)], unborn, &weights, 1.0)
        };
        assert_eq!(judge(241), (0.75, 0.5), "the right answer of the first interval is forgotten");
        assert_eq!(judge(240), (0.875, 0.75), "the same answer counts");
        assert_eq!(interval_score_2025_01(&[None, None], 0, &weights, 1.0), (0.0, 0.0), "silence is the wrong answer");
        assert_eq!(interval_score_2025_01(&[], 0, &[], 1.0), (0.0, 0.0));
    }
}
