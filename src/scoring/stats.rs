//! Sufficient statistics: what is kept of any number of reports of one miner in one interval.
//!
//! The gain of report `p` against price `r` is `2o(p−r) − (p²−r²)`, linear in three sums, so that the exact interval
//! mean follows for any outcome, however many reports there were.

use serde::{Deserialize, Serialize};

use crate::units::UnixMs;

/// One report with the price in force when it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// When the complete answer arrived.
    pub t: UnixMs,
    /// The reported probability, in `0..=1`.
    pub p: f64,
    /// The reference price, in `0..=1`.
    pub r: f64,
}

/// The reports of one miner on one event in one interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct IntervalStats {
    /// Number of reports, at least 1.
    pub count: u32,
    /// Σ p.
    pub sum_p: f64,
    /// Σ r.
    pub sum_r: f64,
    /// Σ (p² − r²).
    pub sum_p2_minus_r2: f64,
    /// The earliest report; of several at the same time the one that arrived first.
    pub first: Report,
    /// The latest report; of several at the same time the one that arrived last.
    pub last: Report,
}

impl IntervalStats {
    /// The statistics of one report.
    #[must_use]
    pub fn of(report: Report) -> Self {
        let Report { p, r, .. } = report;
        Self { count: 1, sum_p: p, sum_r: r, sum_p2_minus_r2: square_difference(p, r), first: report, last: report }
    }

    /// Adds a report that arrived after those already in here (its time may be earlier). Saturates at 2³¹ − 1 reports.
    pub fn add(&mut self, report: Report) {
        if self.count >= i32::MAX as u32 {
            return;
        }
        self.count += 1;
        self.sum_p += report.p;
        self.sum_r += report.r;
        self.sum_p2_minus_r2 += square_difference(report.p, report.r);
        if report.t < self.first.t {
            self.first = report;
        }
        if report.t >= self.last.t {
            self.last = report;
        }
    }

    /// The mean improvement on the price over the reports of the interval, under outcome `o`; in `−1..=1`.
    #[must_use]
    pub fn mean_delta(&self, o: f64) -> f64 {
        mean_delta(self.count, self.sum_p, self.sum_r, self.sum_p2_minus_r2, o)
    }

    /// The mean report.
    #[must_use]
    pub fn mean_p(&self) -> f64 {
        self.sum_p / f64::from(self.count)
    }

    /// The mean reference price.
    #[must_use]
    pub fn mean_r(&self) -> f64 {
        self.sum_r / f64::from(self.count)
    }
}

/// `(2o(Σp − Σr) − Σ(p²−r²)) / n`.
#[must_use]
fn mean_delta(count: u32, sum_p: f64, sum_r: f64, sum_d: f64, o: f64) -> f64 {
    (2.0 * o * (sum_p - sum_r) - sum_d) / f64::from(count)
}

/// `p² − r²`, exactly 0 for equal arguments and exactly antisymmetric.
fn square_difference(p: f64, r: f64) -> f64 {
    (p - r) * (p + r)
}

#[cfg(test)]
mod tests {
    use super::super::quadratic::delta;
    use super::*;

    fn report(t: i64, p: f64, r: f64) -> Report {
        Report { t: UnixMs(t), p, r }
    }

    #[test]
    fn the_mean_is_that_of_the_single_gains() {
        let reports = [report(1, 0.9, 0.6), report(2, 0.2, 0.61), report(3, 0.0, 1.0)];
        let mut stats = IntervalStats::of(reports[0]);
        reports[1..].iter().for_each(|r| stats.add(*r));
        for o in [0.0, 0.5, 1.0] {
            let plain = reports.iter().map(|x| delta(x.p, x.r, o)).sum::<f64>() / 3.0;
            assert!((stats.mean_delta(o) - plain).abs() < 1e-15);
        }
    }

    #[test]
    fn first_and_last_follow_time_then_arrival() {
        let mut stats = IntervalStats::of(report(5, 0.1, 0.5));
        stats.add(report(5, 0.2, 0.5));
        assert_eq!((stats.first.p, stats.last.p), (0.1, 0.2));
        stats.add(report(4, 0.3, 0.5));
        assert_eq!((stats.first.p, stats.last.p), (0.3, 0.2));
    }

    #[test]
    fn a_copy_of_the_price_gains_exactly_nothing() {
        let mut stats = IntervalStats::of(report(0, 0.3, 0.3));
        (1..1000).for_each(|t| stats.add(report(t, 0.3, 0.3)));
        assert_eq!(stats.mean_delta(1.0), 0.0);
    }
}
