//! Neurons: who holds which uid, what they announced, and what the last epoch found.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod neurons {
    /// Hotkey → uid.
    #[pallet::storage]
    pub type Uids<T> = StorageDoubleMap<_, Identity, NetUid, Blake2_128Concat, AccountId, u16, OptionQuery>;
    /// Uid → hotkey; the zero account where there is none.
    #[pallet::storage]
    pub type Keys<T> = StorageDoubleMap<_, Identity, NetUid, Identity, u16, AccountId, ValueQuery, NoAccount>;
    /// Hotkey → coldkey; the zero account for an unknown hotkey.
    #[pallet::storage]
    pub type Owner<T> = StorageMap<_, Blake2_128Concat, AccountId, AccountId, ValueQuery, NoAccount>;
    /// Coldkey → its hotkeys.
    #[pallet::storage]
    pub type OwnedHotkeys<T> = StorageMap<_, Blake2_128Concat, AccountId, Vec<AccountId>, ValueQuery>;
    /// Coldkey → hotkeys it has staked to.
    #[pallet::storage]
    pub type StakingHotkeys<T> = StorageMap<_, Blake2_128Concat, AccountId, Vec<AccountId>, ValueQuery>;
    /// Block of registration, by uid.
    #[pallet::storage]
    pub type BlockAtRegistration<T> = StorageDoubleMap<_, Identity, NetUid, Identity, u16, u64, ValueQuery>;
    /// Announced endpoints.
    #[pallet::storage]
    pub type Axons<T> = StorageDoubleMap<_, Identity, NetUid, Blake2_128Concat, AccountId, AxonInfo, OptionQuery>;
    /// Announced metrics endpoints.
    #[pallet::storage]
    pub type Prometheus<T> =
        StorageDoubleMap<_, Identity, NetUid, Blake2_128Concat, AccountId, PrometheusInfo, OptionQuery>;
    /// What a coldkey says about itself.
    #[pallet::storage]
    pub type IdentitiesV2<T> = StorageMap<_, Blake2_128Concat, AccountId, ChainIdentityV2, OptionQuery>;

    /// By uid: did it set weights recently? As the last epoch found.
    #[pallet::storage]
    pub type Active<T> = StorageMap<_, Identity, NetUid, Vec<bool>, ValueQuery>;
    /// By uid: may it set weights for others?
    #[pallet::storage]
    pub type ValidatorPermit<T> = StorageMap<_, Identity, NetUid, Vec<bool>, ValueQuery>;
    /// By uid, u16 fraction: how much of its weights the consensus kept.
    #[pallet::storage]
    pub type ValidatorTrust<T> = StorageMap<_, Identity, NetUid, Vec<u16>, ValueQuery>;
    /// By uid, u16 fraction: the weight the majority of stake agrees on.
    #[pallet::storage]
    pub type Consensus<T> = StorageMap<_, Identity, NetUid, Vec<u16>, ValueQuery>;
    /// By uid, u16 fraction: share of what miners get.
    #[pallet::storage]
    pub type Incentive<T> = StorageMap<_, Identity, NetUidStorageIndex, Vec<u16>, ValueQuery>;
    /// By uid, u16 fraction: share of what validators get.
    #[pallet::storage]
    pub type Dividends<T> = StorageMap<_, Identity, NetUid, Vec<u16>, ValueQuery>;
    /// By uid: alpha of the last epoch, in alpha-rao.
    #[pallet::storage]
    pub type Emission<T> = StorageMap<_, Identity, NetUid, Vec<u64>, ValueQuery>;
    /// By uid, u16 fraction: normalised stake at the last epoch.
    #[pallet::storage]
    pub type StakeWeight<T> = StorageMap<_, Identity, NetUid, Vec<u16>, ValueQuery>;
    /// By uid: block at which weights were set last, or of registration.
    #[pallet::storage]
    pub type LastUpdate<T> = StorageMap<_, Identity, NetUidStorageIndex, Vec<u64>, ValueQuery>;
    /// A validator's weights: (uid, value).
    #[pallet::storage]
    pub type Weights<T> = StorageDoubleMap<_, Identity, NetUidStorageIndex, Identity, u16, Vec<(u16, u16)>, ValueQuery>;
    /// A validator's bonds: (uid, value).
    #[pallet::storage]
    pub type Bonds<T> = StorageDoubleMap<_, Identity, NetUidStorageIndex, Identity, u16, Vec<(u16, u16)>, ValueQuery>;
}
