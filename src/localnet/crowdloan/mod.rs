//! The pallet `Crowdloan`: many give TAO for one purpose. When the cap is reached the creator finalizes, and the sum goes to an
//! account, or a call of the creator's is done with it; until then everybody can take his part back.
//!
//! What a call does with the funds it learns from `CurrentCrowdloanId`, as the registration of a leased subnet does
//! (`pallet::leases`). A call of up to 128 bytes is kept in the crowdloan itself, a longer one among the preimages.
#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::expect_used,
    clippy::must_use_candidate,
    clippy::needless_pass_by_value,
    reason = "FRAME's macros make undocumented items and fix the calls' signatures"
)]

mod rules;
#[cfg(test)]
mod tests;
pub mod types;

pub use pallet::*;
pub use types::{CrowdloanId, CrowdloanInfo};

#[frame_support::pallet]
pub mod pallet {
    use super::types::{self, CrowdloanId, CrowdloanInfo, Kept};
    use crate::localnet::runtime::{AccountId, BlockNumber, RuntimeCall, RuntimeOrigin};
    use frame_support::{
        PalletId,
        pallet_prelude::*,
        traits::{ConstU32, ConstU64},
    };
    use frame_system::pallet_prelude::*;

    pub type InfoOf = CrowdloanInfo<AccountId, u64, BlockNumber, Kept<RuntimeCall>>;

    #[pallet::config]
    pub trait Config:
        frame_system::Config<AccountId = AccountId, RuntimeEvent: From<Event<Self>>, RuntimeOrigin = RuntimeOrigin>
        + pallet_balances::Config<Balance = u64>
    {
        /// By which the accounts that hold the funds are derived.
        #[pallet::constant]
        type PalletId: Get<PalletId>;
        /// Least deposit, in rao.
        #[pallet::constant]
        type MinimumDeposit: Get<u64>;
        /// What a least contribution is at least, in rao.
        #[pallet::constant]
        type AbsoluteMinimumContribution: Get<u64>;
        /// Shortest time for contributions, in blocks.
        #[pallet::constant]
        type MinimumBlockDuration: Get<u32>;
        /// Longest time for contributions, in blocks.
        #[pallet::constant]
        type MaximumBlockDuration: Get<u32>;
        /// Contributors that one call pays back.
        #[pallet::constant]
        type RefundContributorsLimit: Get<u32>;
        /// Contributors of one crowdloan.
        #[pallet::constant]
        type MaxContributors: Get<u32>;
    }

    impl Config for crate::localnet::runtime::Runtime {
        type AbsoluteMinimumContribution = ConstU64<{ types::ABSOLUTE_MINIMUM_CONTRIBUTION }>;
        type MaxContributors = ConstU32<{ types::MAX_CONTRIBUTORS }>;
        type MaximumBlockDuration = ConstU32<{ types::MAXIMUM_BLOCK_DURATION }>;
        type MinimumBlockDuration = ConstU32<{ types::MINIMUM_BLOCK_DURATION }>;
        type MinimumDeposit = ConstU64<{ types::MINIMUM_DEPOSIT }>;
        type PalletId = types::Id;
        type RefundContributorsLimit = ConstU32<{ types::REFUND_CONTRIBUTORS_LIMIT }>;
    }

    #[pallet::pallet]
    #[pallet::without_storage_info]
    pub struct Pallet<T>(_);

    /// Crowdloans that are not dissolved.
    #[pallet::storage]
    pub type Crowdloans<T> = StorageMap<_, Twox64Concat, CrowdloanId, InfoOf, OptionQuery>;
    /// The number of the next one.
    #[pallet::storage]
    pub type NextCrowdloanId<T> = StorageValue<_, CrowdloanId, ValueQuery>;
    /// What each gave, in rao.
    #[pallet::storage]
    pub type Contributions<T> = StorageDoubleMap<_, Twox64Concat, CrowdloanId, Identity, AccountId, u64, OptionQuery>;
    /// What each may give at most, in rao.
    #[pallet::storage]
    pub type MaxContributions<T> = StorageMap<_, Twox64Concat, CrowdloanId, u64, OptionQuery>;
    /// The one whose call is being done.
    #[pallet::storage]
    pub type CurrentCrowdloanId<T> = StorageValue<_, CrowdloanId, OptionQuery>;

