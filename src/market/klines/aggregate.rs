//! What several exchanges say together: the mean of the closes of those that answered in time.
//!
//! A source whose prices lie apart from the others' median is refused and named; where no majority agrees there is no
//! truth, and nothing is scored by it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::Mutex;

use super::samples::{Gap, Times};
use super::{Candle, INTERVAL, KlineSource, Span};
use crate::market::MarketError;

/// How far a source's closes may be from the median of all, as a share of it, in the middle of their differences. Exchanges
/// of the same pair are some hundredths of a percent apart, dollars and their stablecoins up to half a percent.
const TOLERANCE: f64 = 0.01;
/// Candles kept of each source: the longest history that is asked for, and a day more.
const KEPT: usize = 31 * 288;

/// Several sources as one. Cheap to clone; clones share what they have seen.
#[derive(Clone)]
pub struct Aggregate {
    sources: Vec<Arc<Remembered>>,
    patience: Duration,
}

impl fmt::Debug for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sources.iter().map(|source| source.source.name())).finish()
    }
}

/// Why there is no common price.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoTruth {
    /// Nobody answered in time with what was asked.
    #[error("no exchange answered for {span}: {}", failures.join("; "))]
    Silence {
        /// What was asked.
        span: Span,
        /// What each said instead.
        failures: Vec<String>,
    },
    /// No majority of those that answered agrees.
    #[error("{} disagree on the price from {span} on; nothing is scored until they agree", sources.join(", "))]
    Disagree {
        /// What was asked.
        span: Span,
        /// Who answered.
        sources: Vec<&'static str>,
    },
}

impl Aggregate {
    /// The mean of `sources`; who has not answered after `patience` is left out.
    #[must_use]
    pub fn new(sources: Vec<Arc<dyn KlineSource>>, patience: Duration) -> Self {
        Self { sources: sources.into_iter().map(|source| Arc::new(Remembered::new(source))).collect(), patience }
    }

    /// Samples at `times`: mean close (and open), highest high, lowest low, sum of the volumes.
    ///
    /// # Errors
    /// [`NoTruth`].
    pub async fn samples(&self, times: Times) -> Result<Vec<Candle>, NoTruth> {
        let span = times.span();
        let asked = self.sources.iter().map(|source| async move {
            let candles = match tokio::time::timeout(self.patience, source.candles(span)).await {
                Ok(candles) => candles.map_err(|error| error.to_string())?,
                Err(_) => return Err(format!("{}: no answer after {:?}", source.source.name(), self.patience)),
            };
            let samples =
                times.sample(&candles, Gap::After).map_err(|error| format!("{}: {error}", source.source.name()))?;
            Ok((source.source.name(), samples))
        });
        let (mut answers, mut failures) = (Vec::new(), Vec::new());
        for answer in join_all(asked).await {
            match answer {
                Ok(answer) => answers.push(answer),
                Err(failure) => failures.push(failure),
            }
        }
        if answers.is_empty() {
            return Err(NoTruth::Silence { span, failures });
        }
        for failure in failures {
            tracing::warn!("one source of prices failed; the others are used: {failure}");
        }
        agreeing(answers).map(|answers| mean(&answers)).map_err(|sources| NoTruth::Disagree { span, sources })
    }
}

