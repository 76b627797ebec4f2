//! Hyperparameters of a subnet.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod hyperparameters {
    /// Kept for clients; the epoch does not use it.
    #[pallet::storage]
    pub type Rho<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery, ConstU16<10>>;
    /// Majority of stake that consensus needs, u16 fraction.
    #[pallet::storage]
    pub type Kappa<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery, ConstU16<32_767>>;
    /// Blocks in which a fresh neuron is not pruned.
    #[pallet::storage]
    pub type ImmunityPeriod<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery, ConstU16<4096>>;
    /// Fewest weights in a row.
    #[pallet::storage]
    pub type MinAllowedWeights<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery, ConstU16<1024>>;
    /// Largest share of one weight, u16 fraction; the chain ignores it and allows all.
    #[pallet::storage]
    pub type MaxWeightsLimit<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery, ConstU16<{ u16::MAX }>>;
    /// Least version key of weights; 0 allows all.
    #[pallet::storage]
    pub type WeightsVersionKey<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery>;
    /// Blocks between two settings of weights.
    #[pallet::storage]
    pub type WeightsSetRateLimit<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery, ConstU64<100>>;
    /// Kept for clients; see `ActivityCutoffFactorMilli`.
    #[pallet::storage]
    pub type ActivityCutoff<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery, ConstU16<5000>>;
    /// Thousandths of a tempo after which a validator without new weights is inactive.
    #[pallet::storage]
    pub type ActivityCutoffFactorMilli<T> = StorageMap<_, Identity, NetUid, u32, ValueQuery, ConstU32<13_889>>;
    /// Most neurons.
    #[pallet::storage]
    pub type MaxAllowedUids<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery, ConstU16<256>>;
    /// Least value of `MaxAllowedUids`.
    #[pallet::storage]
    pub type MinAllowedUids<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery, ConstU16<64>>;
    /// With this many or fewer neurons past immunity, an immune one is pruned instead.
    #[pallet::storage]
    pub type MinNonImmuneUids<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery, ConstU16<10>>;
    /// Neurons of the owner that are never pruned.
    #[pallet::storage]
    pub type ImmuneOwnerUidsLimit<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery, ConstU16<1>>;
    /// Most validator permits.
    #[pallet::storage]
    pub type MaxAllowedValidators<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery, ConstU16<128>>;
    /// Weight of old bonds, millionths.
    #[pallet::storage]
    pub type BondsMovingAverage<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery, ConstU64<900_000>>;
    /// How far bonds follow the clipped weights, u16 fraction.
    #[pallet::storage]
    pub type BondsPenalty<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery, ConstU16<{ u16::MAX }>>;
    /// May a miner's commitment clear the bonds to it? There are no commitments here.
    #[pallet::storage]
    pub type BondsResetOn<T> = StorageMap<_, Identity, NetUid, bool, ValueQuery>;
    /// Do bonds move faster where weights and consensus differ? Only with Yuma 3.
    #[pallet::storage]
    pub type LiquidAlphaOn<T> = StorageMap<_, Blake2_128Concat, NetUid, bool, ValueQuery>;
    /// Least and largest speed of liquid bonds, u16 fractions.
    #[pallet::storage]
    pub type AlphaValues<T> = StorageMap<_, Identity, NetUid, (u16, u16), ValueQuery, LiquidAlphaRange>;
    /// Hundredths: how sharply the speed of liquid bonds changes.
    #[pallet::storage]
    pub type AlphaSigmoidSteepness<T> = StorageMap<_, Identity, NetUid, i16, ValueQuery, ConstI16<1000>>;
    /// Yuma 3 instead of Yuma 2?
    #[pallet::storage]
    pub type Yuma3On<T> = StorageMap<_, Blake2_128Concat, NetUid, bool, ValueQuery>;
    /// How the subnet comes to consensus; from a later runtime, where SDK 11 reads it before it sets weights.
    #[pallet::storage]
    pub type SubnetEpochConsensus<T> = StorageMap<_, Identity, NetUid, EpochConsensus, ValueQuery>;
    /// Blocks between two announcements of an axon.
    #[pallet::storage]
    pub type ServingRateLimit<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery, ConstU64<50>>;
    /// Is registration open?
    #[pallet::storage]
    pub type NetworkRegistrationAllowed<T> = StorageMap<_, Identity, NetUid, bool, ValueQuery, ConstBool<true>>;
    /// Is registration by work open?
    #[pallet::storage]
    pub type NetworkPowRegistrationAllowed<T> = StorageMap<_, Identity, NetUid, bool, ValueQuery, ConstBool<true>>;
    /// Price of a registration now, in rao.
    #[pallet::storage]
    pub type Burn<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery, ConstU64<100_000_000>>;
    /// Least price of a registration, in rao.
    #[pallet::storage]
    pub type MinBurn<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery, ConstU64<500_000>>;
    /// Largest price of a registration, in rao.
    #[pallet::storage]
    pub type MaxBurn<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery, ConstU64<100_000_000_000>>;
    /// Blocks in which the price of a registration halves.
    #[pallet::storage]
    pub type BurnHalfLife<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery, ConstU16<360>>;
    /// Factor by which each registration raises the price.
    #[pallet::storage]
    pub type BurnIncreaseMult<T> = StorageMap<_, Identity, NetUid, U64F64, ValueQuery, BurnIncrease>;
    /// Registrations in this block.
    #[pallet::storage]
    pub type RegistrationsThisBlock<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery>;
    /// Registrations in root since its counters were reset.
    #[pallet::storage]
    pub type RegistrationsThisInterval<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery>;
    /// TAO paid for registrations, in rao.
    #[pallet::storage]
    pub type RAORecycledForRegistration<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery>;
    /// What a seal of work has to meet.
    #[pallet::storage]
    pub type Difficulty<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery, ConstU64<10_000_000>>;
    /// Least difficulty of work.
    #[pallet::storage]
    pub type MinDifficulty<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery, ConstU64<10_000_000>>;
    /// Largest difficulty of work.
    #[pallet::storage]
    pub type MaxDifficulty<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery, ConstU64<{ u64::MAX / 4 }>>;
    /// Kept for clients.
    #[pallet::storage]
    pub type AdjustmentAlpha<T> = StorageMap<_, Identity, NetUid, u64, ValueQuery>;
    /// Kept for clients.
    #[pallet::storage]
    pub type AdjustmentInterval<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery, ConstU16<100>>;
    /// A third of the registrations that root takes in a block; for others kept for clients.
    #[pallet::storage]
    pub type TargetRegistrationsPerInterval<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery, ConstU16<2>>;
    /// Most registrations by work in a block, and in root of all; registration by burn has no limit but the price.
    #[pallet::storage]
    pub type MaxRegistrationsPerBlock<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery, ConstU16<1>>;
    /// Kept for clients.
    #[pallet::storage]
    pub type ScalingLawPower<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery, ConstU16<50>>;
    /// May stake be transferred between coldkeys?
    #[pallet::storage]
    pub type TransferToggle<T> = StorageMap<_, Identity, NetUid, bool, ValueQuery, ConstBool<true>>;
}
