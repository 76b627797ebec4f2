//! Which weights count, and what the majority of stake agrees on.

use super::{
    Standing, Subnet,
    fixed::{Fixed, normalised},
    sparse::{Row, Rows, spread},
};

/// Columns that are gathered in one pass over the rows: a line of the processor's cache has so many numbers.
const TOGETHER: usize = 8;

/// W: the stored rows of permitted neurons without their own weight (the owner keeps its own) and without weights that are
/// older than the neuron they are for; each sums to one.
pub(super) fn counted_weights(subnet: &Subnet, standing: &Standing) -> Rows {
    let mut rows = Vec::with_capacity(subnet.neurons.len());
    for (uid, (neuron, permit)) in (0u16..).zip(subnet.neurons.iter().zip(&standing.old_permit)) {
        let updated = neuron.last_update.unwrap_or(0);
        let counts = |target: u16| {
            let Some(registered) = subnet.neurons.get(usize::from(target)).map(|neuron| neuron.registered_at) else {
                return false;
            };
            (uid != target || subnet.owner == Some(uid))
                && updated > registered
                && neuron.committed_at.is_none_or(|committed| committed >= registered)
        };
        let kept = neuron.weights.iter().filter(|(target, _)| *permit && counts(*target));
        rows.push(to_one(kept.map(|(target, weight)| (*target, Fixed::whole(i32::from(*weight)))).collect()));
    }
    rows
}

fn to_one(mut row: Row) -> Row {
    let sum: Fixed = row.iter().map(|(_, weight)| *weight).sum();
    if sum > Fixed::ZERO {
        for (_, weight) in &mut row {
            *weight = *weight / sum;
        }
    }
    row
}

/// C: for each neuron the largest weight that at least `kappa` of the active stake gives it.
pub(super) fn consensus(weights: &[Row], active_stake: &[Fixed], kappa: Fixed) -> Vec<Fixed> {
    let size = weights.len();
    let voters = || active_stake.iter().enumerate().filter(|(_, stake)| **stake > Fixed::ZERO);
    let stakes = normalised(voters().map(|(_, stake)| *stake).collect());
    let minority = stakes.iter().copied().sum::<Fixed>() - kappa;
    let rows: Vec<Vec<Fixed>> =
        voters().filter_map(|(voter, _)| weights.get(voter)).map(|row| spread(row, size)).collect();
    let mut columns: [Vec<(Fixed, Fixed)>; TOGETHER] = std::array::from_fn(|_| Vec::with_capacity(stakes.len()));
    let mut consensus = Vec::with_capacity(size);
    for first in (0..size).step_by(TOGETHER) {
        columns.iter_mut().for_each(Vec::clear);
        for (row, stake) in rows.iter().zip(&stakes) {
            let scores = row.get(first..).unwrap_or_default();
            columns.iter_mut().zip(scores).for_each(|(column, score)| column.push((*score, *stake)));
        }
        let targets = columns.iter_mut().take(size - first);
        consensus.extend(targets.map(|column| weighted_median(column, minority)));
    }
    consensus
}

/// The smallest score at which the stake of this score and of those below it is more than the minority; the largest score
/// if there is none. Stakes are shares of one, so their sums are the same in any order.
fn weighted_median(mut scores: &mut [(Fixed, Fixed)], minority: Fixed) -> Fixed {
    let stake_of = |scores: &[(Fixed, Fixed)]| scores.iter().map(|(_, stake)| *stake).sum::<Fixed>();
    let (mut below, mut largest) = (Fixed::ZERO, Fixed::ZERO);
    while !scores.is_empty() {
        let middle = scores.len() / 2;
        let (lower, (score, stake), upper) = scores.select_nth_unstable_by_key(middle, |(score, _)| *score);
        let up_to_lower = below + stake_of(lower);
        if !lower.is_empty() && minority < up_to_lower {
            scores = lower;
            continue;
        }
        below = up_to_lower + *stake;
        largest = *score;
        if minority < below {
            break;
        }
        scores = upper;
    }
    largest
}

/// W̄: weights cut to the consensus; those for neurons without consensus are dropped.
pub(super) fn clipped(weights: &[Row], consensus: &[Fixed]) -> Rows {
    let cut = |(target, weight): &(u16, Fixed)| {
        let limit = consensus.get(usize::from(*target)).copied().unwrap_or(Fixed::ZERO);
        (*weight <= limit || limit > Fixed::ZERO).then_some((*target, (*weight).min(limit)))
    };
    weights.iter().map(|row| row.iter().filter_map(cut).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As it is defined: in order of scores.
    fn by_sorting(scores: &mut [(Fixed, Fixed)], minority: Fixed) -> Fixed {
        scores.sort_unstable();
        let mut below = Fixed::ZERO;
        for group in scores.chunk_by(|a, b| a.0 == b.0) {
            below = below + group.iter().map(|(_, stake)| *stake).sum();
            if minority < below {
                return group.first().map_or(Fixed::ZERO, |(score, _)| *score);
            }
        }
        scores.last().map_or(Fixed::ZERO, |(score, _)| *score)
    }

    proptest! {
        #[test]
        fn the_median_is_that_of_sorted_scores(
            pairs in prop::collection::vec((0u16..20, 0u16..1_000), 0..40), minority: u16, less in 0u16..3,
        ) {
            let stakes = normalised(pairs.iter().map(|(_, stake)| Fixed::whole(i32::from(*stake))).collect());
            let mut scores: Vec<_> =
                pairs.iter().map(|(score, _)| Fixed::from_u16_share(*score)).zip(stakes).collect();
            // Below zero where the majority is all and shares were rounded down.
            let minority = Fixed::from_u16_share(minority) - Fixed::from_u16_share(less);
            let expected = by_sorting(&mut scores.clone(), minority);
            prop_assert_eq!(weighted_median(&mut scores, minority), expected);
        }
    }
}
