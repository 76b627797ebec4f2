//! Fees.

use crate::localnet::runtime::{Balance, Runtime, RuntimeCall, RuntimeOrigin};
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::{
    dispatch::DispatchInfo,
    pallet_prelude::{TransactionSource, Weight},
};
use pallet_transaction_payment::ChargeTransactionPayment;
use scale_info::TypeInfo;
use sp_runtime::{
    DispatchResult,
    traits::{
        PostDispatchInfoOf, TransactionExtension, TransactionExtensionMetadata, ValidateResult,
        transaction_extension::Implication,
    },
    transaction_validity::TransactionValidityError,
};

type Charge = ChargeTransactionPayment<Runtime>;

/// Takes the fee and the tip. One field, so it encodes as the compact tip.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct ChargeTransactionPaymentWrapper(Charge);

impl ChargeTransactionPaymentWrapper {
    /// With this tip in rao.
    #[must_use]
    pub fn from(tip: Balance) -> Self {
        Self(Charge::from(tip))
    }
}

impl TransactionExtension<RuntimeCall> for ChargeTransactionPaymentWrapper {
    const IDENTIFIER: &'static str = "ChargeTransactionPaymentWrapper";
    type Implicit = ();
    type Val = <Charge as TransactionExtension<RuntimeCall>>::Val;
    type Pre = <Charge as TransactionExtension<RuntimeCall>>::Pre;

    /// The inner extension's entry: SDK 10 knows only `ChargeTransactionPayment`, and leaves the tip out for any other name.
    fn metadata() -> Vec<TransactionExtensionMetadata> {
        <Charge as TransactionExtension<RuntimeCall>>::metadata()
    }

    fn weight(&self, call: &RuntimeCall) -> Weight {
        self.0.weight(call)
    }

    fn validate(
        &self,
        origin: RuntimeOrigin,
        call: &RuntimeCall,
        info: &DispatchInfo,
        len: usize,
        implicit: (),
        implication: &impl Implication,
        source: TransactionSource,
    ) -> ValidateResult<Self::Val, RuntimeCall> {
        self.0.validate(origin, call, info, len, implicit, implication, source)
    }

    fn prepare(
        self,
        val: Self::Val,
        origin: &RuntimeOrigin,
        call: &RuntimeCall,
        info: &DispatchInfo,
        len: usize,
    ) -> Result<Self::Pre, TransactionValidityError> {
        self.0.prepare(val, origin, call, info, len)
    }

    fn post_dispatch_details(
        pre: Self::Pre,
        info: &DispatchInfo,
        post_info: &PostDispatchInfoOf<RuntimeCall>,
        len: usize,
        result: &DispatchResult,
    ) -> Result<Weight, TransactionValidityError> {
        Charge::post_dispatch_details(pre, info, post_info, len, result)
    }
}
