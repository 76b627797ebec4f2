//! Shares to the u16 numbers of the `set_weights` call, as SDK 10 converts them.
//!
//! Three deliberate differences: the minimum number of weights is filled up by uid (the SDK fills by position); it is also
//! met when shares are too small for the chain's steps (the SDK sends fewer and is refused); and when nobody has a positive
//! share nothing is sent (the SDK sends the same weight to everybody).

use std::collections::BTreeMap;

use crate::units::Uid;

/// What every uid gets when fewer than the minimum have a positive share.
const FILLER: f32 = 1e-5;

/// The numbers to submit, by ascending uid, zeros left out.
///
/// `shares` names every uid of the subnet, 0 included for those that earned nothing; of a uid named twice the last
/// entry counts; shares that are negative or not finite count as 0. `min_allowed` is the subnet's `min_allowed_weights`;
/// `max_share` is its `max_weights_limit` divided by 65535 (1.0: no limit).
///
/// Empty when nobody has a positive share, or when the subnet has fewer uids than `min_allowed`: submit nothing then.
#[must_use]
pub fn weights_u16(shares: &[(Uid, f64)], min_allowed: usize, max_share: f64) -> Vec<(Uid, u16)> {
    let emitted = emit(&process(shares, min_allowed, max_share, 0.0));
    if emitted.is_empty() || emitted.len() >= min_allowed {
        return emitted;
    }
    // Positive shares below half a step were rounded away, and the chain refuses what is left: everybody gets a step.
    let mut filled: BTreeMap<Uid, u16> = shares.iter().map(|(uid, _)| (*uid, 1)).collect();
    filled.extend(emitted);
    filled.into_iter().collect()
}

/// Drops what is not positive, fills up to the minimum, leaves out what lies below the quantile `exclude` (0.0: nobody) as
/// far as the minimum allows, limits the largest share. Shares sum to 1, by ascending uid.
#[must_use]
pub fn process(shares: &[(Uid, f64)], min_allowed: usize, max_share: f64, exclude: f32) -> Vec<(Uid, f32)> {
    let usable = |share: f64| if share.is_finite() && share > 0.0 { share as f32 } else { 0.0 };
    let mut all: Vec<_> = shares.iter().map(|(uid, share)| (*uid, usable(*share))).collect();
    all.sort_by_key(|(uid, _)| *uid);
    all.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            earlier.1 = later.1;
        }
        same
    });
    let positive: Vec<_> = all.iter().copied().filter(|(_, share)| *share > 0.0).collect();
    if positive.is_empty() || all.len() < min_allowed {
        return Vec::new();
    }
    let mut chosen = positive;
    if chosen.len() < min_allowed {
        chosen = all.into_iter().map(|(uid, share)| (uid, FILLER + share)).collect();
    } else {
        let spare = (chosen.len() - min_allowed) as f32 / chosen.len() as f32;
        let least = quantile(chosen.iter().map(|(_, share)| *share).collect(), exclude.min(spare));
        chosen.retain(|(_, share)| *share >= least);
    }
    let limited = limit_largest(&chosen.iter().map(|(_, share)| *share).collect::<Vec<_>>(), max_share as f32);
    chosen.into_iter().map(|(uid, _)| uid).zip(limited).collect()
}

/// The quantile of values, with linear interpolation between neighbours (as numpy does); 0 of none.
fn quantile(mut values: Vec<f32>, quantile: f32) -> f32 {
    values.sort_by(f32::total_cmp);
    let place = quantile.clamp(0.0, 1.0) * values.len().saturating_sub(1) as f32;
    let at = |place: f32| values.get(place as usize).or(values.last()).copied().unwrap_or(0.0);
    let (low, high, part) = (at(place.floor()), at(place.floor() + 1.0), place.fract());
    if part < 0.5 { low + (high - low) * part } else { high - (high - low) * (1.0 - part) }
}

