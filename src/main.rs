//! The `neuron` binary: the command line, over the rooms of the library.

use std::process::ExitCode;

#[cfg(feature = "cli-in-library")]
use neuron::cli;
// The command line names the rooms as they name each other, by `crate::room`.
#[cfg(not(feature = "cli-in-library"))]
use neuron::{
    axon, clock, config, dashboard, dendrite, forecast, gateway, lake, ledger, market, report, role, scoring,
    storefront, subnets, subtensor, synapse, telemetry, units, update, wallet,
};
#[cfg(all(feature = "localnet", not(feature = "cli-in-library")))]
use neuron::{demo, localnet};

#[cfg(not(feature = "cli-in-library"))]
pub mod cli;

fn main() -> ExitCode {
    cli::main(std::env::args_os())
}
