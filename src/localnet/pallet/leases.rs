//! Subnets that many paid for: a crowdloan's call registers one, the crowdloan's creator runs it as a proxy of an owner whose key
//! nobody has, and a part of the owner's cut goes to those who paid. After the lease the creator owns the subnet.

use super::*;
use crate::localnet::crowdloan::{self, CrowdloanId, InfoOf};
use crate::localnet::runtime::{
    AccountId, AlphaBalance, BlockNumber, NetUid, Proxy, ProxyType, Runtime, scalars::U64F64,
};
use codec::Encode;
use frame_support::{
    dispatch::DispatchResult,
    ensure,
    storage::with_storage_layer,
    traits::{
        fungible::{Inspect, Mutate},
        tokens::Preservation,
    },
};
use sp_runtime::{DispatchError, Percent};

/// Blocks between two payments: what an epoch pays in others is added up.
const PAID_EVERY: u64 = 100;

impl<T: Config> Pallet<T> {
    /// Registers a subnet with what the crowdloan raised that is being finalized; what is left of it goes back.
    ///
    /// # Errors
    /// In this order: `Crowdloan.InvalidCrowdloanId` outside of a crowdloan's call, `InvalidLeaseBeneficiary`,
    /// `LeaseCannotEndInThePast`, and those of a registration.
    pub(crate) fn do_register_leased_network(
        who: &AccountId,
        emissions_share: Percent,
        end_block: Option<BlockNumber>,
    ) -> DispatchResult {
        let (crowdloan_id, loan) = being_finalized()?;
        ensure!(*who == loan.creator, Error::<T>::InvalidLeaseBeneficiary);
        ensure!(end_block.is_none_or(|end| u64::from(end) > Self::block()), Error::<T>::LeaseCannotEndInThePast);

        let lease_id = NextSubnetLeaseId::<T>::get();
        NextSubnetLeaseId::<T>::put(lease_id.checked_add(1).ok_or(Error::<T>::Overflow)?);
        let [coldkey, hotkey] = ["leasing/coldkey", "leasing/hotkey"].map(|kind| keyless(kind, lease_id));
        for key in [&coldkey, &hotkey] {
            frame_system::Pallet::<T>::inc_providers(key);
        }
        give::<T>(&loan.funds_account, &coldkey, loan.raised)?;
        let netuid = Self::do_register_network(&coldkey, &hotkey)?;
        Proxy::add_proxy_delegate(&coldkey, who.clone(), ProxyType::SubnetLeaseBeneficiary, 0)?;
        // Whoever stakes on the owner's hotkey gets all dividends.
        Delegates::<T>::insert(&hotkey, 0);

        let left = pallet_balances::Pallet::<T>::balance(&coldkey);
        let (beneficiary, cost) = (who.clone(), loan.raised.saturating_sub(left));
        Self::share_out(lease_id, crowdloan_id, &loan, &coldkey, left)?;
        let lease = LeaseOf { beneficiary, coldkey, hotkey, emissions_share, end_block, netuid, cost };
        SubnetLeases::<T>::insert(lease_id, lease);
        SubnetUidToLeaseId::<T>::insert(netuid, lease_id);
        Self::deposit_event(Event::SubnetLeaseCreated { beneficiary: who.clone(), lease_id, netuid, end_block });
        Ok(())
    }

    /// Notes what part each paid, and gives back that part of what is `left`; the creator gets the rest.
    fn share_out(
        lease_id: LeaseId,
        crowdloan_id: CrowdloanId,
        loan: &InfoOf,
        coldkey: &AccountId,
        left: u64,
    ) -> DispatchResult {
        let mut rest = left;
        for (contributor, amount) in crowdloan::Contributions::<Runtime>::iter_prefix(crowdloan_id) {
            if contributor == loan.creator {
                continue;
            }
            let share = U64F64 { bits: (u128::from(amount) << 64).checked_div(loan.raised.into()).unwrap_or_default() };
            SubnetLeaseShares::<T>::insert(lease_id, &contributor, share);
            let part = part_of(share, left, false);
            give::<T>(coldkey, &contributor, part)?;
            rest = rest.saturating_sub(part);
        }
        give::<T>(coldkey, &loan.creator, rest)
    }

    /// Gives those who paid for a subnet, if it is leased, their part of the owner's cut that was just paid.
    pub(crate) fn share_lease(netuid: NetUid, cut: u64) {
        let Some(lease_id) = SubnetUidToLeaseId::<T>::get(netuid) else { return };
        let Some(lease) = SubnetLeases::<T>::get(lease_id) else { return };
        if lease.end_block.is_some_and(|end| u64::from(end) <= Self::block()) {
            return;
        }
        let due = AccumulatedLeaseDividends::<T>::get(lease_id).0.saturating_add(lease.emissions_share.mul_ceil(cut));
        let is_time = Self::block().is_multiple_of(PAID_EVERY);
        let is_paid = is_time && with_storage_layer(|| Self::pay_lease(lease_id, &lease, due)).is_ok();
        AccumulatedLeaseDividends::<T>::insert(lease_id, AlphaBalance(if is_paid { 0 } else { due }));
    }

