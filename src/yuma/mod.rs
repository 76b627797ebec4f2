//! Yuma consensus: what one epoch makes of stake and weights. Pure: no storage, no clock, no float; equal to the real chain
//! at spec version 425 to the last bit.
//!
//! The symbols of the field's papers: S stake share, A active stake, W weights, C consensus, W̄ clipped weights,
//! I incentive, B bonds, D dividends.

mod bonds;
mod consensus;
pub mod fixed;
mod sparse;
#[cfg(test)]
mod tests;

pub use bonds::BondRule;

use fixed::{Fixed, divided_by, normalised};
use sparse::Rows;

/// One subnet just before an epoch. Blocks are block numbers, amounts rao.
#[derive(Debug, Clone)]
pub struct Subnet {
    /// The block in which the epoch runs.
    pub block: u64,
    /// Period of epochs in blocks.
    pub tempo: u64,
    /// The block of the last epoch that ran; 0 is none.
    pub last_step_block: u64,
    /// Blocks without new weights after which a validator is inactive.
    pub activity_cutoff: u64,
    /// Stake that counts at all.
    pub stake_threshold: u64,
    /// What stake on root counts, u64 fraction.
    pub tao_weight: u64,
    /// The uid of the owner's hotkey.
    pub owner: Option<u16>,
    /// Most validator permits.
    pub max_validators: u16,
    /// Majority of stake that consensus needs, u16 fraction.
    pub kappa: u16,
    /// How far bonds follow the clipped weights, u16 fraction.
    pub bonds_penalty: u16,
    /// Weight of old bonds, millionths.
    pub bonds_moving_average: u64,
    /// How bonds move.
    pub bond_rule: BondRule,
    /// What this epoch distributes, in alpha-rao.
    pub emission: u64,
    /// In the order of uids.
    pub neurons: Vec<Neuron>,
}

/// One neuron just before an epoch.
#[derive(Debug, Clone, Default)]
pub struct Neuron {
    /// Stake in the subnet, in alpha-rao.
    pub alpha_stake: u64,
    /// Stake on root, in rao.
    pub root_stake: u64,
    /// Block of the last weights, or of registration; `None` where the chain's list is too short.
    pub last_update: Option<u64>,
    /// Block of registration.
    pub registered_at: u64,
    /// The permit that the last epoch gave; `None` where the chain's list is too short.
    pub permit: Option<bool>,
    /// Weights as stored: (uid, value).
    pub weights: Vec<(u16, u16)>,
    /// Bonds as stored: (uid, value).
    pub bonds: Vec<(u16, u16)>,
    /// Block of the oldest commit that is neither revealed nor expired; `None` without commit-reveal.
    pub committed_at: Option<u64>,
}

/// What an epoch found, by uid and as stored: shares are u16 fractions rounded down, amounts rao rounded down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Has it set weights recently?
    pub active: Vec<bool>,
    /// Permits until the next epoch.
    pub validator_permit: Vec<bool>,
    /// Stake in alpha and root together, in rao.
    pub stake: Vec<u64>,
    /// Share of the subnet's stake.
    pub stake_weight: Vec<u16>,
    /// The weight that the majority agrees on.
    pub consensus: Vec<u16>,
    /// How much of a validator's weights the consensus kept.
    pub validator_trust: Vec<u16>,
    /// Share of what miners get.
    pub incentive: Vec<u16>,
    /// Share of what validators get.
    pub dividends: Vec<u16>,
    /// What each gets altogether.
    pub emission: Vec<u64>,
    /// What each gets as a miner.
    pub server_emission: Vec<u64>,
    /// What each gets as a validator.
    pub validator_emission: Vec<u64>,
    /// Bonds to keep: (uid, value); empty for neurons without a permit.
    pub bonds: Vec<Vec<(u16, u16)>>,
}

