//! Children and parents: a hotkey lends shares of its stake to others in a subnet, and gets its part of what they earn.

use super::{pool::scale, *};
use crate::localnet::runtime::{AccountId, NetUid};
use frame_support::{dispatch::DispatchResult, ensure};

/// A child or a parent, with the share of u64::MAX that is lent.
pub(crate) type Relation = (u64, AccountId);

/// Most children of a hotkey in a subnet.
const MAX_CHILDREN: usize = 5;
/// Blocks between two changes of a hotkey's children in a subnet.
const BLOCKS_BETWEEN_CHANGES: u64 = 150;

impl<T: Config> Pallet<T> {
    /// Plans who the children of a hotkey are; they count after a cool-down, where the subnet is started.
    ///
    /// # Errors
    /// In this order: `TxRateLimitExceeded`, `RegistrationNotPermittedOnRootSubnet`, `SubnetNotExists`,
    /// `NonAssociatedColdKey`, `TooManyChildren`, `InvalidChild`, `DuplicateChild`, `ProportionOverflow`,
    /// `ChildParentInconsistency`, `NotEnoughStakeToSetChildkeys`.
    pub(crate) fn do_set_children(
        coldkey: &AccountId,
        hotkey: &AccountId,
        netuid: NetUid,
        children: Vec<Relation>,
    ) -> DispatchResult {
        let last = TransactionKeyLastBlock::<T>::get((hotkey, netuid, RateLimited::SetChildren.key()));
        let waited = Self::block().saturating_sub(last);
        ensure!(last == 0 || waited >= BLOCKS_BETWEEN_CHANGES, Error::<T>::TxRateLimitExceeded);
        ensure!(netuid != NetUid::ROOT, Error::<T>::RegistrationNotPermittedOnRootSubnet);
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        ensure!(Owner::<T>::get(hotkey) == *coldkey, Error::<T>::NonAssociatedColdKey);
        Self::check_children(hotkey, netuid, &children)?;
        TransactionKeyLastBlock::<T>::insert((hotkey, netuid, RateLimited::SetChildren.key()), Self::block());
        if FirstEmissionBlockNumber::<T>::get(netuid).is_none() {
            Self::adopt(hotkey, netuid, children);
            return Ok(());
        }
        let from = Self::block().saturating_add(PendingChildKeyCooldown::<T>::get());
        PendingChildKeys::<T>::insert(netuid, hotkey, (&children, from));
        Self::deposit_event(Event::SetChildrenScheduled(hotkey.clone(), netuid, from, children));
        Ok(())
    }

    fn check_children(hotkey: &AccountId, netuid: NetUid, children: &[Relation]) -> Result<(), Error<T>> {
        ensure!(children.len() <= MAX_CHILDREN, Error::TooManyChildren);
        let parents = ParentKeys::<T>::get(hotkey, netuid);
        let mut sum = 0u64;
        for (index, (share, child)) in children.iter().enumerate() {
            ensure!(child != hotkey, Error::InvalidChild);
            let twice = children.iter().skip(index + 1).any(|(_, other)| other == child);
            ensure!(!twice, Error::DuplicateChild);
            sum = sum.checked_add(*share).ok_or(Error::ProportionOverflow)?;
            let circular = parents.iter().any(|(_, parent)| parent == child)
                || ChildKeys::<T>::get(child, netuid).iter().any(|(_, grandchild)| grandchild == hotkey);
            ensure!(!circular, Error::ChildParentInconsistency);
        }
        let owner = SubnetOwnerHotkey::<T>::get(netuid) == *hotkey;
        let enough = Self::weighs_enough(hotkey, netuid);
        ensure!(owner || enough || children.is_empty(), Error::NotEnoughStakeToSetChildkeys);
        Ok(())
    }

    /// Makes those children count whose cool-down is over; after a subnet's epoch.
    pub(crate) fn adopt_pending(netuid: NetUid) {
        let due: Vec<(AccountId, Vec<Relation>)> = PendingChildKeys::<T>::iter_prefix(netuid)
            .filter(|(_, (_, from))| *from <= Self::block())
            .map(|(hotkey, (children, _))| (hotkey, children))
            .collect();
        for (hotkey, children) in due {
            PendingChildKeys::<T>::remove(netuid, &hotkey);
            Self::adopt(&hotkey, netuid, children);
        }
    }

    fn adopt(hotkey: &AccountId, netuid: NetUid, children: Vec<Relation>) {
        for (_, child) in ChildKeys::<T>::take(hotkey, netuid) {
            Self::change_parents(&child, netuid, |parents| parents.retain(|(_, parent)| parent != hotkey));
        }
        for (share, child) in &children {
            Self::change_parents(child, netuid, |parents| parents.push((*share, hotkey.clone())));
        }
        if !children.is_empty() {
            ChildKeys::<T>::insert(hotkey, netuid, &children);
        }
        Self::deposit_event(Event::SetChildren(hotkey.clone(), netuid, children));
    }

    fn change_parents(child: &AccountId, netuid: NetUid, change: impl FnOnce(&mut Vec<Relation>)) {
        let mut parents = ParentKeys::<T>::get(child, netuid);
        change(&mut parents);
        if parents.is_empty() {
            ParentKeys::<T>::remove(child, netuid);
        } else {
            ParentKeys::<T>::insert(child, netuid, parents);
        }
    }

