//! What forecasts of ended questions are worth, and how sure that is.
//!
//! Intervals are a bootstrap over markets, not over moments: the moments of one market end alike.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::Asked;
use crate::forecast::backtest::Interval;
use crate::forecast::llm::calibrate::Platt;
use crate::forecast::llm::combine::EDGE;
use crate::market::simulator::uniform;

/// Resamplings.
const TIMES: u64 = 1000;
/// Bins of a calibration.
const BINS: usize = 10;
/// Shares of the answers at which a selective curve is read.
const SHARES: [f64; 5] = [0.1, 0.25, 0.5, 0.75, 1.0];

/// A number with its interval of 95 %.
#[derive(Debug, Clone, Copy, PartialEq, JsonSchema, Serialize)]
pub struct Value {
    /// The number.
    pub value: f64,
    /// Where it lies with 95 %.
    pub interval: Interval,
}

/// How a forecaster did.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct Line {
    /// Its name.
    pub model: String,
    /// Questions it answered.
    pub answered: usize,
    /// Their share of all.
    pub share: f64,
    /// Mean squared error of its answers: a coin has 0.25, less is better.
    pub brier: Value,
    /// Mean −ln of the probability of what came true, nats; probabilities count as at least 10⁻⁴.
    pub log_score: Value,
    /// Mean distance between what was said and how often it came true, by tenths.
    pub calibration_error: Value,
    /// How sure it was: the slope of its log odds against how it ended; below 1 is too sure.
    pub slope: f64,
    /// By how much its squared error is below the price's on the same questions: what the subnet pays for an answer.
    pub gain: Value,
    /// The same per question asked, silence counting 0.
    pub gain_per_question: f64,
    /// Said and came true, by tenths that hold answers.
    pub bins: Vec<Bin>,
    /// Its best answers, by their distance from the price.
    pub selective: Vec<Selected>,
}

/// A tenth of the range of probabilities.
#[derive(Debug, Clone, Copy, PartialEq, JsonSchema, Serialize)]
pub struct Bin {
    /// Answers in it.
    pub count: usize,
    /// What was said on average.
    pub said: f64,
    /// How often it came true.
    pub came_true: f64,
}

/// The answers farthest from the price.
#[derive(Debug, Clone, Copy, PartialEq, JsonSchema, Serialize)]
pub struct Selected {
    /// Their share of the answers.
    pub share: f64,
    /// Their mean squared error.
    pub brier: f64,
    /// That of the price.
    pub market_brier: f64,
    /// The difference.
    pub gain: f64,
}

/// Several forecasters on the same questions.
#[derive(Debug, Clone, PartialEq, JsonSchema, Serialize)]
pub struct Judged {
    /// Questions, a market at several moments counting as often.
    pub questions: usize,
    /// Markets.
    pub markets: usize,
    /// The share that ended with yes.
    pub yes: f64,
    /// The forecasters, as they were named.
    pub models: Vec<Line>,
}

/// Sums over the answers of one market.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    count: f64,
    square: f64,
    log: f64,
    market: f64,
    bins: [(f64, f64); BINS],
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.square += other.square;
        self.log += other.log;
        self.market += other.market;
        for (own, theirs) in self.bins.iter_mut().zip(other.bins) {
            own.0 += theirs.0;
            own.1 += theirs.1;
        }
    }

    fn answer(&mut self, p: f64, asked: &Asked) {
        let o = asked.outcome;
        let sure = p.clamp(EDGE, 1.0 - EDGE);
        self.count += 1.0;
        self.square += (p - o).powi(2);
        self.market += (asked.price - o).powi(2);
        self.log -= o * sure.ln() + (1.0 - o) * (1.0 - sure).ln();
        if let Some(bin) = self.bins.get_mut(bin_of(p)) {
            bin.0 += p;
            bin.1 += o;
        }
    }

    /// Brier, log score, calibration error, gain.
    fn means(&self) -> [f64; 4] {
        let apart: f64 = self.bins.iter().map(|(said, came)| (said - came).abs()).sum();
        [self.square, self.log, apart, self.market - self.square].map(|sum| sum / self.count)
    }
}

fn bin_of(p: f64) -> usize {
    ((p * BINS as f64) as usize).min(BINS - 1)
}

/// What each of `models`, a name and an answer per question of `all` (`None` abstains), is worth.
#[must_use]
pub fn judge(all: &[Asked], models: &[(String, Vec<Option<f64>>)]) -> Judged {
    let mut markets: Vec<usize> = all.iter().map(|asked| asked.market).collect();
    markets.sort_unstable();
    markets.dedup();
    let yes = all.iter().map(|asked| asked.outcome).sum::<f64>() / all.len().max(1) as f64;
    let lines = models.iter().map(|(name, said)| line(all, name, said)).collect();
    Judged { questions: all.len(), markets: markets.len(), yes, models: lines }
}

fn line(all: &[Asked], name: &str, said: &[Option<f64>]) -> Line {
    let answers: Vec<(f64, &Asked)> =
        said.iter().zip(all).filter_map(|(p, asked)| p.filter(|p| p.is_finite()).map(|p| (p, asked))).collect();
    let mut by_market: BTreeMap<usize, Sums> = BTreeMap::new();
    for (p, asked) in &answers {
        by_market.entry(asked.market).or_default().answer(*p, asked);
    }
    let clusters: Vec<Sums> = by_market.into_values().collect();
    let mut total = Sums::default();
    clusters.iter().for_each(|cluster| total.add(cluster));
    let [brier, log_score, calibration_error, gain] = with_intervals(&clusters, total.means());
    let pairs: Vec<(f64, f64)> = answers.iter().map(|(p, asked)| (*p, asked.outcome)).collect();
    Line {
        model: name.to_owned(),
        answered: answers.len(),
        share: answers.len() as f64 / all.len().max(1) as f64,
        brier,
        log_score,
        calibration_error,
        slope: Platt::of(&pairs).slope,
        gain,
        gain_per_question: (total.market - total.square) / all.len().max(1) as f64,
        bins: bins(&answers),
        selective: selective(&answers),
    }
}

