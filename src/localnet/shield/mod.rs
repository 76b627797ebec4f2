//! The pallet `MevShield`: extrinsics that nobody can read before they are in a block.
//!
//! A client seals a signed extrinsic with the key of `NextKey` and submits the bytes by `submit_encrypted`; the author opens
//! them and puts the extrinsic into the same block, right behind. Keys are ML-KEM-768, a new one every [`ROTATION`] blocks
//! (on the real chain with each author, so with each block); one is good from its announcement until three more came.
#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::expect_used,
    clippy::must_use_candidate,
    clippy::needless_pass_by_value,
    reason = "FRAME's macros make undocumented items and fix the calls' signatures"
)]

mod seal;

pub use pallet::*;
pub(crate) use seal::Sealed;

use super::runtime::Runtime;

/// What a call of this pallet carries.
pub(crate) fn ciphertext_of(call: &Call<Runtime>) -> Option<&pallet::Ciphertext> {
    match call {
        Call::submit_encrypted { ciphertext } => Some(ciphertext),
        Call::__Ignore(..) => None,
    }
}

/// Blocks between two keys.
pub const ROTATION: u32 = 10;

#[frame_support::pallet]
pub mod pallet {
    use super::{ROTATION, seal};
    use crate::localnet::pallet as chain;
    use frame_support::pallet_prelude::*;
    use frame_system::pallet_prelude::*;
    use sp_core::H256;
    use sp_runtime::SaturatedConversion;

    /// A public key: 1184 bytes.
    pub type Key = BoundedVec<u8, ConstU32<2048>>;
    /// What a client sealed.
    pub type Ciphertext = BoundedVec<u8, ConstU32<8192>>;

    #[pallet::config]
    pub trait Config: frame_system::Config<Hash = H256, RuntimeEvent: From<Event<Self>>> + chain::Config {}

    #[pallet::pallet]
    pub struct Pallet<T>(_);

    /// The oldest key that still opens.
    #[pallet::storage]
    pub type CurrentKey<T> = StorageValue<_, Key, OptionQuery>;
    /// The key before [`NextKey`].
    #[pallet::storage]
    pub type PendingKey<T> = StorageValue<_, Key, OptionQuery>;
    /// The key to seal with.
    #[pallet::storage]
    pub type NextKey<T> = StorageValue<_, Key, OptionQuery>;

    #[pallet::event]
    #[pallet::generate_deposit(fn deposit_event)]
    pub enum Event<T: Config> {
        /// Something sealed came.
        EncryptedSubmitted {
            /// Hash of who and what.
            id: T::Hash,
            /// Who sent it.
            who: T::AccountId,
        },
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        fn on_initialize(block: BlockNumberFor<T>) -> Weight {
            let block: u32 = block.saturated_into();
            if (block % ROTATION == 1 || NextKey::<T>::get().is_none())
                && let Some(key) = Self::secret_key(block / ROTATION)
                && let Ok(public) = Key::try_from(key.public())
            {
                CurrentKey::<T>::set(PendingKey::<T>::take());
                PendingKey::<T>::set(NextKey::<T>::take());
                NextKey::<T>::put(public);
            }
            Weight::zero()
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Carries a sealed extrinsic; the author opens it and includes it behind this one.
        #[pallet::call_index(1)]
        #[pallet::weight((Weight::from_parts(100_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn submit_encrypted(origin: OriginFor<T>, ciphertext: Ciphertext) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let id = H256(sp_io::hashing::blake2_256(&(&who, &ciphertext).encode()));
            Self::deposit_event(Event::EncryptedSubmitted { id, who });
            Ok(())
        }
    }

    impl<T: Config> Pallet<T> {
        /// The author's key of one period. It follows from the genesis, as every secret of this chain.
        pub(crate) fn secret_key(period: u32) -> Option<seal::SecretKey> {
            let genesis = chain::GenesisFingerprint::<T>::get()?;
            Some(seal::SecretKey::of(&(b"neuron localnet shield", genesis, period).encode()))
        }

        /// Opens what was sealed with one of the keys that are good now.
        pub(crate) fn open(sealed: &seal::Sealed<'_>) -> Option<Vec<u8>> {
            let block: u32 = frame_system::Pallet::<T>::block_number().saturated_into();
            let newest = block / ROTATION;
            let periods = newest.saturating_sub(3)..=newest;
            periods.rev().filter_map(Self::secret_key).find_map(|key| key.open(sealed))
        }

        /// Is this the hash of a key that is good now?
        pub(crate) fn knows(key_hash: &[u8; 16]) -> bool {
            let keys = [NextKey::<T>::get(), PendingKey::<T>::get(), CurrentKey::<T>::get()];
            keys.iter().flatten().any(|key| sp_io::hashing::twox_128(key) == *key_hash)
        }
    }
}
