//! Which pallets the runtime has, and at which index: the first byte of a call, an error and an event.
#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::must_use_candidate,
    clippy::disallowed_macros,
    reason = "the items are made by FRAME's macro"
)]

use super::aura;
use crate::localnet::{admin_utils, commitments, crowdloan, drand, pallet as subtensor, shield};

#[frame_support::runtime]
mod rt {
    #[runtime::runtime]
    #[runtime::derive(
        RuntimeCall,
        RuntimeEvent,
        RuntimeError,
        RuntimeOrigin,
        RuntimeFreezeReason,
        RuntimeHoldReason,
        RuntimeSlashReason,
        RuntimeLockId,
        RuntimeTask,
        RuntimeViewFunction
    )]
    pub struct Runtime;

    #[runtime::pallet_index(0)]
    pub type System = frame_system;
    #[runtime::pallet_index(2)]
    pub type Timestamp = pallet_timestamp;
    #[runtime::pallet_index(3)]
    pub type Aura = aura;
    #[runtime::pallet_index(5)]
    pub type Balances = pallet_balances;
    #[runtime::pallet_index(6)]
    pub type TransactionPayment = pallet_transaction_payment;
    #[runtime::pallet_index(7)]
    pub type SubtensorModule = subtensor;
    #[runtime::pallet_index(11)]
    pub type Utility = pallet_utility;
    #[runtime::pallet_index(12)]
    pub type Sudo = pallet_sudo;
    #[runtime::pallet_index(13)]
    pub type Multisig = pallet_multisig;
    #[runtime::pallet_index(14)]
    pub type Preimage = pallet_preimage;
    #[runtime::pallet_index(16)]
    pub type Proxy = pallet_proxy;
    #[runtime::pallet_index(18)]
    pub type Commitments = commitments;
    #[runtime::pallet_index(19)]
    pub type AdminUtils = admin_utils;
    #[runtime::pallet_index(26)]
    pub type Drand = drand;
    #[runtime::pallet_index(27)]
    pub type Crowdloan = crowdloan;
    #[runtime::pallet_index(30)]
    pub type MevShield = shield;
}