/// Normalises to sum 1 so that no entry exceeds `limit`: entries above a common cutoff are cut down to it.
///
/// When the limit cannot be met (`len · limit ≤ 1`) or nothing is positive, all are equal.
#[must_use]
pub fn limit_largest(x: &[f32], limit: f32) -> Vec<f32> {
    const EPSILON: f32 = 1e-7;
    if sum(x) <= 0.0 || x.len() as f32 * limit <= 1.0 {
        return vec![1.0 / x.len() as f32; x.len()];
    }
    let mut sorted = x.to_vec();
    sorted.sort_by(f32::total_cmp);
    let total = sum(&sorted);
    let shares: Vec<f32> = sorted.iter().map(|value| value / total).collect();
    if shares.last().is_none_or(|largest| *largest <= limit) {
        let total = sum(x);
        return x.iter().map(|value| value / total).collect();
    }
    // With everything above the i-th share cut down to it, its new share is share / (what is above + what is below).
    let mut below = 0.0;
    let mut kept = (0, 0.0);
    for (i, share) in shares.iter().enumerate() {
        below += share;
        let above = (shares.len() - i - 1) as f32 * share;
        if share / (above + below + EPSILON) < limit {
            kept = (i + 1, below);
        }
    }
    let (count, kept_sum) = kept;
    let cutoff = (limit * kept_sum - EPSILON) / (1.0 - limit * (shares.len() - count) as f32) * total;
    let cut: Vec<f32> = x.iter().map(|value| value.min(cutoff)).collect();
    let cut_total = sum(&cut);
    cut.iter().map(|value| value / cut_total).collect()
}

/// The sum as numpy rounds it: eight partial sums in blocks of 128, blocks by halves. A last bit that differs here is one
/// of the 65535 steps on the chain.
fn sum(x: &[f32]) -> f32 {
    const BLOCK: usize = 128;
    if x.len() > BLOCK {
        let half = x.len() / 2;
        let (left, right) = x.split_at(half - half % 8);
        return sum(left) + sum(right);
    }
    let (chunks, rest) = x.as_chunks::<8>();
    let Some((first, others)) = chunks.split_first() else { return rest.iter().sum() };
    let mut partial = *first;
    for chunk in others {
        partial.iter_mut().zip(chunk).for_each(|(partial, value)| *partial += value);
    }
    let [a, b, c, d, e, f, g, h] = partial;
    rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, value| sum + value)
}

/// Scales the largest to 65535, rounds half to even, leaves zeros out.
#[must_use]
pub fn emit(weights: &[(Uid, f32)]) -> Vec<(Uid, u16)> {
    let largest = weights.iter().map(|(_, weight)| f64::from(*weight)).fold(0.0, f64::max);
    if largest <= 0.0 {
        return Vec::new();
    }
    let scaled = |weight: f32| (f64::from(weight) / largest * f64::from(u16::MAX)).round_ties_even() as u16;
    weights.iter().map(|(uid, weight)| (*uid, scaled(*weight))).filter(|(_, weight)| *weight > 0).collect()
}

/// What the chain makes of submitted numbers: shares that sum to 1.
#[must_use]
pub fn read_back(weights: &[(Uid, u16)]) -> Vec<(Uid, f64)> {
    let total: u64 = weights.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let share = |weight: u16| if total == 0 { 0.0 } else { f64::from(weight) / total as f64 };
    weights.iter().map(|(uid, weight)| (*uid, share(*weight))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minimum_is_filled_by_uid() {
        // One miner earned, on uid 7 of a subnet whose uids are not 0..n.
        let shares = [(Uid(9), 0.0), (Uid(7), 1.0), (Uid(3), 0.0)];
        let weights = weights_u16(&shares, 3, 1.0);
        assert_eq!(weights, [(Uid(3), 1), (Uid(7), 65535), (Uid(9), 1)]);
    }

    #[test]
    fn shares_below_a_step_of_the_chain_still_make_the_minimum() {
        let shares = [(Uid(4), 0.5), (Uid(1), 0.5), (Uid(2), 1e-9), (Uid(3), 0.0)];
        assert_eq!(weights_u16(&shares, 2, 1.0), [(Uid(1), 65535), (Uid(4), 65535)]);
        let filled = [(Uid(1), 65535), (Uid(2), 1), (Uid(3), 1), (Uid(4), 65535)];
        assert_eq!(weights_u16(&shares, 3, 1.0), filled);
    }

    #[test]
    fn nothing_earned_or_too_few_uids_sends_nothing() {
        assert_eq!(weights_u16(&[(Uid(0), 0.0), (Uid(1), f64::NAN)], 1, 1.0), []);
        assert_eq!(weights_u16(&[(Uid(0), 1.0)], 8, 1.0), []);
        assert_eq!(weights_u16(&[], 0, 1.0), []);
    }

    #[test]
    fn submitted_numbers_read_back_as_shares() {
        let back = read_back(&weights_u16(&[(Uid(1), 0.75), (Uid(2), 0.25)], 1, 1.0));
        assert!((back[0].1 - 0.75).abs() < 1e-5 && (back[1].1 - 0.25).abs() < 1e-5);
        assert_eq!(read_back(&[(Uid(1), 0)]), [(Uid(1), 0.0)]);
    }
}
