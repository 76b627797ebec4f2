//! The quadratic gain without a reference, as in summer 2024: kept for those who must agree with old peers.
//!
//! `Σ w (1 − (p̄−o)²) / Σ w − 0.75` over all intervals of the event, p̄ the mean report of the interval, 0 for an
//! interval without a report. 0.75 is what the uninformed report 0.5 gains. The floor at 0 is `clip`'s business.

use ndarray::Zip;

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
    let mut sums = vec![(0.0_f64, false); event.miners()];
    for ((count, sum_p), weight) in event.count.rows().into_iter().zip(event.sum_p.rows()).zip(event.weights) {
        Zip::from(&mut sums[..]).and(&count).and(&sum_p).for_each(|sum, &count, &sum_p| {
            if count > 0 {
                *sum = (sum.0 + weight * gain(sum_p / f64::from(count), event.outcome), true);
            }
        });
    }
    let total: f64 = event.weights.sum();
    let score = |sum: f64| if total > 0.0 { sum / total - UNINFORMED } else { -UNINFORMED };
    sums.into_iter().map(|(sum, present)| present.then(|| score(sum))).collect()
}
