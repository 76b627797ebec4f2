//! The main rule: a miner's quadratic improvement on the market price of the moment each report arrived.
//!
//! Every interval in which the miner reported counts with the plain mean of its reports, so that one answer is enough,
//! and answering every minute does not multiply the score.

use std::collections::HashMap;

use ndarray::Zip;

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
    let mut equals: HashMap<u64, f64> = HashMap::with_capacity(event.miners());
    let rows = event.count.rows().into_iter().zip(event.sum_p.rows()).zip(event.sum_r.rows()).zip(event.sum_d.rows());
    for ((((count, sum_p), sum_r), sum_d), weight) in rows.zip(event.weights) {
        let report = |count: u32, sum_p: f64| (sum_p / f64::from(count)).to_bits();
        equals.clear();
        for (&count, &sum_p) in count.iter().zip(sum_p).filter(|(count, _)| **count > 0) {
            *equals.entry(report(count, sum_p)).or_default() += 1.0;
        }
        Zip::from(&mut sums[..]).and(&count).and(&sum_p).and(&sum_r).and(&sum_d).for_each(
            |sums, &count, &sum_p, &sum_r, &sum_d| {
                if count > 0 {
                    let value = mean_delta(count, sum_p, sum_r, sum_d, event.outcome);
                    let sharers = equals.get(&report(count, sum_p)).copied().unwrap_or(1.0);
                    sums.add(*weight, if value > 0.0 { value / sharers } else { value });
                }
            },
        );
    }
    sums.iter().map(Sums::mean).collect()
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