    /// A hotkey's stake on `place`, with what its parents of a subnet lend to it and without what it lends to its children
    /// there; in rao.
    #[must_use]
    pub fn inherited(hotkey: &AccountId, netuid: NetUid, place: NetUid) -> u64 {
        let [stake] = Self::inherited_in(hotkey, netuid, [place]);
        stake
    }

    /// The same in several places.
    pub(crate) fn inherited_in<const N: usize>(hotkey: &AccountId, netuid: NetUid, places: [NetUid; N]) -> [u64; N] {
        let (children, parents) = (ChildKeys::<T>::get(hotkey, netuid), ParentKeys::<T>::get(hotkey, netuid));
        places.map(|place| {
            let own = TotalHotkeyAlpha::<T>::get(hotkey, place);
            if children.is_empty() && parents.is_empty() {
                return own;
            }
            let given: u128 = children.iter().map(|(share, _)| lent(own, *share)).sum();
            let got: u128 =
                parents.iter().map(|(share, parent)| lent(TotalHotkeyAlpha::<T>::get(parent, place), *share)).sum();
            let sum = (u128::from(own) << 32).saturating_sub(given).saturating_add(got);
            u64::try_from(sum >> 32).unwrap_or(u64::MAX)
        })
    }

    /// Splits what a hotkey earned among its parents by what each contributes, less the hotkey's take; its own part last.
    pub(crate) fn split_among_parents(hotkey: &AccountId, netuid: NetUid, earned: u64) -> Vec<(AccountId, u64)> {
        let parents = ParentKeys::<T>::get(hotkey, netuid);
        if parents.is_empty() {
            return vec![(hotkey.clone(), earned)];
        }
        let weighed = |owner: &AccountId, share: u64| {
            let part = |place| lent(TotalHotkeyAlpha::<T>::get(owner, place), share) >> 32;
            let root = part(NetUid::ROOT).saturating_mul(u128::from(TaoWeight::<T>::get())) / u128::from(u64::MAX);
            part(netuid).saturating_add(root)
        };
        let lent_out: u64 = ChildKeys::<T>::get(hotkey, netuid).iter().map(|(share, _)| *share).sum();
        let own = weighed(hotkey, u64::MAX - lent_out);
        let contributions: Vec<(AccountId, u128)> =
            parents.into_iter().map(|(share, parent)| (parent.clone(), weighed(&parent, share))).collect();
        let whole = contributions.iter().fold(own, |sum, (_, part)| sum.saturating_add(*part));
        let (take, coldkey) = (Self::childkey_take(hotkey, netuid), Owner::<T>::get(hotkey));
        let mut left = earned;
        let mut parts = Vec::with_capacity(contributions.len() + 1);
        for (parent, contribution) in contributions {
            let part = scale(earned, contribution, whole);
            let same_owner = Owner::<T>::get(&parent) == coldkey;
            let kept = if same_owner { 0 } else { scale(part, u128::from(take), u128::from(u16::MAX)) };
            left = left.saturating_sub(part - kept);
            parts.push((parent, part - kept));
        }
        parts.push((hotkey.clone(), left));
        parts
    }

    /// What a child keeps of its parents' dividends, u16 fraction: its own setting, at least the subnet's and the chain's
    /// least.
    #[must_use]
    pub fn childkey_take(hotkey: &AccountId, netuid: NetUid) -> u16 {
        ChildkeyTake::<T>::get(hotkey, netuid).max(Self::least_childkey_take(netuid))
    }

    fn least_childkey_take(netuid: NetUid) -> u16 {
        MinChildkeyTake::<T>::get().max(MinChildkeyTakePerSubnet::<T>::get(netuid))
    }

    /// Sets what a child keeps.
    ///
    /// # Errors
    /// In this order: `SubnetNotExists`, `NonAssociatedColdKey`, `InvalidChildkeyTake`,
    /// `TxChildkeyTakeRateLimitExceeded` when it is raised twice within the limit.
    pub(crate) fn do_set_childkey_take(
        coldkey: &AccountId,
        hotkey: &AccountId,
        netuid: NetUid,
        take: u16,
    ) -> DispatchResult {
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        ensure!(Owner::<T>::get(hotkey) == *coldkey, Error::<T>::NonAssociatedColdKey);
        let allowed = Self::least_childkey_take(netuid)..=MaxChildkeyTake::<T>::get();
        ensure!(allowed.contains(&take), Error::<T>::InvalidChildkeyTake);
        let key = (hotkey, netuid, RateLimited::SetChildkeyTake.key());
        let (last, limit) = (TransactionKeyLastBlock::<T>::get(key), TxChildkeyTakeRateLimit::<T>::get());
        let raised = take > ChildkeyTake::<T>::get(hotkey, netuid);
        let waited = Self::block().saturating_sub(last);
        ensure!(!raised || last == 0 || waited >= limit, Error::<T>::TxChildkeyTakeRateLimitExceeded);
        TransactionKeyLastBlock::<T>::insert(key, Self::block());
        ChildkeyTake::<T>::insert(hotkey, netuid, take);
        Self::deposit_event(Event::ChildKeyTakeSet(hotkey.clone(), take));
        Ok(())
    }
}

/// A share of an amount, with 32 bits after the point.
fn lent(amount: u64, share: u64) -> u128 {
    let fraction = (u128::from(share) << 32) / u128::from(u64::MAX);
    u128::from(amount) * fraction
}
