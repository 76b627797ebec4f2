//! Root: who is a member, and what stakers on it are owed of the subnets in which their hotkeys validate.
//!
//! For each hotkey and subnet a rate grows: alpha per rao of stake on root since the beginning. A staker is owed the rate times
//! its stake, less what it claimed; stake that comes later counts as if it had claimed all before.

use super::{pool::scale, *};
use crate::localnet::runtime::{AccountId, NetUid, scalars::I96F32};
use frame_support::{dispatch::DispatchResult, ensure, storage::with_storage_layer};
use sp_runtime::DispatchError;
use std::collections::BTreeSet;

/// Most subnets of one claim.
const MAX_SUBNETS_CLAIMED: usize = 5;
/// Members of a subnet that may join in one interval, as a multiple of the target.
const TIMES_TARGET: u16 = 3;

impl<T: Config> Pallet<T> {
    /// Makes a hotkey a member of root; in a full one it replaces the member with the least stake on root.
    ///
    /// # Errors
    /// In this order: `TooManyRegistrationsThisBlock`, `TooManyRegistrationsThisInterval`,
    /// `HotKeyAlreadyRegisteredInSubNet`, `NonAssociatedColdKey`, `StakeTooLowForRoot`.
    pub(crate) fn do_root_register(coldkey: &AccountId, hotkey: &AccountId) -> DispatchResult {
        let root = NetUid::ROOT;
        let this_block = RegistrationsThisBlock::<T>::get(root);
        ensure!(this_block < MaxRegistrationsPerBlock::<T>::get(root), Error::<T>::TooManyRegistrationsThisBlock);
        let most = TargetRegistrationsPerInterval::<T>::get(root).saturating_mul(TIMES_TARGET);
        ensure!(RegistrationsThisInterval::<T>::get(root) < most, Error::<T>::TooManyRegistrationsThisInterval);
        ensure!(!Uids::<T>::contains_key(root, hotkey), Error::<T>::HotKeyAlreadyRegisteredInSubNet);
        Self::associate(coldkey, hotkey)?;
        let uid = Self::root_seat(hotkey)?;
        if !Delegates::<T>::contains_key(hotkey) {
            // The default take, written down: a key there makes a hotkey a delegate.
            Delegates::<T>::insert(hotkey, Delegates::<T>::get(hotkey));
        }
        RegistrationsThisBlock::<T>::insert(root, this_block.saturating_add(1));
        RegistrationsThisInterval::<T>::mutate(root, |count| *count = count.saturating_add(1));
        Self::deposit_event(Event::NeuronRegistered(root, uid, hotkey.clone()));
        Ok(())
    }

    fn root_seat(hotkey: &AccountId) -> Result<u16, Error<T>> {
        let (root, members) = (NetUid::ROOT, SubnetworkN::<T>::get(NetUid::ROOT));
        let stake = |hotkey: &AccountId| TotalHotkeyAlpha::<T>::get(hotkey, root);
        if members < MaxAllowedUids::<T>::get(root) {
            Self::append_neuron(root, members, hotkey);
            return Ok(members);
        }
        let lowest = (0..members).map(|uid| (stake(&Keys::<T>::get(root, uid)), uid)).min();
        let (least, uid) = lowest.ok_or(Error::StakeTooLowForRoot)?;
        ensure!(stake(hotkey) > least, Error::StakeTooLowForRoot);
        Self::replace_neuron(root, uid, hotkey);
        Ok(uid)
    }

    /// Counters of registrations in root start anew in each block: its epoch is always due and never runs.
    pub(crate) fn reset_root_counters() {
        RegistrationsThisBlock::<T>::remove(NetUid::ROOT);
        RegistrationsThisInterval::<T>::remove(NetUid::ROOT);
    }

    /// What root counts for in a subnet: its weighted TAO beside all alpha of the subnet, with 32 bits after the point.
    pub(crate) fn root_proportion(netuid: NetUid) -> u128 {
        let tao = scale(SubnetTAO::<T>::get(NetUid::ROOT), u128::from(TaoWeight::<T>::get()), u128::from(u64::MAX));
        let alpha = SubnetAlphaIn::<T>::get(netuid).saturating_add(SubnetAlphaOut::<T>::get(netuid));
        let whole = u128::from(tao).saturating_add(u128::from(alpha));
        (u128::from(tao) << 32).checked_div(whole).unwrap_or(0)
    }

