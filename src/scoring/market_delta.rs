//! The main rule: a miner's quadratic improvement on the market price of the moment each report arrived.
//!
//! Every interval in which the miner reported counts with the plain mean of its reports, so that one answer is enough,
//! and answering every minute does not multiply the score.

use super::event::{EventView, Rule};
use super::quadratic::delta;
use super::rules::{Duplicates, SubmissionPick};
use super::stats::{Report, mean_delta};

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
    let rows = event.count.rows().into_iter().zip(event.sum_p.rows()).zip(event.sum_r.rows()).zip(event.sum_d.rows());
    for ((((count, sum_p), sum_r), sum_d), weight) in rows.zip(event.weights) {
        match (count.as_slice(), sum_p.as_slice(), sum_r.as_slice(), sum_d.as_slice()) {
            (Some(count), Some(p), Some(r), Some(d)) => sums.add_row(*weight, event.outcome, [p, r, d], count),
            // A view that is not contiguous: copy the row.
            _ => sums.add_row(
                *weight,
                event.outcome,
                [&sum_p.to_vec(), &sum_r.to_vec(), &sum_d.to_vec()],
                &count.to_vec(),
            ),
        }
    }
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

    fn means(&self) -> Vec<Option<f64>> {
        let sums = self.weighted.iter().zip(&self.weight).zip(self.plain.iter().zip(&self.intervals));
        let mean = |((weighted, weight), (plain, n)): ((&f64, &f64), (&f64, &f64))| {
            (*n > 0.0).then(|| if *weight > 0.0 { weighted / weight } else { plain / n })
        };
        sums.map(mean).collect()
    }
}

/// As [`interval_means`], with a positive mean divided by the number of miners whose mean report in that interval is
/// equal to the last bit.
fn interval_means_split(event: &EventView<'_>) -> Vec<Option<f64>> {
    let mut sums = vec![Sums::default(); event.miners()];
    let mut equals = Equals::new(event.miners());
    let rows = event.count.rows().into_iter().zip(event.sum_p.rows()).zip(event.sum_r.rows()).zip(event.sum_d.rows());
    for ((((count, sum_p), sum_r), sum_d), weight) in rows.zip(event.weights) {
        equals.clear();
        count.iter().zip(sum_p).for_each(|(count, sum_p)| equals.push(*count, *sum_p));
        let cells = sums.iter_mut().zip(&count).zip(&sum_p).zip(&sum_r).zip(&sum_d).zip(equals.sharers());
        for (((((sums, &count), &sum_p), &sum_r), &sum_d), sharers) in cells {
            if count > 0 {
                let value = mean_delta(count, sum_p, sum_r, sum_d, event.outcome);
                sums.add(*weight, if value > 0.0 { value / f64::from(sharers) } else { value });
            }
        }
    }
    sums.iter().map(Sums::mean).collect()
}

/// Counts equal mean reports of one interval: a hash table by open addressing that is emptied by advancing its round,
/// so that an interval costs no allocation and no clearing.
struct Equals {
    /// `(round, bits of the mean report, miners)`; a power of two of them, at most half in use.
    slots: Vec<(u32, u64, u32)>,
    round: u32,
    /// Each miner's slot in this round.
    places: Vec<usize>,
}

impl Equals {
    fn new(miners: usize) -> Self {
        let size = (2 * miners).next_power_of_two().max(2);
        Self { slots: vec![(0, 0, 0); size], round: 0, places: Vec::with_capacity(miners) }
    }

    fn clear(&mut self) {
        self.round += 1;
        self.places.clear();
    }

    /// The next miner's reports.
    fn push(&mut self, count: u32, sum_p: f64) {
        if count == 0 {
            return self.places.push(usize::MAX);
        }
        let bits = (sum_p / f64::from(count)).to_bits();
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

    /// How many share each miner's report, itself included; 1 for a miner without reports.
    fn sharers(&self) -> impl Iterator<Item = u32> {
        self.places.iter().map(|place| self.slots.get(*place).map_or(1, |slot| slot.2))
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    weighted: f64,
    weight: f64,
    plain: f64,
    intervals: u32,
}

impl Sums {
    fn add(&mut self, weight: f64, value: f64) {
        self.weighted += weight * value;
        self.weight += weight;
        self.plain += value;
        self.intervals += 1;
    }

    fn mean(&self) -> Option<f64> {
        let plain = || self.plain / f64::from(self.intervals);
        (self.intervals > 0).then(|| if self.weight > 0.0 { self.weighted / self.weight } else { plain() })
    }
}

#[cfg(test)]
mod tests {
    use super::Equals;

    #[test]
    fn equal_reports_are_counted_round_by_round() {
        let mut equals = Equals::new(6);
        for shift in 0..50 {
            // Reports of 0.25 (as 1 and as 2 answers), 0.5, another one, and one who is silent.
            let other = f64::from(shift) / 64.0 + 0.001;
            equals.clear();
            for (count, sum_p) in [(1, 0.25), (2, 0.5), (1, 0.5), (0, 0.0), (1, other), (4, 1.0)] {
                equals.push(count, sum_p);
            }
            assert_eq!(equals.sharers().collect::<Vec<_>>(), [3, 3, 1, 1, 1, 3]);
        }
    }

    #[test]
    fn many_distinct_reports_stay_apart() {
        let mut equals = Equals::new(1000);
        equals.clear();
        (0..1000).for_each(|n| equals.push(1, f64::from(n / 2) / 500.0));
        assert!(equals.sharers().all(|n| n == 2));
    }
}
