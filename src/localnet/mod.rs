//! A development chain: a FRAME runtime executed natively in this process, served over JSON-RPC.

pub mod genesis;
pub mod pallet;
pub mod runtime;
