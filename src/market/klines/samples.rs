//! From candles to samples at given times.
//!
//! The sample at time t merges the candles that closed after t − interval and until t: close and open of the ends, highest
//! high, lowest low, sum of volumes. What a sample is whose candles are missing, [`Gap`] says.

use super::{Candle, INTERVAL, Interval, Span};
use crate::units::UnixMs;

/// Times at which samples are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// The first.
    pub first: UnixMs,
    /// Between two of them.
    pub every: Interval,
    /// How many.
    pub count: usize,
}

/// What stands where candles are missing; at the end, where nothing follows, always the sample before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// The sample before: what was known then. For models.
    Before,
    /// The next candle, as the reference's vectors have it. For what happened.
    After,
}

/// Under [`Gap::After`] the first sample may be so many candles late: an hour.
const LATE: i64 = 12;

/// The first sample is missing, so that there is nothing to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no candle closed about {}", .0.0)]
pub struct NoFirst(pub UnixMs);

impl Times {
    /// `count` times from `first` on, a candle apart.
    #[must_use]
    pub const fn candles(first: UnixMs, count: usize) -> Self {
        Self { first, every: INTERVAL, count }
    }

    /// The time number `index`.
    #[must_use]
    pub fn at(&self, index: usize) -> UnixMs {
        self.first.plus_ms(self.every.ms().saturating_mul(i64::try_from(index).unwrap_or(i64::MAX)))
    }

    /// The open times of the candles that are needed.
    #[must_use]
    pub fn span(&self) -> Span {
        let last = self.at(self.count.saturating_sub(1));
        // Closed until t: opened an interval before at the latest.
        let until = INTERVAL.floor(last);
        let from = INTERVAL.floor(self.first.plus_ms(-self.every.ms()));
        Span { from, until: until.max(from) }
    }

    /// The samples out of `candles`, which are in order of time.
    ///
    /// # Errors
    /// [`NoFirst`]; also when nothing was asked for.
    pub fn sample(&self, candles: &[Candle], gap: Gap) -> Result<Vec<Candle>, NoFirst> {
        let mut samples: Vec<Candle> = Vec::with_capacity(self.count);
        let before_all = self.first.plus_ms(-self.every.ms());
        let mut end = candles.partition_point(|candle| candle.closes_at() <= before_all);
        for index in 0..self.count {
            let at = self.at(index);
            // A sample begins where the one before ended.
            let begin = end;
            end += candles.iter().skip(begin).take_while(|candle| candle.closes_at() <= at).count();
            let merged = candles.get(begin..end).and_then(merge);
            let before = samples.last().copied();
            let next = candles.get(end).copied().filter(|next| {
                gap == Gap::After && (before.is_some() || next.closes_at().since(at) <= LATE * INTERVAL.ms())
            });
            match merged.or(next).or(before) {
                Some(sample) => samples.push(sample),
                None => return Err(NoFirst(at)),
            }
        }
        Ok(samples)
    }
}

/// Several candles as one; `None` of none.
#[must_use]
pub fn merge(candles: &[Candle]) -> Option<Candle> {
    let (first, last) = (candles.first()?, candles.last()?);
    Some(Candle {
        open_at: first.open_at,
        open: first.open,
        high: candles.iter().fold(first.high, |high, candle| high.max(candle.high)),
        low: candles.iter().fold(first.low, |low, candle| low.min(candle.low)),
        close: last.close,
        volume: candles.iter().map(|candle| candle.volume).sum(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candle(step: i64, close: f64) -> Candle {
        let open_at = UnixMs(step * INTERVAL.ms());
        Candle { open_at, open: close, high: close + 1.0, low: close - 1.0, close, volume: 1.0 }
    }

    #[test]
    fn a_gap_is_filled_as_told_and_a_missing_beginning_is_an_error() {
        let times = Times::candles(UnixMs(11 * INTERVAL.ms() + 60_000), 4);
        assert_eq!(times.span(), Span { from: UnixMs(10 * INTERVAL.ms()), until: UnixMs(14 * INTERVAL.ms()) });
        let filled = |candles: &[Candle], gap| {
            times.sample(candles, gap).map(|samples| samples.iter().map(|sample| sample.close).collect::<Vec<_>>())
        };
        let closes = |candles: &[Candle]| filled(candles, Gap::Before);
        let whole: Vec<Candle> = (10..14).map(|step| candle(step, step as f64)).collect();
        assert_eq!(closes(&whole), Ok(vec![10.0, 11.0, 12.0, 13.0]));
        assert_eq!(closes(&[candle(10, 10.0), candle(13, 13.0)]), Ok(vec![10.0, 10.0, 10.0, 13.0]));
        assert_eq!(closes(&[candle(11, 11.0)]), Err(NoFirst(times.first)));
        let gap = [candle(11, 11.0), candle(13, 13.0)];
        assert_eq!(filled(&gap, Gap::After), Ok(vec![11.0, 11.0, 13.0, 13.0]));
        assert_eq!(filled(&[candle(10, 10.0)], Gap::After), Ok(vec![10.0; 4]), "nothing follows");
        assert_eq!(filled(&[candle(30, 30.0)], Gap::After), Err(NoFirst(times.first)));
    }

    #[test]
    fn candles_between_two_samples_are_merged() {
        let times = Times { first: UnixMs(3 * INTERVAL.ms()), every: Interval::minutes(15), count: 1 };
        let candles: Vec<Candle> = [5.0, 9.0, 7.0].iter().zip(0..).map(|(close, step)| candle(step, *close)).collect();
        let sample = times.sample(&candles, Gap::Before).unwrap()[0];
        assert_eq!((sample.open, sample.high, sample.low, sample.close, sample.volume), (5.0, 10.0, 4.0, 7.0, 3.0));
    }
}
