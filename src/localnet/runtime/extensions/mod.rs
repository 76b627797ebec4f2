//! The transaction extensions: names, order and bytes as on the real chain.

mod guard;
mod mortality;
mod nonce;
mod payment;
mod shield;
#[cfg(test)]
mod tests;

pub use guard::{SubtensorTransactionExtension, SudoTransactionExtension};
pub use mortality::{CARRIER_PERIOD, CheckMortality};
pub use nonce::CheckNonce;
pub use payment::ChargeTransactionPaymentWrapper;
pub use shield::CheckShieldedTxValidity;

use super::{Runtime, RuntimeCall};
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;
use sp_runtime::{generic::Era, impl_tx_ext_default, traits::TransactionExtension};

/// All of them. Tuples implement the trait up to twelve members; nested ones appear flattened in the metadata.
pub type TxExtension = (
    (
        frame_system::CheckNonZeroSender<Runtime>,
        frame_system::CheckSpecVersion<Runtime>,
        frame_system::CheckTxVersion<Runtime>,
        frame_system::CheckGenesis<Runtime>,
        CheckMortality,
        CheckNonce,
        frame_system::CheckWeight<Runtime>,
    ),
    (
        ChargeTransactionPaymentWrapper,
        SudoTransactionExtension,
        CheckShieldedTxValidity,
        SubtensorTransactionExtension,
        DrandPriority,
        frame_metadata_hash_extension::CheckMetadataHash<Runtime>,
    ),
);

/// The extensions of a transaction with this era, nonce and tip, as a signer fills them.
#[must_use]
pub fn signed(era: Era, nonce: super::Nonce, tip: super::Balance) -> TxExtension {
    (
        (
            frame_system::CheckNonZeroSender::new(),
            frame_system::CheckSpecVersion::new(),
            frame_system::CheckTxVersion::new(),
            frame_system::CheckGenesis::new(),
            CheckMortality(era),
            CheckNonce(nonce),
            frame_system::CheckWeight::new(),
        ),
        (
            ChargeTransactionPaymentWrapper::from(tip),
            SudoTransactionExtension,
            CheckShieldedTxValidity,
            SubtensorTransactionExtension,
            DrandPriority,
            frame_metadata_hash_extension::CheckMetadataHash::new(false),
        ),
    )
}

/// Extensions that the real chain lists for pallets which this one does not have: no bytes, no checks.
macro_rules! absent_pallet {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
        pub struct $name;

        impl TransactionExtension<RuntimeCall> for $name {
            const IDENTIFIER: &'static str = stringify!($name);
            type Implicit = ();
            type Val = ();
            type Pre = ();
            impl_tx_ext_default!(RuntimeCall; weight validate prepare);
        }
    };
}

absent_pallet!(
    /// Of the randomness beacon.
    DrandPriority
);
