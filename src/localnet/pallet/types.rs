//! Values that the chain stores, in SCALE order as the real chain has them.

use crate::localnet::runtime::{
    AccountId, AlphaBalance, BlockNumber, MechId, NetUid, scalars::I96F32, scalars::U64F64,
};
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::{
    BoundedVec,
    traits::{ConstU32, Get},
};
use scale_info::TypeInfo;
use sp_runtime::Percent;
use std::collections::BTreeSet;

/// A neuron's announced endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct AxonInfo {
    /// Block of the announcement.
    pub block: u64,
    /// The neuron's software version, `1.2.3` as 1 002 003.
    pub version: u32,
    /// The address as a number.
    pub ip: u128,
    /// The port.
    pub port: u16,
    /// 4 or 6.
    pub ip_type: u8,
    /// The neuron's protocol; clients send 4.
    pub protocol: u8,
    /// Unused.
    pub placeholder1: u8,
    /// Unused.
    pub placeholder2: u8,
}

/// A neuron's announced metrics endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct PrometheusInfo {
    /// Block of the announcement.
    pub block: u64,
    /// The neuron's software version.
    pub version: u32,
    /// The address as a number.
    pub ip: u128,
    /// The port.
    pub port: u16,
    /// 4 or 6.
    pub ip_type: u8,
}

/// The number of a lease.
pub type LeaseId = u32;

/// A lease as this chain stores it.
pub type LeaseOf = SubnetLease<AccountId, BlockNumber, u64>;

/// A subnet that a crowdloan paid for, and that its creator runs.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct SubnetLease<AccountId, BlockNumber, Balance> {
    /// Who runs the subnet as a proxy, and owns it after the lease.
    pub beneficiary: AccountId,
    /// The subnet's owner, whose key nobody has.
    pub coldkey: AccountId,
    /// The owner's hotkey, whose key nobody has.
    pub hotkey: AccountId,
    /// The part of the owner's cut that goes to those who paid.
    pub emissions_share: Percent,
    /// The block from which on the lease may be ended; `None` is never.
    pub end_block: Option<BlockNumber>,
    /// The subnet.
    pub netuid: NetUid,
    /// What registration and proxy cost, in rao.
    pub cost: Balance,
}

/// What a coldkey says about itself; all UTF-8.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct ChainIdentityV2 {
    /// Display name.
    pub name: Vec<u8>,
    /// Web page.
    pub url: Vec<u8>,
    /// Repository.
    pub github_repo: Vec<u8>,
    /// Picture.
    pub image: Vec<u8>,
    /// Discord handle.
    pub discord: Vec<u8>,
    /// A sentence.
    pub description: Vec<u8>,
    /// Anything else.
    pub additional: Vec<u8>,
}

/// What a subnet says about itself; all UTF-8.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct SubnetIdentityV3 {
    /// Display name.
    pub subnet_name: Vec<u8>,
    /// Repository.
    pub github_repo: Vec<u8>,
    /// Contact of the owner.
    pub subnet_contact: Vec<u8>,
    /// Web page.
    pub subnet_url: Vec<u8>,
    /// Discord handle.
    pub discord: Vec<u8>,
    /// A sentence.
    pub description: Vec<u8>,
    /// Picture.
    pub logo_url: Vec<u8>,
    /// Anything else.
    pub additional: Vec<u8>,
}

/// A share of a stake: `mantissa × 10^exponent`, with 10²⁰ < mantissa ≤ 10²¹, or zero twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct SafeFloat {
    /// The digits.
    pub mantissa: u128,
    /// The power of ten.
    pub exponent: i64,
}

/// What is limited in rate. Of the real chain's kinds those whose calls exist here.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub enum RateLimitKey {
    /// One setting of one subnet, by its owner.
    #[codec(index = 1)]
    OwnerHyperparamUpdate(NetUid, Hyperparameter),
    /// Creation of subnets, by anyone.
    #[codec(index = 2)]
    NetworkLastRegistered,
    /// Swaps of hotkeys by a coldkey.
    #[codec(index = 3)]
    LastTxBlock(AccountId),
    /// Rises of takes by a coldkey.
    #[codec(index = 5)]
    LastTxBlockDelegateTake(AccountId),
}

