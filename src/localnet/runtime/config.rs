//! The settings of each pallet, with the real chain's numbers.

use super::frozen::NotForTheFrozen;
use super::*;
use crate::localnet::pallet as subtensor;
use frame_support::{
    PalletId, derive_impl,
    dispatch::DispatchClass,
    parameter_types,
    traits::{
        ConstU8, ConstU16, ConstU32, ConstU64, Contains, InsideBoth, LinearStoragePrice, OnUnbalanced, VariantCountOf,
        fungible::{Balanced, Credit, HoldConsideration},
    },
    weights::{ConstantMultiplier, Weight, WeightToFeeCoefficient, WeightToFeeCoefficients, WeightToFeePolynomial},
};
use frame_system::{
    EnsureRoot,
    limits::{BlockLength, BlockWeights},
};
use sp_runtime::{Perbill, traits::AccountIdConversion};

parameter_types! {
    /// 4 × 10¹² of reference time, three quarters of it for ordinary calls.
    pub Weights: BlockWeights = BlockWeights::with_sensible_defaults(
        Weight::from_parts(4_000_000_000_000, u64::MAX),
        Perbill::from_percent(75),
    );
    /// 10 MiB, three quarters of it for ordinary calls.
    pub Length: BlockLength = BlockLength::builder()
        .max_length(10 * 1024 * 1024)
        .modify_max_length_for_class(DispatchClass::Normal, |length| *length = Perbill::from_percent(75) * *length)
        .build();
}

/// Refuses batches directly inside of batches, as the real chain does.
#[derive(Debug)]
pub struct NoNestedBatches;

impl Contains<RuntimeCall> for NoNestedBatches {
    fn contains(call: &RuntimeCall) -> bool {
        use pallet_utility::Call::{batch, batch_all, force_batch};
        let RuntimeCall::Utility(batch { calls } | batch_all { calls } | force_batch { calls }) = call else {
            return true;
        };
        !calls
            .iter()
            .any(|call| matches!(call, RuntimeCall::Utility(batch { .. } | batch_all { .. } | force_batch { .. })))
    }
}

#[derive_impl(frame_system::config_preludes::SolochainDefaultConfig)]
impl frame_system::Config for Runtime {
    type AccountData = pallet_balances::AccountData<Balance>;
    type AccountId = AccountId;
    type BaseCallFilter = InsideBoth<NoNestedBatches, NotForTheFrozen>;
    type Block = Block;
    type BlockHashCount = ConstU32<2400>;
    type BlockLength = Length;
    type BlockWeights = Weights;
    type Lookup = sp_runtime::traits::AccountIdLookup<AccountId, ()>;
    type Nonce = Nonce;
    type SS58Prefix = ConstU16<{ crate::units::SS58_PREFIX }>;
    type Version = version::Version;
}

impl pallet_timestamp::Config for Runtime {
    // Chain time runs at twelve seconds per block whatever the real speed; it only has to grow.
    type MinimumPeriod = ConstU64<1>;
    type Moment = u64;
    type OnTimestampSet = ();
    type WeightInfo = ();
}

/// Milliseconds of chain time per block.
pub const SLOT_DURATION_MS: u64 = 12_000;

impl aura::Config for Runtime {
    type SlotDuration = ConstU64<SLOT_DURATION_MS>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Runtime {
    type AccountStore = System;
    type Balance = Balance;
    type ExistentialDeposit = ConstU64<500>;
    type FreezeIdentifier = RuntimeFreezeReason;
    type MaxFreezes = VariantCountOf<RuntimeFreezeReason>;
}

/// 0.0005 rao per unit of reference time.
#[derive(Debug)]
pub struct RefTimeToFee;

impl WeightToFeePolynomial for RefTimeToFee {
    type Balance = Balance;

