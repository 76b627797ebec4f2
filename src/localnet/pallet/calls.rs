//! The calls: indices, names and argument order of the real chain. What a hotkey signs is free, what a coldkey signs has a
//! fee.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod calls {
    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Sets the weights of the signing hotkey in the main mechanism.
        #[pallet::call_index(0)]
        #[pallet::weight((Weight::from_parts(1_000_000_000, 0), DispatchClass::Normal, Pays::No))]
        pub fn set_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            dests: Vec<u16>,
            weights: Vec<u16>,
            version_key: u64,
        ) -> DispatchResult {
            let hotkey = ensure_signed(origin)?;
            let given = GivenWeights { uids: dests, values: weights, version_key };
            Self::do_set_weights(&hotkey, netuid, MechId(0), given)
        }

        /// Buys alpha of a subnet with TAO and stakes it to a hotkey.
        #[pallet::call_index(2)]
        #[pallet::weight((Weight::from_parts(400_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn add_stake(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            netuid: NetUid,
            amount_staked: TaoBalance,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_add_stake(&coldkey, &hotkey, netuid, amount_staked.0)
        }

        /// Takes stake from a hotkey and sells its alpha for TAO.
        #[pallet::call_index(3)]
        #[pallet::weight((Weight::from_parts(400_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn remove_stake(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            netuid: NetUid,
            amount_unstaked: AlphaBalance,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_remove_stake(&coldkey, &hotkey, netuid, amount_unstaked.0)
        }

        /// Announces where the signing hotkey's axon listens; the address 0 withdraws it.
        #[pallet::call_index(4)]
        #[pallet::weight((Weight::from_parts(100_000_000, 0), DispatchClass::Normal, Pays::No))]
        pub fn serve_axon(
            origin: OriginFor<T>,
            netuid: NetUid,
            version: u32,
            ip: u128,
            port: u16,
            ip_type: u8,
            protocol: u8,
            placeholder1: u8,
            placeholder2: u8,
        ) -> DispatchResult {
            let hotkey = ensure_signed(origin)?;
            let axon = AxonInfo { block: 0, version, ip, port, ip_type, protocol, placeholder1, placeholder2 };
            Self::check_axon(&hotkey, netuid, &axon)?;
            Self::store_axon(hotkey, netuid, axon);
            Ok(())
        }

        /// Announces where the signing hotkey serves its metrics.
        #[pallet::call_index(5)]
        #[pallet::weight((Weight::from_parts(100_000_000, 0), DispatchClass::Normal, Pays::No))]
        pub fn serve_prometheus(
            origin: OriginFor<T>,
            netuid: NetUid,
            version: u32,
            ip: u128,
            port: u16,
            ip_type: u8,
        ) -> DispatchResult {
            let hotkey = ensure_signed(origin)?;
            let prometheus = PrometheusInfo { block: 0, version, ip, port, ip_type };
            Self::check_prometheus(&hotkey, netuid, &prometheus)?;
            Self::store_prometheus(hotkey, netuid, prometheus);
            Ok(())
        }

        /// Registers a hotkey in a subnet; the signing coldkey pays the price.
        #[pallet::call_index(7)]
        #[pallet::weight((Weight::from_parts(350_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn burned_register(origin: OriginFor<T>, netuid: NetUid, hotkey: T::AccountId) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_register(&coldkey, netuid, &hotkey, None)
        }

        /// Creates a subnet; the signing coldkey pays the lock cost. As on the real chain weights are committed first there,
        /// until AdminUtils switches commit-reveal off.
        #[pallet::call_index(59)]
        #[pallet::weight((Weight::from_parts(400_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn register_network(origin: OriginFor<T>, hotkey: T::AccountId) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_register_network(&coldkey, &hotkey)
        }

        /// Makes the signing coldkey the owner of a hotkey that nobody owns.
        #[pallet::call_index(91)]
        #[pallet::weight((Weight::from_parts(50_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn try_associate_hotkey(origin: OriginFor<T>, hotkey: T::AccountId) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            if !Owner::<T>::contains_key(&hotkey) {
                Self::associate(&coldkey, &hotkey)?;
            }
            Ok(())
        }

        /// Sets the weights of the signing hotkey in the main mechanisms of several subnets.
        #[pallet::call_index(80)]
        #[pallet::weight((Weight::from_parts(1_000_000_000, 0), DispatchClass::Normal, Pays::No))]
        pub fn batch_set_weights(
            origin: OriginFor<T>,
            netuids: Vec<Compact<NetUid>>,
            weights: Vec<Vec<(Compact<u16>, Compact<u16>)>>,
            version_keys: Vec<Compact<u64>>,
        ) -> DispatchResult {
            let hotkey = ensure_signed(origin)?;
            Self::do_batch_set_weights(&hotkey, netuids, weights, version_keys)
        }

        /// Buys alpha like add_stake, but not above a price in rao per alpha; partially where that is allowed.
        #[pallet::call_index(88)]
        #[pallet::weight((Weight::from_parts(400_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn add_stake_limit(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            netuid: NetUid,
            amount_staked: TaoBalance,
            limit_price: TaoBalance,
            allow_partial: bool,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            let amount = Self::within(amount_staked.0, Self::buyable(netuid, limit_price.0), allow_partial)?;
            Self::do_add_stake(&coldkey, &hotkey, netuid, amount)
        }

        /// Sells alpha like remove_stake, but not below a price in rao per alpha; partially where that is allowed.
        #[pallet::call_index(89)]
        #[pallet::weight((Weight::from_parts(400_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn remove_stake_limit(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            netuid: NetUid,
            amount_unstaked: AlphaBalance,
            limit_price: TaoBalance,
            allow_partial: bool,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            let held = Self::stake_of(&hotkey, &coldkey, netuid);
            ensure!(amount_unstaked.0 <= held, Error::<T>::NotEnoughStakeToWithdraw);
            let amount = Self::within(amount_unstaked.0, Self::sellable(netuid, limit_price.0), allow_partial)?;
            Self::do_remove_stake(&coldkey, &hotkey, netuid, amount)
        }

        /// The subnet's owner lets it emit and its stake move.
        #[pallet::call_index(92)]
        #[pallet::weight((Weight::from_parts(100_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn start_call(origin: OriginFor<T>, netuid: NetUid) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_start_call(&coldkey, netuid)
        }

        /// Commits the hash of weights in the main mechanism.
        #[pallet::call_index(96)]
        #[pallet::weight((Weight::from_parts(1_000_000_000, 0), DispatchClass::Normal, Pays::No))]
        pub fn commit_weights(origin: OriginFor<T>, netuid: NetUid, commit_hash: H256) -> DispatchResult {
            let hotkey = ensure_signed(origin)?;
            Self::guard_commit(&hotkey, netuid, MechId(0))?;
            Self::do_commit_weights(&hotkey, netuid, MechId(0), commit_hash)
        }

        /// Reveals weights that were committed in the main mechanism.
        #[pallet::call_index(97)]
        #[pallet::weight((Weight::from_parts(1_000_000_000, 0), DispatchClass::Normal, Pays::No))]
        pub fn reveal_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            uids: Vec<u16>,
            values: Vec<u16>,
            salt: Vec<u16>,
            version_key: u64,
        ) -> DispatchResult {
            let hotkey = ensure_signed(origin)?;
            let given = GivenWeights { uids, values, version_key };
            Self::reveal_guarded(&hotkey, netuid, MechId(0), given, &salt)
        }

        /// Reveals several commits of the main mechanism.
        #[pallet::call_index(98)]
        #[pallet::weight((Weight::from_parts(1_000_000_000, 0), DispatchClass::Normal, Pays::No))]
        pub fn batch_reveal_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            uids_list: Vec<Vec<u16>>,
            values_list: Vec<Vec<u16>>,
            salts_list: Vec<Vec<u16>>,
            version_keys: Vec<u64>,
        ) -> DispatchResult {
            let hotkey = ensure_signed(origin)?;
            let hashes = Self::batch_hashes(&hotkey, netuid, &uids_list, &values_list, &salts_list, &version_keys)?;
            Self::guard_reveal(&hotkey, netuid, netuid.main_mechanism(), &hashes)?;
            let rows = uids_list.into_iter().zip(values_list).zip(version_keys);
            let given = rows.map(|((uids, values), version_key)| GivenWeights { uids, values, version_key }).collect();
            Self::do_batch_reveal_weights(&hotkey, netuid, given, hashes)
        }

        /// Commits hashes of weights in the main mechanisms of several subnets.
        #[pallet::call_index(100)]
        #[pallet::weight((Weight::from_parts(1_000_000_000, 0), DispatchClass::Normal, Pays::No))]
        pub fn batch_commit_weights(
            origin: OriginFor<T>,
            netuids: Vec<Compact<NetUid>>,
            commit_hashes: Vec<H256>,
        ) -> DispatchResult {
            let hotkey = ensure_signed(origin)?;
            Self::do_batch_commit_weights(&hotkey, netuids, commit_hashes)
        }

        /// Sells all alpha that the coldkey holds on a hotkey, where a limit is given not below that price in rao per alpha.
        #[pallet::call_index(103)]
        #[pallet::weight((Weight::from_parts(400_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn remove_stake_full_limit(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            netuid: NetUid,
            limit_price: Option<TaoBalance>,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            let held = Self::stake_of(&hotkey, &coldkey, netuid);
            let room = limit_price.map_or(u64::MAX, |limit| Self::sellable(netuid, limit.0));
            ensure!(held <= room, Error::<T>::SlippageTooHigh);
            Self::do_remove_stake(&coldkey, &hotkey, netuid, held)
        }

        /// Commits weights of the main mechanism that are sealed for a round of the beacon.
        #[pallet::call_index(113)]
        #[pallet::weight((Weight::from_parts(1_000_000_000, 0), DispatchClass::Normal, Pays::No))]
        pub fn commit_timelocked_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            commit: SealedWeights,
            reveal_round: u64,
            commit_reveal_version: u16,
        ) -> DispatchResult {
            let hotkey = ensure_signed(origin)?;
            Self::do_commit_timelocked(&hotkey, netuid, MechId(0), commit, reveal_round, commit_reveal_version)
        }

        /// Commits the hash of weights in a mechanism.
        #[pallet::call_index(115)]
        #[pallet::weight((Weight::from_parts(1_000_000_000, 0), DispatchClass::Normal, Pays::No))]
        pub fn commit_mechanism_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            mecid: MechId,
            commit_hash: H256,
        ) -> DispatchResult {
            let hotkey = ensure_signed(origin)?;
            Self::guard_commit(&hotkey, netuid, mecid)?;
            Self::do_commit_weights(&hotkey, netuid, mecid, commit_hash)
        }

        /// Reveals weights that were committed in a mechanism.
        #[pallet::call_index(116)]
        #[pallet::weight((Weight::from_parts(1_000_000_000, 0), DispatchClass::Normal, Pays::No))]
        pub fn reveal_mechanism_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            mecid: MechId,
            uids: Vec<u16>,
            values: Vec<u16>,
            salt: Vec<u16>,
            version_key: u64,
        ) -> DispatchResult {
            let hotkey = ensure_signed(origin)?;
            let given = GivenWeights { uids, values, version_key };
            Self::reveal_guarded(&hotkey, netuid, mecid, given, &salt)
        }

        /// Commits sealed weights of a mechanism in version 4.
        #[pallet::call_index(117)]
        #[pallet::weight((Weight::from_parts(1_000_000_000, 0), DispatchClass::Normal, Pays::No))]
        pub fn commit_crv3_mechanism_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            mecid: MechId,
            commit: SealedWeights,
            reveal_round: u64,
        ) -> DispatchResult {
            let hotkey = ensure_signed(origin)?;
            Self::do_commit_timelocked(&hotkey, netuid, mecid, commit, reveal_round, 4)
        }

        /// Commits weights of a mechanism that are sealed for a round of the beacon.
        #[pallet::call_index(118)]
        #[pallet::weight((Weight::from_parts(1_000_000_000, 0), DispatchClass::Normal, Pays::No))]
        pub fn commit_timelocked_mechanism_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            mecid: MechId,
            commit: SealedWeights,
            reveal_round: u64,
            commit_reveal_version: u16,
        ) -> DispatchResult {
            let hotkey = ensure_signed(origin)?;
            Self::do_commit_timelocked(&hotkey, netuid, mecid, commit, reveal_round, commit_reveal_version)
        }

        /// Sets the weights of the signing hotkey in a mechanism.
        #[pallet::call_index(119)]
        #[pallet::weight((Weight::from_parts(1_000_000_000, 0), DispatchClass::Normal, Pays::No))]
        pub fn set_mechanism_weights(
            origin: OriginFor<T>,
            netuid: NetUid,
            mecid: MechId,
            dests: Vec<u16>,
            weights: Vec<u16>,
            version_key: u64,
        ) -> DispatchResult {
            let hotkey = ensure_signed(origin)?;
            let given = GivenWeights { uids: dests, values: weights, version_key };
            Self::do_set_weights(&hotkey, netuid, mecid, given)
        }

        /// Registers like burned_register, but fails when the price is above a limit in rao.
        #[pallet::call_index(134)]
        #[pallet::weight((Weight::from_parts(350_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn register_limit(
            origin: OriginFor<T>,
            netuid: NetUid,
            hotkey: T::AccountId,
            limit_price: u64,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_register(&coldkey, netuid, &hotkey, Some(limit_price))
        }
    }
}
