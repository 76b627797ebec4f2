//! Probabilities of binary events, scored against the market.

mod asking;
pub mod conditions;
pub mod ledger;
mod miner;
mod registry;
pub mod synapse;
mod validator;

pub use miner::EventsMiner;
pub use registry::Limits;
pub use validator::{EventsValidator, Miner, Quoted, TickSummary};
