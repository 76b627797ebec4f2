//! What the chain knows of a crowdloan.

use codec::{Decode, Encode, MaxEncodedLen};
use frame_support::{PalletId, parameter_types, traits::Bounded};
use scale_info::TypeInfo;
use sp_runtime::traits::BlakeTwo256;

/// The number of a crowdloan.
pub type CrowdloanId = u32;

/// A crowdloan that is not dissolved.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct CrowdloanInfo<AccountId, Balance, BlockNumber, Call> {
    /// Who created it.
    pub creator: AccountId,
    /// What the creator put in, and gets back last.
    pub deposit: Balance,
    /// Less is refused.
    pub min_contribution: Balance,
    /// From this block on nobody contributes.
    pub end: BlockNumber,
    /// What is to be raised.
    pub cap: Balance,
    /// The account that holds what was raised.
    pub funds_account: AccountId,
    /// What was raised, the deposit among it.
    pub raised: Balance,
    /// Who gets it in the end.
    pub target_address: Option<AccountId>,
    /// Or what is done with it in the end.
    pub call: Option<Call>,
    /// Whether it is over, with success.
    pub finalized: bool,
    /// How many contributed, the creator among them.
    pub contributors_count: u32,
}

/// A call as storage keeps it: its bytes, or the hash under which the pallet of preimages has them.
pub type Kept<Call> = Bounded<Call, BlakeTwo256>;

parameter_types! {
    /// By which the accounts that hold the funds are derived.
    pub const Id: PalletId = PalletId(*b"bt/cloan");
}

/// Least deposit, in rao.
pub const MINIMUM_DEPOSIT: u64 = 10_000_000_000;
/// What a least contribution is at least, in rao.
pub const ABSOLUTE_MINIMUM_CONTRIBUTION: u64 = 100_000_000;
/// Shortest time for contributions in blocks: that of chains for tests, where the main network has seven days.
pub const MINIMUM_BLOCK_DURATION: u32 = 50;
/// Longest time for contributions in blocks: 60 days.
pub const MAXIMUM_BLOCK_DURATION: u32 = 432_000;
/// Contributors that one call pays back.
pub const REFUND_CONTRIBUTORS_LIMIT: u32 = 50;
/// Contributors of one crowdloan.
pub const MAX_CONTRIBUTORS: u32 = 500;