    #[pallet::event]
    #[pallet::generate_deposit(pub(super) fn deposit_event)]
    pub enum Event<T: Config> {
        Created { crowdloan_id: CrowdloanId, creator: T::AccountId, end: BlockNumber, cap: u64 },
        Contributed { crowdloan_id: CrowdloanId, contributor: T::AccountId, amount: u64 },
        Withdrew { crowdloan_id: CrowdloanId, contributor: T::AccountId, amount: u64 },
        PartiallyRefunded { crowdloan_id: CrowdloanId },
        AllRefunded { crowdloan_id: CrowdloanId },
        Finalized { crowdloan_id: CrowdloanId },
        Dissolved { crowdloan_id: CrowdloanId },
        MinContributionUpdated { crowdloan_id: CrowdloanId, new_min_contribution: u64 },
        EndUpdated { crowdloan_id: CrowdloanId, new_end: BlockNumber },
        CapUpdated { crowdloan_id: CrowdloanId, new_cap: u64 },
        MaxContributionUpdated { crowdloan_id: CrowdloanId, new_max_contribution: Option<u64> },
    }

    #[pallet::error]
    pub enum Error<T> {
        /// The deposit is below the least one.
        DepositTooLow,
        /// The cap is not above the deposit, or below what was raised.
        CapTooLow,
        /// The least contribution is too low.
        MinimumContributionTooLow,
        /// The end is not in the future.
        CannotEndInPast,
        /// Too little time for contributions.
        BlockDurationTooShort,
        /// Too much time for contributions.
        BlockDurationTooLong,
        /// The account has not that much.
        InsufficientBalance,
        /// A number became too large.
        Overflow,
        /// There is no such crowdloan.
        InvalidCrowdloanId,
        /// All is raised.
        CapRaised,
        /// The time for contributions is over.
        ContributionPeriodEnded,
        /// It is less than the least contribution.
        ContributionTooLow,
        /// Only the creator may do that.
        InvalidOrigin,
        /// It was finalized.
        AlreadyFinalized,
        /// Another one is being finalized.
        AlreadyFinalizing,
        /// The time for contributions is not over.
        ContributionPeriodNotEnded,
        /// The account gave nothing.
        NoContribution,
        /// Not all is raised.
        CapNotRaised,
        /// A number became too small.
        Underflow,
        /// The call is not kept.
        CallUnavailable,
        /// Others have not got theirs back.
        NotReadyToDissolve,
        /// The creator's deposit stays to the end.
        DepositCannotBeWithdrawn,
        /// No more contributors are taken.
        MaxContributorsReached,
        /// It needs either a call or a target.
        InvalidFinalizationConfig,
        /// The account gave as much as it may.
        MaxContributionReached,
        /// The largest contribution is below the least, or below the creator's.
        MaximumContributionTooLow,
        /// The least contribution is above the largest.
        MinimumContributionTooHigh,
    }

    /// What these calls cost, beside the call inside of one.
    const WEIGHT: Weight = Weight::from_parts(50_000_000, 0);

