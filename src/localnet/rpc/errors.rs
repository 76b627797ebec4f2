//! The codes and texts of a real node, which clients match on.

use jsonrpsee::types::ErrorObjectOwned;
use sp_core::H256;
use sp_runtime::transaction_validity::{InvalidTransaction, TransactionValidityError};

use super::hex;
use crate::localnet::node::{AuthorError, ReadError, SubmitError};
use crate::localnet::pool::PoolError;

fn error(code: i32, message: impl Into<String>, data: Option<String>) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(code, message, data)
}

/// Wrong type or number of parameters.
pub(super) fn invalid_params(data: String) -> ErrorObjectOwned {
    error(-32602, "Invalid params", Some(data))
}

/// Something of ours went wrong.
pub(super) fn internal(data: &impl ToString) -> ErrorObjectOwned {
    error(-32603, "Internal error", Some(data.to_string()))
}

/// A fault that a tester planned.
pub(super) fn planned(code: i32, message: String) -> ErrorObjectOwned {
    error(code, message, Some("a planned fault".to_owned()))
}

/// A connection has too many calls open.
pub(super) fn flood() -> ErrorObjectOwned {
    error(-32999, "RPC rate limit exceeded", None)
}

/// A page with too many keys was asked for.
pub(super) fn too_many(value: u64, max: u64) -> ErrorObjectOwned {
    error(4002, format!("count exceeds maximum value. value: {value}, max: {max}"), None)
}

/// Unknown block, pruned state, unknown runtime API: the SDKs look for these very texts in the message.
pub(super) fn read(reason: &ReadError) -> ErrorObjectOwned {
    error(4003, format!("Client error: {reason}"), None)
}

/// A connection follows the chain too often.
pub(super) fn too_many_follows() -> ErrorObjectOwned {
    error(-32800, "Maximum number of chainHead_follow has been reached", None)
}

/// The subscription does not hold this block: it was never reported, or was let go.
pub(super) fn not_pinned(hash: H256) -> ErrorObjectOwned {
    error(-32801, "Invalid block hash", Some(format!("{hash:?} is not held by this subscription")))
}

/// A runtime call of a subscription that was not asked to tell of runtimes.
pub(super) fn no_runtime() -> ErrorObjectOwned {
    error(-32802, "The runtime updates flag must be set", None)
}

/// An operation was told to go on that does not wait.
pub(super) fn does_not_wait() -> ErrorObjectOwned {
    error(-32803, "Wait for continue event not generated", None)
}

/// A block was to be let go twice.
pub(super) fn duplicate_hashes() -> ErrorObjectOwned {
    error(-32804, "Received duplicate hashes for the `chainHead_unpin` method", None)
}

/// No block was made.
pub(super) fn author(reason: &AuthorError) -> ErrorObjectOwned {
    internal(reason)
}

/// An extrinsic was not taken. `data` is always a string: SDK 10 asks it what it starts with.
pub(super) fn submit(reason: &SubmitError) -> ErrorObjectOwned {
    match reason {
        SubmitError::Format(text) => error(1001, format!("Extrinsic has invalid format: {text}"), Some(text.clone())),
        SubmitError::Validation(cause) => error(1002, format!("Verification Error: {cause}"), Some(cause.to_string())),
        SubmitError::Refused(TransactionValidityError::Invalid(invalid)) => {
            error(1010, "Invalid Transaction", Some(text_of(*invalid)))
        }
        SubmitError::Refused(TransactionValidityError::Unknown(unknown)) => {
            error(1011, "Unknown Transaction Validity", Some(<&'static str>::from(*unknown).to_owned()))
        }
        SubmitError::Pool(PoolError::AlreadyImported(hash)) => {
            error(1013, "Transaction Already Imported", Some(hex(hash)))
        }
        SubmitError::Pool(PoolError::TooLowPriority { old, new }) => error(
            1014,
            format!("Priority is too low: ({old} vs {new})"),
            Some("The transaction has too low priority to replace another transaction already in the pool.".into()),
        ),
        SubmitError::Pool(PoolError::Full) => error(
            1016,
            "Immediately Dropped",
            Some("The transaction couldn't enter the pool because of the limit".into()),
        ),
    }
}

/// What a real node's `data` says about an invalid extrinsic.
pub(super) fn text_of(invalid: InvalidTransaction) -> String {
    match invalid {
        InvalidTransaction::Custom(code) => format!("Custom error: {code}"),
        other => <&'static str>::from(other).to_owned(),
    }
}
