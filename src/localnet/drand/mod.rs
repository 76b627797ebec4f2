//! The pallet `Drand`: pulses of a random beacon, for what is sealed until a round.
//!
//! The real chain's nodes fetch the pulses of drand's `quicknet`. Here the chain is its own beacon (`beacon.rs`), named
//! by `BeaconConfig`; real pulses of `quicknet` are taken too, for what an SDK sealed. Rounds have to increase; the real
//! chain wants each to follow the last.
#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::expect_used,
    clippy::must_use_candidate,
    clippy::needless_pass_by_value,
    reason = "FRAME's macros make undocumented items and fix the calls' signatures"
)]

mod types;
mod verified;

pub use pallet::*;
pub use types::*;
pub use verified::{Signer, checked, remember};

#[frame_support::pallet]
pub mod pallet {
    use super::types::*;
    use crate::localnet::runtime::Signature;
    use frame_support::pallet_prelude::*;
    use frame_system::pallet_prelude::*;
    use sp_runtime::MultiSigner;

    /// How many pulses are kept: eighteen hours of them. (The real chain keeps ten times as many.)
    pub const KEPT: u64 = 21_600;

    #[pallet::config]
    pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {}

    #[pallet::pallet]
    pub struct Pallet<T>(_);

    /// Whose pulses these are.
    #[pallet::storage]
    pub type BeaconConfig<T> = StorageValue<_, BeaconConfiguration, ValueQuery, Quicknet>;
    /// Round → pulse.
    #[pallet::storage]
    pub type Pulses<T> = StorageMap<_, Blake2_128Concat, u64, Pulse, OptionQuery>;
    /// The newest round that is stored; 0 is none.
    #[pallet::storage]
    pub type LastStoredRound<T> = StorageValue<_, u64, ValueQuery>;
    /// The oldest round that is stored; 0 is none.
    #[pallet::storage]
    pub type OldestStoredRound<T> = StorageValue<_, u64, ValueQuery>;

    #[pallet::event]
    #[pallet::generate_deposit(fn deposit_event)]
    pub enum Event<T: Config> {
        /// Another beacon.
        BeaconConfigChanged,
        /// Pulses were stored.
        NewPulse {
            /// Their rounds.
            rounds: Vec<u64>,
        },
        /// The setting was changed.
        SetOldestStoredRound(u64),
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The round is not above the last one.
        #[codec(index = 4)]
        InvalidRoundNumber,
        /// The beacon did not sign this round so.
        #[codec(index = 5)]
        PulseVerificationError,
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Stores pulses. Only the author of a block can put this in, unsigned.
        #[pallet::call_index(0)]
        #[pallet::weight((Weight::from_parts(100_000_000, 0), DispatchClass::Operational, Pays::No))]
        pub fn write_pulse(
            origin: OriginFor<T>,
            pulses_payload: PulsesPayload<MultiSigner, u32>,
            _signature: Option<Signature>,
        ) -> DispatchResult {
            ensure_none(origin)?;
            let beacon = BeaconConfig::<T>::get();
            let mut last = LastStoredRound::<T>::get();
            let mut rounds = Vec::with_capacity(pulses_payload.pulses.len());
            for pulse in pulses_payload.pulses {
                ensure!(pulse.round > last, Error::<T>::InvalidRoundNumber);
                ensure!(super::checked(&beacon, &pulse).is_some(), Error::<T>::PulseVerificationError);
                last = pulse.round;
                rounds.push(last);
                Pulses::<T>::insert(last, pulse);
            }
            LastStoredRound::<T>::put(last);
            Self::drop_old(&rounds);
            Self::deposit_event(Event::NewPulse { rounds });
            Ok(())
        }

        /// Names another beacon. Root.
        #[pallet::call_index(1)]
        #[pallet::weight((Weight::from_parts(10_000_000, 0), DispatchClass::Operational, Pays::No))]
        pub fn set_beacon_config(
            origin: OriginFor<T>,
            config_payload: BeaconConfigurationPayload<MultiSigner, u32>,
            _signature: Option<Signature>,
        ) -> DispatchResult {
            ensure_root(origin)?;
            BeaconConfig::<T>::put(config_payload.config);
            Self::deposit_event(Event::BeaconConfigChanged);
            Ok(())
        }

        /// Says which round is the oldest. Root.
        #[pallet::call_index(2)]
        #[pallet::weight((Weight::from_parts(10_000_000, 0), DispatchClass::Operational, Pays::No))]
        pub fn set_oldest_stored_round(origin: OriginFor<T>, oldest_round: u64) -> DispatchResult {
            ensure_root(origin)?;
            OldestStoredRound::<T>::put(oldest_round);
            Self::deposit_event(Event::SetOldestStoredRound(oldest_round));
            Ok(())
        }
    }

    impl<T: Config> Pallet<T> {
        /// Keeps the number of pulses; rounds may have gaps.
        fn drop_old(new: &[u64]) {
            let (Some(first), Some(last)) = (new.first(), new.last()) else { return };
            let mut oldest = OldestStoredRound::<T>::get();
            if oldest == 0 {
                oldest = *first;
            }
            let keep_from = last.saturating_sub(KEPT - 1);
            // After a long gap there is little behind it; not more is looked for in one block than could have been stored.
            for round in (oldest..keep_from).take(KEPT as usize) {
                Pulses::<T>::remove(round);
            }
            OldestStoredRound::<T>::put(oldest.max(keep_from));
        }
    }
}