    #[pallet::call]
    impl<T: Config> Pallet<T> {
        /// Begins to raise up to `cap`.
        #[pallet::call_index(0)]
        #[pallet::weight((
            WEIGHT.saturating_add(call.as_ref().map_or(Weight::zero(), |call| call.get_dispatch_info().call_weight)),
            DispatchClass::Normal,
            Pays::Yes
        ))]
        pub fn create(
            origin: OriginFor<T>,
            #[pallet::compact] deposit: u64,
            #[pallet::compact] min_contribution: u64,
            #[pallet::compact] cap: u64,
            #[pallet::compact] end: BlockNumber,
            call: Option<Box<RuntimeCall>>,
            target_address: Option<T::AccountId>,
        ) -> DispatchResult {
            let creator = ensure_signed(origin)?;
            Self::do_create(creator, deposit, min_contribution, cap, end, call, target_address)
        }

        /// Gives `amount`, or what is left to be raised when that is less.
        #[pallet::call_index(1)]
        #[pallet::weight((WEIGHT, DispatchClass::Normal, Pays::Yes))]
        pub fn contribute(
            origin: OriginFor<T>,
            #[pallet::compact] crowdloan_id: CrowdloanId,
            #[pallet::compact] amount: u64,
        ) -> DispatchResult {
            Self::do_contribute(ensure_signed(origin)?, crowdloan_id, amount)
        }

        /// Takes back what the signer gave; the creator's deposit stays.
        #[pallet::call_index(2)]
        #[pallet::weight((WEIGHT, DispatchClass::Normal, Pays::Yes))]
        pub fn withdraw(origin: OriginFor<T>, #[pallet::compact] crowdloan_id: CrowdloanId) -> DispatchResult {
            Self::do_withdraw(ensure_signed(origin)?, crowdloan_id)
        }

        /// Ends it with success: all was raised.
        #[pallet::call_index(3)]
        #[pallet::weight((WEIGHT, DispatchClass::Normal, Pays::Yes))]
        pub fn finalize(origin: OriginFor<T>, #[pallet::compact] crowdloan_id: CrowdloanId) -> DispatchResult {
            Self::do_finalize(ensure_signed(origin)?, crowdloan_id)
        }

        /// Pays contributors back, so many at a time, but for the creator.
        #[pallet::call_index(4)]
        #[pallet::weight((WEIGHT, DispatchClass::Normal, Pays::Yes))]
        pub fn refund(origin: OriginFor<T>, #[pallet::compact] crowdloan_id: CrowdloanId) -> DispatchResult {
            Self::do_refund(&ensure_signed(origin)?, crowdloan_id)
        }

        /// Removes it, when nobody but the creator has a part in it.
        #[pallet::call_index(5)]
        #[pallet::weight((WEIGHT, DispatchClass::Normal, Pays::Yes))]
        pub fn dissolve(origin: OriginFor<T>, #[pallet::compact] crowdloan_id: CrowdloanId) -> DispatchResult {
            Self::do_dissolve(&ensure_signed(origin)?, crowdloan_id)
        }

        /// Changes the least contribution.
        #[pallet::call_index(6)]
        #[pallet::weight((WEIGHT, DispatchClass::Normal, Pays::Yes))]
        pub fn update_min_contribution(
            origin: OriginFor<T>,
            #[pallet::compact] crowdloan_id: CrowdloanId,
            #[pallet::compact] new_min_contribution: u64,
        ) -> DispatchResult {
            Self::do_update_min_contribution(&ensure_signed(origin)?, crowdloan_id, new_min_contribution)
        }

        /// Changes the end.
        #[pallet::call_index(7)]
        #[pallet::weight((WEIGHT, DispatchClass::Normal, Pays::Yes))]
        pub fn update_end(
            origin: OriginFor<T>,
            #[pallet::compact] crowdloan_id: CrowdloanId,
            #[pallet::compact] new_end: BlockNumber,
        ) -> DispatchResult {
            Self::do_update_end(&ensure_signed(origin)?, crowdloan_id, new_end)
        }

        /// Changes the cap.
        #[pallet::call_index(8)]
        #[pallet::weight((WEIGHT, DispatchClass::Normal, Pays::Yes))]
        pub fn update_cap(
            origin: OriginFor<T>,
            #[pallet::compact] crowdloan_id: CrowdloanId,
            #[pallet::compact] new_cap: u64,
        ) -> DispatchResult {
            Self::do_update_cap(&ensure_signed(origin)?, crowdloan_id, new_cap)
        }

        /// Sets or lifts what each may give at most.
        #[pallet::call_index(9)]
        #[pallet::weight((WEIGHT, DispatchClass::Normal, Pays::Yes))]
        pub fn set_max_contribution(
            origin: OriginFor<T>,
            #[pallet::compact] crowdloan_id: CrowdloanId,
            new_max_contribution: Option<u64>,
        ) -> DispatchResult {
            Self::do_set_max_contribution(&ensure_signed(origin)?, crowdloan_id, new_max_contribution)
        }
    }
}
