//! How a miner does, by its own record: calibration, loss, and gain against the market's price.
//!
//! As the subnet's rule has it, an event counts once: its intervals weigh alike, and within one its answers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::ReportError;
use crate::scoring::calibration::{Calibration, calibration};
use crate::subnets::events::record::{Asker, EventHistory, History, Outcome, Tally};
use crate::units::{Foreign, UnixMs};

const BINS: usize = 10;
/// Events named at either end.
const NAMED: usize = 5;

/// The report.
#[derive(Debug, JsonSchema, Serialize)]
pub struct MinerReport {
    /// From the first question to the last, of what is looked at.
    pub between: Option<(UnixMs, UnixMs)>,
    /// Who asked, most requests first.
    pub askers: Vec<Asker>,
    /// What was asked.
    pub asked: Counts,
    /// All events that ended with an outcome.
    pub all: Judged,
    /// The same by market.
    pub by_market: BTreeMap<String, Judged>,
    /// Mean answers against outcomes.
    pub calibration: Calibration,
    /// The price at their times against outcomes, on events where it is known.
    pub market_calibration: Calibration,
    /// The largest gains.
    pub best: Vec<Line>,
    /// The largest losses.
    pub worst: Vec<Line>,
    /// The running sum of gains over the events, by when they ended: `(when, sum)`.
    pub history: Vec<(UnixMs, f64)>,
}

/// What was asked.
#[derive(Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Counts {
    /// Events asked about.
    pub events: u64,
    /// Of them, those answered at least once.
    pub answered: u64,
    /// Of the answered, those that ended with an outcome,
    pub ended: u64,
    /// without one,
    pub void: u64,
    /// or not yet.
    pub open: u64,
    /// Questions: an event counts as often as it was asked about.
    pub questions: u64,
    /// Answers to them.
    pub answers: u64,
}

/// How good the answers were.
#[derive(Debug, Clone, Copy, Default, PartialEq, JsonSchema, Serialize)]
pub struct Judged {
    /// Events with an outcome and an answer.
    pub events: u64,
    /// The mean quadratic loss of the answers (Brier); 0.25 is what a coin would have.
    pub brier: Option<f64>,
    /// Of the events, those at whose answers a price was known.
    pub priced: u64,
    /// The mean quadratic loss of that price.
    pub market_brier: Option<f64>,
    /// The mean gain on the price, which is what validators pay for.
    pub gain: Option<f64>,
    /// Its standard error; `None` with fewer than two events.
    pub gain_error: Option<f64>,
    /// The share of the priced events with a gain above 0.
    pub ahead: Option<f64>,
}

/// One event.
#[derive(Debug, Clone, JsonSchema, Serialize)]
pub struct Line {
    /// Its key.
    pub event: String,
    /// The question.
    pub description: Foreign,
    /// What it paid.
    pub outcome: f64,
    /// The mean answer.
    pub answer: f64,
    /// The mean price at these times.
    pub price: f64,
    /// The gain.
    pub gain: f64,
}

/// An ended event, reduced.
struct Ended<'a> {
    event: &'a EventHistory,
    outcome: f64,
    at: UnixMs,
    total: Tally,
    loss: f64,
    /// Loss of the price, and gain on it.
    priced: Option<(f64, f64)>,
}

impl<'a> Ended<'a> {
    fn of(event: &'a EventHistory) -> Option<Self> {
        let Outcome::Ended { outcome, at } = event.outcome else { return None };
        let mut total = Tally::default();
        event.tallies.iter().for_each(|tally| total += *tally);
        let mean = |of: &dyn Fn(&Tally) -> Option<f64>| mean(event.tallies.iter().filter_map(of));
        let loss = mean(&|tally| tally.loss(outcome))?;
        let priced = mean(&|tally| tally.price_loss(outcome)).zip(mean(&|tally| tally.gain(outcome)));
        Some(Self { event, outcome, at, total, loss, priced })
    }

    fn line(&self) -> Option<Line> {
        let gain = self.priced?.1;
        let n = self.total.priced as f64;
        Some(Line {
            event: self.event.key.clone(),
            description: self.event.description.clone(),
            outcome: self.outcome,
            answer: self.total.priced_p / n,
            price: self.total.sum_r / n,
            gain,
        })
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (n, sum) = values.fold((0_u64, 0.0), |(n, sum), value| (n + 1, sum + value));
    (n > 0).then(|| sum / n as f64)
}

impl Judged {
    fn of<'a, 'b: 'a>(ended: impl Iterator<Item = &'a Ended<'b>> + Clone) -> Self {
        let gains: Vec<f64> = ended.clone().filter_map(|event| Some(event.priced?.1)).collect();
        let (n, gain) = (gains.len() as f64, mean(gains.iter().copied()));
        let variance = gain.map(|gain| gains.iter().map(|x| (x - gain).powi(2)).sum::<f64>() / (n - 1.0));
        Self {
            events: ended.clone().count() as u64,
            brier: mean(ended.clone().map(|event| event.loss)),
            priced: gains.len() as u64,
            market_brier: mean(ended.filter_map(|event| Some(event.priced?.0))),
            gain,
            gain_error: variance.filter(|_| gains.len() > 1).map(|variance| (variance / n).sqrt()),
            ahead: mean(gains.iter().map(|gain| f64::from(*gain > 0.0))),
        }
    }
}

impl Counts {
    fn of(events: &[EventHistory]) -> Self {
        let mut counts = Self { events: events.len() as u64, ..Self::default() };
        for event in events {
            counts.questions += event.asked;
            counts.answers += event.answered;
            if event.answered > 0 {
                counts.answered += 1;
                *match event.outcome {
                    Outcome::Open => &mut counts.open,
                    Outcome::Ended { .. } => &mut counts.ended,
                    Outcome::Void => &mut counts.void,
                } += 1;
            }
        }
        counts
    }
}

