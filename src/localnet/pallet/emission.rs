//! Emission: what each block makes, and how an epoch pays it out.
//!
//! Simplified against the real chain: TAO enters a pool only beside alpha at the present price, at most one block's alpha,
//! and the rest is not minted (there, it buys alpha for the protocol); alpha of the owner's miners is burned, which does not lower
//! the subnet's share.

use super::{pool::scale, *};
use crate::{
    localnet::runtime::{AccountId, AlphaBalance, NetUid, scalars::I96F32},
    yuma::Outcome,
};
use frame_support::traits::fungible::Mutate;
use std::collections::BTreeMap;

/// All TAO, and all alpha of a subnet, that there will ever be, in rao.
const MAX_SUPPLY: u64 = 21_000_000_000_000_000;
/// Emission of a block before the first halving, in rao.
const FIRST_EMISSION: u64 = 1_000_000_000;
/// One, with 32 bits after the point.
const ONE: i128 = 1 << 32;

/// Emission of a block at this issuance: halved whenever half of what was left is out.
fn emission_at(issuance: u64) -> u64 {
    let left = MAX_SUPPLY.saturating_sub(issuance);
    if left == 0 {
        return 0;
    }
    FIRST_EMISSION.checked_shr((MAX_SUPPLY / left).ilog2()).unwrap_or(0)
}

impl<T: Config> Pallet<T> {
    /// One block's emission for all subnets: into the pools, and into what the next epochs pay.
    pub(crate) fn emit() {
        let emission = emission_at(TotalIssuance::<T>::get());
        BlockEmission::<T>::put(emission);
        let subnets: Vec<NetUid> = NetworksAdded::<T>::iter_keys().filter(|netuid| Self::emits(*netuid)).collect();
        let prices: Vec<u128> = subnets.iter().map(|netuid| Self::tao_claim(*netuid)).collect();
        let sum: u128 = prices.iter().sum();
        let root_earns = Self::root_earns(&subnets);
        for (netuid, price) in subnets.into_iter().zip(prices) {
            let issuance = SubnetAlphaIn::<T>::get(netuid).saturating_add(SubnetAlphaOut::<T>::get(netuid));
            let alpha = emission_at(issuance);
            Self::inject(netuid, scale(emission, price, sum), alpha);
            Self::set_aside(netuid, alpha, root_earns);
        }
    }

    fn emits(netuid: NetUid) -> bool {
        netuid != NetUid::ROOT
            && FirstEmissionBlockNumber::<T>::get(netuid).is_some_and(|first| first <= Self::block())
            && SubtokenEnabled::<T>::get(netuid)
            && NetworkRegistrationAllowed::<T>::get(netuid)
    }

    /// By what a subnet shares in the TAO: its moving price, and a least one so that fresh subnets share alike.
    fn tao_claim(netuid: NetUid) -> u128 {
        if !SubnetEmissionEnabled::<T>::get(netuid) {
            return 0;
        }
        SubnetMovingPrice::<T>::get(netuid).bits.max(1).unsigned_abs()
    }

    fn inject(netuid: NetUid, tao: u64, alpha_limit: u64) {
        let (side_tao, side_alpha) = (SubnetTAO::<T>::get(netuid), SubnetAlphaIn::<T>::get(netuid));
        let alpha = scale(tao, u128::from(side_alpha), u128::from(side_tao)).min(alpha_limit);
        let tao = scale(alpha, u128::from(side_tao), u128::from(side_alpha));
        SubnetTaoInEmission::<T>::insert(netuid, tao);
        SubnetAlphaInEmission::<T>::insert(netuid, alpha);
        if pallet_balances::Pallet::<T>::mint_into(&Self::subnet_account(netuid), tao).is_err() {
            return;
        }
        SubnetTAO::<T>::insert(netuid, side_tao.saturating_add(tao));
        SubnetAlphaIn::<T>::insert(netuid, side_alpha.saturating_add(alpha));
        TotalIssuance::<T>::mutate(|sum| *sum = sum.saturating_add(tao));
        TotalStake::<T>::mutate(|sum| *sum = sum.saturating_add(tao));
    }

    /// Do stakers on root get a part of what subnets make? While the moving prices of all sum up to more than one TAO.
    fn root_earns(subnets: &[NetUid]) -> bool {
        subnets.iter().map(|netuid| SubnetMovingPrice::<T>::get(netuid).bits).sum::<i128>() > ONE
    }

