//! Stake, pools and emission.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod economy {
    /// Alpha of a hotkey in a subnet, all its stakers together; on root it is TAO.
    #[pallet::storage]
    pub type TotalHotkeyAlpha<T> = StorageDoubleMap<_, Blake2_128Concat, AccountId, Identity, NetUid, u64, ValueQuery>;
    /// Sum of the shares of a hotkey's stakers.
    #[pallet::storage]
    pub type TotalHotkeySharesV2<T> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId, Identity, NetUid, SafeFloat, ValueQuery>;
    /// Shares of (hotkey, coldkey, subnet).
    #[pallet::storage]
    pub type AlphaV2<T> = StorageNMap<
        _,
        (NMapKey<Blake2_128Concat, AccountId>, NMapKey<Blake2_128Concat, AccountId>, NMapKey<Identity, NetUid>),
        SafeFloat,
        ValueQuery,
    >;
    /// Alpha that a hotkey's stakers got in the last epoch, after its take.
    #[pallet::storage]
    pub type AlphaDividendsPerSubnet<T> =
        StorageDoubleMap<_, Identity, NetUid, Blake2_128Concat, AccountId, u64, ValueQuery>;
    /// Alpha that a hotkey got in the last epoch.
    #[pallet::storage]
    pub type LastHotkeyEmissionOnNetuid<T> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId, Identity, NetUid, u64, ValueQuery>;
    /// A hotkey's take of its stakers' dividends, u16 fraction.
    #[pallet::storage]
    pub type Delegates<T> = StorageMap<_, Blake2_128Concat, AccountId, u16, ValueQuery, ConstU16<11_796>>;
    /// Stake weight that setting weights and a permit need, in rao.
    #[pallet::storage]
    pub type StakeThreshold<T> = StorageValue<_, u64, ValueQuery>;
    /// What TAO on root counts in a subnet, u64 fraction.
    #[pallet::storage]
    pub type TaoWeight<T> = StorageValue<_, u64, ValueQuery, ConstU64<971_718_665_099_567_868>>;
    /// Least stake of a nominator, in rao; here not enforced.
    #[pallet::storage]
    pub type NominatorMinRequiredStake<T> = StorageValue<_, u64, ValueQuery>;

    /// TAO side of the pool, in rao; on root all stake.
    #[pallet::storage]
    pub type SubnetTAO<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery>;
    /// Alpha side of the pool.
    #[pallet::storage]
    pub type SubnetAlphaIn<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery>;
    /// Alpha outside of the pool.
    #[pallet::storage]
    pub type SubnetAlphaOut<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery>;
    /// Moving average of the price, TAO per alpha.
    #[pallet::storage]
    pub type SubnetMovingPrice<T> = StorageMap<_, Identity, NetUid, I96F32, ValueQuery>;
    /// Weight of the present price in the moving one, before the start-up factor.
    #[pallet::storage]
    pub type SubnetMovingAlpha<T> = StorageValue<_, I96F32, ValueQuery, MovingAlpha>;
    /// Blocks after which the moving price has half of its final weight.
    #[pallet::storage]
    pub type EMAPriceHalvingBlocks<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery, ConstU64<201_600>>;
    /// TAO that went through the pool, in rao.
    #[pallet::storage]
    pub type SubnetVolume<T> = StorageMap<_, Identity, NetUid, u128, ValueQuery>;
    /// TAO put into the pool in the last block.
    #[pallet::storage]
    pub type SubnetTaoInEmission<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery>;
    /// Alpha put into the pool in the last block.
    #[pallet::storage]
    pub type SubnetAlphaInEmission<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery>;
    /// Alpha made for participants in the last block.
    #[pallet::storage]
    pub type SubnetAlphaOutEmission<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery>;
    /// Alpha for miners since the last epoch.
    #[pallet::storage]
    pub type PendingServerEmission<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery>;
    /// Alpha for validators since the last epoch.
    #[pallet::storage]
    pub type PendingValidatorEmission<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery>;
    /// Alpha for the owner since the last epoch.
    #[pallet::storage]
    pub type PendingOwnerCut<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery>;
    /// The owners' share, u16 fraction.
    #[pallet::storage]
    pub type SubnetOwnerCut<T> = StorageValue<_, u16, ValueQuery, ConstU16<11_796>>;
    /// Does the owner of the subnet get a share?
    #[pallet::storage]
    pub type OwnerCutEnabled<T> = StorageMap<_, Identity, NetUid, bool, ValueQuery, ConstBool<true>>;
    /// TAO that stakers brought in less what they took out in this block, in rao.
    #[pallet::storage]
    pub type SubnetTaoFlow<T> = StorageMap<_, Identity, NetUid, i64, ValueQuery>;
    /// Moving average of that, with the block of its last change.
    #[pallet::storage]
    pub type SubnetEmaTaoFlow<T> = StorageMap<_, Identity, NetUid, (u64, I64F64), OptionQuery>;
    /// Weight of a block's flow in the moving average, fraction of i64::MAX: a half in thirty days.
    #[pallet::storage]
    pub type FlowEmaSmoothingFactor<T> = StorageValue<_, u64, ValueQuery, ConstU64<29_597_889_189_277>>;
    /// Alpha for stakers on root since the last epoch.
    #[pallet::storage]
    pub type PendingRootAlphaDivs<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery>;
    /// Share of a registration's price that stays the neuron's as collateral; from a later runtime, where tools read it.
    /// There is no collateral here: nothing sets it.
    #[pallet::storage]
    pub type CollateralLockShare<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery>;
    /// Is the owner's share locked for it? Nobody locks here.
    #[pallet::storage]
    pub type OwnerCutAutoLockEnabled<T> = StorageMap<_, Identity, NetUid, bool, ValueQuery>;
    /// Alpha that the protocol holds: none here, it buys none.
    #[pallet::storage]
    pub type SubnetProtocolAlpha<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery>;
    /// What of a collateral is given free with what its neuron earns; from a later runtime, and nothing here.
    #[pallet::storage]
    pub type CollateralDrainRatio<T> = StorageMap<_, Identity, NetUid, U64F64, ValueQuery>;
    /// TAO minted in the last block, in rao.
    #[pallet::storage]
    pub type BlockEmission<T> = StorageValue<_, u64, ValueQuery, ConstU64<1_000_000_000>>;
}
