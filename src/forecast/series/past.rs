//! What a model sees.

use crate::market::klines::Candle;

/// What is known at the time of a forecast: closes (positive, oldest first, a step apart), and the candles they are of, where
/// these are known. Nothing that comes later can be reached from here.
#[derive(Debug, Clone, Copy, Default)]
pub struct Past<'a> {
    closes: &'a [f64],
    candles: &'a [Candle],
}

impl<'a> Past<'a> {
    /// These closes and no more.
    #[must_use]
    pub const fn of_closes(closes: &'a [f64]) -> Self {
        Self { closes, candles: &[] }
    }

    /// These candles, whose closes are `closes`; `None` when they are not as many.
    #[must_use]
    pub const fn new(candles: &'a [Candle], closes: &'a [f64]) -> Option<Self> {
        if candles.len() == closes.len() { Some(Self { closes, candles }) } else { None }
    }

    /// The closes.
    #[must_use]
    pub const fn closes(self) -> &'a [f64] {
        self.closes
    }

    /// Their candles; nothing where only closes are known.
    #[must_use]
    pub const fn candles(self) -> &'a [Candle] {
        self.candles
    }

    /// What was known after the first `end` closes; `None` when there are fewer.
    #[must_use]
    pub fn until(self, end: usize) -> Option<Self> {
        Some(Self { closes: self.closes.get(..end)?, candles: self.candles.get(..end).unwrap_or_default() })
    }

    /// The last `count` of them, or all when there are fewer.
    #[must_use]
    pub fn last(self, count: usize) -> Self {
        Self { closes: super::last(self.closes, count), candles: super::last(self.candles, count) }
    }
}
