//! One event as a rule sees it: statistics of all its miners, interval by interval.

use ndarray::{Array2, ArrayView1, ArrayView2};

use super::brier::Brier;
use super::grid::interval_weights;
use super::market_delta::MarketDelta;
use super::peer::PeerLog;
use super::rules::{RuleName, Rules};
use super::sequential::Sequential;
use super::stats::{IntervalStats, Report};
use crate::units::UnixMs;

/// The statistics of one event. Rows are intervals (oldest first, as many as the event touched), columns are miners;
/// a count of 0 says that the miner sent nothing in that interval, and its sums are 0.
#[derive(Debug, Clone, Copy)]
pub struct EventView<'a> {
    /// The payout of the first outcome token, in `0..=1`.
    pub outcome: f64,
    /// The first price of the event, the prior of the sequential rule; 0.5 when there was none.
    pub prior: f64,
    /// One weight per interval.
    pub weights: ArrayView1<'a, f64>,
    /// Number of reports, intervals × miners.
    pub count: ArrayView2<'a, u32>,
    /// Σ p.
    pub sum_p: ArrayView2<'a, f64>,
    /// Σ r.
    pub sum_r: ArrayView2<'a, f64>,
    /// Σ (p² − r²).
    pub sum_d: ArrayView2<'a, f64>,
    /// Each miner's first report on the event.
    pub first: ArrayView1<'a, Option<Report>>,
    /// Each miner's last report on the event.
    pub last: ArrayView1<'a, Option<Report>>,
    /// When each interval starts.
    pub starts: ArrayView1<'a, UnixMs>,
    /// When each miner registered.
    pub registered: ArrayView1<'a, UnixMs>,
}

impl EventView<'_> {
    /// The number of miners.
    #[must_use]
    pub fn miners(&self) -> usize {
        self.count.ncols()
    }

    /// Hands over the weight, the three sums and the counts of each interval.
    pub(super) fn each_row(&self, mut job: impl FnMut(f64, [&[f64]; 3], &[u32])) {
        let rows = self.count.rows().into_iter().zip(self.sum_p.rows()).zip(self.sum_r.rows()).zip(self.sum_d.rows());
        for ((((count, sum_p), sum_r), sum_d), weight) in rows.zip(self.weights) {
            match (count.as_slice(), sum_p.as_slice(), sum_r.as_slice(), sum_d.as_slice()) {
                (Some(count), Some(p), Some(r), Some(d)) => job(*weight, [p, r, d], count),
                // A view that is not contiguous: copy the row.
                _ => job(*weight, [&sum_p.to_vec(), &sum_r.to_vec(), &sum_d.to_vec()], &count.to_vec()),
            }
        }
    }
}

/// A scoring rule: one score per column of the event, `None` for a miner that did not predict.
pub trait Rule: Send + Sync {
    /// Scores every miner. Never NaN, for statistics of admitted reports.
    fn score(&self, event: &EventView<'_>) -> Vec<Option<f64>>;

    /// What every miner said in all: the mean of its intervals by their weights, or the plain one where those are all 0; `None`
    /// for a miner that said nothing.
    fn said(&self, event: &EventView<'_>) -> Vec<Option<f64>> {
        let columns = event.count.columns().into_iter().zip(event.sum_p.columns());
        let mean = |(count, sum_p): (ArrayView1<'_, u32>, ArrayView1<'_, f64>)| {
            let (mut weighted, mut weights, mut plain, mut intervals) = (0.0, 0.0, 0.0, 0.0);
            for ((count, sum_p), weight) in
                count.iter().zip(sum_p).zip(event.weights).filter(|((count, _), _)| **count > 0)
            {
                let p = sum_p / f64::from(*count);
                weighted += weight * p;
                weights += weight;
                plain += p;
                intervals += 1.0;
            }
            if weights > 0.0 { Some(weighted / weights) } else { (intervals > 0.0).then(|| plain / intervals) }
        };
        columns.map(mean).collect()
    }
}

/// The rule that the settings select.
#[must_use]
pub fn selected(rules: &Rules) -> Box<dyn Rule> {
    match rules.rule {
        RuleName::MarketDelta => Box::new(MarketDelta { submission: rules.submission, duplicates: rules.duplicates }),
        RuleName::Sequential => Box::new(Sequential { order: rules.sequential_order }),
        RuleName::Brier => Box::new(Brier { submission: rules.submission }),
        RuleName::PeerLog => Box::new(PeerLog),
    }
}

/// The statistics of one event, owned: filled interval by interval, then looked at through an [`EventView`].
#[derive(Debug, Clone)]
pub struct EventStats {
    outcome: f64,
    prior: f64,
    weights: Vec<f64>,
    starts: Vec<UnixMs>,
    count: Array2<u32>,
    sum_p: Array2<f64>,
    sum_r: Array2<f64>,
    sum_d: Array2<f64>,
    first: Vec<Option<Report>>,
    last: Vec<Option<Report>>,
    registered: Vec<UnixMs>,
}

/// What an event's statistics are about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EventFrame {
    /// When the event was opened.
    pub opened: UnixMs,
    /// When it closed, after `opened`.
    pub close: UnixMs,
    /// The payout, in `0..=1`.
    pub outcome: f64,
    /// The first price, or 0.5.
    pub prior: f64,
}

