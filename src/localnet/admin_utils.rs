//! The pallet `AdminUtils`: setters of hyperparameters, for root and partly for a subnet's owner.
//!
//! Of the real chain's setters those that a neuron's developer wants to turn. An owner may set each parameter once in two
//! tempos, the version key once in five, and nothing shortly before an epoch. (The number of mechanisms and their shares have
//! no limit here; the real chain has one of 7200 blocks, and of one block in builds for development.)
#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::expect_used,
    clippy::must_use_candidate,
    reason = "FRAME's macros make undocumented items"
)]

pub use pallet::*;

#[frame_support::pallet]
pub mod pallet {
    use crate::localnet::{
        pallet as chain,
        pallet::{Event, Hyperparameter},
        runtime::{MechId, NetUid, TaoBalance, scalars::U64F64},
    };
    use frame_support::pallet_prelude::*;
    use frame_system::pallet_prelude::*;

    /// Weight of every setter.
    const SETTER: (Weight, DispatchClass, Pays) =
        (Weight::from_parts(10_000_000, 0), DispatchClass::Operational, Pays::Yes);

    #[pallet::config]
    pub trait Config: frame_system::Config + chain::Config {}

    #[pallet::pallet]
    pub struct Pallet<T>(_);

    #[pallet::error]
    pub enum Error<T> {
        /// The subnet does not exist: check the netuid.
        #[codec(index = 0)]
        SubnetDoesNotExist,
        /// There cannot be more validators than neurons.
        #[codec(index = 1)]
        MaxValidatorsLargerThanMaxUIds,
        /// The subnet has more neurons than that.
        #[codec(index = 2)]
        MaxAllowedUIdsLessThanCurrentUIds,
        /// The moving average of bonds is at most 975000 millionths.
        #[codec(index = 3)]
        BondsMovingAverageMaxReached,
        /// The value is out of its bounds.
        #[codec(index = 5)]
        ValueNotInBounds,
        /// Below the least number of neurons of the subnet.
        #[codec(index = 8)]
        MaxAllowedUidsLessThanMinAllowedUids,
        /// No subnet may have that many neurons.
        #[codec(index = 9)]
        MaxAllowedUidsGreaterThanDefaultMaxAllowedUids,
    }

    impl<T: Config> Pallet<T> {
        fn root(origin: OriginFor<T>, netuid: NetUid) -> DispatchResult {
            ensure_root(origin)?;
            Self::exists(netuid)
        }

        /// Root at any time, the owner within a limit and not shortly before an epoch; `None` is root.
        fn owner_or_root(
            origin: OriginFor<T>,
            netuid: NetUid,
            limit: impl FnOnce(&T::AccountId) -> DispatchResult,
        ) -> Result<Option<T::AccountId>, DispatchError> {
            let who = ensure_signed_or_root(origin)?;
            if let Some(who) = &who {
                ensure!(chain::SubnetOwner::<T>::get(netuid) == *who, DispatchError::BadOrigin);
                limit(who)?;
                chain::Pallet::<T>::check_freeze_window(netuid)?;
            }
            Self::exists(netuid)?;
            Ok(who)
        }

        /// Sets something that an owner may set once in so many tempos. What is refused does not count.
        fn by_owner(
            origin: OriginFor<T>,
            netuid: NetUid,
            what: Hyperparameter,
            set: impl FnOnce() -> DispatchResult,
        ) -> DispatchResult {
            let who = Self::owner_or_root(origin, netuid, |_| chain::Pallet::<T>::may_set(netuid, what))?;
            set()?;
            if who.is_some() {
                chain::Pallet::<T>::has_set(netuid, what);
            }
            Ok(())
        }

        fn exists(netuid: NetUid) -> DispatchResult {
            ensure!(chain::NetworksAdded::<T>::get(netuid), Error::<T>::SubnetDoesNotExist);
            Ok(())
        }

