//! The moving averages of the 2024 validators, for those who must agree with old peers.

use std::collections::BTreeMap;

use super::rules::Clip;
use super::window::ScoredEvent;

/// α of June 2024.
pub const EMA_ALPHA: f64 = 0.05;
/// The share of today in the daily average of July 2024, also its α.
pub const DAILY_SHARE: f64 = 0.8;

const DAY_MS: i64 = 86_400_000;

/// One step of the moving average: those in the batch move by α, the rest stays as it is.
pub fn ema_step<K: Ord + Copy>(scores: &mut BTreeMap<K, f64>, batch: &[(K, f64)], alpha: f64) {
    for (key, reward) in batch {
        let reward = if reward.is_nan() { 0.0 } else { *reward };
        let score = scores.entry(*key).or_insert(0.0);
        *score = alpha * reward + (1.0 - alpha) * *score;
    }
}

/// The daily average of summer 2024: a running mean of the day's events, mixed with the mean of the day before.
#[derive(Debug, Clone, PartialEq)]
pub struct Daily<K> {
    /// The share of today.
    pub share: f64,
    /// α of the moving average that stands in while there is no day before.
    pub alpha: f64,
    /// Whether the counter of the running mean starts anew with the day. June 2024 forgot to.
    pub reset_counter: bool,
    /// What counts.
    pub scores: BTreeMap<K, f64>,
    /// Today's running mean.
    pub today: BTreeMap<K, f64>,
    /// The mean of the day before.
    pub yesterday: BTreeMap<K, f64>,
    /// Events in the running mean.
    pub events: u64,
}

impl<K: Ord + Copy> Daily<K> {
    /// Nobody, nothing.
    #[must_use]
    pub fn new(share: f64, alpha: f64, reset_counter: bool) -> Self {
        let none = BTreeMap::new;
        Self { share, alpha, reset_counter, scores: none(), today: none(), yesterday: none(), events: 0 }
    }

    /// Adds the rewards of one settled event; members that are not in the batch enter the day's mean as 0.
    pub fn update(&mut self, batch: &[(K, f64)]) {
        let i = self.events as f64;
        for (key, _) in batch {
            self.today.entry(*key).or_insert(0.0);
        }
        let rewards: BTreeMap<K, f64> = batch.iter().map(|(k, r)| (*k, if r.is_nan() { 0.0 } else { *r })).collect();
        for (key, mean) in &mut self.today {
            *mean = (*mean * i + rewards.get(key).copied().unwrap_or(0.0)) / (i + 1.0);
        }
        self.events += 1;
        if self.yesterday.values().any(|mean| *mean != 0.0) {
            let keys = self.today.keys().chain(self.yesterday.keys()).chain(self.scores.keys());
            let of = |map: &BTreeMap<K, f64>, key: &K| map.get(key).copied().unwrap_or(0.0);
            self.scores = keys
                .map(|k| (*k, self.share * of(&self.today, k) + (1.0 - self.share) * of(&self.yesterday, k)))
                .collect();
        } else {
            ema_step(&mut self.scores, batch, self.alpha);
        }
    }

    /// Ends the day.
    pub fn roll(&mut self) {
        self.yesterday = std::mem::take(&mut self.today);
        if self.reset_counter {
            self.events = 0;
        }
    }

    /// A newcomer on a slot starts from nothing, in all three averages (the reference kept the daily ones).
    pub fn forget(&mut self, key: &K) {
        for map in [&mut self.scores, &mut self.today, &mut self.yesterday] {
            map.remove(key);
        }
    }
}

fn members<K: Ord + Copy>(events: &[ScoredEvent<K>]) -> Vec<K> {
    let mut keys: Vec<K> = events.iter().flat_map(|event| event.scores.iter().map(|(key, _)| *key)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// An event's rewards for every member, 0 for those that did not predict.
fn batch<K: Ord + Copy>(event: &ScoredEvent<K>, members: &[K], factor: f64, clip: Clip) -> Vec<(K, f64)> {
    let scores: BTreeMap<K, f64> = event.scores.iter().copied().collect();
    let of = |key: &K| {
        let score = scores.get(key).copied().unwrap_or(0.0) * factor;
        (*key, if clip == Clip::Event { score.max(0.0) } else { score })
    };
    members.iter().map(of).collect()
}

/// `average = "ema"`: over the events in order, from 0.
#[must_use]
pub fn ema<K: Ord + Copy>(events: &[ScoredEvent<K>], factors: &[f64], clip: Clip) -> BTreeMap<K, f64> {
    let members = members(events);
    let mut scores = BTreeMap::new();
    for (event, factor) in events.iter().zip(factors) {
        ema_step(&mut scores, &batch(event, &members, *factor, clip), EMA_ALPHA);
    }
    scores
}

/// `average = "daily"`: as in July 2024; days are those of UTC.
#[must_use]
pub fn daily<K: Ord + Copy>(events: &[ScoredEvent<K>], factors: &[f64], clip: Clip) -> BTreeMap<K, f64> {
    let members = members(events);
    let mut state = Daily::new(DAILY_SHARE, DAILY_SHARE, true);
    let mut day = None;
    for (event, factor) in events.iter().zip(factors) {
        let this = event.resolved.0.div_euclid(DAY_MS);
        if day.is_some_and(|day| day != this) {
            state.roll();
        }
        day = Some(this);
        state.update(&batch(event, &members, *factor, clip));
    }
    state.scores
}
