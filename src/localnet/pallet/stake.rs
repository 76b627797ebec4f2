//! Stake: alpha that a coldkey holds on a hotkey in a subnet, bought from the pool and sold back to it.

use super::*;
use crate::{
    localnet::runtime::{AccountId, NetUid},
    yuma,
};
use frame_support::{
    dispatch::DispatchResult,
    ensure,
    traits::{fungible::Inspect, fungible::Mutate, tokens::Preservation},
};

/// The least stake, in rao.
pub(super) const MIN_STAKE: u64 = 2_000_000;
/// Amounts above this many times a reserve are refused outright.
const MAX_TIMES_RESERVE: u64 = 1000;

impl<T: Config> Pallet<T> {
    /// Buys alpha for `tao` rao.
    ///
    /// # Errors
    /// In this order: `InsufficientLiquidity` for a thousand times the reserve, `SubnetNotExists`, `SubtokenDisabled`,
    /// `AmountTooLow`, `NotEnoughBalanceToStake`, `HotKeyAccountNotExists`, `InsufficientLiquidity`.
    pub(crate) fn do_add_stake(coldkey: &AccountId, hotkey: &AccountId, netuid: NetUid, tao: u64) -> DispatchResult {
        let reserve = SubnetTAO::<T>::get(netuid).saturating_mul(MAX_TIMES_RESERVE);
        ensure!(!Self::has_pool(netuid) || tao <= reserve, Error::<T>::InsufficientLiquidity);
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        ensure!(SubtokenEnabled::<T>::get(netuid), Error::<T>::SubtokenDisabled);
        let fee = Self::swap_fee(netuid, tao);
        ensure!(tao >= MIN_STAKE.saturating_add(fee), Error::<T>::AmountTooLow);
        ensure!(pallet_balances::Pallet::<T>::balance(coldkey) >= tao, Error::<T>::NotEnoughBalanceToStake);
        ensure!(Owner::<T>::contains_key(hotkey), Error::<T>::HotKeyAccountNotExists);
        pallet_balances::Pallet::<T>::transfer(coldkey, &Self::subnet_account(netuid), tao, Preservation::Expendable)
            .map_err(|_| Error::<T>::NotEnoughBalanceToStake)?;
        let alpha = Self::buy_alpha(netuid, tao)?;
        SubnetAlphaOut::<T>::mutate(netuid, |sum| *sum = sum.saturating_add(alpha));
        Self::note_flow(netuid, i128::from(tao));
        Self::credit_staker(hotkey, coldkey, netuid, alpha);
        Self::tell_added(Position { coldkey, hotkey, netuid }, tao, alpha, fee);
        Ok(())
    }

    /// Sells alpha; an amount above what is held means all.
    ///
    /// # Errors
    /// In this order: `SubtokenDisabled`, `InsufficientLiquidity`, `SubnetNotExists`, `AmountTooLow`,
    /// `HotKeyAccountNotExists`.
    pub(crate) fn do_remove_stake(
        coldkey: &AccountId,
        hotkey: &AccountId,
        netuid: NetUid,
        alpha: u64,
    ) -> DispatchResult {
        ensure!(SubtokenEnabled::<T>::get(netuid), Error::<T>::SubtokenDisabled);
        let held = Self::stake_of(hotkey, coldkey, netuid);
        let alpha = alpha.min(held);
        let reserve = SubnetAlphaIn::<T>::get(netuid).saturating_mul(MAX_TIMES_RESERVE);
        ensure!(!Self::has_pool(netuid) || alpha <= reserve, Error::<T>::InsufficientLiquidity);
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        ensure!(alpha > 0, Error::<T>::AmountTooLow);
        ensure!(Owner::<T>::contains_key(hotkey), Error::<T>::HotKeyAccountNotExists);
        let fee = Self::swap_fee(netuid, alpha);
        let tao = Self::sell_alpha(netuid, alpha)?;
        ensure!(tao >= MIN_STAKE || alpha == held, Error::<T>::AmountTooLow);
        pallet_balances::Pallet::<T>::transfer(&Self::subnet_account(netuid), coldkey, tao, Preservation::Expendable)?;
        Self::debit_staker(hotkey, coldkey, netuid, alpha);
        SubnetAlphaOut::<T>::mutate(netuid, |sum| *sum = sum.saturating_sub(alpha));
        Self::note_flow(netuid, -i128::from(tao));
        Self::tell_removed(Position { coldkey, hotkey, netuid }, tao, alpha, fee);
        Ok(())
    }