        fn tell(event: Event<T>) -> DispatchResult {
            chain::Pallet::<T>::deposit_event(event);
            Ok(())
        }
    }

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Blocks between two announcements of an axon. Owner or root.
        #[pallet::call_index(3)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_serving_rate_limit(
            origin: OriginFor<T>,
            netuid: NetUid,
            serving_rate_limit: u64,
        ) -> DispatchResult {
            Self::by_owner(origin, netuid, Hyperparameter::ServingRateLimit, || {
                chain::ServingRateLimit::<T>::insert(netuid, serving_rate_limit);
                Self::tell(Event::ServingRateLimitSet(netuid, serving_rate_limit))
            })
        }

        /// Least version key of weights. Owner or root.
        #[pallet::call_index(6)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_weights_version_key(
            origin: OriginFor<T>,
            netuid: NetUid,
            weights_version_key: u64,
        ) -> DispatchResult {
            let who = Self::owner_or_root(origin, netuid, |who| chain::Pallet::<T>::may_set_version_key(who, netuid))?;
            if let Some(who) = who {
                chain::Pallet::<T>::has_set_version_key(&who, netuid);
            }
            chain::WeightsVersionKey::<T>::insert(netuid, weights_version_key);
            Self::tell(Event::WeightsVersionKeySet(netuid, weights_version_key))
        }

        /// Blocks between two settings of weights. Root.
        #[pallet::call_index(7)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_weights_set_rate_limit(
            origin: OriginFor<T>,
            netuid: NetUid,
            weights_set_rate_limit: u64,
        ) -> DispatchResult {
            Self::root(origin, netuid)?;
            chain::WeightsSetRateLimit::<T>::insert(netuid, weights_set_rate_limit);
            Self::tell(Event::WeightsSetRateLimitSet(netuid, weights_set_rate_limit))
        }

        /// Blocks in which a fresh neuron is not pruned. Owner or root.
        #[pallet::call_index(13)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_immunity_period(origin: OriginFor<T>, netuid: NetUid, immunity_period: u16) -> DispatchResult {
            Self::by_owner(origin, netuid, Hyperparameter::ImmunityPeriod, || {
                chain::ImmunityPeriod::<T>::insert(netuid, immunity_period);
                Self::tell(Event::ImmunityPeriodSet(netuid, immunity_period))
            })
        }

        /// Fewest weights in a row. Owner or root.
        #[pallet::call_index(14)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_min_allowed_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            min_allowed_weights: u16,
        ) -> DispatchResult {
            Self::by_owner(origin, netuid, Hyperparameter::MinAllowedWeights, || {
                chain::MinAllowedWeights::<T>::insert(netuid, min_allowed_weights);
                Self::tell(Event::MinAllowedWeightSet(netuid, min_allowed_weights))
            })
        }

        /// Most neurons, at most 256. Owner or root.
        #[pallet::call_index(15)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_max_allowed_uids(
            origin: OriginFor<T>,
            netuid: NetUid,
            max_allowed_uids: u16,
        ) -> DispatchResult {
            Self::by_owner(origin, netuid, Hyperparameter::MaxAllowedUids, || {
                let least = chain::MinAllowedUids::<T>::get(netuid);
                ensure!(max_allowed_uids >= least, Error::<T>::MaxAllowedUidsLessThanMinAllowedUids);
                let now = chain::SubnetworkN::<T>::get(netuid);
                ensure!(max_allowed_uids >= now, Error::<T>::MaxAllowedUIdsLessThanCurrentUIds);
                ensure!(max_allowed_uids <= 256, Error::<T>::MaxAllowedUidsGreaterThanDefaultMaxAllowedUids);
                chain::MaxAllowedUids::<T>::insert(netuid, max_allowed_uids);
                Self::tell(Event::MaxAllowedUidsSet(netuid, max_allowed_uids))
            })
        }

        /// Majority of stake that consensus needs, u16 fraction. Root.
        #[pallet::call_index(16)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_kappa(origin: OriginFor<T>, netuid: NetUid, kappa: u16) -> DispatchResult {
            Self::root(origin, netuid)?;
            chain::Kappa::<T>::insert(netuid, kappa);
            Self::tell(Event::KappaSet(netuid, kappa))
        }

        /// Is registration open? Root.
        #[pallet::call_index(19)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_network_registration_allowed(
            origin: OriginFor<T>,
            netuid: NetUid,
            registration_allowed: bool,
        ) -> DispatchResult {
            Self::root(origin, netuid)?;
            chain::NetworkRegistrationAllowed::<T>::insert(netuid, registration_allowed);
            Self::tell(Event::RegistrationAllowed(netuid, registration_allowed))
        }

        /// Least price of a registration, below 1 TAO and the largest price. Owner or root.
        #[pallet::call_index(22)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_min_burn(origin: OriginFor<T>, netuid: NetUid, min_burn: TaoBalance) -> DispatchResult {
            Self::by_owner(origin, netuid, Hyperparameter::MinBurn, || {
                let bound = chain::MaxBurn::<T>::get(netuid).min(1_000_000_000);
                ensure!(min_burn.0 < bound, Error::<T>::ValueNotInBounds);
                chain::MinBurn::<T>::insert(netuid, min_burn.0);
                Self::tell(Event::MinBurnSet(netuid, min_burn))
            })
        }

        /// Largest price of a registration, above 0.1 TAO and the least price. Owner or root.
        #[pallet::call_index(23)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_max_burn(origin: OriginFor<T>, netuid: NetUid, max_burn: TaoBalance) -> DispatchResult {
            Self::by_owner(origin, netuid, Hyperparameter::MaxBurn, || {
                let bound = chain::MinBurn::<T>::get(netuid).max(100_000_000);
                ensure!(max_burn.0 > bound, Error::<T>::ValueNotInBounds);
                chain::MaxBurn::<T>::insert(netuid, max_burn.0);
                Self::tell(Event::MaxBurnSet(netuid, max_burn))
            })
        }

        /// Most validator permits. Root.
        #[pallet::call_index(25)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_max_allowed_validators(
            origin: OriginFor<T>,
            netuid: NetUid,
            max_allowed_validators: u16,
        ) -> DispatchResult {
            Self::root(origin, netuid)?;
            let most = chain::MaxAllowedUids::<T>::get(netuid);
            ensure!(max_allowed_validators <= most, Error::<T>::MaxValidatorsLargerThanMaxUIds);
            chain::MaxAllowedValidators::<T>::insert(netuid, max_allowed_validators);
            Self::tell(Event::MaxAllowedValidatorsSet(netuid, max_allowed_validators))
        }

        /// Weight of old bonds, millionths, at most 975000. Owner or root.
        #[pallet::call_index(26)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_bonds_moving_average(
            origin: OriginFor<T>,
            netuid: NetUid,
            bonds_moving_average: u64,
        ) -> DispatchResult {
            Self::by_owner(origin, netuid, Hyperparameter::BondsMovingAverage, || {
                ensure!(bonds_moving_average <= 975_000, Error::<T>::BondsMovingAverageMaxReached);
                chain::BondsMovingAverage::<T>::insert(netuid, bonds_moving_average);
                Self::tell(Event::BondsMovingAverageSet(netuid, bonds_moving_average))
            })
        }

        /// Blocks between two creations of subnets. Root.
        #[pallet::call_index(29)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_network_rate_limit(origin: OriginFor<T>, rate_limit: u64) -> DispatchResult {
            ensure_root(origin)?;
            chain::NetworkRateLimit::<T>::put(rate_limit);
            Self::tell(Event::NetworkRateLimitSet(rate_limit))
        }

        /// Period of epochs in blocks; starts a new period now. Root.
        #[pallet::call_index(30)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_tempo(origin: OriginFor<T>, netuid: NetUid, tempo: u16) -> DispatchResult {
            Self::root(origin, netuid)?;
            chain::Tempo::<T>::insert(netuid, tempo);
            chain::LastEpochBlock::<T>::insert(netuid, chain::Pallet::<T>::block());
            Self::tell(Event::TempoSet(netuid, tempo))
        }

        /// Stake weight that setting weights and a permit need, in rao. Root.
        #[pallet::call_index(42)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_stake_threshold(origin: OriginFor<T>, min_stake: u64) -> DispatchResult {
            ensure_root(origin)?;
            chain::StakeThreshold::<T>::put(min_stake);
            Self::tell(Event::StakeThresholdSet(min_stake))
        }

        /// Are weights committed and revealed later? Then plain weights are refused. Owner or root.
        #[pallet::call_index(49)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_commit_reveal_weights_enabled(
            origin: OriginFor<T>,
            netuid: NetUid,
            enabled: bool,
        ) -> DispatchResult {
            Self::by_owner(origin, netuid, Hyperparameter::CommitRevealEnabled, || {
                chain::CommitRevealWeightsEnabled::<T>::insert(netuid, enabled);
                Self::tell(Event::CommitRevealEnabled(netuid, enabled))
            })
        }

        /// Do bonds move liquidly? Only with Yuma 3. Owner or root.
        #[pallet::call_index(50)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_liquid_alpha_enabled(origin: OriginFor<T>, netuid: NetUid, enabled: bool) -> DispatchResult {
            Self::by_owner(origin, netuid, Hyperparameter::LiquidAlphaEnabled, || {
                chain::LiquidAlphaOn::<T>::insert(netuid, enabled);
                Ok(())
            })
        }

        /// Epochs from commit to reveal, 1 to 100. Owner or root.
        #[pallet::call_index(57)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_commit_reveal_weights_interval(
            origin: OriginFor<T>,
            netuid: NetUid,
            interval: u64,
        ) -> DispatchResult {
            Self::by_owner(origin, netuid, Hyperparameter::WeightCommitInterval, || {
                ensure!(interval <= 100, chain::Error::<T>::RevealPeriodTooLarge);
                ensure!(interval >= 1, chain::Error::<T>::RevealPeriodTooSmall);
                chain::RevealPeriodEpochs::<T>::insert(netuid, interval);
                Self::tell(Event::CommitRevealPeriodsSet(netuid, interval))
            })
        }

        /// How far bonds follow the clipped weights, u16 fraction. Owner or root.
        #[pallet::call_index(60)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_bonds_penalty(origin: OriginFor<T>, netuid: NetUid, bonds_penalty: u16) -> DispatchResult {
            Self::by_owner(origin, netuid, Hyperparameter::BondsPenalty, || {
                chain::BondsPenalty::<T>::insert(netuid, bonds_penalty);
                Self::tell(Event::BondsPenaltySet(netuid, bonds_penalty))
            })
        }

        /// May stake be added and removed? Root.
        #[pallet::call_index(66)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_subtoken_enabled(
            origin: OriginFor<T>,
            netuid: NetUid,
            subtoken_enabled: bool,
        ) -> DispatchResult {
            Self::root(origin, netuid)?;
            chain::SubtokenEnabled::<T>::insert(netuid, subtoken_enabled);
            Ok(())
        }

        /// Yuma 3 instead of Yuma 2? Owner or root.
        #[pallet::call_index(69)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_yuma3_enabled(origin: OriginFor<T>, netuid: NetUid, enabled: bool) -> DispatchResult {
            Self::by_owner(origin, netuid, Hyperparameter::Yuma3Enabled, || {
                chain::Yuma3On::<T>::insert(netuid, enabled);
                Ok(())
            })
        }

        /// The version of time-locked commits that the chain takes. Root.
        #[pallet::call_index(71)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_commit_reveal_version(origin: OriginFor<T>, version: u16) -> DispatchResult {
            ensure_root(origin)?;
            chain::CommitRevealWeightsVersion::<T>::put(version);
            Self::tell(Event::CommitRevealVersionSet(version))
        }

        /// Mechanisms of the subnet, each with weights of its own. Owner or root.
        #[pallet::call_index(76)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_mechanism_count(
            origin: OriginFor<T>,
            netuid: NetUid,
            mechanism_count: MechId,
        ) -> DispatchResult {
            Self::owner_or_root(origin, netuid, |_| Ok(()))?;
            chain::Pallet::<T>::set_mechanism_count(netuid, mechanism_count)
        }

        /// Shares of the mechanisms in the emission, u16 fractions that sum up to 65535; even without. Owner or root.
        #[pallet::call_index(77)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_mechanism_emission_split(
            origin: OriginFor<T>,
            netuid: NetUid,
            maybe_split: Option<Vec<u16>>,
        ) -> DispatchResult {
            Self::owner_or_root(origin, netuid, |_| Ok(()))?;
            chain::Pallet::<T>::set_emission_split(netuid, maybe_split)
        }

        /// With this many or fewer neurons past immunity, an immune one is pruned instead. Root.
        #[pallet::call_index(84)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_min_non_immune_uids(origin: OriginFor<T>, netuid: NetUid, min: u16) -> DispatchResult {
            Self::root(origin, netuid)?;
            chain::MinNonImmuneUids::<T>::insert(netuid, min);
            Ok(())
        }

        /// Most mechanisms of a subnet. Root.
        #[pallet::call_index(88)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_max_mechanism_count(origin: OriginFor<T>, max_mechanism_count: MechId) -> DispatchResult {
            ensure_root(origin)?;
            chain::MaxMechanismCount::<T>::put(max_mechanism_count);
            Ok(())
        }

        /// Blocks in which the price of a registration halves, 1 to 36100. Owner or root.
        #[pallet::call_index(89)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_burn_half_life(origin: OriginFor<T>, netuid: NetUid, burn_half_life: u16) -> DispatchResult {
            Self::by_owner(origin, netuid, Hyperparameter::BurnHalfLife, || {
                ensure!((1..=36_100).contains(&burn_half_life), Error::<T>::ValueNotInBounds);
                chain::BurnHalfLife::<T>::insert(netuid, burn_half_life);
                Ok(())
            })
        }

        /// Factor by which each registration raises the price, 1 to 3. Owner or root.
        #[pallet::call_index(90)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_burn_increase_mult(
            origin: OriginFor<T>,
            netuid: NetUid,
            burn_increase_mult: U64F64,
        ) -> DispatchResult {
            Self::by_owner(origin, netuid, Hyperparameter::BurnIncreaseMult, || {
                ensure!((1 << 64..=3 << 64).contains(&burn_increase_mult.bits), Error::<T>::ValueNotInBounds);
                chain::BurnIncreaseMult::<T>::insert(netuid, burn_increase_mult);
                Ok(())
            })
        }

        /// Tempos between two changes of one setting by an owner; 0 is no limit. Root.
        #[pallet::call_index(75)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_owner_hparam_rate_limit(origin: OriginFor<T>, epochs: u16) -> DispatchResult {
            ensure_root(origin)?;
            chain::OwnerHyperparamRateLimit::<T>::put(epochs);
            Self::tell(Event::OwnerHyperparamRateLimitSet(epochs))
        }

        /// Does the subnet get TAO? Root.
        #[pallet::call_index(94)]
        #[pallet::weight(SETTER)]
        pub fn sudo_set_subnet_emission_enabled(origin: OriginFor<T>, netuid: NetUid, enabled: bool) -> DispatchResult {
            Self::root(origin, netuid)?;
            chain::SubnetEmissionEnabled::<T>::insert(netuid, enabled);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::localnet::{
        genesis::dev_account,
        pallet as chain,
        runtime::{AccountId, AdminUtils, NetUid, Runtime, RuntimeCall, RuntimeOrigin, Sudo, System, TaoBalance},
        testing::on_chain,
    };
    use frame_support::{assert_noop, assert_ok};
    use sp_runtime::DispatchError;

    const EVENTS: NetUid = NetUid(155);

    fn signed(name: &str) -> RuntimeOrigin {
        RuntimeOrigin::signed(AccountId::new(dev_account(name).0))
    }

    #[test]
    fn root_sets_through_sudo() {
        on_chain(|| {
            let call = RuntimeCall::AdminUtils(Call::sudo_set_tempo { netuid: EVENTS, tempo: 10 });
            assert_noop!(Sudo::sudo(signed("Bob"), Box::new(call.clone())), pallet_sudo::Error::<Runtime>::RequireSudo);
            assert_ok!(Sudo::sudo(signed("Alice"), Box::new(call)));
            assert_eq!(chain::Tempo::<Runtime>::get(EVENTS), 10);
            assert_eq!(chain::Pallet::<Runtime>::next_epoch(EVENTS), Some(11));
        });
    }

    #[test]
    fn the_owner_sets_what_it_may_and_others_nothing() {
        on_chain(|| {
            assert_ok!(AdminUtils::sudo_set_min_allowed_weights(signed("Alice"), EVENTS, 3));
            assert_eq!(chain::MinAllowedWeights::<Runtime>::get(EVENTS), 3);
            let by_other = AdminUtils::sudo_set_min_allowed_weights(signed("Bob"), EVENTS, 4);
            assert_noop!(by_other, DispatchError::BadOrigin);
            assert_noop!(AdminUtils::sudo_set_tempo(signed("Alice"), EVENTS, 10), DispatchError::BadOrigin);
        });
    }

    #[test]
    fn shortly_before_an_epoch_the_owner_waits() {
        on_chain(|| {
            let next = chain::Pallet::<Runtime>::next_epoch(EVENTS).unwrap();
            System::set_block_number(u32::try_from(next).unwrap() - 9);
            let frozen = chain::Error::<Runtime>::AdminActionProhibitedDuringWeightsWindow;
            assert_noop!(AdminUtils::sudo_set_immunity_period(signed("Alice"), EVENTS, 3), frozen);
            assert_ok!(AdminUtils::sudo_set_immunity_period(RuntimeOrigin::root(), EVENTS, 3));
        });
    }

    #[test]
    fn an_owner_sets_each_thing_once_in_two_tempos_and_root_whenever_it_wants() {
        on_chain(|| {
            let tempo = u32::from(chain::Tempo::<Runtime>::get(EVENTS));
            let too_fast = DispatchError::from(chain::Error::<Runtime>::TxRateLimitExceeded);
            let immunity = |period| AdminUtils::sudo_set_immunity_period(signed("Alice"), EVENTS, period);
            let at = |block: u32| {
                System::set_block_number(10 + block);
                // Far from the next epoch, so that nothing but the limit speaks.
                chain::LastEpochBlock::<Runtime>::insert(EVENTS, u64::from(10 + block));
            };
            at(0);
            assert_ok!(immunity(3));
            assert_noop!(immunity(4), too_fast);
            assert_ok!(AdminUtils::sudo_set_min_allowed_weights(signed("Alice"), EVENTS, 3));
            assert_ok!(AdminUtils::sudo_set_immunity_period(RuntimeOrigin::root(), EVENTS, 5));
            at(2 * tempo - 1);
            assert_noop!(immunity(6), too_fast);
            at(2 * tempo);
            assert_ok!(immunity(6));
            // What is refused leaves no trace.
            let burn = |half_life| AdminUtils::sudo_set_burn_half_life(signed("Alice"), EVENTS, half_life);
            assert_noop!(burn(0), Error::<Runtime>::ValueNotInBounds);
            assert_ok!(burn(7));

            let version = |key| AdminUtils::sudo_set_weights_version_key(signed("Alice"), EVENTS, key);
            assert_ok!(version(1));
            at(7 * tempo - 1);
            assert_noop!(version(2), too_fast);
            at(7 * tempo);
            assert_ok!(version(2));

            assert_noop!(AdminUtils::sudo_set_owner_hparam_rate_limit(signed("Alice"), 0), DispatchError::BadOrigin);
            assert_ok!(AdminUtils::sudo_set_owner_hparam_rate_limit(RuntimeOrigin::root(), 0));
            assert_ok!(immunity(7));
            assert_ok!(immunity(8));
        });
    }

    #[test]
    fn commit_reveal_is_the_owners_and_its_version_is_roots() {
        on_chain(|| {
            assert_ok!(AdminUtils::sudo_set_commit_reveal_weights_enabled(signed("Alice"), EVENTS, true));
            assert!(chain::CommitRevealWeightsEnabled::<Runtime>::get(EVENTS));
            let period = |epochs| AdminUtils::sudo_set_commit_reveal_weights_interval(signed("Alice"), EVENTS, epochs);
            assert_noop!(period(0), chain::Error::<Runtime>::RevealPeriodTooSmall);
            assert_noop!(period(101), chain::Error::<Runtime>::RevealPeriodTooLarge);
            assert_ok!(period(100));
            assert_eq!(chain::RevealPeriodEpochs::<Runtime>::get(EVENTS), 100);
            assert_noop!(AdminUtils::sudo_set_commit_reveal_version(signed("Alice"), 5), DispatchError::BadOrigin);
            assert_ok!(AdminUtils::sudo_set_commit_reveal_version(RuntimeOrigin::root(), 5));
            assert_eq!(chain::CommitRevealWeightsVersion::<Runtime>::get(), 5);
            let split = AdminUtils::sudo_set_mechanism_emission_split(signed("Bob"), EVENTS, None);
            assert_noop!(split, DispatchError::BadOrigin);
        });
    }

    #[test]
    fn values_have_bounds() {
        on_chain(|| {
            let root = RuntimeOrigin::root;
            let nowhere = AdminUtils::sudo_set_kappa(root(), NetUid(77), 1);
            assert_noop!(nowhere, Error::<Runtime>::SubnetDoesNotExist);
            let bounds = DispatchError::from(Error::<Runtime>::ValueNotInBounds);
            assert_noop!(AdminUtils::sudo_set_min_burn(root(), EVENTS, TaoBalance(1_000_000_000)), bounds);
            assert_noop!(AdminUtils::sudo_set_max_burn(root(), EVENTS, TaoBalance(100_000_000)), bounds);
            assert_noop!(AdminUtils::sudo_set_burn_half_life(root(), EVENTS, 0), bounds);
            let uids = |count| AdminUtils::sudo_set_max_allowed_uids(root(), EVENTS, count);
            assert_noop!(uids(63), Error::<Runtime>::MaxAllowedUidsLessThanMinAllowedUids);
            assert_noop!(uids(257), Error::<Runtime>::MaxAllowedUidsGreaterThanDefaultMaxAllowedUids);
            chain::MinAllowedUids::<Runtime>::insert(EVENTS, 0);
            assert_noop!(uids(0), Error::<Runtime>::MaxAllowedUIdsLessThanCurrentUIds);
            assert_ok!(uids(64));
            let validators = AdminUtils::sudo_set_max_allowed_validators(root(), EVENTS, 65);
            assert_noop!(validators, Error::<Runtime>::MaxValidatorsLargerThanMaxUIds);
            let bonds = AdminUtils::sudo_set_bonds_moving_average(root(), EVENTS, 975_001);
            assert_noop!(bonds, Error::<Runtime>::BondsMovingAverageMaxReached);
        });
    }
}
