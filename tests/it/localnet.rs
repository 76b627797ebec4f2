//! The development chain is a Substrate node to whoever connects: over real sockets, with real signatures.

mod bytes;
pub mod client;
mod floods;
mod newer;
mod powers;
mod refusals;
mod rpc;
mod scenario;
pub mod state;
mod subscriptions;
pub mod weights;
