//! The nonce check of the real chain: accounts without balance may send calls that cost nothing.

use crate::localnet::runtime::{AccountId, Nonce, Runtime, RuntimeCall, RuntimeOrigin};
use codec::{Decode, DecodeWithMemTracking, Encode};
use frame_support::pallet_prelude::{Pays, TransactionSource, Weight};
use scale_info::TypeInfo;
use sp_runtime::{
    traits::{AsSystemOriginSigner, DispatchInfoOf, TransactionExtension, ValidateResult},
    transaction_validity::{InvalidTransaction, TransactionValidityError, ValidTransaction},
};

/// The signer's nonce. FRAME's own check refuses accounts without providers, which would keep an unfunded hotkey from
/// setting weights; this one refuses them only when the call has a fee.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct CheckNonce(
    /// The nonce the signer chose.
    #[codec(compact)]
    pub Nonce,
);

impl TransactionExtension<RuntimeCall> for CheckNonce {
    const IDENTIFIER: &'static str = "CheckNonce";
    type Implicit = ();
    type Val = Option<AccountId>;
    type Pre = ();

    fn weight(&self, _call: &RuntimeCall) -> Weight {
        Weight::zero()
    }

    fn validate(
        &self,
        origin: RuntimeOrigin,
        _call: &RuntimeCall,
        info: &DispatchInfoOf<RuntimeCall>,
        _len: usize,
        _implicit: (),
        _implication: &impl Encode,
        _source: TransactionSource,
    ) -> ValidateResult<Self::Val, RuntimeCall> {
        let Some(who) = origin.as_system_origin_signer().cloned() else {
            return Ok((ValidTransaction::default(), None, origin));
        };
        let account = frame_system::Account::<Runtime>::get(&who);
        if info.pays_fee == Pays::Yes && account.providers == 0 && account.sufficients == 0 {
            return Err(InvalidTransaction::Payment.into());
        }
        if self.0 < account.nonce {
            return Err(InvalidTransaction::Stale.into());
        }
        let before = self.0.checked_sub(1).filter(|_| account.nonce < self.0);
        let validity = ValidTransaction {
            requires: before.map(|nonce| (&who, nonce).encode()).into_iter().collect(),
            provides: vec![(&who, self.0).encode()],
            ..Default::default()
        };
        Ok((validity, Some(who), origin))
    }

    fn prepare(
        self,
        who: Self::Val,
        _origin: &RuntimeOrigin,
        _call: &RuntimeCall,
        _info: &DispatchInfoOf<RuntimeCall>,
        _len: usize,
    ) -> Result<(), TransactionValidityError> {
        let Some(who) = who else { return Ok(()) };
        frame_system::Account::<Runtime>::try_mutate(&who, |account| {
            if self.0 < account.nonce {
                return Err(InvalidTransaction::Stale.into());
            }
            if self.0 > account.nonce {
                return Err(InvalidTransaction::Future.into());
            }
            account.nonce = account.nonce.checked_add(1).ok_or(InvalidTransaction::Stale)?;
            Ok(())
        })
    }
}
