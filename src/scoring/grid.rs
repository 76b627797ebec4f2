//! The interval grid: equal intervals counted from 2024-01-01T00:00Z, and how much each weighs.

use super::rules::IntervalWeight;
use crate::units::UnixMs;

/// Where the grid starts: 2024-01-01T00:00:00Z.
pub const ORIGIN: UnixMs = UnixMs(1_704_067_200_000);

const MINUTE_MS: i64 = 60_000;

/// Intervals of equal length, counted from [`ORIGIN`]; times before it have negative indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    interval_ms: i64,
}

impl Grid {
    /// Intervals of `minutes` (0 is read as 1).
    #[must_use]
    pub const fn of_minutes(minutes: u32) -> Self {
        Self { interval_ms: if minutes == 0 { 1 } else { minutes as i64 } * MINUTE_MS }
    }

    /// The interval that holds `t`.
    #[must_use]
    pub const fn index(self, t: UnixMs) -> i64 {
        t.since(ORIGIN).div_euclid(self.interval_ms)
    }

    /// When interval `index` starts; saturates.
    #[must_use]
    pub const fn start(self, index: i64) -> UnixMs {
        ORIGIN.plus_ms(index.saturating_mul(self.interval_ms))
    }

    /// The number of intervals that `[opened, close)` touches; 0 when it is empty.
    #[must_use]
    pub const fn touched(self, opened: UnixMs, close: UnixMs) -> i64 {
        if close.0 <= opened.0 { 0 } else { self.index(close.plus_ms(-1)) - self.index(opened) + 1 }
    }
}

/// Whole minutes since [`ORIGIN`], rounded down: the time unit of the 2025 reference.
#[must_use]
pub const fn minutes_since_origin(t: UnixMs) -> i64 {
    t.since(ORIGIN).div_euclid(MINUTE_MS)
}

/// The weights of `n` intervals, oldest first.
#[must_use]
pub fn interval_weights(scheme: IntervalWeight, power: f64, n: usize) -> Vec<f64> {
    (0..n).map(|j| interval_weight(scheme, power, j, n)).collect()
}

fn interval_weight(scheme: IntervalWeight, power: f64, j: usize, n: usize) -> f64 {
    let exponential = || (1.0 - n as f64 / (n - j) as f64).exp();
    match scheme {
        IntervalWeight::Uniform => 1.0,
        IntervalWeight::Exponential => exponential(),
        IntervalWeight::ExponentialFlat2 if j < 2 => 1.0,
        IntervalWeight::ExponentialFlat2 => exponential(),
        IntervalWeight::Power if n == 1 => 1.0,
        IntervalWeight::Power => 1.0 - (j as f64 / (n - 1) as f64).powf(power),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_is_anchored_and_half_open() {
        let grid = Grid::of_minutes(240);
        assert_eq!(grid.index(ORIGIN), 0);
        assert_eq!(grid.index(ORIGIN.plus_ms(-1)), -1);
        assert_eq!(grid.start(1), ORIGIN.plus_ms(4 * 3_600_000));
        assert_eq!(grid.touched(ORIGIN, grid.start(1)), 1);
        assert_eq!(grid.touched(ORIGIN, grid.start(1).plus_ms(1)), 2);
        assert_eq!(grid.touched(ORIGIN, ORIGIN), 0);
    }

    #[test]
    fn the_stationary_weights_of_the_2024_scheme() {
        let weights = interval_weights(IntervalWeight::Exponential, 2.0, 6);
        for (weight, expected) in weights.iter().zip([1.0, 0.82, 0.61, 0.37, 0.14, 0.0067]) {
            assert!((weight - expected).abs() < 0.005, "{weight} against {expected}");
        }
    }
}