    /// What a coldkey holds on a hotkey, in alpha-rao.
    #[must_use]
    pub fn stake_of(hotkey: &AccountId, coldkey: &AccountId, netuid: NetUid) -> u64 {
        let share = AlphaV2::<T>::get((hotkey, coldkey, netuid));
        share.part_of(TotalHotkeyAlpha::<T>::get(hotkey, netuid), TotalHotkeySharesV2::<T>::get(hotkey, netuid))
    }

    /// What a hotkey's stake counts in a subnet: its alpha there and, weighted, its TAO on root, both with what parents
    /// gave and without what children got; in rao.
    #[must_use]
    pub fn stake_weight(hotkey: &AccountId, netuid: NetUid) -> u64 {
        let [alpha, root] = Self::inherited_in(hotkey, netuid, [netuid, NetUid::ROOT]);
        yuma::stake_weight(alpha, root, TaoWeight::<T>::get())
    }

    /// Whether that is what `StakeThreshold` asks for.
    pub(crate) fn weighs_enough(hotkey: &AccountId, netuid: NetUid) -> bool {
        let threshold = StakeThreshold::<T>::get();
        // Where any stake is enough it is not weighed, which takes longer than all else that is checked of weights.
        threshold == 0 || Self::stake_weight(hotkey, netuid) >= threshold
    }

    /// Gives `alpha` to one staker of a hotkey: new shares at the present value of the old ones.
    pub(crate) fn credit_staker(hotkey: &AccountId, coldkey: &AccountId, netuid: NetUid, alpha: u64) {
        let (total, whole) =
            (TotalHotkeyAlpha::<T>::get(hotkey, netuid), TotalHotkeySharesV2::<T>::get(hotkey, netuid));
        let shares =
            if total == 0 || whole.is_zero() { SafeFloat::from_whole(alpha) } else { whole.times_ratio(alpha, total) };
        let is_new = AlphaV2::<T>::mutate((hotkey, coldkey, netuid), |mine| {
            let is_new = mine.is_zero();
            *mine = mine.plus(shares);
            is_new
        });
        TotalHotkeySharesV2::<T>::insert(hotkey, netuid, whole.plus(shares));
        TotalHotkeyAlpha::<T>::insert(hotkey, netuid, total.saturating_add(alpha));
        // Who has shares was noted when the first came.
        if is_new {
            Self::note_staking_hotkey(coldkey, hotkey);
        }
        if netuid == NetUid::ROOT {
            Self::claim_starts_now(hotkey, coldkey, alpha);
        }
    }

    /// Gives `alpha` to all stakers of a hotkey in proportion; to its owner when it has none.
    pub(crate) fn credit_hotkey(hotkey: &AccountId, netuid: NetUid, alpha: u64) {
        if TotalHotkeySharesV2::<T>::get(hotkey, netuid).is_zero() {
            return Self::credit_staker(hotkey, &Owner::<T>::get(hotkey), netuid, alpha);
        }
        TotalHotkeyAlpha::<T>::mutate(hotkey, netuid, |total| *total = total.saturating_add(alpha));
    }

    /// Takes `alpha` from one staker of a hotkey; more than it holds means all.
    pub(crate) fn debit_staker(hotkey: &AccountId, coldkey: &AccountId, netuid: NetUid, alpha: u64) {
        let (total, whole) =
            (TotalHotkeyAlpha::<T>::get(hotkey, netuid), TotalHotkeySharesV2::<T>::get(hotkey, netuid));
        let key = (hotkey, coldkey, netuid);
        let mine = AlphaV2::<T>::get(key);
        let everything = alpha >= Self::stake_of(hotkey, coldkey, netuid);
        let shares = if everything { mine } else { whole.times_ratio(alpha, total) };
        if everything {
            AlphaV2::<T>::remove(key);
        } else {
            AlphaV2::<T>::insert(key, mine.minus(shares));
        }
        TotalHotkeySharesV2::<T>::insert(hotkey, netuid, whole.minus(shares));
        TotalHotkeyAlpha::<T>::insert(hotkey, netuid, total.saturating_sub(alpha));
        if netuid == NetUid::ROOT {
            Self::claim_shrinks(hotkey, coldkey, alpha);
        }
    }
}
