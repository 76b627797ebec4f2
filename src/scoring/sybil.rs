//! Slots that look like one person's: copied, mirrored and opposed reports.
//!
//! The exploit of the subnet's own document registers two miners and answers 1 with one and 0 with the other. Scores
//! take the profit out of it (floor after averaging); this finds who tries. What is found is a reason to look, no proof:
//! two honest miners that run the same public model copy each other, too.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::quadratic::delta;

/// The mean report and the mean reference price of each miner on one event.
#[derive(Debug, Clone, PartialEq)]
pub struct EventReports<K> {
    /// `(miner, p, r)`, each miner at most once.
    pub miners: Vec<(K, f64, f64)>,
}

/// What two slots have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Likeness {
    /// The same reports, away from the price.
    Copied,
    /// One says p, the other 1 − p.
    Mirrored,
    /// One is above the price by as much as the other is below.
    Opposed,
}

/// What counts as suspicious.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Events that both must have answered.
    pub events: usize,
    /// Mean distance below which two reports are the same (or add up to 1).
    pub same: f64,
    /// Mean distance from the price, or from 0.5, above which they are not the same by being the price, or undecided.
    pub apart: f64,
    /// Cosine of the deviations from the price below which two slots are opposed.
    pub opposed: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { events: 20, same: 0.005, apart: 0.02, opposed: -0.95 }
    }
}

/// Two slots that are alike.
#[derive(Debug, Clone, Copy, PartialEq, JsonSchema, Serialize)]
pub struct Pair<K> {
    /// The first.
    pub a: K,
    /// The second.
    pub b: K,
    /// How.
    pub likeness: Likeness,
    /// Events that both answered.
    pub events: usize,
    /// For `opposed` the cosine, else the mean distance.
    pub measure: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    events: usize,
    difference: f64,
    mirror: f64,
    from_price: f64,
    from_half: f64,
    product: f64,
    square_a: f64,
    square_b: f64,
}

impl Sums {
    fn add(&mut self, (p, r): (f64, f64), (q, s): (f64, f64)) {
        let (da, db) = (p - r, q - s);
        self.events += 1;
        self.difference += (p - q).abs();
        self.mirror += (p + q - 1.0).abs();
        self.from_price += da.abs().min(db.abs());
        self.from_half += (p - 0.5).abs();
        self.product += da * db;
        self.square_a += da * da;
        self.square_b += db * db;
    }

    fn judge(&self, t: &Thresholds) -> Option<(Likeness, f64)> {
        if self.events < t.events {
            return None;
        }
        let n = self.events as f64;
        let apart = self.from_price / n >= t.apart;
        let norm = (self.square_a * self.square_b).sqrt();
        let cosine = if norm > 0.0 { self.product / norm } else { 0.0 };
        if self.difference / n <= t.same && apart {
            Some((Likeness::Copied, self.difference / n))
        } else if self.mirror / n <= t.same && self.from_half / n >= t.apart {
            Some((Likeness::Mirrored, self.mirror / n))
        } else if cosine <= t.opposed && apart {
            Some((Likeness::Opposed, cosine))
        } else {
            None
        }
    }
}

/// All pairs of slots that are alike, by key.
#[must_use]
pub fn pairs<K: Ord + Copy>(events: &[EventReports<K>], thresholds: &Thresholds) -> Vec<Pair<K>> {
    let mut keys: Vec<K> = events.iter().flat_map(|event| event.miners.iter().map(|(key, ..)| *key)).collect();
    keys.sort_unstable();
    keys.dedup();
    // One row of reports per miner, so that a pair is a walk along two rows.
    let place: BTreeMap<K, usize> = keys.iter().enumerate().map(|(place, key)| (*key, place)).collect();
    let mut rows = vec![vec![None; events.len()]; keys.len()];
    for (column, event) in events.iter().enumerate() {
        for (key, p, r) in &event.miners {
            if let Some(cell) = place.get(key).and_then(|row| rows.get_mut(*row)).and_then(|row| row.get_mut(column)) {
                *cell = Some((*p, *r));
            }
        }
    }
    let mut found = Vec::new();
    for (i, (a, row_a)) in keys.iter().zip(&rows).enumerate() {
        for (b, row_b) in keys.iter().zip(&rows).skip(i + 1) {
            let mut sums = Sums::default();
            for (x, y) in row_a.iter().zip(row_b) {
                if let (Some(x), Some(y)) = (x, y) {
                    sums.add(*x, *y);
                }
            }
            if let Some((likeness, measure)) = sums.judge(thresholds) {
                found.push(Pair { a: *a, b: *b, likeness, events: sums.events, measure });
            }
        }
    }
    found
}