    /// The owner's cut, and half of the rest each for miners and validators; root's part is taken from the validators', and
    /// destroyed while root does not earn.
    fn set_aside(netuid: NetUid, alpha: u64, root_earns: bool) {
        SubnetAlphaOutEmission::<T>::insert(netuid, alpha);
        SubnetAlphaOut::<T>::mutate(netuid, |sum| *sum = sum.saturating_add(alpha));
        let cut = if OwnerCutEnabled::<T>::get(netuid) {
            scale(alpha, u128::from(SubnetOwnerCut::<T>::get()), u128::from(u16::MAX))
        } else {
            0
        };
        let rest = alpha.saturating_sub(cut);
        PendingOwnerCut::<T>::mutate(netuid, |sum| *sum = sum.saturating_add(cut));
        PendingServerEmission::<T>::mutate(netuid, |sum| *sum = sum.saturating_add(rest / 2));
        let root = scale(rest / 2, Self::root_proportion(netuid), 1 << 32);
        PendingValidatorEmission::<T>::mutate(netuid, |sum| *sum = sum.saturating_add(rest - rest / 2 - root));
        if root_earns {
            PendingRootAlphaDivs::<T>::mutate(netuid, |sum| *sum = sum.saturating_add(root));
        } else {
            SubnetAlphaOut::<T>::mutate(netuid, |sum| *sum = sum.saturating_sub(root));
        }
    }

    /// The moving price after this block.
    pub(crate) fn move_price(netuid: NetUid) {
        let Some(started) = FirstEmissionBlockNumber::<T>::get(netuid) else { return };
        let blocks = i128::from(Self::block().saturating_sub(started));
        let halving = i128::from(EMAPriceHalvingBlocks::<T>::get(netuid));
        let speed = SubnetMovingAlpha::<T>::get().bits.saturating_mul(blocks) / blocks.saturating_add(halving).max(1);
        let price = i128::from(Self::alpha_price(netuid)) * ONE / i128::from(FIRST_EMISSION);
        let old = SubnetMovingPrice::<T>::get(netuid).bits;
        let bits = (speed * price.min(ONE) + (ONE - speed) * old) >> 32;
        SubnetMovingPrice::<T>::insert(netuid, I96F32 { bits });
    }

    /// Pays an epoch: alpha to the miners' owners, dividends to the validators' stakers after the take, the cut to the owner.
    pub(crate) fn pay_epoch(netuid: NetUid, hotkeys: &[AccountId], outcome: &Outcome) {
        let servers = PendingServerEmission::<T>::take(netuid);
        let mut validators = PendingValidatorEmission::<T>::take(netuid);
        if outcome.server_emission.iter().all(|alpha| *alpha == 0) {
            validators = validators.saturating_add(servers);
        }
        for (hotkey, alpha) in hotkeys.iter().zip(&outcome.server_emission) {
            Self::pay_miner(netuid, hotkey, *alpha);
        }
        drop(AlphaDividendsPerSubnet::<T>::clear_prefix(netuid, u32::MAX, None));
        drop(RootAlphaDividendsPerSubnet::<T>::clear_prefix(netuid, u32::MAX, None));
        Self::pay_dividends(netuid, hotkeys, outcome, validators);
        for (hotkey, alpha) in hotkeys.iter().zip(&outcome.emission) {
            LastHotkeyEmissionOnNetuid::<T>::insert(hotkey, netuid, alpha);
        }
        Self::pay_owner(netuid);
    }

    fn pay_miner(netuid: NetUid, hotkey: &AccountId, alpha: u64) {
        let owner = Owner::<T>::get(hotkey);
        // What falls to the subnet's owner is burned: nobody gets it, and the issuance keeps counting it.
        if alpha == 0 || owner == SubnetOwner::<T>::get(netuid) {
            return;
        }
        let Some(destination) = AutoStakeDestination::<T>::get(&owner, netuid) else {
            Self::credit_staker(hotkey, &owner, netuid, alpha);
            return;
        };
        Self::credit_staker(&destination, &owner, netuid, alpha);
        let (hotkey, incentive) = (hotkey.clone(), AlphaBalance(alpha));
        Self::deposit_event(Event::AutoStakeAdded { netuid, destination, hotkey, owner, incentive });
    }

