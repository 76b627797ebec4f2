//! The second opinion of the 2025 reference on an event: a logistic regression on what the miners at ranks 1, 2, 3… say, learnt from
//! how earlier events ended (`spec`, events 4.3).
//!
//! Events are scored in batches of four hours. In a batch the miners' ranks are those of the batch just before, as of the event
//! that was scored last in it. A row is an event, its columns are what the miner at each rank said of it; a gap is filled with the
//! mean of the row. Both in learning and in asking every rank must be filled by somebody, else there is no opinion.

use std::collections::{BTreeMap, BTreeSet};

use super::elastic_net::{self, Model, Penalty, Row};
use crate::units::UnixMs;

/// Ranks of the reference on its main network; it has 20 on the test network.
pub const RANKS: usize = 100;
/// How far back events are learnt from, ms.
pub const LEARN_MS: i64 = 15 * 86_400_000;
/// An event that ended longer ago than this is not learnt from, however late it was scored, ms.
pub const ENDED_MS: i64 = 16 * 86_400_000;
/// Time between two fits of the reference, ms.
pub const REFIT_MS: i64 = 4 * 3_600_000;

/// The length of a batch, ms; batches are counted from the Unix epoch.
const BATCH_MS: i64 = 4 * 3_600_000;
/// The reference's penalty.
const PENALTY: Penalty = Penalty { c: 1.0, l1_ratio: 0.5 };

/// The batch that a moment belongs to.
#[must_use]
pub const fn batch_of(scored_at: UnixMs) -> i64 {
    scored_at.0.div_euclid(BATCH_MS)
}

/// The events that were scored in the same four hours.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch<K> {
    /// See [`batch_of`].
    pub number: i64,
    /// The miners of the event scored last, who stood best then first.
    pub best: Vec<K>,
    /// The events with a plain outcome.
    pub events: Vec<Judged<K>>,
}

/// An event that ended with yes or no.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged<K> {
    /// Whether it was yes.
    pub outcome: bool,
    /// What each miner said of it in all.
    pub said: Vec<(K, f64)>,
}

/// Why nothing can be learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unlearnt {
    /// Some ranks had nobody.
    #[error("only {filled} of {ranks} ranks were filled in the last 15 days")]
    Ranks {
        /// Ranks that somebody had.
        filled: usize,
        /// Those that are wanted.
        ranks: usize,
    },
    /// Yes alone, or no alone.
    #[error("all {events} events that could be learnt from ended alike")]
    Alike {
        /// How many.
        events: usize,
    },
}

/// The regression, and on how many ranks.
#[derive(Debug, Clone, PartialEq)]
pub struct RankModel {
    model: Model,
    ranks: usize,
}

impl RankModel {
    /// Learns from batches, in any order.
    ///
    /// # Errors
    /// [`Unlearnt`].
    pub fn learn<K: Ord + Copy>(batches: &[Batch<K>], ranks: usize) -> Result<Self, Unlearnt> {
        let best: BTreeMap<i64, &[K]> = batches.iter().map(|batch| (batch.number, batch.best.as_slice())).collect();
        let (mut said, mut outcomes) = (Vec::new(), Vec::new());
        for batch in batches {
            let Some(best) = best.get(&(batch.number - 1)) else { continue };
            let rank: BTreeMap<K, usize> =
                best.iter().take(ranks).enumerate().map(|(rank, who)| (*who, rank)).collect();
            for event in &batch.events {
                let ranked = event.said.iter().filter_map(|(who, p)| Some((*rank.get(who)?, *p))).collect();
                said.push(ranked);
                outcomes.push(event.outcome);
            }
        }
        let rows = wide(said, ranks)?.into_iter().zip(outcomes);
        let rows: Vec<Row> =
            rows.filter_map(|(features, outcome)| Some(Row { features: features?, outcome })).collect();
        let model = elastic_net::fit(&rows, PENALTY).ok_or(Unlearnt::Alike { events: rows.len() })?;
        Ok(Self { model, ranks })
    }

    /// The opinion on some events that are asked about together, each with what miners say of it now, who stands best first.
    /// `None` for an event about which nobody says anything, and for all where none of them has enough miners.
    #[must_use]
    pub fn chances(&self, said: &[Vec<f64>]) -> Vec<Option<f64>> {
        let ranked = said.iter().map(|said| said.iter().take(self.ranks).copied().enumerate().collect()).collect();
        let Ok(rows) = wide(ranked, self.ranks) else { return vec![None; said.len()] };
        rows.into_iter().map(|row| Some(self.model.chance(&row?))).collect()
    }

