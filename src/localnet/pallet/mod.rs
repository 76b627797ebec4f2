//! The pallet that the runtime calls `SubtensorModule`: subnets, neurons, weights, stake, epochs and emission.
//!
//! One file per duty; the parts that FRAME's macro must see together (storage, errors, events, calls, hooks) are written
//! apart and imported as sections. The rules follow the real chain at spec version 425, without pruning of
//! subnets, locks and limit orders; `emission` and `pool` say what is simpler there.

mod calls;
mod children;
mod coldkey_swap;
mod commits;
mod emission;
mod epochs;
mod errors;
mod events;
mod flows;
mod guard;
mod hooks;
mod key_swap;
mod leases;
mod mechanisms;
mod moves;
mod neurons;
mod owners;
mod pool;
mod raw_list;
mod registration;
mod root;
mod serving;
mod shares;
mod stake;
mod storage;
mod subnets;
mod takes;
#[cfg(test)]
mod tests;
mod timelocked;
mod types;
mod weights;
mod work;

pub use guard::Refusal;
pub use moves::{MoveLimit, Position};
pub use pallet::*;
pub use pool::Swap;
pub use types::*;

use frame_support::pallet_macros::import_section;

#[import_section(storage::networks::networks)]
#[import_section(storage::neurons::neurons)]
#[import_section(storage::economy::economy)]
#[import_section(storage::relations::relations)]
#[import_section(storage::commits::commits)]
#[import_section(storage::leases::leases)]
#[import_section(storage::hyperparameters::hyperparameters)]
#[import_section(errors::errors)]
#[import_section(events::events)]
#[import_section(calls::calls)]
#[import_section(hooks::hooks)]
#[allow(
    missing_docs,
    missing_debug_implementations,
    clippy::expect_used,
    clippy::module_inception,
    clippy::must_use_candidate,
    clippy::needless_pass_by_value,
    clippy::too_many_arguments,
    reason = "FRAME's macros make undocumented items and fix the calls' signatures and the paths of types"
)]
#[frame_support::pallet]
pub mod pallet {
    use super::key_swap::Swapped;
    use super::moves::{MoveLimit, Position};
    use super::types::*;
    use super::weights::GivenWeights;
    use super::work::Work;
    use crate::localnet::drand;
    use crate::localnet::runtime::{
        AccountId, AlphaBalance, BlockNumber, MechId, NetUid, NetUidStorageIndex, TaoBalance,
        scalars::{I64F64, I96F32, U64F64},
    };
    use codec::Compact;
    use frame_support::{
        pallet_prelude::*,
        traits::{ConstBool, ConstI16, ConstU8, ConstU16, ConstU32, ConstU64},
    };
    use frame_system::pallet_prelude::*;
    use sp_core::H256;
    use sp_runtime::{DispatchError, Percent, SaturatedConversion as _};
    use std::collections::{BTreeMap, BTreeSet, VecDeque};

    #[pallet::config]
    pub trait Config:
        frame_system::Config<AccountId = AccountId, RuntimeEvent: From<Event<Self>>>
        + pallet_balances::Config<Balance = u64>
        + drand::Config
    {
    }

    /// Bounds that clients read from the metadata.
    #[pallet::extra_constants]
    impl<T: Config> Pallet<T> {
        /// Shortest tempo that an owner may choose, in blocks.
        #[pallet::constant_name(MinTempo)]
        fn min_tempo() -> u16 {
            360
        }

        /// Longest tempo that an owner may choose, in blocks.
        #[pallet::constant_name(MaxTempo)]
        fn max_tempo() -> u16 {
            50_400
        }

        /// Least activity cutoff, thousandths of a tempo.
        #[pallet::constant_name(MinActivityCutoffFactorMilli)]
        fn min_activity_cutoff_factor_milli() -> u32 {
            1000
        }

        /// Largest activity cutoff, thousandths of a tempo.
        #[pallet::constant_name(MaxActivityCutoffFactorMilli)]
        fn max_activity_cutoff_factor_milli() -> u32 {
            50_000
        }
    }

    #[pallet::pallet]
    #[pallet::without_storage_info]
    pub struct Pallet<T>(_);
}
