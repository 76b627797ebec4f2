//! The pallet `Commitments`: what a neuron says about itself to its subnet, in the open or sealed until a round of the beacon.
#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::expect_used,
    clippy::must_use_candidate,
    clippy::needless_pass_by_value,
    reason = "FRAME's macros make undocumented items and fix the calls' signatures"
)]

mod types;

pub use pallet::*;
pub use types::*;

#[frame_support::pallet]
pub mod pallet {
    use super::types::*;
    use crate::localnet::{
        drand, pallet as chain,
        runtime::{AccountId, NetUid},
    };
    use crate::timelock;
    use frame_support::{pallet_prelude::*, traits::ConstU32};
    use frame_system::pallet_prelude::*;
    use sp_runtime::SaturatedConversion;
    use std::collections::BTreeSet;

    /// The least space that a commitment takes.
    const LEAST_SPACE: u64 = 100;
    /// How many opened commitments are kept of a hotkey.
    const KEPT: usize = 10;

    #[pallet::config]
    pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> + chain::Config {}

    #[pallet::pallet]
    #[pallet::without_storage_info]
    pub struct Pallet<T>(_);

    /// What a hotkey committed last.
    #[pallet::storage]
    pub type CommitmentOf<T> =
        StorageDoubleMap<_, Identity, NetUid, Twox64Concat, AccountId, Registration, OptionQuery>;
    /// Block of a hotkey's last commitment.
    #[pallet::storage]
    pub type LastCommitment<T> = StorageDoubleMap<_, Identity, NetUid, Twox64Concat, AccountId, u32, OptionQuery>;
    /// Block of a miner's last wish to start anew.
    #[pallet::storage]
    pub type LastBondsReset<T> = StorageDoubleMap<_, Identity, NetUid, Twox64Concat, AccountId, u32, OptionQuery>;
    /// What opened, with the block in which it did.
    #[pallet::storage]
    pub type RevealedCommitments<T> =
        StorageDoubleMap<_, Identity, NetUid, Twox64Concat, AccountId, Vec<(Vec<u8>, u64)>, OptionQuery>;
    /// Space that a hotkey has used in this epoch.
    #[pallet::storage]
    pub type UsedSpaceOf<T> = StorageDoubleMap<_, Identity, NetUid, Twox64Concat, AccountId, UsageTracker, OptionQuery>;
    /// Bytes that a hotkey may commit in an epoch.
    #[pallet::storage]
    pub type MaxSpace<T> = StorageValue<_, u32, ValueQuery, ConstU32<3100>>;
    /// Whose sealed fields wait.
    #[pallet::storage]
    pub type TimelockedIndex<T> = StorageValue<_, BTreeSet<(NetUid, AccountId)>, ValueQuery>;

    #[pallet::event]
    #[pallet::generate_deposit(fn deposit_event)]
    pub enum Event<T: Config> {
        /// A hotkey committed something.
        Commitment {
            /// Where.
            netuid: NetUid,
            /// Who.
            who: T::AccountId,
        },
        /// A hotkey committed something sealed.
        TimelockCommitment {
            /// Where.
            netuid: NetUid,
            /// Who.
            who: T::AccountId,
            /// The round that opens it.
            reveal_round: u64,
        },
        /// Something sealed opened.
        CommitmentRevealed {
            /// Where.
            netuid: NetUid,
            /// Whose.
            who: T::AccountId,
        },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The hotkey is not registered in the subnet: register it first.
        #[codec(index = 1)]
        AccountNotAllowedCommit,
        /// The hotkey has committed as much as it may in this epoch: wait for the next one.
        #[codec(index = 2)]
        SpaceLimitExceeded,
    }

    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        fn on_initialize(_block: BlockNumberFor<T>) -> Weight {
            for (netuid, who) in TimelockedIndex::<T>::get() {
                Self::reveal(netuid, &who);
            }
            Weight::zero()
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Commits something for the signing hotkey.
        #[pallet::call_index(0)]
        #[pallet::weight((Weight::from_parts(50_000_000, 0), DispatchClass::Normal, Pays::No))]
        pub fn set_commitment(origin: OriginFor<T>, netuid: NetUid, info: Box<CommitmentInfo>) -> DispatchResult {
            let who = ensure_signed(origin)?;
            let registered = chain::Uids::<T>::contains_key(netuid, &who);
            ensure!(registered, Error::<T>::AccountNotAllowedCommit);
            Self::use_space(netuid, &who, &info)?;
            let block: u32 = frame_system::Pallet::<T>::block_number().saturated_into();
            if info.fields.contains(&Data::ResetBondsFlag) {
                LastBondsReset::<T>::insert(netuid, &who, block);
            }
            let sealed = info.fields.iter().find_map(|field| match field {
                Data::TimelockEncrypted { reveal_round, .. } => Some(*reveal_round),
                _ => None,
            });
            CommitmentOf::<T>::insert(netuid, &who, Registration { deposit: 0, block, info: *info });
            LastCommitment::<T>::insert(netuid, &who, block);
            match sealed {
                Some(reveal_round) => {
                    TimelockedIndex::<T>::mutate(|index| index.insert((netuid, who.clone())));
                    Self::deposit_event(Event::TimelockCommitment { netuid, who, reveal_round });
                }
                None => {
                    TimelockedIndex::<T>::mutate(|index| index.remove(&(netuid, who.clone())));
                    Self::deposit_event(Event::Commitment { netuid, who });
                }
            }
            Ok(())
        }

        /// Sets how many bytes a hotkey may commit in an epoch. Root.
        #[pallet::call_index(2)]
        #[pallet::weight((Weight::from_parts(10_000_000, 0), DispatchClass::Operational, Pays::No))]
        pub fn set_max_space(origin: OriginFor<T>, new_limit: u32) -> DispatchResult {
            ensure_root(origin)?;
            MaxSpace::<T>::put(new_limit);
            Ok(())
        }
    }

