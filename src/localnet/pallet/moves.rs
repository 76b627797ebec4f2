//! Stake that goes from one position to another: between hotkeys, subnets and coldkeys, and out of all subnets at once.

use super::{
    pool::{Charge, scale},
    stake::MIN_STAKE,
    *,
};
use crate::localnet::runtime::{AccountId, AlphaBalance, NetUid, TaoBalance};
use frame_support::{
    dispatch::DispatchResult,
    ensure,
    storage::with_storage_layer,
    traits::{fungible::Mutate, tokens::Preservation},
};
use sp_runtime::DispatchError;

/// Rao in one TAO or alpha.
const UNIT: u128 = 1_000_000_000;

/// What a coldkey holds on a hotkey in a subnet.
#[derive(Clone, Copy, Debug)]
pub struct Position<'a> {
    /// The staker.
    pub coldkey: &'a AccountId,
    /// The hotkey.
    pub hotkey: &'a AccountId,
    /// The subnet.
    pub netuid: NetUid,
}

/// The least price of a move, in origin's alpha per destination's, times 10⁹, and whether a part that keeps it is enough.
#[derive(Clone, Copy, Debug)]
pub struct MoveLimit {
    /// price(origin) / price(destination) × 10⁹.
    pub price: u64,
    /// Move what fits, instead of nothing?
    pub allow_partial: bool,
}

impl<T: Config> Pallet<T> {
    /// Moves stake; an amount above what is held means all. Gives the TAO that it was worth, in rao.
    ///
    /// # Errors
    /// In this order: `SameNetuid` for a move onto itself, `SubnetNotExists`, `SubtokenDisabled`,
    /// `HotKeyAccountNotExists`, `AmountTooLow`, `SlippageTooHigh`, `TransferDisallowed` where the coldkey changes.
    pub(crate) fn do_move(
        from: Position<'_>,
        to: Position<'_>,
        alpha: u64,
        limit: Option<MoveLimit>,
    ) -> Result<u64, DispatchError> {
        let alpha = alpha.min(Self::stake_of(from.hotkey, from.coldkey, from.netuid));
        let nowhere = from.coldkey == to.coldkey && from.hotkey == to.hotkey && from.netuid == to.netuid;
        ensure!(!nowhere, Error::<T>::SameNetuid);
        for netuid in [from.netuid, to.netuid] {
            ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        }
        for netuid in [from.netuid, to.netuid] {
            ensure!(SubtokenEnabled::<T>::get(netuid), Error::<T>::SubtokenDisabled);
        }
        for hotkey in [from.hotkey, to.hotkey] {
            ensure!(Owner::<T>::contains_key(hotkey), Error::<T>::HotKeyAccountNotExists);
        }
        let alpha = Self::within_move_limit(from.netuid, to.netuid, alpha, limit)?;
        if from.coldkey != to.coldkey {
            let open = TransferToggle::<T>::get(from.netuid) && TransferToggle::<T>::get(to.netuid);
            ensure!(open, Error::<T>::TransferDisallowed);
        }
        if from.netuid == to.netuid { Self::move_within(from, to, alpha) } else { Self::move_across(from, to, alpha) }
    }

