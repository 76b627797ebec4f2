//! Which weights count, and what the majority of stake agrees on.

use super::{
    Standing, Subnet,
    fixed::{Fixed, normalised},
    sparse::{Row, Rows, spread},
};

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
    let mut column: Vec<(Fixed, Fixed)> = Vec::with_capacity(stakes.len());
    (0..size)
        .map(|target| {
            column.clear();
            column.extend(rows.iter().zip(&stakes).filter_map(|(row, stake)| Some((*row.get(target)?, *stake))));
            weighted_median(&mut column, minority)
        })
        .collect()
}

/// The smallest score at which the stake of this score and of those below it is more than the minority; the largest score
/// if there is none.
fn weighted_median(scores: &mut [(Fixed, Fixed)], minority: Fixed) -> Fixed {
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

/// W̄: weights cut to the consensus; those for neurons without consensus are dropped.
pub(super) fn clipped(weights: &[Row], consensus: &[Fixed]) -> Rows {
    let cut = |(target, weight): &(u16, Fixed)| {
        let limit = consensus.get(usize::from(*target)).copied().unwrap_or(Fixed::ZERO);
        (*weight <= limit || limit > Fixed::ZERO).then_some((*target, (*weight).min(limit)))
    };
    weights.iter().map(|row| row.iter().filter_map(cut).collect()).collect()
}
