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
        /// Stake was moved: coldkey, hotkey and subnet it left, hotkey and subnet it went to, worth in rao.
        #[codec(index = 4)]
        StakeMoved(AccountId, AccountId, NetUid, AccountId, NetUid, TaoBalance),
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
        #[codec(index = 44)]
        OwnerHyperparamRateLimitSet(u16),
        /// A child's take of its parents' dividends: hotkey, take.
        #[codec(index = 48)]
        ChildKeyTakeSet(AccountId, u16),
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
        /// A take was lowered: coldkey, hotkey, take.
        #[codec(index = 64)]
        TakeDecreased(AccountId, AccountId, u16),
        /// A take was raised: coldkey, hotkey, take.
        #[codec(index = 65)]
        TakeIncreased(AccountId, AccountId, u16),
        /// A hotkey was swapped everywhere.
        #[codec(index = 66)]
        HotkeySwapped {
            /// Whose.
            coldkey: AccountId,
            /// The one that went.
            old_hotkey: AccountId,
            /// The one that came.
            new_hotkey: AccountId,
        },
        /// A coldkey is to be swapped.
        #[codec(index = 69)]
        ColdkeySwapAnnounced {
            /// Which.
            who: AccountId,
            /// blake2-256 of the new one.
            new_coldkey_hash: H256,
        },
        /// Root set a coldkey free.
        #[codec(index = 70)]
        ColdkeySwapReset {
            /// Which.
            who: AccountId,
        },
        /// A coldkey was swapped.
        #[codec(index = 71)]
        ColdkeySwapped {
            /// The one that went.
            old_coldkey: AccountId,
            /// The one that came.
            new_coldkey: AccountId,
        },
        /// The swap of a coldkey is disputed.
        #[codec(index = 72)]
        ColdkeySwapDisputed {
            /// Which.
            coldkey: AccountId,
        },
        /// Children were named: hotkey, subnet, block from which they count, shares of u64::MAX and children.
        #[codec(index = 75)]
        SetChildrenScheduled(AccountId, NetUid, u64, Vec<(u64, AccountId)>),
        /// Children count: hotkey, subnet, shares of u64::MAX and children.
        #[codec(index = 76)]
        SetChildren(AccountId, NetUid, Vec<(u64, AccountId)>),
        /// A coldkey said something about itself.
        #[codec(index = 77)]
        ChainIdentitySet(AccountId),
        /// An owner said something about its subnet.
        #[codec(index = 78)]
        SubnetIdentitySet(NetUid),
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
        /// Stake went to another coldkey: from, to, hotkey, subnet it left, subnet it went to, worth in rao.
        #[codec(index = 91)]
        StakeTransferred(AccountId, AccountId, AccountId, NetUid, NetUid, TaoBalance),
        /// Stake was swapped: coldkey, hotkey, subnet it left, subnet it went to, worth in rao.
        #[codec(index = 92)]
        StakeSwapped(AccountId, AccountId, NetUid, NetUid, TaoBalance),
        /// A subnet was started: netuid, first block with emission.
        #[codec(index = 95)]
        FirstEmissionBlockNumberSet(NetUid, u64),
        /// Alpha was recycled: coldkey, hotkey, amount, subnet.
        #[codec(index = 96)]
        AlphaRecycled(AccountId, AccountId, AlphaBalance, NetUid),
        /// Alpha was burned: coldkey, hotkey, amount, subnet.
        #[codec(index = 97)]
        AlphaBurned(AccountId, AccountId, AlphaBalance, NetUid),
        /// The setting was changed.
        #[codec(index = 100)]
        CommitRevealPeriodsSet(NetUid, u64),
        /// The setting was changed.
        #[codec(index = 101)]
        CommitRevealEnabled(NetUid, bool),
        /// A hotkey was swapped in a subnet.
        #[codec(index = 102)]
        HotkeySwappedOnSubnet {
            /// Whose.
            coldkey: AccountId,
            /// The one that went.
            old_hotkey: AccountId,
            /// The one that came.
            new_hotkey: AccountId,
            /// Where.
            netuid: NetUid,
        },
        /// A subnet was leased.
        #[codec(index = 103)]
        SubnetLeaseCreated {
            /// Who runs it.
            beneficiary: AccountId,
            /// The lease.
            lease_id: LeaseId,
            /// The subnet.
            netuid: NetUid,
            /// When it may end.
            end_block: Option<BlockNumber>,
        },
        /// A lease is over.
        #[codec(index = 104)]
        SubnetLeaseTerminated {
            /// Who owns the subnet now.
            beneficiary: AccountId,
            /// The subnet.
            netuid: NetUid,
        },
        /// A subnet has another symbol.
        #[codec(index = 105)]
        SymbolUpdated {
            /// The subnet.
            netuid: NetUid,
            /// Its symbol, UTF-8.
            symbol: Vec<u8>,
        },
        /// The setting was changed.
        #[codec(index = 106)]
        CommitRevealVersionSet(u16),
        /// Sealed weights were committed: hotkey, storage index, hash of the bytes, round that opens them.
        #[codec(index = 107)]
        TimelockedWeightsCommitted(AccountId, NetUidStorageIndex, H256, u64),
        /// The chain opened sealed weights and set them: storage index, hotkey.
        #[codec(index = 108)]
        TimelockedWeightsRevealed(NetUidStorageIndex, AccountId),
        /// A miner was paid on the hotkey that its owner chose.
        #[codec(index = 109)]
        AutoStakeAdded {
            /// The subnet.
            netuid: NetUid,
            /// The hotkey that was chosen.
            destination: AccountId,
            /// The miner.
            hotkey: AccountId,
            /// Its owner.
            owner: AccountId,
            /// What it got.
            incentive: AlphaBalance,
        },
        /// An epoch paid miners.
        #[codec(index = 110)]
        IncentiveAlphaEmittedToMiners {
            /// Storage index.
            netuid: NetUidStorageIndex,
            /// By uid, in alpha-rao.
            emissions: Vec<AlphaBalance>,
        },
        /// A coldkey chose where its miners are paid.
        #[codec(index = 112)]
        AutoStakeDestinationSet {
            /// Who.
            coldkey: AccountId,
            /// The subnet.
            netuid: NetUid,
            /// Where.
            hotkey: AccountId,
        },
        /// A staker on root was paid what it was owed.
        #[codec(index = 114)]
        RootClaimed {
            /// Who.
            coldkey: AccountId,
        },
        /// A staker on root chose how it is paid.
        #[codec(index = 115)]
        RootClaimTypeSet {
            /// Who.
            coldkey: AccountId,
            /// How.
            root_claim_type: RootClaimTypeEnum,
        },
        /// Somebody who paid for a leased subnet got a part of its owner's cut.
        #[codec(index = 120)]
        SubnetLeaseDividendsDistributed {
            /// The lease.
            lease_id: LeaseId,
            /// Who.
            contributor: AccountId,
            /// How much.
            alpha: AlphaBalance,
        },
        /// Stake was bought and burned at once.
        #[codec(index = 121)]
        AddStakeBurn {
            /// The subnet.
            netuid: NetUid,
            /// On which hotkey.
            hotkey: AccountId,
            /// What was paid.
            amount: TaoBalance,
            /// What was burned.
            alpha: AlphaBalance,
        },
        /// An announced swap of a coldkey was taken back.
        #[codec(index = 122)]
        ColdkeySwapCleared {
            /// Which.
            who: AccountId,
        },
        /// The setting was changed.
        #[codec(index = 130)]
        ActivityCutoffFactorMilliSet {
            /// The subnet.
            netuid: NetUid,
            /// Thousandths of a tempo.
            factor_milli: u32,
        },
        /// An owner ordered an epoch.
        #[codec(index = 131)]
        EpochTriggered {
            /// The subnet.
            netuid: NetUid,
            /// Who.
            by: AccountId,
            /// The block of the epoch.
            fires_at: u64,
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
