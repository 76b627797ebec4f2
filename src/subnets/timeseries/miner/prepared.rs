//! A forecast that is ready before anybody asks.

use crate::market::klines::{Candle, INTERVAL};
use crate::units::UnixMs;

/// Steps made ready beyond those that are asked for: the next closes may come before the next forecast.
pub const SPARE: usize = 24;

/// The closes that follow the last one known.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// When the last known close was.
    pub last_close_at: UnixMs,
    /// It.
    pub last_close: f64,
    /// The closes after it, a candle apart.
    pub path: Vec<f64>,
}

impl Prepared {
    /// `count` closes, the first of them the last one at or before `start`. `None` when they reach beyond what is ready, or
    /// begin before it.
    #[must_use]
    pub fn closes_from(&self, start: UnixMs, count: usize) -> Option<Vec<f64>> {
        let ahead = INTERVAL.floor(start).since(self.last_close_at) / INTERVAL.ms();
        let skipped = usize::try_from(ahead).ok()?;
        let all = std::iter::once(&self.last_close).chain(&self.path);
        let closes: Vec<f64> = all.skip(skipped).take(count).copied().collect();
        (closes.len() == count).then_some(closes)
    }
}

/// Candles without repetitions at the end: those stand for what has not come yet.
#[must_use]
pub fn known(mut samples: Vec<Candle>) -> Vec<Candle> {
    while let [.., before, last] = samples.as_slice()
        && before.open_at == last.open_at
    {
        samples.pop();
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_close_is_the_one_known_at_the_start() {
        let at = |steps: i64| UnixMs(steps * INTERVAL.ms());
        let ready = Prepared { last_close_at: at(10), last_close: 5.0, path: vec![6.0, 7.0, 8.0] };
        assert_eq!(ready.closes_from(at(10).plus_ms(60_000), 2), Some(vec![5.0, 6.0]));
        assert_eq!(ready.closes_from(at(12), 2), Some(vec![7.0, 8.0]));
        assert_eq!(ready.closes_from(at(13), 2), None, "too old");
        assert_eq!(ready.closes_from(at(9), 2), None, "from the future");
    }
}
