//! The pallet that the runtime calls `SubtensorModule`: subnets, neurons, weights, stake, epochs and emission.
//!
//! One file per duty; the parts that FRAME's macro must see together (storage, errors, events, calls, hooks) are written
//! apart and imported as sections. The rules follow the real chain at spec version 425 with these simplifications:
//! one mechanism per subnet, no commit-reveal, no children, no liquid root dividends (root's part of the dividends is
//! paid to validators of the subnet), a constant-product pool without a protocol's own position.

mod errors;
mod events;
mod guard;
mod storage;
mod subnets;
mod types;

pub use guard::Refusal;
pub use pallet::*;
pub use types::*;

use frame_support::pallet_macros::import_section;

#[import_section(storage::networks::networks)]
#[import_section(storage::neurons::neurons)]
#[import_section(storage::economy::economy)]
#[import_section(storage::hyperparameters::hyperparameters)]
#[import_section(errors::errors)]
#[import_section(events::events)]
#[allow(
    missing_docs,
    missing_debug_implementations,
    clippy::expect_used,
    clippy::module_inception,
    clippy::must_use_candidate,
    clippy::needless_pass_by_value,
    reason = "FRAME's macros make undocumented items and fix the calls' signatures and the paths of types"
)]
#[frame_support::pallet]
pub mod pallet {
    use super::types::*;
    use crate::localnet::runtime::{
        AccountId, AlphaBalance, MechId, NetUid, NetUidStorageIndex, TaoBalance,
        scalars::{I96F32, U64F64},
    };
    use frame_support::{
        pallet_prelude::*,
        traits::{ConstBool, ConstI16, ConstU8, ConstU16, ConstU32, ConstU64},
    };

    #[pallet::config]
    pub trait Config:
        frame_system::Config<AccountId = AccountId, RuntimeEvent: From<Event<Self>>>
        + pallet_balances::Config<Balance = u64>
    {
    }

    #[pallet::pallet]
    #[pallet::without_storage_info]
    pub struct Pallet<T>(_);

    #[pallet::call]
    impl<T: Config> Pallet<T> {}
}
