//! What a hotkey keeps of its stakers' dividends, and what keys say about themselves.

use super::*;
use crate::localnet::runtime::{AccountId, NetUid};
use frame_support::{dispatch::DispatchResult, ensure};

/// Longest texts of an identity in bytes: name, web page, repository, picture, Discord handle, description, anything else.
const IDENTITY: [usize; 7] = [256, 256, 256, 1024, 256, 1024, 1024];
/// Longest texts of a subnet's identity in bytes, in the order of its fields.
const SUBNET_IDENTITY: [usize; 8] = [256, 1024, 1024, 1024, 256, 1024, 1024, 1024];

impl<T: Config> Pallet<T> {
    /// The guard of both directions: the hotkey exists, belongs to the coldkey, and the take is between the bounds.
    pub(crate) fn check_take(coldkey: &AccountId, hotkey: &AccountId, take: u16) -> Result<(), Error<T>> {
        ensure!(take >= MinDelegateTake::<T>::get(), Error::DelegateTakeTooLow);
        ensure!(take <= MaxDelegateTake::<T>::get(), Error::DelegateTakeTooHigh);
        ensure!(Owner::<T>::contains_key(hotkey), Error::HotKeyAccountNotExists);
        ensure!(Owner::<T>::get(hotkey) == *coldkey, Error::NonAssociatedColdKey);
        Ok(())
    }

    /// Raises a hotkey's take.
    ///
    /// # Errors
    /// Those of [`Self::check_take`], `DelegateTakeTooLow` when it is not raised, `DelegateTxRateLimitExceeded`.
    pub(crate) fn do_increase_take(coldkey: &AccountId, hotkey: &AccountId, take: u16) -> DispatchResult {
        Self::check_take(coldkey, hotkey, take)?;
        let raised = !Delegates::<T>::contains_key(hotkey) || take > Delegates::<T>::get(hotkey);
        ensure!(raised, Error::<T>::DelegateTakeTooLow);
        let key = RateLimitKey::LastTxBlockDelegateTake(coldkey.clone());
        let (last, limit) = (LastRateLimitedBlock::<T>::get(&key), TxDelegateTakeRateLimit::<T>::get());
        let waited = Self::block().saturating_sub(last);
        ensure!(last == 0 || limit == 0 || waited >= limit, Error::<T>::DelegateTxRateLimitExceeded);
        LastRateLimitedBlock::<T>::insert(key, Self::block());
        Delegates::<T>::insert(hotkey, take);
        Self::deposit_event(Event::TakeIncreased(coldkey.clone(), hotkey.clone(), take));
        Ok(())
    }

    /// Lowers a hotkey's take.
    ///
    /// # Errors
    /// Those of [`Self::check_take`], `DelegateTakeTooLow` when it is not lowered.
    pub(crate) fn do_decrease_take(coldkey: &AccountId, hotkey: &AccountId, take: u16) -> DispatchResult {
        Self::check_take(coldkey, hotkey, take)?;
        ensure!(take < Delegates::<T>::get(hotkey), Error::<T>::DelegateTakeTooLow);
        let key = RateLimitKey::LastTxBlockDelegateTake(coldkey.clone());
        LastRateLimitedBlock::<T>::insert(key, Self::block());
        Delegates::<T>::insert(hotkey, take);
        Self::deposit_event(Event::TakeDecreased(coldkey.clone(), hotkey.clone(), take));
        Ok(())
    }

    /// Stores what a coldkey says about itself.
    ///
    /// # Errors
    /// `HotKeyNotRegisteredInNetwork` when none of its hotkeys is registered anywhere, `InvalidIdentity` for a text that is too long.
    pub(crate) fn do_set_identity(coldkey: &AccountId, identity: ChainIdentityV2) -> DispatchResult {
        let registered = OwnedHotkeys::<T>::get(coldkey)
            .iter()
            .any(|hotkey| IsNetworkMember::<T>::iter_prefix(hotkey).any(|(_, member)| member));
        ensure!(registered, Error::<T>::HotKeyNotRegisteredInNetwork);
        let ChainIdentityV2 { name, url, github_repo, image, discord, description, additional } = &identity;
        let texts = [name, url, github_repo, image, discord, description, additional];
        ensure!(texts.iter().zip(IDENTITY).all(|(text, most)| text.len() <= most), Error::<T>::InvalidIdentity);
        IdentitiesV2::<T>::insert(coldkey, identity);
        Self::deposit_event(Event::ChainIdentitySet(coldkey.clone()));
        Ok(())
    }

    /// Stores what an owner says about its subnet.
    ///
    /// # Errors
    /// `SubnetNotExists`, `NotSubnetOwner`, and `InvalidIdentity` for a text that is too long.
    pub(crate) fn do_set_subnet_identity(
        coldkey: &AccountId,
        netuid: NetUid,
        identity: SubnetIdentityV3,
    ) -> DispatchResult {
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        ensure!(SubnetOwner::<T>::get(netuid) == *coldkey, Error::<T>::NotSubnetOwner);
        Self::store_subnet_identity(netuid, identity)?;
        Ok(())
    }

    /// Checks the lengths of the texts and stores them.
    ///
    /// # Errors
    /// `InvalidIdentity`.
    pub(crate) fn store_subnet_identity(netuid: NetUid, identity: SubnetIdentityV3) -> Result<(), Error<T>> {
        let SubnetIdentityV3 {
            subnet_name,
            github_repo,
            subnet_contact,
            subnet_url,
            discord,
            description,
            logo_url,
            additional,
        } = &identity;
        let texts = [subnet_name, github_repo, subnet_contact, subnet_url, discord, description, logo_url, additional];
        ensure!(texts.iter().zip(SUBNET_IDENTITY).all(|(text, most)| text.len() <= most), Error::InvalidIdentity);
        SubnetIdentitiesV3::<T>::insert(netuid, identity);
        Self::deposit_event(Event::SubnetIdentitySet(netuid));
        Ok(())
    }

    /// Chooses the hotkey on which a coldkey's miners of a subnet are paid.
    ///
    /// # Errors
    /// `SubnetNotExists`, `HotKeyNotRegisteredInSubNet`, `SameAutoStakeHotkeyAlreadySet`.
    pub(crate) fn do_set_auto_stake(coldkey: &AccountId, netuid: NetUid, hotkey: &AccountId) -> DispatchResult {
        ensure!(NetworksAdded::<T>::get(netuid), Error::<T>::SubnetNotExists);
        ensure!(Uids::<T>::contains_key(netuid, hotkey), Error::<T>::HotKeyNotRegisteredInSubNet);
        let old = AutoStakeDestination::<T>::get(coldkey, netuid);
        ensure!(old.as_ref() != Some(hotkey), Error::<T>::SameAutoStakeHotkeyAlreadySet);
        if let Some(old) = old {
            AutoStakeDestinationColdkeys::<T>::mutate(old, netuid, |coldkeys| {
                coldkeys.retain(|other| other != coldkey);
            });
        }
        AutoStakeDestination::<T>::insert(coldkey, netuid, hotkey);
        AutoStakeDestinationColdkeys::<T>::append(hotkey, netuid, coldkey);
        Self::deposit_event(Event::AutoStakeDestinationSet {
            coldkey: coldkey.clone(),
            netuid,
            hotkey: hotkey.clone(),
        });
        Ok(())
    }
}