    fn pay_lease(lease_id: LeaseId, lease: &LeaseOf, due: u64) -> DispatchResult {
        let mut rest = due;
        for (contributor, share) in SubnetLeaseShares::<T>::iter_prefix(lease_id) {
            let part = part_of(share, due, true);
            rest = rest.saturating_sub(part);
            Self::pay_contributor(lease_id, lease, contributor, part)?;
        }
        Self::pay_contributor(lease_id, lease, lease.beneficiary.clone(), rest)
    }

    fn pay_contributor(lease_id: LeaseId, lease: &LeaseOf, contributor: AccountId, alpha: u64) -> DispatchResult {
        let SubnetLease { coldkey, hotkey, netuid, .. } = lease;
        let enough = Self::stake_of(hotkey, coldkey, *netuid) >= alpha;
        ensure!(enough, Error::<T>::NotEnoughStakeToWithdraw);
        let of = |coldkey| Position { coldkey, hotkey, netuid: *netuid };
        Self::move_within(of(coldkey), of(&contributor), alpha)?;
        Self::deposit_event(Event::SubnetLeaseDividendsDistributed {
            lease_id,
            contributor,
            alpha: AlphaBalance(alpha),
        });
        Ok(())
    }

    /// Ends a lease: the subnet is the beneficiary's, with one of its own hotkeys.
    ///
    /// # Errors
    /// In this order: `LeaseDoesNotExist`, `ExpectedBeneficiaryOrigin`, `LeaseHasNoEndBlock`, `LeaseHasNotEnded`,
    /// `BeneficiaryDoesNotOwnHotkey`.
    pub(crate) fn do_terminate_lease(who: &AccountId, lease_id: LeaseId, hotkey: &AccountId) -> DispatchResult {
        let lease = SubnetLeases::<T>::get(lease_id).ok_or(Error::<T>::LeaseDoesNotExist)?;
        ensure!(lease.beneficiary == *who, Error::<T>::ExpectedBeneficiaryOrigin);
        let end = lease.end_block.ok_or(Error::<T>::LeaseHasNoEndBlock)?;
        ensure!(Self::block() >= u64::from(end), Error::<T>::LeaseHasNotEnded);
        ensure!(Owner::<T>::get(hotkey) == *who, Error::<T>::BeneficiaryDoesNotOwnHotkey);
        SubnetOwner::<T>::insert(lease.netuid, who);
        SubnetOwnerHotkey::<T>::insert(lease.netuid, hotkey);
        for key in [&lease.coldkey, &lease.hotkey] {
            // It provided for itself; that it still does is no reason to keep the lease.
            let _ = frame_system::Pallet::<T>::dec_providers(key);
        }
        drop(SubnetLeaseShares::<T>::clear_prefix(lease_id, crowdloan::types::MAX_CONTRIBUTORS, None));
        AccumulatedLeaseDividends::<T>::remove(lease_id);
        SubnetLeases::<T>::remove(lease_id);
        Proxy::remove_proxy_delegate(&lease.coldkey, who.clone(), ProxyType::SubnetLeaseBeneficiary, 0)?;
        Self::deposit_event(Event::SubnetLeaseTerminated { beneficiary: who.clone(), netuid: lease.netuid });
        Ok(())
    }
}

/// The crowdloan whose call is being done.
fn being_finalized() -> Result<(CrowdloanId, InfoOf), DispatchError> {
    let unknown = crowdloan::Error::<Runtime>::InvalidCrowdloanId;
    let id = crowdloan::CurrentCrowdloanId::<Runtime>::get().ok_or(unknown)?;
    let unknown = crowdloan::Error::<Runtime>::InvalidCrowdloanId;
    Ok((id, crowdloan::Crowdloans::<Runtime>::get(id).ok_or(unknown)?))
}

/// An account of a lease, whose key nobody has.
fn keyless(kind: &str, lease_id: LeaseId) -> AccountId {
    AccountId::new(sp_io::hashing::blake2_256(&(kind, lease_id).encode()))
}

/// A share, at most 1, of an amount; rounded up or down.
fn part_of(share: U64F64, amount: u64, up: bool) -> u64 {
    let exact = share.bits.saturating_mul(amount.into());
    let whole = (exact >> 64) as u64;
    whole.saturating_add(u64::from(up && exact & u128::from(u64::MAX) != 0))
}

fn give<T: Config>(from: &AccountId, to: &AccountId, amount: u64) -> DispatchResult {
    pallet_balances::Pallet::<T>::transfer(from, to, amount, Preservation::Expendable).map(|_| ())
}
