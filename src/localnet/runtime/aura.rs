//! A pallet named `Aura` that carries the one thing clients read of it: the constant block time.
#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::expect_used,
    clippy::must_use_candidate,
    reason = "FRAME's macros make undocumented items"
)]

pub use pallet::*;

#[frame_support::pallet]
pub mod pallet {
    use frame_support::pallet_prelude::*;

    #[pallet::config]
    pub trait Config: frame_system::Config {
        /// Milliseconds of chain time per block.
        #[pallet::constant]
        type SlotDuration: Get<u64>;
    }

    #[pallet::pallet]
    pub struct Pallet<T>(_);
}
