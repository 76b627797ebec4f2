//! What happens in a block before any transaction, and after all.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod hooks {
    #[pallet::hooks]
    impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
        /// In the real chain's order: prices of registration, sealed weights that can be opened, emission, epochs, moving
        /// prices and flows, children that count from now on. So weights set in a block are seen by an epoch in the next one, and opened ones by an epoch in this one.
        fn on_initialize(_block: BlockNumberFor<T>) -> Weight {
            let subnets: Vec<NetUid> =
                NetworksAdded::<T>::iter_keys().filter(|netuid| *netuid != NetUid::ROOT).collect();
            for netuid in &subnets {
                Self::decay_price(*netuid);
                RegistrationsThisBlock::<T>::remove(netuid);
            }
            Self::reset_root_counters();
            Self::reveal_timelocked();
            Self::emit();
            Self::run_due_epochs();
            for netuid in &subnets {
                Self::move_price(*netuid);
                Self::move_flow(*netuid);
                if LastEpochBlock::<T>::get(netuid) == Self::block() {
                    Self::adopt_pending(*netuid);
                }
            }
            Weight::zero()
        }

        /// An upgrade in this block shows at its end.
        fn on_finalize(_block: BlockNumberFor<T>) {
            Self::note_code();
        }
    }
}
