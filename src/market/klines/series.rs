//! A row of candles in order, and what is wrong with one that came from elsewhere.

use std::collections::BTreeMap;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Candle, INTERVAL, Interval, KlineSource, Span};
use crate::market::MarketError;
use crate::market::simulator::normal;
use crate::units::UnixMs;

/// Candles in order of time, each time once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    /// Where they are from, for logs.
    pub name: String,
    candles: Vec<Candle>,
}

/// What is wrong with a row of candles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Integrity {
    /// Candles that can be used.
    pub candles: usize,
    /// Candles missing between the first and the last.
    pub missing: usize,
    /// The longest run of missing ones.
    pub longest_gap: usize,
    /// Times that came more than once; the last one counts.
    pub duplicates: usize,
    /// Candles that came after a later one.
    pub unordered: usize,
    /// Rows that are no candles: prices of zero or less, a low above a high, times off the grid.
    pub unsound: usize,
}

impl Series {
    /// Puts candles in order and says what was wrong with them.
    #[must_use]
    pub fn of(name: &str, found: impl IntoIterator<Item = Candle>) -> (Self, Integrity) {
        let mut integrity = Integrity::default();
        let mut candles: Vec<Candle> = Vec::new();
        let mut latest = None;
        for candle in found {
            if !candle.is_sound() {
                integrity.unsound += 1;
                continue;
            }
            integrity.unordered += usize::from(latest > Some(candle.open_at));
            latest = latest.max(Some(candle.open_at));
            candles.push(candle);
        }
        // Most come as they should be; the sort keeps the order of those of the same time, of which the last one counts.
        candles.sort_by_key(|candle| candle.open_at);
        let found = candles.len();
        candles.reverse();
        candles.dedup_by_key(|candle| candle.open_at);
        candles.reverse();
        integrity.duplicates = found - candles.len();
        integrity.candles = candles.len();
        for pair in candles.windows(2) {
            if let [a, b] = pair {
                let gap = usize::try_from(b.open_at.since(a.open_at) / INTERVAL.ms() - 1).unwrap_or(0);
                integrity.missing += gap;
                integrity.longest_gap = integrity.longest_gap.max(gap);
            }
        }
        (Self { name: name.to_owned(), candles }, integrity)
    }

    /// A price of our own: steps whose size comes in calm and wild spells, drawn from `seed`.
    #[must_use]
    pub fn simulated(seed: u64, from: UnixMs, count: usize) -> Self {
        let from = INTERVAL.floor(from);
        let (mut price, mut spell) = (60_000.0_f64, 0.0_f64);
        let mut candles = Vec::with_capacity(count);
        for step in 0..count as u64 {
            let draw = |what: u64| normal(&[seed, step, what]);
            // Log volatility returns to its mean within half a day or so; a step is a tenth of a percent or so.
            spell = 0.98 * spell + 0.12 * draw(1);
            let size = 0.001 * spell.clamp(-2.0, 2.0).exp();
            let open = price;
            price *= (size * draw(2).clamp(-5.0, 5.0)).exp();
            let wick = |what: u64| 1.0 + 0.3 * size * draw(what).abs();
            candles.push(Candle {
                open_at: from.plus_ms(step as i64 * INTERVAL.ms()),
                open,
                high: open.max(price) * wick(3),
                low: open.min(price) / wick(4),
                close: price,
                volume: 50.0 * (1.0 + draw(5).abs()),
            });
        }
        Self { name: format!("simulated from seed {seed}"), candles }
    }

    /// The candles.
    #[must_use]
    pub fn candles(&self) -> &[Candle] {
        &self.candles
    }

    /// From the first candle to the last; `None` when there is none.
    #[must_use]
    pub fn span(&self) -> Option<Span> {
        let (first, last) = (self.candles.first()?, self.candles.last()?);
        Some(Span { from: first.open_at, until: last.closes_at() })
    }

    /// The candles that opened within `span`.
    #[must_use]
    pub fn within(&self, span: Span) -> &[Candle] {
        let begin = self.candles.partition_point(|candle| candle.open_at < span.from);
        let end = self.candles.partition_point(|candle| candle.open_at < span.until);
        self.candles.get(begin..end).unwrap_or_default()
    }

    /// The spans of whole hours and days that lack a candle, merged: what to fetch to mend it.
    #[must_use]
    pub fn gaps(&self) -> Vec<Span> {
        let gap = |pair: &[Candle]| match pair {
            [a, b] if b.open_at > a.closes_at() => Some(Span { from: a.closes_at(), until: b.open_at }),
            _ => None,
        };
        self.candles.windows(2).filter_map(gap).collect()
    }

    /// The same, `by` later.
    #[must_use]
    pub fn moved(mut self, by: i64) -> Self {
        let by = by - by.rem_euclid(INTERVAL.ms());
        for candle in &mut self.candles {
            candle.open_at = candle.open_at.plus_ms(by);
        }
        self
    }
}

/// The length between most neighbours; `None` of fewer than two times.
#[must_use]
pub fn step_of(times: impl Iterator<Item = UnixMs>) -> Option<Interval> {
    let times: Vec<UnixMs> = times.collect();
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for pair in times.windows(2) {
        if let [a, b] = pair {
            *counts.entry(b.since(*a).abs()).or_default() += 1;
        }
    }
    let (step, _) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    (step > 0).then_some(Interval(step))
}

/// A series is a source that needs no network.
impl KlineSource for Series {
    fn name(&self) -> &'static str {
        "recorded"
    }

    fn candles(&self, span: Span) -> BoxFuture<'_, Result<Vec<Candle>, MarketError>> {
        async move { Ok(self.within(span).to_vec()) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_counted_and_mended_as_far_as_it_goes() {
        let good = Series::simulated(1, UnixMs(0), 10).candles;
        let mut broken = vec![good[3], good[0], good[1], good[3], good[7]];
        broken.push(Candle { close: 0.0, ..good[8] });
        broken.push(Candle { open_at: UnixMs(17), ..good[8] });
        let (series, integrity) = Series::of("x", broken);
        let expected = Integrity { candles: 4, missing: 4, longest_gap: 3, duplicates: 1, unordered: 2, unsound: 2 };
        assert_eq!(integrity, expected);
        assert_eq!(series.gaps().iter().map(Span::count).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(step_of(good.iter().map(|candle| candle.open_at)), Some(INTERVAL));
    }

    #[test]
    fn a_simulated_price_is_sound_and_the_same_for_the_same_seed() {
        let series = Series::simulated(7, UnixMs(1_767_225_600_000), 9000);
        assert!(series.candles.iter().all(Candle::is_sound));
        assert_eq!(Series::of("x", series.candles.clone()).1.missing, 0);
        assert_eq!(series, Series::simulated(7, UnixMs(1_767_225_600_000), 9000));
        let returns: Vec<f64> = series.candles.windows(2).map(|p| (p[1].close / p[0].close).ln()).collect();
        let deviation = (returns.iter().map(|r| r * r).sum::<f64>() / returns.len() as f64).sqrt();
        assert!((0.0005..0.003).contains(&deviation), "{deviation}");
    }
}