    impl<T: Config> Pallet<T> {
        fn use_space(netuid: NetUid, who: &AccountId, info: &CommitmentInfo) -> Result<(), Error<T>> {
            let needed = info.fields.iter().map(Data::space).sum::<u64>().max(LEAST_SPACE);
            let epoch = chain::SubnetEpochIndex::<T>::get(netuid);
            let used = UsedSpaceOf::<T>::get(netuid, who).filter(|usage| usage.last_epoch == epoch);
            let sum = used.map_or(0, |usage| usage.used_space).saturating_add(needed);
            ensure!(sum <= MaxSpace::<T>::get().into(), Error::SpaceLimitExceeded);
            UsedSpaceOf::<T>::insert(netuid, who, UsageTracker { last_epoch: epoch, used_space: sum });
            Ok(())
        }

        /// Opens the sealed fields whose rounds have come; what does not open is thrown away.
        fn reveal(netuid: NetUid, who: &AccountId) {
            let Some(mut registration) = CommitmentOf::<T>::get(netuid, who) else {
                TimelockedIndex::<T>::mutate(|index| index.remove(&(netuid, who.clone())));
                return;
            };
            let (mut left, mut opened, mut waits) = (BoundedVec::new(), Vec::new(), false);
            for field in registration.info.fields {
                let pulse = match &field {
                    Data::TimelockEncrypted { reveal_round, .. } => drand::Pulses::<T>::get(reveal_round),
                    _ => None,
                };
                match (field, pulse) {
                    (Data::TimelockEncrypted { encrypted, .. }, Some(pulse)) => {
                        let signature = timelock::Signature::from_bytes(&pulse.signature);
                        opened
                            .extend(signature.and_then(|signature| timelock::open_bytes(&encrypted, &signature)).ok());
                    }
                    (field, _) => {
                        waits |= matches!(field, Data::TimelockEncrypted { .. });
                        // It comes from a list with the same bound.
                        let _ = left.try_push(field);
                    }
                }
            }
            registration.info.fields = left;
            if registration.info.fields.is_empty() {
                CommitmentOf::<T>::remove(netuid, who);
            } else {
                CommitmentOf::<T>::insert(netuid, who, registration);
            }
            if !waits {
                TimelockedIndex::<T>::mutate(|index| index.remove(&(netuid, who.clone())));
            }
            Self::keep(netuid, who, opened);
        }

        fn keep(netuid: NetUid, who: &AccountId, opened: Vec<Vec<u8>>) {
            if opened.is_empty() {
                return;
            }
            let block = chain::Pallet::<T>::block();
            let mut all = RevealedCommitments::<T>::get(netuid, who).unwrap_or_default();
            all.extend(opened.into_iter().map(|bytes| (bytes, block)));
            let too_many = all.len().saturating_sub(KEPT);
            all.drain(..too_many);
            RevealedCommitments::<T>::insert(netuid, who, all);
            Self::deposit_event(Event::CommitmentRevealed { netuid, who: who.clone() });
        }
    }
}
