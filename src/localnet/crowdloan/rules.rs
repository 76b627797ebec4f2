//! What the calls do. Checks in the order of the real chain.

use super::pallet::{
    Config, Contributions, Crowdloans, CurrentCrowdloanId, Error, Event, InfoOf, MaxContributions, NextCrowdloanId,
    Pallet,
};
use super::types::CrowdloanId;
use crate::localnet::runtime::{AccountId, BlockNumber, Preimage, RuntimeCall, RuntimeOrigin};
use frame_support::{
    dispatch::{DispatchResult, RawOrigin},
    ensure,
    traits::{
        Get, QueryPreimage, StorePreimage as _,
        fungible::{Inspect as _, Mutate as _},
        tokens::Preservation,
    },
};
use sp_runtime::{
    SaturatedConversion as _,
    traits::{AccountIdConversion as _, Dispatchable as _},
};

type Balances<T> = pallet_balances::Pallet<T>;

impl<T: Config> Pallet<T> {
    pub(super) fn do_create(
        creator: AccountId,
        deposit: u64,
        min_contribution: u64,
        cap: u64,
        end: BlockNumber,
        call: Option<Box<RuntimeCall>>,
        target_address: Option<AccountId>,
    ) -> DispatchResult {
        ensure!(deposit >= T::MinimumDeposit::get(), Error::<T>::DepositTooLow);
        ensure!(cap > deposit, Error::<T>::CapTooLow);
        let least = T::AbsoluteMinimumContribution::get();
        ensure!(min_contribution >= least, Error::<T>::MinimumContributionTooLow);
        ensure!(call.is_some() != target_address.is_some(), Error::<T>::InvalidFinalizationConfig);
        Self::ensure_end(end)?;
        ensure!(Balances::<T>::balance(&creator) >= deposit, Error::<T>::InsufficientBalance);

        let crowdloan_id = NextCrowdloanId::<T>::get();
        NextCrowdloanId::<T>::put(crowdloan_id.checked_add(1).ok_or(Error::<T>::Overflow)?);
        let funds_account: AccountId = T::PalletId::get().into_sub_account_truncating(crowdloan_id);
        frame_system::Pallet::<T>::inc_providers(&funds_account);
        let call = call.map(|call| Preimage::bound(*call)).transpose()?;
        let info = InfoOf {
            creator: creator.clone(),
            deposit,
            min_contribution,
            end,
            cap,
            funds_account,
            raised: deposit,
            target_address,
            call,
            finalized: false,
            contributors_count: 1,
        };
        give::<T>(&creator, &info.funds_account, deposit)?;
        Crowdloans::<T>::insert(crowdloan_id, info);
        Contributions::<T>::insert(crowdloan_id, &creator, deposit);
        Self::deposit_event(Event::Created { crowdloan_id, creator, end, cap });
        Ok(())
    }

    pub(super) fn do_contribute(contributor: AccountId, crowdloan_id: CrowdloanId, asked: u64) -> DispatchResult {
        let mut info = Self::info(crowdloan_id)?;
        ensure!(now::<T>() < info.end, Error::<T>::ContributionPeriodEnded);
        ensure!(info.raised < info.cap, Error::<T>::CapRaised);
        ensure!(asked >= info.min_contribution, Error::<T>::ContributionTooLow);
        ensure!(info.contributors_count < T::MaxContributors::get(), Error::<T>::MaxContributorsReached);
        let before = Contributions::<T>::get(crowdloan_id, &contributor);
        let mut amount = asked.min(info.cap.checked_sub(info.raised).ok_or(Error::<T>::Underflow)?);
        if let Some(most) = MaxContributions::<T>::get(crowdloan_id) {
            let left = most.saturating_sub(before.unwrap_or_default());
            ensure!(left > 0, Error::<T>::MaxContributionReached);
            amount = amount.min(left);
        }
        ensure!(Balances::<T>::balance(&contributor) >= amount, Error::<T>::InsufficientBalance);

        give::<T>(&contributor, &info.funds_account, amount)?;
        info.raised = info.raised.checked_add(amount).ok_or(Error::<T>::Overflow)?;
        if before.is_none() {
            info.contributors_count = info.contributors_count.saturating_add(1);
        }
        let sum = before.unwrap_or_default().checked_add(amount).ok_or(Error::<T>::Overflow)?;
        Contributions::<T>::insert(crowdloan_id, &contributor, sum);
        Crowdloans::<T>::insert(crowdloan_id, info);
        Self::deposit_event(Event::Contributed { crowdloan_id, contributor, amount });
        Ok(())
    }

