//! Refusals before the pool: a call that cannot succeed never gets into a block, and its sender reads `Custom error: n`.

use crate::localnet::{
    pallet::{self, Refusal},
    runtime::{Runtime, RuntimeCall, RuntimeOrigin, frozen},
};
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::pallet_prelude::{TransactionSource, Weight};
use scale_info::TypeInfo;
use sp_runtime::{
    impl_tx_ext_default,
    traits::{AsSystemOriginSigner, DispatchInfoOf, TransactionExtension, ValidateResult},
    transaction_validity::{InvalidTransaction, ValidTransaction},
};

/// Runs the guards of [`pallet`] on the outermost call. Calls inside of others meet the same guards at dispatch, as errors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct SubtensorTransactionExtension;

impl TransactionExtension<RuntimeCall> for SubtensorTransactionExtension {
    const IDENTIFIER: &'static str = "SubtensorTransactionExtension";
    type Implicit = ();
    type Val = ();
    type Pre = ();

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
        type Module = pallet::Pallet<Runtime>;
        if let Some(who) = origin.as_system_origin_signer() {
            let allowed = match call {
                RuntimeCall::SubtensorModule(call) => Module::guard(who, call),
                // What it carries is looked at when it is opened.
                RuntimeCall::MevShield(_) => Ok(()),
                _ => Module::check_not_frozen(who),
            };
            allowed.map_err(|error| InvalidTransaction::Custom(Refusal::from(&error).code()))?;
        }
        Ok((ValidTransaction::default(), (), frozen::guarded(origin)))
    }

    impl_tx_ext_default!(RuntimeCall; weight prepare);
}

/// Refuses Sudo calls by others than the sudo key, so that they cost nobody a fee.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct SudoTransactionExtension;

impl TransactionExtension<RuntimeCall> for SudoTransactionExtension {
    const IDENTIFIER: &'static str = "SudoTransactionExtension";
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
        if matches!(call, RuntimeCall::Sudo(_))
            && let Some(who) = origin.as_system_origin_signer()
            && pallet_sudo::Key::<Runtime>::get().as_ref() != Some(who)
        {
            return Err(InvalidTransaction::BadSigner.into());
        }
        Ok((ValidTransaction::default(), (), origin))
    }

    impl_tx_ext_default!(RuntimeCall; prepare);
}