    /// [`Self::do_move`] on one hotkey, and its event.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn do_swap_stake(
        coldkey: AccountId,
        hotkey: AccountId,
        [from, to]: [NetUid; 2],
        alpha: u64,
        limit: Option<MoveLimit>,
    ) -> DispatchResult {
        let at = |netuid| Position { coldkey: &coldkey, hotkey: &hotkey, netuid };
        let tao = TaoBalance(Self::do_move(at(from), at(to), alpha, limit)?);
        Self::deposit_event(Event::StakeSwapped(coldkey, hotkey, from, to, tao));
        Ok(())
    }

    fn within_move_limit(from: NetUid, to: NetUid, alpha: u64, limit: Option<MoveLimit>) -> Result<u64, Error<T>> {
        let worth = Self::quote_sell(from, alpha).map_or(0, |swap| swap.got);
        let enough = if from == to { Self::worth(from, alpha) >= MIN_STAKE } else { worth > MIN_STAKE };
        ensure!(enough, Error::AmountTooLow);
        let Some(limit) = limit.filter(|_| from != to) else { return Ok(alpha) };
        Self::within(alpha, Self::movable(from, to, alpha, limit.price), limit.allow_partial)
    }

    /// What alpha is worth at the present price, in rao.
    fn worth(netuid: NetUid, alpha: u64) -> u64 {
        scale(alpha, u128::from(Self::alpha_price(netuid)), UNIT)
    }

    /// The most of `alpha` that moves before the ratio of the prices falls below `limit`.
    fn movable(from: NetUid, to: NetUid, alpha: u64, limit: u64) -> u64 {
        let keeps = |alpha| Self::ratio_after(from, to, alpha).is_some_and(|ratio| ratio >= u128::from(limit));
        if keeps(alpha) {
            return alpha;
        }
        // The ratio falls as the amount grows.
        let (mut most, mut too_much) = (0, alpha);
        while most + 1 < too_much {
            let middle = most.midpoint(too_much);
            if keeps(middle) {
                most = middle;
            } else {
                too_much = middle;
            }
        }
        most
    }

    /// price(origin) / price(destination) × 10⁹ after a move of `alpha`; `None` when the pools cannot.
    fn ratio_after(from: NetUid, to: NetUid, alpha: u64) -> Option<u128> {
        let sale = Self::quote_sell(from, alpha)?;
        let purchase = Self::quote(to, sale.got, Self::charge_of_purchase(from), true)?;
        let sold_at = Self::price_with(from, -i128::from(sale.got), i128::from(alpha.saturating_sub(sale.fee)))?;
        let net = sale.got.saturating_sub(purchase.fee);
        let bought_at = Self::price_with(to, i128::from(net), -i128::from(purchase.got))?;
        sold_at.checked_mul(UNIT)?.checked_div(bought_at)
    }

    /// The price in rao of a pool whose sides changed by so much.
    fn price_with(netuid: NetUid, tao: i128, alpha: i128) -> Option<u128> {
        if !Self::has_pool(netuid) {
            return Some(UNIT);
        }
        let tao = u128::try_from(i128::from(SubnetTAO::<T>::get(netuid)) + tao).ok()?;
        let alpha = u128::try_from(i128::from(SubnetAlphaIn::<T>::get(netuid)) + alpha).ok()?;
        tao.checked_mul(UNIT)?.checked_div(alpha)
    }

    /// Only one leg of a move pays the fee: the sale, or the purchase where there is nothing to sell.
    fn charge_of_purchase(from: NetUid) -> Charge {
        if from == NetUid::ROOT { Charge::Fee } else { Charge::Nothing }
    }

    pub(crate) fn move_within(from: Position<'_>, to: Position<'_>, alpha: u64) -> Result<u64, DispatchError> {
        let tao = Self::worth(from.netuid, alpha);
        Self::debit_staker(from.hotkey, from.coldkey, from.netuid, alpha);
        Self::credit_staker(to.hotkey, to.coldkey, to.netuid, alpha);
        Self::tell_removed(from, tao, alpha, 0);
        Self::tell_added(to, tao, alpha, 0);
        Ok(tao)
    }

    fn move_across(from: Position<'_>, to: Position<'_>, alpha: u64) -> Result<u64, DispatchError> {
        let fee = Self::swap_fee(from.netuid, alpha);
        let tao = Self::sell_alpha(from.netuid, alpha)?;
        Self::debit_staker(from.hotkey, from.coldkey, from.netuid, alpha);
        SubnetAlphaOut::<T>::mutate(from.netuid, |sum| *sum = sum.saturating_sub(alpha));
        Self::note_flow(from.netuid, -i128::from(tao));
        Self::tell_removed(from, tao, alpha, fee);
        let (source, target) = (Self::subnet_account(from.netuid), Self::subnet_account(to.netuid));
        pallet_balances::Pallet::<T>::transfer(&source, &target, tao, Preservation::Expendable)?;
        let charge = Self::charge_of_purchase(from.netuid);
        let fee = charge.of(Self::swap_fee(to.netuid, tao));
        let bought = Self::buy_alpha_charging(to.netuid, tao, charge)?;
        SubnetAlphaOut::<T>::mutate(to.netuid, |sum| *sum = sum.saturating_add(bought));
        Self::note_flow(to.netuid, i128::from(tao));
        Self::credit_staker(to.hotkey, to.coldkey, to.netuid, bought);
        Self::tell_added(to, tao, bought, fee);
        Ok(tao)
    }

    pub(crate) fn tell_added(to: Position<'_>, tao: u64, alpha: u64, fee: u64) {
        let (coldkey, hotkey) = (to.coldkey.clone(), to.hotkey.clone());
        Self::deposit_event(Event::StakeAdded(coldkey, hotkey, TaoBalance(tao), AlphaBalance(alpha), to.netuid, fee));
    }

    pub(crate) fn tell_removed(from: Position<'_>, tao: u64, alpha: u64, fee: u64) {
        let (coldkey, hotkey, netuid) = (from.coldkey.clone(), from.hotkey.clone(), from.netuid);
        Self::deposit_event(Event::StakeRemoved(coldkey, hotkey, TaoBalance(tao), AlphaBalance(alpha), netuid, fee));
    }

    /// Sells what a coldkey holds on a hotkey in all subnets; a subnet in which that is impossible keeps it.
    ///
    /// # Errors
    /// `HotKeyAccountNotExists`.
    pub(crate) fn do_unstake_all(coldkey: &AccountId, hotkey: &AccountId) -> DispatchResult {
        ensure!(Owner::<T>::contains_key(hotkey), Error::<T>::HotKeyAccountNotExists);
        for netuid in Self::held_in(coldkey, hotkey) {
            let held = Self::stake_of(hotkey, coldkey, netuid);
            // One that cannot be sold leaves no trace and does not keep the others.
            let _ = with_storage_layer(|| Self::do_remove_stake(coldkey, hotkey, netuid, held));
        }
        Ok(())
    }

    /// Moves the alpha that a coldkey holds on a hotkey in all subnets to root, under the same hotkey.
    ///
    /// # Errors
    /// `HotKeyAccountNotExists`, and `AmountTooLow` when nothing could be moved.
    pub(crate) fn do_unstake_all_alpha(coldkey: &AccountId, hotkey: &AccountId) -> DispatchResult {
        ensure!(Owner::<T>::contains_key(hotkey), Error::<T>::HotKeyAccountNotExists);
        let to = Position { coldkey, hotkey, netuid: NetUid::ROOT };
        let mut moved = false;
        for netuid in Self::held_in(coldkey, hotkey).into_iter().filter(|netuid| *netuid != NetUid::ROOT) {
            let from = Position { netuid, ..to };
            moved |= with_storage_layer(|| Self::do_move(from, to, u64::MAX, None)).is_ok();
        }
        ensure!(moved, Error::<T>::AmountTooLow);
        Ok(())
    }

    /// The subnets in which a coldkey holds something on a hotkey.
    fn held_in(coldkey: &AccountId, hotkey: &AccountId) -> Vec<NetUid> {
        AlphaV2::<T>::iter_key_prefix((hotkey, coldkey)).collect()
    }

    /// Buys alpha for `tao` rao and burns it.
    ///
    /// # Errors
    /// Those of buying, and `SlippageTooHigh` where the price would pass the limit.
    pub(crate) fn do_add_stake_burn(at: Position<'_>, tao: u64, limit: Option<u64>) -> DispatchResult {
        let Position { coldkey, hotkey, netuid } = at;
        let room = limit.map_or(u64::MAX, |limit| Self::buyable(netuid, limit));
        let tao = Self::within(tao, room, false)?;
        let before = Self::stake_of(hotkey, coldkey, netuid);
        Self::do_add_stake(coldkey, hotkey, netuid, tao)?;
        let alpha = Self::stake_of(hotkey, coldkey, netuid).saturating_sub(before);
        Self::do_destroy_alpha(at, alpha, false)?;
        let (amount, alpha) = (TaoBalance(tao), AlphaBalance(alpha));
        Self::deposit_event(Event::AddStakeBurn { netuid, hotkey: hotkey.clone(), amount, alpha });
        Ok(())
    }

    /// Takes alpha from a position, for good. `recycled` alpha can be made again, burned alpha cannot.
    ///
    /// # Errors
    /// In this order: `SubnetNotExists`, `CannotBurnOrRecycleOnRootSubnet`, `HotKeyAccountNotExists`, `AmountTooLow`
    /// for nothing.
    pub(crate) fn do_destroy_alpha(from: Position<'_>, alpha: u64, recycled: bool) -> DispatchResult {
        let Position { coldkey, hotkey, netuid } = from;
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        ensure!(netuid != NetUid::ROOT, Error::<T>::CannotBurnOrRecycleOnRootSubnet);
        ensure!(Owner::<T>::contains_key(hotkey), Error::<T>::HotKeyAccountNotExists);
        let alpha = alpha.min(Self::stake_of(hotkey, coldkey, netuid));
        ensure!(alpha > 0, Error::<T>::AmountTooLow);
        Self::debit_staker(hotkey, coldkey, netuid, alpha);
        let (coldkey, hotkey, amount) = (coldkey.clone(), hotkey.clone(), AlphaBalance(alpha));
        if recycled {
            SubnetAlphaOut::<T>::mutate(netuid, |sum| *sum = sum.saturating_sub(alpha));
            Self::deposit_event(Event::AlphaRecycled(coldkey, hotkey, amount, netuid));
        } else {
            Self::deposit_event(Event::AlphaBurned(coldkey, hotkey, amount, netuid));
        }
        Ok(())
    }
}
