//! Bonds: what a validator holds of each miner, and the dividends it draws from them.

use super::{
    Subnet,
    fixed::{Fixed, normalised},
    sparse::{self, Row, Rows},
};

/// How bonds move from one epoch to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BondRule {
    /// Columns of stake × weight are shared out; dividends follow the shares.
    Yuma2,
    /// Weights themselves are averaged; dividends follow the shares times stake.
    Yuma3,
    /// Yuma 3 with a speed of its own for each pair.
    Liquid {
        /// Least speed, u16 fraction.
        low: u16,
        /// Largest speed, u16 fraction.
        high: u16,
        /// How sharply it changes, hundredths.
        steepness: i16,
    },
}

/// After an epoch.
pub(super) struct Bonds {
    pub(super) rows: Rows,
    pub(super) dividends: Vec<Fixed>,
}

/// Moves the bonds towards the weights and draws the dividends.
pub(super) fn move_bonds(
    subnet: &Subnet,
    active_stake: &[Fixed],
    weights: &[Row],
    clipped: &[Row],
    consensus: &[Fixed],
    incentive: &[Fixed],
) -> Bonds {
    let target = bond_weights(weights, clipped, subnet.bonds_penalty);
    let old = stored_bonds(subnet);
    let flat = Fixed::ONE - Fixed::from_millionths(subnet.bonds_moving_average);
    if subnet.bond_rule == BondRule::Yuma2 {
        let bought = sparse::columns_to_one(sparse::rows_times(&target, active_stake));
        let shares = sparse::columns_to_one(moving_average(&bought, &sparse::columns_to_one(old), flat));
        let dividends = normalised(drawn(&shares, incentive));
        return Bonds { rows: sparse::columns_to_top(shares), dividends };
    }
    let unit = Fixed::whole(i32::from(u16::MAX));
    let old: Rows =
        old.into_iter().map(|row| row.into_iter().map(|(uid, bond)| (uid, bond / unit)).collect()).collect();
    let rows = match subnet.bond_rule {
        BondRule::Liquid { low, high, steepness } if consensus.iter().any(|c| *c != Fixed::ZERO) => {
            Liquid::new(low, high, steepness).moving_average(&target, &old, consensus)
        }
        _ => moving_average(&target, &old, flat),
    };
    let held = drawn(&sparse::columns_to_one(rows.clone()), incentive);
    let dividends = normalised(held.iter().zip(active_stake).map(|(held, stake)| *held * *stake).collect());
    Bonds { rows, dividends }
}

/// Wᵇ: weights on the way to the clipped ones, as far as the penalty goes.
fn bond_weights(weights: &[Row], clipped: &[Row], penalty: u16) -> Rows {
    match penalty {
        0 => weights.to_vec(),
        u16::MAX => clipped.to_vec(),
        _ => {
            let penalty = Fixed::from_u16_share(penalty);
            weights.iter().zip(clipped).map(|(weights, clipped)| mixed(weights, clipped, penalty)).collect()
        }
    }
}

fn mixed(weights: &[(u16, Fixed)], clipped: &[(u16, Fixed)], penalty: Fixed) -> Row {
    let mut row: Row = weights
        .iter()
        .map(|(uid, weight)| {
            let cut = sparse::value(clipped, *uid).unwrap_or(Fixed::ZERO);
            (*uid, *weight + penalty * (cut - *weight))
        })
        .filter(|(_, weight)| *weight > Fixed::ZERO)
        .collect();
    row.sort_unstable_by_key(|(uid, _)| *uid);
    row
}

/// The bonds of the last epoch, without those to neurons that registered since.
fn stored_bonds(subnet: &Subnet) -> Rows {
    let since = match subnet.last_step_block {
        0 => subnet.block.saturating_sub(subnet.tempo),
        last => last.saturating_add(1),
    };
    let lasts = |uid: u16| subnet.neurons.get(usize::from(uid)).is_some_and(|neuron| since > neuron.registered_at);
    let kept = |(uid, bond): &(u16, u16)| lasts(*uid).then(|| (*uid, Fixed::whole(i32::from(*bond))));
    subnet.neurons.iter().map(|neuron| neuron.bonds.iter().filter_map(kept).collect()).collect()
}