    fn polynomial() -> WeightToFeeCoefficients<Balance> {
        let coefficient = WeightToFeeCoefficient {
            coeff_integer: 0,
            coeff_frac: Perbill::from_parts(500_000),
            negative: false,
            degree: 1,
        };
        core::iter::once(coefficient).collect()
    }
}

/// Gives fees to the block's author: here one account without a key. (Burning them would show events that the real
/// chain does not emit.)
#[derive(Debug)]
pub struct FeesToAuthor;

impl FeesToAuthor {
    /// Where fees go.
    #[must_use]
    pub fn account() -> AccountId {
        PalletId(*b"sn/authr").into_account_truncating()
    }
}

impl OnUnbalanced<Credit<AccountId, Balances>> for FeesToAuthor {
    fn on_nonzero_unbalanced(fee: Credit<AccountId, Balances>) {
        // A fee below the existential deposit cannot open the account; then it is burned.
        drop(Balances::resolve(&Self::account(), fee));
    }
}

impl pallet_transaction_payment::Config for Runtime {
    type FeeMultiplierUpdate = ();
    type LengthToFee = ConstantMultiplier<Balance, ConstU64<1>>;
    type OnChargeTransaction = pallet_transaction_payment::FungibleAdapter<Balances, FeesToAuthor>;
    type OperationalFeeMultiplier = ConstU8<5>;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = ();
    type WeightToFee = RefTimeToFee;
}

impl subtensor::Config for Runtime {}

impl crate::localnet::admin_utils::Config for Runtime {}

impl crate::localnet::drand::Config for Runtime {}

impl crate::localnet::commitments::Config for Runtime {}

impl crate::localnet::shield::Config for Runtime {}

impl pallet_utility::Config for Runtime {
    type PalletsOrigin = OriginCaller;
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = ();
}

impl pallet_sudo::Config for Runtime {
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = ();
}

impl pallet_multisig::Config for Runtime {
    type BlockNumberProvider = System;
    type Currency = Balances;
    type DepositBase = ConstU64<132_000_000>;
    type DepositFactor = ConstU64<32_000_000>;
    type MaxSignatories = ConstU32<100>;
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = ();
}

parameter_types! {
    /// What the deposits for kept calls are held for.
    pub const PreimageHold: RuntimeHoldReason = RuntimeHoldReason::Preimage(pallet_preimage::HoldReason::Preimage);
    /// For each of them, in rao.
    pub const PreimageBaseDeposit: Balance = 104_000_000;
    /// For each of its bytes, in rao.
    pub const PreimageByteDeposit: Balance = 1_000_000;
}

impl pallet_preimage::Config for Runtime {
    type Consideration = HoldConsideration<
        AccountId,
        Balances,
        PreimageHold,
        LinearStoragePrice<PreimageBaseDeposit, PreimageByteDeposit, Balance>,
    >;
    type Currency = Balances;
    type ManagerOrigin = EnsureRoot<AccountId>;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = ();
}

impl pallet_proxy::Config for Runtime {
    type AnnouncementDepositBase = ConstU64<36_000_000>;
    type AnnouncementDepositFactor = ConstU64<68_000_000>;
    type BlockNumberProvider = System;
    type CallHasher = BlakeTwo256;
    type Currency = Balances;
    type MaxPending = ConstU32<75>;
    type MaxProxies = ConstU32<20>;
    type ProxyDepositBase = ConstU64<60_000_000>;
    type ProxyDepositFactor = ConstU64<33_000_000>;
    type ProxyType = ProxyType;
    type RuntimeCall = RuntimeCall;
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = ();
}

#[cfg(test)]
mod tests {
    use super::*;
    use pallet_utility::Call::batch;

    #[test]
    fn a_batch_holds_no_batch() {
        let inner = RuntimeCall::from(batch { calls: Vec::new() });
        assert!(NoNestedBatches::contains(&inner));
        assert!(!NoNestedBatches::contains(&batch { calls: vec![inner] }.into()));
    }
}
