//! A subnet's pool of TAO and alpha. The product of both sides stays constant in a swap, which is the real chain's pool
//! with equal weights; root and subnets of mechanism 0 swap one to one.

use super::*;
use crate::localnet::runtime::{FeesToAuthor, NetUid};
use frame_support::traits::{fungible::Mutate, tokens::Preservation};
use sp_core::U256;
use sp_runtime::DispatchError;

/// Of each swap's input, 65535 is all: about 0.05 %.
const FEE_RATE: u64 = 33;
/// Reserve below which the pool does not pay out, in rao.
const MIN_RESERVE: u64 = 1_000_000;
/// Rao in one TAO or alpha.
const UNIT: u128 = 1_000_000_000;

/// Does a swap pay the fee?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charge {
    /// Yes.
    Fee,
    /// No: the other leg of a move paid.
    Nothing,
}

impl Charge {
    /// What of a fee is due.
    pub(crate) const fn of(self, fee: u64) -> u64 {
        match self {
            Self::Fee => fee,
            Self::Nothing => 0,
        }
    }
}

/// What a swap would do; amounts in rao of the side they are on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swap {
    /// What comes in.
    pub paid: u64,
    /// What goes out.
    pub got: u64,
    /// Part of what comes in that goes to the block's author.
    pub fee: u64,
    /// What goes out less than at the price before the swap.
    pub slippage: u64,
}

impl<T: Config> Pallet<T> {
    /// Has the subnet a pool, or does it swap one to one?
    #[must_use]
    pub fn has_pool(netuid: NetUid) -> bool {
        SubnetMechanism::<T>::get(netuid) == 1
    }

    /// The price of one alpha in rao.
    #[must_use]
    pub fn alpha_price(netuid: NetUid) -> u64 {
        if !Self::has_pool(netuid) {
            return UNIT as u64;
        }
        scale(SubnetTAO::<T>::get(netuid), UNIT, u128::from(SubnetAlphaIn::<T>::get(netuid)))
    }

    /// The fee of a swap with this input.
    #[must_use]
    pub fn swap_fee(netuid: NetUid, input: u64) -> u64 {
        if Self::has_pool(netuid) { scale(input, u128::from(FEE_RATE), u128::from(u16::MAX)) } else { 0 }
    }

    /// What buying alpha for `tao` rao would do; `None` when the pool cannot.
    #[must_use]
    pub fn quote_buy(netuid: NetUid, tao: u64) -> Option<Swap> {
        Self::quote(netuid, tao, Charge::Fee, true)
    }

    /// What selling `alpha` would do; `None` when the pool cannot.
    #[must_use]
    pub fn quote_sell(netuid: NetUid, alpha: u64) -> Option<Swap> {
        Self::quote(netuid, alpha, Charge::Fee, false)
    }

    /// What a swap with this input would do, TAO in a purchase and alpha in a sale; `None` when the pool cannot.
    pub(crate) fn quote(netuid: NetUid, input: u64, charge: Charge, purchase: bool) -> Option<Swap> {
        if !Self::has_pool(netuid) {
            return Some(Swap { paid: input, got: input, fee: 0, slippage: 0 });
        }
        let (tao, alpha) = (SubnetTAO::<T>::get(netuid), SubnetAlphaIn::<T>::get(netuid));
        let (reserve_in, reserve_out) = if purchase { (tao, alpha) } else { (alpha, tao) };
        let fee = charge.of(Self::swap_fee(netuid, input));
        let net = input.saturating_sub(fee);
        let after = u128::from(reserve_in).saturating_add(u128::from(net));
        let got = scale(reserve_out, u128::from(net), after);
        let fair = scale(net, u128::from(reserve_out), u128::from(reserve_in));
        let enough = reserve_out >= MIN_RESERVE && reserve_in > 0 && got > 0;
        enough.then_some(Swap { paid: input, got, fee, slippage: fair.saturating_sub(got) })
    }

    /// The most rao that buy alpha before its price passes `limit` rao.
    #[must_use]
    pub fn buyable(netuid: NetUid, limit: u64) -> u64 {
        if !Self::has_pool(netuid) {
            return if u128::from(limit) < UNIT { 0 } else { u64::MAX };
        }
        let (tao, alpha) = (U256::from(SubnetTAO::<T>::get(netuid)), U256::from(SubnetAlphaIn::<T>::get(netuid)));
        let after = (tao * alpha * U256::from(limit) / U256::from(UNIT)).integer_sqrt();
        with_fee(after.saturating_sub(tao))
    }

