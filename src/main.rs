//! The `neuron` binary: the command line, over the rooms of the library.

use std::process::ExitCode;

// The command line names the rooms as they name each other, by `crate::room`.
use neuron::{
    axon, clock, config, dashboard, dendrite, forecast, gateway, lake, ledger, market, report, role, scoring,
    storefront, subnets, subtensor, synapse, telemetry, units, update, wallet,
};
#[cfg(feature = "localnet")]
use neuron::{demo, localnet};

pub mod cli;

fn main() -> ExitCode {
    cli::main(std::env::args_os())
}
