//! Mechanisms: a subnet may have several, each with weights, bonds and incentive of its own and a part of the emission.

use super::*;
use crate::{
    localnet::runtime::{MechId, NetUid},
    yuma::Outcome,
};
use frame_support::{dispatch::DispatchResult, ensure};

/// Storage of mechanisms is keyed by `netuid + 4096 × mechanism`, which ends at 16.
const MOST: u8 = 16;

impl<T: Config> Pallet<T> {
    /// The mechanisms of a subnet, the main one first.
    pub fn mechanisms(netuid: NetUid) -> impl Iterator<Item = MechId> {
        (0..MechanismCountCurrent::<T>::get(netuid).0).map(MechId)
    }

    pub(crate) fn check_mechanism(netuid: NetUid, mechanism: MechId) -> Result<(), Error<T>> {
        let exists = NetworksAdded::<T>::get(netuid) && mechanism.0 < MechanismCountCurrent::<T>::get(netuid).0;
        ensure!(exists, Error::MechanismDoesNotExist);
        Ok(())
    }

    /// Adds or removes mechanisms; all that a removed one had is forgotten, and the split of emission is even again.
    ///
    /// # Errors
    /// `InvalidValue` for none or more than `MaxMechanismCount`, `TooManyUIDsPerMechanism` for more than 256 neurons in all
    /// mechanisms together.
    pub(crate) fn set_mechanism_count(netuid: NetUid, count: MechId) -> DispatchResult {
        let most = MaxMechanismCount::<T>::get().0.min(MOST);
        ensure!((1..=most).contains(&count.0), Error::<T>::InvalidValue);
        let uids = u32::from(MaxAllowedUids::<T>::get(netuid)) * u32::from(count.0);
        ensure!(uids <= 256, Error::<T>::TooManyUIDsPerMechanism);
        let old = MechanismCountCurrent::<T>::get(netuid).0;
        if old == count.0 {
            return Ok(());
        }
        for removed in (count.0..old).map(MechId) {
            let index = netuid.mechanism(removed);
            drop(Weights::<T>::clear_prefix(index, u32::MAX, None));
            drop(Bonds::<T>::clear_prefix(index, u32::MAX, None));
            Incentive::<T>::remove(index);
            LastUpdate::<T>::remove(index);
            Self::forget_commits(index);
        }
        let neurons = usize::from(SubnetworkN::<T>::get(netuid));
        for added in (old..count.0).map(MechId) {
            Incentive::<T>::insert(netuid.mechanism(added), vec![0; neurons]);
            LastUpdate::<T>::insert(netuid.mechanism(added), vec![0; neurons]);
        }
        MechanismCountCurrent::<T>::insert(netuid, count);
        MechanismEmissionSplit::<T>::remove(netuid);
        Ok(())
    }

    /// Splits emission in given shares, u16 fractions; evenly where there are none.
    ///
    /// # Errors
    /// `InvalidValue` unless there are shares for at most as many mechanisms as there are, and their sum is 65535.
    pub(crate) fn set_emission_split(netuid: NetUid, shares: Option<Vec<u16>>) -> DispatchResult {
        let Some(shares) = shares else {
            MechanismEmissionSplit::<T>::remove(netuid);
            return Ok(());
        };
        let fits = (1..=usize::from(MechanismCountCurrent::<T>::get(netuid).0)).contains(&shares.len());
        let sum: u64 = shares.iter().map(|share| u64::from(*share)).sum();
        ensure!(fits && sum == u64::from(u16::MAX), Error::<T>::InvalidValue);
        MechanismEmissionSplit::<T>::insert(netuid, shares);
        Ok(())
    }

    /// The part of each mechanism in `alpha` rao; what rounding leaves goes to the main one.
    #[must_use]
    pub fn split_emission(netuid: NetUid, alpha: u64) -> Vec<u64> {
        let count = usize::from(MechanismCountCurrent::<T>::get(netuid).0);
        let mut parts: Vec<u64> = match MechanismEmissionSplit::<T>::get(netuid) {
            Some(shares) => shares
                .into_iter()
                .map(|share| super::pool::scale(alpha, u128::from(share), u128::from(u16::MAX)))
                .collect(),
            None => vec![alpha.checked_div(count as u64).unwrap_or(0); count],
        };
        parts.resize(count, 0);
        let rest = alpha.saturating_sub(parts.iter().sum());
        if let Some(main) = parts.first_mut() {
            *main = main.saturating_add(rest);
        }
        parts
    }
}

/// One outcome for the whole subnet: shares are averaged by the parts of the emission, amounts added, and whoever is active
/// or permitted anywhere is so everywhere. Incentive and bonds stay each mechanism's own.
pub(super) fn merged(parts: Vec<(u64, Outcome)>) -> Option<Outcome> {
    let whole: u64 = parts.iter().map(|(part, _)| *part).sum();
    let mut parts = parts.into_iter();
    let (part, main) = parts.next()?;
    // Without emission the main mechanism stands for all.
    let mut merged = if whole == 0 { main } else { weighted(main, part, whole) };
    for (part, other) in parts {
        let other = weighted(other, part, whole);
        add(&mut merged.stake_weight, &other.stake_weight, u16::saturating_add);
        add(&mut merged.consensus, &other.consensus, u16::saturating_add);
        add(&mut merged.validator_trust, &other.validator_trust, u16::saturating_add);
        add(&mut merged.dividends, &other.dividends, u16::saturating_add);
        add(&mut merged.emission, &other.emission, u64::saturating_add);
        add(&mut merged.server_emission, &other.server_emission, u64::saturating_add);
        add(&mut merged.validator_emission, &other.validator_emission, u64::saturating_add);
        add(&mut merged.active, &other.active, |a, b| a | b);
        add(&mut merged.validator_permit, &other.validator_permit, |a, b| a | b);
    }
    Some(merged)
}

fn weighted(mut outcome: Outcome, part: u64, whole: u64) -> Outcome {
    let weight = (u128::from(part) << 64).checked_div(u128::from(whole)).unwrap_or(0);
    let of = |share: u16| u16::try_from((u128::from(share) * weight) >> 64).unwrap_or(u16::MAX);
    for shares in [
        &mut outcome.stake_weight,
        &mut outcome.consensus,
        &mut outcome.validator_trust,
        &mut outcome.dividends,
        &mut outcome.incentive,
    ] {
        for share in shares.iter_mut() {
            *share = of(*share);
        }
    }
    outcome
}

fn add<V: Copy>(sum: &mut [V], more: &[V], plus: impl Fn(V, V) -> V) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum = plus(*sum, *more);
    }
}
