//! When it is worth the money to think about a question again: the square by which the answer is expected to move, for the
//! time in which it still counts.

use crate::units::UnixMs;

const DAY_MS: f64 = 86_400_000.0;
/// How far a full set of new articles moves a forecast, about.
const NEWS: f64 = 0.1;
/// How far the world moves a forecast in a day without any.
const DAILY: f64 = 0.015;

/// What is known when it is decided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// When the answer was made.
    pub made: UnixMs,
    /// Now.
    pub now: UnixMs,
    /// When the question closes, if that is known.
    pub closes: Option<UnixMs>,
    /// The market's price then and now, if both are known.
    pub prices: Option<(f64, f64)>,
    /// How far apart the forecasts were (standard deviation), and how many there were.
    pub spread: f64,
    /// See `spread`.
    pub forecasts: usize,
    /// Articles read then, and those that are new.
    pub articles: (usize, usize),
}

/// The expected square of the move, times the share of the question's remaining life that is still ahead.
#[must_use]
pub fn worth(standing: &Standing) -> f64 {
    let Standing { made, now, closes, prices, spread, forecasts, articles: (read, new) } = *standing;
    let age = (now.since(made).max(0) as f64) / DAY_MS;
    let moved = prices.map_or(0.0, |(then, now)| (now - then).powi(2));
    let news = NEWS.powi(2) * new as f64 / (read + new).max(1) as f64;
    // The mean of few that disagree is itself unsure; new draws of the same day would tell nothing new.
    let unsure = spread.powi(2) / forecasts.max(1) as f64 * age.min(1.0);
    let left = closes.map_or(1.0, |closes| {
        let whole = closes.since(made).max(1) as f64;
        (closes.since(now) as f64 / whole).clamp(0.0, 1.0)
    });
    left * (moved + news + unsure + DAILY.powi(2) * age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_news_doubt_and_age_make_it_worth_more_and_the_end_less() {
        let day = DAY_MS as i64;
        let calm = Standing {
            made: UnixMs(0),
            now: UnixMs(day),
            closes: Some(UnixMs(10 * day)),
            prices: Some((0.5, 0.5)),
            spread: 0.05,
            forecasts: 3,
            articles: (5, 0),
        };
        let base = worth(&calm);
        assert!(base > 0.0);
        for more in [
            Standing { prices: Some((0.5, 0.6)), ..calm },
            Standing { spread: 0.3, ..calm },
            Standing { articles: (5, 2), ..calm },
            Standing { now: UnixMs(3 * day), ..calm },
            Standing { closes: None, ..calm },
        ] {
            assert!(worth(&more) > base, "{more:?}");
        }
        for less in [Standing { closes: Some(UnixMs(day)), ..calm }, Standing { now: UnixMs(0), ..calm }] {
            assert_eq!(worth(&less), 0.0, "{less:?}");
        }
    }
}
