//! What a streamed answer is worth (the prompting subnet, June 2024): rewards less penalties, and the average that decays.

use std::collections::BTreeMap;

use super::averages_2024::ema_step;

/// Tokens that a chunk may have for nothing.
pub const MAX_TOKENS_PER_CHUNK: u32 = 200;
/// The penalty of each chunk with more.
const PER_CHUNK: f64 = 0.25;

/// A measure with its weight, both in `0..=1`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighted {
    /// How much it counts.
    pub weight: f64,
    /// What was measured; what is not finite counts as 0.
    pub value: f64,
}

/// The penalty for chunks that are no stream any more: 0.25 for each of more than `most` tokens, 1 at most.
#[must_use]
pub fn chunk_penalty(tokens: &[u32], most: u32) -> f64 {
    (tokens.iter().filter(|tokens| **tokens > most).count() as f64 * PER_CHUNK).min(1.0)
}

/// `Σ weight·reward · Π (1 − weight·penalty)`.
#[must_use]
pub fn total_reward(rewards: &[Weighted], penalties: &[Weighted]) -> f64 {
    let product = |measure: &Weighted| {
        let product = measure.weight * measure.value;
        if product.is_finite() { product } else { 0.0 }
    };
    let kept: f64 = penalties.iter().map(|penalty| 1.0 - product(penalty)).product();
    rewards.iter().map(product).sum::<f64>() * kept
}

/// The status that is noted of an answer: a success without text is 204.
#[must_use]
pub fn noted_status(status: Option<u16>, completion: &str) -> Option<u16> {
    if status == Some(200) && completion.is_empty() { Some(204) } else { status }
}

/// The time that is noted of an answer, seconds: what it took for a success (204 included), all there was for one that did
/// not end in time, 0 otherwise.
#[must_use]
pub fn noted_time(status: Option<u16>, took_s: Option<f64>, timeout_s: f64) -> f64 {
    match status {
        Some(200 | 204) => took_s.unwrap_or(0.0),
        Some(408) => timeout_s,
        _ => 0.0,
    }
}

/// One step of the moving average: those in the batch move by α (0.1 in June 2024), then everybody loses `decay` (0.001),
/// down to 0.
pub fn decayed_step<K: Ord + Copy>(scores: &mut BTreeMap<K, f64>, batch: &[(K, f64)], alpha: f64, decay: f64) {
    ema_step(scores, batch, alpha);
    scores.values_mut().for_each(|score| *score = (*score - decay).max(0.0));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_huge_chunks_or_more_are_the_worst() {
        let penalty = |huge: usize| chunk_penalty(&[vec![201; huge], vec![200; 9]].concat(), MAX_TOKENS_PER_CHUNK);
        assert_eq!([0, 1, 4, 9].map(penalty), [0.0, 0.25, 1.0, 1.0]);
    }

    #[test]
    fn what_is_no_number_is_worth_nothing() {
        let of = |value| [Weighted { weight: 0.5, value }];
        assert_eq!(total_reward(&of(f64::NAN), &of(1.0)), 0.0);
        assert_eq!(total_reward(&of(1.0), &of(f64::INFINITY)), 0.5);
        assert_eq!(total_reward(&[], &[]), 0.0);
    }
}
