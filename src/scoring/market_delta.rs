//! The main rule: a miner's quadratic improvement on the market price of the moment each report arrived.
//!
//! Every interval in which the miner reported counts with the plain mean of its reports, so that one answer is enough,
//! and answering every minute does not multiply the score.

use super::event::{EventView, Rule};
use super::quadratic::delta;
use super::rules::{Duplicates, SubmissionPick};
use super::stats::Report;

/// `market_delta`.
#[derive(Debug, Clone, Copy, Default)]
pub struct MarketDelta {
    /// Which reports count.
    pub submission: SubmissionPick,
    /// What happens to identical reports; applies to interval means.
    pub duplicates: Duplicates,
}

impl Rule for MarketDelta {
    fn score(&self, event: &EventView<'_>) -> Vec<Option<f64>> {
        let single = |report: &Option<Report>| report.map(|report| delta(report.p, report.r, event.outcome));
        match self.submission {
            SubmissionPick::IntervalMean => match self.duplicates {
                Duplicates::Independent => interval_means(event),
                Duplicates::Split => interval_means_split(event),
            },
            SubmissionPick::First => event.first.iter().map(single).collect(),
            SubmissionPick::Last => event.last.iter().map(single).collect(),
        }
    }
}

/// `Σ w d / Σ w` over the intervals with a report; the plain mean when all those weights are 0.
fn interval_means(event: &EventView<'_>) -> Vec<Option<f64>> {
    let mut sums = Columns::new(event.miners());
    event.each_row(|weight, cells, count| sums.add_row(weight, event.outcome, cells, count));
    sums.means()
}

/// As [`interval_means`], with a positive mean divided by the number of miners whose mean report in that interval is
/// equal to the last bit.
fn interval_means_split(event: &EventView<'_>) -> Vec<Option<f64>> {
    let mut sums = Columns::new(event.miners());
    let mut equals = Equals::new(event.miners());
    event.each_row(|weight, cells, count| {
        let sharers = equals.count(count, cells[0]);
        sums.add_row_split(weight, event.outcome, cells, count, sharers);
    });
    sums.means()
}

/// Sums of all miners, one array each, so that a row of statistics is added by vector instructions: this is as fast as
/// memory delivers.
struct Columns {
    weighted: Vec<f64>,
    weight: Vec<f64>,
    plain: Vec<f64>,
    intervals: Vec<f64>,
}

impl Columns {
    fn new(miners: usize) -> Self {
        let zeros = || vec![0.0; miners];
        Self { weighted: zeros(), weight: zeros(), plain: zeros(), intervals: zeros() }
    }

    /// Adds one interval. A cell without reports has sums of 0 and adds nothing; it is divided by 1 instead of 0.
    fn add_row(&mut self, weight: f64, outcome: f64, [sum_p, sum_r, sum_d]: [&[f64]; 3], count: &[u32]) {
        let sums = self.weighted.iter_mut().zip(&mut self.weight).zip(&mut self.plain).zip(&mut self.intervals);
        let cells = count.iter().zip(sum_p).zip(sum_r).zip(sum_d);
        for ((((weighted, weights), plain), intervals), (((count, p), r), d)) in sums.zip(cells) {
            // Signed: vector units convert that directly. Counts end at 2³¹.
            let n = f64::from(*count as i32);
            let present = n.min(1.0);
            let value = (2.0 * outcome * (p - r) - d) / n.max(1.0);
            *weighted += weight * value;
            *weights += weight * present;
            *plain += value;
            *intervals += present;
        }
    }