/// The groups that pairs form, each sorted, largest first.
#[must_use]
pub fn groups<K: Ord + Copy>(pairs: &[Pair<K>]) -> Vec<Vec<K>> {
    let mut groups: Vec<Vec<K>> = Vec::new();
    for pair in pairs {
        let (mut joined, apart): (Vec<Vec<K>>, Vec<Vec<K>>) =
            groups.into_iter().partition(|group| group.contains(&pair.a) || group.contains(&pair.b));
        let mut group: Vec<K> = joined.drain(..).flatten().chain([pair.a, pair.b]).collect();
        group.sort_unstable();
        group.dedup();
        groups = apart;
        groups.push(group);
    }
    groups.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    groups
}

/// What an uninformed pair that answers 1 and 0 earns per slot, with a fair price `r`, averaged over `events` events and
/// floored after averaging. Floored per event it is what one event brings, `r(1−r)/2`, for ever.
#[must_use]
pub fn pair_rent(r: f64, events: u32) -> f64 {
    (report_rent(1.0, r, events) + report_rent(0.0, r, events)) / 2.0
}

/// What the uninformed report `p` earns, with a fair price `r`, averaged over `events` events and floored after
/// averaging: the exact binomial sum. 0 for no events.
#[must_use]
pub fn report_rent(p: f64, r: f64, events: u32) -> f64 {
    if events == 0 {
        return 0.0;
    }
    let n = f64::from(events);
    let (yes, no) = (delta(p, r, 1.0), delta(p, r, 0.0));
    // Nothing times the logarithm of nothing is nothing: at a price of 0 or 1 there is one possible count.
    let times_log = |times: f64, x: f64| if times == 0.0 { 0.0 } else { times * x.ln() };
    let mut expected = 0.0;
    let mut log_choose = 0.0_f64;
    for k in 0..=events {
        if k > 0 {
            log_choose += (f64::from(events - k + 1) / f64::from(k)).ln();
        }
        let k = f64::from(k);
        let probability = (log_choose + times_log(k, r) + times_log(n - k, 1.0 - r)).exp();
        expected += probability * ((k * yes + (n - k) * no) / n).max(0.0);
    }
    expected
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(reports: impl Fn(usize) -> Vec<(u8, f64, f64)>) -> Vec<EventReports<u8>> {
        (0..30).map(|i| EventReports { miners: reports(i) }).collect()
    }

    #[test]
    fn copies_mirrors_and_opposites_are_found_and_honest_miners_are_not() {
        let events = events(|i| {
            let r = 0.3 + 0.01 * i as f64;
            let wobble = if i % 3 == 0 { 0.08 } else { -0.05 };
            let other = if i % 2 == 0 { 0.07 } else { -0.06 };
            vec![
                (0, r + wobble, r),
                (1, r + wobble, r),
                (2, 1.0, r),
                (3, 0.0, r),
                (4, r + other, r),
                (5, r - other, r),
                (6, r, r),
                (7, r, r),
            ]
        });
        let found = pairs(&events, &Thresholds::default());
        let seen: Vec<_> = found.iter().map(|p| (p.a, p.b, p.likeness)).collect();
        assert_eq!(seen, [(0, 1, Likeness::Copied), (2, 3, Likeness::Mirrored), (4, 5, Likeness::Opposed)]);
        assert_eq!(groups(&found), [[0, 1], [2, 3], [4, 5]]);
    }

    #[test]
    fn a_few_common_events_prove_nothing() {
        let few: Vec<_> = (0..19).map(|_| EventReports { miners: vec![(0, 1.0, 0.5), (1, 1.0, 0.5)] }).collect();
        assert!(pairs(&few, &Thresholds::default()).is_empty());
    }

    #[test]
    fn groups_grow_over_shared_members() {
        let pair = |a, b| Pair { a, b, likeness: Likeness::Copied, events: 20, measure: 0.0 };
        assert_eq!(groups(&[pair(1, 2), pair(3, 4), pair(2, 3), pair(8, 9)]), [vec![1, 2, 3, 4], vec![8, 9]]);
    }
}
