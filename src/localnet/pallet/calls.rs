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
            Self::do_set_weights(&hotkey, netuid, MechId(0), dests, &weights, version_key)
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

        /// Creates a subnet; the signing coldkey pays the lock cost. As on the real chain plain weights are refused there
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

        /// Sets the weights of the signing hotkey in a mechanism; there is only the main one, 0.
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
            Self::do_set_weights(&hotkey, netuid, mecid, dests, &weights, version_key)
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
