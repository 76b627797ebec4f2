//! The check of sealed extrinsics before they come into the pool.

use crate::localnet::{
    runtime::{MevShield, RuntimeCall, RuntimeOrigin},
    shield::{self, Sealed},
};
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::pallet_prelude::{TransactionSource, Weight};
use scale_info::TypeInfo;
use sp_runtime::{
    impl_tx_ext_default,
    traits::{DispatchInfoOf, TransactionExtension, ValidateResult},
    transaction_validity::{InvalidTransaction, ValidTransaction},
};

/// What cannot be taken apart.
const PARSING_FAILED: u8 = 23;
/// What was sealed with a key that is not good any more.
const UNKNOWN_KEY: u8 = 24;

/// Refuses what the author could not open, so that it costs nobody a fee.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct CheckShieldedTxValidity;

impl TransactionExtension<RuntimeCall> for CheckShieldedTxValidity {
    const IDENTIFIER: &'static str = "CheckShieldedTxValidity";
    type Implicit = ();
    type Val = ();
    type Pre = ();

    fn weight(&self, _call: &RuntimeCall) -> Weight {
        Weight::zero()
    }

    fn validate(
        &self,
        origin: RuntimeOrigin,
        call: &RuntimeCall,
        _info: &DispatchInfoOf<RuntimeCall>,
        _len: usize,
        _implicit: (),
        _implication: &impl Encode,
        _source: TransactionSource,
    ) -> ValidateResult<(), RuntimeCall> {
        if let RuntimeCall::MevShield(shield::Call::submit_encrypted { ciphertext }) = call {
            let sealed = Sealed::parse(ciphertext).ok_or(InvalidTransaction::Custom(PARSING_FAILED))?;
            if !MevShield::knows(sealed.key_hash) {
                return Err(InvalidTransaction::Custom(UNKNOWN_KEY).into());
            }
        }
        Ok((ValidTransaction::default(), (), origin))
    }

    impl_tx_ext_default!(RuntimeCall; prepare);
}