/// What an owner may set from time to time, by the numbers of the real chain: those that can be set here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
#[expect(missing_docs, reason = "the names are those of the settings")]
pub enum Hyperparameter {
    #[codec(index = 1)]
    ServingRateLimit,
    #[codec(index = 5)]
    ImmunityPeriod,
    #[codec(index = 6)]
    MinAllowedWeights,
    #[codec(index = 11)]
    MinBurn,
    #[codec(index = 12)]
    MaxBurn,
    #[codec(index = 13)]
    BondsMovingAverage,
    #[codec(index = 14)]
    BondsPenalty,
    #[codec(index = 15)]
    CommitRevealEnabled,
    #[codec(index = 16)]
    LiquidAlphaEnabled,
    #[codec(index = 18)]
    WeightCommitInterval,
    #[codec(index = 21)]
    Yuma3Enabled,
    #[codec(index = 25)]
    MaxAllowedUids,
    #[codec(index = 26)]
    BurnHalfLife,
    #[codec(index = 27)]
    BurnIncreaseMult,
    #[codec(index = 30)]
    ActivityCutoffFactorMilli,
}

/// What a hotkey may change from time to time, by the numbers of the real chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimited {
    /// Its children.
    SetChildren,
    /// What it keeps of its parents' dividends.
    SetChildkeyTake,
    /// The version key of its subnet's weights.
    SetWeightsVersionKey,
    /// The tempo of its subnet.
    TempoUpdate,
}

impl RateLimited {
    /// The number in the storage key.
    #[must_use]
    pub const fn key(self) -> u16 {
        match self {
            Self::SetChildren => 0,
            Self::SetChildkeyTake => 1,
            Self::SetWeightsVersionKey => 4,
            Self::TempoUpdate => 11,
        }
    }
}

/// How a staker on root is paid what it is owed of a subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub enum RootClaimTypeEnum {
    /// The alpha is sold, and the TAO staked on root.
    #[default]
    Swap,
    /// The alpha is kept as stake in the subnet.
    Keep,
    /// Of these subnets the alpha is kept, of others sold.
    KeepSubnets {
        /// Which.
        subnets: BTreeSet<NetUid>,
    },
}

/// A lock of stake. Nobody can have one here.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct LockState {
    /// What is locked, in alpha-rao.
    pub locked_mass: AlphaBalance,
    /// How long it has been, by amount.
    pub conviction: U64F64,
    /// Block of the last change.
    pub last_update: u64,
}

/// Time-locked weights as they are stored: at most as many bytes as [`crate::timelock::MAX_COMMIT_BYTES`].
pub type SealedWeights = BoundedVec<u8, ConstU32<5000>>;

/// How a subnet comes to consensus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub enum EpochConsensus {
    /// By Yuma consensus, as all subnets here.
    #[default]
    Yuma,
    /// Not at all.
    Null,
}

macro_rules! default_value {
    ($(#[$doc:meta])* $name:ident -> $value:ty { $expression:expr }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl Get<$value> for $name {
            fn get() -> $value {
                $expression
            }
        }
    };
}

default_value!(
    /// The zero account, which stands for nobody.
    NoAccount -> AccountId { AccountId::new([0; 32]) }
);
default_value!(
    /// A script t.
    DefaultSymbol -> Vec<u8> { "𝜏".as_bytes().to_vec() }
);
default_value!(
    /// The main mechanism alone.
    OneMechanism -> MechId { MechId(1) }
);
default_value!(
    /// The main mechanism and another.
    TwoMechanisms -> MechId { MechId(2) }
);
default_value!(
    /// 0.7 to 0.9.
    LiquidAlphaRange -> (u16, u16) { (45_875, 58_982) }
);
default_value!(
    /// 1.26.
    BurnIncrease -> U64F64 { U64F64::from_f64(1.26) }
);
default_value!(
    /// 0.000003.
    MovingAlpha -> I96F32 { I96F32::from_f64(0.000_003) }
);
default_value!(
    /// 500,000.
    LeastClaim -> I96F32 { I96F32 { bits: 500_000 << 32 } }
);