    /// As [`Columns::add_row`], positive gains divided by the number of `sharers`.
    fn add_row_split(
        &mut self,
        weight: f64,
        outcome: f64,
        [sum_p, sum_r, sum_d]: [&[f64]; 3],
        count: &[u32],
        sharers: &[f64],
    ) {
        let sums = self.weighted.iter_mut().zip(&mut self.weight).zip(&mut self.plain).zip(&mut self.intervals);
        let cells = count.iter().zip(sum_p).zip(sum_r).zip(sum_d).zip(sharers);
        for ((((weighted, weights), plain), intervals), ((((count, p), r), d), sharers)) in sums.zip(cells) {
            let n = f64::from(*count as i32);
            let present = n.min(1.0);
            let gain = (2.0 * outcome * (p - r) - d) / n.max(1.0);
            let value = gain.max(0.0) / sharers + gain.min(0.0);
            *weighted += weight * value;
            *weights += weight * present;
            *plain += value;
            *intervals += present;
        }
    }

    fn means(&self) -> Vec<Option<f64>> {
        let sums = self.weighted.iter().zip(&self.weight).zip(self.plain.iter().zip(&self.intervals));
        let mean = |((weighted, weight), (plain, n)): ((&f64, &f64), (&f64, &f64))| {
            (*n > 0.0).then(|| if *weight > 0.0 { weighted / weight } else { plain / n })
        };
        sums.map(mean).collect()
    }
}

/// Counts equal mean reports of one interval: a hash table by open addressing that is emptied by advancing its round,
/// so that an interval costs no allocation and no clearing.
struct Equals {
    /// `(round, bits of the mean report, miners)`; a power of two of them, few in use, so that most are found at once.
    slots: Vec<(u32, u64, u32)>,
    round: u32,
    /// Each miner's slot in this round.
    places: Vec<usize>,
    sharers: Vec<f64>,
}

impl Equals {
    fn new(miners: usize) -> Self {
        let size = (4 * miners).next_power_of_two().max(2);
        let (places, sharers) = (Vec::with_capacity(miners), Vec::with_capacity(miners));
        Self { slots: vec![(0, 0, 0); size], round: 0, places, sharers }
    }

    /// How many share each miner's mean report, itself included; of miners without reports nothing is said.
    fn count(&mut self, count: &[u32], sum_p: &[f64]) -> &[f64] {
        self.round += 1;
        self.places.clear();
        for (count, sum_p) in count.iter().zip(sum_p) {
            // Without reports: a NaN, which no report is.
            self.push((sum_p / f64::from(*count)).to_bits());
        }
        let slots = &self.slots;
        let sharers = self.places.iter().map(|place| slots.get(*place).map_or(1.0, |slot| f64::from(slot.2)));
        self.sharers.clear();
        self.sharers.extend(sharers);
        &self.sharers
    }

    fn push(&mut self, bits: u64) {
        // Fibonacci hashing: the high bits of the product are well mixed.
        let hash = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let mask = self.slots.len() - 1;
        let mut place = hash as usize & mask;
        while let Some(slot) = self.slots.get_mut(place) {
            if slot.0 != self.round {
                *slot = (self.round, bits, 0);
            }
            if slot.1 == bits {
                slot.2 += 1;
                break;
            }
            place = (place + 1) & mask;
        }
        self.places.push(place);
    }
}

#[cfg(test)]
mod tests {
    use super::Equals;

    #[test]
    fn equal_reports_are_counted_round_by_round() {
        let mut equals = Equals::new(6);
        for shift in 0..50 {
            // Reports of 0.25 (as 1, 2 and 4 answers), 0.5, another one, and one who is silent.
            let other = f64::from(shift) / 64.0 + 0.001;
            let sharers = equals.count(&[1, 2, 1, 0, 1, 4], &[0.25, 0.5, 0.5, 0.0, other, 1.0]);
            assert_eq!((&sharers[..3], &sharers[4..]), (&[3.0, 3.0, 1.0][..], &[1.0, 3.0][..]));
        }
    }

    #[test]
    fn many_distinct_reports_stay_apart() {
        let reports: Vec<f64> = (0..1000).map(|n| f64::from(n / 2) / 500.0).collect();
        assert!(Equals::new(1000).count(&[1; 1000], &reports).iter().all(|n| *n == 2.0));
    }
}