    pub(super) fn do_withdraw(contributor: AccountId, crowdloan_id: CrowdloanId) -> DispatchResult {
        let mut info = Self::info(crowdloan_id)?;
        ensure!(!info.finalized, Error::<T>::AlreadyFinalized);
        let gave = Contributions::<T>::get(crowdloan_id, &contributor).unwrap_or_default();
        ensure!(gave > 0, Error::<T>::NoContribution);
        let amount = if contributor == info.creator {
            let beyond = gave.saturating_sub(info.deposit);
            ensure!(beyond > 0, Error::<T>::DepositCannotBeWithdrawn);
            Contributions::<T>::insert(crowdloan_id, &contributor, info.deposit);
            beyond
        } else {
            Contributions::<T>::remove(crowdloan_id, &contributor);
            info.contributors_count = info.contributors_count.saturating_sub(1);
            gave
        };
        give::<T>(&info.funds_account, &contributor, amount)?;
        info.raised = info.raised.saturating_sub(amount);
        Crowdloans::<T>::insert(crowdloan_id, info);
        Self::deposit_event(Event::Withdrew { crowdloan_id, contributor, amount });
        Ok(())
    }

    pub(super) fn do_finalize(who: AccountId, crowdloan_id: CrowdloanId) -> DispatchResult {
        ensure!(CurrentCrowdloanId::<T>::get().is_none(), Error::<T>::AlreadyFinalizing);
        let mut info = Self::info(crowdloan_id)?;
        ensure!(who == info.creator, Error::<T>::InvalidOrigin);
        ensure!(info.raised == info.cap, Error::<T>::CapNotRaised);
        ensure!(!info.finalized, Error::<T>::AlreadyFinalized);
        if let Some(target) = &info.target_address {
            give::<T>(&info.funds_account, target, info.raised)?;
        }
        if let Some(call) = &info.call {
            let (call, _) = Preimage::peek::<RuntimeCall>(call).map_err(|_| Error::<T>::CallUnavailable)?;
            CurrentCrowdloanId::<T>::put(crowdloan_id);
            call.dispatch(RuntimeOrigin::from(RawOrigin::Signed(who))).map_err(|failed| failed.error)?;
            CurrentCrowdloanId::<T>::kill();
        }
        info.finalized = true;
        Crowdloans::<T>::insert(crowdloan_id, info);
        Self::deposit_event(Event::Finalized { crowdloan_id });
        Ok(())
    }

    pub(super) fn do_refund(who: &AccountId, crowdloan_id: CrowdloanId) -> DispatchResult {
        let mut info = Self::creators_own(who, crowdloan_id)?;
        let limit = T::RefundContributorsLimit::get() as usize;
        let mut others: Vec<(AccountId, u64)> = Contributions::<T>::iter_prefix(crowdloan_id)
            .filter(|(contributor, _)| *contributor != info.creator)
            .take(limit.saturating_add(1))
            .collect();
        let all = others.len() <= limit;
        others.truncate(limit);
        for (contributor, amount) in others {
            give::<T>(&info.funds_account, &contributor, amount)?;
            info.raised = info.raised.saturating_sub(amount);
            info.contributors_count = info.contributors_count.saturating_sub(1);
            Contributions::<T>::remove(crowdloan_id, &contributor);
        }
        Crowdloans::<T>::insert(crowdloan_id, info);
        Self::deposit_event(match all {
            true => Event::AllRefunded { crowdloan_id },
            false => Event::PartiallyRefunded { crowdloan_id },
        });
        Ok(())
    }