/// Runs one epoch.
#[must_use]
pub fn epoch(subnet: &Subnet) -> Outcome {
    let standing = Standing::of(subnet);
    let weights = consensus::counted_weights(subnet, &standing);
    let consensus = consensus::consensus(&weights, &standing.active_stake, Fixed::from_u16_share(subnet.kappa));
    let clipped = consensus::clipped(&weights, &consensus);
    let validator_trust: Vec<Fixed> = clipped.iter().map(|row| row.iter().map(|(_, weight)| *weight).sum()).collect();
    let incentive = normalised(sparse::column_sums(&sparse::rows_times(&clipped, &standing.active_stake)));
    let bonds = bonds::move_bonds(subnet, &standing.active_stake, &weights, &clipped, &consensus, &incentive);
    let shares = Shares::of(&incentive, &bonds.dividends, &standing);
    Outcome {
        active: standing.active,
        stake: standing.stake,
        stake_weight: to_u16(&standing.share),
        consensus: to_u16(&consensus),
        validator_trust: to_u16(&validator_trust),
        incentive: to_u16(&incentive),
        dividends: to_u16(&bonds.dividends),
        emission: paid(&shares.combined, subnet.emission),
        server_emission: paid(&shares.server, subnet.emission),
        validator_emission: paid(&shares.validator, subnet.emission),
        bonds: kept_bonds(bonds.rows, &standing.new_permit),
        validator_permit: standing.new_permit,
    }
}

/// Stake, activity and permits.
struct Standing {
    stake: Vec<u64>,
    active: Vec<bool>,
    /// S: the share of stake above the threshold.
    share: Vec<Fixed>,
    /// A: the same among neurons that are active and had a permit before this epoch.
    active_stake: Vec<Fixed>,
    /// Decides whose weights count now.
    old_permit: Vec<bool>,
    /// Decides whose bonds are kept.
    new_permit: Vec<bool>,
}

impl Standing {
    fn of(subnet: &Subnet) -> Self {
        let is_owner = |uid: usize| subnet.owner.is_some_and(|owner| usize::from(owner) == uid);
        let totals: Vec<u128> = subnet.neurons.iter().map(|neuron| total_stake(neuron, subnet.tao_weight)).collect();
        let stake: Vec<u64> = totals.iter().map(|total| u64::try_from(total >> 64).unwrap_or(u64::MAX)).collect();
        let share = stake_shares(&totals, |uid, stake| is_owner(uid) || stake >= subnet.stake_threshold);
        let active: Vec<bool> = subnet
            .neurons
            .iter()
            .map(|neuron| {
                neuron.last_update.is_some_and(|at| at.saturating_add(subnet.activity_cutoff) >= subnet.block)
            })
            .collect();
        let old_permit: Vec<bool> = subnet
            .neurons
            .iter()
            .enumerate()
            .map(|(uid, neuron)| neuron.permit.is_some_and(|permit| permit || is_owner(uid)))
            .collect();
        let mut new_permit = largest(&share, usize::from(subnet.max_validators));
        for (uid, permit) in new_permit.iter_mut().enumerate() {
            *permit |= is_owner(uid);
        }
        let votes = active.iter().zip(&old_permit).map(|(active, permit)| *active && *permit);
        let active_stake = share.iter().zip(votes).map(|(share, votes)| if votes { *share } else { Fixed::ZERO });
        let active_stake = normalised(active_stake.collect());
        Self { stake, active, share, active_stake, old_permit, new_permit }
    }
}

/// Alpha and root stake together, in rao: what the threshold for weights and permits is compared with.
#[must_use]
pub fn stake_weight(alpha_stake: u64, root_stake: u64, tao_weight: u64) -> u64 {
    let neuron = Neuron { alpha_stake, root_stake, ..Neuron::default() };
    u64::try_from(total_stake(&neuron, tao_weight) >> 64).unwrap_or(u64::MAX)
}