type Answer = (&'static str, Vec<Candle>);

/// Those that agree with the median; the names of all when they are no majority.
fn agreeing(answers: Vec<Answer>) -> Result<Vec<Answer>, Vec<&'static str>> {
    let length = answers.iter().map(|(_, samples)| samples.len()).min().unwrap_or(0);
    let close = |samples: &[Candle], index: usize| samples.get(index).map_or(f64::NAN, |sample| sample.close);
    let medians: Vec<f64> =
        (0..length).map(|i| median(answers.iter().map(|(_, samples)| close(samples, i)).collect())).collect();
    let distance = |samples: &[Candle]| {
        median(medians.iter().enumerate().map(|(i, median)| (close(samples, i) / median - 1.0).abs()).collect())
    };
    let (names, all): (Vec<&'static str>, usize) = (answers.iter().map(|(name, _)| *name).collect(), answers.len());
    let (kept, refused): (Vec<Answer>, Vec<Answer>) =
        answers.into_iter().partition(|(_, samples)| distance(samples) <= TOLERANCE);
    if kept.len() * 2 <= all {
        return Err(names);
    }
    for (name, samples) in refused {
        tracing::warn!(
            source = name,
            distance = distance(&samples),
            "prices of one source are too far from the others and are not used"
        );
    }
    Ok(kept)
}

fn median(values: Vec<f64>) -> f64 {
    crate::scoring::community::median(values).unwrap_or(f64::NAN)
}

fn mean(answers: &[Answer]) -> Vec<Candle> {
    let length = answers.iter().map(|(_, samples)| samples.len()).min().unwrap_or(0);
    let n = answers.len() as f64;
    let of = |index: usize| {
        let mut each = answers.iter().filter_map(|(_, samples)| samples.get(index));
        let first = *each.next()?;
        let sum = each.fold(first, |sum, next| Candle {
            open_at: sum.open_at,
            open: sum.open + next.open,
            high: sum.high.max(next.high),
            low: sum.low.min(next.low),
            close: sum.close + next.close,
            volume: sum.volume + next.volume,
        });
        Some(Candle { open: sum.open / n, close: sum.close / n, ..sum })
    };
    (0..length).filter_map(of).collect()
}

/// A source that remembers what it said: of a span that begins within what is known, only the rest is asked for.
struct Remembered {
    source: Arc<dyn KlineSource>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    span: Option<Span>,
    candles: Vec<Candle>,
}

impl Remembered {
    fn new(source: Arc<dyn KlineSource>) -> Self {
        Self { source, known: Mutex::default() }
    }

    async fn candles(&self, span: Span) -> Result<Vec<Candle>, MarketError> {
        let mut known = self.known.lock().await;
        let inside = known.span.filter(|known| known.from <= span.from && span.from <= known.until);
        let from = inside.map_or(span.from, |known| known.until);
        if from < span.until {
            let fresh = self.source.candles(Span { from, until: span.until }).await?;
            if inside.is_none() {
                *known = Known { span: Some(Span { from, until: from }), candles: Vec::new() };
            }
            known.take(fresh);
        }
        Ok(known.within(span).to_vec())
    }
}

impl Known {
    /// The candles of `span`; they are in order of time.
    fn within(&self, span: Span) -> &[Candle] {
        let begin = self.candles.partition_point(|candle| candle.open_at < span.from);
        let end = self.candles.partition_point(|candle| candle.open_at < span.until);
        self.candles.get(begin..end).unwrap_or_default()
    }

    /// Known is what came, up to the last candle: what is missing at the end may only be late.
    fn take(&mut self, fresh: Vec<Candle>) {
        if let (Some(span), Some(last)) = (&mut self.span, fresh.last()) {
            span.until = last.open_at.plus_ms(INTERVAL.ms());
        }
        self.candles.extend(fresh);
        let excess = self.candles.len().saturating_sub(KEPT);
        self.candles.drain(..excess);
        if let (true, Some(span), Some(first)) = (excess > 0, &mut self.span, self.candles.first()) {
            span.from = first.open_at;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt as _;
    use futures_util::future::BoxFuture;

    use super::*;
    use crate::units::UnixMs;

    struct Flat {
        name: &'static str,
        price: f64,
        asked: AtomicUsize,
        is_down: bool,
    }

    impl KlineSource for Flat {
        fn name(&self) -> &'static str {
            self.name
        }

        fn candles(&self, span: Span) -> BoxFuture<'_, Result<Vec<Candle>, MarketError>> {
            self.asked.fetch_add(span.count(), Ordering::Relaxed);
            let price = self.price;
            let candle = move |step: usize| Candle {
                open_at: span.from.plus_ms(step as i64 * INTERVAL.ms()),
                open: price,
                high: price,
                low: price,
                close: price,
                volume: 1.0,
            };
            async move {
                if self.is_down {
                    let (provider, url) = (self.name, String::new());
                    return Err(MarketError::Unreachable { provider, url, reason: "down".into() });
                }
                Ok((0..span.count()).map(candle).collect())
            }
            .boxed()
        }
    }

    fn flat(name: &'static str, price: f64) -> Arc<Flat> {
        Arc::new(Flat { name, price, asked: AtomicUsize::new(0), is_down: price == 0.0 })
    }

    async fn close_of(prices: &[f64]) -> Result<f64, NoTruth> {
        let names = ["a", "b", "c", "d"];
        let sources = names.iter().zip(prices).map(|(name, price)| flat(name, *price) as Arc<dyn KlineSource>);
        let aggregate = Aggregate::new(sources.collect(), Duration::from_secs(1));
        Ok(aggregate.samples(Times::candles(UnixMs(3_000_000), 4)).await?[3].close)
    }

    #[tokio::test]
    async fn the_mean_of_those_that_agree_counts_and_an_outlier_is_refused() {
        assert_eq!(close_of(&[100.0, 100.4, 100.2]).await, Ok(100.2));
        assert_eq!(close_of(&[100.0, 100.4, 150.0, 100.2]).await, Ok(100.2));
        assert_eq!(close_of(&[100.0, 0.0]).await, Ok(100.0), "one that answers is enough");
        assert!(matches!(close_of(&[0.0, 0.0]).await, Err(NoTruth::Silence { .. })));
        for apart in [&[100.0, 110.0][..], &[100.0, 110.0, 120.0, 130.0]] {
            assert!(matches!(close_of(apart).await, Err(NoTruth::Disagree { .. })), "{apart:?}");
        }
    }

    #[tokio::test]
    async fn what_is_known_is_not_asked_for_again() {
        let source = flat("a", 7.0);
        let aggregate = Aggregate::new(vec![Arc::clone(&source) as _], Duration::from_secs(1));
        for first in [3_000_000, 3_600_000, 3_300_000] {
            aggregate.samples(Times::candles(UnixMs(first), 10)).await.unwrap();
        }
        assert_eq!(source.asked.load(Ordering::Relaxed), 12, "ten, two more, none");
        aggregate.samples(Times::candles(UnixMs(600_000), 2)).await.unwrap();
        assert_eq!(source.asked.load(Ordering::Relaxed), 14);
    }
}
