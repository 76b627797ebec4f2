//! Exponential smoothing of level and trend (Holt), with a trend that fades (Gardner and McKenzie 1985).

use super::{Model, Past, last};

/// See the module. Works on the logarithm of the price.
#[derive(Debug, Clone, Copy)]
pub struct Holt {
    /// Closes looked at.
    pub closes: usize,
    /// The share of a new close in the level.
    pub level: f64,
    /// The share of a new step in the trend.
    pub trend: f64,
    /// What is left of the trend after each step.
    pub fading: f64,
}

impl Default for Holt {
    fn default() -> Self {
        Self { closes: 289, level: 0.9, trend: 0.02, fading: 0.9 }
    }
}

impl Model for Holt {
    fn name(&self) -> &'static str {
        "holt"
    }

    fn window(&self) -> usize {
        self.closes
    }

    fn predict(&self, past: Past<'_>, steps: usize) -> Option<Vec<f64>> {
        let mut logs = last(past.closes(), self.closes).iter().map(|close| close.ln());
        let (mut level, mut trend) = (logs.next()?, 0.0);
        for log in logs {
            let before = level;
            level = self.level * log + (1.0 - self.level) * (level + self.fading * trend);
            trend = self.trend * (level - before) + (1.0 - self.trend) * self.fading * trend;
        }
        let mut part = 1.0;
        let next = |_| {
            part *= self.fading;
            level += part * trend;
            level.exp()
        };
        let path: Vec<f64> = (0..steps).map(next).collect();
        path.iter().all(|price| price.is_finite() && *price > 0.0).then_some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_goes_on_and_fades() {
        let closes: Vec<f64> = (0..200).map(|i| 100.0 * f64::exp(0.001 * f64::from(i))).collect();
        let said = Holt { trend: 0.3, ..Holt::default() }.predict(Past::of_closes(&closes), 100).unwrap();
        let end = *closes.last().unwrap();
        assert!(said[0] > end && said[99] > said[0]);
        assert!(said[99] - said[98] < 0.01 * (said[1] - said[0]), "it fades");
        let flat = Holt::default().predict(Past::of_closes(&[5.0; 50]), 10).unwrap();
        assert!(flat.iter().all(|price| (price - 5.0).abs() < 1e-12));
    }
}
