//! What happened. Fields and indices are the real chain's; events of absent calls are left out.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod events {
    #[pallet::event]
    #[pallet::generate_deposit(pub fn deposit_event)]
    pub enum Event<T: Config> {
        /// A subnet was created: netuid, mechanism.
        #[codec(index = 0)]
        NetworkAdded(NetUid, u16),
        /// Stake was added: coldkey, hotkey, TAO paid, alpha got, netuid, fee in TAO.
        #[codec(index = 2)]
        StakeAdded(AccountId, AccountId, TaoBalance, AlphaBalance, NetUid, u64),
        /// Stake was removed: coldkey, hotkey, TAO got, alpha given, netuid, fee in alpha.
        #[codec(index = 3)]
        StakeRemoved(AccountId, AccountId, TaoBalance, AlphaBalance, NetUid, u64),
        /// A validator set weights: storage index, uid.
        #[codec(index = 5)]
        WeightsSet(NetUidStorageIndex, u16),
        /// A neuron registered: netuid, uid, hotkey.
        #[codec(index = 6)]
        NeuronRegistered(NetUid, u16, AccountId),
        /// The setting was changed.
        #[codec(index = 9)]
        MaxAllowedUidsSet(NetUid, u16),
        /// The setting was changed.
        #[codec(index = 18)]
        KappaSet(NetUid, u16),
        /// The setting was changed.
        #[codec(index = 19)]
        MinAllowedWeightSet(NetUid, u16),
        /// The setting was changed.
        #[codec(index = 22)]
        WeightsSetRateLimitSet(NetUid, u64),
        /// The setting was changed.
        #[codec(index = 23)]
        ImmunityPeriodSet(NetUid, u16),
        /// The setting was changed.
        #[codec(index = 24)]
        BondsMovingAverageSet(NetUid, u64),
        /// The setting was changed.
        #[codec(index = 25)]
        BondsPenaltySet(NetUid, u16),
        /// The setting was changed.
        #[codec(index = 27)]
        MaxAllowedValidatorsSet(NetUid, u16),
        /// A neuron announced its axon: netuid, hotkey.
        #[codec(index = 28)]
        AxonServed(NetUid, AccountId),
        /// A neuron announced its metrics: netuid, hotkey.
        #[codec(index = 29)]
        PrometheusServed(NetUid, AccountId),
        /// The setting was changed.
        #[codec(index = 32)]
        WeightsVersionKeySet(NetUid, u64),
        /// The setting was changed.
        #[codec(index = 35)]
        ServingRateLimitSet(NetUid, u64),
        /// The setting was changed.
        #[codec(index = 37)]
        MaxBurnSet(NetUid, TaoBalance),
        /// The setting was changed.
        #[codec(index = 38)]
        MinBurnSet(NetUid, TaoBalance),
        /// The setting was changed.
        #[codec(index = 50)]
        RegistrationAllowed(NetUid, bool),
        /// The setting was changed.
        #[codec(index = 52)]
        TempoSet(NetUid, u16),
        /// The setting was changed.
        #[codec(index = 54)]
        StakeThresholdSet(u64),
        /// The setting was changed.
        #[codec(index = 58)]
        NetworkRateLimitSet(u64),
        /// Weights were committed: hotkey, storage index, hash.
        #[codec(index = 85)]
        WeightsCommitted(AccountId, NetUidStorageIndex, H256),
        /// Committed weights were revealed: hotkey, storage index, hash.
        #[codec(index = 86)]
        WeightsRevealed(AccountId, NetUidStorageIndex, H256),
        /// Several commits were revealed: hotkey, netuid, hashes.
        #[codec(index = 87)]
        WeightsBatchRevealed(AccountId, NetUid, Vec<H256>),
        /// A batch of weights or commits was gone through: netuids, hotkey.
        #[codec(index = 88)]
        BatchWeightsCompleted(Vec<Compact<NetUid>>, AccountId),
        /// A part of a batch failed.
        #[codec(index = 89)]
        BatchCompletedWithErrors(),
        /// What failed in a batch: netuid, why.
        #[codec(index = 90)]
        BatchWeightItemFailed(NetUid, DispatchError),
        /// A subnet was started: netuid, first block with emission.
        #[codec(index = 95)]
        FirstEmissionBlockNumberSet(NetUid, u64),
        /// The setting was changed.
        #[codec(index = 100)]
        CommitRevealPeriodsSet(NetUid, u64),
        /// The setting was changed.
        #[codec(index = 101)]
        CommitRevealEnabled(NetUid, bool),
        /// The setting was changed.
        #[codec(index = 106)]
        CommitRevealVersionSet(u16),
        /// Sealed weights were committed: hotkey, storage index, hash of the bytes, round that opens them.
        #[codec(index = 107)]
        TimelockedWeightsCommitted(AccountId, NetUidStorageIndex, H256, u64),
        /// The chain opened sealed weights and set them: storage index, hotkey.
        #[codec(index = 108)]
        TimelockedWeightsRevealed(NetUidStorageIndex, AccountId),
        /// An epoch paid miners.
        #[codec(index = 110)]
        IncentiveAlphaEmittedToMiners {
            /// Storage index.
            netuid: NetUidStorageIndex,
            /// By uid, in alpha-rao.
            emissions: Vec<AlphaBalance>,
        },
        /// Too many epochs were due in one block.
        #[codec(index = 132)]
        EpochDeferred {
            /// The subnet.
            netuid: NetUid,
            /// Where it was due.
            from_block: u64,
            /// Where it will run.
            to_block: u64,
        },
    }
}
