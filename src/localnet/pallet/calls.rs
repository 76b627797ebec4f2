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
            Self::do_register_network(&coldkey, &hotkey)?;
            Ok(())
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

        /// Registers like burned_register: the proof of work and the named coldkey are not looked at, as on the real chain, and the
        /// signer pays the price.
        #[pallet::call_index(6)]
        #[pallet::weight((Weight::from_parts(350_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn register(
            origin: OriginFor<T>,
            netuid: NetUid,
            _block_number: u64,
            _nonce: u64,
            _work: Vec<u8>,
            hotkey: T::AccountId,
            _coldkey: T::AccountId,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_register(&coldkey, netuid, &hotkey, None)
        }

        /// Makes a hotkey a member of root.
        #[pallet::call_index(62)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn root_register(origin: OriginFor<T>, hotkey: T::AccountId) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_root_register(&coldkey, &hotkey)
        }

        /// Lowers a hotkey's take, a u16 fraction.
        #[pallet::call_index(65)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::No))]
        pub fn decrease_take(origin: OriginFor<T>, hotkey: T::AccountId, take: u16) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_decrease_take(&coldkey, &hotkey, take)
        }

        /// Raises a hotkey's take, a u16 fraction.
        #[pallet::call_index(66)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::No))]
        pub fn increase_take(origin: OriginFor<T>, hotkey: T::AccountId, take: u16) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_increase_take(&coldkey, &hotkey, take)
        }

        /// Names the children of a hotkey in a subnet, with the share of u64::MAX that each gets.
        #[pallet::call_index(67)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn set_children(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            netuid: NetUid,
            children: Vec<(u64, T::AccountId)>,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_set_children(&coldkey, &hotkey, netuid, children)
        }

        /// Says something about the signing coldkey.
        #[pallet::call_index(68)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn set_identity(
            origin: OriginFor<T>,
            name: Vec<u8>,
            url: Vec<u8>,
            github_repo: Vec<u8>,
            image: Vec<u8>,
            discord: Vec<u8>,
            description: Vec<u8>,
            additional: Vec<u8>,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            let identity = ChainIdentityV2 { name, url, github_repo, image, discord, description, additional };
            Self::do_set_identity(&coldkey, identity)
        }

        /// Swaps a hotkey for another, in one subnet or in all.
        #[pallet::call_index(70)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn swap_hotkey(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            new_hotkey: T::AccountId,
            netuid: Option<NetUid>,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            let swap = Swapped { coldkey: &coldkey, old: &hotkey, new: &new_hotkey, keep_stake: false };
            Self::do_swap_hotkey(swap, netuid)
        }

        /// Swaps a coldkey at once; the price is recycled. Root.
        #[pallet::call_index(71)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Operational, Pays::No))]
        pub fn swap_coldkey(
            origin: OriginFor<T>,
            old_coldkey: T::AccountId,
            new_coldkey: T::AccountId,
            swap_cost: TaoBalance,
        ) -> DispatchResult {
            ensure_root(origin)?;
            Self::do_swap_coldkey(&old_coldkey, &new_coldkey, swap_cost.0)
        }

        /// Swaps a hotkey like swap_hotkey; its stake may stay where it is.
        #[pallet::call_index(72)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn swap_hotkey_v2(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            new_hotkey: T::AccountId,
            netuid: Option<NetUid>,
            keep_stake: bool,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            let swap = Swapped { coldkey: &coldkey, old: &hotkey, new: &new_hotkey, keep_stake };
            Self::do_swap_hotkey(swap, netuid)
        }

        /// Sets what a child keeps of its parents' dividends, a u16 fraction.
        #[pallet::call_index(75)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn set_childkey_take(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            netuid: NetUid,
            take: u16,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_set_childkey_take(&coldkey, &hotkey, netuid, take)
        }

        /// The owner says something about its subnet.
        #[pallet::call_index(78)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn set_subnet_identity(
            origin: OriginFor<T>,
            netuid: NetUid,
            subnet_name: Vec<u8>,
            github_repo: Vec<u8>,
            subnet_contact: Vec<u8>,
            subnet_url: Vec<u8>,
            discord: Vec<u8>,
            description: Vec<u8>,
            logo_url: Vec<u8>,
            additional: Vec<u8>,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            let identity = SubnetIdentityV3 {
                subnet_name,
                github_repo,
                subnet_contact,
                subnet_url,
                discord,
                description,
                logo_url,
                additional,
            };
            Self::do_set_subnet_identity(&coldkey, netuid, identity)
        }

        /// Creates a subnet like register_network, and says something about it.
        #[pallet::call_index(79)]
        #[pallet::weight((Weight::from_parts(400_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn register_network_with_identity(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            identity: Option<SubnetIdentityV3>,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            let netuid = Self::do_register_network(&coldkey, &hotkey)?;
            if let Some(identity) = identity {
                Self::store_subnet_identity(netuid, identity)?;
            }
            Ok(())
        }

        /// Sells what the signing coldkey holds on a hotkey, in all subnets.
        #[pallet::call_index(83)]
        #[pallet::weight((Weight::from_parts(400_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn unstake_all(origin: OriginFor<T>, hotkey: T::AccountId) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_unstake_all(&coldkey, &hotkey)
        }

        /// Moves the alpha that the signing coldkey holds on a hotkey to root, from all subnets.
        #[pallet::call_index(84)]
        #[pallet::weight((Weight::from_parts(400_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn unstake_all_alpha(origin: OriginFor<T>, hotkey: T::AccountId) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_unstake_all_alpha(&coldkey, &hotkey)
        }

        /// Moves stake to another hotkey, there or in another subnet.
        #[pallet::call_index(85)]
        #[pallet::weight((Weight::from_parts(400_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn move_stake(
            origin: OriginFor<T>,
            origin_hotkey: T::AccountId,
            destination_hotkey: T::AccountId,
            origin_netuid: NetUid,
            destination_netuid: NetUid,
            alpha_amount: AlphaBalance,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            let from = Position { coldkey: &coldkey, hotkey: &origin_hotkey, netuid: origin_netuid };
            let to = Position { coldkey: &coldkey, hotkey: &destination_hotkey, netuid: destination_netuid };
            let tao = TaoBalance(Self::do_move(from, to, alpha_amount.0, None)?);
            Self::deposit_event(Event::StakeMoved(
                coldkey,
                origin_hotkey,
                origin_netuid,
                destination_hotkey,
                destination_netuid,
                tao,
            ));
            Ok(())
        }

        /// Gives stake to another coldkey, there or in another subnet.
        #[pallet::call_index(86)]
        #[pallet::weight((Weight::from_parts(400_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn transfer_stake(
            origin: OriginFor<T>,
            destination_coldkey: T::AccountId,
            hotkey: T::AccountId,
            origin_netuid: NetUid,
            destination_netuid: NetUid,
            alpha_amount: AlphaBalance,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            let from = Position { coldkey: &coldkey, hotkey: &hotkey, netuid: origin_netuid };
            let to = Position { coldkey: &destination_coldkey, hotkey: &hotkey, netuid: destination_netuid };
            let tao = TaoBalance(Self::do_move(from, to, alpha_amount.0, None)?);
            Self::deposit_event(Event::StakeTransferred(
                coldkey,
                destination_coldkey,
                hotkey,
                origin_netuid,
                destination_netuid,
                tao,
            ));
            Ok(())
        }

        /// Swaps stake on a hotkey into another subnet.
        #[pallet::call_index(87)]
        #[pallet::weight((Weight::from_parts(400_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn swap_stake(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            origin_netuid: NetUid,
            destination_netuid: NetUid,
            alpha_amount: AlphaBalance,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_swap_stake(coldkey, hotkey, [origin_netuid, destination_netuid], alpha_amount.0, None)
        }

        /// Swaps stake like swap_stake, but not below a limit: 10⁹ times origin's price by destination's.
        #[pallet::call_index(90)]
        #[pallet::weight((Weight::from_parts(400_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn swap_stake_limit(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            origin_netuid: NetUid,
            destination_netuid: NetUid,
            alpha_amount: AlphaBalance,
            limit_price: TaoBalance,
            allow_partial: bool,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            let limit = Some(MoveLimit { price: limit_price.0, allow_partial });
            Self::do_swap_stake(coldkey, hotkey, [origin_netuid, destination_netuid], alpha_amount.0, limit)
        }

        /// Recycles alpha: it can be made again.
        #[pallet::call_index(101)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn recycle_alpha(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            amount: AlphaBalance,
            netuid: NetUid,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_destroy_alpha(Position { coldkey: &coldkey, hotkey: &hotkey, netuid }, amount.0, true)
        }

        /// Burns alpha: it cannot be made again.
        #[pallet::call_index(102)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn burn_alpha(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            amount: AlphaBalance,
            netuid: NetUid,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_destroy_alpha(Position { coldkey: &coldkey, hotkey: &hotkey, netuid }, amount.0, false)
        }

        /// Sets after how many blocks named children count. Root.
        #[pallet::call_index(109)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Operational, Pays::No))]
        pub fn set_pending_childkey_cooldown(origin: OriginFor<T>, cooldown: u64) -> DispatchResult {
            ensure_root(origin)?;
            PendingChildKeyCooldown::<T>::put(cooldown);
            Ok(())
        }

        /// Registers a subnet with what a crowdloan raised, to be run by its creator; the call of a crowdloan.
        #[pallet::call_index(110)]
        #[pallet::weight((Weight::from_parts(300_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn register_leased_network(
            origin: OriginFor<T>,
            emissions_share: Percent,
            end_block: Option<BlockNumberFor<T>>,
        ) -> DispatchResult {
            let creator = ensure_signed(origin)?;
            Self::do_register_leased_network(&creator, emissions_share, end_block.map(|end| end.saturated_into()))
        }

        /// Ends a lease that is over: the signer owns the subnet, with this hotkey.
        #[pallet::call_index(111)]
        #[pallet::weight((Weight::from_parts(100_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn terminate_lease(origin: OriginFor<T>, lease_id: LeaseId, hotkey: T::AccountId) -> DispatchResult {
            let beneficiary = ensure_signed(origin)?;
            Self::do_terminate_lease(&beneficiary, lease_id, &hotkey)
        }

        /// Sets the symbol of a subnet's alpha. Owner or root.
        #[pallet::call_index(112)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn update_symbol(origin: OriginFor<T>, netuid: NetUid, symbol: Vec<u8>) -> DispatchResult {
            let who = ensure_signed_or_root(origin)?;
            Self::do_update_symbol(who.as_ref(), netuid, symbol)
        }

        /// Chooses the hotkey on which the signing coldkey's miners of a subnet are paid.
        #[pallet::call_index(114)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn set_coldkey_auto_stake_hotkey(
            origin: OriginFor<T>,
            netuid: NetUid,
            hotkey: T::AccountId,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_set_auto_stake(&coldkey, netuid, &hotkey)
        }

        /// Pays the signing coldkey what its stake on root is owed of some subnets.
        #[pallet::call_index(121)]
        #[pallet::weight((Weight::from_parts(400_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn claim_root(origin: OriginFor<T>, subnets: BTreeSet<NetUid>) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_claim_root(&coldkey, &subnets)
        }

        /// Chooses how the signing coldkey is paid what its stake on root is owed.
        #[pallet::call_index(122)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn set_root_claim_type(origin: OriginFor<T>, new_root_claim_type: RootClaimTypeEnum) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_set_root_claim_type(&coldkey, new_root_claim_type)
        }

        /// Freezes the signing coldkey, to be swapped for the one with this hash.
        #[pallet::call_index(125)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn announce_coldkey_swap(origin: OriginFor<T>, new_coldkey_hash: H256) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_announce_coldkey_swap(&coldkey, new_coldkey_hash)
        }

        /// Does the announced swap of the signing coldkey.
        #[pallet::call_index(126)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn swap_coldkey_announced(origin: OriginFor<T>, new_coldkey: T::AccountId) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_swap_coldkey_announced(&coldkey, &new_coldkey)
        }

        /// Disputes the announced swap of the signing coldkey.
        #[pallet::call_index(127)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn dispute_coldkey_swap(origin: OriginFor<T>) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_dispute_coldkey_swap(&coldkey)
        }

        /// Sets a coldkey free whose swap was announced or disputed. Root.
        #[pallet::call_index(128)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Operational, Pays::No))]
        pub fn reset_coldkey_swap(origin: OriginFor<T>, coldkey: T::AccountId) -> DispatchResult {
            ensure_root(origin)?;
            Self::do_reset_coldkey_swap(&coldkey);
            Ok(())
        }

        /// Buys alpha and burns it at once; where a limit is given not above that price in rao per alpha.
        #[pallet::call_index(132)]
        #[pallet::weight((Weight::from_parts(400_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn add_stake_burn(
            origin: OriginFor<T>,
            hotkey: T::AccountId,
            netuid: NetUid,
            amount: TaoBalance,
            limit: Option<TaoBalance>,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_add_stake_burn(
                Position { coldkey: &coldkey, hotkey: &hotkey, netuid },
                amount.0,
                limit.map(|limit| limit.0),
            )
        }

        /// Takes the announced swap of the signing coldkey back.
        #[pallet::call_index(133)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn clear_coldkey_swap_announcement(origin: OriginFor<T>) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            Self::do_clear_coldkey_swap(&coldkey)
        }

        /// The owner sets the period of epochs; the cycle starts anew.
        #[pallet::call_index(139)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn set_tempo(origin: OriginFor<T>, netuid: NetUid, tempo: u16) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_set_tempo(&who, netuid, tempo)
        }

        /// Sets after how many thousandths of a tempo a validator is inactive. Owner or root.
        #[pallet::call_index(140)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn set_activity_cutoff_factor(origin: OriginFor<T>, netuid: NetUid, factor_milli: u32) -> DispatchResult {
            let who = ensure_signed_or_root(origin)?;
            Self::do_set_activity_cutoff_factor(who.as_ref(), netuid, factor_milli)
        }

        /// The owner orders an epoch.
        #[pallet::call_index(141)]
        #[pallet::weight((Weight::from_parts(200_000_000, 0), DispatchClass::Normal, Pays::Yes))]
        pub fn trigger_epoch(origin: OriginFor<T>, netuid: NetUid) -> DispatchResult {
            let who = ensure_signed(origin)?;
            Self::do_trigger_epoch(&who, netuid)
        }

        /// Registers a hotkey by proof of work, without a price. From a later runtime; its index is free here.
        #[pallet::call_index(146)]
        #[pallet::weight((Weight::from_parts(350_000_000, 0), DispatchClass::Normal, Pays::No))]
        pub fn pow_register(
            origin: OriginFor<T>,
            netuid: NetUid,
            work_block: u64,
            nonce: u64,
            work: Vec<u8>,
            hotkey: T::AccountId,
        ) -> DispatchResult {
            let coldkey = ensure_signed(origin)?;
            let (block, seal) = (work_block, work.as_slice());
            Self::do_pow_register(Work { netuid, block, nonce, seal, hotkey: &hotkey, coldkey: &coldkey })
        }
    }
}
