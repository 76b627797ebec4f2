//! Returns that follow from the returns before.

use super::{Model, Past, last, log_returns, path, solve};

/// An autoregression of the returns about zero, by the normal equations of a window; returns are weighed by the size of those
/// around them, so that a wild hour does not decide about calm days.
#[derive(Debug, Clone, PartialEq)]
pub struct Autoregression {
    /// Returns that one follows from.
    pub order: usize,
    /// Closes that it is fitted to.
    pub closes: usize,
    /// Added to the diagonal, as a share of it: a coefficient that is hardly more than chance becomes small.
    pub shrinkage: f64,
    /// What it was fitted to beforehand, the return just before first; without, each forecast fits its own window.
    pub coefficients: Option<Vec<f64>>,
}

impl Default for Autoregression {
    fn default() -> Self {
        Self { order: 3, closes: 577, shrinkage: 0.2, coefficients: None }
    }
}

impl Model for Autoregression {
    fn name(&self) -> &'static str {
        "ar"
    }

    fn window(&self) -> usize {
        self.closes
    }

    fn predict(&self, past: Past<'_>, steps: usize) -> Option<Vec<f64>> {
        let closes = last(past.closes(), self.closes);
        let end = *closes.last()?;
        let returns = log_returns(closes);
        if returns.len() < 20 * self.order.max(1) {
            return None;
        }
        let own = || self.fit(&scaled(&returns)).unwrap_or_else(|| vec![0.0; self.order]);
        let coefficients = self.coefficients.as_ref().map_or_else(own, Clone::clone);
        let mut recent: Vec<f64> = returns.iter().rev().take(self.order).copied().collect();
        let next = |_| {
            let step = coefficients.iter().zip(&recent).map(|(c, r)| c * r).sum::<f64>();
            recent.rotate_right(1);
            if let Some(first) = recent.first_mut() {
                *first = step;
            }
            // What explodes says nothing; a tenth in one step is beyond any day of this price.
            step.clamp(-0.1, 0.1)
        };
        path(end, (0..steps).map(next))
    }
}

impl Autoregression {
    /// The same, fitted to all of `closes` once and for all; `None` when these say nothing.
    #[must_use]
    pub fn fitted(self, closes: &[f64]) -> Option<Self> {
        let coefficients = self.fit(&scaled(&log_returns(closes)))?;
        Some(Self { coefficients: Some(coefficients), ..self })
    }

    /// Coefficients, of the return just before first.
    fn fit(&self, returns: &[f64]) -> Option<Vec<f64>> {
        let order = self.order;
        let covariance = |lag: usize| returns.iter().zip(returns.iter().skip(lag)).map(|(a, b)| a * b).sum::<f64>();
        let by_lag: Vec<f64> = (0..=order).map(covariance).collect();
        let of = |lag: usize| by_lag.get(lag).copied().unwrap_or(0.0);
        let row = |i: usize| {
            let cell = |j: usize| if i == j { of(0) * (1.0 + self.shrinkage) } else { of(i.abs_diff(j)) };
            (0..order).map(cell).collect()
        };
        solve((0..order).map(row).collect(), (1..=order).map(of).collect())
    }
}

/// Returns divided by a moving mean of their size.
fn scaled(returns: &[f64]) -> Vec<f64> {
    let typical = returns.iter().map(|r| r.abs()).sum::<f64>() / returns.len().max(1) as f64;
    let mut size = typical;
    let of = |r: &f64| {
        let scaled = if size > 0.0 { r / size } else { 0.0 };
        size = (0.97 * size + 0.03 * r.abs()).max(0.05 * typical);
        scaled
    };
    returns.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::simulator::uniform;

    #[test]
    fn a_planted_rhythm_is_found() {
        // Each return is minus half of the one before, and chance.
        let mut closes = vec![100.0];
        let mut step = 0.0;
        for i in 0..500_u64 {
            step = -0.5 * step + 0.001 * (uniform(&[7, i]) - 0.5);
            closes.push(closes.last().unwrap() * f64::exp(step));
        }
        let model = Autoregression { order: 1, shrinkage: 0.0, ..Autoregression::default() };
        let coefficient = model.fit(&scaled(&log_returns(&closes))).unwrap()[0];
        assert!((-0.62..-0.38).contains(&coefficient), "{coefficient}");
        let next = model.predict(Past::of_closes(&closes), 1).unwrap()[0];
        assert_eq!((next - closes.last().unwrap()).signum(), -step.signum());
        assert_eq!(model.predict(Past::of_closes(&closes[..10]), 1), None, "too few to know");
    }
}
