//! What keys are to each other: delegates, children, claims on root, swaps, and when each was changed last.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod relations {
    /// The largest take of a hotkey, u16 fraction.
    #[pallet::storage]
    pub type MaxDelegateTake<T> = StorageValue<_, u16, ValueQuery, ConstU16<11_796>>;
    /// The least take of a hotkey, u16 fraction.
    #[pallet::storage]
    pub type MinDelegateTake<T> = StorageValue<_, u16, ValueQuery>;
    /// Blocks between two rises of takes by one coldkey.
    #[pallet::storage]
    pub type TxDelegateTakeRateLimit<T> = StorageValue<_, u64, ValueQuery, ConstU64<216_000>>;

    /// Parent → (share of u64::MAX, child).
    #[pallet::storage]
    pub type ChildKeys<T> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId, Identity, NetUid, Vec<(u64, AccountId)>, ValueQuery>;
    /// Child → (share of u64::MAX, parent).
    #[pallet::storage]
    pub type ParentKeys<T> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId, Identity, NetUid, Vec<(u64, AccountId)>, ValueQuery>;
    /// Children that will count, and from which block on.
    #[pallet::storage]
    pub type PendingChildKeys<T> =
        StorageDoubleMap<_, Identity, NetUid, Blake2_128Concat, AccountId, (Vec<(u64, AccountId)>, u64), ValueQuery>;
    /// Blocks from naming children until they count.
    #[pallet::storage]
    pub type PendingChildKeyCooldown<T> = StorageValue<_, u64, ValueQuery, ConstU64<7200>>;
    /// What a child keeps of its parents' dividends, u16 fraction.
    #[pallet::storage]
    pub type ChildkeyTake<T> = StorageDoubleMap<_, Blake2_128Concat, AccountId, Identity, NetUid, u16, ValueQuery>;
    /// The largest of these takes.
    #[pallet::storage]
    pub type MaxChildkeyTake<T> = StorageValue<_, u16, ValueQuery, ConstU16<11_796>>;
    /// The least of these takes.
    #[pallet::storage]
    pub type MinChildkeyTake<T> = StorageValue<_, u16, ValueQuery>;
    /// The least of these takes in a subnet.
    #[pallet::storage]
    pub type MinChildkeyTakePerSubnet<T> = StorageMap<_, Identity, NetUid, u16, ValueQuery>;
    /// Blocks between two rises of these takes.
    #[pallet::storage]
    pub type TxChildkeyTakeRateLimit<T> = StorageValue<_, u64, ValueQuery, ConstU64<216_000>>;

    /// Coldkey → hotkey on which its miners are paid.
    #[pallet::storage]
    pub type AutoStakeDestination<T> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId, Identity, NetUid, AccountId, OptionQuery>;
    /// Hotkey → coldkeys whose miners are paid on it.
    #[pallet::storage]
    pub type AutoStakeDestinationColdkeys<T> =
        StorageDoubleMap<_, Blake2_128Concat, AccountId, Identity, NetUid, Vec<AccountId>, ValueQuery>;

    /// Hotkey → alpha of each subnet that one rao of stake on root has earned since the beginning.
    #[pallet::storage]
    pub type RootClaimable<T> = StorageMap<_, Blake2_128Concat, AccountId, BTreeMap<NetUid, I96F32>, ValueQuery>;
    /// What of it (subnet, hotkey, coldkey) has got, in alpha-rao.
    #[pallet::storage]
    pub type RootClaimed<T> = StorageNMap<
        _,
        (NMapKey<Identity, NetUid>, NMapKey<Blake2_128Concat, AccountId>, NMapKey<Blake2_128Concat, AccountId>),
        u128,
        ValueQuery,
    >;
    /// How a coldkey is paid.
    #[pallet::storage]
    pub type RootClaimType<T> = StorageMap<_, Blake2_128Concat, AccountId, RootClaimTypeEnum, ValueQuery>;
    /// The least alpha-rao that are paid at once.
    #[pallet::storage]
    pub type RootClaimableThreshold<T> = StorageMap<_, Blake2_128Concat, NetUid, I96F32, ValueQuery, LeastClaim>;
    /// Alpha that a hotkey's stakers on root got in the last epoch, after its take.
    #[pallet::storage]
    pub type RootAlphaDividendsPerSubnet<T> =
        StorageDoubleMap<_, Identity, NetUid, Blake2_128Concat, AccountId, u64, ValueQuery>;

    /// When (hotkey, subnet, kind of change) was changed last, where the limit is a hotkey's.
    #[pallet::storage]
    pub type TransactionKeyLastBlock<T> = StorageNMap<
        _,
        (NMapKey<Blake2_128Concat, AccountId>, NMapKey<Identity, NetUid>, NMapKey<Identity, u16>),
        u64,
        ValueQuery,
    >;
    /// Blocks between two swaps of hotkeys by one coldkey.
    #[pallet::storage]
    pub type TxRateLimit<T> = StorageValue<_, u64, ValueQuery, ConstU64<1000>>;
    /// When a coldkey last swapped a hotkey in one subnet.
    #[pallet::storage]
    pub type LastHotkeySwapOnNetuid<T> =
        StorageDoubleMap<_, Identity, NetUid, Blake2_128Concat, AccountId, u64, ValueQuery>;
    /// The block of the work with which a hotkey registered last; from a later runtime.
    #[pallet::storage]
    pub type LastPowRegistrationBlock<T> = StorageMap<_, Blake2_128Concat, AccountId, u64, OptionQuery>;

    /// Coldkeys that are to be swapped: the block from which on, and the hash of the new one.
    #[pallet::storage]
    pub type ColdkeySwapAnnouncements<T> = StorageMap<_, Twox64Concat, AccountId, (u32, H256), OptionQuery>;
    /// Coldkeys whose swap is disputed, with the block of the dispute.
    #[pallet::storage]
    pub type ColdkeySwapDisputes<T> = StorageMap<_, Twox64Concat, AccountId, u32, OptionQuery>;
    /// Blocks from an announcement until the swap.
    #[pallet::storage]
    pub type ColdkeySwapAnnouncementDelay<T> = StorageValue<_, u32, ValueQuery, ConstU32<36_000>>;
    /// Blocks after that until it may be announced anew or taken back.
    #[pallet::storage]
    pub type ColdkeySwapReannouncementDelay<T> = StorageValue<_, u32, ValueQuery, ConstU32<7200>>;

    /// What a coldkey has locked on a hotkey. The calls to lock are not here, so this and the items below are empty; wallets
    /// read them to tell what can be sold.
    #[pallet::storage]
    pub type Lock<T> = StorageNMap<
        _,
        (NMapKey<Blake2_128Concat, AccountId>, NMapKey<Identity, NetUid>, NMapKey<Blake2_128Concat, AccountId>),
        LockState,
        OptionQuery,
    >;
    /// All locks on a hotkey together.
    #[pallet::storage]
    pub type HotkeyLock<T> = StorageDoubleMap<_, Identity, NetUid, Blake2_128Concat, AccountId, LockState, OptionQuery>;
    /// Those of them that are being given up.
    #[pallet::storage]
    pub type DecayingHotkeyLock<T> =
        StorageDoubleMap<_, Identity, NetUid, Blake2_128Concat, AccountId, LockState, OptionQuery>;
    /// The lock of a subnet's owner.
    #[pallet::storage]
    pub type OwnerLock<T> = StorageMap<_, Identity, NetUid, LockState, OptionQuery>;
    /// The part of it that is being given up.
    #[pallet::storage]
    pub type DecayingOwnerLock<T> = StorageMap<_, Identity, NetUid, LockState, OptionQuery>;
    /// Is a coldkey giving its lock up?
    #[pallet::storage]
    pub type DecayingLock<T> = StorageDoubleMap<_, Blake2_128Concat, AccountId, Identity, NetUid, bool, OptionQuery>;
    /// Blocks in which conviction would grow.
    #[pallet::storage]
    pub type MaturityRate<T> = StorageValue<_, u64, ValueQuery, ConstU64<934_866>>;
    /// Blocks in which a lock would be given up.
    #[pallet::storage]
    pub type UnlockRate<T> = StorageValue<_, u64, ValueQuery, ConstU64<934_866>>;
    /// Bits of a coldkey; the first says that it takes stake which is locked.
    #[pallet::storage]
    pub type AccountFlags<T> = StorageMap<_, Blake2_128Concat, AccountId, u128, ValueQuery>;
}
