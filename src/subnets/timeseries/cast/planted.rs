//! Miners that know a part of what will happen.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::cheats::Trick;
use crate::forecast::series::Strategy;
use crate::market::klines::samples::{Gap, Times};
use crate::market::klines::series::Series;
use crate::market::klines::{Candle, INTERVAL};
use crate::market::simulator::uniform;

/// How much a skill varies from forecast to forecast, up or down.
const VARIES: f64 = 0.05;

/// A miner with a known skill.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seasoned {
    pub(super) name: &'static str,
    /// Its mean share of a request; also its rank.
    pub(super) expected_share: f64,
    pub(super) how: How,
}

/// A way to answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    /// Goes this share of the way from the last close to what will be; below 0 the other way.
    Skilled(f64),
    /// The last close for ever.
    Persists,
    /// Breaks the rules.
    Cheat(Trick),
}

/// Best first. With errors of 0.1, 0.3, 0.5, 0.7, 1 and 1.5 times that of persistence, the shares follow from the rule: the
/// worst has none. Those that cheat have none either.
pub(super) const CAST: [Seasoned; 9] = [
    Seasoned { name: "sharp", expected_share: 0.2857, how: How::Skilled(0.9) },
    Seasoned { name: "good", expected_share: 0.2449, how: How::Skilled(0.7) },
    Seasoned { name: "fair", expected_share: 0.2041, how: How::Skilled(0.5) },
    Seasoned { name: "faint", expected_share: 0.1633, how: How::Skilled(0.3) },
    Seasoned { name: "naive", expected_share: 0.102, how: How::Persists },
    Seasoned { name: "contrary", expected_share: 0.0, how: How::Skilled(-0.5) },
    Seasoned { name: "liar", expected_share: 0.0, how: How::Cheat(Trick::OtherNumbers) },
    Seasoned { name: "late", expected_share: 0.0, how: How::Cheat(Trick::Late) },
    Seasoned { name: "copier", expected_share: 0.0, how: How::Cheat(Trick::Copies) },
];

/// Knows the series that is played.
pub(super) struct Planted {
    pub(super) series: Arc<Series>,
    pub(super) skill: f64,
    pub(super) seed: u64,
}

impl Strategy for Planted {
    fn name(&self) -> &'static str {
        "planted"
    }

    fn window(&self) -> usize {
        2
    }

    fn closes_after<'a>(&'a self, candles: &'a [Candle], steps: usize) -> BoxFuture<'a, Result<Vec<f64>, String>> {
        let said = || {
            let last = candles.last().ok_or("no candles")?;
            let next = Times::candles(last.closes_at().plus_ms(INTERVAL.ms()), steps);
            let future = next.sample(self.series.within(next.span()), Gap::After);
            // A gap at the beginning, or the end of the recording.
            let future = future.unwrap_or_else(|_| vec![*last; steps]);
            let chance = uniform(&[self.seed, last.open_at.0.cast_unsigned()]);
            let skill = self.skill + VARIES * (2.0 * chance - 1.0);
            Ok(future.iter().map(|candle| last.close + skill * (candle.close - last.close)).collect())
        };
        let said = said();
        async move { said }.boxed()
    }
}
