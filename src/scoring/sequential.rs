//! Hanson's sequentially shared rule with the quadratic score: each miner is paid its improvement on the report before.
//!
//! Only each miner's last report enters the chain: otherwise two colluders could push the state to and fro and collect
//! without bound while losses are floored.

use super::event::{EventView, Rule};
use super::quadratic::delta;
use super::rules::SequentialOrder;
use crate::units::UnixMs;

/// `sequential`. Ties in time are broken by column: the ledger orders columns by hotkey bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sequential {
    /// What happens to reports of the same time.
    pub order: SequentialOrder,
}

impl Rule for Sequential {
    fn score(&self, event: &EventView<'_>) -> Vec<Option<f64>> {
        let reports: Vec<_> = event
            .last
            .iter()
            .enumerate()
            .filter_map(|(miner, report)| report.map(|report| (miner, report.t, report.p)))
            .collect();
        let mut scores = vec![None; event.miners()];
        for (miner, score) in chain(reports, event.prior, event.outcome, self.order).scores {
            if let Some(cell) = scores.get_mut(miner) {
                *cell = Some(score);
            }
        }
        scores
    }
}

/// The outcome of a chain of reports.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain<K> {
    /// One score per report, in the order of the chain.
    pub scores: Vec<(K, f64)>,
    /// The report that stands at the end.
    pub state: f64,
}

/// Runs `(key, time, report)` from `prior` on. Keys break ties of time.
///
/// `arrival`: every report against the one before; the total telescopes to `loss(prior) − loss(state)`.
/// `rounds`: reports of the same time are all measured against the state before them, each divided by their number;
/// the state becomes their mean; the total never exceeds the telescoped amount, and k copies share what one would get.
#[must_use]
pub fn chain<K: Ord + Copy>(
    mut reports: Vec<(K, UnixMs, f64)>,
    prior: f64,
    o: f64,
    order: SequentialOrder,
) -> Chain<K> {
    reports.sort_by_key(|(key, t, _)| (*t, *key));
    let mut state = prior;
    let mut scores = Vec::with_capacity(reports.len());
    for round in reports.chunk_by(|a, b| order == SequentialOrder::Rounds && a.1 == b.1) {
        let k = round.len() as f64;
        scores.extend(round.iter().map(|(key, _, p)| (*key, delta(*p, state, o) / k)));
        state = match round {
            [(_, _, p)] => *p,
            _ => round.iter().map(|(_, _, p)| p).sum::<f64>() / k,
        };
    }
    Chain { scores, state }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_standing_report_earns_nothing() {
        let reports = vec![(0, UnixMs(1), 0.8), (1, UnixMs(2), 0.8)];
        let chain = chain(reports, 0.5, 1.0, SequentialOrder::Arrival);
        assert_eq!(chain.scores[1], (1, 0.0));
    }

    #[test]
    fn copies_inside_a_round_share_one_reward() {
        let alone = chain(vec![(0, UnixMs(1), 0.8)], 0.5, 1.0, SequentialOrder::Rounds);
        let copies = (0..4).map(|k| (k, UnixMs(1), 0.8)).collect();
        let together = chain(copies, 0.5, 1.0, SequentialOrder::Rounds);
        let total: f64 = together.scores.iter().map(|(_, s)| s).sum();
        assert!((total - alone.scores[0].1).abs() < 1e-15);
    }
}
