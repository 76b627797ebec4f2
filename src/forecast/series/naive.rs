//! What needs no model: nothing changes, or it goes on as it went.

use super::{Model, Past, last, log_returns, mean, path};

/// The last close for ever: the yardstick.
#[derive(Debug, Clone, Copy, Default)]
pub struct Persistence;

impl Model for Persistence {
    fn name(&self) -> &'static str {
        "persistence"
    }

    fn window(&self) -> usize {
        1
    }

    fn predict(&self, past: Past<'_>, steps: usize) -> Option<Vec<f64>> {
        Some(vec![*past.closes().last()?; steps])
    }
}

/// The mean step of a window goes on, half of it: the mean of few returns is mostly chance.
#[derive(Debug, Clone, Copy)]
pub struct Drift {
    /// Closes that the mean is taken of.
    pub closes: usize,
    /// The share of it that is believed, `0.0..=1.0`.
    pub belief: f64,
}

impl Default for Drift {
    fn default() -> Self {
        Self { closes: 289, belief: 0.5 }
    }
}

impl Model for Drift {
    fn name(&self) -> &'static str {
        "drift"
    }

    fn window(&self) -> usize {
        self.closes
    }

    fn predict(&self, past: Past<'_>, steps: usize) -> Option<Vec<f64>> {
        let closes = last(past.closes(), self.closes);
        let end = *closes.last()?;
        let step = self.belief * mean(&log_returns(closes));
        path(end, std::iter::repeat_n(step, steps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_changes_or_it_goes_on() {
        let closes = [100.0, 110.0, 121.0];
        assert_eq!(Persistence.predict(Past::of_closes(&closes), 2), Some(vec![121.0, 121.0]));
        let drift = Drift { belief: 1.0, ..Drift::default() }.predict(Past::of_closes(&closes), 2).unwrap();
        assert!((drift[1] - 146.41).abs() < 1e-9, "{drift:?}");
        assert_eq!(Persistence.predict(Past::default(), 2), None);
        assert_eq!(Drift::default().predict(Past::default(), 2), None);
    }
}
