//! Subnets that a crowdloan paid for.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod leases {
    /// Leases that are not over.
    #[pallet::storage]
    pub type SubnetLeases<T> = StorageMap<_, Twox64Concat, LeaseId, LeaseOf, OptionQuery>;
    /// The part of a lease that each paid for, but for the beneficiary's.
    #[pallet::storage]
    pub type SubnetLeaseShares<T> = StorageDoubleMap<_, Twox64Concat, LeaseId, Identity, AccountId, U64F64, ValueQuery>;
    /// The lease of a subnet, also of one that is over.
    #[pallet::storage]
    pub type SubnetUidToLeaseId<T> = StorageMap<_, Twox64Concat, NetUid, LeaseId, OptionQuery>;
    /// The number of the next lease.
    #[pallet::storage]
    pub type NextSubnetLeaseId<T> = StorageValue<_, LeaseId, ValueQuery>;
    /// Alpha of a lease that waits for the next payment.
    #[pallet::storage]
    pub type AccumulatedLeaseDividends<T> = StorageMap<_, Twox64Concat, LeaseId, AlphaBalance, ValueQuery>;
}
