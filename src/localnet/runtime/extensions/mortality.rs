//! How long a transaction lives, as FRAME checks it; and the real chain's limit for what carries a sealed one.

use crate::localnet::{
    runtime::{Runtime, RuntimeCall, RuntimeOrigin},
    shield,
};
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::pallet_prelude::{TransactionSource, Weight};
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::{
    generic::Era,
    impl_tx_ext_default,
    traits::{DispatchInfoOf, Implication, TransactionExtension, ValidateResult},
    transaction_validity::{InvalidTransaction, TransactionValidityError},
};

/// Blocks that a carrier may live: a key opens no longer than a few of them, and a carrier that nobody opens costs its
/// sender a fee for nothing.
pub const CARRIER_PERIOD: u64 = 8;

type Frame = frame_system::CheckMortality<Runtime>;

/// The signer's choice of when it ends.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct CheckMortality(
    /// From when to when.
    pub Era,
);

impl TransactionExtension<RuntimeCall> for CheckMortality {
    const IDENTIFIER: &'static str = "CheckMortality";
    type Implicit = H256;
    type Val = ();
    type Pre = ();

    fn implicit(&self) -> Result<H256, TransactionValidityError> {
        Frame::from(self.0).implicit()
    }

    fn weight(&self, call: &RuntimeCall) -> Weight {
        Frame::from(self.0).weight(call)
    }

    fn validate(
        &self,
        origin: RuntimeOrigin,
        call: &RuntimeCall,
        info: &DispatchInfoOf<RuntimeCall>,
        len: usize,
        implicit: H256,
        implication: &impl Implication,
        source: TransactionSource,
    ) -> ValidateResult<(), RuntimeCall> {
        let is_carrier = matches!(call, RuntimeCall::MevShield(shield::Call::submit_encrypted { .. }));
        let is_short = matches!(self.0, Era::Mortal(period, _) if period <= CARRIER_PERIOD);
        if is_carrier && !is_short {
            return Err(InvalidTransaction::Stale.into());
        }
        Frame::from(self.0).validate(origin, call, info, len, implicit, implication, source)
    }

    impl_tx_ext_default!(RuntimeCall; prepare);
}