    /// The most alpha that sells before its price passes `limit` rao.
    #[must_use]
    pub fn sellable(netuid: NetUid, limit: u64) -> u64 {
        if !Self::has_pool(netuid) {
            return if u128::from(limit) > UNIT { 0 } else { u64::MAX };
        }
        let (tao, alpha) = (U256::from(SubnetTAO::<T>::get(netuid)), U256::from(SubnetAlphaIn::<T>::get(netuid)));
        let after = (tao * alpha * U256::from(UNIT)).checked_div(U256::from(limit)).map(|square| square.integer_sqrt());
        after.map_or(u64::MAX, |after| with_fee(after.saturating_sub(alpha)))
    }

    /// `amount`, or where a part is enough what fits into `room`.
    pub(crate) fn within(amount: u64, room: u64, allow_partial: bool) -> Result<u64, Error<T>> {
        let part = amount.min(room);
        if part == 0 || (part < amount && !allow_partial) { Err(Error::SlippageTooHigh) } else { Ok(part) }
    }

    /// Takes `tao` rao, which are already on the subnet's account, into the pool; the alpha that comes out is the caller's.
    pub(crate) fn buy_alpha(netuid: NetUid, tao: u64) -> Result<u64, DispatchError> {
        Self::buy_alpha_charging(netuid, tao, Charge::Fee)
    }

    /// [`Self::buy_alpha`], with or without the fee.
    pub(crate) fn buy_alpha_charging(netuid: NetUid, tao: u64, charge: Charge) -> Result<u64, DispatchError> {
        let swap = Self::quote(netuid, tao, charge, true).ok_or(Error::<T>::InsufficientLiquidity)?;
        let net = tao.saturating_sub(swap.fee);
        Self::pay_author(netuid, swap.fee);
        SubnetTAO::<T>::mutate(netuid, |side| *side = side.saturating_add(net));
        if Self::has_pool(netuid) {
            SubnetAlphaIn::<T>::mutate(netuid, |side| *side = side.saturating_sub(swap.got));
        }
        TotalStake::<T>::mutate(|sum| *sum = sum.saturating_add(net));
        SubnetVolume::<T>::mutate(netuid, |sum| *sum = sum.saturating_add(u128::from(net)));
        Ok(swap.got)
    }

    /// Takes `alpha` into the pool; the TAO that comes out is still on the subnet's account. The fee is sold as well, for
    /// the block's author.
    pub(crate) fn sell_alpha(netuid: NetUid, alpha: u64) -> Result<u64, DispatchError> {
        let swap = Self::quote_sell(netuid, alpha).ok_or(Error::<T>::InsufficientLiquidity)?;
        Self::take_from_pool(netuid, alpha.saturating_sub(swap.fee), swap.got)?;
        if swap.fee > 0 {
            let fee = scale(swap.fee, u128::from(Self::alpha_price(netuid)), UNIT);
            Self::take_from_pool(netuid, swap.fee, fee)?;
            Self::pay_author(netuid, fee);
        }
        Ok(swap.got)
    }

    fn take_from_pool(netuid: NetUid, alpha: u64, tao: u64) -> Result<(), Error<T>> {
        let left = SubnetTAO::<T>::get(netuid).checked_sub(tao).ok_or(Error::InsufficientLiquidity)?;
        SubnetTAO::<T>::insert(netuid, left);
        if Self::has_pool(netuid) {
            SubnetAlphaIn::<T>::mutate(netuid, |side| *side = side.saturating_add(alpha));
        }
        TotalStake::<T>::mutate(|sum| *sum = sum.saturating_sub(tao));
        SubnetVolume::<T>::mutate(netuid, |sum| *sum = sum.saturating_add(u128::from(tao)));
        Ok(())
    }

    fn pay_author(netuid: NetUid, fee: u64) {
        let (from, to) = (Self::subnet_account(netuid), FeesToAuthor::account());
        // A fee below the existential deposit cannot open the author's account; then it stays with the subnet's.
        if fee > 0 {
            let _ = pallet_balances::Pallet::<T>::transfer(&from, &to, fee, Preservation::Expendable);
        }
    }
}

/// The input of which this remains after the fee.
fn with_fee(net: U256) -> u64 {
    let whole = u64::from(u16::MAX);
    u64::try_from(net * U256::from(whole) / U256::from(whole - FEE_RATE)).unwrap_or(u64::MAX)
}

/// `amount × numerator / denominator`, rounded down; zero where the denominator is zero.
pub(super) fn scale(amount: u64, numerator: u128, denominator: u128) -> u64 {
    let product = U256::from(amount) * U256::from(numerator);
    let quotient = product.checked_div(denominator.into()).unwrap_or_default();
    u64::try_from(quotient).unwrap_or(u64::MAX)
}