impl EventStats {
    /// Empty statistics for the miners that registered at the given times.
    #[must_use]
    pub fn new(frame: &EventFrame, rules: &Rules, registered: Vec<UnixMs>) -> Self {
        let grid = rules.grid();
        let intervals = rules.intervals(frame.opened, frame.close);
        let first_index = grid.index(frame.opened);
        let shape = (intervals, registered.len());
        Self {
            outcome: frame.outcome,
            prior: frame.prior,
            weights: interval_weights(rules.interval_weight, rules.interval_power, intervals),
            starts: (first_index..).take(intervals).map(|k| grid.start(k)).collect(),
            count: Array2::zeros(shape),
            sum_p: Array2::zeros(shape),
            sum_r: Array2::zeros(shape),
            sum_d: Array2::zeros(shape),
            first: vec![None; registered.len()],
            last: vec![None; registered.len()],
            registered,
        }
    }

    /// Sets the statistics of `miner` in interval `row`, counted from the event's first; outside of the shape nothing
    /// happens. Each cell is set at most once.
    pub fn set(&mut self, row: usize, miner: usize, stats: &IntervalStats) {
        if row >= self.count.nrows() || miner >= self.count.ncols() {
            return;
        }
        self.set_sums(row, miner, stats.count, [stats.sum_p, stats.sum_r, stats.sum_p2_minus_r2]);
        if let Some(first) = self.first.get_mut(miner) {
            *first = Some(first.filter(|f| f.t <= stats.first.t).unwrap_or(stats.first));
        }
        if let Some(last) = self.last.get_mut(miner) {
            *last = Some(last.filter(|l| l.t > stats.last.t).unwrap_or(stats.last));
        }
    }

    /// As [`EventStats::set`] for rules that look at sums only: Σp, Σr and Σ(p²−r²) of `count` reports.
    pub fn set_sums(&mut self, row: usize, miner: usize, count: u32, sums: [f64; 3]) {
        let Some(cell) = self.count.get_mut((row, miner)) else { return };
        *cell = count;
        for (array, value) in [&mut self.sum_p, &mut self.sum_r, &mut self.sum_d].into_iter().zip(sums) {
            if let Some(cell) = array.get_mut((row, miner)) {
                *cell = value;
            }
        }
    }

    /// The view that rules work on.
    #[must_use]
    pub fn view(&self) -> EventView<'_> {
        EventView {
            outcome: self.outcome,
            prior: self.prior,
            weights: ArrayView1::from(&self.weights),
            count: self.count.view(),
            sum_p: self.sum_p.view(),
            sum_r: self.sum_r.view(),
            sum_d: self.sum_d.view(),
            first: ArrayView1::from(&self.first),
            last: ArrayView1::from(&self.last),
            starts: ArrayView1::from(&self.starts),
            registered: ArrayView1::from(&self.registered),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::grid::ORIGIN;
    use crate::scoring::rules::IntervalWeight;

    const HOUR_MS: i64 = 3_600_000;

    /// Statistics over so many intervals, of what was said: interval, miner, reports, their sum.
    fn stats(rules: &Rules, intervals: i64, registered: &[UnixMs], said: &[(usize, usize, u32, f64)]) -> EventStats {
        let close = ORIGIN.plus_ms(intervals * 4 * HOUR_MS);
        let frame = EventFrame { opened: ORIGIN, close, outcome: 1.0, prior: 0.5 };
        let mut stats = EventStats::new(&frame, rules, registered.to_vec());
        for (row, miner, count, sum) in said {
            stats.set_sums(*row, *miner, *count, [*sum, 0.0, 0.0]);
        }
        stats
    }

    #[test]
    fn what_was_said_in_all_weighs_as_the_intervals_do() {
        let rules = Rules { interval_weight: IntervalWeight::Power, ..Rules::default() };
        let said = [(0, 0, 2, 1.0), (1, 0, 1, 0.8), (2, 0, 1, 0.1), (2, 1, 2, 0.6)];
        let stats = stats(&rules, 3, &[ORIGIN; 3], &said);
        let weighted = (0.5 + 0.75 * 0.8) / 1.75;
        assert_eq!(selected(&rules).said(&stats.view()), [Some(weighted), Some(0.3), None], "the last weighs nothing");
    }

    #[test]
    fn under_the_peer_rule_silence_says_what_it_is_taken_for() {
        let rules = Rules::of_2025();
        let (before, after) = (ORIGIN.plus_ms(-1), ORIGIN.plus_ms(HOUR_MS));
        let stats = stats(&rules, 1, &[before, before, before, after], &[(0, 0, 1, 0.9), (0, 1, 2, 1.0)]);
        let said = selected(&rules).said(&stats.view());
        let silent = 0.7 + (0.5 - 0.7) / 3.0;
        let newcomer = ((0.9_f64.ln() + 0.5_f64.ln() + f64::ln(silent)) / 3.0).exp();
        for (said, want) in said.into_iter().zip([0.9, 0.5, silent, newcomer]) {
            assert!((said.unwrap() - want).abs() < 1e-9, "{said:?} {want}");
        }
    }
}
