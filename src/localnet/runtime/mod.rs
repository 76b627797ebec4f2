//! The FRAME runtime of the development chain, executed natively: no wasm blob, no crate of its own.
//!
//! It mirrors the real chain at spec version 425 as far as neurons, wallets and their tools use it: same pallet indices,
//! call names, argument order, storage hashers, errors, events, transaction extensions and runtime APIs. What is not
//! implemented is absent from the metadata, so that a client fails with a clear word instead of a wrong answer.
//!
//! The node around it needs [`Executive`], [`UncheckedExtrinsic`], [`dispatch_api`], [`metadata_blob`] and
//! [`super::genesis::build`]; all but the metadata must run inside externalities.

pub mod apis;
pub mod aura;
mod config;
mod construct;
pub mod extensions;
mod frozen;
mod metadata;
pub mod proxies;
pub mod scalars;
pub mod signature;
mod version;

pub use config::{FeesToAuthor, SLOT_DURATION_MS};
pub use construct::*;
pub use metadata::{COMPOSITE_SINCE, VERSIONS as METADATA_VERSIONS, blob as metadata_blob};
pub use proxies::ProxyType;
pub use scalars::{AlphaBalance, MechId, NetUid, NetUidStorageIndex, TaoBalance};
pub use version::VERSION;
pub(in crate::localnet) use version::note_code;

use sp_runtime::{AccountId32, MultiAddress, generic, traits::BlakeTwo256};

/// An account's nonce.
pub type Nonce = u32;
/// An amount in rao, 64 bits as on the chain.
pub type Balance = u64;
/// The height of a block as the header has it.
pub type BlockNumber = u32;
/// A signature that is verified once per process.
pub type Signature = signature::RememberedSignature;
/// A public key: what [`Signature`] identifies its signer by.
// Named, not projected from the signature: of a generic enum with a field `T::AccountId`, where `T`'s trait pins that to a
// projection, rustdoc 1.95 cannot tell the auto traits, and panics.
pub type AccountId = AccountId32;
/// How calls of Balances, Proxy and Sudo name an account.
pub type Address = MultiAddress<AccountId, ()>;
/// A block's header; its hash is blake2-256 of its SCALE bytes.
pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
/// A submitted transaction.
pub type UncheckedExtrinsic = generic::UncheckedExtrinsic<Address, RuntimeCall, Signature, extensions::TxExtension>;
/// What a signer of a transaction signs.
pub type SignedPayload = generic::SignedPayload<RuntimeCall, extensions::TxExtension>;
/// A block.
pub type Block = generic::Block<Header, UncheckedExtrinsic>;
/// Executes blocks and validates transactions.
pub type Executive =
    frame_executive::Executive<Runtime, Block, frame_system::ChainContext<Runtime>, Runtime, AllPalletsWithSystem>;

/// Answers `state_call`: the SCALE bytes of the result, or `None` for a name that no runtime API has.
///
/// # Panics
/// When `arguments` do not decode: callers catch the unwinding.
#[must_use]
pub fn dispatch_api(name: &str, arguments: &[u8]) -> Option<Vec<u8>> {
    apis::api::dispatch(name, arguments)
}
