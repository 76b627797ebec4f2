//! What can go wrong. Clients show the doc comments; the indices are the real chain's, those of absent calls are left out.

use frame_support::pallet_macros::pallet_section;

#[pallet_section]
mod errors {
    #[pallet::error]
    pub enum Error<T> {
        /// The axon's IP type is neither 4 nor 6: announce an IPv4 or IPv6 address.
        #[codec(index = 1)]
        InvalidIpType,
        /// The IP address is a loopback or broadcast address: announce the address under which others reach you.
        #[codec(index = 2)]
        InvalidIpAddress,
        /// The port is 0: announce the port under which others reach you.
        #[codec(index = 3)]
        InvalidPort,
        /// The hotkey has no uid in this subnet: register it; it may have been pruned.
        #[codec(index = 4)]
        HotKeyNotRegisteredInSubNet,
        /// No coldkey owns this hotkey: register it first, and check the address.
        #[codec(index = 5)]
        HotKeyAccountNotExists,
        /// The hotkey that serves is not registered in this subnet: register it, and check the netuid.
        #[codec(index = 6)]
        HotKeyNotRegisteredInNetwork,
        /// The signing coldkey does not own the hotkey: use the wallet whose coldkey owns it.
        #[codec(index = 7)]
        NonAssociatedColdKey,
        /// The coldkey holds less stake than that on the hotkey: read the position again.
        #[codec(index = 9)]
        NotEnoughStakeToWithdraw,
        /// The hotkey's stake weight is below the threshold for setting weights: stake more on it.
        #[codec(index = 10)]
        NotEnoughStakeToSetWeights,
        /// The hotkey's stake weight is below the threshold for naming children: stake more on it.
        #[codec(index = 11)]
        NotEnoughStakeToSetChildkeys,
        /// The coldkey's balance does not cover the stake or the price of registration: top it up.
        #[codec(index = 12)]
        NotEnoughBalanceToStake,
        /// The neuron has no validator permit: it must be among the top validators by stake at an epoch.
        #[codec(index = 15)]
        NeuronNoValidatorPermit,
        /// There are not as many uids as weights.
        #[codec(index = 16)]
        WeightVecNotEqualSize,
        /// A uid occurs twice among the weights.
        #[codec(index = 17)]
        DuplicateUids,
        /// A uid is not in this subnet: read the metagraph again.
        #[codec(index = 18)]
        UidVecContainInvalidOne,
        /// There are fewer weights than the subnet's minimum: add entries, zeros count.
        #[codec(index = 19)]
        WeightVecLengthIsLow,
        /// Too many registrations in this block: try again in the next one.
        #[codec(index = 20)]
        TooManyRegistrationsThisBlock,
        /// The hotkey already has a uid in this subnet.
        #[codec(index = 21)]
        HotKeyAlreadyRegisteredInSubNet,
        /// A hotkey cannot be swapped for itself.
        #[codec(index = 22)]
        NewHotKeyIsSameWithOld,
        /// The new hotkey has stake or claims on root: take a fresh one.
        #[codec(index = 23)]
        NewHotKeyNotCleanForRootSwap,
        /// The work's block is in the future, too old, or was used: work on a fresh block.
        #[codec(index = 24)]
        InvalidWorkBlock,
        /// The seal does not meet the difficulty: read it again and go on working.
        #[codec(index = 25)]
        InvalidDifficulty,
        /// The seal does not follow from the work: check block, keys and nonce.
        #[codec(index = 26)]
        InvalidSeal,
        /// One weight has a larger share than the subnet allows.
        #[codec(index = 27)]
        MaxWeightExceeded,
        /// The subnet's rate limit since the last weights is not over: wait and try again.
        #[codec(index = 29)]
        SettingWeightsTooFast,
        /// The version key is below the subnet's: upgrade the validator.
        #[codec(index = 30)]
        IncorrectWeightVersionKey,
        /// The subnet's rate limit since the last announcement is not over: wait and try again.
        #[codec(index = 31)]
        ServingRateLimitExceeded,
        /// There are more weights than neurons: read the metagraph again.
        #[codec(index = 32)]
        UidsLengthExceedUidsInSubNet,
        /// Another subnet was created too short a time ago.
        #[codec(index = 33)]
        NetworkTxRateLimitExceeded,
        /// The take was raised too short a time ago: wait.
        #[codec(index = 34)]
        DelegateTxRateLimitExceeded,
        /// A hotkey was swapped too short a time ago: wait.
        #[codec(index = 35)]
        HotKeySetTxRateLimitExceeded,
        /// Registration in this subnet is closed.
        #[codec(index = 37)]
        SubNetRegistrationDisabled,
        /// Too many registrations in this interval: wait for the next one.
        #[codec(index = 38)]
        TooManyRegistrationsThisInterval,
        /// The signer does not own the subnet.
        #[codec(index = 41)]
        NotSubnetOwner,
        /// Neurons cannot register in the root network by burn.
        #[codec(index = 42)]
        RegistrationNotPermittedOnRootSubnet,
        /// Root is full, and its lowest member has no less stake there: stake more on root.
        #[codec(index = 43)]
        StakeTooLowForRoot,
        /// The coldkey's balance does not cover the price of a swap: top it up.
        #[codec(index = 45)]
        NotEnoughBalanceToPaySwapHotKey,
        /// The root network has no weights.
        #[codec(index = 47)]
        CanNotSetRootNetworkWeights,
        /// The subnet is full and no neuron can be pruned: wait until an immunity ends.
        #[codec(index = 48)]
        NoNeuronIdAvailable,
        /// The take is below the least one, or not in the direction of the call.
        #[codec(index = 49)]
        DelegateTakeTooLow,
        /// The take is above the largest one.
        #[codec(index = 50)]
        DelegateTakeTooHigh,
        /// There is no such commit to reveal: it was revealed, has expired, or was never made.
        #[codec(index = 51)]
        NoWeightsCommitFound,
        /// What is revealed is not what was committed: uids, values, salt, version key and netuid must be the same.
        #[codec(index = 52)]
        InvalidRevealCommitHashNotMatch,
        /// The subnet asks for committed weights: plain weights are refused.
        #[codec(index = 53)]
        CommitRevealEnabled,
        /// The subnet takes plain weights: there is nothing to commit.
        #[codec(index = 54)]
        CommitRevealDisabled,
        /// The new coldkey has staked already: take a fresh one.
        #[codec(index = 58)]
        ColdKeyAlreadyAssociated,
        /// The coldkey's balance does not cover the price of an announcement: top it up.
        #[codec(index = 59)]
        NotEnoughBalanceToPaySwapColdKey,
        /// A hotkey cannot be its own child.
        #[codec(index = 60)]
        InvalidChild,
        /// A child is named twice.
        #[codec(index = 61)]
        DuplicateChild,
        /// The shares of the children are more than the whole.
        #[codec(index = 62)]
        ProportionOverflow,
        /// A hotkey has at most five children in a subnet.
        #[codec(index = 63)]
        TooManyChildren,
        /// It was changed too short a time ago: wait.
        #[codec(index = 64)]
        TxRateLimitExceeded,
        /// No swap of this coldkey is announced.
        #[codec(index = 65)]
        ColdkeySwapAnnouncementNotFound,
        /// The delay between announcement and swap is not over: wait.
        #[codec(index = 66)]
        ColdkeySwapTooEarly,
        /// The delay until another announcement is not over: wait.
        #[codec(index = 67)]
        ColdkeySwapReannouncedTooEarly,
        /// Another coldkey was announced than this one.
        #[codec(index = 68)]
        AnnouncedColdkeyHashDoesNotMatch,
        /// The swap is disputed already.
        #[codec(index = 69)]
        ColdkeySwapAlreadyDisputed,
        /// The new coldkey is a hotkey.
        #[codec(index = 70)]
        NewColdKeyIsHotkey,
        /// The child's take is out of its bounds.
        #[codec(index = 71)]
        InvalidChildkeyTake,
        /// The child's take was raised too short a time ago: wait.
        #[codec(index = 72)]
        TxChildkeyTakeRateLimitExceeded,
        /// A text of the identity is too long.
        #[codec(index = 73)]
        InvalidIdentity,
        /// The subnet or its mechanism does not exist: check the netuid.
        #[codec(index = 74)]
        MechanismDoesNotExist,
        /// The subnet does not exist: check the netuid and the network.
        #[codec(index = 76)]
        SubnetNotExists,
        /// Ten commits wait to be revealed: reveal them, or wait until they expire.
        #[codec(index = 77)]
        TooManyUnrevealedCommits,
        /// The epoch in which the commit could be revealed is over: commit again.
        #[codec(index = 78)]
        ExpiredWeightCommit,
        /// The epoch in which the commit can be revealed has not come: wait.
        #[codec(index = 79)]
        RevealTooEarly,
        /// The lists of a batch have different lengths.
        #[codec(index = 80)]
        InputLengthsUnequal,
        /// The subnet's rate limit since the last weights or commit is not over: wait and try again.
        #[codec(index = 81)]
        CommittingWeightsTooFast,
        /// The amount is below the least stake of 0.002 TAO, or zero.
        #[codec(index = 82)]
        AmountTooLow,
        /// The subnet's pool is too shallow for this amount.
        #[codec(index = 83)]
        InsufficientLiquidity,
        /// The price would pass the given limit: allow a partial amount or widen the limit.
        #[codec(index = 84)]
        SlippageTooHigh,
        /// The subnet does not let stake go to other coldkeys.
        #[codec(index = 85)]
        TransferDisallowed,
        /// The subnet is already started.
        #[codec(index = 88)]
        FirstEmissionBlockNumberAlreadySet,
        /// The delay before a subnet can be started is not over.
        #[codec(index = 89)]
        NeedWaitingMoreBlocksToStarCall,
        /// Stake on root is TAO: it cannot be burned or recycled.
        #[codec(index = 91)]
        CannotBurnOrRecycleOnRootSubnet,
        /// The subnet is not started: its owner must call start_call.
        #[codec(index = 94)]
        SubtokenDisabled,
        /// A hotkey was swapped in this subnet too short a time ago: wait.
        #[codec(index = 95)]
        HotKeySwapOnSubnetIntervalNotPassed,
        /// The stake is already there.
        #[codec(index = 96)]
        SameNetuid,
        /// Only the creator of the crowdloan that is being finalized leases a subnet.
        #[codec(index = 98)]
        InvalidLeaseBeneficiary,
        /// The lease would end in the past.
        #[codec(index = 99)]
        LeaseCannotEndInThePast,
        /// There is no such lease.
        #[codec(index = 101)]
        LeaseDoesNotExist,
        /// The lease never ends.
        #[codec(index = 102)]
        LeaseHasNoEndBlock,
        /// The lease has not ended yet: wait.
        #[codec(index = 103)]
        LeaseHasNotEnded,
        /// A number became too large.
        #[codec(index = 104)]
        Overflow,
        /// The beneficiary does not own this hotkey: name one of its own.
        #[codec(index = 105)]
        BeneficiaryDoesNotOwnHotkey,
        /// Only the beneficiary ends a lease.
        #[codec(index = 106)]
        ExpectedBeneficiaryOrigin,
        /// An owner changes nothing in the last blocks before an epoch: try again after it.
        #[codec(index = 107)]
        AdminActionProhibitedDuringWeightsWindow,
        /// There is no such symbol.
        #[codec(index = 108)]
        SymbolDoesNotExist,
        /// Another subnet has this symbol.
        #[codec(index = 109)]
        SymbolAlreadyInUse,
        /// The commit's version is not the chain's: upgrade the client.
        #[codec(index = 110)]
        IncorrectCommitRevealVersion,
        /// The round has passed, so the commit would not be secret: check the clock and commit again.
        #[codec(index = 111)]
        InvalidRevealRound,
        /// Weights are revealed at most 100 epochs later.
        #[codec(index = 112)]
        RevealPeriodTooLarge,
        /// Weights are revealed at least one epoch later.
        #[codec(index = 113)]
        RevealPeriodTooSmall,
        /// The value is out of its bounds.
        #[codec(index = 114)]
        InvalidValue,
        /// There are as many subnets as there may be.
        #[codec(index = 115)]
        SubnetLimitReached,
        /// The coldkey's balance does not cover the lock cost of a subnet.
        #[codec(index = 116)]
        CannotAffordLockCost,
        /// That hotkey is chosen already.
        #[codec(index = 118)]
        SameAutoStakeHotkeyAlreadySet,
        /// A key would be child and parent of another at once.
        #[codec(index = 121)]
        ChildParentInconsistency,
        /// Name one to five subnets.
        #[codec(index = 124)]
        InvalidSubnetNumber,
        /// Neurons times mechanisms would be more than 256.
        #[codec(index = 125)]
        TooManyUIDsPerMechanism,
        /// A swap of this coldkey is announced: until then it can do nothing else.
        #[codec(index = 130)]
        ColdkeySwapAnnounced,
        /// The swap of this coldkey is disputed: root has to decide.
        #[codec(index = 131)]
        ColdkeySwapDisputed,
        /// The delay until an announcement may be taken back is not over: wait.
        #[codec(index = 132)]
        ColdkeySwapClearTooEarly,
        /// The price of a registration is above the given limit: raise it or wait.
        #[codec(index = 134)]
        RegistrationPriceLimitExceeded,
        /// The tempo is out of its bounds.
        #[codec(index = 141)]
        TempoOutOfBounds,
        /// The activity cutoff is out of its bounds.
        #[codec(index = 142)]
        ActivityCutoffFactorMilliOutOfBounds,
        /// An epoch is ordered already.
        #[codec(index = 143)]
        EpochTriggerAlreadyPending,
        /// The next epoch is near anyway.
        #[codec(index = 144)]
        AutoEpochAlreadyImminent,
        /// With committed weights no epoch can be ordered.
        #[codec(index = 145)]
        DynamicTempoBlockedByCommitReveal,
    }
}