impl MinerReport {
    /// The report on the record at `path`, of events asked about at `since` or later.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn read(path: &Path, since: UnixMs) -> Result<Self, ReportError> {
        Ok(Self::of(History::read(path, since)?))
    }

    /// The report on what is remembered.
    #[must_use]
    pub fn of(history: History) -> Self {
        let History { events, askers } = history;
        let mut ended: Vec<Ended<'_>> = events.iter().filter_map(Ended::of).collect();
        ended.sort_by(|a, b| (a.at, &a.event.key).cmp(&(b.at, &b.event.key)));
        let markets: BTreeSet<&str> = ended.iter().map(|event| event.event.provider.as_str()).collect();
        let by_market = |market: &&str| {
            let own = ended.iter().filter(|event| event.event.provider == *market);
            ((*market).to_owned(), Judged::of(own))
        };
        let mut lines: Vec<Line> = ended.iter().filter_map(Ended::line).collect();
        lines.sort_by(|a, b| b.gain.total_cmp(&a.gain));
        let best = lines.iter().filter(|line| line.gain > 0.0).take(NAMED).cloned().collect();
        let worst = lines.iter().rev().filter(|line| line.gain < 0.0).take(NAMED).cloned().collect();
        let mean_answer = |event: &Ended<'_>| (event.total.sum_p / event.total.answers as f64, event.outcome);
        let mean_price = |event: &Ended<'_>| {
            (event.total.priced > 0).then(|| (event.total.sum_r / event.total.priced as f64, event.outcome))
        };
        let mut sum = 0.0;
        let running = ended.iter().filter_map(|event| {
            sum += event.priced?.1;
            Some((event.at, sum))
        });
        Self {
            between: events
                .iter()
                .map(|event| event.asked_between)
                .reduce(|(from, to), (first, last)| (from.min(first), to.max(last))),
            askers,
            asked: Counts::of(&events),
            all: Judged::of(ended.iter()),
            by_market: markets.iter().map(by_market).collect(),
            calibration: calibration(ended.iter().map(mean_answer), BINS),
            market_calibration: calibration(ended.iter().filter_map(mean_price), BINS),
            best,
            worst,
            history: running.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(answers: &[(f64, Option<f64>)]) -> Tally {
        let mut tally = Tally::default();
        answers.iter().for_each(|(p, r)| tally.add(*p, *r));
        tally
    }

    fn event(key: &str, outcome: Outcome, tallies: Vec<Tally>) -> EventHistory {
        let answered = tallies.iter().map(|tally| tally.answers).sum();
        EventHistory {
            key: key.to_owned(),
            provider: key.split('-').next().unwrap().to_owned(),
            description: key.into(),
            asked_between: (UnixMs(1), UnixMs(2)),
            asked: 10,
            answered,
            outcome,
            tallies,
        }
    }

    fn ended(outcome: f64, at: i64) -> Outcome {
        Outcome::Ended { outcome, at: UnixMs(at) }
    }

    #[test]
    fn intervals_weigh_alike_and_events_too() {
        // Two intervals: three answers of 0.5 and one of 1; the price is 0.5.
        let busy = [tally(&[(0.5, Some(0.5)); 3]), tally(&[(1.0, Some(0.5))])];
        let events = vec![
            event("polymarket-a", ended(1.0, 9), busy.to_vec()),
            event("polymarket-b", ended(0.0, 5), vec![tally(&[(0.5, Some(0.25))])]),
            event("azuro-c", ended(1.0, 7), vec![tally(&[(0.5, None)])]),
            event("azuro-d", Outcome::Void, vec![tally(&[(0.5, None)])]),
            event("azuro-e", Outcome::Open, Vec::new()),
        ];
        let report = MinerReport::of(History { events, askers: Vec::new() });
        let counts = Counts { events: 5, answered: 4, ended: 3, void: 1, open: 0, questions: 50, answers: 7 };
        assert_eq!(report.asked, counts);
        // a: losses 0.25 and 0, so 0.125, gain 0.125; b: 0.25, gain 0.0625 - 0.25 = -0.1875; c: 0.25.
        assert_eq!((report.all.events, report.all.priced), (3, 2));
        let close = |found: Option<f64>, wanted: f64| assert!((found.unwrap() - wanted).abs() < 1e-12, "{found:?}");
        close(report.all.brier, 0.625 / 3.0);
        close(report.all.market_brier, (0.25 + 0.0625) / 2.0);
        close(report.all.gain, -0.03125);
        close(report.all.gain_error, 0.15625);
        close(report.all.ahead, 0.5);
        assert_eq!(report.by_market["azuro"].gain, None);
        assert_eq!(report.by_market["polymarket"].events, 2);
        assert_eq!(
            report.history.iter().map(|(at, sum)| (at.0, *sum)).collect::<Vec<_>>(),
            [(5, -0.1875), (9, -0.0625)]
        );
        assert_eq!((report.best[0].event.as_str(), report.worst[0].event.as_str()), ("polymarket-a", "polymarket-b"));
        assert_eq!((report.best.len(), report.worst.len()), (1, 1));
        assert_eq!((report.calibration.count, report.market_calibration.count), (3, 2));
    }

    #[test]
    fn an_empty_record_is_a_report_too() {
        let report = MinerReport::of(History::default());
        assert_eq!((report.all, report.between), (Judged::default(), None));
        assert!(serde_json::to_string(&report).is_ok());
    }
}