    /// The regression.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.model
    }
}

/// A column for each rank, from what was said at some of them; `None` for a row without any.
fn wide(said: Vec<Vec<(usize, f64)>>, ranks: usize) -> Result<Vec<Option<Vec<f64>>>, Unlearnt> {
    let filled: BTreeSet<usize> = said.iter().flatten().map(|(rank, _)| *rank).collect();
    if filled.len() != ranks {
        return Err(Unlearnt::Ranks { filled: filled.len(), ranks });
    }
    let row = |said: Vec<(usize, f64)>| {
        let mean = said.iter().map(|(_, p)| p).sum::<f64>() / said.len() as f64;
        let mut row = (!said.is_empty()).then(|| vec![mean; ranks])?;
        for (rank, p) in said {
            if let Some(place) = row.get_mut(rank) {
                *place = p;
            }
        }
        Some(row)
    };
    Ok(said.into_iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(number: i64, best: &[u8], events: &[(bool, &[(u8, f64)])]) -> Batch<u8> {
        let events = events.iter().map(|(outcome, said)| Judged { outcome: *outcome, said: said.to_vec() }).collect();
        Batch { number, best: best.to_vec(), events }
    }

    /// Miner 7 knows, miner 8 says the opposite; who is first changes with every batch.
    fn history() -> Vec<Batch<u8>> {
        let known: &[(u8, f64)] = &[(7, 0.9), (8, 0.2)];
        let unknown: &[(u8, f64)] = &[(7, 0.1), (8, 0.8)];
        (0..12).map(|n| batch(n, &[7, 8], &[(true, known), (false, unknown)])).collect()
    }

    #[test]
    fn the_first_batch_has_no_ranks_and_a_batch_after_a_gap_neither() {
        let first = batch(5, &[7, 8], &[(true, &[(7, 0.9), (8, 0.2)]), (false, &[(7, 0.1), (8, 0.8)])]);
        let none = Unlearnt::Ranks { filled: 0, ranks: 2 };
        assert_eq!(RankModel::learn(std::slice::from_ref(&first), 2), Err(none));
        let after_a_gap = Batch { number: 7, ..first.clone() };
        assert_eq!(RankModel::learn(&[first.clone(), after_a_gap], 2), Err(none));
        let next = Batch { number: 6, ..first.clone() };
        assert!(RankModel::learn(&[next, first], 2).is_ok(), "in any order");
    }

    #[test]
    fn whom_to_believe_is_learnt_from_how_it_ended() {
        let model = RankModel::learn(&history(), 2).unwrap();
        let [first, second] = model.model().coefficients[..] else { panic!("{model:?}") };
        assert!(first > 0.5 && second < -0.2, "{model:?}");
        let said = model.chances(&[vec![0.9, 0.2], vec![0.1, 0.8]]);
        assert!(said[0].unwrap() > 0.7 && said[1].unwrap() < 0.3, "{said:?}");
    }

    #[test]
    fn a_gap_is_the_mean_of_its_row_and_a_rank_that_nobody_fills_silences_all() {
        let model = RankModel::learn(&history(), 2).unwrap();
        assert_eq!(model.chances(&[vec![0.9], vec![0.4]]), [None, None]);
        let said = model.chances(&[vec![0.9, 0.2, 0.3], vec![0.4], vec![]]);
        assert_eq!(said[1], Some(model.model().chance(&[0.4, 0.4])), "asked with one that has both");
        assert_eq!((said[0], said[2]), (Some(model.model().chance(&[0.9, 0.2])), None), "the third is not heard");
    }

    #[test]
    fn there_must_be_both_outcomes() {
        let mut alike = history();
        alike.iter_mut().for_each(|batch| batch.events.retain(|event| event.outcome));
        assert_eq!(RankModel::learn(&alike, 2), Err(Unlearnt::Alike { events: 11 }));
        let three = RankModel::learn(&history(), 3).unwrap_err();
        assert_eq!(three.to_string(), "only 2 of 3 ranks were filled in the last 15 days");
    }
}