    /// What validators earned goes to them and their parents, and there in two parts: to the stakers of the subnet and to those
    /// of root, by what each stake counts.
    fn pay_dividends(netuid: NetUid, hotkeys: &[AccountId], outcome: &Outcome, alpha: u64) {
        let mut earned: BTreeMap<AccountId, u64> = BTreeMap::new();
        for (hotkey, share) in hotkeys.iter().zip(&outcome.validator_emission).filter(|(_, share)| **share > 0) {
            for (payee, part) in Self::split_among_parents(hotkey, netuid, *share) {
                let sum = earned.entry(payee).or_default();
                *sum = sum.saturating_add(part);
            }
        }
        let claims: Vec<(AccountId, u64, u64)> = earned
            .into_iter()
            .map(|(hotkey, share)| {
                let root = Self::root_part(&hotkey, netuid, share);
                (hotkey, share - root, root)
            })
            .collect();
        let sum = |part: fn(&(AccountId, u64, u64)) -> u64| claims.iter().map(|claim| u128::from(part(claim))).sum();
        let (subnet_sum, root_sum): (u128, u128) = (sum(|claim| claim.1), sum(|claim| claim.2));
        let root = PendingRootAlphaDivs::<T>::take(netuid);
        if root_sum == 0 {
            SubnetAlphaOut::<T>::mutate(netuid, |sum| *sum = sum.saturating_sub(root));
        }
        for (hotkey, of_subnet, of_root) in &claims {
            // With stakers on root alone the subnet's part goes to the validators' owners.
            let (share, whole) = if subnet_sum == 0 { (*of_root, root_sum) } else { (*of_subnet, subnet_sum) };
            Self::pay_validator(netuid, hotkey, scale(alpha, share.into(), whole));
            Self::pay_root_stakers(netuid, hotkey, scale(root, u128::from(*of_root), root_sum));
        }
    }

    /// The part of a hotkey's dividends that its stake on root earned.
    fn root_part(hotkey: &AccountId, netuid: NetUid, share: u64) -> u64 {
        let root = TotalHotkeyAlpha::<T>::get(hotkey, NetUid::ROOT);
        let root = scale(root, u128::from(TaoWeight::<T>::get()), u128::from(u64::MAX));
        let whole = u128::from(root).saturating_add(TotalHotkeyAlpha::<T>::get(hotkey, netuid).into());
        scale(share, root.into(), whole)
    }

    fn pay_validator(netuid: NetUid, hotkey: &AccountId, alpha: u64) {
        if alpha == 0 {
            return;
        }
        let take = scale(alpha, u128::from(Delegates::<T>::get(hotkey)), u128::from(u16::MAX));
        Self::credit_hotkey(hotkey, netuid, alpha - take);
        Self::credit_staker(hotkey, &Owner::<T>::get(hotkey), netuid, take);
        AlphaDividendsPerSubnet::<T>::insert(netuid, hotkey, alpha - take);
    }

    fn pay_root_stakers(netuid: NetUid, hotkey: &AccountId, alpha: u64) {
        if alpha == 0 {
            return;
        }
        let take = scale(alpha, u128::from(Delegates::<T>::get(hotkey)), u128::from(u16::MAX));
        Self::credit_staker(hotkey, &Owner::<T>::get(hotkey), netuid, take);
        Self::owe_root_stakers(hotkey, netuid, alpha - take);
        RootAlphaDividendsPerSubnet::<T>::insert(netuid, hotkey, alpha - take);
    }

    fn pay_owner(netuid: NetUid) {
        let (alpha, owner) = (PendingOwnerCut::<T>::take(netuid), SubnetOwner::<T>::get(netuid));
        let hotkey = SubnetOwnerHotkey::<T>::get(netuid);
        if alpha > 0 && Owner::<T>::contains_key(&hotkey) {
            Self::credit_staker(&hotkey, &owner, netuid, alpha);
            Self::share_lease(netuid, alpha);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emission_halves_as_the_supply_runs_out() {
        let tao = 1_000_000_000;
        assert_eq!(emission_at(0), tao);
        assert_eq!(emission_at(10_500_000 * tao - 1), tao);
        assert_eq!(emission_at(10_500_000 * tao), tao / 2);
        assert_eq!(emission_at(15_750_000 * tao), tao / 4);
        assert_eq!(emission_at(MAX_SUPPLY), 0);
        assert_eq!(emission_at(u64::MAX), 0);
    }
}
