//! The `neuron` binary: the command line, over the rooms of the library.

use std::process::ExitCode;

// The command line names the rooms as they name each other, by `crate::room`.
use neuron::*;

#[cfg(not(feature = "cli-in-library"))]
pub mod cli;

fn main() -> ExitCode {
    cli::main(std::env::args_os())
}