    pub(super) fn do_dissolve(who: &AccountId, crowdloan_id: CrowdloanId) -> DispatchResult {
        let info = Self::creators_own(who, crowdloan_id)?;
        let own = Contributions::<T>::get(crowdloan_id, who).ok_or(Error::<T>::NoContribution)?;
        ensure!(own == info.raised, Error::<T>::NotReadyToDissolve);
        give::<T>(&info.funds_account, who, own)?;
        Contributions::<T>::remove(crowdloan_id, who);
        MaxContributions::<T>::remove(crowdloan_id);
        if let Some(call) = &info.call {
            <Preimage as QueryPreimage>::drop(call);
        }
        // It provided for itself; that it still does is no reason to keep the crowdloan.
        let _ = frame_system::Pallet::<T>::dec_providers(&info.funds_account);
        Crowdloans::<T>::remove(crowdloan_id);
        Self::deposit_event(Event::Dissolved { crowdloan_id });
        Ok(())
    }

    pub(super) fn do_update_min_contribution(who: &AccountId, crowdloan_id: CrowdloanId, least: u64) -> DispatchResult {
        let info = Self::creators_own(who, crowdloan_id)?;
        ensure!(least >= T::AbsoluteMinimumContribution::get(), Error::<T>::MinimumContributionTooLow);
        let most = MaxContributions::<T>::get(crowdloan_id);
        ensure!(most.is_none_or(|most| least <= most), Error::<T>::MinimumContributionTooHigh);
        Crowdloans::<T>::insert(crowdloan_id, InfoOf { min_contribution: least, ..info });
        Self::deposit_event(Event::MinContributionUpdated { crowdloan_id, new_min_contribution: least });
        Ok(())
    }

    pub(super) fn do_update_end(who: &AccountId, crowdloan_id: CrowdloanId, end: BlockNumber) -> DispatchResult {
        let info = Self::creators_own(who, crowdloan_id)?;
        Self::ensure_end(end)?;
        Crowdloans::<T>::insert(crowdloan_id, InfoOf { end, ..info });
        Self::deposit_event(Event::EndUpdated { crowdloan_id, new_end: end });
        Ok(())
    }

    pub(super) fn do_update_cap(who: &AccountId, crowdloan_id: CrowdloanId, cap: u64) -> DispatchResult {
        let info = Self::creators_own(who, crowdloan_id)?;
        ensure!(cap >= info.raised, Error::<T>::CapTooLow);
        Crowdloans::<T>::insert(crowdloan_id, InfoOf { cap, ..info });
        Self::deposit_event(Event::CapUpdated { crowdloan_id, new_cap: cap });
        Ok(())
    }

    pub(super) fn do_set_max_contribution(
        who: &AccountId,
        crowdloan_id: CrowdloanId,
        most: Option<u64>,
    ) -> DispatchResult {
        let info = Self::creators_own(who, crowdloan_id)?;
        let own = Contributions::<T>::get(crowdloan_id, who).unwrap_or_default();
        let fits = most.is_none_or(|most| most >= info.min_contribution && most >= own);
        ensure!(fits, Error::<T>::MaximumContributionTooLow);
        MaxContributions::<T>::set(crowdloan_id, most);
        Self::deposit_event(Event::MaxContributionUpdated { crowdloan_id, new_max_contribution: most });
        Ok(())
    }

    fn info(crowdloan_id: CrowdloanId) -> Result<InfoOf, Error<T>> {
        Crowdloans::<T>::get(crowdloan_id).ok_or(Error::InvalidCrowdloanId)
    }

    /// One that is not over, for its creator.
    fn creators_own(who: &AccountId, crowdloan_id: CrowdloanId) -> Result<InfoOf, Error<T>> {
        let info = Self::info(crowdloan_id)?;
        ensure!(!info.finalized, Error::AlreadyFinalized);
        ensure!(*who == info.creator, Error::InvalidOrigin);
        Ok(info)
    }

    fn ensure_end(end: BlockNumber) -> Result<(), Error<T>> {
        let blocks = end.checked_sub(now::<T>()).filter(|blocks| *blocks > 0).ok_or(Error::<T>::CannotEndInPast)?;
        ensure!(blocks >= T::MinimumBlockDuration::get(), Error::BlockDurationTooShort);
        ensure!(blocks <= T::MaximumBlockDuration::get(), Error::BlockDurationTooLong);
        Ok(())
    }
}

fn now<T: Config>() -> BlockNumber {
    frame_system::Pallet::<T>::block_number().saturated_into()
}

fn give<T: Config>(from: &AccountId, to: &AccountId, amount: u64) -> DispatchResult {
    Balances::<T>::transfer(from, to, amount, Preservation::Expendable).map(|_| ())
}
