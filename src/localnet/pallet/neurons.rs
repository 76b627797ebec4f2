//! Who holds which uid: appending, replacing, and choosing whom to replace.

use super::{raw_list::RawList, *};
use crate::localnet::runtime::{AccountId, NetUid, NetUidStorageIndex};

impl<T: Config> Pallet<T> {
    /// The uid of a hotkey.
    ///
    /// # Errors
    /// `HotKeyNotRegisteredInSubNet`.
    pub fn uid_of(netuid: NetUid, hotkey: &AccountId) -> Result<u16, Error<T>> {
        Uids::<T>::get(netuid, hotkey).ok_or(Error::HotKeyNotRegisteredInSubNet)
    }

    /// Makes a hotkey known and `coldkey` its owner.
    ///
    /// # Errors
    /// `NonAssociatedColdKey` when somebody else owns it.
    pub fn associate(coldkey: &AccountId, hotkey: &AccountId) -> Result<(), Error<T>> {
        if Owner::<T>::contains_key(hotkey) {
            return if Owner::<T>::get(hotkey) == *coldkey { Ok(()) } else { Err(Error::NonAssociatedColdKey) };
        }
        Owner::<T>::insert(hotkey, coldkey);
        OwnedHotkeys::<T>::append(coldkey, hotkey);
        Self::note_staking_hotkey(coldkey, hotkey);
        Ok(())
    }

    /// Remembers that `coldkey` stakes to `hotkey`.
    pub(crate) fn note_staking_hotkey(coldkey: &AccountId, hotkey: &AccountId) {
        // A coldkey may stake to thousands.
        let noted = RawList::at(&StakingHotkeys::<T>::hashed_key_for(coldkey));
        if !noted.items().contains(hotkey.as_ref()) {
            StakingHotkeys::<T>::append(coldkey, hotkey);
        }
    }

    /// Gives `hotkey` a uid: the next one, or in a full subnet that of the neuron that is pruned.
    ///
    /// # Errors
    /// `NoNeuronIdAvailable` when the subnet is full and nobody can be pruned.
    pub fn add_neuron(netuid: NetUid, hotkey: &AccountId) -> Result<u16, Error<T>> {
        let size = SubnetworkN::<T>::get(netuid);
        if size < MaxAllowedUids::<T>::get(netuid) {
            Self::append_neuron(netuid, size, hotkey);
            return Ok(size);
        }
        let uid = Self::neuron_to_prune(netuid).ok_or(Error::NoNeuronIdAvailable)?;
        Self::replace_neuron(netuid, uid, hotkey);
        Ok(uid)
    }

    pub(crate) fn append_neuron(netuid: NetUid, uid: u16, hotkey: &AccountId) {
        SubnetworkN::<T>::insert(netuid, uid.saturating_add(1));
        Active::<T>::append(netuid, true);
        ValidatorPermit::<T>::append(netuid, false);
        ValidatorTrust::<T>::append(netuid, 0);
        Consensus::<T>::append(netuid, 0);
        Dividends::<T>::append(netuid, 0);
        Emission::<T>::append(netuid, 0);
        StakeWeight::<T>::append(netuid, 0);
        for index in Self::mechanisms(netuid).map(|mechanism| netuid.mechanism(mechanism)) {
            Incentive::<T>::append(index, 0);
            LastUpdate::<T>::append(index, Self::block());
        }
        Self::seat(netuid, uid, hotkey);
    }

    pub(crate) fn replace_neuron(netuid: NetUid, uid: u16, hotkey: &AccountId) {
        let old = Keys::<T>::get(netuid, uid);
        Uids::<T>::remove(netuid, &old);
        IsNetworkMember::<T>::remove(&old, netuid);
        Axons::<T>::remove(netuid, &old);
        Prometheus::<T>::remove(netuid, &old);
        Active::<T>::mutate(netuid, |list| set(list, uid, true));
        ValidatorPermit::<T>::mutate(netuid, |list| set(list, uid, false));
        ValidatorTrust::<T>::mutate(netuid, |list| set(list, uid, 0));
        Consensus::<T>::mutate(netuid, |list| set(list, uid, 0));
        Dividends::<T>::mutate(netuid, |list| set(list, uid, 0));
        Emission::<T>::mutate(netuid, |list| set(list, uid, 0));
        StakeWeight::<T>::mutate(netuid, |list| set(list, uid, 0));
        for index in Self::mechanisms(netuid).map(|mechanism| netuid.mechanism(mechanism)) {
            Incentive::<T>::mutate(index, |list| set(list, uid, 0));
            LastUpdate::<T>::mutate(index, |list| set(list, uid, Self::block()));
            Weights::<T>::remove(index, uid);
            Bonds::<T>::remove(index, uid);
            Self::forget_weights_to(index, uid);
        }
        Self::seat(netuid, uid, hotkey);
    }

