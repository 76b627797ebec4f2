//! Registration of neurons, and its price: it rises with each registration and halves over idle time.

use super::*;
use crate::localnet::runtime::{AccountId, NetUid};
use frame_support::{
    dispatch::DispatchResult,
    ensure,
    traits::{
        fungible::{Inspect, Mutate},
        tokens::{Fortitude, Preservation},
    },
};

impl<T: Config> Pallet<T> {
    /// Registers `hotkey` for `coldkey`, which pays the price; the price buys alpha from the pool, and that is destroyed.
    ///
    /// # Errors
    /// In this order: `RegistrationNotPermittedOnRootSubnet`, `SubnetNotExists`, `SubNetRegistrationDisabled`,
    /// `RegistrationPriceLimitExceeded`, `HotKeyAlreadyRegisteredInSubNet`, `NotEnoughBalanceToStake`,
    /// `NonAssociatedColdKey`, `NoNeuronIdAvailable`, and `InsufficientLiquidity` when the pool is too shallow.
    pub(crate) fn do_register(
        coldkey: &AccountId,
        netuid: NetUid,
        hotkey: &AccountId,
        limit: Option<u64>,
    ) -> DispatchResult {
        ensure!(netuid != NetUid::ROOT, Error::<T>::RegistrationNotPermittedOnRootSubnet);
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        ensure!(NetworkRegistrationAllowed::<T>::get(netuid), Error::<T>::SubNetRegistrationDisabled);
        let price = Burn::<T>::get(netuid);
        ensure!(limit.is_none_or(|limit| price <= limit), Error::<T>::RegistrationPriceLimitExceeded);
        ensure!(!Uids::<T>::contains_key(netuid, hotkey), Error::<T>::HotKeyAlreadyRegisteredInSubNet);
        let free = pallet_balances::Pallet::<T>::balance(coldkey);
        ensure!(free >= price, Error::<T>::NotEnoughBalanceToStake);
        Self::associate(coldkey, hotkey)?;
        let uid = Self::add_neuron(netuid, hotkey)?;
        Self::pay_registration(coldkey, netuid, price)?;
        Self::raise_price(netuid);
        RegistrationsThisBlock::<T>::mutate(netuid, |count| *count = count.saturating_add(1));
        RAORecycledForRegistration::<T>::mutate(netuid, |sum| *sum = sum.saturating_add(price));
        Self::deposit_event(Event::NeuronRegistered(netuid, uid, hotkey.clone()));
        Ok(())
    }

    fn pay_registration(coldkey: &AccountId, netuid: NetUid, price: u64) -> DispatchResult {
        // The payer keeps the existential deposit, so with exactly the price that much less is taken.
        let spendable =
            pallet_balances::Pallet::<T>::reducible_balance(coldkey, Preservation::Preserve, Fortitude::Polite);
        let paid = price.min(spendable);
        pallet_balances::Pallet::<T>::transfer(coldkey, &Self::subnet_account(netuid), paid, Preservation::Preserve)?;
        Self::buy_alpha(netuid, paid)?;
        Ok(())
    }

    fn raise_price(netuid: NetUid) {
        let factor = BurnIncreaseMult::<T>::get(netuid).bits;
        let price = u128::from(Burn::<T>::get(netuid));
        // 64 bits after the point: the whole part and the fraction apart, so that nothing overflows.
        let raised = price.saturating_mul(factor >> 64).saturating_add((price * (factor & u128::from(u64::MAX))) >> 64);
        Self::set_price(netuid, u64::try_from(raised).unwrap_or(u64::MAX));
    }

    /// One block of idle time.
    pub(crate) fn decay_price(netuid: NetUid) {
        let factor = decay_factor(BurnHalfLife::<T>::get(netuid));
        let decayed = (u128::from(Burn::<T>::get(netuid)) * u128::from(factor)) >> 32;
        Self::set_price(netuid, u64::try_from(decayed).unwrap_or(u64::MAX));
    }

    fn set_price(netuid: NetUid, price: u64) {
        Burn::<T>::insert(netuid, price.min(MaxBurn::<T>::get(netuid)).max(MinBurn::<T>::get(netuid)));
    }
}

/// The largest number with 32 bits after the point whose power `half_life` is at most one half.
fn decay_factor(half_life: u16) -> u64 {
    let power = |base: u64| {
        let (mut result, mut base, mut exponent) = (1u64 << 32, base, half_life.max(1));
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = times(result, base);
            }
            base = times(base, base);
            exponent >>= 1;
        }
        result
    };
    let (mut low, mut high) = (0u64, 1u64 << 32);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if power(middle) <= 1 << 31 {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

fn times(a: u64, b: u64) -> u64 {
    u64::try_from((u128::from(a) * u128::from(b)) >> 32).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_halves_in_its_half_life() {
        assert_eq!(decay_factor(360), 4_286_705_684);
        assert_eq!(decay_factor(1), 1 << 31);
        let mut price = 1_000_000_000u128;
        for _ in 0..360 {
            price = (price * u128::from(decay_factor(360))) >> 32;
        }
        assert!((499_999_000..=500_000_000).contains(&price), "{price}");
    }
}