/// Alpha and weighted root stake with 64 bits after the point. The weight itself has 32.
fn total_stake(neuron: &Neuron, tao_weight: u64) -> u128 {
    let weight = (u128::from(tao_weight) << 32) / u128::from(u64::MAX);
    let root = (u128::from(neuron.root_stake) * weight).saturating_mul(1 << 32);
    // Signed 64.64 on the chain, so its numbers end at 2¹²⁷.
    (u128::from(neuron.alpha_stake) << 64).saturating_add(root).min(i128::MAX.unsigned_abs())
}

fn stake_shares(totals: &[u128], counts: impl Fn(usize, u64) -> bool) -> Vec<Fixed> {
    let counted: Vec<u128> = totals
        .iter()
        .enumerate()
        .map(|(uid, total)| if counts(uid, u64::try_from(total >> 64).unwrap_or(u64::MAX)) { *total } else { 0 })
        .collect();
    let sum = counted.iter().fold(0u128, |sum, total| sum.saturating_add(*total));
    counted.iter().map(|total| Fixed::ratio(*total, sum)).collect()
}

/// Marks the `count` largest numbers that are not zero; of equal ones the higher uid wins.
fn largest(numbers: &[Fixed], count: usize) -> Vec<bool> {
    let mut marks: Vec<bool> = numbers.iter().map(|number| *number != Fixed::ZERO).collect();
    let mut ascending: Vec<(usize, Fixed)> = numbers.iter().copied().enumerate().collect();
    ascending.sort_by_key(|(_, number)| *number);
    for (uid, _) in ascending.iter().take(numbers.len().saturating_sub(count)) {
        if let Some(mark) = marks.get_mut(*uid) {
            *mark = false;
        }
    }
    marks
}

/// Shares of the emission.
struct Shares {
    server: Vec<Fixed>,
    validator: Vec<Fixed>,
    combined: Vec<Fixed>,
}

impl Shares {
    /// Miners and validators get half each; when nobody earned anything, stake does.
    fn of(incentive: &[Fixed], dividends: &[Fixed], standing: &Standing) -> Self {
        let combined: Vec<Fixed> = incentive.iter().zip(dividends).map(|(i, d)| *i + *d).collect();
        let sum = combined.iter().copied().sum();
        if sum == Fixed::ZERO {
            let anybody = standing.active_stake.iter().any(|stake| *stake != Fixed::ZERO);
            let by_stake = if anybody { &standing.active_stake } else { &standing.share };
            return Self { server: incentive.to_vec(), validator: by_stake.clone(), combined: by_stake.clone() };
        }
        Self {
            server: divided_by(incentive.to_vec(), sum),
            validator: divided_by(dividends.to_vec(), sum),
            combined: divided_by(combined, sum),
        }
    }
}

fn to_u16(shares: &[Fixed]) -> Vec<u16> {
    shares.iter().map(|share| share.to_u16_share()).collect()
}

fn paid(shares: &[Fixed], emission: u64) -> Vec<u64> {
    shares.iter().map(|share| share.of(emission)).collect()
}

fn kept_bonds(rows: Rows, permits: &[bool]) -> Vec<Vec<(u16, u16)>> {
    rows.into_iter()
        .zip(permits)
        .map(|(row, permit)| if *permit { row } else { Vec::new() })
        .map(|row| row.into_iter().map(|(uid, bond)| (uid, bond.to_u16_share())).collect())
        .collect()
}

/// What `set_weights` stores of a row: scaled so that the largest value becomes 65535, halves up, order kept.
#[must_use]
pub fn stored_weights(values: &[u16]) -> Vec<u16> {
    let top = values.iter().copied().max().unwrap_or(0);
    if top == 0 {
        return values.to_vec();
    }
    let whole = |value: u16| Fixed::whole(i32::from(value));
    // Above 32768 `value × 65535` would not fit, so the factor is rounded before it is applied.
    let factor = whole(u16::MAX) / whole(top);
    values
        .iter()
        .map(|value| {
            let scaled = if top > 32_768 {
                whole(*value) * factor
            } else {
                Fixed::whole(i32::from(*value) * i32::from(u16::MAX)) / whole(top)
            };
            scaled.round_to_u16()
        })
        .collect()
}
