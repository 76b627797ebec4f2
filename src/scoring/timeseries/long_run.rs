//! The long-run weight of every miner: a slow moving average over requests.

use std::collections::BTreeMap;

/// The share of a new request: 2/(48+1).
pub const ALPHA: f64 = 2.0 / 49.0;

/// What a miner starts from with its first request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The mean of all stored weights (March 2024).
    Mean,
    /// Its share times the request's weight, taken as it is (January 2024).
    Plain,
}

/// Folds one request into the stored weights. `shares` are the request's, `g` its weight in `0..=1`. Miners that are
/// stored and absent decay slowly: their share is 0.
pub fn update<K: Ord + Clone>(stored: &mut BTreeMap<K, f64>, shares: &[(K, f64)], g: f64, start: Start) {
    let mean = stored.values().sum::<f64>() / (stored.len().max(1)) as f64;
    let next = |previous: f64, share: f64| {
        let new = (previous + share * g) / (1.0 + g);
        ALPHA * new + (1.0 - ALPHA) * previous
    };
    let of: BTreeMap<&K, f64> = shares.iter().map(|(key, share)| (key, *share)).collect();
    for (key, weight) in stored.iter_mut() {
        *weight = next(*weight, of.get(key).copied().unwrap_or(0.0));
    }
    for (key, share) in shares {
        if !stored.contains_key(key) {
            let first = match start {
                Start::Mean => next(mean, *share),
                Start::Plain => share * g,
            };
            stored.insert(key.clone(), first);
        }
    }
}