    /// Owes `alpha` of a subnet to the stakers that a hotkey has on root; destroys it when there are none.
    pub(crate) fn owe_root_stakers(hotkey: &AccountId, netuid: NetUid, alpha: u64) {
        let stake = TotalHotkeyAlpha::<T>::get(hotkey, NetUid::ROOT);
        let Some(rate) = (i128::from(alpha) << 32).checked_div(i128::from(stake)).filter(|rate| *rate > 0) else {
            SubnetAlphaOut::<T>::mutate(netuid, |sum| *sum = sum.saturating_sub(alpha));
            return;
        };
        RootClaimable::<T>::mutate(hotkey, |rates| {
            let sum = rates.entry(netuid).or_default();
            sum.bits = sum.bits.saturating_add(rate);
        });
    }

    /// New stake on root earned nothing before.
    pub(crate) fn claim_starts_now(hotkey: &AccountId, coldkey: &AccountId, stake: u64) {
        for (netuid, rate) in RootClaimable::<T>::get(hotkey) {
            let earned = earned(rate, stake);
            RootClaimed::<T>::mutate((netuid, hotkey, coldkey), |claimed| *claimed = claimed.saturating_add(earned));
        }
    }

    /// Stake that leaves root takes its part of what was claimed with it.
    pub(crate) fn claim_shrinks(hotkey: &AccountId, coldkey: &AccountId, stake: u64) {
        for (netuid, rate) in RootClaimable::<T>::get(hotkey) {
            let earned = earned(rate, stake);
            RootClaimed::<T>::mutate((netuid, hotkey, coldkey), |claimed| *claimed = claimed.saturating_sub(earned));
        }
    }

    /// Alpha of a subnet that a coldkey is owed for its stake on root under a hotkey.
    #[must_use]
    pub fn root_owed(hotkey: &AccountId, coldkey: &AccountId, netuid: NetUid) -> u64 {
        let rate = RootClaimable::<T>::get(hotkey).get(&netuid).copied().unwrap_or_default();
        let stake = Self::stake_of(hotkey, coldkey, NetUid::ROOT);
        let claimed = RootClaimed::<T>::get((netuid, hotkey, coldkey));
        u64::try_from(earned(rate, stake).saturating_sub(claimed)).unwrap_or(u64::MAX)
    }

    /// Pays what a coldkey is owed of some subnets, in the way it chose.
    ///
    /// # Errors
    /// `InvalidSubnetNumber` for none or more than five subnets.
    pub(crate) fn do_claim_root(coldkey: &AccountId, subnets: &BTreeSet<NetUid>) -> DispatchResult {
        ensure!((1..=MAX_SUBNETS_CLAIMED).contains(&subnets.len()), Error::<T>::InvalidSubnetNumber);
        for hotkey in StakingHotkeys::<T>::get(coldkey) {
            for netuid in subnets {
                // A part that cannot be sold stays owed and does not keep the others.
                let _ = with_storage_layer(|| Self::claim(&hotkey, coldkey, *netuid));
            }
        }
        Self::deposit_event(Event::RootClaimed { coldkey: coldkey.clone() });
        Ok(())
    }

    fn claim(hotkey: &AccountId, coldkey: &AccountId, netuid: NetUid) -> Result<(), DispatchError> {
        let owed = Self::root_owed(hotkey, coldkey, netuid);
        let least = RootClaimableThreshold::<T>::get(netuid).bits >> 32;
        if i128::from(owed) < least || owed == 0 {
            return Ok(());
        }
        RootClaimed::<T>::mutate((netuid, hotkey, coldkey), |claimed| *claimed = claimed.saturating_add(owed.into()));
        let keep = match RootClaimType::<T>::get(coldkey) {
            RootClaimTypeEnum::Swap => false,
            RootClaimTypeEnum::Keep => true,
            RootClaimTypeEnum::KeepSubnets { subnets } => subnets.contains(&netuid),
        };
        Self::credit_staker(hotkey, coldkey, netuid, owed);
        if !keep {
            let from = Position { coldkey, hotkey, netuid };
            Self::do_move(from, Position { netuid: NetUid::ROOT, ..from }, owed, None)?;
        }
        Ok(())
    }

    /// Chooses how a coldkey is paid.
    ///
    /// # Errors
    /// `InvalidSubnetNumber` for a choice of no subnets.
    pub(crate) fn do_set_root_claim_type(coldkey: &AccountId, kind: RootClaimTypeEnum) -> DispatchResult {
        if let RootClaimTypeEnum::KeepSubnets { subnets } = &kind {
            ensure!(!subnets.is_empty(), Error::<T>::InvalidSubnetNumber);
        }
        RootClaimType::<T>::insert(coldkey, &kind);
        Self::deposit_event(Event::RootClaimTypeSet { coldkey: coldkey.clone(), root_claim_type: kind });
        Ok(())
    }
}

/// Alpha that stake earned since the rate was zero.
fn earned(rate: I96F32, stake: u64) -> u128 {
    (rate.bits.max(0).unsigned_abs().saturating_mul(u128::from(stake))) >> 32
}
