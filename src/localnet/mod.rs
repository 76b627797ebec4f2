//! A development chain: a FRAME runtime executed natively in this process, served over JSON-RPC.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), neuron::localnet::LocalnetError> {
//! use neuron::localnet::{LocalnetConfig, spawn};
//! let chain = spawn(LocalnetConfig { port: 0, ..LocalnetConfig::default() }).await?;
//! println!("{}", chain.ws_url());
//! # Ok(()) }
//! ```
//!
//! It has one author and no forks: a block is final some time after it was made ([`LocalnetConfig::finality`]). Its own time runs 12 s per block at whatever
//! real speed. For development and demonstration only: the keys of its accounts are known to everybody.

pub mod admin_utils;
mod banner;
mod beacon;
mod blocks;
mod chain;
pub mod commitments;
pub mod crowdloan;
pub mod drand;
mod dump;
pub mod genesis;
mod impersonation;
mod intake;
mod narration;
mod node;
pub mod pallet;
mod pool;
mod powers;
mod rewind;
mod rpc;
pub mod runtime;
pub mod scenario;
pub mod shield;
mod spawn;
mod state;
mod status;
#[cfg(test)]
mod testing;
mod trie;

pub use banner::{Banner, FundedAccount, OpenSubnet};
pub use beacon::PulseError;
pub use dump::DumpError;
pub use powers::BlockMode;
pub use spawn::{BeaconStatus, Handle, LocalnetConfig, LocalnetError, spawn};
pub use status::ChainStatus;