fn with_intervals(clusters: &[Sums], values: [f64; 4]) -> [Value; 4] {
    let mut found: [Vec<f64>; 4] = Default::default();
    if !clusters.is_empty() {
        for time in 0..TIMES {
            let mut sums = Sums::default();
            for draw in 0..clusters.len() as u64 {
                let place = (uniform(&[18, time, draw]) * clusters.len() as f64) as usize;
                sums.add(clusters.get(place).unwrap_or(&Sums::default()));
            }
            for (found, mean) in found.iter_mut().zip(sums.means()) {
                found.push(mean);
            }
        }
    }
    let mut values = values.into_iter();
    found.map(|mut found| {
        found.sort_by(f64::total_cmp);
        let at = |share: f64| found.get((share * (TIMES - 1) as f64) as usize).copied().unwrap_or(f64::NAN);
        Value { value: values.next().unwrap_or(f64::NAN), interval: Interval { low: at(0.025), high: at(0.975) } }
    })
}

fn bins(answers: &[(f64, &Asked)]) -> Vec<Bin> {
    let mut sums = [(0usize, 0.0, 0.0); BINS];
    for (p, asked) in answers {
        if let Some((count, said, came)) = sums.get_mut(bin_of(*p)) {
            *count += 1;
            *said += p;
            *came += asked.outcome;
        }
    }
    let mean = |(count, said, came): &(usize, f64, f64)| Bin {
        count: *count,
        said: said / *count as f64,
        came_true: came / *count as f64,
    };
    sums.iter().filter(|(count, ..)| *count > 0).map(mean).collect()
}

fn selective(answers: &[(f64, &Asked)]) -> Vec<Selected> {
    let mut ranked: Vec<(f64, &Asked)> = answers.to_vec();
    let edge = |(p, asked): &(f64, &Asked)| (p - asked.price).abs();
    ranked.sort_by(|a, b| edge(b).total_cmp(&edge(a)));
    let at = |share: f64| {
        let count = ((ranked.len() as f64 * share).ceil() as usize).clamp(1, ranked.len());
        let mut sums = Sums::default();
        ranked.iter().take(count).for_each(|(p, asked)| sums.answer(*p, asked));
        let [brier, _, _, gain] = sums.means();
        Selected { share, brier, market_brier: sums.market / sums.count, gain }
    };
    if ranked.is_empty() { Vec::new() } else { SHARES.into_iter().map(at).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::resolved::tests::tape;
    use crate::forecast::resolved::{Sampling, asked};

    #[test]
    fn the_price_gains_nothing_a_coin_has_a_quarter_and_truth_all() {
        let all = asked(&tape(150, 0.5), Sampling::default());
        let models = [
            ("market".to_owned(), all.iter().map(|asked| Some(asked.price)).collect()),
            ("coin".to_owned(), vec![Some(0.5); all.len()]),
            ("truth".to_owned(), all.iter().map(|asked| Some(asked.outcome)).collect()),
            ("silent".to_owned(), vec![None; all.len()]),
            ("half".to_owned(), all.iter().enumerate().map(|(i, a)| (i % 2 == 0).then_some(a.outcome)).collect()),
        ];
        let judged = judge(&all, &models);
        assert_eq!((judged.questions, judged.markets), (750, 150));
        let [market, coin, truth, silent, half] = judged.models.as_slice() else { panic!("five") };
        assert_eq!((market.gain.value, market.gain.interval.low, market.gain.interval.high), (0.0, 0.0, 0.0));
        assert!((coin.brier.value - 0.25).abs() < 1e-12 && (coin.log_score.value - 2f64.ln()).abs() < 1e-12);
        assert_eq!((truth.brier.value, truth.calibration_error.value), (0.0, 0.0));
        assert!((truth.gain.value - market.brier.value).abs() < 1e-12);
        assert_eq!((silent.answered, silent.share, silent.gain_per_question), (0, 0.0, 0.0));
        assert!(silent.brier.value.is_nan() && silent.selective.is_empty());
        assert!((half.share - 0.5).abs() < 1e-9 && half.gain_per_question < truth.gain_per_question);
        for line in [market, coin, truth] {
            for value in [line.brier, line.log_score, line.calibration_error, line.gain] {
                assert!(
                    value.interval.low <= value.value + 1e-9 && value.value <= value.interval.high + 1e-2,
                    "{line:?}"
                );
            }
        }
        assert_eq!(truth.selective.len(), SHARES.len());
        assert!(truth.selective[0].gain > truth.selective[4].gain, "the farthest from the price gain most");
    }

    /// Five moments of a market are one observation: the interval must not shrink by √5.
    #[test]
    fn moments_of_one_market_do_not_make_it_surer() {
        let width = |sampling: Sampling| {
            let all = asked(&tape(200, 0.5), sampling);
            let judged = judge(&all, &[("market".to_owned(), all.iter().map(|asked| Some(asked.price)).collect())]);
            judged.models[0].brier.interval.high - judged.models[0].brier.interval.low
        };
        let (one, many) = (width(Sampling { moments: 1, ..Sampling::default() }), width(Sampling::default()));
        assert!((many / one - 1.0).abs() < 0.2, "{one} {many}");
    }
}
