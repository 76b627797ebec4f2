//! `neuron`: a node for Bittensor's prediction subnets, miner and validator in one binary.
//!
//! The rooms, in reading order; a room uses only rooms of a lower level (`tests/it/layers.rs` checks it):
//!
//! | level | rooms |
//! |---|---|
//! | 0 | [`units`] quantities that cannot be wrong, [`clock`] wall and stepped time |
//! | 1 | [`config`] settings and their layers, [`telemetry`] logs and metrics, [`wallet`] keys, [`scoring`] pure arithmetic |
//! | 2 | [`synapse`] the wire format and its signatures |
//! | 3 | [`axon`] serving, [`dendrite`] calling, [`subtensor`] the chain, [`market`] outside worlds, [`ledger`] durable state |
//! | 4 | [`forecast`] strategies that answer |
//! | 5 | [`subnets`] one kind of work each, behind one seam |
//! | 6 | [`role`] miner and validator, `localnet` a development chain (feature `localnet`) |
//! | 7 | `demo` the whole job in one process (feature `localnet`) |
//! | 8 | [`cli`] the command line |

#[cfg(feature = "localnet")]
extern crate alloc;

pub mod axon;
pub mod cli;
pub mod clock;
pub mod config;
#[cfg(feature = "localnet")]
pub mod demo;
pub mod dendrite;
pub mod forecast;
pub mod ledger;
#[cfg(feature = "localnet")]
pub mod localnet;
pub mod market;
pub mod role;
pub mod scoring;
pub mod subnets;
pub mod subtensor;
pub mod synapse;
pub mod telemetry;
pub mod units;
pub mod wallet;
