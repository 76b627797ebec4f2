//! Sums over the answers of one interval, from which their loss and gain follow for any outcome.

use std::ops::AddAssign;

use serde::Serialize;

/// See the module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Tally {
    /// Answers.
    pub answers: u64,
    /// Σ p over them.
    pub sum_p: f64,
    /// Σ p².
    pub sum_p2: f64,
    /// Answers at whose time a price r was known.
    pub priced: u64,
    /// Σ p over those.
    pub priced_p: f64,
    /// Σ p² over those.
    pub priced_p2: f64,
    /// Σ r.
    pub sum_r: f64,
    /// Σ r².
    pub sum_r2: f64,
}

impl Tally {
    /// Adds one answer, with the price of its moment.
    pub fn add(&mut self, p: f64, price: Option<f64>) {
        self.answers += 1;
        self.sum_p += p;
        self.sum_p2 += p * p;
        if let Some(r) = price {
            self.priced += 1;
            self.priced_p += p;
            self.priced_p2 += p * p;
            self.sum_r += r;
            self.sum_r2 += r * r;
        }
    }

    /// The mean quadratic loss of the answers under `outcome`; `None` without any.
    #[must_use]
    pub fn loss(&self, outcome: f64) -> Option<f64> {
        loss(self.answers, self.sum_p, self.sum_p2, outcome)
    }

    /// The same of the price, over the answers that have one.
    #[must_use]
    pub fn price_loss(&self, outcome: f64) -> Option<f64> {
        loss(self.priced, self.sum_r, self.sum_r2, outcome)
    }

    /// By how much the answers that have a price are better than it: what `market_delta` pays for.
    #[must_use]
    pub fn gain(&self, outcome: f64) -> Option<f64> {
        Some(self.price_loss(outcome)? - loss(self.priced, self.priced_p, self.priced_p2, outcome)?)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.answers += other.answers;
        self.sum_p += other.sum_p;
        self.sum_p2 += other.sum_p2;
        self.priced += other.priced;
        self.priced_p += other.priced_p;
        self.priced_p2 += other.priced_p2;
        self.sum_r += other.sum_r;
        self.sum_r2 += other.sum_r2;
    }
}

/// The mean of (x − o)², from n, Σ x and Σ x².
fn loss(n: u64, sum: f64, squares: f64, outcome: f64) -> Option<f64> {
    (n > 0).then(|| squares / n as f64 - 2.0 * outcome * sum / n as f64 + outcome * outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::{IntervalStats, Report};
    use crate::units::UnixMs;

    #[test]
    fn sums_give_the_loss_and_the_gain_of_the_rule_that_pays() {
        let answers = [(0.9, Some(0.6)), (0.2, Some(0.61)), (0.5, None)];
        let mut tally = Tally::default();
        answers.iter().for_each(|(p, r)| tally.add(*p, *r));
        let priced = || answers.iter().filter_map(|(p, r)| Some(Report { t: UnixMs(0), p: *p, r: (*r)? }));
        let mut stats = IntervalStats::of(priced().next().unwrap());
        priced().skip(1).for_each(|report| stats.add(report));
        for o in [0.0, 0.5, 1.0] {
            let plain = answers.iter().map(|(p, _)| (p - o) * (p - o)).sum::<f64>() / 3.0;
            assert!((tally.loss(o).unwrap() - plain).abs() < 1e-12);
            assert!((tally.gain(o).unwrap() - stats.mean_delta(o)).abs() < 1e-12);
        }
        assert_eq!((Tally::default().loss(1.0), Tally::default().gain(1.0)), (None, None));
    }
}