    /// Nobody meant the newcomer: weights to its uid become zero.
    fn forget_weights_to(index: NetUidStorageIndex, uid: u16) {
        for (validator, mut row) in Weights::<T>::iter_prefix(index).collect::<Vec<_>>() {
            let mut touched = false;
            for (_, weight) in row.iter_mut().filter(|(target, _)| *target == uid) {
                *weight = 0;
                touched = true;
            }
            if touched {
                Weights::<T>::insert(index, validator, row);
            }
        }
    }

    fn seat(netuid: NetUid, uid: u16, hotkey: &AccountId) {
        Uids::<T>::insert(netuid, hotkey, uid);
        Keys::<T>::insert(netuid, uid, hotkey);
        IsNetworkMember::<T>::insert(hotkey, netuid, true);
        BlockAtRegistration::<T>::insert(netuid, uid, Self::block());
    }

    /// Whom a newcomer replaces: the neuron past immunity with the lowest emission, then the oldest, then the lowest uid;
    /// when few are past immunity, the same among the immune.
    #[must_use]
    pub fn neuron_to_prune(netuid: NetUid) -> Option<u16> {
        let (now, period) = (Self::block(), u64::from(ImmunityPeriod::<T>::get(netuid)));
        let emission = Emission::<T>::get(netuid);
        let immortal = Self::immortal_uids(netuid);
        let mut immune: Option<(u64, u64, u16)> = None;
        let mut mortal: Option<(u64, u64, u16)> = None;
        let mut mortals = 0u16;
        for uid in (0..SubnetworkN::<T>::get(netuid)).filter(|uid| !immortal.contains(uid)) {
            let registered = BlockAtRegistration::<T>::get(netuid, uid);
            let rank = (emission.get(usize::from(uid)).copied().unwrap_or(0), registered, uid);
            let lowest = if now.saturating_sub(registered) < period { &mut immune } else { &mut mortal };
            *lowest = Some(lowest.map_or(rank, |lowest| lowest.min(rank)));
            if now.saturating_sub(registered) >= period {
                mortals = mortals.saturating_add(1);
            }
        }
        let chosen = if mortals > MinNonImmuneUids::<T>::get(netuid) { mortal } else { immune };
        chosen.map(|(_, _, uid)| uid)
    }

    /// Neurons of the owner that are never pruned: its oldest ones, its named hotkey first.
    fn immortal_uids(netuid: NetUid) -> Vec<u16> {
        let limit = usize::from(ImmuneOwnerUidsLimit::<T>::get(netuid));
        let mut owned: Vec<(u64, u16)> = OwnedHotkeys::<T>::get(SubnetOwner::<T>::get(netuid))
            .iter()
            .filter_map(|hotkey| Uids::<T>::get(netuid, hotkey))
            .map(|uid| (BlockAtRegistration::<T>::get(netuid, uid), uid))
            .collect();
        owned.sort_unstable();
        let mut uids: Vec<u16> = owned.into_iter().map(|(_, uid)| uid).take(limit).collect();
        if let Some(named) = Uids::<T>::get(netuid, SubnetOwnerHotkey::<T>::get(netuid))
            && !uids.contains(&named)
        {
            uids.insert(0, named);
            uids.truncate(limit);
        }
        uids
    }
}

fn set<V>(list: &mut [V], uid: u16, value: V) {
    if let Some(place) = list.get_mut(usize::from(uid)) {
        *place = value;
    }
}
