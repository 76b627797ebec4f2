//! Registration by proof of work, as later runtimes have it: no price, but a seal under a target.

use super::*;
use crate::localnet::runtime::{AccountId, NetUid};
use frame_support::{dispatch::DispatchResult, ensure};
use sp_core::U256;
use sp_runtime::SaturatedConversion;

/// Before the first byte of what is hashed.
const DOMAIN: &[u8] = b"subtensor-pow-register-v1";
/// A block older than this is no work's.
const MAX_AGE: u64 = 5;

/// What was worked on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work<'a> {
    /// The subnet.
    pub(crate) netuid: NetUid,
    /// The block whose hash is sealed.
    pub(crate) block: u64,
    /// What was found.
    pub(crate) nonce: u64,
    /// The seal.
    pub(crate) seal: &'a [u8],
    /// Who registers.
    pub(crate) hotkey: &'a AccountId,
    /// Whose hotkey.
    pub(crate) coldkey: &'a AccountId,
}

impl<T: Config> Pallet<T> {
    /// What the seal has to meet now.
    #[must_use]
    pub fn work_difficulty(netuid: NetUid) -> u64 {
        let least = MinDifficulty::<T>::get(netuid).max(1);
        Difficulty::<T>::get(netuid).min(MaxDifficulty::<T>::get(netuid)).max(least)
    }

    /// The guard in the pool and before dispatch.
    ///
    /// # Errors
    /// In this order: `SubnetNotExists`, `RegistrationNotPermittedOnRootSubnet`, `SubNetRegistrationDisabled`,
    /// `TooManyRegistrationsThisBlock`, `InvalidWorkBlock`, `InvalidSeal`, `InvalidDifficulty`.
    pub(crate) fn check_work(work: Work<'_>) -> Result<(), Error<T>> {
        ensure!(NetworksAdded::<T>::get(work.netuid), Error::SubnetNotExists);
        ensure!(work.netuid != NetUid::ROOT, Error::RegistrationNotPermittedOnRootSubnet);
        let open =
            NetworkRegistrationAllowed::<T>::get(work.netuid) && NetworkPowRegistrationAllowed::<T>::get(work.netuid);
        ensure!(open, Error::SubNetRegistrationDisabled);
        let (count, most) =
            (RegistrationsThisBlock::<T>::get(work.netuid), MaxRegistrationsPerBlock::<T>::get(work.netuid));
        ensure!(count < most, Error::TooManyRegistrationsThisBlock);
        let fresh = work.block <= Self::block() && Self::block() - work.block < MAX_AGE;
        let unused = LastPowRegistrationBlock::<T>::get(work.hotkey).is_none_or(|last| work.block > last);
        ensure!(fresh && unused, Error::InvalidWorkBlock);
        let hash = frame_system::Pallet::<T>::block_hash(
            work.block.saturated_into::<frame_system::pallet_prelude::BlockNumberFor<T>>(),
        );
        let seal = seal_of(hash.as_ref(), &work);
        ensure!(work.seal == seal, Error::InvalidSeal);
        ensure!(meets(&seal, Self::work_difficulty(work.netuid)), Error::InvalidDifficulty);
        Ok(())
    }

    /// Registers a hotkey for its work.
    ///
    /// # Errors
    /// Those of [`Self::check_work`], then `HotKeyAlreadyRegisteredInSubNet`, `NonAssociatedColdKey`, `NoNeuronIdAvailable`.
    pub(crate) fn do_pow_register(work: Work<'_>) -> DispatchResult {
        Self::check_work(work)?;
        let Work { netuid, hotkey, coldkey, .. } = work;
        ensure!(!Uids::<T>::contains_key(netuid, hotkey), Error::<T>::HotKeyAlreadyRegisteredInSubNet);
        Self::associate(coldkey, hotkey)?;
        let uid = Self::add_neuron(netuid, hotkey)?;
        LastPowRegistrationBlock::<T>::insert(hotkey, work.block);
        RegistrationsThisBlock::<T>::mutate(netuid, |count| *count = count.saturating_add(1));
        Self::deposit_event(Event::NeuronRegistered(netuid, uid, hotkey.clone()));
        Ok(())
    }
}

/// keccak-256 of sha-256 of the domain, the subnet, the block's hash, both keys and the nonce.
fn seal_of(block_hash: &[u8], work: &Work<'_>) -> [u8; 32] {
    let mut bytes = DOMAIN.to_vec();
    bytes.extend(work.netuid.0.to_le_bytes());
    bytes.extend(block_hash);
    bytes.extend(AsRef::<[u8]>::as_ref(work.hotkey));
    bytes.extend(AsRef::<[u8]>::as_ref(work.coldkey));
    bytes.extend(work.nonce.to_le_bytes());
    sp_io::hashing::keccak_256(&sp_io::hashing::sha2_256(&bytes))
}

/// Is the seal, as a little-endian number, at most 2²⁵⁶ by the difficulty?
fn meets(seal: &[u8; 32], difficulty: u64) -> bool {
    U256::from_little_endian(seal) <= U256::MAX / U256::from(difficulty.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by the native solver of a real SDK.
    #[test]
    fn a_seal_is_what_the_sdk_makes() {
        let account = |byte| AccountId::new([byte; 32]);
        let (hotkey, coldkey) = (account(0x22), account(0x33));
        let work = Work { netuid: NetUid(8), block: 0, nonce: 7, seal: &[], hotkey: &hotkey, coldkey: &coldkey };
        let seal = seal_of(&[0x11; 32], &work);
        assert_eq!(hex::encode(seal), "55d5d336d9f557f16ea2c6efa07dcb80e0bd03fe19d2b3558eb78281f1e9ac41");
        assert!(meets(&seal, 3) && !meets(&seal, 4));
    }
}
