//! Weights that are committed first and revealed later, and mechanisms. The hashers are Twox64Concat here, unlike elsewhere.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod commits {
    /// Are weights committed and revealed later? Then plain weights are refused.
    #[pallet::storage]
    pub type CommitRevealWeightsEnabled<T> = StorageMap<_, Identity, NetUid, bool, ValueQuery, ConstBool<true>>;
    /// The version of time-locked commits that the chain takes.
    #[pallet::storage]
    pub type CommitRevealWeightsVersion<T> = StorageValue<_, u16, ValueQuery, ConstU16<4>>;
    /// Epochs from commit to reveal.
    #[pallet::storage]
    pub type RevealPeriodEpochs<T> = StorageMap<_, Twox64Concat, NetUid, u64, ValueQuery, ConstU64<1>>;
    /// What a hotkey committed and has not revealed: hash, epoch and block of the commit, and a zero.
    #[pallet::storage]
    pub type WeightCommits<T> = StorageDoubleMap<
        _,
        Twox64Concat,
        NetUidStorageIndex,
        Twox64Concat,
        AccountId,
        VecDeque<(H256, u64, u64, u64)>,
        OptionQuery,
    >;
    /// Time-locked commits by the epoch they were made in: hotkey, block, sealed weights, round that opens them.
    #[pallet::storage]
    pub type TimelockedWeightCommits<T> = StorageDoubleMap<
        _,
        Twox64Concat,
        NetUidStorageIndex,
        Twox64Concat,
        u64,
        VecDeque<(AccountId, u64, SealedWeights, u64)>,
        ValueQuery,
    >;

    /// Mechanisms of the subnet, each with weights, bonds and incentive of its own.
    #[pallet::storage]
    pub type MechanismCountCurrent<T> = StorageMap<_, Twox64Concat, NetUid, MechId, ValueQuery, OneMechanism>;
    /// Most mechanisms of a subnet.
    #[pallet::storage]
    pub type MaxMechanismCount<T> = StorageValue<_, MechId, ValueQuery, TwoMechanisms>;
    /// How the subnet's emission is split among its mechanisms, u16 fractions; evenly where there is nothing.
    #[pallet::storage]
    pub type MechanismEmissionSplit<T> = StorageMap<_, Twox64Concat, NetUid, Vec<u16>, OptionQuery>;
}