/// `rate × new + (1 − rate) × old`, in order of uids; a value missing on one side counts as zero there.
fn moving_average(new: &[Row], old: &[Row], rate: Fixed) -> Rows {
    let size = new.len();
    let keep = Fixed::ONE - rate;
    new.iter()
        .zip(old)
        .map(|(new, old)| {
            let mut sums = vec![Fixed::ZERO; size];
            for (row, factor) in [(new, rate), (old, keep)] {
                for (uid, value) in row {
                    if let Some(sum) = sums.get_mut(usize::from(*uid)) {
                        *sum = *sum + factor * *value;
                    }
                }
            }
            (0u16..).zip(sums).filter(|(_, sum)| *sum > Fixed::ZERO).collect()
        })
        .collect()
}

/// What each validator draws: the sum of its shares times the miners' incentive.
fn drawn(shares: &[Row], incentive: &[Fixed]) -> Vec<Fixed> {
    let of = |(uid, share): &(u16, Fixed)| *share * incentive.get(usize::from(*uid)).copied().unwrap_or(Fixed::ZERO);
    shares.iter().map(|row| row.iter().map(of).sum()).collect()
}

/// Liquid alpha: bonds move faster the more a validator's weight is ahead of the consensus, or its bond of its weight.
struct Liquid {
    low: Fixed,
    high: Fixed,
    /// Minus the steepness, as it stands in the exponent.
    slope: Fixed,
}

impl Liquid {
    fn new(low: u16, high: u16, steepness: i16) -> Self {
        Self {
            low: Fixed::from_u16_share(low),
            high: Fixed::from_u16_share(high),
            slope: Fixed::whole(i32::from(steepness)) / Fixed::whole(-100),
        }
    }

    /// Only pairs with a new weight keep a bond.
    fn moving_average(&self, new: &[Row], old: &[Row], consensus: &[Fixed]) -> Rows {
        new.iter().zip(old).map(|(new, old)| self.row(new, old, consensus)).collect()
    }

    fn row(&self, new: &[(u16, Fixed)], old: &[(u16, Fixed)], consensus: &[Fixed]) -> Row {
        let size = consensus.len();
        let seen = (merged(new, size), merged(old, size));
        let held = sparse::spread(old, size);
        new.iter()
            .filter_map(|(uid, weight)| {
                let at = usize::from(*uid);
                let rate = self.rate(*consensus.get(at)?, *seen.0.get(at)?, *seen.1.get(at)?);
                let bond = (Fixed::ONE - rate) * *held.get(at)? + (rate * *weight).max(Fixed::ZERO);
                Some((*uid, bond.min(Fixed::ONE))).filter(|(_, bond)| *bond > Fixed::ZERO)
            })
            .collect()
    }

    fn rate(&self, consensus: Fixed, weight: Fixed, bond: Fixed) -> Fixed {
        let gap = if weight >= bond { weight - consensus } else { bond - weight };
        let gap = gap.clamp(Fixed::ZERO, Fixed::ONE);
        let exponent = (self.slope * (gap - Fixed::HALF)).clamp(Fixed::whole(-20), Fixed::whole(20));
        let logistic = Fixed::ONE / (Fixed::ONE + exponent.exp());
        let rate = self.low + logistic * (self.high - self.low);
        // Not `clamp`: settings may have the bounds the wrong way round, and the chain does not stop over it.
        rate.min(self.high).max(self.low)
    }
}

/// A row as the chain's merge of two rows sees it: it walks upwards through the uids, so a value that stands behind one of
/// a higher uid is not found and counts as zero.
fn merged(row: &[(u16, Fixed)], size: usize) -> Vec<Fixed> {
    let mut rest = row.iter().peekable();
    (0u16..)
        .take(size)
        .map(|uid| {
            while rest.next_if(|(next, _)| *next < uid).is_some() {}
            rest.peek().filter(|(next, _)| *next == uid).map_or(Fixed::ZERO, |(_, value)| *value)
        })
        .collect()
}
