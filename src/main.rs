//! The `neuron` binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    neuron::cli::main(std::env::args_os())
}
