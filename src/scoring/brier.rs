//! The quadratic gain without a reference, as in summer 2024: kept for those who must agree with old peers.
//!
//! `Σ w (1 − (p̄−o)²) / Σ w − 0.75` over all intervals of the event, p̄ the mean report of the interval, 0 for an
//! interval without a report. 0.75 is what the uninformed report 0.5 gains. The floor at 0 is `clip`'s business.

use super::event::{EventView, Rule};
use super::quadratic::gain;
use super::rules::SubmissionPick;
use super::stats::Report;

/// The gain of a report of 0.5, whatever the outcome.
pub const UNINFORMED: f64 = 0.75;

/// `brier`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Brier {
    /// Which reports count.
    pub submission: SubmissionPick,
}

impl Rule for Brier {
    fn score(&self, event: &EventView<'_>) -> Vec<Option<f64>> {
        let single = |report: &Option<Report>| report.map(|report| gain(report.p, event.outcome) - UNINFORMED);
        match self.submission {
            SubmissionPick::IntervalMean => interval_means(event),
            SubmissionPick::First => event.first.iter().map(single).collect(),
            SubmissionPick::Last => event.last.iter().map(single).collect(),
        }
    }
}

fn interval_means(event: &EventView<'_>) -> Vec<Option<f64>> {
    let (mut sums, mut intervals) = (vec![0.0_f64; event.miners()], vec![0.0_f64; event.miners()]);
    event.each_row(|weight, [sum_p, ..], count| {
        let places = sums.iter_mut().zip(&mut intervals);
        for ((sum, intervals), (count, sum_p)) in places.zip(count.iter().zip(sum_p)) {
            // Signed: vector units convert that directly. Counts end at 2³¹.
            let n = f64::from(*count as i32);
            let present = n.min(1.0);
            *sum += weight * (present * gain(sum_p / n.max(1.0), event.outcome));
            *intervals += present;
        }
    });
    let total: f64 = event.weights.sum();
    let score = |sum: f64| if total > 0.0 { sum / total - UNINFORMED } else { -UNINFORMED };
    sums.into_iter().zip(intervals).map(|(sum, intervals)| (intervals > 0.0).then(|| score(sum))).collect()
}
